"""The value of a derivative at a kink, against the slopes beside it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Context,
    Derivative,
    Domain,
    Entry,
    Expression,
    Positive,
    Tensor,
    add,
    apply,
    multiply,
    negate,
    negation,
    rational,
)
from derivcheck.witnesses.kinks import no_subgradient

X = Entry(Tensor("x", (), Domain(declared=True)))
ABOVE = Positive(X)
AT = multiply(negation(ABOVE), negation(Positive(negate(X))))


def at_zero(value: Fraction) -> Expression:
    """[x > 0] with another value at 0."""
    return add(ABOVE, multiply(rational(value), AT))


@pytest.mark.parametrize(
    ("value", "fine"),
    [
        (Fraction(0), True),
        (Fraction(1, 2), True),
        (Fraction(1), True),
        (Fraction(5, 4), False),
        (Fraction(-1, 100), False),
    ],
)
def test_a_ramp_has_slopes_from_0_to_1(value: Fraction, fine: bool) -> None:
    reading = Reading(Derivative(apply("relu", X), X), at_zero(value), (), Context())
    assert (no_subgradient(reading, seed=0) == "") is fine


def test_a_link_without_a_derivative_has_no_convention() -> None:
    reading = Reading(apply("relu", X), at_zero(Fraction(7)), (), Context())
    assert no_subgradient(reading, seed=0) == ""
