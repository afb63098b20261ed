"""Constructors that keep a node tidy when it is made, and never move what the author wrote."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from derivcheck.expression.integers import Affine, AffineLike, Index
from derivcheck.expression.nodes import (
    MINUS_ONE,
    ONE,
    ZERO,
    Add,
    Apply,
    Count,
    Delta,
    Entry,
    Expression,
    Function,
    Guard,
    Multiply,
    Power,
    Rational,
    Sum,
)


def rational(value: Fraction | int) -> Rational:
    return Rational(Fraction(value))


def number(value: AffineLike) -> Expression:
    """An integer polynomial as a number; a constant becomes a `Rational`."""
    affine = Affine.of(value)
    constant = affine.constant
    return Count(affine) if constant is None else rational(constant)


def add(*terms: Expression) -> Expression:
    """The sum, nested sums flattened and zeros left out."""
    flat: list[Expression] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Add) else (term,))
    flat = [term for term in flat if term != ZERO]
    if not flat:
        return ZERO
    return flat[0] if len(flat) == 1 else Add(tuple(flat))


def multiply(*factors: Expression) -> Expression:
    """The product, nested products flattened, ones left out; 0 times what is total is 0."""
    flat: list[Expression] = []
    for factor in factors:
        flat.extend(factor.factors if isinstance(factor, Multiply) else (factor,))
    flat = [factor for factor in flat if factor != ONE]
    if ZERO in flat and all(map(_is_total, flat)):
        return ZERO
    if not flat:
        return ONE
    return flat[0] if len(flat) == 1 else Multiply(tuple(flat))


def _is_total(expression: Expression) -> bool:
    """Whether the value plainly exists at every point: 0/0 must not become 0."""
    match expression:
        case Power(base, Rational(exponent)):
            return exponent.denominator == 1 and exponent >= 0 and _is_total(base)
        case Apply(Function(name), arguments):
            return name != "log" and all(map(_is_total, arguments))
        case Add(parts) | Multiply(parts):
            return all(map(_is_total, parts))
        case Sum(_, body):
            return _is_total(body)
        case Rational() | Count() | Delta() | Guard() | Entry():
            return True
        case _:
            return False


def negate(expression: Expression) -> Expression:
    if isinstance(expression, Rational):
        return Rational(-expression.value)
    return multiply(MINUS_ONE, expression)


def subtract(left: Expression, right: Expression) -> Expression:
    return add(left, negate(right))


def power(base: Expression, exponent: Expression | Fraction | int) -> Expression:
    if isinstance(exponent, int | Fraction):
        exponent = rational(exponent)
    if exponent == ONE:
        return base
    return Power(base, exponent)


def divide(numerator: Expression, denominator: Expression) -> Expression:
    return multiply(numerator, power(denominator, -1))


def square_root(radicand: Expression) -> Expression:
    return Power(radicand, Rational(Fraction(1, 2)))


def delta(left: AffineLike, right: AffineLike) -> Expression:
    """A Kronecker delta; δ(i, i) is 1 and δ of two different constants is 0."""
    left, right = Affine.of(left), Affine.of(right)
    difference = (left - right).constant
    if difference is None:
        return Delta(left, right)
    return ZERO if difference else ONE


def guard(value: AffineLike) -> Expression:
    value = Affine.of(value)
    constant = value.constant
    if constant is None:
        return Guard(value)
    return ONE if constant >= 0 else ZERO


def within(value: AffineLike, extent: AffineLike) -> Expression:
    """1 where 0 ≤ value < extent."""
    value = Affine.of(value)
    return multiply(guard(value), guard(Affine.of(extent) - value - 1))


def negation(condition: Expression) -> Expression:
    """1 − condition, for a condition that is 0 or 1."""
    return subtract(ONE, condition)


def apply(name: str | Function, *arguments: Expression) -> Expression:
    function = Function(name) if isinstance(name, str) else name
    return Apply(function, arguments)


ELSEWHERE = Function("elsewhere")
"""0 at 0, and of no value anywhere else."""


def elsewhere(condition: Expression) -> Expression:
    """A term that is 0 where a condition is 0, and undefined where it holds: outside all cases.

    Both sides of an equality being defined is no condition of its own: a proof drops the term, and
    so does a program; where the condition holds nothing is a counterexample.
    """
    return ZERO if condition == ZERO else Apply(ELSEWHERE, (condition,))


def total(indices: Iterable[Index], body: Expression) -> Expression:
    """Σ over all the indices, the first outermost."""
    for index in reversed(tuple(indices)):
        body = Sum(index, body)
    return body


PI = multiply(rational(4), apply("arctan", ONE))
"""The number π."""
