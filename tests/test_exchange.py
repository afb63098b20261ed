"""SymPy in and out: a round trip keeps the value, and nothing is read as what it is not."""

from __future__ import annotations

import doctest
from fractions import Fraction

import numpy
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_expressions import EPSILON, ROW, SAMPLES, SCALE, SYMBOLS, M, X, at, bound, j, s, value
from sympy import Eq, Function, IndexedBase, KroneckerDelta, Piecewise, symbols

from derivcheck.derivation import Kind
from derivcheck.exchange import (
    ExchangeError,
    Largest,
    building,
    derivation_from_sympy,
    from_sympy,
    source_of,
    tensor_symbol,
    to_sympy,
    vocabulary,
)
from derivcheck.expression import (
    Affine,
    Derivative,
    Entry,
    Expression,
    Parameter,
    Positive,
    Rational,
    Sum,
    Tensor,
    add,
    apply,
    delta,
    free_indices,
    multiply,
    number,
    power,
    rational,
    subtract,
    tensors,
)
from derivcheck.expression import Function as OwnFunction
from derivcheck.witnesses.scalar_evaluation import Scope, evaluate


def test_docstring_examples_hold() -> None:
    for module in (building, vocabulary):
        outcome = doctest.testmod(module)
        assert outcome.attempted > 0
        assert outcome.failed == 0


@pytest.mark.parametrize("name", SAMPLES)
def test_round_trip_keeps_the_value(name: str) -> None:
    original = SAMPLES[name]
    back = from_sympy(to_sympy(original), SYMBOLS)
    assert set(tensors(back)) == set(tensors(original))
    assert set(free_indices(back)) == set(free_indices(original))
    for seed in range(3):
        expected = value(original, seed)
        assert value(back, seed) == pytest.approx(expected, rel=1e-12, abs=1e-14)
    changed = from_sympy(to_sympy(add(original, rational(Fraction(1, 10**9)))), SYMBOLS)
    assert abs(value(changed) - value(original)) > 5e-10


_LEAVES = st.sampled_from(
    [at(ROW, j), at(X, s, j), at(SCALE, j), at(EPSILON), rational(-2), number(M), delta(s, j)]
)


def _sum_over_row(body: Expression) -> Expression:
    index = bound("j")
    return Sum(index, multiply(at(X, s, index), add(at(SCALE, index), body)))


_TREES = st.recursive(
    _LEAVES,
    lambda child: st.one_of(
        st.lists(child, min_size=2, max_size=3).map(lambda found: add(*found)),
        st.lists(child, min_size=2, max_size=3).map(lambda found: multiply(*found)),
        child.map(_sum_over_row),
        child.map(lambda e: power(e, 2)),
        child.map(lambda e: multiply(Positive(e), at(SCALE, j))),
    ),
    max_leaves=6,
)


@given(_TREES)
@settings(max_examples=40)
def test_random_round_trips_keep_the_value(original: Expression) -> None:
    back = from_sympy(to_sympy(original), SYMBOLS)
    assert value(back) == pytest.approx(value(original), rel=1e-11, abs=1e-11)


def test_no_bound_index_leaks() -> None:
    """SymPy's own constructor lets k out of the inner sum here; `to_sympy` does not."""
    exported = to_sympy(SAMPLES["nested guards"])
    (outer_limit,) = exported.limits
    names = {symbol.name for symbol in exported.free_symbols if isinstance(symbol, sympy.Symbol)}
    assert names == {"X", "S", "M"}
    assert exported.func is sympy.Sum
    assert str(outer_limit[0]) == "t"


def test_derivatives_survive_in_both_directions() -> None:
    loss = Tensor("L")
    first = Derivative(Entry(loss), at(X, s, j))
    exported = to_sympy(multiply(first, at(ROW, j)))
    assert exported != 0
    assert from_sympy(to_sympy(first), (*SYMBOLS, loss)) == first
    second = Derivative(first, at(ROW, j))
    assert from_sympy(to_sympy(second), (*SYMBOLS, loss)) == second
    hidden = Tensor("h", X.extents[:1])
    through = Derivative(at(hidden, s), at(X, s, j))
    assert from_sympy(to_sympy(through), (*SYMBOLS, hidden)) == through


def test_abstract_functions_survive() -> None:
    for order in (0, 1, 2):
        original = apply(OwnFunction("h", abstract=True, order=order), at(ROW, j))
        assert from_sympy(to_sympy(original), SYMBOLS) == original


def test_two_tensors_of_one_identifier_stay_apart() -> None:
    first, second = Tensor("W^{f}"), Tensor("W_{f}")
    exported = to_sympy(subtract(Entry(first), Entry(second)))
    assert exported != 0
    assert from_sympy(exported, (first, second)) is not None
    assert set(tensors(from_sympy(exported, (first, second)))) == {first, second}


def test_assumptions_follow_the_domain() -> None:
    assert tensor_symbol(EPSILON).is_positive
    assert tensor_symbol(SCALE)[0].is_positive
    assert tensor_symbol(ROW)[0].is_real
    assert not tensor_symbol(ROW)[0].is_positive


# --- from SymPy ---------------------------------------------------------------------------------

N_, M_ = symbols("N M", integer=True, positive=True)
i_, j_, k_ = symbols("i j k", integer=True)
a_, b_ = IndexedBase("a", shape=(N_,)), IndexedBase("b", shape=(M_,))


def test_sums_from_one_and_from_zero_denote_the_same() -> None:
    zero = from_sympy(sympy.Sum(a_[k_], (k_, 0, N_ - 1)))
    one = from_sympy(sympy.Sum(a_[k_], (k_, 1, N_)))
    assert isinstance(zero, Sum)
    assert isinstance(one, Sum)
    assert (zero.index.base, one.index.base) == (0, 1)
    for found in (zero, one):
        assert found.index.extent == Affine.of(Parameter("N"))
        assert isinstance(found.body, Entry)
        assert found.body.subscripts == (Affine.of(found.index),)


def test_a_free_index_of_a_one_based_axis_counts_from_one() -> None:
    found = from_sympy(a_[i_] * sympy.Sum(a_[k_], (k_, 1, N_)))
    (free,) = free_indices(found)
    assert free.base == 1
    entry = next(t for t in tensors(found))
    assert entry.name == "a"
    alone = from_sympy(a_[i_ + 1] * a_[i_], base=1)
    assert {e.base for e in free_indices(alone)} == {1}


def test_a_partial_range_keeps_its_place() -> None:
    found = from_sympy(sympy.Sum(a_[k_], (k_, 2, N_ - 1)))
    assert isinstance(found, Sum)
    assert found.index.extent == Affine.of(Parameter("N")) - 2
    assert isinstance(found.body, Entry)
    assert found.body.subscripts == (Affine.of(found.index) + 2,)


def test_names_become_canonical_latex() -> None:
    x_hat = IndexedBase("x_hat", shape=(N_,))
    epsilon = sympy.Symbol("epsilon", positive=True)
    found = from_sympy(x_hat[i_] / sympy.sqrt(epsilon))
    assert {t.name for t in tensors(found)} == {r"\hat{x}", r"\epsilon"}
    assert {t.domain.positive for t in tensors(found)} == {False, True}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (IndexedBase("z")[i_], "has no shape"),
        (a_[i_] * b_[i_], "different extents"),
        (sympy.Sum(a_[k_], (k_, 0, N_ - 1)) + sympy.Sum(a_[k_], (k_, 1, N_)), "both 0 and 1"),
        (a_[i_**2] * a_[i_], "not affine"),
        (a_[i_ * j_] * a_[i_] * b_[j_], "not affine"),
        (a_[i_ / 2], "polynomial"),
        (KroneckerDelta(i_, j_), "not known"),
        (sympy.besselj(0, sympy.Symbol("x")), "no counterpart"),
        (sympy.pi * a_[i_], "no counterpart"),
        (sympy.I * a_[i_], "no counterpart"),
        (sympy.Integral(sympy.Symbol("x"), sympy.Symbol("x")), "no counterpart"),
        (Piecewise((1, Eq(a_[i_], 0)), (0, True)), "equality of real numbers"),
    ],
)
def test_what_has_no_counterpart_is_named(expression: sympy.Expr, message: str) -> None:
    with pytest.raises(ExchangeError, match=message):
        from_sympy(expression)


def test_text_is_never_evaluated() -> None:
    with pytest.raises(sympy.SympifyError):
        from_sympy("__import__('os').getcwd()")


def test_piecewise_means_the_first_condition_that_holds() -> None:
    x = sympy.Symbol("x", real=True)
    found = from_sympy(Piecewise((1, x > 1), (2, x > 0), (3, True)))
    for number_, expected in ((2, 1), (Fraction(1, 2), 2), (-1, 3)):
        (tensor,) = tensors(found)
        array = numpy.array(Fraction(number_), dtype=object)
        assert evaluate(found, Scope({}, {tensor: array})) == expected


def test_largest_is_a_maximum() -> None:
    exported = to_sympy(SAMPLES["plain maximum"])
    assert isinstance(exported, Largest)
    assert [str(limit[0]) for limit in exported.limits] == ["k", "t"]


# --- derivations --------------------------------------------------------------------------------

x_, y_ = IndexedBase("x", shape=(N_,)), IndexedBase("y", shape=(N_,))
y_bar = IndexedBase("y_bar", shape=(N_,))


def test_a_derivation_has_the_structure_of_an_elaborated_page() -> None:
    softmax = derivation_from_sympy(
        "softmax",
        inputs=[x_],
        outputs=[y_],
        definitions=[Eq(y_[i_], sympy.exp(x_[i_]) / sympy.Sum(sympy.exp(x_[k_]), (k_, 0, N_ - 1)))],
        gradients={x_[i_]: y_[i_] * (y_bar[i_] - sympy.Sum(y_bar[k_] * y_[k_], (k_, 0, N_ - 1)))},
    )
    assert [item.kind for item in softmax.items] == [Kind.DEFINITION, Kind.CLAIM]
    (x,) = softmax.inputs
    (y,) = softmax.outputs
    assert softmax.cotangents[y].name == r"\bar{y}"
    form = softmax.gradients[x]
    claim = softmax.items[form.item]
    assert claim.link is not None
    assert claim.link.off_kinks
    (reading,) = claim.link.readings
    assert isinstance(reading.left, Derivative)
    assert reading.right == form.body
    assert reading.indices == form.indices
    loss = reading.left.operand
    assert isinstance(loss, Entry)
    unfolded = reading.context.unfold(loss)
    assert isinstance(unfolded, Sum)
    assert softmax.context.depends(loss.tensor, x)
    source = source_of(softmax)
    for item in softmax.items:
        assert source.slice(item.span) == item.latex
        assert source.slice(item.whole).endswith(f" = {item.latex}")
    assert source.position(claim.whole.start).line == 2


def test_a_derivation_says_what_is_wrong_with_it() -> None:
    definition = Eq(y_[i_], x_[i_] ** 2, evaluate=False)
    with pytest.raises(ExchangeError, match="no definition"):
        derivation_from_sympy("f", [x_], [y_], [], {})
    with pytest.raises(ExchangeError, match="twice"):
        derivation_from_sympy("f", [x_], [y_], [definition, definition], {})
    with pytest.raises(ExchangeError, match="bare distinct"):
        derivation_from_sympy("f", [x_], [y_], [Eq(y_[0], x_[0])], {})
    with pytest.raises(ExchangeError, match="equation"):
        derivation_from_sympy("f", [x_], [y_], [x_[i_]], {})
    with pytest.raises(ExchangeError, match="free on the right"):
        derivation_from_sympy("f", [x_], [y_], [definition], {x_[i_]: y_bar[j_]})
    with pytest.raises(ExchangeError, match="differ in shape"):
        derivation_from_sympy("f", [x_], [y_], [definition], {}, cotangents={y_: b_})
    with pytest.raises(ExchangeError, match="used nowhere"):
        derivation_from_sympy("f", [x_], [y_], [definition], {}, statics=[M_])


def test_an_abstract_function_in_a_definition() -> None:
    h = Function("h")
    found = derivation_from_sympy(
        "activation", [x_], [y_], [Eq(y_[i_], h(x_[i_]))], {x_[i_]: y_bar[i_] * h(x_[i_])}
    )
    assert Rational(Fraction(1)) not in found.context.definitions
    assert len(found.gradients) == 1
