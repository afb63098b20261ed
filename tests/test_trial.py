"""Points lie in the declared domain, meet the hypotheses exactly, and replay."""

from fractions import Fraction

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivcheck.expression import (
    ONE,
    Affine,
    Context,
    Definition,
    Domain,
    Entry,
    Guard,
    Hypothesis,
    Index,
    Parameter,
    Sum,
    Tensor,
    add,
    apply,
    divide,
    fresh,
    number,
    power,
    rational,
    subtract,
)
from derivcheck.witnesses.trial import (
    GENERIC_GRID,
    Point,
    admissible,
    complete_extents,
    contains,
    entries,
    evaluate_extent,
    inputs_of,
    parameters_needed,
    sample,
    small_extents,
    trial_extents,
)

S, K, H, R, W, u = (Parameter(name) for name in "SKHRWu")
p = Parameter("p", 0)
ZERO_ONE = Domain(values=(Fraction(0), Fraction(1)), declared=True)
s, k = Index("s", Affine.of(S)), fresh(Index("k", Affine.of(K)))


def tensor(name, *extents, domain=None, symmetric=()):
    return Tensor(name, tuple(map(Affine.of, extents)), domain or Domain(), symmetric)


def row_sum(of, target=ONE, exponent=1):
    entry = Entry(of, (Affine.of(s), Affine.of(k)))
    return Hypothesis(Sum(k, power(entry, exponent)), target, "a row's sum")


def draw(tensors, extents, context=None, grid=16, seed=0):
    return sample(tensors, extents, context or Context(), numpy.random.default_rng(seed), grid=grid)


bounds = st.fractions(min_value=-3, max_value=3, max_denominator=8)


@given(
    lower=st.none() | bounds,
    width=st.none() | st.fractions(min_value=Fraction(1, 50), max_value=3, max_denominator=64),
    strict=st.tuples(st.booleans(), st.booleans()),
    excluded=st.lists(st.integers(-2, 2).map(Fraction), max_size=2),
    grid=st.sampled_from((1, 16, GENERIC_GRID)),
    seed=st.integers(0, 3),
)
def test_entries_lie_in_the_domain(lower, width, strict, excluded, grid, seed):
    upper = None if lower is None or width is None else lower + width
    domain = Domain(lower, upper, *strict, excluded=tuple(excluded), declared=True)
    x = tensor("x", K, domain=domain)
    point = draw([x], {K: 7}, grid=grid, seed=seed)
    assert point is not None
    assert all(contains(domain, value) for value in entries(point.exact[x]))
    assert [Fraction(float(v)) for v in point.values[x]] == entries(point.exact[x])


def test_contains_sees_each_kind_of_bound():
    open_unit = Domain(Fraction(0), Fraction(1), True, True)
    assert contains(open_unit, Fraction(1, 2))
    assert not contains(open_unit, Fraction(0))
    assert not contains(open_unit, Fraction(1))
    assert not contains(Domain(integer=True), Fraction(1, 2))
    assert not contains(Domain(excluded=(Fraction(2),)), Fraction(2))
    assert not contains(ZERO_ONE, Fraction(1, 2))


def test_undeclared_tensors_get_both_signs_and_generic_ones_keep_off_zero():
    x = tensor("x", K)
    values = entries(draw([x], {K: 200}, grid=GENERIC_GRID).exact[x])
    assert min(values) < 0 < max(values)
    assert min(map(abs, values)) >= Fraction(1, 8)


def test_small_grid_reaches_zero():
    x = tensor("x", K)
    assert 0 in entries(draw([x], {K: 200}, grid=1).exact[x])


@pytest.mark.parametrize("grid", [1, 16, GENERIC_GRID])
def test_one_hot_rows(grid):
    T = tensor("T", S, K, domain=ZERO_ONE)
    point = draw([T], {S: 4, K: 3}, Context({}, (row_sum(T),)), grid)
    assert numpy.array_equal(point.values[T].sum(axis=1), numpy.ones(4))
    assert set(entries(point.exact[T])) == {0, 1}


@pytest.mark.parametrize("grid", [1, 16, GENERIC_GRID])
@pytest.mark.parametrize(
    "domain", [Domain(), Domain(lower=Fraction(0)), Domain(lower=Fraction(0), strict_lower=True)]
)
@pytest.mark.parametrize("target", [ONE, rational(Fraction(1, 3))])
def test_rows_sum_to_a_constant_exactly(grid, domain, target):
    P = tensor("P", S, K, domain=domain)
    point = draw([P], {S: 2, K: 5}, Context({}, (row_sum(P, target),)), grid)
    assert [sum(row) for row in point.exact[P]] == [target.value, target.value]
    assert all(contains(domain, value) for value in entries(point.exact[P]))


def test_rows_on_a_sphere():
    P = tensor("P", S, K)
    point = draw([P], {S: 2, K: 4}, Context({}, (row_sum(P, ONE, 2),)))
    assert [sum(v * v for v in row) for row in point.exact[P]] == [1, 1]


def test_an_entry_given_by_others_is_computed():
    x, y = tensor("x"), tensor("y")
    rule = Hypothesis(Entry(y), add(power(Entry(x), 2), ONE), "y = x² + 1")
    point = draw([x, y], {}, Context({}, (rule,)))
    assert point.exact[y].item() == point.exact[x].item() ** 2 + 1


def test_a_hypothesis_that_cannot_be_met_rejects_the_point():
    x = tensor("x", domain=Domain(lower=Fraction(0), strict_lower=True))
    never = Hypothesis(add(Entry(x), power(Entry(x), 2)), rational(-1), "x + x² = −1")
    assert draw([x], {}, Context({}, (never,))) is None


def test_admissible_notices_a_broken_hypothesis_and_a_broken_symmetry():
    T = tensor("T", S, K, domain=ZERO_ONE)
    context = Context({}, (row_sum(T),))
    extents = {S: 1, K: 2}
    assert admissible(Point(extents, {T: numpy.array([[0.0, 1.0]])}), context)
    assert not admissible(Point(extents, {T: numpy.array([[1.0, 1.0]])}), context)
    A = tensor("A", K, K, symmetric=((0, 1),))
    assert not admissible(Point({K: 2}, {A: numpy.array([[0.0, 1.0], [2.0, 0.0]])}), Context())


def test_symmetric_tensors_are_symmetric():
    A = tensor("A", K, K, symmetric=((0, 1),))
    array = draw([A], {K: 4}).exact[A]
    assert (array == array.T).all()
    assert len(set(entries(array))) > 1


def test_a_symmetric_tensor_may_have_a_declared_sum():
    A = tensor("A", K, K, domain=Domain(lower=Fraction(0), declared=True), symmetric=((0, 1),))
    i, j = (fresh(Index(name, Affine.of(K))) for name in "ij")
    entry = Entry(A, (Affine.of(i), Affine.of(j)))
    whole = Hypothesis(Sum(i, Sum(j, entry)), ONE, "all entries' sum")
    for extent in (2, 3, 5):
        array = draw([A], {K: extent}, Context({}, (whole,))).exact[A]
        assert (array == array.T).all()
        assert array.sum() == 1
        assert min(entries(array)) >= 0


def test_a_size_that_is_never_1_has_as_many_trials():
    N = Parameter("N")
    least = Hypothesis(Guard(Affine.of(N) - 2), ONE, "N ≥ 2")
    found = trial_extents(
        [N, K], [tensor("x", N, K)], numpy.random.default_rng(0), hypotheses=[least]
    )
    assert len(found) == 3
    assert all(extents[N] >= 2 for extents in found)


def test_a_point_replays_from_its_seed():
    x = tensor("x", S, K)
    first, again = (draw([x], {S: 3, K: 4}, seed=7).values[x] for _ in range(2))
    other = draw([x], {S: 3, K: 4}, seed=8).values[x]
    assert numpy.array_equal(first, again)
    assert not numpy.array_equal(first, other)


def test_inputs_are_found_through_definitions_and_hypotheses():
    x, y, z, w = (tensor(name) for name in "xyzw")
    context = Context(
        {y: Definition(y, (), power(Entry(x), 2))}, (Hypothesis(Entry(x), Entry(z), "x = z"),)
    )
    assert inputs_of([Entry(y), Entry(w)], context) == (x, z, w)


# --- extents --------------------------------------------------------------------------------------


def output_size():
    inner = divide(number(Affine.of(H) + Affine.of(p) * 2 - R), number(u))
    return add(apply("floor", inner), ONE)


def test_evaluate_extent_floors():
    assert evaluate_extent(output_size(), {H: 6, p: 1, R: 3, u: 2}) == 3


@pytest.mark.parametrize("expression", [divide(ONE, rational(2)), number(K), Entry(tensor("x"))])
def test_evaluate_extent_refuses_what_is_no_integer(expression):
    with pytest.raises(ValueError, match=r"not an integer|no value"):
        evaluate_extent(expression, {})


def test_trial_extents_of_a_convolution():
    X, Y = tensor("X", S, K, H), tensor("Y", S, W)
    found = trial_extents(
        [S, K, H, R],
        [X, Y],
        numpy.random.default_rng(0),
        statics=[u, p],
        definitions={W: output_size()},
    )
    assert len(found) == 3
    assert all(complete[W] == evaluate_extent(output_size(), complete) for complete in found)
    assert all(complete[W] >= 2 for complete in found)
    assert found[-1][S] == 1
    assert found[1][u] > 1
    assert found[1][p] > 0
    assert len({found[0][size] for size in (S, K, H, R)}) == 4
    assert len({tuple(complete.values()) for complete in found}) == 3


def test_trial_extents_respect_the_cap_on_entries():
    X = tensor("X", S, K, H, R)
    (only, *_) = trial_extents([S, K, H, R], [X], numpy.random.default_rng(0), entries=300)
    assert numpy.prod(list(only.values())) <= 300


def test_divisibility_defines_the_extent_that_stands_alone():
    M, heads, size = Parameter("M"), Parameter("H"), Parameter("D")
    rule = Hypothesis(number(M), number(Affine.of(heads) * size), "M = H D")
    assert complete_extents({heads: 2, size: 3}, {}, (rule,)) == {heads: 2, size: 3, M: 6}
    X = tensor("X", M)
    needed = parameters_needed([Entry(X, (Affine.of(0),))], Context({}, (rule,)), {})
    assert set(needed) == {M, heads, size}
    found = trial_extents([M, heads, size], [X], numpy.random.default_rng(0), hypotheses=(rule,))
    assert all(c[M] == c[heads] * c[size] for c in found)


def test_extents_below_their_minimum_are_no_assignment():
    assert complete_extents({K: 0}) is None
    assert complete_extents({p: 0}) == {p: 0}
    too_small = subtract(number(H), number(R))
    assert complete_extents({H: 2, R: 2}, {W: too_small}) is None


def test_small_extents_come_in_order_of_their_total():
    found = list(small_extents([S, K, p], limit=20))
    totals = [sum(extents.values()) for extents in found]
    assert found[0] == {S: 1, K: 1, p: 0}
    assert totals == sorted(totals)
    assert len({tuple(extents.values()) for extents in found}) == 20
