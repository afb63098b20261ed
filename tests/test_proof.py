"""Proofs of the layers, a test for every soundness rule, and wrong claims that must stay open."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from fractions import Fraction
from random import Random

import pytest
from entrywise import Point, Undefined, close
from expression_layers import LAYERS, POSITIVE, ZERO_ONE, Layer, at, index, sum_over, tensor
from mpmath import mpf
from mutations import mutants

from derivcheck.derivation import Reading
from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Context,
    Count,
    Definition,
    Derivative,
    Domain,
    Entry,
    Expression,
    Guard,
    Hypothesis,
    Index,
    Maximum,
    Parameter,
    Positive,
    Power,
    Product,
    Tensor,
    add,
    apply,
    delta,
    divide,
    fresh,
    guard,
    multiply,
    negate,
    number,
    power,
    rational,
    rebuild,
    square_root,
    substitute,
    subtract,
)
from derivcheck.normal_form import Normaliser, expression
from derivcheck.proof import Proof, prove

N, M = Parameter("N"), Parameter("M")
x, y = tensor("x"), tensor("y")
p, q = tensor("p", domain=POSITIVE), tensor("q", domain=POSITIVE)
X, Y, A = tensor("X", N), tensor("Y", N), tensor("A", N, M)
i, j, l = index("i", N), index("j", N), index("l", M)  # noqa: E741


def judged(
    left: Expression, right: Expression, context: Context | None = None, kinks: bool = False
) -> Proof:
    reading = Reading(left, right, (i, j), context or Context())
    return prove(reading, off_kinks=not kinks)


def proved(left: Expression, right: Expression, context: Context | None = None) -> bool:
    return judged(left, right, context).closed


CLAIMS = [(name, variable.name) for name, make in LAYERS.items() for variable in make().gradients]


@pytest.mark.parametrize(("name", "variable"), CLAIMS)
def test_every_gradient_is_proved(name: str, variable: str) -> None:
    layer = LAYERS[name]()
    proof = prove(dict(layer.claims())[variable], off_kinks=True)
    assert proof.closed, proof.reason
    assert (proof.reason, proof.difference) == ("", None)
    assert proof.steps < 2000


@pytest.mark.parametrize("name", ["softmax", "layernorm", "lstm_cell", "attention"])
def test_definitions_substituted(name: str) -> None:
    """The closed form with every name unfolded is the same claim."""
    layer = LAYERS[name]()
    variable = layer.inputs[0] if name != "lstm_cell" else layer.inputs[2]
    _, body = layer.gradients[variable]
    assert prove(layer.claim(variable, unfolded(body, layer.context)), off_kinks=True).closed


def unfolded(whole: Expression, context: Context) -> Expression:
    if isinstance(whole, Entry):
        body = context.unfold(whole)
        return whole if body is None else unfolded(body, context)
    return rebuild(whole, lambda child: unfolded(child, context))


def test_one_claim_is_quick() -> None:
    layer = LAYERS["layernorm"]()
    reading = layer.claim(layer.inputs[0])
    prove(reading, off_kinks=True)
    begun = time.process_time()
    prove(reading, off_kinks=True)
    assert time.process_time() - begun < 0.5


# --- true and false, a near miss beside each ------------------------------------------------------

s = apply("sigmoid", at(x))
TRUE_AND_FALSE: list[tuple[str, Expression, Expression, Expression]] = [
    ("σ′", multiply(s, subtract(ONE, s)), subtract(s, power(s, 2)), subtract(s, power(s, 3))),
    (
        "1 − σ(x) = σ(−x)",
        subtract(ONE, s),
        apply("sigmoid", negate(at(x))),
        apply("sigmoid", at(x)),
    ),
    (
        "tanh x = 2 σ(2x) − 1",
        apply("tanh", at(x)),
        subtract(multiply(rational(2), apply("sigmoid", multiply(rational(2), at(x)))), ONE),
        subtract(multiply(rational(2), apply("sigmoid", at(x))), ONE),
    ),
    (
        "softplus(x) − softplus(−x) = x",
        subtract(apply("softplus", at(x)), apply("softplus", negate(at(x)))),
        at(x),
        negate(at(x)),
    ),
    (
        "sums factor",
        sum_over("k", N, lambda k: sum_over("l", N, lambda m: multiply(at(X, k), at(Y, m)))),
        multiply(sum_over("k", N, lambda k: at(X, k)), sum_over("k", N, lambda k: at(Y, k))),
        sum_over("k", N, lambda k: multiply(at(X, k), at(Y, k))),
    ),
    (
        "1 summed N times",
        sum_over("k", N, lambda k: at(Y, i)),
        multiply(number(N), at(Y, i)),
        at(Y, i),
    ),
    (
        "a delta picks",
        sum_over("k", N, lambda k: multiply(delta(k, i), at(X, k))),
        at(X, i),
        sum_over("k", N, lambda k: at(X, k)),
    ),
    (
        "√8 = 2 √2",
        square_root(rational(8)),
        multiply(rational(2), square_root(rational(2))),
        multiply(rational(4), square_root(rational(2))),
    ),
    (
        "cos² + sin² = 1",
        add(power(apply("cos", at(x)), 2), power(apply("sin", at(x)), 2)),
        ONE,
        at(x),
    ),
    (
        "|x| = relu(x) + relu(−x)",
        apply("abs", at(x)),
        add(apply("relu", at(x)), apply("relu", negate(at(x)))),
        at(x),
    ),
    ("√x² = |x|", square_root(power(at(x), 2)), apply("abs", at(x)), at(x)),
    (
        "max(x, y) + min(x, y) = x + y",
        add(apply("max", at(x), at(y)), apply("min", at(x), at(y))),
        add(at(x), at(y)),
        multiply(rational(2), at(x)),
    ),
    (
        "1/(1+x) + x/(1+x) = 1",
        add(divide(ONE, add(ONE, at(x))), divide(at(x), add(ONE, at(x)))),
        ONE,
        at(x),
    ),
    (
        "a rational sum over two denominators",
        subtract(divide(ONE, subtract(at(x), ONE)), divide(ONE, add(at(x), ONE))),
        multiply(rational(2), power(subtract(at(x), ONE), -1), power(add(at(x), ONE), -1)),
        multiply(power(subtract(at(x), ONE), -1), power(add(at(x), ONE), -1)),
    ),
]


@pytest.mark.parametrize(("name", "left", "right", "wrong"), TRUE_AND_FALSE)
def test_true_and_false(name: str, left: Expression, right: Expression, wrong: Expression) -> None:
    assert judged(left, right, kinks=True).closed, name
    assert not judged(left, wrong, kinks=True).closed, name
    assert not judged(left, multiply(right, rational(Fraction(1000001, 1000000)))).closed, name


# --- soundness rules: each test fails when its rule is taken out ----------------------------------


def test_a_log_of_a_square_needs_a_declared_sign() -> None:
    """log x² = 2 log x fails for x < 0; the reason names the declaration that would settle it."""
    proof = judged(apply("log", power(at(x), 2)), multiply(rational(2), apply("log", at(x))))
    assert not proof.closed
    assert "declare x > 0" in proof.reason
    declared = judged(apply("log", power(at(p), 2)), multiply(rational(2), apply("log", at(p))))
    assert declared.closed
    assert "p > 0" in declared.assumptions


def test_a_log_of_a_product_splits_over_positive_factors_only() -> None:
    split = add(apply("log", at(x)), apply("log", at(y)))
    assert not proved(apply("log", multiply(at(x), at(y))), split)
    split = add(apply("log", at(p)), apply("log", at(y)))
    assert proved(apply("log", multiply(at(p), at(y))), split)


def test_only_positive_factors_leave_a_fractional_power() -> None:
    root = square_root(multiply(at(x), at(y)))
    assert not proved(root, multiply(square_root(at(x)), square_root(at(y))))
    root = square_root(multiply(at(p), at(y)))
    assert proved(root, multiply(square_root(at(p)), square_root(at(y))))
    shifted = add(multiply(at(x), at(y)), multiply(at(x), at(p)))
    outside = multiply(square_root(at(x)), square_root(add(at(y), at(p))))
    assert not proved(square_root(shifted), outside)


def test_a_power_of_a_power_merges_only_where_that_is_true() -> None:
    assert not proved(Power(power(at(x), 2), rational(Fraction(1, 2))), at(x))
    assert proved(Power(power(at(p), 2), rational(Fraction(1, 2))), at(p))
    cube = Power(power(at(x), 6), rational(Fraction(1, 2)))
    assert not proved(cube, power(at(x), 3))


def test_indicators_are_idempotent_for_positive_exponents_only() -> None:
    """δ/δ is δ where δ is 0, not 1."""
    pick = delta(i, j)
    assert proved(multiply(pick, pick), pick)
    assert not proved(multiply(pick, power(pick, -1)), ONE)
    assert not proved(power(pick, -1), pick)
    counted = sum_over("k", N, lambda k: multiply(delta(k, i), power(delta(k, i), -1)))
    assert not proved(counted, number(N))


def test_a_base_that_vanishes_proves_nothing() -> None:
    nothing = subtract(
        apply("exp", add(at(x), at(y))), multiply(apply("exp", at(x)), apply("exp", at(y)))
    )
    proof = judged(power(nothing, -1), power(nothing, -1))
    assert not proof.closed
    assert "identically 0" in proof.reason
    assert not judged(power(nothing, 0), ONE).closed


def test_a_strided_delta_is_no_substitution() -> None:
    """δ(2k, i) has no solution for odd i: Σ_k δ(2k, i) is not 1."""
    strided = sum_over("k", N, lambda k: delta(Affine.of(k) * 2, i))
    assert not proved(strided, ONE)
    assert not proved(strided, guard(Affine.of(N) * 2 - 2 - i))
    unit = sum_over("k", N, lambda k: delta(Affine.of(k) + 1, i))
    assert proved(unit, guard(Affine.of(i) - 1))
    assert not proved(unit, ONE)


def test_an_entry_outside_its_axis_is_0() -> None:
    shifted = sum_over("k", N, lambda k: at(X, Affine.of(k) + 1))
    every = sum_over("k", N, lambda k: at(X, k))
    assert not proved(shifted, every)
    assert not proved(add(shifted, at(X, 1)), every)
    assert proved(at(X, Affine.of(i) + N), ZERO)
    assert proved(at(X, Affine.of(i) - N), ZERO)


def test_extents_of_an_empty_sum_are_not_counted() -> None:
    """Σ over N − 2 values of 1 is N − 2 except at N = 1, where it is 0."""
    short = sum_over("k", Affine.of(N) - 2, lambda k: ONE)
    assert not proved(short, Count(Affine.of(N) - 2))
    assert proved(sum_over("k", Affine.of(N) - 1, lambda k: ONE), Count(Affine.of(N) - 1))


def test_complements_of_a_sign_need_a_function_that_is_rarely_0() -> None:
    def both(f: Expression) -> Expression:
        return add(Positive(f), Positive(negate(f)))

    assert proved(both(at(x)), ONE)
    assert not judged(both(at(x)), ONE, kinks=True).closed
    assert proved(both(add(at(x), at(y))), ONE)
    assert not proved(both(subtract(at(X, i), at(X, j))), ONE)  # 0 at i = j
    mean = divide(sum_over("k", N, lambda k: at(X, k)), number(N))
    assert not proved(both(subtract(at(X, i), mean)), ONE)  # 0 at N = 1
    relus = add(apply("relu", at(x)), apply("relu", at(y)))
    assert not proved(both(relus), ONE)  # 0 on a quadrant
    h = tensor("h")
    context = Context().define(Definition(h, (), apply("relu", at(x))))
    assert not proved(both(multiply(at(y), at(h))), ONE, context)
    assert not proved(both(at(X, Affine.of(i) + 1)), ONE)  # 0 past the end


def test_a_finite_domain_is_idempotent_only_as_declared() -> None:
    T = tensor("T", N, domain=ZERO_ONE)
    proof = judged(power(at(T, i), 2), at(T, i))
    assert proof.closed
    assert proof.assumptions == ("T ∈ {0, 1}",)
    signs = tensor("T", N, domain=Domain(values=(Fraction(-1), Fraction(1)), declared=True))
    assert not proved(power(at(signs, i), 2), at(signs, i))


def test_a_hypothesis_is_used_as_declared_and_named() -> None:
    T = tensor("T", N, M)
    hypothesis = Hypothesis(sum_over("k", M, lambda k: at(T, i, k)), ONE, "Σ_k T_ik = 1")
    context = Context(hypotheses=(hypothesis,))
    whole = sum_over("s", N, lambda n: sum_over("k", M, lambda k: multiply(at(X, n), at(T, n, k))))
    plain = sum_over("s", N, lambda n: at(X, n))
    proof = judged(whole, plain, context)
    assert proof.closed
    assert proof.assumptions == ("Σ_k T_ik = 1",)
    assert not proved(whole, plain)
    columns = sum_over("s", N, lambda n: at(T, n, l))
    assert not proved(columns, ONE, context)
    outside = sum_over("k", M, lambda k: at(T, Affine.of(i) + 1, k))
    assert not proved(outside, ONE, context)
    assert proved(outside, guard(Affine.of(N) - i - 2), context)


def test_a_sign_inside_the_range_says_nothing_outside() -> None:
    """√(p_i²) = p_i inside; with p zero-extended log p_{i+1} is not even defined at the end."""
    positive = tensor("p", N, domain=POSITIVE)
    shifted = at(positive, Affine.of(i) + 1)
    assert proved(square_root(power(at(positive, i), 2)), at(positive, i))
    assert not proved(Positive(shifted), ONE)
    assert not proved(Positive(shifted), ZERO)


def test_symmetric_axes_may_be_swapped_only_if_declared() -> None:
    symmetric = Tensor("A", (Affine.of(N), Affine.of(N)), symmetric=((0, 1),))
    assert proved(at(symmetric, i, j), at(symmetric, j, i))
    plain = tensor("A", N, N)
    assert not proved(at(plain, i, j), at(plain, j, i))


def test_a_maximum_moves_with_a_shift_and_a_positive_factor() -> None:
    k = fresh(index("k", N))
    largest = Maximum((k,), ONE, at(X, k))
    shifted = Maximum((k,), ONE, multiply(at(p), subtract(at(X, k), at(x))))
    assert proved(shifted, multiply(at(p), subtract(largest, at(x))))
    turned = Maximum((k,), ONE, negate(at(X, k)))
    assert not proved(turned, negate(largest))
    assert proved(Positive(subtract(at(X, i), largest)), ZERO)
    assert not proved(Positive(subtract(largest, at(X, i))), ZERO)


def test_a_product_over_an_empty_range_is_1() -> None:
    k = fresh(index("k", Affine.of(N) - 2))
    assert not proved(Product(k, at(p)), Power(at(p), Count(Affine.of(N) - 2)))
    k = fresh(index("k", N))
    assert proved(Product(k, at(p)), Power(at(p), number(N)))


def test_guards_know_the_ranges() -> None:
    assert proved(Guard(Affine.of(i)), ONE)
    assert proved(Guard(Affine.of(N) - i - 1), ONE)
    assert not proved(Guard(Affine.of(N) - i - 2), ONE)
    assert not proved(Guard(Affine.of(i) - j), ONE)


def test_a_guard_and_its_complement_cover_everything() -> None:
    """Σ_j [j ≤ i] x_j + Σ_j [j > i] x_j = Σ_j x_j; with [j < i] the entry at i is missing."""

    def part(condition: Expression, k: Index) -> Expression:
        return multiply(condition, at(X, k))

    lower = sum_over("k", N, lambda k: part(guard(Affine.of(i) - k), k))
    upper = sum_over("k", N, lambda k: part(guard(Affine.of(k) - i - 1), k))
    strict = sum_over("k", N, lambda k: part(guard(Affine.of(i) - k - 1), k))
    every = sum_over("k", N, lambda k: at(X, k))
    assert proved(add(lower, upper), every)
    assert not proved(add(strict, upper), every)


# --- signs of products, and indicators turned round -----------------------------------------------


def mirrored_pairs() -> list[tuple[str, Expression, Expression, bool]]:
    """What [−f > 0] may be beside a factor, and whether that is so, the kink included."""
    f = subtract(at(x), at(y))

    def turned(factor: Expression, argument: Expression) -> tuple[Expression, Expression]:
        left = multiply(factor, Positive(negate(argument)))
        return left, multiply(factor, subtract(ONE, Positive(argument)))

    product = multiply(at(x), at(y))
    return [
        ("x", *turned(at(x), at(x)), True),
        ("another factor", *turned(at(y), at(x)), False),
        ("a product", *turned(product, product), True),
        ("a factor of a product", *turned(at(x), product), False),
        ("a reciprocal", *turned(power(at(x), -1), at(x)), False),
        ("a sum", *turned(f, f), True),
        ("a multiple of a sum", *turned(multiply(f, add(at(x), at(y))), f), True),
        ("a term of a sum", *turned(at(x), f), False),
        ("a sum of other signs", *turned(add(at(x), at(y)), f), False),
        ("a shifted entry", *turned(at(X, shifted), at(X, shifted)), True),
        ("another entry", *turned(at(X, i), at(X, shifted)), False),
    ]


shifted = Affine.of(i) + 1


@pytest.mark.parametrize(("name", "left", "right", "true"), mirrored_pairs())
def test_an_indicator_is_turned_only_beside_what_vanishes_with_it(
    name: str, left: Expression, right: Expression, true: bool
) -> None:
    assert judged(left, right, kinks=True).closed is true, name


def test_the_sign_of_a_product_is_that_of_its_factors() -> None:
    z = tensor("z")
    product = multiply(at(x), at(y), at(z))
    moduli = multiply(*(apply("abs", at(t)) for t in (x, y, z)))
    assert judged(apply("abs", product), moduli, kinks=True).closed
    signs = multiply(*(apply("sign", at(t)) for t in (x, y, z)))
    assert judged(apply("sign", product), signs, kinks=True).closed
    both = multiply(Positive(at(x)), Positive(at(y)))
    assert not judged(Positive(multiply(at(x), at(y))), both, kinks=True).closed
    # An even power is positive off 0 only.
    square = Positive(power(at(x), 2))
    assert not judged(square, ONE, kinks=True).closed
    assert judged(square, ONE).closed
    even = Positive(multiply(power(at(x), 2), at(y)))
    assert not judged(even, Positive(at(y)), kinks=True).closed


SIGNED = [subtract(at(x), at(y)), multiply(at(x), at(y)), power(at(x), 3), negate(at(y)), at(x)]


@pytest.mark.parametrize("seed", range(40))
def test_indicators_keep_their_value(seed: int) -> None:
    """Random sums of products of signs, at points where some inputs are 0 or alike."""
    random = Random(seed)

    def term() -> Expression:
        factors = [Positive(multiply(*random.sample(SIGNED, random.randint(1, 2))))]
        factors += random.sample([*SIGNED, *map(negate, SIGNED)], random.randint(0, 2))
        return multiply(rational(random.randint(1, 3)), *factors)

    whole = add(*(term() for _ in range(4)))
    session = Normaliser()
    form = session.folded(session.read(whole))
    for first, second in itertools.product((-1, 0, 0.5, 2), repeat=2):
        point = Point(0, entries={(x, ()): mpf(first), (y, ()): mpf(second)})
        assert close(point.value(whole), point.value(expression(form)))


# --- sums over part of an axis --------------------------------------------------------------------


def part(cut: int, offset: int, body: Callable[[Affine], Expression]) -> Expression:
    """Σ over 0 ≤ k < N − cut of the body at k + offset."""
    return sum_over("k", Affine.of(N) - cut, lambda k: body(Affine.of(k) + offset))


def whole_sum(body: Callable[[Affine], Expression]) -> Expression:
    return part(0, 0, body)


LAST = Affine.of(N) - 1


@pytest.mark.parametrize("function", ["", "exp", "relu"])
def test_a_sum_that_stops_short_lacks_what_it_leaves_out(function: str) -> None:
    def f(k: Affine) -> Expression:
        return apply(function, at(X, k)) if function else at(X, k)

    every = whole_sum(f)
    short, late = part(1, 0, f), part(1, 1, f)
    assert proved(short, subtract(every, f(LAST)))
    assert proved(late, subtract(every, f(Affine())))
    assert not proved(short, every)
    assert not proved(late, every)
    assert not proved(short, subtract(every, f(Affine())))
    # Two entries are left out only where there are two.
    two = subtract(subtract(every, f(LAST)), f(LAST - 1))
    assert proved(part(2, 0, f), two) is (function != "exp")


def test_terms_off_the_axis_are_lost_only_where_they_are_0() -> None:
    """Σ_k exp(X_{k+1}) over all k has a term exp(0) = 1 at the end."""

    def f(k: Affine) -> Expression:
        return apply("exp", at(X, k))

    late = part(0, 1, f)
    assert not proved(late, subtract(whole_sum(f), f(Affine())))
    assert not proved(part(0, 1, lambda k: power(at(Y, k), 0)), ZERO)


def test_shifted_and_reversed_sums_are_one() -> None:
    def pair(first: int, second: int) -> Expression:
        def body(k: Index) -> Expression:
            return multiply(at(X, Affine.of(k) + first), at(Y, Affine.of(k) + second))

        return sum_over("k", N, body)

    assert proved(pair(0, -1), pair(1, 0))
    assert not proved(pair(0, -1), pair(0, 1))
    assert not proved(pair(0, 0), pair(1, 1))
    assert proved(subtract(pair(0, 0), pair(1, 1)), multiply(at(X, 0), at(Y, 0)))
    backwards = sum_over("k", N, lambda k: multiply(at(X, LAST - k), at(Y, k)))
    assert proved(backwards, sum_over("k", N, lambda k: multiply(at(X, k), at(Y, LAST - k))))
    assert not proved(backwards, pair(0, 0))
    end = sum_over("k", N, lambda k: multiply(at(X, k), at(Y, LAST + k)))
    assert proved(end, multiply(at(X, 0), at(Y, LAST)))
    assert not proved(end, multiply(at(X, LAST), at(Y, LAST)))


def test_guards_beside_entries_are_kept_for_the_rules_that_rest_on_them() -> None:
    """Where guards are written with deltas, an entry off its axis is still no generic one."""
    before = at(X, Affine.of(i) - 1)
    both = add(Positive(before), Positive(negate(before)))
    assert not proved(both, ONE)
    assert proved(both, guard(Affine.of(i) - 1))
    T = tensor("T", N, M)
    hypothesis = Hypothesis(sum_over("k", M, lambda k: at(T, i, k)), ONE, "Σ_k T_ik = 1")
    context = Context(hypotheses=(hypothesis,))
    rows = sum_over("s", N, lambda n: sum_over("k", M, lambda k: at(T, Affine.of(n) - 1, k)))
    assert not proved(rows, number(N), context)
    assert proved(rows, number(Affine.of(N) - 1), context)


# --- what is assumed ------------------------------------------------------------------------------


def test_the_kinks_that_were_left_out_are_named() -> None:
    both = add(Positive(at(x)), Positive(negate(at(x))))
    assert judged(both, ONE).assumptions == ("off the kinks of [x > 0]",)
    slope = Derivative(apply("relu", at(X, i)), at(X, i))
    proof = judged(slope, Positive(at(X, i)))
    assert proof.closed
    assert proof.assumptions == ("off the kinks of [X_i > 0]",)
    smooth = Derivative(apply("tanh", at(x)), at(x))
    assert judged(smooth, subtract(ONE, power(apply("tanh", at(x)), 2))).assumptions == ()


# --- what is said when a proof stays open ---------------------------------------------------------


def test_the_budget_is_a_reason() -> None:
    layer = LAYERS["layernorm"]()
    proof = prove(layer.claim(layer.inputs[0]), off_kinks=True, steps=50)
    assert not proof.closed
    assert "50 rewriting steps" in proof.reason


def test_the_difference_is_what_is_missing() -> None:
    layer = LAYERS["softmax"]()
    (variable,) = layer.inputs
    _, body = layer.gradients[variable]
    wrong = add(body, at(x))
    proof = prove(layer.claim(variable, wrong), off_kinks=True)
    assert not proof.closed
    assert proof.difference == negate(at(x))


def test_deep_input_is_refused_at_once() -> None:
    deep: Expression = at(x)
    for _ in range(3000):
        deep = apply("sin", deep)
    assert "deep" in judged(deep, deep).reason


def test_other_relations_are_not_proved() -> None:
    assert not prove(Reading(ONE, ONE, (), Context()), "\\ne", off_kinks=False).closed


def test_two_tensors_of_one_name_are_not_confused() -> None:
    proof = judged(at(tensor("z", domain=POSITIVE)), at(tensor("z")))
    assert not proof.closed


# --- mutants --------------------------------------------------------------------------------------


def differs(layer: Layer, body: Expression, mutant: Expression, indices: tuple) -> bool:
    for seed, largest in ((1, 2), (2, 3)):
        point = Point(seed, context=layer.context, largest=largest, smallest=2)
        for places in itertools.product(*(range(point.size(i.extent)) for i in indices)):
            here = dict(zip(indices, places, strict=True))
            try:
                if not close(point.value(body, here), point.value(mutant, here)):
                    return True
            except (Undefined, ZeroDivisionError):
                continue
    return False


@pytest.mark.parametrize("name", LAYERS)
def test_mutants_are_not_proved(name: str) -> None:
    """A sample of wrong edits of every closed form, found wrong by entrywise evaluation."""
    layer, random = LAYERS[name](), Random(7)
    tensors = (*layer.context.definitions, *layer.inputs, *layer.cotangents.values())
    every = [
        (variable, edit, mutant)
        for variable, (indices, body) in layer.gradients.items()
        for edit, mutant in mutants(body, indices, tensors)
    ]
    wrong = 0
    for variable, edit, mutant in random.sample(
        every, min(len(every), 6 if name == "lstm_cell" else 12)
    ):
        indices, body = layer.gradients[variable]
        if not differs(layer, body, mutant, indices):
            continue
        wrong += 1
        proof = prove(layer.claim(variable, mutant), off_kinks=True, steps=3000)
        assert not proof.closed, (variable.name, edit)
    assert wrong >= 4


def test_renaming_an_index_of_the_claim_changes_nothing() -> None:
    layer = LAYERS["softmax"]()
    (variable,) = layer.inputs
    (a, b), body = layer.gradients[variable]
    moved = {a: Affine.of(index("t", a.extent)), b: Affine.of(index("l", b.extent))}
    left = Derivative(at(layer.loss), at(variable, *moved.values()))
    reading = Reading(left, substitute(body, moved), (), layer.context)
    assert prove(reading, off_kinks=True).closed
