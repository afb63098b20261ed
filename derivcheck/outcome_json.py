"""Results as JSON: one schema for `check --format json` and for the reports.

`schema/report.schema.json` describes it. Positions count from 1 and an item's is where the link's
right side begins. Numbers that JSON does not know (an error that is not finite) become null; the
outcome beside them says that the bound was not met.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, TypeAlias, cast

from derivcheck.findings import fault
from derivcheck.verdict import Counterexample, Evidence, Judgement, Verdict

if TYPE_CHECKING:
    from derivcheck.checked import Checked, Judged, Used
    from derivcheck.diagnostic import Diagnostic
    from derivcheck.source import Source, Span

SCHEMA_VERSION = 1

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def schema() -> str:
    """The text of the JSON Schema that every output of `dumps` meets."""
    return (files("derivcheck") / "schema" / "report.schema.json").read_text(encoding="utf-8")


def dumps(results: Iterable[Checked]) -> str:
    """The documents as indented JSON text, ending in a line break."""
    documents: list[Json] = [_document(checked) for checked in results]
    content: Json = {"schema": SCHEMA_VERSION, "documents": documents}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _document(checked: Checked) -> Json:
    source = checked.source
    return {
        "path": source.path,
        "verdict": checked.verdict.value if checked.verdict else None,
        "passed": checked.passed,
        "seed": checked.seed,
        "trials": checked.trials,
        "dtype": checked.dtype,
        "device": checked.device,
        "uses": [_used(each) for each in checked.uses],
        "items": [_item(source, judged) for judged in checked.judged],
        "evidence": [_evidence(each) for each in checked.evidence],
        "diagnostics": [_diagnostic(source, each) for each in checked.diagnostics],
    }


def _used(page: Used) -> Json:
    return {
        "name": page.name,
        "verdict": page.verdict.value if page.verdict else None,
        "passed": page.passed,
    }


def _place(source: Source, span: Span) -> dict[str, Json]:
    start, end = source.position(span.start), source.position(span.end)
    return {
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    }


def _item(source: Source, judged: Judged) -> Json:
    item = judged.item
    # A declaration or definition without a judgement can still be at fault.
    judgement = judged.judgement or _from_fault(fault(item))
    return {
        **_place(source, item.span),
        "latex": item.latex,
        "kind": item.kind.value,
        "verdict": judgement.verdict.value if judgement else None,
        "code": judgement.code if judgement else None,
        "message": judgement.message if judgement else None,
        "reading": (judgement.reading or None) if judgement else None,
        "assumptions": list(judgement.assumptions) if judgement else [],
        "inductions": list(judgement.inductions) if judgement else [],
        "counterexample": _counterexample(judgement.counterexample) if judgement else None,
        "suggestion": (judgement.suggestion or None) if judgement else None,
        "rests_on": [{"page": page, "gradient": name} for page, name in judgement.rests_on]
        if judgement
        else [],
        "evidence": [_evidence(each) for each in judgement.evidence] if judgement else [],
    }


def _from_fault(found: Diagnostic | None) -> Judgement | None:
    if found is None:
        return None
    verdict = Verdict.UNSUPPORTED if found.code == "unsupported" else Verdict.ILL_FORMED
    return Judgement(verdict, found.code, found.message)


def _counterexample(point: Counterexample | None) -> Json:
    if point is None:
        return None
    return {
        "extents": dict(point.extents),
        "indices": dict(point.indices),
        "values": {name: _nested(value) for name, value in point.values.items()},
        "left": point.left,
        "right": point.right,
    }


def _nested(value: object) -> Json:
    if isinstance(value, list | tuple):
        return [_nested(each) for each in cast("Sequence[object]", value)]
    return value if isinstance(value, bool | int | str) else str(value)


def _evidence(evidence: Evidence) -> Json:
    return {
        "witness": evidence.witness,
        "outcome": evidence.outcome.value,
        "error": _finite(evidence.error),
        "bound": _finite(evidence.bound),
        "trial": evidence.trial,
        "note": evidence.note,
    }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _diagnostic(source: Source, diagnostic: Diagnostic) -> Json:
    notes: list[Json] = [{"label": label, "text": text} for label, text in diagnostic.notes]
    return {
        **_place(source, diagnostic.span),
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "notes": notes,
        "help": diagnostic.help or None,
    }
