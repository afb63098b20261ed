"""Points beside the kinks: where two sides bend at almost the same place, they differ between.

`sign(x − t)` and `sign(1.000001 x − t)` agree at all points but those of a thin wedge, which points
drawn at random miss. Between two points on different sides of a kink the kink itself is found by
bisection, and the sides are compared at points closer and closer to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy

from derivcheck.expression import (
    Apply,
    Derivative,
    Domain,
    Expression,
    Index,
    Positive,
    Tensor,
    free_indices,
    subtract,
    tensors,
    walk,
)
from derivcheck.refutation.search import Budget, Contest, Separation
from derivcheck.witnesses.ball_arithmetic import NoValue, Run
from derivcheck.witnesses.extents import generic_extents, integer, small_extents
from derivcheck.witnesses.trial import REACH, REFUTATION_GRID, Exact, Point, admissible, sample

_ARGUMENTS = 12
_SEGMENTS = 4
_HALVINGS = 56
_DISTANCES = (6, 12, 18, 21, 24, 30, 38, 48)
"""Binary orders of the distances from a kink at which the sides are compared."""

_PRECISION = 128


@dataclass(frozen=True, eq=False)
class _Segment:
    """The points between two of one size; only real entries move."""

    start: Point
    end: Point

    def at(self, part: Fraction) -> Point:
        exact: dict[Tensor, Exact] = {}
        for tensor, first in self.start.exact.items():
            moves = not (tensor.domain.values or tensor.domain.integer)
            last = self.end.exact[tensor]
            # Arithmetic on an array of one entry gives the entry.
            moved = numpy.asarray(first + part * (last - first), dtype=object)
            exact[tensor] = moved if moves else first
        return Point.of(self.start.extents, exact)


def beside_kinks(
    contest: Contest, seed: int, budget: Budget, domains: Mapping[Tensor, Domain]
) -> Separation | None:
    """A separation near a kink of one of the sides, or None."""
    arguments = bent_arguments(contest)
    if not arguments:
        return None
    generator = numpy.random.default_rng([seed, 8])
    for segment in _segments(contest, generator, domains):
        for argument in arguments:
            if budget.spent:
                return None
            edge = _edge(contest, argument, segment, generator)
            if edge is None:
                continue
            for order in _DISTANCES:
                for part in (edge - Fraction(1, 2**order), edge + Fraction(1, 2**order)):
                    point = segment.at(part)
                    if not admissible(point, contest.reading.context, domains):
                        continue
                    found = contest.at(point, budget, generator)
                    if found is not None:
                        return found
    return None


def bent_arguments(contest: Contest) -> tuple[Expression, ...]:
    """What changes sign at the kinks of the sides and of the definitions behind them."""
    context = contest.reading.context
    sides = (contest.reading.left, contest.reading.right)
    behind = dict.fromkeys(
        tensor
        for side in sides
        for used in tensors(side)
        for tensor in sorted(context.foundations(used), key=lambda t: (t.name, t.scope))
    )
    bodies = [context.definitions[t].body for t in behind if t in context.definitions]
    found: dict[Expression, None] = {}
    for whole in (*sides, *bodies):
        for node in walk(whole):
            match node:
                case Positive(argument) if not any(
                    isinstance(part, Derivative) for part in walk(argument)
                ):
                    found[argument] = None
                case Apply(function, (argument,)) if function.name in ("abs", "relu", "sign"):
                    found[argument] = None
                case Apply(function, (first, second)) if function.name in ("max", "min"):
                    found[subtract(first, second)] = None
                case _:
                    pass
    return tuple(found)[:_ARGUMENTS]


def _segments(
    contest: Contest, generator: numpy.random.Generator, domains: Mapping[Tensor, Domain]
) -> Iterator[_Segment]:
    """Segments at the smallest sizes, which cost least, and at telling ones."""
    hypotheses = contest.reading.context.hypotheses
    parameters, definitions = contest.sides.parameters, contest.definitions
    sizes = [
        *small_extents(parameters, definitions, hypotheses, limit=2),
        *generic_extents(parameters, contest.inputs, generator, definitions, hypotheses, count=2),
    ]
    for extents in sizes:
        for number in range(_SEGMENTS):
            ends = [
                sample(
                    contest.inputs,
                    extents,
                    contest.reading.context,
                    generator,
                    grid=REFUTATION_GRID,
                    domains=domains,
                    reach=contest.reach if number % 2 else REACH,
                )
                for _ in range(2)
            ]
            if ends[0] is not None and ends[1] is not None:
                yield _Segment(ends[0], ends[1])


def _edge(
    contest: Contest,
    argument: Expression,
    segment: _Segment,
    generator: numpy.random.Generator,
) -> Fraction | None:
    """Where on the segment the argument changes its sign, for some values of its indices."""
    places = _places(argument, segment.start, generator)
    if places is None:
        return None
    low, high = Fraction(0), Fraction(1)
    below, above = (_sign(contest, argument, segment.at(part), places) for part in (low, high))
    if below * above >= 0:
        return None
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        found = _sign(contest, argument, segment.at(middle), places)
        if found == 0:
            return middle
        low, high = (middle, high) if found == below else (low, middle)
    return (low + high) / 2


def _places(
    argument: Expression, point: Point, generator: numpy.random.Generator
) -> dict[Index, int] | None:
    """Values of the free indices of the argument, those of the sums around it among them."""
    places: dict[Index, int] = {}
    for index in free_indices(argument):
        if any(isinstance(atom, Index) for atom in index.extent.atoms()):
            return None
        size = integer(index.extent, point.extents)
        if size < 1:
            return None
        places[index] = int(generator.integers(0, size))
    return places


def _sign(contest: Contest, argument: Expression, point: Point, places: Mapping[Index, int]) -> int:
    """The certain sign; 0 where there is none."""
    program = contest.sides.program
    try:
        value = Run(program, point, _PRECISION).enclose(program.compile(argument), places)
    except NoValue:
        return 0
    return 1 if value > 0 else -1 if value < 0 else 0
