"""Bounds of products and sums of bounded numbers hold every value, the ends included."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest
from expression_layers import at, tensor

from derivcheck.expression import Domain, Expression, add, multiply, power, rational
from derivcheck.normal_form import Normaliser

ENDS = (0, 1, 2)
INTERVALS = [
    (low, high, open_low, open_high)
    for low, high in product(ENDS, repeat=2)
    for open_low, open_high in product((False, True), repeat=2)
    if low < high or (low == high and not open_low and not open_high)
]
STEPS = (Fraction(0), Fraction(1, 1000), Fraction(1, 2), Fraction(999, 1000), Fraction(1))


def variable(name: str, low: int, high: int, open_low: bool, open_high: bool) -> Expression:
    domain = Domain(Fraction(low), Fraction(high), open_low, open_high, declared=True)
    return at(tensor(name, domain=domain))


def values(low: int, high: int, open_low: bool, open_high: bool) -> list[Fraction]:
    """Numbers of the interval, those at its ends and next to them included."""
    steps = [s for s in STEPS if not (open_low and s == 0) and not (open_high and s == 1)]
    return [low + (high - low) * step for step in steps]


def holds(form: Expression, value: Fraction) -> bool:
    normaliser = Normaliser()
    found = normaliser.interval(normaliser.read(form))
    above = found.low is None or value > found.low.value - (0 if found.low.open else 1e-9)
    below = found.high is None or value < found.high.value + (0 if found.high.open else 1e-9)
    return above and below


@pytest.mark.parametrize("first", INTERVALS)
@pytest.mark.parametrize("second", INTERVALS)
def test_every_value_of_a_product_is_within_its_bounds(first, second) -> None:
    a, b = variable("a", *first), variable("b", *second)
    for x, y in product(values(*first), values(*second)):
        for e in (1, 2):
            assert holds(multiply(power(a, e), b), x**e * y)
            assert holds(add(multiply(power(a, e), b), rational(-1)), x**e * y - 1)
        if y:
            assert holds(multiply(a, power(b, -1)), x / y)


def test_a_factor_that_is_zero_reaches_zero_whatever_the_other_stays_below() -> None:
    """0 · b with b < 1 is 0, and not below it: no number would be left."""
    product_ = multiply(variable("a", 0, 0, False, False), variable("b", 0, 1, False, True))
    normaliser = Normaliser()
    assert normaliser.interval(normaliser.read(product_)).mask
    assert holds(product_, Fraction(0))
