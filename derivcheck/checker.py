"""The order of the stages: read, elaborate, judge every link; for `run`, also lower and witness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from derivcheck.budget import CLAIM_SECONDS, PAGE_SECONDS, BudgetExceeded, limited
from derivcheck.derivation import Derivation, Item, Kind, Reading
from derivcheck.diagnostic import Diagnostic, DocumentError, Severity
from derivcheck.document import read_document
from derivcheck.elaboration import elaborate
from derivcheck.expression import Context, Expression, Tensor, free_indices
from derivcheck.judging import fault_judgement, judge
from derivcheck.proof import prove
from derivcheck.source import Source, Span
from derivcheck.verdict import Evidence, Judgement, Outcome, Verdict

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total) as work proceeds."""

NUMERICS = frozenset({"precision"})
"""Witnesses that judge how a formula is computed: they cannot contradict its proof."""

SETTLED = frozenset({Verdict.PROVED, Verdict.AGREES})
WRONG = frozenset({Verdict.REFUTED, Verdict.ILL_FORMED})

CONTRADICTED = 70
FOUND_WRONG = 1
NOT_JUDGED = 3


@dataclass(frozen=True)
class Judged:
    """One item of a page with its judgement, None for a declaration or definition without fault."""

    item: Item
    judgement: Judgement | None


@dataclass(frozen=True)
class Checked:
    """One document: what it says, what was judged of it, and what the witnesses saw.

    `verdict` is the worst of its claims, None where nothing was judged; `evidence` is that of
    `run`; `contradicted` says that a witness contradicts a proof, which is a defect of derivcheck.
    """

    source: Source
    derivation: Derivation | None
    judged: tuple[Judged, ...]
    diagnostics: tuple[Diagnostic, ...]
    verdict: Verdict | None
    seed: int
    evidence: tuple[Evidence, ...] = ()
    trials: int = 0
    dtype: str = "float64"
    device: str = "cpu"
    contradicted: bool = False
    strict: bool = False
    missing: tuple[Tensor, ...] = ()
    """Inputs without a gradient in closed form, of a page that states some."""

    @property
    def passed(self) -> bool:
        """Whether the gate lets the page through."""
        return _status(self) == 0


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
            return elaborate(read_document(source), PurePath(source.path).stem, _same)
    except (BudgetExceeded, RecursionError, MemoryError) as error:
        diagnostic = Diagnostic(
            Severity.ERROR, "budget", f"reading this page took {error}", Span(0, 0)
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
    judged: list[Judged] = []
    contradicted = False
    for done, item in enumerate(derivation.items):
        if progress is not None:
            progress("judging", done, len(derivation.items))
        judgement, defect = _judgement(item, derivation, seed)
        contradicted = contradicted or defect
        judged.append(Judged(item, judgement))
    verdicts = [each.judgement.verdict for each in judged if each.judgement is not None]
    claims = any(each.item.kind is Kind.CLAIM and each.judgement for each in judged)
    read = any(verdict is not Verdict.UNSUPPORTED for verdict in verdicts) and claims
    diagnostics = [_reading(each) for each in judged if each.judgement and each.judgement.reading]
    if not read:
        diagnostics.append(_nothing_judged(source, bool(verdicts)))
    return Checked(
        source,
        derivation,
        tuple(judged),
        tuple(diagnostics),
        min(verdicts, key=lambda v: v.rank) if verdicts else None,
        seed,
        contradicted=contradicted,
        strict=strict,
    )


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
        return Judgement(Verdict.UNDECIDED, "budget", f"not decided: {reason}"), False
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
    message = (
        "no equality of this page could be judged" if something else "this page claims no equality"
    )
    return Diagnostic(
        Severity.ERROR,
        "nothing-judged",
        message,
        Span(0, min(len(source.text), 1)),
        help="a page makes claims as equations in $…$ or $$…$$",
    )


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
    """Check a registered page, then hold its closed forms against every witness."""
    from derivcheck.witnesses.panel import witness  # JAX is loaded only where it is needed

    checked = check_source(source, seed=seed, strict=True, progress=progress)
    derivation = checked.derivation
    if derivation is None or not derivation.gradients:
        return checked
    evidence = witness(
        derivation, trials=trials, seed=seed, device=device, dtype=dtype, progress=progress
    )
    failed = any(
        each.outcome is Outcome.FAILED and each.witness not in NUMERICS for each in evidence
    )
    proved = all(
        judgement is not None and judgement.verdict is Verdict.PROVED
        for form in derivation.gradients.values()
        for judgement in (checked.judged[form.item].judgement,)
    )
    return replace(
        checked,
        evidence=evidence,
        trials=trials,
        device=device,
        dtype=dtype,
        contradicted=checked.contradicted or (failed and proved),
        missing=tuple(t for t in derivation.inputs if t not in derivation.gradients),
    )


# --- exit status ---------------------------------------------------------------------------------


def _status(checked: Checked) -> int:
    if checked.contradicted:
        return CONTRADICTED
    verdicts = {each.judgement.verdict for each in checked.judged if each.judgement is not None}
    if verdicts & WRONG or any(each.outcome is Outcome.FAILED for each in checked.evidence):
        return FOUND_WRONG
    if checked.verdict is None or any(
        diagnostic.code == "nothing-judged" for diagnostic in checked.diagnostics
    ):
        return NOT_JUDGED
    if checked.strict and (verdicts - SETTLED or _short_of_proved(checked)):
        return NOT_JUDGED
    return 0


def _short_of_proved(checked: Checked) -> bool:
    """Whether a gradient of a registered page is less than proved."""
    derivation = checked.derivation
    if derivation is None:
        return True
    judgements = [checked.judged[form.item].judgement for form in derivation.gradients.values()]
    return any(j is None or j.verdict is not Verdict.PROVED for j in judgements)


def exit_status(results: Sequence[Checked], *, strict: bool) -> int:
    """The status of a run: 70 a proof contradicted, 1 something wrong, 3 not judged, 0."""
    statuses = {_status(replace(each, strict=each.strict or strict)) for each in results}
    for status in (CONTRADICTED, FOUND_WRONG, NOT_JUDGED):
        if status in statuses:
            return status
    return 0 if statuses else NOT_JUDGED
