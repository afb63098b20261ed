"""The witness of balls: a point of the domain at which both sides enclose each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy

from derivcheck.derivation import Reading
from derivcheck.expression import Expression, Parameter
from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.ball_arithmetic.comparison import (
    NO_TOLERANCE,
    Sides,
    SidesAt,
    Tolerance,
)
from derivcheck.witnesses.ball_arithmetic.dual_ball import BudgetExceeded, NoValue
from derivcheck.witnesses.ball_arithmetic.run import DEFAULT_BUDGET
from derivcheck.witnesses.extents import NO_EXTENTS, generic_extents, small_extents
from derivcheck.witnesses.trial import REFUTATION_GRID, Point, sample

WITNESS = "balls"
TIGHT = 1e-18
"""Enclosures whose union is wider than this, relative to their magnitude, show no agreement."""

_ATTEMPTS = 12
_INDICES = 4


def ball_evidence(
    reading: Reading,
    relation: str = "=",
    *,
    off_kinks: bool = False,
    tolerance: Tolerance = NO_TOLERANCE,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    seed: int = 0,
    points: int = 2,
    generic: bool = False,
    budget: int = DEFAULT_BUDGET,
) -> Evidence:
    r"""What balls say of a relation at up to `points` random points of the declared domain.

    MET: at least one point had both sides defined, and wherever they were the sides enclose each
    other within `TIGHT` (an inequality, a `\ne` or a decimal certainly held). FAILED: somewhere the
    relation certainly fails. INCONCLUSIVE: no point was found, or none that decides. `error` is the
    largest relative distance that the enclosures leave open. With `generic` only points at generic
    extents count: at the smallest ones much is equal that is not elsewhere.
    """
    sides = Sides(reading, off_kinks=off_kinks, tolerance=tolerance, definitions=definitions)
    generator = numpy.random.default_rng([seed, 1])
    context = reading.context
    sizes = generic_extents(
        sides.parameters, sides.inputs, generator, definitions, context.hypotheses, count=points
    )
    if not generic:
        # Where the generic sizes leave the domain empty, the smallest may not.
        sizes += small_extents(sides.parameters, definitions, context.hypotheses, limit=2)
    if not sizes:
        return Evidence(WITNESS, Outcome.INCONCLUSIVE, note="no extents meet the hypotheses")
    reasons: dict[str, None] = {}
    error: float | None = None
    decided = unclear = 0
    first = ""
    for attempt in range(_ATTEMPTS):
        extents = sizes[attempt % len(sizes)]
        point = sample(sides.inputs, extents, context, generator, grid=REFUTATION_GRID)
        if point is None:
            reasons.setdefault("no point meets the hypotheses")
            continue
        trial = _trial(point, seed)
        at = sides.at(point, budget)
        try:
            found = _differences(at, relation, generator)
        except BudgetExceeded as exceeded:
            reasons.setdefault(str(exceeded))
            continue
        except NoValue as reason:
            reasons.setdefault(str(reason))
            continue
        if not at.lies_in_domain():
            reasons.setdefault("no point meets the hypotheses")
            continue
        failed, distance, certain = found
        error = distance if error is None else max(error, distance)
        first = first or trial
        if failed:
            return Evidence(WITNESS, Outcome.FAILED, distance, TIGHT, trial)
        decided += certain
        unclear += not certain
        if decided >= points:
            break
    if decided and not unclear:
        return Evidence(WITNESS, Outcome.MET, error, TIGHT, first)
    note = "; ".join(reasons) or "the enclosures are too wide to decide"
    return Evidence(WITNESS, Outcome.INCONCLUSIVE, error, TIGHT, first, note)


def _differences(
    at: SidesAt, relation: str, generator: numpy.random.Generator
) -> tuple[bool, float, bool]:
    """Whether the relation failed, the largest distance, and whether all indices were decided."""
    largest = 0.0
    certain = True
    some = False
    for indices in at.indices(generator, _INDICES):
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
