"""What there is to say about a judged document, as diagnostics in the order of the page.

A verdict and its message come from one `Judgement`; this module only decides how loud it is and
which parts of it stand under the caret.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

from derivcheck.derivation import Item, Kind
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.notation import unicode_name
from derivcheck.source import Span
from derivcheck.verdict import Counterexample, Evidence, Judgement, Outcome, Verdict

if TYPE_CHECKING:
    from derivcheck.checked import Checked, Judged

_LEGIBLE = 240
"""Characters of a difference that anybody reads; the point below it says the same in numbers."""

LOUDNESS: Mapping[Verdict, Severity | None] = {
    Verdict.REFUTED: Severity.ERROR,
    Verdict.ILL_FORMED: Severity.ERROR,
    Verdict.UNSUPPORTED: Severity.WARNING,
    Verdict.UNDECIDED: Severity.WARNING,
    Verdict.AGREES: Severity.NOTE,
    Verdict.PROVED: None,
}


def findings(checked: Checked) -> tuple[Diagnostic, ...]:
    """Every diagnostic of the document, each place and code once, from top to bottom."""
    found = [each for each in map(_finding, checked.judged) if each is not None]
    judged_places = {each.span for each in found}
    found.extend(
        each
        for each in checked.diagnostics
        # The reading is a note of the finding already.
        if each.code != "reading" or each.span not in judged_places
    )
    found.extend(_disagreement(checked))
    distinct = {(each.span, each.code): each for each in reversed(found)}
    return tuple(sorted(distinct.values(), key=lambda each: (each.span, each.code)))


def _disagreement(checked: Checked) -> list[Diagnostic]:
    """What the witnesses of `run` hold against the closed forms, as one message about the page."""
    failed = [each for each in checked.evidence if each.outcome is Outcome.FAILED]
    if not failed:
        return []
    code, message = "witness-disagrees", "a numerical witness disagrees with a closed form"
    help = "a claim that is not proved, the reference code, or both are wrong"
    if checked.contradicted:
        code, message = "proof-contradicted", "a numerical witness contradicts a proof"
        help = "one of the two is wrong, and both are derivcheck's: please report this page"
    lines = tuple((each.witness, _observation(each)) for each in failed)
    return [Diagnostic(Severity.ERROR, code, message, Span(0, 0), lines, help)]


def _observation(evidence: Evidence) -> str:
    held = f"error {_digits(evidence.error)}, bound {_digits(evidence.bound)}"
    return "; ".join(each for each in (evidence.trial, held, evidence.note) if each)


def _digits(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def _finding(judged: Judged) -> Diagnostic | None:
    judgement = judged.judgement
    wrong = fault(judged.item)
    if judgement is None:
        return wrong
    severity = LOUDNESS[judgement.verdict]
    if severity is None:
        return None
    return Diagnostic(
        severity,
        judgement.code,
        judgement.message,
        judged.item.span if wrong is None else wrong.span,
        tuple(notes(judgement)),
        judgement.help,
    )


def fault(item: Item) -> Diagnostic | None:
    """What is wrong with an item that was not judged, or with the link it states."""
    return item.fault or (item.link.fault if item.link else None)


def notes(judgement: Judgement) -> list[tuple[str, str]]:
    """The lines under the caret: difference, point, repair, reading, what was assumed."""
    lines: list[tuple[str, str]] = []
    if judgement.difference:
        lines.append(
            ("left − right", textwrap.shorten(judgement.difference, _LEGIBLE, placeholder=" …"))
        )
    if judgement.counterexample is not None:
        convicts = judgement.verdict is Verdict.REFUTED
        label = "counterexample" if convicts else "differs at"
        lines.append((label, counterexample_text(judgement.counterexample)))
    if judgement.suggestion:
        lines.append(("proved if", judgement.suggestion))
    if judgement.reading:
        lines.append(("read as", judgement.reading))
    if judgement.assumptions:
        lines.append(("assuming", "; ".join(judgement.assumptions)))
    if judgement.inductions:
        lines.append(("rests on", "; ".join(judgement.inductions)))
    return lines


def resting(judgement: Judgement) -> str:
    """The other pages' gradients that a proof uses: `layernorm (∂L/∂X, ∂L/∂γ)`."""
    pages: dict[str, list[str]] = {}
    for page, name in judgement.rests_on:
        pages.setdefault(page, []).append(f"∂L/∂{unicode_name(name)}")
    return ", ".join(f"{page} ({', '.join(claims)})" for page, claims in pages.items())


def counterexample_text(point: Counterexample) -> str:
    """A point to be checked in the head: extents, then values, then indices, then both sides."""
    groups = [
        " ".join(f"{unicode_name(name)}={value}" for name, value in point.extents.items()),
        "  ".join(f"{unicode_name(name)}={array(value)}" for name, value in point.values.items()),
        " ".join(f"{name}={value}" for name, value in point.indices.items()),
    ]
    place = "  ".join(group for group in groups if group)
    sides = f"left {point.left}   right {point.right}"
    return f"{place}:   {sides}" if place else sides


def array(value: object) -> str:
    """Nested lists as `[[0 1] [1 0]]`."""
    if isinstance(value, list | tuple):
        return f"[{' '.join(array(each) for each in cast('Sequence[object]', value))}]"
    return str(value)


def tally(checked: Checked) -> str:
    """How many claims got which verdict, best first: `12 claims: 11 proved, 1 refuted`."""
    judgements = [each for each in checked.judged if each.judgement is not None]
    claims = [each for each in judgements if each.item.kind is Kind.CLAIM]
    parts: list[str] = []
    if claims:
        counts = Counter(each.judgement.verdict for each in claims if each.judgement)
        listed = (f"{counts[each]} {each.value}" for each in reversed(Verdict) if counts[each])
        parts.append(f"{_count(len(claims), 'claim')}: {', '.join(listed)}")
    else:
        parts.append("no claim was judged")
    if len(judgements) > len(claims):
        parts.append(f"{_count(len(judgements) - len(claims), 'other line')} at fault")
    if checked.missing:
        names = ", ".join(unicode_name(name) for name in checked.missing)
        parts.append(f"no closed form for {names}")
    if any(each.outcome is Outcome.FAILED for each in checked.evidence):
        parts.append("a witness disagrees")
    if checked.uses:
        parts.append(f"rests on {', '.join(page.name for page in checked.uses)}")
    return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
