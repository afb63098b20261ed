"""The witness of balls: a point of the domain at which both sides enclose each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Expression,
    Index,
    Parameter,
    delta,
    guard,
    multiply,
    subtract,
)
from derivcheck.notation import text
from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.ball_arithmetic.comparison import (
    NO_TOLERANCE,
    Sides,
    SidesAt,
    Tolerance,
)
from derivcheck.witnesses.ball_arithmetic.dual_ball import NoValue
from derivcheck.witnesses.ball_arithmetic.run import DEFAULT_BUDGET
from derivcheck.witnesses.extents import NO_EXTENTS, generic_extents, small_extents
from derivcheck.witnesses.presence import Condition, Site, Sizes, sites, terms
from derivcheck.witnesses.scalar_evaluation import NO_INDICES
from derivcheck.witnesses.trial import REACH, REFUTATION_GRID, Point, far_reach, sample

WITNESS = "balls"
TIGHT = 1e-18
"""Enclosures whose union is wider than this, relative to their magnitude, show no agreement."""

_ATTEMPTS = 12
_INDICES = 4
_ENOUGH = 3
"""Points of generic sizes that agreement without a proof rests on, at the least."""


def ball_evidence(
    reading: Reading,
    relation: str = "=",
    *,
    off_kinks: bool = False,
    tolerance: Tolerance = NO_TOLERANCE,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    seed: int = 0,
    points: int = 2,
    budget: int = DEFAULT_BUDGET,
) -> Evidence:
    r"""What balls say of a relation at up to `points` random points of the declared domain.

    MET: at least one point had both sides defined, and wherever they were the sides enclose each
    other within `TIGHT` (an inequality, a `\ne` or a decimal certainly held). FAILED: somewhere the
    relation certainly fails. INCONCLUSIVE: no point was found, or none that decides. `error` is the
    largest relative distance that the enclosures leave open.
    """
    sides = Sides(reading, off_kinks=off_kinks, tolerance=tolerance, definitions=definitions)
    look = _Look(sides, relation, seed, budget)
    hypotheses = reading.context.hypotheses
    sizes = generic_extents(
        sides.parameters, sides.inputs, look.generator, definitions, hypotheses, count=points
    )
    # Where the generic sizes leave the domain empty, the smallest may not.
    sizes += small_extents(sides.parameters, definitions, hypotheses, limit=2)
    for attempt in range(_ATTEMPTS if sizes else 0):
        look.at(sizes[attempt % len(sizes)])
        if look.failed or look.decided >= points:
            break
    return look.evidence(1)


def agreement(
    reading: Reading,
    *,
    off_kinks: bool = False,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    seed: int = 0,
    points: int = 5,
    difference: Expression | None = None,
    budget: int = DEFAULT_BUDGET,
) -> Evidence:
    """Whether `left = right` may be said to agree, where no proof closed.

    MET takes several points of generic sizes, not all of them alike where the hypotheses allow
    others, at which the sides are not both 0, and for each term of the `difference` (what a proof
    left of left − right) a point at which the term is there at all: where all is 0, or the sizes
    are the smallest, much is equal that is not elsewhere.
    """
    sides = Sides(reading, off_kinks=off_kinks, definitions=definitions)
    look = _Look(sides, "=", seed, budget)
    hypotheses = reading.context.hypotheses
    generic = generic_extents(
        sides.parameters, sides.inputs, look.generator, definitions, hypotheses, count=points
    )
    far = far_reach((reading.left, reading.right), reading.context)
    for attempt in range(_ATTEMPTS if generic else 0):
        look.at(generic[attempt % len(generic)], reach=far if attempt % 2 else REACH)
        if look.failed or look.present >= points:
            break
    enough = look.present >= min(_ENOUGH, points)
    if not enough and look.decided and not look.present:
        look.reasons["both sides are 0 wherever they were compared"] = None
    sizes = Sizes(sides.parameters, definitions, hypotheses)
    generator = numpy.random.default_rng([seed, 6])
    whole = difference or subtract(reading.left, reading.right)
    for term in terms(whole) if enough and not look.failed else ():
        if term and not any(look.visits(site) for site in sites(term, sizes, generator)):
            enough = enough and look.failed
            held = text(multiply(*map(_factor, term)))
            look.reasons[f"nothing was compared where {held}"] = None
            break
    return look.evidence(_ENOUGH if enough else look.decided + 1)


def _factor(condition: Condition) -> Expression:
    return delta(condition.value, 0) if condition.equal else guard(condition.value)


class _Look:
    """What was seen at the points so far."""

    def __init__(self, sides: Sides, relation: str, seed: int, budget: int) -> None:
        self._sides = sides
        self._relation = relation
        self._seed = seed
        self._budget = budget
        self.generator = numpy.random.default_rng([seed, 1])
        self.reasons: dict[str, None] = {}
        self.error: float | None = None
        self.first = ""
        self.failed = False
        self.decided = self.unclear = self.present = 0

    def visits(self, site: Site) -> bool:
        """Whether the sides were compared at this site."""
        before = self.decided
        self.at(site.extents, site.indices)
        return self.decided > before or self.failed

    def at(
        self,
        extents: Mapping[Parameter, int],
        first: Mapping[Index, int] = NO_INDICES,
        reach: int = REACH,
    ) -> None:
        """Look at one more point of these sizes, if one is found: at some indices, `first` among
        them."""
        context = self._sides.reading.context
        point = sample(
            self._sides.inputs,
            extents,
            context,
            self.generator,
            grid=REFUTATION_GRID,
            reach=reach,
        )
        if point is None:
            self.reasons.setdefault("no point meets the hypotheses")
            return
        at = self._sides.at(point, self._budget)
        try:
            failed, distance, certain = _differences(at, self._relation, self.generator, first)
        except NoValue as reason:
            self.reasons.setdefault(str(reason))
            return
        if not at.lies_in_domain():
            self.reasons.setdefault("no point meets the hypotheses")
            return
        trial = _trial(point, self._seed)
        self.error = distance if self.error is None else max(self.error, distance)
        self.first = trial if failed else self.first or trial
        self.failed = self.failed or failed
        self.decided += certain
        self.unclear += not certain
        self.present += certain and not at.vanish

    def evidence(self, enough: int) -> Evidence:
        """MET if so many points were decided, and none left open."""
        if self.failed:
            return Evidence(WITNESS, Outcome.FAILED, self.error, TIGHT, self.first)
        if self.decided >= enough and not self.unclear:
            return Evidence(WITNESS, Outcome.MET, self.error, TIGHT, self.first)
        note = "; ".join(self.reasons) or (
            "the enclosures are too wide to decide" if self.unclear else "too few points"
        )
        return Evidence(WITNESS, Outcome.INCONCLUSIVE, self.error, TIGHT, self.first, note)


def _differences(
    at: SidesAt,
    relation: str,
    generator: numpy.random.Generator,
    first: Mapping[Index, int],
) -> tuple[bool, float, bool]:
    """Whether the relation failed, the largest distance, and whether all indices were decided."""
    largest = 0.0
    certain = True
    some = False
    for indices in (*at.named(first), *at.indices(generator, _INDICES)):
        some = True
        enclosures = at.enclose(indices, relation=relation)
        largest = max(largest, enclosures.difference())
        if enclosures.violate(relation):
            return True, largest, True
        if enclosures.slack is None and relation == "=":
            certain = certain and enclosures.difference() <= TIGHT
        else:
            certain = certain and enclosures.certain(relation)
    return False, largest, certain and some


def _trial(point: Point, seed: int) -> str:
    sizes = [f"{parameter.name}={size}" for parameter, size in point.extents.items()]
    return " ".join([*sizes, f"seed={seed}"])
