"""The order of the stages: read, elaborate, judge every link; for `run`, also lower and witness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from derivcheck import codegen
from derivcheck.budget import CLAIM_SECONDS, PAGE_SECONDS, BudgetExceeded, limited
from derivcheck.checked import OUT_OF_BUDGET, Checked, Generated, Judged, Stated, Task, Used, unread
from derivcheck.derivation import ClosedForm, Derivation, Item, Kind, Link, Reading, UsedPage
from derivcheck.diagnostic import Diagnostic, DocumentError, Severity
from derivcheck.expression import Context, Expression, free_indices
from derivcheck.judging import fault_judgement, judge
from derivcheck.library import Library
from derivcheck.lowering import LoweringError, lower
from derivcheck.proof import prove
from derivcheck.showing import equation
from derivcheck.source import Source, Span
from derivcheck.standing import weakened, weakness, without_theorems
from derivcheck.verdict import Judgement, Outcome, Verdict

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total) as work proceeds."""

NUMERICS = frozenset({"precision"})
"""Witnesses that judge how a formula is computed: they cannot contradict its proof."""


def outcome(source: Source, task: Task, progress: Progress | None = None) -> Checked:
    """What is asked of a page, done; one that cannot be read is an outcome too."""
    try:
        if not task.witnessed:
            return check_source(source, seed=task.seed, progress=progress)
        return run_derivation(
            source,
            trials=task.trials,
            seed=task.seed,
            device=task.device,
            dtype=task.dtype,
            progress=progress,
        )
    except DocumentError as error:
        return unread(error, task.seed)


def check_source(
    source: Source, *, seed: int = 0, strict: bool = False, progress: Progress | None = None
) -> Checked:
    """Judge every equality of a document; raises `DocumentError` if it cannot be read at all."""
    return check_derivation(
        read_derivation(source), source, seed=seed, strict=strict, progress=progress
    )


def read_derivation(source: Source) -> Derivation:
    """What a document says; raises `DocumentError` if it cannot be read at all."""
    try:
        with limited(PAGE_SECONDS):
            return Library(_same).read(source)
    except (BudgetExceeded, RecursionError, MemoryError) as error:
        diagnostic = Diagnostic(
            Severity.ERROR, OUT_OF_BUDGET, f"reading this page took {error}", Span(0, 0)
        )
        raise DocumentError(source, diagnostic) from None


def check_derivation(
    derivation: Derivation,
    source: Source,
    *,
    seed: int = 0,
    strict: bool = False,
    progress: Progress | None = None,
) -> Checked:
    """Judge every link of a derivation; `source` is what its spans point into."""
    used = {name: _used(page, seed) for name, page in derivation.uses.items()}
    weak = {name: reason for name, page in used.items() if (reason := weakness(name, page))}
    judged: list[Judged] = []
    contradicted = any(page.contradicted for page in used.values())
    for done, item in enumerate(derivation.items):
        if progress is not None:
            progress("judging", done, len(derivation.items))
        judgement, defect = _judgement(without_theorems(item, weak), derivation, seed)
        contradicted = contradicted or defect
        judged.append(Judged(_printed(item), weakened(item, judgement, weak)))
    verdicts = [each.judgement.verdict for each in judged if each.judgement is not None]
    claims = any(each.item.kind is Kind.CLAIM and each.judgement for each in judged)
    read = any(verdict is not Verdict.UNSUPPORTED for verdict in verdicts) and claims
    diagnostics = [_reading(each) for each in judged if each.judgement and each.judgement.reading]
    if not read:
        diagnostics.append(_nothing_judged(source, bool(verdicts)))
    return Checked(
        source,
        tuple(judged),
        tuple(diagnostics),
        min(verdicts, key=lambda v: v.rank) if verdicts else None,
        seed,
        title=derivation.title,
        summary=derivation.summary,
        tags=derivation.tags,
        gradients=tuple(map(_stated, derivation.gradients.values())),
        between=tuple(map(_stated, derivation.between.values())),
        contradicted=contradicted,
        strict=strict,
        uses=tuple(
            Used(name, page.verdict, page.passed, page.complete) for name, page in used.items()
        ),
    )


def _stated(form: ClosedForm) -> Stated:
    return Stated(form.item, equation(form, "latex"))


@lru_cache(maxsize=64)
def _used(page: UsedPage, seed: int) -> Checked:
    return check_derivation(page.derivation, page.source, seed=seed, strict=True)


def _printed(item: Item) -> Item:
    """The item without what its link means."""
    link = item.link
    return item if link is None else replace(item, link=Link(link.relation, (), fault=link.fault))


def _judgement(item: Item, derivation: Derivation, seed: int) -> tuple[Judgement | None, bool]:
    if item.fault is not None:
        return fault_judgement(item.fault), False
    if item.link is None:
        return None, False
    try:
        with limited(CLAIM_SECONDS):
            ruling = judge(item.link, seed=seed, definitions=derivation.extents)
    except (BudgetExceeded, RecursionError, MemoryError) as error:
        reason = str(error) or "it is nested too deeply"
        return Judgement(Verdict.UNDECIDED, OUT_OF_BUDGET, f"not decided: {reason}"), False
    return ruling.judgement, ruling.contradicted


def _same(left: Expression, right: Expression, context: Context) -> bool:
    indices = tuple(dict.fromkeys((*free_indices(left), *free_indices(right))))
    return prove(Reading(left, right, indices, context), off_kinks=False).closed


def _reading(judged: Judged) -> Diagnostic:
    assert judged.judgement is not None
    return Diagnostic(
        Severity.WARNING,
        "reading",
        f"judged under a reading: {judged.judgement.reading}",
        judged.item.span,
        help="write what is meant, so that nobody has to guess",
    )


def _nothing_judged(source: Source, something: bool) -> Diagnostic:
    message, help = "this page claims no equality", "a page claims by equations in $…$ or $$…$$"
    if something:
        message = "no equality of this page could be judged"
        help = "what stands in the way is said of its lines"
    span = Span(0, min(len(source.text), 1))
    return Diagnostic(Severity.ERROR, "nothing-judged", message, span, help=help)


# --- run: the closed forms against the witnesses -------------------------------------------------


def run_derivation(
    source: Source,
    *,
    trials: int = 3,
    seed: int = 0,
    device: str = "cpu",
    dtype: str = "float64",
    progress: Progress | None = None,
) -> Checked:
    """Check a registered page, then hold its closed forms against every witness.

    Of a page that claims no gradient it is the forward pass that is held against them.
    """
    from derivcheck.witnesses.panel import witness  # JAX is loaded only where it is needed

    derivation = read_derivation(source)
    checked = check_derivation(derivation, source, seed=seed, strict=True, progress=progress)
    if not derivation.outputs:
        return checked  # nothing is computed that a witness could hold against anything
    evidence = witness(
        derivation, trials=trials, seed=seed, device=device, dtype=dtype, progress=progress
    )
    failed = any(
        each.outcome is Outcome.FAILED and each.witness not in NUMERICS for each in evidence
    )
    return replace(
        checked,
        evidence=evidence,
        trials=trials,
        device=device,
        dtype=dtype,
        contradicted=checked.contradicted
        or (failed and bool(checked.gradients) and checked.gradients_proved),
        missing=tuple(
            t.name
            for t in derivation.inputs
            if derivation.gradients and t not in derivation.gradients
        ),
        programs=_programs(derivation) if checked.gradients_proved else (),
    )


def _programs(derivation: Derivation) -> tuple[Generated, ...]:
    try:
        program = lower(derivation)
    except LoweringError as error:
        return (Generated("None", f"# {' '.join(str(error).split())}"),)
    return (
        Generated("NumPy", codegen.source(program, "numpy").rstrip("\n")),
        Generated("JAX", codegen.source(program, "jax").rstrip("\n")),
    )
