"""The normal form keeps the value, is its own normal form, and is blind to presentation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from random import Random

import pytest
from entrywise import Point, Undefined, close
from expression_layers import POSITIVE, ZERO_ONE, at, index, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from derivcheck.expression import (
    ONE,
    Add,
    Affine,
    Count,
    Expression,
    Index,
    Maximum,
    Multiply,
    Parameter,
    Positive,
    Power,
    Product,
    Sum,
    Tensor,
    add,
    apply,
    delta,
    fresh,
    guard,
    multiply,
    negate,
    number,
    power,
    rational,
    rebuild,
    substitute,
)
from derivcheck.normal_form import (
    BudgetExceeded,
    NormalForm,
    Normaliser,
    Unprovable,
    expression,
    normalise,
)

N, M, U, P = Parameter("N"), Parameter("M"), Parameter("u"), Parameter("p", 0)
A, B = tensor("A", N, M), tensor("B", M, M)
X, Y = tensor("X", N), tensor("Y", N, domain=POSITIVE)
T, E = tensor("T", N, domain=ZERO_ONE), tensor("\\epsilon", domain=POSITIVE)
FREE = (index("i", N), index("j", M))
SEEDS = st.integers(0, 2**32 - 1)


class Grower:
    """Random expressions with sums, guards, deltas and functions, at most `fuel` nodes."""

    def __init__(self, seed: int, fuel: int = 22, roots: bool = True) -> None:
        self.roots = roots
        self.random = Random(seed)
        self.fuel = fuel

    def grow(self, indices: Sequence[Index], depth: int = 0) -> Expression:
        self.fuel -= 1
        if self.fuel <= 0 or depth > 5:
            return self.leaf(indices)
        kind = self.random.choice(
            [
                "leaf",
                "leaf",
                "add",
                "add",
                "multiply",
                "multiply",
                "multiply",
                "sum",
                "sum",
                "power",
                "root",
                "function",
                "maximum",
                "delta",
                "guard",
                "positive",
                "product",
            ]
        )
        match kind:
            case "add":
                return add(*(self.grow(indices, depth + 1) for _ in range(2)))
            case "multiply":
                return multiply(*(self.grow(indices, depth + 1) for _ in range(2)))
            case "sum":
                bound = self.bound()
                return Sum(bound, self.grow((*indices, bound), depth + 1))
            case "product":
                bound = self.bound()
                return Product(bound, self.leaf((*indices, bound)))
            case "maximum":
                bound = self.bound()
                return Maximum((bound,), ONE, self.leaf((*indices, bound)))
            case "power":
                base = self.grow(indices, depth + 1)
                return power(base, self.random.choice([2, -1, 3, -2] if self.roots else [2, 3]))
            case "root":
                base = add(power(self.grow(indices, depth + 1), 2), at(E))
                if not self.roots:
                    return base
                return power(base, Fraction(self.random.choice([1, -1, -3]), 2))
            case "function":
                names = ["exp", "tanh", "sigmoid", "relu", "abs", "sin", "cos", "sign"]
                name = self.random.choice([*names, "log", "softplus"] if self.roots else names)
                return apply(name, self.grow(indices, depth + 1))
            case "delta":
                left, right = self.subscript(indices), self.subscript(indices)
                return multiply(delta(left, right), self.grow(indices, depth + 1))
            case "guard":
                return multiply(guard(self.subscript(indices)), self.grow(indices, depth + 1))
            case "positive":
                return Positive(self.grow(indices, depth + 1))
            case _:
                return self.leaf(indices)

    def bound(self) -> Index:
        return fresh(index(self.random.choice("klm"), self.random.choice([N, M])))

    def subscript(self, indices: Sequence[Index]) -> Affine:
        chosen = Affine.of(self.random.choice(indices))
        if self.random.random() < 0.3:
            return chosen * U + self.random.choice(indices) - P
        if self.random.random() < 0.3:
            return chosen - self.random.choice(indices) + self.random.choice([-1, 0, 1])
        return chosen

    def leaf(self, indices: Sequence[Index]) -> Expression:
        kind = self.random.randrange(8)
        if kind == 0:
            return rational(Fraction(self.random.choice([-2, -1, 1, 2, 3]), 2))
        if kind == 1:
            return Count(Affine.of(self.random.choice([N, M])))
        if kind == 2:
            return at(E)
        if kind == 3:
            return number(self.random.choice(indices))
        chosen = self.random.choice([A, A, B, X, Y, T])
        return at(chosen, *(self.subscript(self.matching(indices, e)) for e in chosen.extents))

    def matching(self, indices: Sequence[Index], extent: Affine) -> Sequence[Index]:
        if self.random.random() < 0.2:
            return indices
        return [i for i in indices if i.extent == extent] or indices


def values(whole: Expression, seed: int) -> list[object]:
    """The values at a few points and free indices, `None` where there is none."""
    found: list[object] = []
    for sizes in ({N: 2, M: 3}, {N: 3, M: 2}, {N: 1, M: 1}):
        point = Point(seed, {**sizes, U: 2, P: 1})
        for i in range(sizes[N]):
            for j in range(sizes[M]):
                try:
                    found.append(point.value(whole, {FREE[0]: i, FREE[1]: j}))
                except (Undefined, ZeroDivisionError, OverflowError):
                    found.append(None)
    return found


@settings(max_examples=250)
@given(SEEDS)
def test_the_normal_form_keeps_the_value(seed: int) -> None:
    whole = Grower(seed).grow(FREE)
    try:
        form = normalise(whole, budget=3000)
    except Unprovable:
        return
    for before, after in zip(values(whole, seed), values(expression(form), seed), strict=True):
        if before is not None and after is not None:
            assert close(before, after, 18), (whole, form)


class Cutter(Grower):
    """Sums over parts of axes and shifted, reversed and strided entries, some under a function."""

    def grow(self, indices: Sequence[Index], depth: int = 0) -> Expression:
        bound = self.bound()
        inside = (*indices, bound)
        factors = [self.leaf(inside) for _ in range(self.random.randint(1, 3))]
        if self.random.random() < 0.4:
            factors.append(guard(self.shifted(inside)))
        if self.random.random() < 0.2:
            factors.append(delta(self.shifted(inside), self.random.choice(inside)))
        if self.random.random() < 0.3 and depth == 0:
            factors.append(self.grow(inside, depth + 1))
        return Sum(bound, multiply(*factors))

    def bound(self) -> Index:
        extent = Affine.of(self.random.choice([N, N, M])) + self.random.choice([0, 0, -1, -2, 1])
        return fresh(index(self.random.choice("klm"), extent))

    def shifted(self, indices: Sequence[Index]) -> Affine:
        offset = Affine.of(self.random.choice([-2, -1, 0, 0, 1, 2]))
        if self.random.random() < 0.3:
            offset = offset + Affine.of(N) * self.random.choice([-1, 1])
        sign = self.random.choice([1, 1, 1, -1, 2])
        return Affine.of(self.random.choice(indices)) * sign + offset

    def leaf(self, indices: Sequence[Index]) -> Expression:
        chosen = self.random.choice([A, X, X, Y, T])
        entry = at(chosen, *(self.shifted(indices) for _ in chosen.extents))
        kind = self.random.random()
        if kind < 0.2:
            return apply(self.random.choice(["exp", "relu", "abs", "cos"]), entry)
        if kind < 0.3:
            return power(add(power(entry, 2), at(E)), Fraction(-1, 2))
        return entry


def in_ranges(whole: Expression, budget: int = 6000) -> NormalForm:
    session = Normaliser(budget=budget, expand_ranges=True)
    return session.settled(session.read(whole))


@pytest.mark.parametrize("kind", [Cutter, Grower])
@settings(max_examples=150)
@given(seed=SEEDS)
def test_canonical_ranges_keep_the_value(kind: type[Grower], seed: int) -> None:
    whole = kind(seed).grow(FREE)
    try:
        form = in_ranges(whole)
    except Unprovable:
        return
    for before, after in zip(values(whole, seed), values(expression(form), seed), strict=True):
        if before is not None and after is not None:
            assert close(before, after, 18), (whole, form)


@settings(max_examples=60)
@given(st.sampled_from([X, Y, T]), *[st.integers(-2, 2)] * 2, st.booleans())
def test_a_shift_of_a_sum_does_not_matter(
    second: Tensor, offset: int, other_offset: int, turned: bool
) -> None:
    """Σ_k X_{k+a} Z_{k+b}, and the same over k′ = k + a or N − 1 − k − a, its range as guards.

    X has k′ for its axis, so that no term is lost.
    """
    k, moved = fresh(index("k", N)), fresh(index("k", N))
    body = multiply(at(X, Affine.of(k) + offset), at(second, Affine.of(k) + other_offset))
    value = (Affine.of(N) - 1 - moved if turned else Affine.of(moved)) - offset
    inside = multiply(guard(value), guard(Affine.of(N) - value - 1))
    other = Sum(moved, multiply(inside, substitute(body, {k: value})))
    assert in_ranges(Sum(k, body)) == in_ranges(other)


@settings(max_examples=150)
@given(SEEDS)
def test_a_normal_form_is_its_own(seed: int) -> None:
    """Without roots, logs and reciprocals of what may be a guard.

    Under a root, what a square showed of a sign is lost once it is expanded; the guard of an entry
    that another guard implies comes back when the form is read again.
    """
    try:
        form = normalise(Grower(seed, 14, roots=False).grow(FREE), budget=3000)
        assert normalise(expression(form), budget=20_000) == form
    except Unprovable:
        return


@settings(max_examples=200)
@given(SEEDS)
def test_presentation_does_not_matter(seed: int) -> None:
    whole = Grower(seed, 16).grow(FREE)
    other = reshuffled(whole, Random(seed + 1))
    try:
        form = normalise(whole, budget=3000)
    except Unprovable:
        return
    assert normalise(other, budget=20_000) == form


def reshuffled(whole: Expression, random: Random) -> Expression:
    """The same value: terms and factors in another order, binders renamed, products distributed."""
    spare = Index("", Affine())
    whole = substitute(whole, {spare: Affine.of(spare)})
    return _shuffled(whole, random)


def _shuffled(node: Expression, random: Random, distribute: bool = True) -> Expression:
    """`distribute` is off in a base, where a product of sums must stay visible as one."""
    inner = distribute and not isinstance(node, Power)
    node = rebuild(node, lambda child: _shuffled(child, random, inner))
    match node:
        case Add(terms):
            return add(*random.sample(terms, len(terms)))
        case Multiply(factors):
            factors = tuple(random.sample(factors, len(factors)))
            for place, factor in enumerate(factors):
                if distribute and isinstance(factor, Add) and random.random() < 0.5:
                    rest = (*factors[:place], *factors[place + 1 :])
                    return add(*(multiply(term, *rest) for term in factor.terms))
            return multiply(*factors)
        case Sum(first, Sum(second, body)):
            return Sum(second, Sum(first, body))
        case Sum(bound, Add(terms)) if random.random() < 0.5:
            return add(*(Sum(bound, term) for term in terms))
        case Power(base, exponent) if exponent == rational(2) and inner:
            return multiply(base, base)
        case _:
            return node


@pytest.mark.parametrize("count", [8, 12])
def test_interchangeable_dummies_are_not_tried_in_every_order(count: int) -> None:
    """Σ over k and l_1 … l_count of Π_n B[k, l_n]: factorial if every order were tried."""
    k = fresh(index("k", M))
    inner = [fresh(index("l", M)) for _ in range(count)]
    body: Expression = multiply(*(at(B, k, n) for n in inner))
    for n in inner:
        body = Sum(n, body)
    single = fresh(index("l", M))
    compact = Sum(k, power(Sum(single, at(B, k, single)), count))
    assert normalise(Sum(k, body), budget=5000) == normalise(compact, budget=5000)


def test_a_budget_is_kept() -> None:
    wide = power(add(*(at(X, FREE[0]), at(E), ONE, number(N), number(M))), 60)
    with pytest.raises(BudgetExceeded):
        normalise(wide, budget=2000)


def test_the_value_test_can_fail() -> None:
    """The twin of the first test: a form of something else is told apart."""
    whole = Sum(k := fresh(index("k", M)), at(A, FREE[0], k))
    wrong = normalise(negate(whole))
    pairs = zip(values(whole, 1), values(expression(wrong), 1), strict=True)
    assert any(not close(before, after) for before, after in pairs)
