"""Wrong links are refuted at points that can be checked; true ones never; charity is given."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

import numpy
import pytest
from claims import CLAIMS, array, entry, link, summed
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import differs
from random_expressions import CONTEXT, expressions, i, j

from derivcheck.derivation import Reading
from derivcheck.expression import (
    ONE,
    ZERO,
    Add,
    Affine,
    Apply,
    Context,
    Definition,
    Derivative,
    Domain,
    Entry,
    Expression,
    Function,
    Hypothesis,
    Index,
    Multiply,
    Parameter,
    Positive,
    Tensor,
    add,
    apply,
    delta,
    divide,
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
from derivcheck.refutation import refute
from derivcheck.refutation.printing import exact_text, nested
from derivcheck.witnesses.ball_arithmetic import enclose
from derivcheck.witnesses.trial import Point, inputs_of, parameters_needed

x, y = Entry(Tensor("x")), Entry(Tensor("y"))
X, Y = (Entry(Tensor(name, domain=Domain(declared=True))) for name in "XY")
N, M = Parameter("N"), Parameter("M")
TINY = 1 + Fraction(1, 10**20)


def refuted(left, right, relation="=", *, context=None, indices=(), **options):
    reading = Reading(left, right, tuple(indices), context or Context())
    return refute(link(reading, relation, **{"off_kinks": False, **options}), reading)


# --- true links -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLAIMS)
def test_true_gradients_are_not_refuted(name):
    assert refute(link(CLAIMS[name]), CLAIMS[name], budget=40_000) is None


def _rewritten(expression: Expression, turn: int) -> Expression:
    """The same value in other clothes: terms reordered, signs doubled, zeros added."""
    result = rebuild(expression, lambda part: _rewritten(part, turn + 1))
    match result:
        case Add(terms):
            return add(*reversed(terms))
        case Multiply(factors) if turn % 2:
            return multiply(rational(-1), *reversed(factors), rational(-1))
        case Entry() | Derivative():
            return result
        case _ if turn % 3 == 0:
            return add(result, negate(ZERO), multiply(rational(2), ZERO))
        case _:
            return result


@settings(max_examples=30)
@given(expressions(), st.integers(0, 3))
def test_true_rewritings_are_never_refuted(expression, turn):
    other = substitute(_rewritten(expression, turn), {i: Affine.of(i)})
    reading = Reading(expression, other, (i, j), CONTEXT)
    assert refute(link(reading, off_kinks=False), reading, budget=2_000) is None


@given(expressions(), expressions())
def test_what_is_refuted_differs_by_brute_force(left, right):
    reading = Reading(left, right, (i, j), CONTEXT)
    found = refute(link(reading), reading, budget=3_000)
    if found is not None:
        # Random pairs differ nearly everywhere; brute force need only not see them agree.
        assert differs(reading) is not False or _only_here(found, reading)


def _only_here(found, reading) -> bool:
    """Whether the printed point itself, evaluated anew, has the printed sides apart."""
    left, right = evaluated(found.counterexample, reading)
    return not left.overlaps(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (subtract(ONE, apply("tanh", X)), subtract(ONE, apply("tanh", X))),
        (power(apply("sigmoid", X), 1), divide(ONE, add(ONE, apply("exp", negate(X))))),
        (power(add(X, Y), 2), add(power(X, 2), multiply(rational(2), X, Y), power(Y, 2))),
        (apply("abs", X), square_root(power(X, 2))),
        (apply("relu", X), multiply(X, Positive(X))),
        (Derivative(apply("relu", X), X), Positive(X)),
        (rational(Fraction(1, 3)), divide(ONE, rational(3))),
        (divide(X, X), ONE),
    ],
)
def test_true_identities_are_not_refuted(left, right):
    assert refuted(left, right) is None


# --- wrong links ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize(
    "wrong",
    [
        lambda right: multiply(rational(TINY), right),
        negate,
        lambda right: multiply(rational(2), right),
        lambda right: add(right, rational(Fraction(1, 10**20))),
        lambda _: ZERO,
    ],
    ids=["relative 1e-20", "sign", "factor 2", "absolute 1e-20", "zero"],
)
def test_wrong_gradients_are_refuted(name, wrong):
    claim = CLAIMS[name]
    bad = replace(claim, right=wrong(claim.right))
    found = refute(link(bad), bad)
    assert found is not None
    assert found.natural_domain == ""
    assert found.counterexample.left != found.counterexample.right


def test_an_error_at_the_edge_of_an_axis_is_found():
    # x_{n+1} zero-extends; the wrong right side does not.
    v = array("v", N)
    n = Index("n", Affine.of(N))
    shifted = entry(v, Affine.of(n) + 1)
    wrapped = add(shifted, multiply(delta(Affine.of(n) + 1, N), entry(v, 0)))
    assert refuted(shifted, wrapped, indices=(n,)) is not None


def test_an_error_that_needs_a_large_extent_is_found():
    # Σ_k k = N (N − 1)/2 against a cubic that agrees for N = 1, 2, 3.
    size = number(N)
    left = summed("k", N, lambda k: number(Affine.of(k)))
    right = divide(multiply(size, subtract(size, ONE)), rational(2))
    bump = multiply(*(subtract(size, rational(n)) for n in (1, 2, 3)))
    assert refuted(left, right) is None
    found = refuted(left, add(right, bump))
    assert found is not None
    assert found.counterexample.extents == {"N": 4}


def test_a_special_value_is_found():
    assert refuted(add(Positive(X), Positive(negate(X))), ONE) is not None
    assert refuted(add(Positive(X), Positive(negate(X))), ONE, off_kinks=True) is None


# --- what is printed ------------------------------------------------------------------------------


def evaluated(counterexample, reading):
    """Both sides at the printed point; tensors that are left out get arbitrary values."""
    names = {p.name: p for p in (N, M, *_parameters(reading))}
    extents = {names[name]: size for name, size in counterexample.extents.items()}
    values = {}
    for tensor in _inputs(reading):
        shape = tuple(e.evaluate(dict(extents)) for e in tensor.extents)
        printed = counterexample.values.get(tensor.name)
        filled = numpy.full(shape, "0.40625" if printed is None else "0", dtype=object)
        if printed is not None:
            filled = numpy.array(printed, dtype=object).reshape(shape)
        values[tensor] = numpy.vectorize(Fraction, otypes=[object])(filled)
    point = Point.of(extents, values)
    indices = {k: counterexample.indices[k.name] - k.base for k in reading.indices}
    sides = (reading.left, reading.right)
    return tuple(enclose(side, indices, point, reading.context, 128) for side in sides)


def _inputs(reading):
    return inputs_of((reading.left, reading.right), reading.context)


def _parameters(reading):
    extents = [index.extent for index in reading.indices]
    return parameters_needed((reading.left, reading.right), reading.context, {}, extents)


@pytest.mark.parametrize("name", CLAIMS)
def test_the_printed_point_is_a_counterexample_whatever_was_left_out(name):
    claim = CLAIMS[name]
    bad = replace(claim, right=multiply(rational(3), claim.right))
    found = refute(link(bad), bad)
    assert found is not None
    left, right = evaluated(found.counterexample, bad)
    assert not left.overlaps(right)
    for side, text in ((left, found.counterexample.left), (right, found.counterexample.right)):
        assert abs(float(side) - float(text)) <= 5.1e-4


def test_layer_norm_without_the_path_through_the_deviation_shrinks_to_two_entries():
    claim = CLAIMS["layernorm X"]
    spread, inner = claim.right.factors
    bad = replace(claim, right=multiply(spread, add(*inner.terms[:2])))
    found = refute(link(bad), bad)
    assert found is not None
    assert found.counterexample.extents == {"S": 1, "M": 2}
    assert r"\beta" not in found.counterexample.values
    numbers = re.findall(r"'(.*?)'", str(list(found.counterexample.values.values())))
    assert set(numbers) <= {"0", "1", "-1"}


def test_inputs_that_do_not_matter_are_left_out():
    found = refuted(add(X, Y), add(X, Y, ONE))
    # The sides move with X and Y although the difference does not: both stay.
    assert set(found.counterexample.values) == {"X", "Y"}
    found = refuted(multiply(X, Y), add(multiply(X, Y), multiply(ZERO, Y), X))
    assert found.counterexample.values["X"] == "1"
    found = refuted(Derivative(multiply(X, Y), X), multiply(rational(2), Y))
    assert set(found.counterexample.values) == {"Y"}


def test_indices_are_printed_in_the_base_of_the_page():
    v = array("v", N)
    from_one = Index("n", Affine.of(N), base=1)
    found = refuted(entry(v, from_one), negate(entry(v, from_one)), indices=(from_one,))
    assert found.counterexample.indices == {"n": 1}


def test_refutations_replay():
    claim = CLAIMS["softmax X"]
    bad = replace(claim, right=negate(claim.right))
    assert refute(link(bad), bad, seed=5) == refute(link(bad), bad, seed=5)


def test_digits_are_those_that_tell_the_sides_apart():
    found = refuted(rational(1), rational(TINY))
    assert found.counterexample.left == "1." + "0" * 20
    assert found.counterexample.right == "1." + "0" * 19 + "1"
    found = refuted(rational(Fraction(-1, 3)), ZERO)
    assert (found.counterexample.left, found.counterexample.right) == ("-0.333", "0.000")
    found = refuted(rational(10**9), rational(Fraction(1, 10**9)))
    assert (found.counterexample.left, found.counterexample.right) == ("1.000e+09", "1.000e-09")


def test_inputs_are_printed_exactly():
    assert exact_text(Fraction(-1, 16)) == "-0.0625"
    assert exact_text(Fraction(2, 3)) == "2/3"
    assert exact_text(Fraction(-7)) == "-7"
    assert nested(numpy.array(Fraction(1, 2), dtype=object)) == "0.5"
    matrix = numpy.array([[Fraction(1), Fraction(0)]], dtype=object)
    assert nested(matrix) == [["1", "0"]]


# --- domains, hypotheses, kinks -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right", "natural"),
    [
        (square_root(power(x, 2)), x, "x > 0"),
        (square_root(power(subtract(ONE, power(x, 2)), 2)), subtract(ONE, power(x, 2)), "|x| < 1"),
        (add(Positive(x), Positive(negate(x))), ONE, r"x \ne 0"),
        (multiply(square_root(power(x, 2)), y), multiply(x, y), "x > 0"),
        (power(add(x, y), 2), add(power(x, 2), power(y, 2)), ""),
        (x, add(x, multiply(x, y)), ""),
    ],
)
def test_a_failure_outside_a_natural_domain_names_it(left, right, natural):
    found = refuted(left, right)
    assert found is not None
    assert found.natural_domain == natural


def test_a_declared_domain_leaves_no_excuse():
    assert refuted(square_root(power(X, 2)), X).natural_domain == ""
    positive = Entry(Tensor("p", domain=Domain(Fraction(0), strict_lower=True, declared=True)))
    assert refuted(square_root(power(positive, 2)), positive) is None


def test_undefined_points_are_no_counterexamples():
    assert refuted(apply("log", power(x, 2)), multiply(rational(2), apply("log", x))) is None
    never = apply("log", negate(add(ONE, power(X, 2))))
    assert refuted(never, add(never, ONE)) is None


def test_hypotheses_are_kept():
    T = Tensor("T", (Affine.of(N),), Domain(values=(Fraction(0), Fraction(1)), declared=True))
    rule = Hypothesis(summed("k", N, lambda m: entry(T, m)), ONE, "one-hot")
    squares = summed("k", N, lambda m: power(entry(T, m), 2))
    assert refuted(squares, ONE, context=Context({}, (rule,))) is None
    assert refuted(squares, ONE) is not None


def test_the_declared_domain_of_a_defined_tensor_is_kept():
    positive = Domain(Fraction(0), strict_lower=True, declared=True)
    r = Tensor("r", domain=positive)
    context = Context({r: Definition(r, (), add(X, Y))})
    claim = (square_root(power(add(X, Y), 2)), add(X, Y))
    with_r = tuple(add(side, subtract(Entry(r), Entry(r))) for side in claim)
    assert refuted(*claim) is not None
    assert refuted(*with_r, context=context) is None


def test_symmetric_tensors_are_given_both_conventions():
    A = Tensor("A", (Affine.of(N), Affine.of(N)), Domain(declared=True), ((0, 1),))
    p, q = Index("p", Affine.of(N)), Index("q", Affine.of(N))
    v = array("v", N)

    def row(a: Index) -> Expression:
        return summed("b", N, lambda b: multiply(entry(v, a), entry(A, a, b), entry(v, b)))

    form = summed("a", N, row)
    slope = Derivative(form, entry(A, p, q))
    plain = multiply(entry(v, p), entry(v, q))
    mirrored = multiply(subtract(rational(2), delta(p, q)), plain)
    assert refuted(slope, plain, indices=(p, q)) is None
    assert refuted(slope, mirrored, indices=(p, q)) is None
    assert refuted(slope, multiply(rational(3), plain), indices=(p, q)) is not None


def test_an_abstract_function_may_be_a_named_one():
    h, primed = (Function("h", abstract=True, order=n) for n in (0, 1))
    logistic = multiply(Apply(h, (X,)), subtract(ONE, Apply(h, (X,))))
    hyperbolic = subtract(ONE, power(Apply(h, (X,)), 2))
    assert refuted(Apply(primed, (X,)), logistic).natural_domain == "h = sigmoid"
    assert refuted(Apply(primed, (X,)), hyperbolic).natural_domain == "h = tanh"
    slope = Derivative(Apply(h, (power(X, 2),)), X)
    assert refuted(slope, Apply(primed, (power(X, 2),))).natural_domain == ""


def test_unknown_tensors_are_reported_only_if_the_difference_moves_with_them():
    assert refuted(multiply(x, Y), Y, unknown=(x.tensor,)).rests_on_unknown
    assert not refuted(add(x, Y), add(x, Y, ONE), unknown=(x.tensor,)).rests_on_unknown
    assert not refuted(Y, negate(Y), unknown=(x.tensor,)).rests_on_unknown


# --- other relations ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "relation", "right", "settled"),
    [
        (power(add(X, ONE), 2), r"\ne", add(power(X, 2), ONE), True),
        (power(X, 2), r"\ne", multiply(X, X), False),
        (power(X, 2), "<", X, True),
        (multiply(rational(2), X, Y), r"\le", add(power(X, 2), power(Y, 2)), False),
        (multiply(rational(2), X, Y), "<", add(power(X, 2), power(Y, 2)), True),
        (apply("exp", X), ">", ZERO, False),
        (apply("tanh", X), r"\geq", ZERO, True),
    ],
)
def test_relations(left, relation, right, settled):
    assert (refuted(left, right, relation) is not None) is settled


@pytest.mark.parametrize(
    ("decimal", "half", "settled"),
    [("2.72", "0.005", False), ("2.71", "0.005", True), ("2.71", None, False)],
)
def test_decimals_are_intervals(decimal, half, settled):
    tolerance = (None, rational(Fraction(half)) if half else None)
    right = rational(Fraction(decimal))
    found = refuted(apply("exp", ONE), right, r"\approx", tolerance=tolerance)
    assert (found is not None) is settled


# --- limits ---------------------------------------------------------------------------------------


def test_a_spent_budget_is_no_refutation_and_no_hang():
    left = summed("k", N, lambda k: number(Affine.of(k)))
    for name in "lmnop":
        inner = left
        left = summed(name, N, lambda k, inner=inner: multiply(inner, number(Affine.of(k))))
    assert (
        refute(
            link(Reading(left, left, (), Context())), Reading(left, left, (), Context()), budget=500
        )
        is None
    )


def test_nesting_too_deep_is_no_refutation():
    deep = X
    for _ in range(3000):
        deep = Apply(Function("tanh"), (deep,))
    assert refuted(deep, ONE) is None
