"""Reports: `<name>.md` and `<name>.json` for each derivation, and `index.md` over all of them.

The Markdown is byte-stable for a seed on any machine, so that it can be committed: bounds that the
tool sets are printed (`≤ 1e-12: met`), what a machine measured is not. All digits are in the JSON.
Files are replaced whole or not at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from derivcheck import outcome_json, registry, whole_files
from derivcheck.derivation import Kind
from derivcheck.excerpt import statement
from derivcheck.findings import findings, resting, tally
from derivcheck.verdict import Evidence, Outcome, Verdict

if TYPE_CHECKING:
    from derivcheck.checked import Checked, Judged, Stated

_FACTS = re.compile(r"^<!-- derivcheck (\{.*\}) -->$", re.MULTILINE)
_TRAINED = re.compile(r"^<!-- derivcheck train (\{.*\}) -->$", re.MULTILINE)
ACCURACIES = "accuracy.md"
"""What the trained models reach; `tests/benchmarks/accuracy.py` writes it."""

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
            whole_files.write(written[-1], text)
    return (*written, write_index(directory))


def write_index(directory: Path) -> Path:
    """Over every report that lies in the directory."""
    path = directory / "index.md"
    whole_files.write(path, index(directory))
    return path


def name_of(checked: Checked) -> str:
    """The name a report goes by: that of the page's file."""
    return Path(checked.source.path).stem


# --- one page -----------------------------------------------------------------------------------


def page(checked: Checked) -> str:
    """The Markdown report of one document."""
    name = name_of(checked)
    title = checked.title or name
    claims = [each for each in checked.judged if each.item.kind is Kind.CLAIM]
    trials, witnesses = _evidence_table(checked.evidence)
    facts = {
        "name": name,
        "title": title,
        "group": registry.group_of(checked.tags),
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
        sentence=checked.summary,
        page=f"../derivations/{name}.md",
        gradients=[_gradient(checked, each) for each in checked.gradients],
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
        programs=checked.programs,
        replay=_replay(checked, name),
    )


def _gradient(checked: Checked, gradient: Stated) -> Mapping[str, object]:
    verdict = checked.verdict_of(gradient)
    item = checked.judged[gradient.item].item
    return {
        "line": checked.source.position(item.span.start).line,
        "verdict": verdict.value if verdict else "not judged",
        "latex": gradient.latex,
    }


def _gradient_tally(checked: Checked) -> str:
    if not checked.gradients:
        return "none"
    verdicts = [checked.verdict_of(each) for each in checked.gradients]
    return f"{verdicts.count(Verdict.PROVED)} of {len(verdicts)} proved"


def _claim(checked: Checked, judged: Judged) -> Mapping[str, object]:
    judgement = judged.judgement
    under = [*judgement.assumptions, judgement.reading] if judgement else []
    # A condition of the page is LaTeX, a note of ours is words.
    shown = [_mathematics(each) if "\\" in each else _cell(each) for each in under if each]
    for each in judgement.inductions if judgement else ():
        words, _, claim = each.partition(": ")
        shown.append(f"{words}: {_mathematics(claim)}")
    if judgement and judgement.rests_on:
        shown.append(_cell(f"rests on {resting(judgement)}"))
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


# --- replay, index -----------------------------------------------------------------------------


def _replay(checked: Checked, name: str) -> str:
    options = f"--trials {checked.trials} --seed {checked.seed}"
    other = "" if checked.dtype == "float64" else f" --dtype {checked.dtype}"
    return f"derivcheck run {name} {options}{other}"


def index(directory: Path) -> str:
    """The index over every report in a directory, from the facts that each carries in a comment."""
    groups: dict[str, list[Mapping[str, str]]] = {}
    trained: list[Mapping[str, str]] = []
    for report in sorted(directory.glob("*.md")):
        text = report.read_text(encoding="utf-8")
        if match := _FACTS.search(text):
            page = _cells(match[1])
            groups.setdefault(page.get("group", registry.UNGROUPED), []).append(page)
        elif match := _TRAINED.search(text):
            trained.append(_cells(match[1]))
    ordered = sorted(groups.items(), key=lambda each: registry.group_order(each[0]))
    return _templates.get_template("index.md.j2").render(
        groups=ordered, trained=trained, accuracies=(directory / ACCURACIES).exists()
    )


def _cells(facts: str) -> Mapping[str, str]:
    """Facts as cells of a table."""
    return {key: _cell(value) for key, value in cast("dict[str, str]", json.loads(facts)).items()}


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
