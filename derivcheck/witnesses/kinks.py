"""The value that a page gives a derivative at a kink, against the slopes on both sides of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice, product

import numpy

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Apply,
    Atom,
    Derivative,
    Entry,
    Expression,
    Index,
    Maximum,
    Parameter,
    Positive,
    Tensor,
    walk,
)
from derivcheck.witnesses.ball_arithmetic import NoValue, enclose
from derivcheck.witnesses.ball_arithmetic.comparison import Sides
from derivcheck.witnesses.extents import NO_EXTENTS, generic_extents
from derivcheck.witnesses.trial import REFUTATION_GRID, Point, sample

_STEP = Fraction(1, 2**40)
_SLACK = 1e-6
"""Of the slopes at ±2⁻⁴⁰, which stand for those at the kink: far above what they move by."""

_PRECISION = 128
_INDICES = 8
_POINTS = 2
_KINKED = frozenset({"relu", "abs", "sign", "max", "min"})


def no_subgradient(
    reading: Reading,
    *,
    seed: int,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
) -> str:
    """What the right side says where the variable of the left side's derivative is 0, if wrong.

    A closed form `∂A/∂x = …` with a kink at x = 0 has to take a value between the slopes on the two
    sides of it. Empty if it does, if the link is of another form, or if nothing could be seen;
    kinks elsewhere than at x = 0 are not looked for.
    """
    match reading.left:
        case Derivative(_, Entry(variable, _)) if variable not in reading.context.definitions:
            pass
        case _:
            return ""
    if not _has_kink(reading.right):
        return ""
    sides = Sides(reading, definitions=definitions)
    generator = numpy.random.default_rng([seed, 2])
    for extents in generic_extents(
        sides.parameters, sides.inputs, generator, definitions, count=_POINTS
    ):
        point = sample(sides.inputs, extents, reading.context, generator, grid=REFUTATION_GRID)
        if point is not None:
            for indices in islice(_places(reading.indices, extents), _INDICES):
                fault = _outside(reading, variable, point, indices)
                if fault:
                    return fault
    return ""


def _has_kink(expression: Expression) -> bool:
    nodes = list(walk(expression))
    return any(
        isinstance(node, Positive | Maximum)
        or (isinstance(node, Apply) and node.function.name in _KINKED)
        for node in nodes
    ) and not any(isinstance(node, Derivative) for node in nodes)


def _places(
    indices: tuple[Index, ...], extents: Mapping[Parameter, int]
) -> Iterator[dict[Index, int]]:
    sizes: dict[Atom, int] = {**extents}
    ranges = [range(index.extent.evaluate(sizes)) for index in indices]
    return (dict(zip(indices, place, strict=True)) for place in product(*ranges))


def _outside(reading: Reading, variable: Tensor, point: Point, indices: Mapping[Index, int]) -> str:
    try:
        below, at, above = (
            float(
                enclose(
                    reading.right,
                    indices,
                    _moved(point, variable, offset),
                    reading.context,
                    _PRECISION,
                ).mid()
            )
            for offset in (-_STEP, Fraction(0), _STEP)
        )
    except NoValue:
        return ""
    low, high = min(below, above), max(below, above)
    slack = _SLACK * max(1.0, abs(low), abs(high))
    if low - slack <= at <= high + slack:
        return ""
    return f"{at:g} at the kink, with slopes {below:g} and {above:g} beside it"


def _moved(point: Point, variable: Tensor, value: Fraction) -> Point:
    """The point with every entry of a tensor set to one value."""
    array = numpy.full_like(point.exact[variable], value)
    return Point.of(point.extents, {**point.exact, variable: array})
