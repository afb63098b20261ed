"""Conditions a > 0 as a person writes them: X < 1 rather than −(X − 1) > 0."""

from __future__ import annotations

from typing import Literal

from derivcheck.expression import (
    MINUS_ONE,
    ZERO,
    Add,
    Expression,
    Multiply,
    Rational,
    add,
    multiply,
)


def inequality(positive: Expression) -> tuple[Expression, Literal[">", "<"], Expression]:
    """Left side, relation and right side of an inequality that says `positive` > 0.

    A number stands on the right, a term that is subtracted on the other side; sums of more than two
    terms stay together.
    """
    terms = _terms(positive)
    if len(terms) == 1:
        negative, size = _split(terms[0])
        return size, "<" if negative else ">", ZERO
    if len(terms) != 2:
        return positive, ">", ZERO
    first, second = terms
    if isinstance(first, Rational):
        first, second = second, first
    negative, size = _split(first)
    if isinstance(second, Rational):
        return (size, "<", second) if negative else (size, ">", Rational(-second.value))
    other_negative, other = _split(second)
    if negative == other_negative:
        return (add(size, other), "<", ZERO) if negative else (positive, ">", ZERO)
    return (other, ">", size) if negative else (size, ">", other)


def _terms(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Add(terms):
            return terms
        case Multiply((sign, Add(terms))) if sign == MINUS_ONE:
            return tuple(map(_minus, terms))
        case _:
            return (expression,)


def _minus(term: Expression) -> Expression:
    if isinstance(term, Rational):
        return Rational(-term.value)
    negative, size = _split(term)
    return size if negative else multiply(MINUS_ONE, term)


def _split(term: Expression) -> tuple[bool, Expression]:
    """Whether a term has a minus sign, and the term without it."""
    match term:
        case Rational(value) if value < 0:
            return True, Rational(-value)
        case Multiply((Rational(value), *rest)) if value < 0:
            return True, multiply(Rational(-value), *rest)
        case _:
            return False, term
