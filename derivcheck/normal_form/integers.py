"""Integer polynomials: what their declared ranges entail, and canonical conditions on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd

from derivcheck.expression import Affine, Atom, Index, Parameter, Term

_TRIAL_DIVISION = 10_000
_DEPTH = 8
_SAMPLES = 14


@lru_cache(maxsize=1 << 14)
def nonnegative(value: Affine) -> bool:
    """Whether value ≥ 0 follows from 0 ≤ index < extent and from the parameters' minima.

    Complete for nothing, sound always: each index is set to the end of its range at which the
    polynomial is least, then every parameter N to its minimum + N′.
    """
    least = _least(value, _DEPTH)
    return least is not None and _by_minima(least)


@lru_cache(maxsize=1 << 14)
def entailing(value: Affine, given: tuple[Affine, ...]) -> tuple[Affine, ...] | None:
    """Those of some given polynomials in parameters from which, all being ≥ 0, value ≥ 0 follows;
    none where it follows without them, None where that does not show.

    Where R − p is given, R is set to p + R′.
    """
    least = _least(value, _DEPTH)
    if least is None:
        return None
    if _by_minima(least):
        return ()
    if not given or _negative_somewhere(least, given):
        return None
    for some in (*((each,) for each in given), given):
        if _by_given(least, some):
            return some
    return None


def _least(value: Affine, depth: int) -> Affine | None:
    """The polynomial at the ends of its indices' ranges at which it is least, where that shows."""
    if depth == 0:
        return None
    for atom in value.atoms():
        if not isinstance(atom, Index):
            continue
        slope = value.coefficient(atom)
        if any(term.count(atom) > 1 for term, _ in value.terms):
            return None
        if _rises(slope, depth - 1):
            end = Affine()
        elif _rises(-slope, depth - 1):
            end = atom.extent - 1
        else:
            continue
        return _least(value.substitute({atom: end}), depth - 1)
    return None if any(isinstance(atom, Index) for atom in value.atoms()) else value


def _rises(slope: Affine, depth: int) -> bool:
    if slope.constant is not None:
        return slope.constant >= 0
    least = _least(slope, depth)
    return least is not None and _by_minima(least)


def _by_minima(value: Affine) -> bool:
    """Whether no coefficient is negative once every parameter is counted from its minimum."""
    shifted: dict[Atom, Affine] = {
        atom: Affine.of(atom) + atom.minimum
        for atom in value.atoms()
        if isinstance(atom, Parameter) and atom.minimum
    }
    return all(coefficient >= 0 for _, coefficient in value.substitute(shifted).terms)


def _by_given(value: Affine, given: tuple[Affine, ...]) -> bool:
    """Whether it shows after one parameter of each of some given polynomials is solved for."""
    for n, room in enumerate(given):
        spare = Affine.of(Parameter(f"room {n} of {len(given)}", 0))
        for atom in dict.fromkeys(room.atoms()):
            slope = room.coefficient(atom).constant
            if slope not in (1, -1) or atom not in value.atoms():
                continue
            rest = room - Affine.of(atom) * slope
            if atom in rest.atoms():
                continue
            # R = p + room for a room = R − p that is not negative
            moved = value.substitute({atom: (spare - rest) * slope})
            if _by_minima(moved) or _by_given(moved, given[:n] + given[n + 1 :]):
                return True
    return False


def _negative_somewhere(value: Affine, given: tuple[Affine, ...]) -> bool:
    """Whether some small sizes, at which all that is given holds, make it negative: most queries
    end here, at little cost."""
    atoms = dict.fromkeys(atom for each in (value, *given) for atom in each.atoms())
    for turn in range(_SAMPLES):
        sizes = {
            atom: (atom.minimum if isinstance(atom, Parameter) else 0)
            + (turn * (3 * place + 1) + place * place) % 7
            for place, atom in enumerate(atoms)
        }
        if value.evaluate(sizes) < 0 and all(each.evaluate(sizes) >= 0 for each in given):
            return True
    return False


def largest(value: Affine) -> Affine | None:
    """An upper bound without indices, reached by a polynomial monotone in each of them."""
    for _ in range(16):
        index = next(value.indices(), None)
        if index is None:
            return value
        slope = value.coefficient(index)
        if any(term.count(index) > 1 for term, _ in value.terms):
            return None
        if nonnegative(slope):
            value = value.substitute({index: index.extent - 1})
        elif nonnegative(-slope):
            value = value.substitute({index: Affine()})
        else:
            return None
    return None


def lowest_terms(value: Affine) -> tuple[Affine, int, int]:
    """(e, g, r) with value = g·e + r, e without a constant, g ≥ 1 as large as can be."""
    constant = 0
    rest: list[tuple[tuple[Atom, ...], int]] = []
    for term, coefficient in value.terms:
        if term:
            rest.append((term, coefficient))
        else:
            constant = coefficient
    divisor = gcd(*(coefficient for _, coefficient in rest)) or 1
    return Affine(tuple((term, c // divisor) for term, c in rest)), divisor, constant


def tightened(value: Affine) -> Affine:
    """The least polynomial that is ≥ 0 where `value` is: 2i − 1 ≥ 0 where i − 1 ≥ 0."""
    rest, divisor, constant = lowest_terms(value)
    return rest + constant // divisor


def quotient_and_rest(value: Affine) -> tuple[Affine, Affine] | None:
    """(q, r) such that value = 0 exactly where q = 0 and r = 0; None where none is found.

    value = m·q + r with |r| < m for all indices in range: a multiple of m that is −r is 0 (Euclid).
    So digits of one radix can be compared one by one, and none that leaves its range.
    """
    for index in dict.fromkeys(value.indices()):
        for sizes, number in value.coefficient(index).terms:
            radix = (sizes, abs(number))
            quotient, rest = _divided(value, radix)
            above = Affine((radix,)) - 1
            if above.terms and nonnegative(above - rest) and nonnegative(above + rest):
                return quotient, rest
    return None


def _divided(value: Affine, by: tuple[Term, int]) -> tuple[Affine, Affine]:
    """The terms that this one divides, divided by it, and the others."""
    factors, number = by
    quotient: list[tuple[Term, int]] = []
    rest: list[tuple[Term, int]] = []
    for term, coefficient in value.terms:
        left = list(term)
        try:
            for factor in factors:
                left.remove(factor)
        except ValueError:
            rest.append((term, coefficient))
            continue
        if coefficient % number:
            rest.append((term, coefficient))
        else:
            quotient.append((tuple(left), coefficient // number))
    return Affine.collect(quotient), Affine.collect(rest)


def solved(difference: Affine, index: Index) -> Affine | None:
    """The value of the index at which the difference vanishes, if its coefficient is ±1."""
    slope = difference.coefficient(index).constant
    if slope not in (1, -1) or any(term.count(index) > 1 for term, _ in difference.terms):
        return None
    rest = difference - Affine.of(index) * slope
    if index in rest.atoms():
        return None
    return rest * -slope


def prime_factors(value: int) -> Sequence[tuple[int, int]]:
    """Primes with multiplicities; a cofactor beyond trial division counts as a prime."""
    found: list[tuple[int, int]] = []
    divisor = 2
    while divisor * divisor <= value and divisor <= _TRIAL_DIVISION:
        multiplicity = 0
        while value % divisor == 0:
            value //= divisor
            multiplicity += 1
        if multiplicity:
            found.append((divisor, multiplicity))
        divisor += 1
    if value > 1:
        found.append((value, 1))
    return found
