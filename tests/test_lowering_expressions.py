"""One expression at a time: what its program computes, and which have none."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import jax
import numpy as np
import pytest
from expression_layers import at, exp, sum_over, tensor
from hypothesis import given, settings
from hypothesis import strategies as st
from lowered import (
    COLUMN,
    INPUTS,
    ROW,
    A,
    B,
    M,
    N,
    P,
    V,
    W,
    bound,
    check,
    single,
    values_of,
)

from derivcheck.codegen import Backend, load
from derivcheck.expression import (
    ONE,
    Affine,
    Definition,
    Expression,
    Function,
    Index,
    Maximum,
    Positive,
    Product,
    Sum,
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
    square_root,
    subtract,
    total,
    within,
)
from derivcheck.lowering import LoweringError, lower
from derivcheck.lowering.translation import KNOWN_FUNCTIONS


def causal_softmax(*masks: Expression) -> Expression:
    """e^a over the sum of those that are not later; where the masks hold."""
    earlier = sum_over("k", N, lambda k: multiply(guard(Affine.of(ROW) - k), exp(at(A, ROW, k))))
    return multiply(*masks, exp(at(A, ROW, COLUMN)), power(earlier, -1))


def not_later(lag: int = 0) -> Expression:
    return guard(Affine.of(ROW) - COLUMN - lag)


def triangular() -> Expression:
    k = Index("k", Affine.of(ROW) + 1, 10_001)
    return Sum(k, at(W, k))


EXPRESSIONS = {
    "broadcast": (lambda: at(W, COLUMN), (ROW, COLUMN)),
    "constant": (lambda: rational(Fraction(2, 3)), (ROW, COLUMN)),
    "extent": (lambda: divide(ONE, number(M)), (ROW,)),
    "index as a number": (lambda: multiply(number(ROW), at(V, ROW)), (ROW,)),
    "transposed": (lambda: at(B, COLUMN, ROW), (ROW, COLUMN)),
    "diagonal mask": (lambda: multiply(delta(ROW, COLUMN), at(A, ROW, COLUMN)), (ROW, COLUMN)),
    "delta summed": (lambda: sum_over("k", M, lambda k: multiply(delta(k, ROW), at(V, k))), (ROW,)),
    "delta of another range": (
        lambda: sum_over("k", N, lambda k: multiply(delta(k, ROW), at(W, k))),
        (ROW,),
    ),
    "delta of another range, undefined outside": (
        lambda: sum_over("k", N, lambda k: multiply(delta(k, ROW), power(at(W, k), -1))),
        (ROW,),
    ),
    "delta inside a bracket": (
        lambda: sum_over(
            "k",
            N,
            lambda k: multiply(at(A, ROW, k), subtract(delta(k, COLUMN), at(W, k)), at(W, COLUMN)),
        ),
        (ROW, COLUMN),
    ),
    "strided delta": (
        lambda: sum_over("k", N, lambda k: multiply(delta(Affine.of(k) * 2, ROW), at(W, k))),
        (ROW,),
    ),
    "matrix product": (
        lambda: sum_over("k", N, lambda k: multiply(at(A, ROW, k), at(B, k, COLUMN))),
        (ROW, COLUMN),
    ),
    "three factors": (
        lambda: total(
            (k := bound("k", N), m := bound("l", M)),
            multiply(at(A, ROW, k), at(B, k, m), at(A, m, COLUMN), at(W, k)),
        ),
        (ROW, COLUMN),
    ),
    "trace": (
        lambda: total((k := bound("k", M), n := bound("n", N)), multiply(at(A, k, n), at(B, n, k))),
        (),
    ),
    "outer product": (lambda: multiply(at(V, ROW), at(W, COLUMN)), (ROW, COLUMN)),
    "sum of nothing": (lambda: sum_over("k", N, lambda k: at(V, ROW)), (ROW,)),
    "empty sum": (lambda: Sum(bound("k", Affine.of(M) - 3), at(V, ROW)), (ROW,)),
    "triangular sum": (triangular, (ROW,)),
    "product": (lambda: Product(k := bound("k", N), add(at(A, ROW, k), ONE)), (ROW,)),
    "constant product": (lambda: Product(bound("k", N), at(V, ROW)), (ROW,)),
    "maximum": (lambda: Maximum((k := bound("k", N),), ONE, at(A, ROW, k)), (ROW,)),
    "masked maximum": (
        lambda: Maximum((k := bound("k", N),), guard(Affine.of(ROW) - k), at(A, ROW, k)),
        (ROW,),
    ),
    "pooling": (
        lambda: Maximum(
            (k := bound("k", Affine.of(2)),),
            within(Affine.of(ROW) * 2 + k - P, M),
            at(V, Affine.of(ROW) * 2 + k - P),
        ),
        (ROW,),
    ),
    "shift": (
        lambda: subtract(at(W, Affine.of(COLUMN) + 1), at(W, Affine.of(COLUMN) - 1)),
        (COLUMN,),
    ),
    "diagonal": (lambda: at(A, ROW, ROW), (ROW,)),
    "first and last": (
        lambda: add(at(A, ROW, Affine()), at(A, ROW, Affine.of(N) - 1), at(A, ROW, Affine.of(7))),
        (ROW,),
    ),
    "reversed": (lambda: at(W, Affine.of(N) - 1 - COLUMN), (COLUMN,)),
    "two sums of letters": (
        lambda: at(A, Affine.of(ROW) + COLUMN, Affine.of(COLUMN) - ROW),
        (ROW, COLUMN),
    ),
    "correlation": (
        lambda: sum_over("k", M, lambda k: multiply(at(V, k), at(W, Affine.of(COLUMN) + k - P))),
        (COLUMN,),
    ),
    "dilated correlation": (
        lambda: sum_over(
            "k",
            M,
            lambda k: multiply(at(V, k), at(W, Affine.of(COLUMN) * 2 + Affine.of(k) * 3 - P)),
        ),
        (COLUMN,),
    ),
    "adjoint of a correlation": (
        lambda: sum_over(
            "k", N, lambda k: multiply(at(W, k), at(V, Affine.of(COLUMN) + P - Affine.of(k) * 2))
        ),
        (COLUMN,),
    ),
    "masked logarithm": (lambda: multiply(Positive(at(V, ROW)), apply("log", at(V, ROW))), (ROW,)),
    "masked sum of logarithms": (
        lambda: sum_over(
            "k",
            N,
            lambda k: multiply(Positive(at(A, ROW, k)), power(at(A, ROW, k), Fraction(1, 2))),
        ),
        (ROW,),
    ),
    "softmax": (
        lambda: divide(exp(at(A, ROW, COLUMN)), sum_over("k", N, lambda k: exp(at(A, ROW, k)))),
        (ROW, COLUMN),
    ),
    "softmax of columns": (
        lambda: divide(exp(at(A, ROW, COLUMN)), sum_over("k", M, lambda k: exp(at(A, k, COLUMN)))),
        (COLUMN, ROW),
    ),
    "softmax of something else": (
        lambda: divide(exp(at(B, COLUMN, ROW)), sum_over("k", N, lambda k: exp(at(A, ROW, k)))),
        (ROW, COLUMN),
    ),
    "softmax over another range": (
        lambda: divide(exp(at(W, COLUMN)), sum_over("k", M, lambda k: exp(at(W, k)))),
        (COLUMN,),
    ),
    "step that may be 0": (
        lambda: sum_over("k", N, lambda k: at(W, Affine.of(ROW) * P + k)),
        (ROW,),
    ),
    "squared softmax": (
        lambda: divide(
            multiply(exp(at(A, ROW, COLUMN)), exp(at(A, ROW, COLUMN))),
            power(sum_over("k", N, lambda k: exp(at(A, ROW, k))), 2),
        ),
        (ROW, COLUMN),
    ),
    "causal softmax": (lambda: causal_softmax(not_later()), (ROW, COLUMN)),
    "causal softmax of some": (lambda: causal_softmax(not_later(), not_later(1)), (ROW, COLUMN)),
    "causal softmax of others too": (lambda: causal_softmax(not_later(-1)), (ROW, COLUMN)),
    "causal softmax of all": (causal_softmax, (ROW, COLUMN)),
    "log-sum-exp": (
        lambda: apply("log", sum_over("k", N, lambda k: exp(multiply(at(W, k), at(V, ROW))))),
        (ROW,),
    ),
    "log of a softmax": (
        lambda: apply(
            "log", divide(exp(at(A, ROW, COLUMN)), sum_over("k", N, lambda k: exp(at(A, ROW, k))))
        ),
        (ROW, COLUMN),
    ),
    "sigmoid spelled out": (
        lambda: power(add(ONE, exp(negate(at(V, ROW)))), -1),
        (ROW,),
    ),
    "1 - sigmoid spelled out": (
        lambda: divide(exp(negate(at(V, ROW))), add(ONE, exp(negate(at(V, ROW))))),
        (ROW,),
    ),
    "softplus spelled out": (lambda: apply("log", add(ONE, exp(at(V, ROW)))), (ROW,)),
    "log sigmoid": (lambda: apply("log", apply("sigmoid", at(V, ROW))), (ROW,)),
    "log 1 - sigmoid": (
        lambda: apply("log", subtract(ONE, apply("sigmoid", at(V, ROW)))),
        (ROW,),
    ),
    "tanh spelled out": (
        lambda: divide(
            subtract(exp(at(V, ROW)), exp(negate(at(V, ROW)))),
            add(exp(at(V, ROW)), exp(negate(at(V, ROW)))),
        ),
        (ROW,),
    ),
    "complement of a mask": (
        lambda: multiply(subtract(ONE, Positive(at(V, ROW))), at(V, ROW)),
        (ROW,),
    ),
    "roots of extents": (lambda: divide(at(V, ROW), square_root(number(N))), (ROW,)),
    "functions of constants": (
        lambda: add(apply("sigmoid", ONE), apply("max", number(M), number(N)), at(V, ROW)),
        (ROW,),
    ),
    "power with an exponent": (lambda: power(exp(at(V, ROW)), at(V, ROW)), (ROW,)),
}


def test_a_masked_softmax_sums_to_one_however_large_its_arguments() -> None:
    """e^{a − log Σ e^b} loses the digits of the sum that its size takes."""
    page = single(causal_softmax(not_later()), ROW, COLUMN)
    compiled = load(lower(page), "numpy")
    assert "softmax(where(" in compiled.source
    generator = np.random.default_rng(0)
    square = (3e4 + generator.normal(size=(5, 4))).astype(np.float32)
    row, column = np.zeros(5, np.float32), np.zeros(4, np.float32)
    (found,), _ = compiled.forward(square, square.T, row, column, p=0)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=3e-7)


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression(name: str) -> None:
    body, indices = EXPRESSIONS[name]
    check(body(), *indices)


@pytest.mark.parametrize(
    "name",
    sorted(KNOWN_FUNCTIONS - {"log", "max", "min"}),
)
def test_scalar_function(name: str) -> None:
    check(apply(name, at(A, ROW, COLUMN)), ROW, COLUMN)


def test_definitions_of_exponentials_are_seen_through() -> None:
    """A page that names E = e^A and Z = Σ E still gets a softmax that does not overflow."""
    exponential = Tensor("E", A.extents)
    row = Tensor("Z", (A.extents[0],))
    i, j = fresh(ROW), fresh(COLUMN)
    definitions = (
        Definition(exponential, (i, j), exp(at(A, i, j))),
        Definition(row, (i,), sum_over("k", N, lambda k: at(exponential, i, k))),
    )
    body = divide(at(exponential, ROW, COLUMN), at(row, ROW))
    check(body, ROW, COLUMN, definitions=definitions)
    forward = load(lower(single(body, ROW, COLUMN, definitions=definitions)), "numpy").forward
    huge = np.array([[1e4, 0.0], [-1e4, 1e4]], np.float32)
    (found,), _ = forward(huge, huge.T, huge[0], huge[0], p=0)
    np.testing.assert_array_equal(found, np.array([[1, 0], [0, 1]], np.float32))


# --- random expressions -------------------------------------------------------------------------


def _leaves(rows: list[Index], columns: list[Index]) -> list[Expression]:
    leaves: list[Expression] = [rational(2), rational(Fraction(-1, 3)), number(M)]
    for i in rows:
        leaves += [
            at(V, i),
            number(i),
            at(W, i),
            at(V, Affine.of(i) - 1),
            at(V, Affine.of(M) - i - P),
        ]
        for j in columns:
            leaves += [at(A, i, j), at(B, j, i), delta(i, j), guard(Affine.of(j) * 2 - i)]
            leaves += [at(W, Affine.of(i) * 2 + j - P), at(A, j, i)]
    for j in columns:
        leaves += [at(W, j), at(V, j), Positive(at(W, j))]
    return leaves


@st.composite
def expressions(draw: st.DrawFn, rows: list[Index], columns: list[Index], depth: int) -> Expression:
    if depth == 0:
        return draw(st.sampled_from(_leaves(rows, columns)))

    def inner(r: list[Index] = rows, c: list[Index] = columns) -> Expression:
        return draw(expressions(r, c, depth - 1))

    match draw(
        st.sampled_from(["leaf", "add", "multiply", "multiply", "sum", "sum", "power", "f", "max"])
    ):
        case "add":
            return add(inner(), inner(), *([inner()] if draw(st.booleans()) else []))
        case "multiply":
            return multiply(inner(), inner(), *([inner()] if draw(st.booleans()) else []))
        case "sum":
            if draw(st.booleans()):
                k = bound("k", M)
                return Sum(k, multiply(inner([*rows, k]), inner([k])))
            k = bound("l", N)
            return Sum(k, multiply(inner(rows, [*columns, k]), inner(rows, [k])))
        case "power":
            exponent = draw(st.sampled_from([2, -1, Fraction(1, 2), Fraction(-1, 2), -2, 3]))
            base = inner()
            return power(add(power(base, 2), ONE) if exponent != 2 else base, exponent)
        case "f":
            return apply(draw(st.sampled_from(["tanh", "sigmoid", "sin", "relu", "abs"])), inner())
        case "max":
            k = bound("k", N)
            return Maximum((k,), ONE, inner(rows, [*columns, k]))
        case _:
            return inner()


def check_random(body: Expression, backend: Backend) -> None:
    page = single(body, ROW, COLUMN)
    oracle = values_of(page, {M: 2, N: 3, P: 1})
    wanted = oracle.tensor(page, page.outputs[0])
    inputs = [oracle.arrays[t] for t in INPUTS]
    finite = np.isfinite(wanted)
    forward = partial(load(lower(page), backend).forward, p=1)
    with jax.enable_x64(True), np.errstate(all="ignore"):
        (found,), _ = (jax.jit(forward) if backend == "jax" else forward)(*inputs)
    np.testing.assert_allclose(np.asarray(found)[finite], wanted[finite], rtol=1e-8, atol=1e-8)


@given(expressions([ROW], [COLUMN], 3))
def test_random_expressions_mean_what_they_mean(body: Expression) -> None:
    check_random(body, "numpy")


@settings(max_examples=6)
@given(expressions([ROW], [COLUMN], 3))
def test_random_expressions_mean_the_same_in_jax(body: Expression) -> None:
    check_random(body, "jax")


# --- what has no program ------------------------------------------------------------------------


def test_an_abstract_function_has_no_program() -> None:
    with pytest.raises(LoweringError, match="h is an abstract function"):
        lower(single(apply(Function("h", abstract=True), at(V, ROW)), ROW))


def test_a_definition_through_itself_has_no_program() -> None:
    state = Tensor("h", V.extents)
    definition = Definition(state, (ROW,), at(state, Affine.of(ROW) - 1))
    with pytest.raises(LoweringError, match="h is defined through itself"):
        lower(single(at(state, ROW), ROW, definitions=(definition,)))


def test_an_undeclared_tensor_has_no_program() -> None:
    with pytest.raises(LoweringError, match="Q is neither an input nor defined"):
        lower(single(at(tensor("Q", M), ROW), ROW))
