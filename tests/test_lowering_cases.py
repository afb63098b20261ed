"""How choices, conditions and constants read in code; that they mean the same is tested too."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import jax
import numpy as np
import pytest
from expression_layers import at, exp
from lowered import BACKENDS, COLUMN, ROW, A, M, V, W, check, single

from derivcheck import load as registered
from derivcheck.codegen import Backend, load
from derivcheck.derivation import ClosedForm
from derivcheck.expression import (
    MINUS_ONE,
    ONE,
    PI,
    Affine,
    Definition,
    Delta,
    Expression,
    Index,
    Positive,
    Tensor,
    add,
    apply,
    divide,
    fresh,
    multiply,
    negate,
    power,
    rational,
    subtract,
)
from derivcheck.lowering import building, lower
from derivcheck.lowering.array import Variable
from derivcheck.lowering.cases import two_sided

v, w, a = at(V, ROW), at(W, COLUMN), at(A, ROW, COLUMN)
SECOND = fresh(ROW)


def above(bound: int) -> Expression:
    return Positive(add(v, rational(-bound)) if bound else v)


def below(bound: int) -> Expression:
    return Positive(negate(subtract(v, rational(bound))))


def without(mask: Expression) -> Expression:
    return subtract(ONE, mask)


def either(mask: Expression, value: Expression, otherwise: Expression) -> Expression:
    return add(multiply(mask, value), multiply(without(mask), otherwise))


def sigmoid(argument: Expression) -> Expression:
    return power(add(ONE, exp(negate(argument))), -1)


CODE: dict[str, tuple[Expression, str]] = {
    "two sides": (either(above(0), v, multiply(rational(2), v)), "where(v > 0, v, 2 * v)"),
    "a number on one side": (either(above(0), ONE, v), "where(v > 0, 1, v)"),
    "numbers on both sides": (
        either(above(0), ONE, rational(2)),
        "where(v > 0, np.asarray(1, dtype), 2)",
    ),
    "a further term": (
        add(either(above(0), ONE, v), apply("tanh", v)),
        "where(v > 0, 1, v) + np.tanh(v)",
    ),
    "three sides": (
        either(above(-1), either(below(1), v, ONE), MINUS_ONE),
        "where(v > -1, where(v < 1, v, 1), -1)",
    ),
    "a side by itself": (multiply(without(above(0)), v), "where(v > 0, 0, v)"),
    "a guarded exponential": (
        either(above(0), v, subtract(exp(v), ONE)),
        "where(v > 0, v, np.expm1(np.minimum(v, 0)))",
    ),
    "distributed over a variable": (
        multiply(v, either(above(0), ONE, rational(Fraction(1, 4)))),
        "where(v > 0, v, 0.25 * v)",
    ),
    "two variables compared": (
        multiply(Positive(subtract(power(v, 2), v)), v),
        "v * (v**2 > v)",
    ),
    "a negative one": (multiply(Positive(negate(v)), v), "v * (v < 0)"),
    "e^x - 1": (subtract(exp(v), ONE), "np.expm1(v)"),
    "1 - e^x": (subtract(ONE, exp(v)), "-np.expm1(v)"),
    "2 - e^x": (subtract(rational(2), exp(v)), "2 - np.exp(v)"),
    "log(1 + x)": (apply("log", add(ONE, power(v, 2))), "np.log1p(v**2)"),
    "log(1 - x)": (apply("log", subtract(ONE, v)), "np.log1p(-v)"),
    "log(2 + x)": (apply("log", add(rational(2), v)), "np.log(v + 2)"),
    "cube": (power(v, 3), "v * v * v"),
    "one over a cube": (power(v, -3), "1 / (v * v * v)"),
    "pi": (multiply(v, PI), "math.pi * v"),
    "root of two pi": (
        divide(v, power(multiply(rational(2), PI), Fraction(1, 2))),
        "v / math.sqrt(2 * math.pi)",
    ),
    "logarithm of two exponentials": (
        apply("log", add(exp(v), exp(power(v, 2)))),
        "v + softplus(v**2 - v)",
    ),
    "logarithm of a hyperbolic cosine": (
        apply("log", apply("cosh", v)),
        "v + softplus(-v - v) - math.log(2)",
    ),
    "share of two exponentials": (
        divide(exp(v), add(exp(v), exp(power(v, 2)))),
        "sigmoid(v - v**2)",
    ),
    "minus a mean of minuses": (
        negate(add(negate(v), negate(power(v, 2)))),
        "v + v**2",
    ),
}


def line_of(body: Expression, *definitions: Definition) -> str:
    text = load(lower(single(body, ROW, definitions=definitions)), "numpy").source
    return next(line for line in text.split("\n") if line.startswith("    Y = ")).strip()


@pytest.mark.parametrize("name", CODE)
def test_code(name: str) -> None:
    body, wanted = CODE[name]
    assert line_of(body) == f"Y = {wanted}"
    check(body, ROW)


def test_equality_of_what_is_neither_above_nor_below() -> None:
    body = multiply(without(Positive(subtract(a, w))), without(Positive(negate(subtract(a, w)))), a)
    text = load(lower(single(body, ROW, COLUMN)), "numpy").source
    assert "    Y = A * (A == w)" in text
    check(body, ROW, COLUMN)


def test_a_definition_that_only_scales_joins_a_product() -> None:
    """Unless something else reads it too, or it is no factor."""
    h = Definition(Tensor("h", V.extents), (SECOND,), divide(at(V, SECOND), rational(3)))
    half = at(h.tensor, ROW)
    product = multiply(rational(2), half, apply("tanh", v))
    assert line_of(product, h) == "Y = 2 * v / 3 * np.tanh(v)"
    check(product, ROW, definitions=(h,))
    for kept in (add(product, exp(half)), add(half, apply("tanh", v))):
        text = load(lower(single(kept, ROW, definitions=(h,))), "numpy").source
        assert "    h = v / 3\n" in text
        check(kept, ROW, definitions=(h,))


def named_sigmoid() -> Definition:
    return Definition(Tensor("s", V.extents), (SECOND,), sigmoid(at(V, SECOND)))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_logarithm_of_one_minus_a_named_sigmoid(backend: Backend) -> None:
    s = named_sigmoid()
    body = apply("log", subtract(ONE, at(s.tensor, ROW)))
    assert line_of(body, s) == "Y = -softplus(v)"
    check(body, ROW, definitions=(s,))
    forward = load(lower(single(body, ROW, definitions=(s,))), backend).forward
    huge = np.array([1e4, 40.0, -1e4], np.float32)
    square = np.zeros((3, 3), np.float32)
    (found,), _ = forward(square, square, huge, huge, p=0)
    np.testing.assert_allclose(found, [-1e4, -40, 0])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["two sides", "numbers on both sides", "three sides"])
def test_choices_stay_in_single_precision(name: str, backend: Backend) -> None:
    compiled = load(lower(single(CODE[name][0], ROW)), backend)
    row = np.array([0.5, -0.5, 2.0], np.float32)
    square = np.zeros((3, 3), np.float32)
    with jax.enable_x64(True):
        (found,), _ = compiled.forward(square, square, row, row, p=0)
    assert np.asarray(found).dtype == np.float32


def test_what_may_overflow_is_chosen_and_not_multiplied_by_a_mask() -> None:
    assert line_of(multiply(above(0), exp(v))) == "Y = where(v > 0, np.exp(np.maximum(v, 0)), 0)"
    e = Definition(Tensor("e", V.extents), (SECOND,), power(at(V, SECOND), -1))
    body = multiply(above(0), at(e.tensor, ROW))
    assert line_of(body, e) == "Y = where(v > 0, e, 0)"
    forward = load(lower(single(body, ROW, definitions=(e,))), "numpy").forward
    square, row = np.zeros((2, 2)), np.array([0.0, 2.0])
    with np.errstate(divide="ignore"):
        (found,), _ = forward(square, square, row, row, p=0)
    np.testing.assert_array_equal(found, [0, 0.5])


def test_one_mask_serves_both_directions() -> None:
    """Neither a mask nor its negation is kept where the input is: both are cheap."""
    page = single(either(above(0), v, subtract(exp(v), ONE)), ROW)
    (output,) = page.outputs
    cotangent = at(page.cotangents[output], ROW)
    slope = multiply(cotangent, either(above(0), ONE, exp(v)))
    gradient = ClosedForm(V, (ROW,), slope, 0)
    program = lower(replace(page, gradients={V: gradient}))
    assert program.residuals == ("v",)
    text = load(program, "numpy").source
    assert "~" not in text
    assert "v_bar = where(v > 0, Y_bar, np.exp(np.minimum(v, 0)) * Y_bar)" in text


PLACE = Index("p", Affine.of(2), 9)


def laid(place: int, value: Expression) -> Expression:
    return multiply(Delta(Affine.of(PLACE), Affine.of(place)), value)


def test_terms_for_each_place_of_an_axis_are_stacked() -> None:
    body = add(laid(1, power(v, 2)), laid(0, v), laid(1, v))
    text = load(lower(single(body, ROW, PLACE)), "numpy").source
    assert "    Y = np.stack([v, v**2 + v], axis=1)" in text
    check(body, ROW, PLACE)
    check(body, PLACE, ROW)


@pytest.mark.parametrize(
    "body",
    [
        add(laid(0, v), power(v, 2)),
        add(laid(0, v), laid(0, power(v, 2))),
        add(laid(0, v), laid(1, ONE)),
    ],
    ids=["a term everywhere", "a place without a term", "layers of two shapes"],
)
def test_what_does_not_fill_an_axis_is_masked(body: Expression) -> None:
    assert "stack" not in load(lower(single(body, ROW, PLACE)), "numpy").source
    check(body, ROW, PLACE)


def test_no_choice_without_two_sides() -> None:
    mask = above(0)
    assert two_sided((v, multiply(mask, v))) is None
    assert two_sided((ONE, negate(mask))) is None
    choice = two_sided((ONE, negate(mask), multiply(mask, v)))
    assert choice is not None
    assert (choice.value, choice.otherwise, choice.rest) == ((v,), (ONE,), ())


@pytest.mark.parametrize(
    ("mask", "name"),
    [
        (above(0), "v_positive = v > 0"),
        (below(1), "v_below = v < 1"),
        (above(2), "v_above = v > 2"),
    ],
)
def test_masks_are_called_after_what_they_say(mask: Expression, name: str) -> None:
    body = multiply(either(mask, apply("tanh", v), v), either(mask, v, apply("sin", v)))
    assert f"    {name}\n" in load(lower(single(body, ROW)), "numpy").source


def test_a_contraction_keeps_the_order_of_the_operand_that_has_every_letter() -> None:
    g, d = Index("g", Affine.of(M), 7), Index("d", Affine.of(M), 8)
    weights, values = Variable((g, d), "gamma"), Variable((ROW, g, d), "Y")
    found = building.contract((g, ROW, d), [weights, values], {d})
    assert found.axes == (ROW, g)


def test_sums_with_coefficients_are_taken_apart_and_shared() -> None:
    text = registered("elastic_net").code("numpy")
    forward, pullback = text.split("def pullback")
    assert "w_sum = np.abs(w).sum()" in forward
    assert "w_w = w @ w" in forward
    assert ".sum()" not in pullback


def test_a_matrix_is_not_turned_to_meet_a_vector() -> None:
    text = registered("least_squares_hessian").code("jax")
    assert "X @ w" in text
    assert "r @ X" in text


def test_a_number_in_a_sum_stays_with_what_it_cancels() -> None:
    divergence = registered("gaussian_kl")
    small = np.full((3, 5), 1e-9)
    (_, D), _ = divergence.forward(small, small, small)
    exact = 5 / 2 * (1e-18 + 1e-18 / 2)  # the series of mu^2 + e^rho - 1 - rho
    np.testing.assert_allclose(D, np.full(3, exact), rtol=1e-6)
    text = divergence.code("numpy")
    assert "expm1(" in text.split("def pullback")[0]
    assert "expm1(" not in text.split("def pullback")[1]
