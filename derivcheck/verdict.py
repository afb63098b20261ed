"""Verdicts, outcomes of witnesses, and the evidence that a verdict carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Verdict(Enum):
    """What is said of a claim, from worst to best; a page has its worst."""

    REFUTED = "refuted"
    ILL_FORMED = "ill-formed"
    UNSUPPORTED = "unsupported"
    UNDECIDED = "undecided"
    AGREES = "agrees"
    PROVED = "proved"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Verdict).index(self)


class Outcome(Enum):
    """What one witness says."""

    MET = "met"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Evidence:
    """One observation: `error` was measured (scaled as the witness says) and held against `bound`.

    `trial` replays it: the extents and the seed, as text (`S=2 M=5 seed=0`); `note` adds what a
    reader must know (`independent`, a reason for skipping).
    """

    witness: str
    outcome: Outcome
    error: float | None = None
    bound: float | None = None
    trial: str = ""
    note: str = ""


@dataclass(frozen=True)
class Counterexample:
    """A point of the declared domain at which a ball around left − right excludes 0.

    `extents` maps parameter names, and the values of free indices in the page's base, to integers;
    `values` maps tensor names to nested lists of exact decimals or fractions as text, only of the
    tensors that matter; `left` and `right` are decimal text, correct to the printed digits.
    """

    extents: Mapping[str, int]
    indices: Mapping[str, int]
    values: Mapping[str, object]
    left: str
    right: str


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reason: the code names the fault, the message is derived from it.

    `inductions` are the claims about recurrences on which a proof rests, each itself proved by
    induction: “by induction on t: …”.
    `rests_on` are the gradients of other pages that the proof uses as theorems, by page.
    """

    verdict: Verdict
    code: str
    message: str
    reading: str = ""
    assumptions: tuple[str, ...] = ()
    difference: str = ""
    counterexample: Counterexample | None = None
    suggestion: str = ""
    help: str = ""
    evidence: tuple[Evidence, ...] = field(default=())
    inductions: tuple[str, ...] = ()
    rests_on: tuple[tuple[str, str], ...] = ()
