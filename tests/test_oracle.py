"""The oracle itself is held against values known by hand, and must see small planted errors."""

from dataclasses import replace
from fractions import Fraction

import pytest
from claims import CLAIMS
from mpmath import mp, mpf
from oracle import DIGITS, Undefined, World, differs, differs_at

from derivcheck.derivation import Reading
from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Context,
    Definition,
    Delta,
    Derivative,
    Entry,
    Index,
    Parameter,
    Positive,
    Power,
    Rational,
    Sum,
    Tensor,
    add,
    apply,
    divide,
    fresh,
    guard,
    multiply,
    negate,
    power,
    rational,
    rebuild,
    square_root,
    subtract,
)
from derivcheck.verdict import Counterexample

N = Parameter("N")
x = Tensor("x", (Affine.of(N),))
t = Tensor("t")


def value(expression, context=None, **inputs):
    values = {t: {(): mpf(inputs.get("t", 0))}}
    values[x] = {(n,): mpf(v) for n, v in enumerate(inputs.get("x", (1, 2)))}
    world = World(context or Context(), {N: len(values[x])}, values)
    with mp.workdps(DIGITS):
        return world.value(expression, {})


def scalar(name="t"):
    return Entry(Tensor(name))


def test_what_cancellation_leaves_of_nothing_is_nothing():
    zero = subtract(power(square_root(scalar()), 2), scalar())
    for expression in (apply("log", zero), power(zero, -1), power(zero, Fraction(-1, 2))):
        for number in (2, 3, 5, 7):
            with pytest.raises(Undefined):
                value(expression, t=number)
    assert value(square_root(zero), t=7) == 0


def test_derivative_is_right_to_thirty_digits():
    with mp.workdps(DIGITS):
        slope = value(Derivative(apply("exp", power(scalar(), 2)), scalar()), t="0.7")
        expected = 2 * mpf("0.7") * mp.exp(mpf("0.7") ** 2)
        assert abs(slope - expected) < mpf(10) ** -30
        second = Derivative(Derivative(apply("sin", scalar()), scalar()), scalar())
        assert abs(value(second, t="0.7") + mp.sin(mpf("0.7"))) < mpf(10) ** -22


def test_derivative_is_total_through_definitions():
    y = Tensor("y")
    context = Context({y: Definition(y, (), power(scalar(), 3))})
    slope = value(Derivative(multiply(Entry(y), scalar()), scalar()), context, t=2)
    assert abs(slope - 32) < mpf(10) ** -30
    # By the defined tensor itself: it is then a variable of its own.
    slope = value(Derivative(power(Entry(y), 2), Entry(y)), context, t=2)
    assert abs(slope - 16) < mpf(10) ** -30


def test_entries_are_zero_outside_and_conditions_spare_the_rest():
    outside = Entry(x, (Affine.of(5),))
    assert value(outside) == 0
    assert value(multiply(guard(Affine.of(N) - 5), power(outside, -1))) == 0
    with pytest.raises(Undefined):
        value(power(outside, -1))


def test_a_sum_is_a_loop():
    k = fresh(Index("k", Affine.of(N)))
    assert value(Sum(k, Entry(x, (Affine.of(k),))), x=(1, 2, 4)) == 7
    assert value(Sum(k, Delta(Affine.of(k), Affine.of(1))), x=(1, 2, 4)) == 1


@pytest.mark.parametrize("name", CLAIMS)
def test_true_gradients_agree(name):
    assert differs(CLAIMS[name]) is False


def _first_rational_scaled(expression, by):
    """The tree with its first rational coefficient (or exponent) changed, and whether one was."""
    done = False

    def visit(node):
        nonlocal done
        if isinstance(node, Rational) and not done and node.value:
            done = True
            return rational(node.value * by)
        if isinstance(node, Power):
            return Power(visit(node.base), node.exponent)
        return rebuild(node, visit)

    return visit(expression), done


@pytest.mark.parametrize("name", CLAIMS)
def test_a_relative_change_of_a_millionth_is_seen(name):
    claim = CLAIMS[name]
    scaled, done = _first_rational_scaled(claim.right, 1 + Fraction(1, 10**6))
    if not done:
        scaled = multiply(rational(1 + Fraction(1, 10**6)), claim.right)
    assert differs(replace(claim, right=scaled)) is True


def test_nothing_is_said_where_nothing_is_defined():
    never = apply("log", negate(add(ONE, power(scalar(), 2))))
    assert differs(Reading(never, ZERO, (), Context())) is None


def test_points_outside_a_natural_domain_are_passed_over():
    split = add(apply("log", scalar()), apply("log", scalar("u")))
    joined = apply("log", multiply(scalar(), scalar("u")))
    assert differs(Reading(joined, split, (), Context())) is False
    assert differs(Reading(square_root(power(scalar(), 2)), scalar(), (), Context())) is True
    assert differs(Reading(divide(scalar(), scalar()), ONE, (), Context())) is False
    assert differs(Reading(subtract(scalar(), scalar()), ONE, (), Context())) is True


@pytest.mark.parametrize(("place", "slope"), [(0, None), (1, 1), (-1, -1)])
def test_no_slope_is_taken_across_a_kink(place, slope):
    variable = Tensor("u")
    derivative = Derivative(apply("abs", Entry(variable)), Entry(variable))
    with mp.workdps(DIGITS):
        world = World(Context(), {}, {variable: {(): mpf(place)}})
        if slope is None:
            with pytest.raises(Undefined):
                world.value(derivative, {})
        else:
            assert abs(world.value(derivative, {}) - slope) < mpf(10) ** -30


def test_a_named_point_tells_whether_the_sides_differ_there():
    """[t > 1] and [t > 1 + 10⁻⁹] differ between the two numbers and nowhere else."""
    near = Rational(1 + Fraction(1, 10**9))
    sides = [Positive(subtract(scalar(), bound)) for bound in (Rational(Fraction(1)), near)]
    reading = Reading(*sides, (), Context())
    between = Counterexample({}, {}, {"t": "1.0000000005"}, "1.000", "0.000")
    beyond = replace(between, values={"t": "1.1"})
    assert differs(reading) is False
    assert differs_at(reading, between) is True
    assert differs_at(reading, beyond) is False
    assert differs_at(reading, replace(between, values={})) is False
