"""A separation made small: fewer entries, simpler numbers, and what does not matter left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy
from flint import ctx

from derivcheck.expression import Domain, Tensor
from derivcheck.refutation.search import Budget, Contest, Separation
from derivcheck.witnesses.trial import (
    REFUTATION_GRID,
    Exact,
    Point,
    admissible,
    entries,
    entry,
    sample,
)

_SIZES = 24
_POINTS = 4
_PASSES = 2
_REDRAWN = 3
_SIMPLE = (*map(Fraction, (0, 1, -1, 2, -2, 3, -3)), Fraction(1, 2), Fraction(-1, 2))


@dataclass(frozen=True, eq=False)
class Shrunk:
    """A separation, and the inputs whose values change neither side there."""

    separation: Separation
    irrelevant: tuple[Tensor, ...]


def shrink(
    contest: Contest,
    found: Separation,
    seed: int,
    budget: Budget,
    domains: Mapping[Tensor, Domain],
) -> Shrunk:
    """A smaller separation; never larger than the one given, the same for the same seed."""
    generator = numpy.random.default_rng([seed, 3])
    found = _with_small_extents(contest, found, generator, budget, domains)
    found = _with_simple_values(contest, found, budget, domains)
    return Shrunk(found, _irrelevant(contest, found, generator, budget, domains))


def _entries(point: Point) -> int:
    return sum(len(entries(array)) for array in point.exact.values())


def _with_small_extents(
    contest: Contest,
    found: Separation,
    generator: numpy.random.Generator,
    budget: Budget,
    domains: Mapping[Tensor, Domain],
) -> Separation:
    for extents in contest.small_sizes(_SIZES):
        if sum(extents.values()) >= sum(found.point.extents.values()):
            return found
        for attempt in range(_POINTS):
            if budget.spent:
                return found
            grid = REFUTATION_GRID if attempt == _POINTS - 1 else 1
            point = sample(
                contest.inputs,
                extents,
                contest.reading.context,
                generator,
                grid=grid,
                domains=domains,
            )
            if point is None or _entries(point) > _entries(found.point):
                continue
            smaller = contest.at(point, budget, generator)
            if smaller is not None:
                return smaller
    return found


def _with_simple_values(
    contest: Contest, found: Separation, budget: Budget, domains: Mapping[Tensor, Domain]
) -> Separation:
    """Each tensor all 0 or all 1 if that still separates, then each entry as simple as can be."""
    for tensor in contest.inputs:
        shape = found.point.exact[tensor].shape
        for value in _SIMPLE[:2]:
            constant = numpy.full(shape, value, dtype=object)
            found = _replaced(contest, found, tensor, constant, budget, domains)
    for _ in range(_PASSES):
        before = found
        for tensor in contest.inputs:
            for position in numpy.ndindex(found.point.exact[tensor].shape):
                for value in _SIMPLE:
                    array = found.point.exact[tensor]
                    if _weight(value) >= _weight(entry(array, position)):
                        break
                    changed = array.copy()
                    for place in _mirrored(position, tensor):
                        changed[place] = value
                    found = _replaced(contest, found, tensor, changed, budget, domains)
        if found is before:
            break
    return found


def _replaced(
    contest: Contest,
    found: Separation,
    tensor: Tensor,
    array: Exact,
    budget: Budget,
    domains: Mapping[Tensor, Domain],
) -> Separation:
    """The separation with this array for the tensor, if it is simpler and one still."""
    if budget.spent or _total(array) >= _total(found.point.exact[tensor]):
        return found
    point = Point.of(found.point.extents, {**found.point.exact, tensor: array})
    if not admissible(point, contest.reading.context, domains):
        return found
    return contest.at(point, budget, indices=found.indices) or found


def _mirrored(position: tuple[int, ...], tensor: Tensor) -> set[tuple[int, ...]]:
    places = {position}
    for first, second in tensor.symmetric:
        for place in tuple(places):
            swapped = list(place)
            swapped[first], swapped[second] = place[second], place[first]
            places.add(tuple(swapped))
    return places


def _weight(value: Fraction) -> tuple[int, int, bool]:
    """Smaller is simpler: whole numbers, then small ones, then positive ones."""
    return (value.denominator, abs(value.numerator), value < 0)


def _total(array: Exact) -> tuple[int, int, int]:
    weights = [_weight(value) for value in entries(array)]
    return (sum(w[0] for w in weights), sum(w[1] for w in weights), sum(w[2] for w in weights))


def _irrelevant(
    contest: Contest,
    found: Separation,
    generator: numpy.random.Generator,
    budget: Budget,
    domains: Mapping[Tensor, Domain],
) -> tuple[Tensor, ...]:
    """The inputs that may have any value, all of them together: neither side moves with them."""
    irrelevant: list[Tensor] = []
    for tensor in contest.inputs:
        if all(
            unmoved(contest, found, (*irrelevant, tensor), generator, budget, domains)
            for _ in range(_REDRAWN)
        ):
            irrelevant.append(tensor)
    return tuple(irrelevant)


def unmoved(
    contest: Contest,
    found: Separation,
    tensors: tuple[Tensor, ...],
    generator: numpy.random.Generator,
    budget: Budget,
    domains: Mapping[Tensor, Domain],
    *,
    difference: bool = False,
) -> bool:
    """Whether new values of these tensors leave both sides (or their difference) in place."""
    context = contest.reading.context
    extents = found.point.extents
    drawn = sample(tensors, extents, context, generator, grid=REFUTATION_GRID, domains=domains)
    if drawn is None:
        return False
    point = Point.of(extents, {**found.point.exact, **drawn.exact})
    if not admissible(point, context, domains):
        return False
    again = contest.at(point, budget, indices=found.indices)
    if again is None:
        return False
    old, new = found.enclosures, again.enclosures
    with ctx.workprec(max(old.precision, new.precision)):
        if difference:
            return (old.left - old.right).overlaps(new.left - new.right)
        return old.left.overlaps(new.left) and old.right.overlaps(new.right)
