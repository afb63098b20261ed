"""Declarations that would settle a link."""

from __future__ import annotations

import pytest

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Context,
    Domain,
    Entry,
    Expression,
    Tensor,
    apply,
    multiply,
    power,
    rational,
    square_root,
)
from derivcheck.settling import settling_declaration

X = Entry(Tensor("x", (), Domain(declared=True)))
Y = Entry(Tensor(r"\hat{y}", (), Domain(declared=True)))


def needed(left: Expression, right: Expression) -> str:
    return settling_declaration(Reading(left, right, (), Context()), off_kinks=False)


@pytest.mark.parametrize(
    ("left", "right", "declaration"),
    [
        (apply("log", power(X, 2)), multiply(rational(2), apply("log", X)), "x > 0"),
        (
            square_root(multiply(X, Y)),
            multiply(square_root(X), square_root(Y)),
            "x > 0, ŷ > 0",
        ),
        (apply("log", power(X, 2)), multiply(rational(3), apply("log", X)), ""),
        (power(X, 2), multiply(rational(2), X), ""),
    ],
)
def test_what_would_settle_it(left: Expression, right: Expression, declaration: str) -> None:
    assert needed(left, right) == declaration
