"""Balls contain what mpmath computes, are exact where they must be, and say what they cannot."""

from fractions import Fraction
from itertools import pairwise

import numpy
import pytest
from claims import CLAIMS
from flint import arb, ctx
from hypothesis import assume, given
from hypothesis import strategies as st
from mpmath import mp, mpf
from oracle import DIGITS, World
from oracle import Undefined as Nowhere
from random_expressions import CONTEXT, SMOOTH, A, M, N, a, at, b, derivatives, expressions, i, j, x

from derivcheck.derivation import Reading
from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Apply,
    Context,
    Count,
    Definition,
    Delta,
    Derivative,
    Domain,
    Entry,
    Function,
    Guard,
    Hypothesis,
    Index,
    Maximum,
    Parameter,
    Positive,
    Power,
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
    square_root,
    subtract,
)
from derivcheck.verdict import Outcome
from derivcheck.witnesses.ball_arithmetic import (
    BudgetExceeded,
    Inconclusive,
    NoValue,
    Sides,
    StandIns,
    Undefined,
    ball_evidence,
    enclose,
)
from derivcheck.witnesses.trial import GENERIC_GRID, Point, sample

NOWHERE = Point({}, {})
t = Tensor("t")
T = Entry(t)


def tensor(name, *extents, domain=None):
    return Tensor(name, tuple(map(Affine.of, extents)), domain or Domain())


def scalar(value):
    return Point({}, {t: numpy.array(float(value))})


def ball_of(expression, point=NOWHERE, context=None, **options):
    return enclose(expression, {}, point, context or Context(), 128, **options)


def contains(enclosure, value, slack=0.0):
    with ctx.workprec(256):
        return abs(enclosure - arb(str(value))).abs_lower() <= slack


# --- against mpmath -------------------------------------------------------------------------------


def _compared(expression, seed, slack):
    extents = {N: 2, M: 3}
    generator = numpy.random.default_rng(seed)
    point = sample((x, A, a, b), extents, CONTEXT, generator, grid=GENERIC_GRID)
    values = {
        t: {place: mpf(float(array[place])) for place in numpy.ndindex(array.shape)}
        for t, array in point.values.items()
    }
    indices = {i: int(generator.integers(0, 2)), j: int(generator.integers(0, 3))}
    with mp.workdps(DIGITS):
        try:
            expected = World(CONTEXT, extents, values).value(expression, indices)
        except (Nowhere, ZeroDivisionError):
            # What mpmath finds undefined must not be given a value.
            with pytest.raises(NoValue):
                enclose(expression, indices, point, CONTEXT, 256)
            return
        assume(mp.isfinite(expected) and abs(expected) < mpf(10) ** 12)
        try:
            found = enclose(expression, indices, point, CONTEXT, 256)
        except (Inconclusive, Undefined):
            # Exact ties and cancellations are rare at generic points, and nothing is claimed.
            assume(False)
        scale = max(1, abs(expected))
        assert contains(found, mp.nstr(expected, DIGITS), float(slack * scale))


@given(expressions(), st.integers(0, 5))
def test_balls_contain_what_mpmath_computes(expression, seed):
    _compared(expression, seed, 1e-38)


@given(derivatives(), st.integers(0, 5))
def test_dual_balls_contain_central_differences(expression, seed):
    _compared(expression, seed, 1e-15)


@pytest.mark.parametrize("name", CLAIMS)
def test_gradients_of_the_layers_are_enclosed_by_their_closed_forms(name):
    evidence = ball_evidence(CLAIMS[name], off_kinks=True)
    assert evidence.outcome is Outcome.MET, evidence
    assert evidence.error < 1e-30


def _named(name, v):
    match name:
        case "sigmoid":
            return 1 / (1 + mp.exp(-v))
        case "softplus":
            return mp.log(1 + mp.exp(v))
        case "arctan":
            return mp.atan(v)
        case _:
            return getattr(mp, name)(v)


@pytest.mark.parametrize("name", [*SMOOTH, "log", "cosh"])
@pytest.mark.parametrize("value", ["0.6875", "1.5"])
def test_every_function_and_its_slopes_are_those_of_mpmath(name, value):
    expression = apply(name, T)
    with mp.workdps(DIGITS):
        for order in range(3):
            expected = mp.diff(lambda v: _named(name, v), mpf(value), order)
            assert contains(ball_of(expression, scalar(value)), mp.nstr(expected, 30), 1e-20)
            expression = Derivative(expression, T)


# --- semantics ------------------------------------------------------------------------------------


def test_a_zero_condition_spares_what_is_undefined():
    undefined = power(ZERO, -1)
    never = Delta(Affine.of(0), Affine.of(1))
    assert ball_of(multiply(undefined, never)).is_zero()
    assert ball_of(multiply(undefined, Guard(Affine.of(-1)))).is_zero()
    assert ball_of(multiply(undefined, Positive(T)), scalar(-1)).is_zero()
    assert ball_of(multiply(undefined, subtract(ONE, Positive(T))), scalar(1)).is_zero()
    # One condition may be 0 where another is undefined.
    assert ball_of(multiply(Positive(undefined), Positive(T)), scalar(-1)).is_zero()
    with pytest.raises(Undefined):
        ball_of(multiply(undefined, T), scalar(0))
    with pytest.raises(Undefined):
        ball_of(multiply(undefined, subtract(rational(1), rational(1))))


def test_definitions_are_not_evaluated_outside_their_axis():
    N = Parameter("N")
    k = fresh(Index("k", Affine.of(N)))
    y = tensor("y", N)
    context = Context({y: Definition(y, (k,), power(Count(Affine.of(N) - k), -1))})
    point = Point({N: 2}, {})
    assert ball_of(at(y, 1), point, context) == 1
    assert ball_of(at(y, 2), point, context).is_zero()
    assert ball_of(at(y, -1), point, context).is_zero()


def test_recurrences_stop_at_their_base_case():
    N = Parameter("N")
    n = fresh(Index("n", Affine.of(N)))
    h = tensor("h", N)
    step = multiply(guard(Affine.of(n) - 1), rational(2), at(h, Affine.of(n) - 1))
    context = Context(
        {h: Definition(h, (n,), add(multiply(Delta(Affine.of(n), Affine.of(0)), T), step))}
    )
    point = Point({N: 5}, {t: numpy.array(3.0)})
    assert ball_of(at(h, 4), point, context) == 48
    assert ball_of(Derivative(at(h, 4), T), point, context) == 16
    # By an entry in the middle: total through the later ones, blind to the earlier ones.
    assert ball_of(Derivative(at(h, 4), at(h, 2)), point, context) == 4
    assert ball_of(Derivative(at(h, 2), at(h, 4)), point, context).is_zero()
    # A recurrence with a sum in its step: the inner sum must not disturb the outer one.
    k = fresh(Index("k", Affine.of(N)))
    body = add(ONE, Sum(k, multiply(guard(Affine.of(n) - k - 1), at(h, k))))
    context = Context({h: Definition(h, (n,), body)})
    assert [ball_of(at(h, m), point, context) for m in range(5)] == [1, 2, 4, 8, 16]


def test_an_undefined_condition_leaves_no_trace_behind():
    N = Parameter("N")
    n, k = fresh(Index("n", Affine.of(N))), fresh(Index("k", Affine.of(N)))
    y = tensor("y", N)
    context = Context({y: Definition(y, (n,), power(subtract(Count(Affine.of(n)), ONE), -1))})
    # Σ_k [Σ_n y_n > 0]·[k − 5 ≥ 0] + k, whose first condition raises midway through a sum.
    inner = multiply(Positive(Sum(n, at(y, n))), Positive(T), ONE)
    expression = Sum(k, add(inner, Count(Affine.of(k))))
    point = Point({N: 4}, {t: numpy.array(-1.0)})
    assert ball_of(expression, point, context) == 6


def test_nested_derivatives_are_told_apart():
    s = tensor("s")
    # d/dt (t · d/ds (t + s)) at s: a confused perturbation gives 2.
    inner = Derivative(add(T, at(s)), at(s))
    point = Point({}, {t: numpy.array(1.0), s: numpy.array(1.0)})
    assert ball_of(Derivative(multiply(T, inner), T), point) == 1
    third = T
    for _ in range(3):
        third = Derivative(third if third is not T else power(T, 5), T)
    assert ball_of(third, scalar(2)) == 240


def test_a_derivative_by_a_defined_tensor_perturbs_it_alone():
    y = tensor("y")
    context = Context({y: Definition(y, (), power(T, 2))})
    assert ball_of(Derivative(multiply(at(y), T), at(y)), scalar(3), context) == 3
    assert ball_of(Derivative(multiply(at(y), T), T), scalar(3), context) == 27


def test_symmetric_tensors_have_two_conventions():
    N = Parameter("N")
    S = Tensor("S", (Affine.of(N), Affine.of(N)), symmetric=((0, 1),))
    form = Derivative(multiply(at(S, 0, 1), at(S, 1, 0)), at(S, 0, 1))
    point = Point({N: 2}, {S: numpy.array([[1.0, 3.0], [3.0, 2.0]])})
    reading = Reading(form, rational(3), (), Context())
    plain, mirrored = (Sides(reading, mirrored=m).at(point).enclose({}) for m in (False, True))
    assert plain.left == 3
    assert mirrored.left == 6


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (Positive(T), 0),
        (power(T, -1), 0),
        (apply("log", T), 0),
        (apply("log", T), -1),
        (square_root(T), -1),
        (Derivative(square_root(T), T), 0),
        (Derivative(apply("relu", T), T), 0),
        (Derivative(apply("abs", T), T), 0),
        (Derivative(Positive(T), T), 0),
        (Derivative(apply("max", T, ZERO), T), 0),
        (Apply(Function("nonsense"), (T,)), 1),
    ],
)
def test_undefined_values_and_kinks_under_derivatives(expression, value):
    if isinstance(expression, Positive):
        assert ball_of(expression, scalar(value)).is_zero()
        with pytest.raises(Undefined):
            ball_of(expression, scalar(value), off_kinks=True)
    else:
        with pytest.raises(Undefined):
            ball_of(expression, scalar(value))


@pytest.mark.parametrize("name", ["sign", "abs", "relu"])
def test_an_entry_less_itself_is_at_no_kink(name):
    bent = apply(name, subtract(T, T))
    assert ball_of(bent, scalar(2), off_kinks=True).is_zero()
    assert ball_of(Derivative(bent, T), scalar(2), off_kinks=True).is_zero()
    # Equal numbers by chance, also where both are 0, are at the kink still.
    N = Parameter("N")
    v = tensor("v", N)
    for number in (0.0, 3.0):
        point = Point({N: 2}, {v: numpy.array([number, number])})
        with pytest.raises(Undefined):
            ball_of(apply(name, subtract(at(v, 0), at(v, 1))), point, off_kinks=True)
        with pytest.raises(Undefined):
            ball_of(Derivative(apply(name, subtract(at(v, 0), at(v, 1))), at(v, 0)), point)


def test_conditions_on_whole_numbers_are_no_kinks():
    m = tensor("m", domain=Domain(values=(Fraction(0), Fraction(1)), declared=True))
    point = Point({}, {m: numpy.array(0.0)})
    assert ball_of(Positive(at(m)), point, off_kinks=True).is_zero()


def test_a_maximum_ranges_over_where():
    N = Parameter("N")
    v = tensor("v", N)
    k = fresh(Index("k", Affine.of(N)))
    point = Point({N: 3}, {v: numpy.array([1.0, 5.0, 2.0])})
    everywhere = Maximum((k,), ONE, at(v, k))
    not_first = Maximum((k,), guard(Affine.of(k) - 2), at(v, k))
    nowhere = Maximum((k,), guard(Affine.of(k) - 7), at(v, k))
    assert ball_of(everywhere, point) == 5
    assert ball_of(not_first, point) == 2
    with pytest.raises(Undefined):
        ball_of(nowhere, point)
    slopes = [ball_of(Derivative(everywhere, at(v, n)), point) for n in range(3)]
    assert slopes == [0, 1, 0]
    tied = Point({N: 3}, {v: numpy.array([5.0, 5.0, 2.0])})
    assert ball_of(everywhere, tied) == 5
    with pytest.raises(Undefined):
        ball_of(Derivative(everywhere, at(v, 0)), tied)


def test_what_a_ball_cannot_decide_is_inconclusive():
    third = divide(ONE, rational(3))
    zero = subtract(add(third, third, third), ONE)
    for expression in (Positive(zero), power(zero, -1), apply("log", zero), square_root(zero)):
        with pytest.raises(Inconclusive):
            ball_of(expression)


def test_powers_over_the_reals():
    assert ball_of(power(T, 0), scalar(0)) == 1
    assert ball_of(Power(T, rational(Fraction(1, 2))), scalar(0)).is_zero()
    assert ball_of(Power(T, rational(-3)), scalar(-2)) == arb(-0.125)
    # An exponent that is a value: whole numbers work on any base, others on a positive one.
    s = tensor("s")
    for exponent, base, expected in ((3.0, -2.0, -8), (0.5, 4.0, 2), (2.0, 0.0, 0)):
        point = Point({}, {t: numpy.array(base), s: numpy.array(exponent)})
        assert contains(ball_of(Power(T, at(s)), point), expected)
    with pytest.raises(Undefined):
        ball_of(Power(T, at(s)), Point({}, {t: numpy.array(-4.0), s: numpy.array(0.5)}))
    slope = ball_of(Derivative(Power(rational(2), T), T), scalar(3))
    assert contains(slope, "5.545177444479562475337856971665412544604", 1e-35)


def test_abstract_functions_are_generic_and_differentiate():
    h = Function("h", abstract=True)
    primed, twice = (Function("h", abstract=True, order=n) for n in (1, 2))
    square = power(T, 2)
    slope = Derivative(Apply(h, (square,)), T)
    chain = multiply(rational(2), T, Apply(primed, (square,)))
    assert ball_of(slope, scalar(0.75)).overlaps(ball_of(chain, scalar(0.75)))
    unchained = Apply(primed, (square,))
    assert not ball_of(slope, scalar(0.75)).overlaps(ball_of(unchained, scalar(0.75)))
    second = Derivative(Derivative(Apply(h, (T,)), T), T)
    assert ball_of(second, scalar(0.75)).overlaps(ball_of(Apply(twice, (T,)), scalar(0.75)))
    g = Function("g", abstract=True)
    assert not ball_of(Apply(g, (T,)), scalar(0.75)).overlaps(ball_of(Apply(h, (T,)), scalar(0.75)))


def test_a_named_function_can_stand_in_for_an_abstract_one():
    h, primed = (Function("h", abstract=True, order=n) for n in (0, 1))
    logistic = multiply(Apply(h, (T,)), subtract(ONE, Apply(h, (T,))))
    reading = Reading(Apply(primed, (T,)), logistic, (), Context())
    named = Sides(reading, stand_ins=StandIns(named={"h": "sigmoid"})).at(scalar(0.5)).enclose({})
    generic = Sides(reading).at(scalar(0.5)).enclose({})
    assert named.left.overlaps(named.right)
    assert generic.separated()


# --- limits ---------------------------------------------------------------------------------------


def test_deep_nesting_exceeds_the_budget_and_nothing_else():
    shallow, deep, wide = T, T, T
    for _ in range(200):
        shallow = apply("sin", shallow)
        wide = apply("max", wide, T)
    for _ in range(5000):
        deep = Apply(Function("sin"), (deep,))
    assert ball_of(shallow, scalar(1)).is_finite()
    assert ball_of(wide, scalar(1)) == 1
    with pytest.raises(BudgetExceeded):
        ball_of(deep, scalar(1))


def test_a_definition_in_a_circle_exceeds_the_budget():
    y = tensor("y")
    with pytest.raises(BudgetExceeded):
        ball_of(at(y), context=Context({y: Definition(y, (), add(at(y), ONE))}))


def test_a_chain_of_definitions_is_evaluated_or_exceeds_the_budget():
    chain = [tensor(f"y{n}") for n in range(2000)]
    definitions = {
        after: Definition(after, (), add(at(before), ONE)) for before, after in pairwise(chain)
    }
    context = Context(definitions)
    point = Point({}, {chain[0]: numpy.array(0.0)})
    assert ball_of(at(chain[30]), point, context) == 30
    with pytest.raises(BudgetExceeded):
        ball_of(at(chain[400]), point, context)


def test_enormous_sums_exceed_the_budget_at_once():
    N = Parameter("N")
    k = fresh(Index("k", Affine.of(N)))
    with pytest.raises(BudgetExceeded):
        ball_of(Sum(k, ONE), Point({N: 10**9}, {}))
    assert ball_of(Sum(k, ONE), Point({N: 10**3}, {})) == 1000


def test_values_too_large_are_inconclusive():
    tower = T
    for _ in range(5):
        tower = apply("exp", tower)
    with pytest.raises(Inconclusive):
        ball_of(tower, scalar(100))


# --- evidence -------------------------------------------------------------------------------------


def _evidence(left, right, relation="=", context=None, **options):
    return ball_evidence(Reading(left, right, (), context or Context()), relation, **options)


def test_evidence_tells_met_from_failed_from_inconclusive():
    square = power(add(T, ONE), 2)
    expanded = add(power(T, 2), multiply(rational(2), T), ONE)
    assert _evidence(square, expanded).outcome is Outcome.MET
    assert _evidence(square, add(expanded, rational(Fraction(1, 10**30)))).outcome is Outcome.FAILED
    never = apply("log", negate(add(ONE, power(T, 2))))
    nothing = _evidence(never, never)
    assert nothing.outcome is Outcome.INCONCLUSIVE
    assert "logarithm" in nothing.note


def test_evidence_needs_a_point_that_meets_the_hypotheses():
    impossible = Hypothesis(power(T, 2), rational(-1), "t² = −1")
    evidence = _evidence(T, T, context=Context({}, (impossible,)))
    assert evidence.outcome is Outcome.INCONCLUSIVE


def test_evidence_keeps_to_the_declared_domain_of_a_defined_tensor():
    y = tensor("y", domain=Domain(lower=Fraction(0), strict_lower=True, declared=True))
    context = Context({y: Definition(y, (), negate(power(T, 2)))})
    assert _evidence(at(y), at(y), context=context).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("relation", "right", "tolerance", "outcome"),
    [
        (r"\approx", "2.72", "0.005", Outcome.MET),
        (r"\approx", "2.71", "0.005", Outcome.FAILED),
        ("=", "2.72", "0.005", Outcome.MET),
        ("<", "3", None, Outcome.MET),
        (r"\ge", "3", None, Outcome.FAILED),
        (r"\ne", "3", None, Outcome.MET),
        (r"\approx", "2.72", None, Outcome.INCONCLUSIVE),
    ],
)
def test_evidence_of_other_relations(relation, right, tolerance, outcome):
    slack = rational(Fraction(tolerance)) if tolerance else None
    found = _evidence(
        apply("exp", ONE), rational(Fraction(right)), relation, tolerance=(None, slack)
    )
    assert found.outcome is outcome


def test_evidence_replays():
    reading = CLAIMS["layernorm X"]
    assert ball_evidence(reading, seed=3) == ball_evidence(reading, seed=3)
    assert "seed=3" in ball_evidence(reading, seed=3).trial


def test_both_sides_of_layer_norm_take_a_thousand_steps_not_a_million():
    reading = CLAIMS["layernorm X"]
    S, M = (next(p for p in Sides(reading).parameters if p.name == name) for name in "SM")
    sides = Sides(reading)
    generator = numpy.random.default_rng(0)
    point = sample(sides.inputs, {S: 5, M: 5}, reading.context, generator, grid=16)
    at_point = sides.at(point)
    for indices in at_point.indices(generator, 25):
        assert not at_point.enclose(indices).separated()
    assert at_point.spent < 30_000
