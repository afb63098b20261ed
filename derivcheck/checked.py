"""A judged page as plain data: what is printed of it, sent by a worker and kept by the cache.

No expression stands in here, so whoever only prints loads no mathematics.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from derivcheck.derivation import Item
from derivcheck.diagnostic import Diagnostic, DocumentError
from derivcheck.source import Source
from derivcheck.verdict import Evidence, Judgement, Outcome, Verdict

SETTLED = frozenset({Verdict.PROVED, Verdict.AGREES})
WRONG = frozenset({Verdict.REFUTED, Verdict.ILL_FORMED})

CONTRADICTED = 70
FOUND_WRONG = 1
NOT_JUDGED = 3

OUT_OF_BUDGET = "budget"
"""The code of what clock or memory ended; another run may say more."""


@dataclass(frozen=True)
class Task:
    """What is asked of pages: all that an outcome depends on besides their text.

    `witnessed` asks for `run`: numerical witnesses too, to which the last three belong.
    """

    seed: int = 0
    witnessed: bool = False
    trials: int = 3
    device: str = "cpu"
    dtype: str = "float64"


@dataclass(frozen=True)
class Judged:
    """One item of a page with its judgement, None for a declaration or definition without fault.

    The item's link has no readings: they are expressions.
    """

    item: Item
    judgement: Judgement | None


@dataclass(frozen=True)
class Stated:
    """A gradient in closed form: the place in `judged` of its claim, and the equation as LaTeX."""

    item: int
    latex: str


@dataclass(frozen=True)
class Used:
    """A page whose functions this one uses, judged in the same run."""

    name: str
    verdict: Verdict | None
    passed: bool
    complete: bool = True


@dataclass(frozen=True)
class Generated:
    """Source made from proved closed forms."""

    title: str
    source: str


@dataclass(frozen=True)
class Checked:
    """One document: what it says, what was judged of it, and what the witnesses saw.

    `verdict` is the worst of its claims, None where nothing was judged; `evidence` is that of
    `run`; `contradicted` says that a witness contradicts a proof, which is a defect of derivcheck.
    `missing` are the inputs without a gradient in closed form, of a page that states some.
    `between` are the closed forms for intermediates, `uses` the pages that a page rests on.
    `cached` is no part of the outcome: it says where it comes from.
    """

    source: Source
    judged: tuple[Judged, ...]
    diagnostics: tuple[Diagnostic, ...]
    verdict: Verdict | None
    seed: int
    title: str = ""
    summary: str = ""
    tags: tuple[str, ...] = ()
    gradients: tuple[Stated, ...] = ()
    between: tuple[Stated, ...] = ()
    uses: tuple[Used, ...] = ()
    missing: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    programs: tuple[Generated, ...] = ()
    trials: int = 0
    dtype: str = "float64"
    device: str = "cpu"
    contradicted: bool = False
    strict: bool = False
    cached: bool = False

    @property
    def passed(self) -> bool:
        """Whether the gate lets the page through."""
        return _status(self) == 0

    @property
    def complete(self) -> bool:
        """Whether all that was asked was done: neither clock nor memory ended anything.

        Of the pages that are used neither.
        """
        codes = [each.code for each in self.diagnostics]
        codes += [each.judgement.code for each in self.judged if each.judgement]
        return OUT_OF_BUDGET not in codes and all(each.complete for each in self.uses)

    def verdict_of(self, gradient: Stated) -> Verdict | None:
        """What was said of the claim that states a gradient."""
        judgement = self.judged[gradient.item].judgement
        return judgement.verdict if judgement else None

    @property
    def gradients_proved(self) -> bool:
        """Whether every gradient that the page states is proved, those of intermediates too."""
        stated = (*self.gradients, *self.between)
        return all(self.verdict_of(each) is Verdict.PROVED for each in stated)


def unread(error: DocumentError, seed: int) -> Checked:
    """A page that cannot be read at all; whatever was asked for, it passes no gate."""
    return Checked(error.source, (), (error.diagnostic,), None, seed, strict=True)


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
    if checked.strict and (verdicts - SETTLED or not checked.gradients_proved):
        return NOT_JUDGED
    return 0


def exit_status(results: Sequence[Checked], *, strict: bool) -> int:
    """The status of a run: 70 a proof contradicted, 1 something wrong, 3 not judged, 0."""
    statuses = set(_statuses(results, strict))
    for status in (CONTRADICTED, FOUND_WRONG, NOT_JUDGED):
        if status in statuses:
            return status
    return 0 if statuses else NOT_JUDGED


def _statuses(results: Sequence[Checked], strict: bool) -> Iterable[int]:
    return (_status(replace(each, strict=each.strict or strict)) for each in results)
