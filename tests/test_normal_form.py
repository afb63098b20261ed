"""Canonical forms and their parts, small enough to check by eye."""

from __future__ import annotations

from fractions import Fraction

import pytest
from entrywise import Point, close
from expression_layers import POSITIVE, at, index, sum_over, tensor

from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Apply,
    Domain,
    Expression,
    Function,
    Index,
    Parameter,
    Sum,
    add,
    apply,
    delta,
    divide,
    fresh,
    multiply,
    negate,
    number,
    power,
    rational,
    subtract,
    walk,
)
from derivcheck.normal_form import Normaliser, Unprovable, expression, normalise
from derivcheck.normal_form.integers import (
    largest,
    lowest_terms,
    nonnegative,
    prime_factors,
    solved,
    tightened,
)
from derivcheck.normal_form.signs import ANY, NEGATIVE
from derivcheck.normal_form.signs import POSITIVE as PLUS
from derivcheck.normal_form.signs import ZERO as NIL

N, M, U = Parameter("N"), Parameter("M"), Parameter("u")
P = Parameter("p", 0)
X, Y, A = tensor("X", N), tensor("Y", N), tensor("A", N, N)
x, q = tensor("x"), tensor("q", domain=POSITIVE)
i, j = index("i", N), index("j", N)


def same(left: Expression, right: Expression) -> bool:
    return normalise(left) == normalise(right)


def test_ranges_entail_what_they_entail() -> None:
    i_, n = Affine.of(i), Affine.of(N)
    assert nonnegative(i_)
    assert nonnegative(n - i_ - 1)
    assert not nonnegative(n - i_ - 2)
    assert nonnegative(n * i_ - i_)  # (N − 1) i, with N ≥ 1
    assert nonnegative(n * n - i_ * j)
    assert not nonnegative(i_ - j)
    assert nonnegative(Affine.of(P))
    assert not nonnegative(Affine.of(P) - 1)
    assert nonnegative(Affine.of(U) - 1)


def test_conditions_on_integers_are_tight() -> None:
    assert tightened(Affine.of(i) * 2 - 1) == Affine.of(i) - 1
    assert lowest_terms(Affine.of(i) * 6 + Affine.of(N) * 4 + 3) == (
        Affine.of(i) * 3 + Affine.of(N) * 2,
        2,
        3,
    )
    assert largest(Affine.of(N) - i) == Affine.of(N)
    assert solved(Affine.of(i) - Affine.of(j) * 2, i) == Affine.of(j) * 2
    assert solved(Affine.of(i) - Affine.of(j) * 2, j) is None
    assert list(prime_factors(360)) == [(2, 3), (3, 2), (5, 1)]


def test_letters_of_binders_and_the_order_of_sums_do_not_matter() -> None:
    def double(first: str, second: str) -> Expression:
        return sum_over(
            first, N, lambda a: sum_over(second, N, lambda b: multiply(at(A, a, b), at(X, a)))
        )

    assert same(double("k", "l"), double("l", "k"))
    other = sum_over("k", N, lambda a: sum_over("l", N, lambda b: multiply(at(A, a, b), at(X, b))))
    assert not same(double("k", "l"), other)


def test_one_binder_used_twice_is_two() -> None:
    """(Σ_k X_k)², both factors with one and the same binder object."""
    k = fresh(index("k", N))
    single = Sum(k, at(X, k))
    square = multiply(single, single)
    pairs = sum_over("a", N, lambda a: sum_over("b", N, lambda b: multiply(at(X, a), at(X, b))))
    assert same(square, pairs)
    assert not same(square, sum_over("a", N, lambda a: power(at(X, a), 2)))


def test_a_sum_cancels_against_its_reciprocal() -> None:
    def total() -> Expression:
        return sum_over("k", N, lambda k: apply("exp", at(X, k)))

    assert same(divide(total(), total()), ONE)
    shares = sum_over("l", N, lambda m: divide(apply("exp", at(X, m)), total()))
    assert same(shares, ONE)


def test_a_range_that_depends_on_an_index() -> None:
    """Σ_i Σ_{k ≤ i} f = Σ_i Σ_k [k ≤ i] f."""
    k = fresh(index("k", Affine.of(i) + 1))
    triangle = Sum(k, at(X, k))
    form = expression(normalise(triangle))
    point = Point(1, {N: 4})
    for place in range(4):
        assert close(point.value(triangle, {i: place}), point.value(form, {i: place}))


def test_deltas_between_free_indices_choose_one_of_them() -> None:
    assert same(multiply(delta(i, j), at(X, i)), multiply(delta(j, i), at(X, j)))
    assert not same(multiply(delta(i, j), at(X, i)), at(X, i))


def test_powers_of_numbers() -> None:
    root = power(rational(2), Fraction(1, 2))
    assert same(power(rational(8), Fraction(1, 2)), multiply(rational(2), root))
    assert same(power(rational(Fraction(4, 9)), Fraction(-1, 2)), rational(Fraction(3, 2)))
    with pytest.raises(Unprovable, match="negative base"):
        normalise(power(rational(-2), Fraction(1, 2)))
    with pytest.raises(Unprovable, match="identically 0"):
        normalise(power(subtract(at(x), at(x)), -1))


def test_exponentials_and_logarithms() -> None:
    both = apply("exp", add(at(x), negate(at(q))))
    assert same(both, divide(apply("exp", at(x)), apply("exp", at(q))))
    assert same(apply("log", apply("exp", at(x))), at(x))
    assert same(apply("exp", apply("log", at(q))), at(q))
    assert same(apply("log", power(at(q), -2)), multiply(rational(-2), apply("log", at(q))))
    assert same(
        apply("log", rational(6)), add(apply("log", rational(2)), apply("log", rational(3)))
    )


def test_odd_and_even_functions() -> None:
    for name, sign in (("sin", -1), ("arctan", -1), ("erf", -1), ("cos", 1)):
        assert same(apply(name, negate(at(x))), multiply(rational(sign), apply(name, at(x))))
    abstract = Function("h", True)
    assert not same(Apply(abstract, (negate(at(x)),)), negate(Apply(abstract, (at(x),))))


@pytest.mark.parametrize(
    ("whole", "mask"),
    [
        (power(at(x), 2), NIL | PLUS),
        (add(power(at(x), 2), at(q)), PLUS),
        (negate(apply("exp", at(x))), NEGATIVE),
        (sum_over("k", N, lambda k: power(at(X, k), 2)), NIL | PLUS),
        (subtract(at(q), ONE), ANY),
        (multiply(number(N), at(q)), PLUS),
        (number(Affine.of(N) - 1), NIL | PLUS),
        (apply("relu", at(x)), NIL | PLUS),
        (at(tensor("n", domain=Domain(lower=Fraction(0), declared=True))), NIL | PLUS),
        (at(tensor("p", N, domain=POSITIVE), Affine.of(i) + 1), NIL | PLUS),
    ],
)
def test_signs(whole: Expression, mask: int) -> None:
    assert Normaliser().expression_sign(whole) == mask


def test_what_is_written_has_names_apart_and_the_same_value() -> None:
    """Σ_i X_i Y_j with a binder called like a free index is written with another letter."""
    bound: Index = fresh(index("j", N))
    whole = multiply(at(Y, j), Sum(bound, multiply(at(X, bound), at(A, bound, j))))
    written = expression(normalise(whole))
    binder = next(node.index for node in walk(written) if isinstance(node, Sum))
    assert binder.name != "j"
    point = Point(2, {N: 3})
    assert close(point.value(whole, {j: 1}), point.value(written, {j: 1}))


def test_zero_is_zero() -> None:
    assert not normalise(ZERO)
    assert normalise(subtract(at(x), at(x))).number == 0
