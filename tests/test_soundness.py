"""Attacks on the prover that once succeeded, and random ones: equal forms must have equal values.

Values are taken at small integers, 0 and ties among them, and every pair of random expressions that
the normal form calls equal is compared, so that n expressions make n² trials of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy
import pytest
from entrywise import Point, Undefined, close
from expression_layers import POSITIVE, ZERO_ONE, at, index, sum_over, tensor
from mpmath import mpf
from oracle import differs

from derivcheck.derivation import Link, Reading
from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Context,
    Definition,
    Expression,
    Hypothesis,
    Index,
    Maximum,
    Parameter,
    Positive,
    Product,
    Sum,
    Tensor,
    add,
    apply,
    delta,
    divide,
    free_indices,
    fresh,
    guard,
    multiply,
    number,
    power,
    rational,
    square_root,
    subtract,
)
from derivcheck.judging import judge
from derivcheck.normal_form import Normaliser, Unprovable, expression
from derivcheck.proof import prove
from derivcheck.refutation import refute
from derivcheck.verdict import Verdict
from derivcheck.witnesses.trial import sample

N, M, U, P = Parameter("N"), Parameter("M"), Parameter("u"), Parameter("p", 0)
i, j = index("i", N), index("j", N)
a, c = tensor("a"), tensor("c", domain=POSITIVE)
X, Y, Q = tensor("X", N), tensor("Y", N), tensor("Q", N, domain=POSITIVE)
A, T = tensor("A", N, N), tensor("T", N, M, domain=POSITIVE)
S = Tensor("S", (Affine.of(N), Affine.of(N)), symmetric=((0, 1),))
B = tensor("B", N, domain=ZERO_ONE)


def product_over(name: str, extent: Affine, body: Callable[[Index], Expression]) -> Expression:
    bound = fresh(index(name, extent))
    return Product(bound, body(bound))


def whole(letter: Index) -> Affine:
    return Affine.of(letter)


def weighed(s: Index) -> Expression:
    return sum_over("k", M, lambda k: at(T, s, k))


SHORT = index("s", Affine.of(N) - 1)
k, n = index("k", M), index("n", M)
LONG, LONG_TOO = index("r", Affine.of(M) + 1), index("q", Affine.of(M) + 1)
LAID = Tensor("x", (Affine.of(N) * M,))
FALSE: dict[str, tuple[Expression, Expression, Context]] = {
    # A label of a bound index stood for the outer index here and for the inner one there.
    "a letter that the product does not use": (
        sum_over(
            "o",
            N,
            lambda o: power(
                add(at(Y, o), product_over("k", Affine.of(N), lambda k: add(ONE, at(X, k)))), -1
            ),
        ),
        sum_over(
            "o",
            N,
            lambda o: power(
                add(at(Y, o), product_over("k", Affine.of(N), lambda k: add(ONE, at(X, o)))), -1
            ),
        ),
        Context(),
    ),
    # Σ_k T_sk took the place of its own reciprocal.
    "a sum over its reciprocal": (
        sum_over(
            "s",
            N,
            lambda s: sum_over(
                "k",
                M,
                lambda k: multiply(
                    at(Y, s), at(T, s, k), power(weighed(s), -1), power(add(weighed(s), at(c)), -1)
                ),
            ),
        ),
        sum_over(
            "s", N, lambda s: multiply(at(Y, s), weighed(s), power(add(weighed(s), at(c)), -1))
        ),
        Context(),
    ),
    # A divisor of one row is not the sum of another.
    "a sum over another row's reciprocal": (
        sum_over(
            "s",
            N,
            lambda s: sum_over(
                "k",
                M,
                lambda c: multiply(at(Y, s), at(T, s, c), at(X, s), power(weighed(i), -1)),
            ),
        ),
        sum_over("s", N, lambda s: multiply(at(Y, s), at(X, s))),
        Context(),
    ),
    "a sum of squares over the sum's reciprocal": (
        sum_over(
            "s",
            N,
            lambda s: sum_over(
                "k", M, lambda c: multiply(at(Y, s), power(at(T, s, c), 2), power(weighed(s), -1))
            ),
        ),
        sum_over("s", N, lambda s: at(Y, s)),
        Context(),
    ),
    # A hypothesis about a part of an axis was used on all of it.
    "a hypothesis for a part of an axis": (
        sum_over("k", N, lambda k: at(X, k)),
        number(N),
        Context(hypotheses=(Hypothesis(at(X, SHORT), ONE, "X_s = 1"),)),
    ),
    "a sum known for a part of an axis": (
        weighed(i),
        ONE,
        Context(hypotheses=(Hypothesis(weighed(SHORT), ONE, "Σ T_s = 1"),)),
    ),
    # Digits are compared one by one only where each stays below its radix.
    "a digit that may reach the radix": (
        delta(whole(i) * M + LONG, whole(j) * M + LONG_TOO),
        multiply(delta(i, j), delta(LONG, LONG_TOO)),
        Context(),
    ),
    "a difference of digits that reaches the radix": (
        delta(whole(i) * M + k, whole(j) * M + n + 1),
        multiply(delta(i, j), delta(k, whole(n) + 1)),
        Context(),
    ),
    "places of a stride that may overlap": (
        delta(whole(i) * U + k, whole(j) * U + n),
        multiply(delta(i, j), delta(k, n)),
        Context(),
    ),
    "a radix that may be 0": (
        delta(whole(i) * P + whole(k) * P, whole(j) * P + whole(n) * P),
        delta(whole(i) + k, whole(j) + n),
        Context(),
    ),
    "rows of another length": (
        sum_over("m", Affine.of(N) * M, lambda m: at(LAID, m)),
        sum_over("i", N, lambda r: sum_over("k", M, lambda c: at(LAID, whole(c) * M + r))),
        Context(),
    ),
    # 0^(N−1) is 1 where N = 1.
    "an indicator to the power N − 1": (
        product_over("k", Affine.of(N) - 1, lambda k: guard(whole(i) - 1)),
        guard(whole(i) - 1),
        Context(),
    ),
    "an entry off its axis to the power N − 1": (
        product_over("k", Affine.of(N) - 1, lambda k: at(X, whole(i) + 1)),
        multiply(
            guard(Affine.of(N) - 2 - whole(i)),
            product_over("k", Affine.of(N) - 1, lambda k: at(X, whole(i) + 1)),
        ),
        Context(),
    ),
}


def largest(body: Callable[[Index], Expression], where: Callable[[Index], Expression]) -> Maximum:
    bound = fresh(index("m", N))
    return Maximum((bound,), where(bound), body(bound))


def exceeds(value: Expression, bound: Expression) -> Expression:
    return Positive(subtract(value, bound))


def squares(s: Index | Affine) -> Expression:
    return sum_over("k", N, lambda k: power(at(A, s, k), 2))


TAIL = largest(lambda k: at(X, k), lambda k: guard(whole(k) - 2))
FALSE |= {
    # A maximum bounds only what is in its range …
    "an entry that the maximum leaves out": (exceeds(at(X, i), TAIL), ZERO, Context()),
    "an entry of which the conditions say too little": (
        multiply(guard(whole(i) - 1), exceeds(at(X, i), TAIL)),
        ZERO,
        Context(),
    ),
    "an entry off the axis": (
        exceeds(at(X, whole(i) + 1), largest(lambda k: at(X, k), lambda k: ONE)),
        ZERO,
        Context(),
    ),
    # … and ties are counted off the kinks only.
    "one maximiser": (
        sum_over(
            "k",
            N,
            lambda k: subtract(ONE, exceeds(largest(lambda m: at(X, m), lambda m: ONE), at(X, k))),
        ),
        ONE,
        Context(),
    ),
    # An inequality says nothing beyond its range, and no more than it says.
    "a sign beyond the axis": (
        Positive(squares(whole(i) + 1)),
        ONE,
        Context(hypotheses=(Hypothesis(Positive(squares(j)), ONE, "Σ A² > 0"),)),
    ),
    "a sign for a part of an axis": (
        Positive(squares(i)),
        ONE,
        Context(hypotheses=(Hypothesis(Positive(squares(SHORT)), ONE, "Σ A² > 0"),)),
    ),
    "a size that is larger": (
        guard(Affine.of(N) - Affine.of(M) - 2),
        ONE,
        Context(hypotheses=(Hypothesis(guard(Affine.of(N) - Affine.of(M) - 1), ONE, "M < N"),)),
    ),
    "a root of a number below the bound": (
        square_root(power(subtract(ONE, at(c)), 2)),
        subtract(ONE, at(c)),
        Context(),
    ),
}


@pytest.mark.parametrize("name", FALSE)
def test_what_is_false_stays_open(name: str) -> None:
    left, right, context = FALSE[name]
    free = dict.fromkeys((i, j, *free_indices(left), *free_indices(right)))
    reading = Reading(left, right, tuple(free), context)
    assert not prove(reading, off_kinks=False).closed
    assert refute(Link("=", (reading,)), reading) is not None


def test_ties_are_counted_where_different_inputs_differ() -> None:
    """Σ_k [g_k X_k = max g X] is 1 off the ties; zeros that a condition g makes always tie."""

    def count(mask: Callable[[Index], Expression]) -> Reading:
        def value(k: Index) -> Expression:
            return multiply(mask(k), at(X, k))

        most = largest(value, lambda k: ONE)
        attained = sum_over("k", N, lambda k: subtract(ONE, exceeds(most, value(k))))
        return Reading(attained, ONE, (), Context())

    assert prove(count(lambda k: ONE), off_kinks=True).closed
    assert not prove(count(lambda k: guard(whole(k) - 2)), off_kinks=True).closed
    tied = Hypothesis(at(X, j), at(c), "X = c")
    bound = replace(count(lambda k: ONE), context=Context(hypotheses=(tied,)))
    assert not prove(bound, off_kinks=True).closed


def test_a_declared_inequality_is_used_in_its_range() -> None:
    """The true twins of the inequalities above."""
    sign = Context(hypotheses=(Hypothesis(Positive(squares(j)), ONE, "Σ A² > 0"),))
    assert prove(Reading(Positive(squares(i)), ONE, (i,), sign), off_kinks=False).closed
    room = guard(Affine.of(N) - Affine.of(M) - 1)
    size = Context(hypotheses=(Hypothesis(room, ONE, "M < N"),))
    weaker = guard(Affine.of(N) + 3 - Affine.of(M))
    assert prove(Reading(weaker, ONE, (), size), off_kinks=False).closed
    inside = multiply(guard(whole(i) - 3), exceeds(at(X, i), TAIL))
    assert prove(Reading(inside, ZERO, (i,), Context()), off_kinks=False).closed


def test_a_sum_cancels_its_reciprocal() -> None:
    """The true twin: Σ_s Y_s Σ_k T_sk / ((Σ_k T_sk) (Σ_k T_sk + c))."""
    left, _, _ = FALSE["a sum over its reciprocal"]
    right = sum_over("s", N, lambda s: divide(at(Y, s), add(weighed(s), at(c))))
    assert prove(Reading(left, right, (), Context()), off_kinks=False).closed


def test_a_sum_inside_a_sum_cancels_its_reciprocal() -> None:
    """Σ_s Y_s X_s (Σ_k T_sk)² / (Σ_k T_sk)³ with the sums of the numerator opened."""
    left = sum_over(
        "s",
        N,
        lambda s: sum_over(
            "k",
            M,
            lambda c: sum_over(
                "l",
                M,
                lambda d: multiply(
                    at(Y, s), at(X, s), at(T, s, c), at(T, s, d), power(weighed(s), -3)
                ),
            ),
        ),
    )
    right = sum_over("s", N, lambda s: divide(multiply(at(Y, s), at(X, s)), weighed(s)))
    assert prove(Reading(left, right, (), Context()), off_kinks=False).closed


def test_a_point_for_a_hypothesis_on_a_part_of_an_axis() -> None:
    """Σ_{k < N−1} X_k = 1 fixes no whole axis: nothing is imposed, and a point off it rejected."""
    total = sum_over("k", Affine.of(N) - 1, lambda k: at(X, k))
    context = Context(hypotheses=(Hypothesis(total, ONE, "Σ X = 1"),))
    generator = numpy.random.default_rng(0)
    points = [sample((X,), {N: 3}, context, generator, grid=1) for _ in range(200)]
    met = [point for point in points if point is not None]
    assert met
    assert all(sum(point.exact[X][:2]) == 1 for point in met)


COUNT = sum_over("l", N, lambda k: Positive(at(X, k)))
NOWHERE = {
    "an empty sum": sum_over("k", P, lambda k: power(number(P), -1)),
    "all but one": sum_over(
        "k", N, lambda k: multiply(subtract(ONE, delta(k, j)), power(number(Affine.of(N) - 1), -1))
    ),
    "a masked mean": sum_over("k", N, lambda k: multiply(Positive(at(X, k)), power(COUNT, -1))),
}


@pytest.mark.parametrize("name", NOWHERE)
@pytest.mark.parametrize("seed", range(3))
def test_a_divisor_is_not_hidden_by_an_empty_sum(name: str, seed: int) -> None:
    """Σ_k g_k / Σ_k g_k is 1 or undefined, never 0; a wrong value is still refuted."""

    def verdict(right: Expression) -> Verdict:
        reading = Reading(NOWHERE[name], right, (j,), Context())
        return judge(Link("=", (reading,), off_kinks=True), seed=seed).judgement.verdict

    assert verdict(ONE) is Verdict.PROVED
    assert verdict(rational(2)) is Verdict.REFUTED


# --- random expressions ---------------------------------------------------------------------------

_z = fresh(index("i", N))
Z, V = tensor("z", N), tensor("v")
CONTEXT = (
    Context()
    .define(Definition(Z, (_z,), add(power(at(X, _z), 2), at(B, _z))))
    .define(Definition(V, (), sum_over("k", N, lambda k: multiply(at(Z, k), at(X, whole(k) + 1)))))
)
TENSORS = (X, X, X, Y, Q, A, A, S, B, a, c, Z, V)
FUNCTIONS = ("exp", "log", "relu", "abs", "sign", "tanh", "sigmoid", "cos", "softplus")
KINDS = (
    *("leaf", "add", "add", "subtract", "multiply", "multiply", "multiply", "power", "power"),
    *("sum", "sum", "sum", "some", "apply", "positive", "product", "maximum"),
)
EXPONENTS = (2, 3, -1, -2, Fraction(1, 2), Fraction(-1, 2), Fraction(3, 2), Fraction(1, 3))


class Grower:
    """Random expressions of few tensors, so that equal ones come often."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def subscript(self, indices: Sequence[Index], plain: float = 0.75) -> Affine:
        k = whole(self.random.choice(indices))
        if self.random.random() < plain:
            return k
        other = whole(self.random.choice(indices))
        size = Affine.of(N)
        return self.random.choice(
            [k + 1, k - 1, size - 1 - k, k * 2, Affine(), k * U, k * U - P, k - other, k + other]
        )

    def leaf(self, indices: Sequence[Index]) -> Expression:
        kind = self.random.random()
        if kind < 0.15:
            return rational(self.random.choice([1, 1, 2, -1, Fraction(1, 2)]))
        if kind < 0.2:
            return number(self.random.choice([Affine.of(N), self.subscript(indices)]))
        if kind < 0.26:
            return delta(self.subscript(indices), self.subscript(indices, 0.9))
        if kind < 0.32:
            return guard(self.subscript(indices, 0.3) - self.random.choice([0, 1]))
        chosen = self.random.choice(TENSORS)
        return at(chosen, *(self.subscript(indices) for _ in chosen.extents))

    def grow(self, indices: Sequence[Index], depth: int) -> Expression:
        if depth == 0:
            return self.leaf(indices)
        kind = self.random.choice(KINDS)
        match kind:
            case "leaf":
                return self.leaf(indices)
            case "add":
                return add(self.grow(indices, depth - 1), self.grow(indices, depth - 1))
            case "subtract":
                return subtract(self.grow(indices, depth - 1), self.grow(indices, depth - 1))
            case "multiply":
                return multiply(self.grow(indices, depth - 1), self.grow(indices, depth - 1))
            case "power":
                return power(self.grow(indices, depth - 1), self.random.choice(EXPONENTS))
            case "apply":
                return apply(self.random.choice(FUNCTIONS), self.grow(indices, depth - 1))
            case "positive":
                return Positive(self.grow(indices, depth - 1))
            case _:
                return self.binder(kind, indices, depth)

    def binder(self, kind: str, indices: Sequence[Index], depth: int) -> Expression:
        other = whole(self.random.choice(indices))
        extent = Affine.of(N)
        if self.random.random() < 0.15:
            extent = self.random.choice([extent - 1, Affine.of(P), other + 1, Affine.of(2)])
        bound = fresh(index(self.random.choice("kl"), extent))
        body = self.grow((*indices, bound, bound), depth - 1)
        k = whole(bound)
        match kind:
            case "sum":
                return Sum(bound, body)
            case "product":
                return Product(bound, body)
            case "maximum":
                return Maximum((bound,), self.random.choice([ONE, guard(k - other)]), body)
            case _:
                limits = [delta(k, other), guard(k - other), subtract(ONE, delta(k, other))]
                return Sum(bound, multiply(self.random.choice(limits), body))


def points(seed: int) -> list[Point]:
    """Sizes 2 and 3 with entries among few numbers, so that 0 and ties are met."""
    made: list[Point] = []
    for number_, size in enumerate((2, 3, 2)):
        parameters = {N: size, M: 2, U: 1 + number_ % 2, P: number_ % 2}
        point = Point(seed + number_, parameters, CONTEXT)
        random = Random(f"{seed} {number_}")
        for chosen in dict.fromkeys(TENSORS):
            if chosen in CONTEXT.definitions:
                continue
            places = [()] if not chosen.extents else [(p,) for p in range(size)]
            if len(chosen.extents) == 2:
                places = [(p, q) for p in range(size) for q in range(size)]
            for place in places:
                key = tuple(sorted(place)) if chosen.symmetric else place
                if (chosen, key) not in point.entries:
                    point.entries[chosen, key] = entry(chosen, random)
                point.entries[chosen, place] = point.entries[chosen, key]
        made.append(point)
    return made


def entry(chosen: Tensor, random: Random) -> mpf:
    if chosen.domain.values:
        return mpf(random.choice([0, 1]))
    if chosen.domain.positive:
        return mpf(random.choice([1, 2, 0.5]))
    return mpf(random.choice([-1, 0, 1, 2, -0.5]))


def values(whole_: Expression, where: list[Point]) -> list[mpf | None]:
    found: list[mpf | None] = []
    for point in where:
        size = point.parameters[N]
        for first in range(size):
            for second in range(size):
                try:
                    value = point.value(whole_, {i: first, j: second})
                    found.append(value if abs(value) < 1e12 else None)
                except (Undefined, ZeroDivisionError, OverflowError, ValueError):
                    found.append(None)
    return found


def agree(first: list[mpf | None], second: list[mpf | None]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(x is None or y is None or close(x, y, 12) for x, y in pairs)


@pytest.mark.parametrize("seed", range(4))
def test_equal_forms_have_equal_values(seed: int) -> None:
    random = Random(seed)
    where = points(seed)
    classes: dict[str, list[tuple[Expression, list[mpf | None]]]] = defaultdict(list)
    met = 0
    for _ in range(300):
        grown = Grower(random).grow((i, j), random.choice([1, 2, 2, 3]))
        session = Normaliser(CONTEXT, False, 3000)
        try:
            form = session.reduced(session.settled(session.read(grown)))
            unfolded = form
            for defined in (V, Z):
                unfolded = session.settled(session.rewrite(unfolded, {}, defined))
            unfolded = session.reduced(unfolded)
        except Unprovable:
            continue
        found = values(grown, where)
        assert agree(found, values(expression(form), where)), (grown, form)
        for key in {form.key, unfolded.key}:
            for other, known in classes[key][:4]:
                met += 1
                assert agree(found, known), (grown, other)
            classes[key].append((grown, found))
    assert met > 20


EDITS = (
    ("a square root of a square", square_root(power(at(a), 2)), at(a)),
    ("a product of roots", square_root(multiply(at(a), power(at(c), 2))), multiply(at(a), at(c))),
    ("a mask", multiply(at(B, i), at(X, i)), at(X, i)),
    ("a transposed factor", sum_over("k", N, lambda k: multiply(at(A, i, k), at(A, k, j))), ZERO),
    (
        "a cycle",
        sum_over(
            "k",
            N,
            lambda k: sum_over(
                "l",
                N,
                lambda m: sum_over(
                    "m", N, lambda n: multiply(at(A, k, m), at(A, m, n), at(A, n, k))
                ),
            ),
        ),
        sum_over(
            "k",
            N,
            lambda k: sum_over(
                "l",
                N,
                lambda m: sum_over(
                    "m", N, lambda n: multiply(at(A, k, m), at(A, k, n), at(A, n, m))
                ),
            ),
        ),
    ),
)


@pytest.mark.parametrize(("name", "left", "right"), EDITS, ids=[name for name, _, _ in EDITS])
def test_near_misses(name: str, left: Expression, right: Expression) -> None:
    reading = Reading(left, right, (i, j), Context())
    assert differs(reading)
    assert not prove(reading, off_kinks=False).closed
