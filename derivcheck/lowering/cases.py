"""Sums that choose: m·a + (1 − m)·b is a where the mask m holds, and b elsewhere.

And sums that stack: Σ_q [p = q]·a_q is a_p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from derivcheck.expression import (
    MINUS_ONE,
    ONE,
    Add,
    Affine,
    Delta,
    Expression,
    Index,
    Multiply,
    Positive,
    Rational,
    add,
    multiply,
    negate,
    negation,
    substitute,
    subtract,
)
from derivcheck.lowering.rewriting import factors_of, is_mask, negated


@dataclass(frozen=True)
class Choice:
    """`value` where `mask` holds, else `otherwise`; and further terms that are added to both."""

    mask: Expression
    value: tuple[Expression, ...]
    otherwise: tuple[Expression, ...]
    rest: tuple[Expression, ...]


def two_sided(terms: Sequence[Expression]) -> Choice | None:
    """The choice that a sum makes by the first mask that has terms on both of its sides.

    A term t − m·t is (1 − m)·t multiplied out.
    """
    for mask in _masks(terms):
        value: list[Expression] = []
        otherwise: list[Expression] = []
        rest: list[Expression] = []
        for term in terms:
            factors = factors_of(term)
            complement = next((f for f in factors if negated(f) == mask), None)
            if mask in factors:
                value.append(_without(factors, mask))
            elif complement is not None:
                otherwise.append(_without(factors, complement))
            else:
                rest.append(term)
        for term in tuple(value):
            opposite = _minus(term)
            if opposite in rest:
                value.remove(term)
                rest.remove(opposite)
                otherwise.append(opposite)
        if value and otherwise:
            return Choice(mask, tuple(value), tuple(otherwise), tuple(rest))
    return None


def layers(terms: Sequence[Expression]) -> tuple[Index, tuple[Expression, ...]] | None:
    """An axis of known length, and what a sum is at each of its places.

    Every term has a factor [p = q] with a number q, and every place of the axis has a term.
    """
    for axis in _selected(terms[0]):
        places = [_place(term, axis) for term in terms]
        if axis.extent.constant is None or set(places) != set(range(axis.extent.constant)):
            continue
        return axis, tuple(
            add(
                *(
                    substitute(term, {axis: Affine.of(place)})
                    for term, at in zip(terms, places, strict=True)
                    if at == place
                )
            )
            for place in range(axis.extent.constant)
        )
    return None


def _selected(term: Expression) -> list[Index]:
    """The indices that the term holds at one place."""
    deltas = [factor for factor in factors_of(term) if isinstance(factor, Delta)]
    return [side.index for delta in deltas for side in (delta.left, delta.right) if side.index]


def _place(term: Expression, axis: Index) -> int | None:
    for factor in factors_of(term):
        if isinstance(factor, Delta) and Affine.of(axis) in (factor.left, factor.right):
            other = factor.right if factor.left == Affine.of(axis) else factor.left
            return other.constant
    return None


def equated(one: Expression, other: Expression) -> tuple[Expression, Expression] | None:
    """a and b, for 1 − [a − b > 0] and 1 − [b − a > 0], whose product is [a = b]."""
    match negated(one):
        case Positive(Add((left, Multiply((minus, right))))) if minus == MINUS_ONE:
            converse = negation(Positive(negate(subtract(left, right))))
            return (left, right) if other == converse else None
        case _:
            return None


def _masks(terms: Sequence[Expression]) -> list[Expression]:
    """The conditions by which terms are masked, as they stand or negated, in order."""
    found: dict[Expression, None] = {}
    for term in terms:
        for factor in factors_of(term):
            if is_mask(factor):
                inside = negated(factor)
                found[factor if inside is None else inside] = None
    return list(found)


def _minus(term: Expression) -> Expression:
    factors = factors_of(term)
    if isinstance(factors[0], Rational):
        value = Rational(-factors[0].value)
        return multiply(value, *factors[1:])
    return multiply(MINUS_ONE, term)


def _without(factors: Sequence[Expression], mask: Expression) -> Expression:
    place = factors.index(mask)
    return multiply(*factors[:place], *factors[place + 1 :]) if len(factors) > 1 else ONE
