"""Reports: `<name>.md` and `<name>.json` for each derivation, and `index.md` over all of them.

The Markdown is byte-stable for a seed on any machine, so that it can be committed: bounds that the
tool sets are printed (`≤ 1e-12: met`), what a machine measured is not. All digits are in the JSON.
Files are replaced whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from derivcheck import outcome_json
from derivcheck.codegen import source as generated_source
from derivcheck.derivation import ClosedForm, Derivation, Kind
from derivcheck.excerpt import statement
from derivcheck.findings import findings, tally
from derivcheck.lowering import LoweringError, lower
from derivcheck.showing import equation
from derivcheck.verdict import Evidence, Outcome, Verdict

if TYPE_CHECKING:
    from derivcheck.checker import Checked, Judged

_FACTS = re.compile(r"^<!-- derivcheck (\{.*\}) -->$", re.MULTILINE)
_WORST_FIRST = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.MET, Outcome.SKIPPED)
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # Markdown: `_prose` and `_cell` escape what a page may contain
)


def write_reports(results: Sequence[Checked], directory: Path) -> tuple[Path, ...]:
    """Write each document's two reports and the index; the paths written, the index last.

    The index keeps the rows of reports that an earlier run left in the directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for checked in results:
        name = name_of(checked)
        for ending, text in (("md", page(checked)), ("json", outcome_json.dumps([checked]))):
            written.append(directory / f"{name}.{ending}")
            _replace(written[-1], text)
    written.append(directory / "index.md")
    _replace(written[-1], index(directory))
    return tuple(written)


def _replace(path: Path, text: str) -> None:
    """Put `text` at `path` in one step: a reader sees the old file or the new one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def name_of(checked: Checked) -> str:
    """The name a report goes by: that of the page's file."""
    return Path(checked.source.path).stem


# --- one page -----------------------------------------------------------------------------------


def page(checked: Checked) -> str:
    """The Markdown report of one document."""
    derivation = checked.derivation
    name = name_of(checked)
    title = derivation.title if derivation and derivation.title else name
    claims = [each for each in checked.judged if each.item.kind is Kind.CLAIM]
    trials, witnesses = _evidence_table(checked.evidence)
    facts = {
        "name": name,
        "title": title,
        "gate": "PASS" if checked.passed else "FAIL",
        "gradients": _gradient_tally(checked),
        "claims": tally(checked),
    }
    return _templates.get_template("page.md.j2").render(
        name=name,
        title=_prose(title),
        # An HTML comment ends at the first `-->`.
        facts=json.dumps(facts, ensure_ascii=False).replace(">", "\\u003e"),
        gate=facts["gate"],
        tally=facts["claims"],
        sentence=derivation.summary if derivation else "",
        page=f"../derivations/{name}.md" if derivation else "",
        gradients=[_gradient(checked, derivation, each) for each in _closed_forms(derivation)],
        claims=[_claim(checked, each) for each in claims],
        problems=[
            {
                "line": checked.source.position(each.span.start).line,
                "code": each.code,
                "message": _prose(each.message),
            }
            for each in findings(checked)
        ],
        trials=trials,
        witnesses=witnesses,
        dtype=checked.dtype,
        seed=checked.seed,
        programs=_programs(checked),
        replay=_replay(checked, name),
    )


def _closed_forms(derivation: Derivation | None) -> Iterable[ClosedForm]:
    return derivation.gradients.values() if derivation else ()


def _verdict(
    checked: Checked, form: ClosedForm, derivation: Derivation
) -> tuple[int, Verdict | None]:
    """The line of the claim that states a closed form, and what was said of it."""
    item = derivation.items[form.item]
    line = checked.source.position(item.span.start).line
    judgement = next((each.judgement for each in checked.judged if each.item == item), None)
    return line, judgement.verdict if judgement else None


def _gradient(
    checked: Checked, derivation: Derivation | None, form: ClosedForm
) -> Mapping[str, object]:
    assert derivation is not None
    line, verdict = _verdict(checked, form, derivation)
    return {
        "line": line,
        "verdict": verdict.value if verdict else "not judged",
        "latex": equation(form, "latex"),
    }


def _gradient_tally(checked: Checked) -> str:
    derivation = checked.derivation
    if derivation is None or not derivation.gradients:
        return "none"
    verdicts = [_verdict(checked, form, derivation)[1] for form in _closed_forms(derivation)]
    return f"{verdicts.count(Verdict.PROVED)} of {len(verdicts)} proved"


def _claim(checked: Checked, judged: Judged) -> Mapping[str, object]:
    judgement = judged.judgement
    under = [*judgement.assumptions, judgement.reading] if judgement else []
    # A condition of the page is LaTeX, a note of ours is words.
    shown = [_mathematics(each) if "\\" in each else _cell(each) for each in under if each]
    return {
        "line": checked.source.position(judged.item.span.start).line,
        "latex": _mathematics(statement(checked.source, judged.item)),
        "verdict": judgement.verdict.value if judgement else "not judged",
        "under": "; ".join(shown),
    }


# --- evidence -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    name: str
    cells: tuple[str, ...]
    note: str


def _evidence_table(evidence: Sequence[Evidence]) -> tuple[list[str], list[_Row]]:
    """Trials as columns, witnesses as rows, both in the order in which they first occur."""
    trials = list(dict.fromkeys(each.trial for each in evidence))
    rows: list[_Row] = []
    for witness in dict.fromkeys(each.witness for each in evidence):
        of_witness = [each for each in evidence if each.witness == witness]
        cells = tuple(_seen(each for each in of_witness if each.trial == trial) for trial in trials)
        notes = "; ".join(dict.fromkeys(each.note for each in of_witness if each.note))
        rows.append(_Row(_cell(witness), cells, _cell(notes)))
    return [_cell(trial) or "any size" for trial in trials], rows


def _seen(observations: Iterable[Evidence]) -> str:
    """The worst of what one witness saw in one trial, with the bound it was held against."""
    found = sorted(observations, key=lambda each: _WORST_FIRST.index(each.outcome))
    if not found:
        return "—"
    outcome = found[0].outcome
    if outcome is Outcome.SKIPPED:
        return outcome.value
    bounds = {_bound(each.bound) for each in found if each.outcome is outcome and each.bound}
    prefix = f"{', '.join(sorted(bounds))}: " if bounds else ""
    return f"{prefix}{outcome.value}"


def _bound(bound: float | None) -> str:
    """A bound of one digit was set by us; any other was estimated for this trial and machine."""
    short = f"{bound or 0.0:.0e}"
    return f"≤ {short}" if float(short) == bound else "within its own bound"


# --- code, replay, index ------------------------------------------------------------------------


def _programs(checked: Checked) -> list[Mapping[str, str]]:
    """The generated source, only where every gradient of the page was proved."""
    derivation = checked.derivation
    if derivation is None or not derivation.gradients:
        return []
    if any(
        _verdict(checked, form, derivation)[1] is not Verdict.PROVED
        for form in _closed_forms(derivation)
    ):
        return []
    try:
        program = lower(derivation)
    except LoweringError as error:
        return [{"title": "None", "source": f"# {' '.join(str(error).split())}"}]
    return [
        {"title": "NumPy", "source": generated_source(program, "numpy").rstrip("\n")},
        {"title": "JAX", "source": generated_source(program, "jax").rstrip("\n")},
    ]


def _replay(checked: Checked, name: str) -> str:
    options = f"--trials {checked.trials} --seed {checked.seed}"
    other = "" if checked.dtype == "float64" else f" --dtype {checked.dtype}"
    return f"derivcheck run {name} {options}{other}"


def index(directory: Path) -> str:
    """The index over every report in a directory, from the facts that each carries in a comment."""
    pages: list[Mapping[str, object]] = []
    for report in sorted(directory.glob("*.md")):
        match = _FACTS.search(report.read_text(encoding="utf-8"))
        if match:
            facts = cast("dict[str, str]", json.loads(match[1]))
            pages.append({key: _cell(value) for key, value in facts.items()})
    return _templates.get_template("index.md.j2").render(pages=pages)


# --- Markdown -----------------------------------------------------------------------------------


def _mathematics(text: str) -> str:
    r"""Inline mathematics for a table cell: $`…`$, in which Markdown reads nothing but the pipe."""
    plain = text.replace(r"\|", r"\Vert ").replace("|", r"\vert ").replace("`", "'")
    return f"$`{plain}`$"


def _prose(text: str) -> str:
    """Text of a document as text of a page: no tag, no line break, no mathematics, no markup."""
    return re.sub(r"([\\`*_|<>$\[\]#])", r"\\\1", " ".join(text.split()))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|").replace("<", "&lt;").replace("$", r"\$")
