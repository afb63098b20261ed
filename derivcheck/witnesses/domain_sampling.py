"""Random members of a domain, one at a time or with a given sum or sum of squares."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor, isqrt, prod
from typing import TypeAlias

import numpy
from numpy.typing import NDArray

from derivcheck.expression import Domain

Exact: TypeAlias = NDArray[numpy.object_]
"""An array of `Fraction` objects."""

GENERIC_GRID = 2**20
REFUTATION_GRID = 16


def contains(domain: Domain, value: Fraction) -> bool:
    """Whether a number lies in the domain."""
    if domain.values:
        return value in domain.values
    if value in domain.excluded or (domain.integer and value.denominator != 1):
        return False
    if domain.lower is not None and (
        value < domain.lower or (domain.strict_lower and value == domain.lower)
    ):
        return False
    return not (
        domain.upper is not None
        and (value > domain.upper or (domain.strict_upper and value == domain.upper))
    )


REACH = 2
"""How far from 0, or from its bound, an unbounded domain is sampled."""

_MOST_ENTRIES = 100_000
_AVOIDED = Fraction(1, 8)


def draw(
    domain: Domain,
    size: tuple[int, ...],
    grid: int,
    generator: numpy.random.Generator,
    reach: int = REACH,
) -> Exact | None:
    """An array of this size, or None: of no known member, or too large to draw (10^9 entries)."""
    number = int(prod(size))
    if number > _MOST_ENTRIES:
        return None
    result = numpy.empty(size, dtype=object)
    if domain.values:
        for position, choice in zip(
            numpy.ndindex(size), generator.integers(0, len(domain.values), number), strict=True
        ):
            result[position] = domain.values[int(choice)]
        return result
    found = _steps(domain, grid, Fraction(reach))
    if found is None:
        return None
    low, high, step = found
    generic = grid >= GENERIC_GRID and not domain.integer and high - low > step
    for position in numpy.ndindex(size):
        for _ in range(100):
            value = Fraction(int(generator.integers(low, high + 1)), step)
            if contains(domain, value) and not (generic and abs(value) < _AVOIDED):
                break
        else:
            return None
        result[position] = value
    return result


def _steps(domain: Domain, grid: int, reach: Fraction) -> tuple[int, int, int] | None:
    """Numerators from low to high over one denominator: the part of the domain that is sampled."""
    lower, upper = domain.lower, domain.upper
    if lower is None and upper is None:
        lower, upper = -reach, reach
    elif lower is None:
        assert upper is not None
        # Both signs, where the bound leaves room for them.
        lower = min(upper - reach, -reach)
    elif upper is None:
        upper = max(lower + reach, reach)
    step = 1 if domain.integer else grid
    for _ in range(1 if domain.integer else 40):
        low, high = ceil(lower * step), floor(upper * step)
        low += domain.strict_lower and Fraction(low, step) == domain.lower
        high -= domain.strict_upper and Fraction(high, step) == domain.upper
        if any(
            Fraction(n, step) not in domain.excluded for n in range(low, min(high, low + 8) + 1)
        ):
            return low, high, step
        step *= 2
    return None


def symmetrised(array: Exact, pairs: Sequence[tuple[int, int]]) -> Exact:
    for first, second in pairs:
        if array.shape[first] != array.shape[second]:
            continue
        for position in numpy.ndindex(array.shape):
            if position[first] > position[second]:
                mirrored = list(position)
                mirrored[first], mirrored[second] = position[second], position[first]
                array[position] = array[tuple(mirrored)]
    return array


def balanced(array: Exact, pairs: Sequence[tuple[int, int]]) -> Exact:
    """The means of the array and its mirror images, pair of axes by pair."""
    for first, second in pairs:
        if array.shape[first] == array.shape[second]:
            array = (array + array.swapaxes(first, second)) / Fraction(2)
    return array


def with_total(
    domain: Domain, number: int, total: Fraction, grid: int, generator: numpy.random.Generator
) -> list[Fraction] | None:
    """`number` members of the domain with this sum, or None where no way is known."""
    if number == 0:
        return None
    if domain.values == (0, 1) or domain.values == (1, 0):
        if total.denominator != 1 or not 0 <= total <= number:
            return None
        ones = {int(n) for n in generator.permutation(number)[: int(total)]}
        return [Fraction(int(n in ones)) for n in range(number)]
    if domain.values or domain.integer:
        return None
    if domain.nonnegative and domain.lower is not None:
        return _composition(domain, number, total, grid, generator)
    # Signed entries: all but one are free.
    drawn = draw(domain, (number,), grid, generator)
    if drawn is None:
        return None
    entries: list[Fraction] = list(drawn)
    last = int(generator.integers(0, number))
    entries[last] += total - sum(entries)
    return entries if contains(domain, entries[last]) else None


def _composition(
    domain: Domain, number: int, total: Fraction, grid: int, generator: numpy.random.Generator
) -> list[Fraction] | None:
    """Parts above the lower bound with this sum, in steps of the grid refined until they fit."""
    assert domain.lower is not None
    spare = total - number * domain.lower
    least = 1 if domain.strict_lower else 0
    step = grid * spare.denominator
    while spare > 0 and (spare * step < 2 * number):
        step *= 2
        if step > 2**60:
            return None
    units = spare * step
    if units < least * number:
        return None
    weights = generator.integers(1, 9, number)
    free = int(units) - least * number
    parts = [least + free * int(w) // int(weights.sum()) for w in weights]
    parts[int(generator.integers(0, number))] += int(units) - sum(parts)
    entries = [domain.lower + Fraction(part, step) for part in parts]
    return entries if all(contains(domain, e) for e in entries) else None


def on_sphere(
    number: int, total: Fraction, grid: int, generator: numpy.random.Generator
) -> list[Fraction] | None:
    """Rationals whose squares have this sum, by stereographic projection; for a square number."""
    radius = Fraction(isqrt(max(total.numerator, 0)), isqrt(total.denominator))
    if radius**2 != total or number == 0:
        return None
    slopes = [Fraction(int(n), min(grid, 8)) for n in generator.integers(-8, 9, number - 1)]
    square = sum((t * t for t in slopes), Fraction(0))
    pole = (square - 1) / (square + 1)
    entries = [*(2 * t / (square + 1) for t in slopes), pole]
    return [radius * entries[int(n)] for n in generator.permutation(number)]
