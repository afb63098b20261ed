"""The value that a page gives a derivative at a kink, against the slopes on both sides of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, product

import numpy

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Apply,
    Atom,
    Context,
    Derivative,
    Entry,
    Expression,
    Index,
    Maximum,
    Parameter,
    Positive,
    Tensor,
    free_indices,
    subtract,
    tensors,
    walk,
)
from derivcheck.witnesses.ball_arithmetic import NoValue, Program, Run
from derivcheck.witnesses.ball_arithmetic.comparison import Sides
from derivcheck.witnesses.extents import NO_EXTENTS, generic_extents
from derivcheck.witnesses.scalar_evaluation import Scope, Unevaluable, evaluate
from derivcheck.witnesses.trial import REFUTATION_GRID, Exact, Point, contains, sample

_STEP = Fraction(1, 2**40)
_SLACK = 1e-6
"""Of the slopes at ±2⁻⁴⁰, which stand for those at the kink: far above what they move by."""

_PRECISION = 128
_INDICES = 8
_MOST_SUMMED = 64
_DIRECTIONS = 4
"""Each is taken both ways, so that a kink at 0 is met from both of its sides; in the first all
entries have one sign."""

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
    sides of it; and where its entries add up to one number all around, as those of a maximum do,
    they have to at the tie too. The same holds where an entry makes 0 what the right side compares.
    Empty if they do, if the link is of another form, or if nothing could be seen.
    """
    match reading.left:
        case Derivative(_, Entry(variable, places)) if variable not in reading.context.definitions:
            along = tuple(bare for place in places if (bare := place.index) is not None)
        case _:
            return ""
    around = (-_STEP, Fraction(0), _STEP)
    if not _has_kink(reading.right, reading.context) or not all(
        contains(variable.domain, value) for value in around
    ):
        return ""
    sides = Sides(reading, definitions=definitions)
    side = _Side(reading, sides.program)
    generator = numpy.random.default_rng([seed, 2])
    for extents in generic_extents(
        sides.parameters,
        sides.inputs,
        generator,
        definitions,
        reading.context.hypotheses,
        count=_POINTS,
    ):
        point = sample(sides.inputs, extents, reading.context, generator, grid=REFUTATION_GRID)
        if point is None:
            continue
        for indices in islice(_places(reading.indices, extents), _INDICES):
            fault = _outside(side, variable, point, indices)
            for bent in _bends(side, Entry(variable, places), point, indices):
                fault = fault or bent
            if fault:
                return fault
        if len(along) == len(set(along)) == variable.rank > 0:
            outer = tuple(index for index in reading.indices if index not in along)
            for indices in islice(_places(outer, extents), _INDICES):
                fault = _unequal(side, variable, point, (indices, along), generator)
                if fault:
                    return fault
    return ""


@dataclass(frozen=True)
class _Side:
    """The right side of a reading, compiled once for all points."""

    reading: Reading
    program: Program

    def values(self, point: Point, places: Iterable[Mapping[Index, int]]) -> list[float]:
        """Its values at some places of one point; `NoValue` where one has none."""
        run = Run(self.program, point, _PRECISION)
        node = self.program.compile(self.reading.right)
        return [float(run.enclose(node, indices).mid()) for indices in places]


def _has_kink(expression: Expression, context: Context) -> bool:
    """Whether something bends or jumps in the expression or in what it is defined through."""
    nodes = list(walk(expression))
    defined = {
        tensor
        for tensor in context.definitions
        if any(context.depends(used, tensor) for used in tensors(expression))
    }
    nodes += [node for tensor in defined for node in walk(context.definitions[tensor].body)]
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


def _bends(side: _Side, entry: Entry, point: Point, indices: Mapping[Index, int]) -> Iterator[str]:
    """What is wrong at the values of this entry alone at which an argument that the right side
    compares, and that is linear in the entry, is 0: x = t for sign(x − t)."""
    reading = side.reading
    values: dict[Atom, int] = {**point.extents, **indices}
    place = tuple(subscript.evaluate(values) for subscript in entry.subscripts)
    roots = dict.fromkeys(
        root
        for argument in _compared(reading.right)
        if set(free_indices(argument)) <= set(indices)
        and (root := _root(argument, entry.tensor, place, point, (reading, indices))) is not None
    )
    for root in roots:
        if all(contains(entry.tensor.domain, root + step) for step in (-_STEP, _STEP)):
            yield _between(
                side,
                [
                    _with_entry(point, entry.tensor, place, root + step)
                    for step in (-_STEP, Fraction(0), _STEP)
                ],
                indices,
            )


def _compared(expression: Expression) -> Iterator[Expression]:
    """What is held against 0."""
    for node in walk(expression):
        match node:
            case Positive(argument):
                yield argument
            case Apply(function, (argument,)) if function.name in _KINKED:
                yield argument
            case Apply(function, (left, right)) if function.name in _KINKED:
                yield subtract(left, right)
            case _:
                pass


def _root(
    argument: Expression,
    tensor: Tensor,
    place: tuple[int, ...],
    point: Point,
    where: tuple[Reading, Mapping[Index, int]],
) -> Fraction | None:
    reading, indices = where

    def at(value: Fraction) -> Fraction | None:
        exact = _with_entry(point, tensor, place, value).exact
        scope = Scope(point.extents, exact, reading.context.definitions)
        try:
            found = evaluate(argument, scope, indices)
        except Unevaluable:
            return None
        return None if isinstance(found, float) else Fraction(found)

    low, high = at(Fraction(0)), at(Fraction(1))
    if low is None or high is None or low == high:
        return None
    root = low / (low - high)
    return root if at(root) == 0 else None


def _outside(side: _Side, variable: Tensor, point: Point, indices: Mapping[Index, int]) -> str:
    points = [_moved(point, variable, offset) for offset in (-_STEP, Fraction(0), _STEP)]
    return _between(side, points, indices)


def _between(side: _Side, points: Sequence[Point], indices: Mapping[Index, int]) -> str:
    """What is wrong with the value at the middle one of three points, if something is."""
    try:
        below, at, above = (side.values(each, [indices])[0] for each in points)
    except NoValue:
        return ""
    low, high = min(below, above), max(below, above)
    slack = _SLACK * max(1.0, abs(low), abs(high))
    if low - slack <= at <= high + slack:
        return ""
    return f"{at:g} at the kink, with slopes {below:g} and {above:g} beside it"


def _unequal(
    side: _Side,
    variable: Tensor,
    point: Point,
    places: tuple[Mapping[Index, int], tuple[Index, ...]],
    generator: numpy.random.Generator,
) -> str:
    """How the sum of the entries at 0 differs from the one that it has all around, if it does."""
    outer, along = places
    inner = list(_places(along, point.extents))
    if len(inner) > _MOST_SUMMED:
        return ""
    zero = numpy.full_like(point.exact[variable], Fraction(0))
    offsets = [_offset(zero, generator, mixed=turn > 0) for turn in range(_DIRECTIONS)]
    arrays = [zero, *offsets, *(-offset for offset in offsets)]
    try:
        at, *beside = (
            sum(
                side.values(
                    Point.of(point.extents, {**point.exact, variable: array}),
                    [{**outer, **indices} for indices in inner],
                )
            )
            for array in arrays
        )
    except NoValue:
        return ""
    slack = _SLACK * max(1.0, *map(abs, beside))
    if max(beside) - min(beside) > slack or abs(at - beside[0]) <= slack:
        return ""
    return f"{at:g} in total at the tie, and {beside[0]:g} all around it"


def _offset(zero: Exact, generator: numpy.random.Generator, *, mixed: bool) -> Exact:
    """A small array whose entries have different absolute values, all positive or of both signs."""
    steps = generator.permutation(zero.size) + 1
    signs = generator.choice((-1, 1), zero.size) if mixed else numpy.ones(zero.size, int)
    offset = numpy.empty(zero.size, dtype=object)
    offset[:] = [_STEP * int(n) * int(sign) for n, sign in zip(steps, signs, strict=True)]
    return offset.reshape(zero.shape)


def _with_entry(point: Point, tensor: Tensor, place: tuple[int, ...], value: Fraction) -> Point:
    array = point.exact[tensor].copy()
    array[place] = value
    return Point.of(point.extents, {**point.exact, tensor: array})


def _moved(point: Point, variable: Tensor, value: Fraction) -> Point:
    """The point with every entry of a tensor set to one value."""
    array = numpy.full_like(point.exact[variable], value)
    return Point.of(point.extents, {**point.exact, variable: array})
