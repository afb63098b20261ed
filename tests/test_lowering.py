"""Array programs mean what the expressions mean, entry by entry, and keep their digits."""

from __future__ import annotations

from fractions import Fraction
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brute_force import BruteForce
from expression_layers import LAYERS, Layer, at, exp, index, sum_over, tensor
from hypothesis import given, settings
from hypothesis import strategies as st

from derivcheck.codegen import Backend, Compiled, load
from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.expression import (
    ONE,
    Affine,
    Context,
    Definition,
    Expression,
    Function,
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
from derivcheck.lowering import LoweringError, Program, lower
from derivcheck.lowering.translation import KNOWN_FUNCTIONS

BACKENDS: tuple[Backend, ...] = ("numpy", "jax")


def derivation_of(layer: Layer) -> Derivation:
    """What elaboration would make of a page with this layer."""
    return Derivation(
        name=layer.name,
        title=layer.name.replace("_", " ").capitalize(),
        summary="",
        inputs=tuple(layer.inputs),
        outputs=tuple(layer.outputs) or (layer.loss,),
        cotangents=layer.cotangents,
        context=layer.context,
        statics=tuple(layer.statics),
        extents=_output_sizes(layer),
        gradients={
            variable: ClosedForm(variable, indices, body, 0)
            for variable, (indices, body) in layer.gradients.items()
        },
    )


def _output_sizes(layer: Layer) -> dict[Parameter, Expression]:
    """T = ⌊(I + 2p − R) / u⌋ + 1 for a convolution."""
    if not layer.name.startswith("conv2d"):
        return {}
    X, W, _ = layer.inputs
    (output,) = layer.outputs
    u, p = layer.statics
    sizes: dict[Parameter, Expression] = {}
    for axis in (2, 3):
        span = number(X.extents[axis] + Affine.of(p) * 2 - W.extents[axis])
        atom = output.extents[axis].atom
        assert isinstance(atom, Parameter)
        sizes[atom] = add(apply("floor", divide(span, number(u))), ONE)
    return sizes


@cache
def derivation(name: str) -> Derivation:
    return derivation_of(LAYERS[name]())


@cache
def program(name: str) -> Program:
    return lower(derivation(name))


@cache
def compiled(name: str, backend: Backend) -> Compiled:
    return load(program(name), backend)


CONVOLUTIONS = ({"u": 2, "p": 1}, {"u": 1, "p": 0}, {"u": 3, "p": 2})
SIZES = {"S": 3, "M": 5, "K": 4, "N": 2, "H": 3, "D": 7, "C": 3, "F": 2, "I": 5, "J": 4, "R": 3}
SIZES |= {"Q": 2, "T": 5, "V": 2}


def sizes_of(page: Derivation, **statics: int) -> dict[Parameter, int]:
    """Pairwise different small sizes; a convolution's outputs from the rest."""
    found: dict[Parameter, int] = {}
    tensors = (*page.inputs, *page.context.definitions)
    for each in tensors:
        for extent in each.extents:
            found.update({a: SIZES[a.name] for a in extent.atoms() if isinstance(a, Parameter)})
    found.update({parameter: statics[parameter.name] for parameter in page.statics})
    oracle = BruteForce(found)
    for parameter, formula in page.extents.items():
        floored = formula.terms[0].arguments[0]
        found[parameter] = int(np.floor(oracle.value(floored, {}) + 1e-9)) + 1
    return found


def values_of(page: Derivation, sizes: dict[Parameter, int], seed: int = 0) -> BruteForce:
    """Inputs and cotangents of mixed signs, positive where the page says so."""
    generator = np.random.default_rng(seed)
    oracle = BruteForce(sizes)
    for each in (*page.inputs, *page.cotangents.values()):
        shape = tuple(oracle.integer(extent, {}) for extent in each.extents)
        values = generator.normal(size=shape)
        oracle.arrays[each] = np.abs(values) + 0.5 if each.domain.positive else values
    return oracle


def run(name: str, backend: Backend, oracle: BruteForce, dtype: type = np.float64, **statics: int):
    """Outputs and gradients of the generated code."""
    page, functions = derivation(name), compiled(name, backend)
    inputs = [np.asarray(oracle.arrays[t], dtype) for t in page.inputs]
    cotangents = tuple(np.asarray(oracle.arrays[t], dtype) for t in page.cotangents.values())
    cotangents = cotangents or (np.asarray(1.0, dtype),)

    def both(inputs, cotangents):
        outputs, residuals = functions.forward(*inputs, **statics)
        return outputs, functions.pullback(residuals, cotangents, **statics)

    outputs, gradients = (jax.jit(both) if backend == "jax" else both)(inputs, cotangents)
    return outputs, gradients, cotangents


CASES = [(name, {}) for name in LAYERS if not name.startswith("conv2d")]
CASES += [("conv2d", statics) for statics in CONVOLUTIONS]
CASES += [("conv2d_by_deltas", CONVOLUTIONS[0])]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "statics"), CASES)
def test_layers_mean_what_their_expressions_mean(
    name: str, statics: dict[str, int], backend: Backend
) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page, **statics))
    with jax.enable_x64(True):
        outputs, gradients, _ = run(name, backend, oracle, **statics)
    for output, found in zip(page.outputs, outputs, strict=True):
        np.testing.assert_allclose(found, oracle.tensor(page, output), rtol=1e-12, atol=1e-13)
    stated = [page.gradients[t] for t in page.inputs if t in page.gradients]
    for closed, found in zip(stated, gradients, strict=True):
        for each in page.context.definitions:
            if each.name != "L" or not page.cotangents:
                oracle.tensor(page, each)
        wanted = oracle.table(closed.body, closed.indices)
        assert np.shape(found) == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("name", "statics"), CASES)
def test_pullbacks_agree_with_autodiff_of_the_forward_pass(
    name: str, statics: dict[str, int]
) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page, **statics), seed=1)
    if name == "softmax_cross_entropy":  # its closed form rests on Σ_k T_sk = 1
        targets = page.inputs[1]
        rows = np.arange(3) % oracle.arrays[targets].shape[1]
        oracle.arrays[targets] = np.eye(oracle.arrays[targets].shape[1])[rows]
    with jax.enable_x64(True):
        _, gradients, cotangents = run(name, "jax", oracle, **statics)
        inputs = [jnp.asarray(oracle.arrays[t]) for t in page.inputs]
        forward = compiled(name, "jax").forward

        @jax.jit
        def derived(inputs, cotangents):
            return jax.vjp(lambda *a: forward(*a, **statics)[0], *inputs)[1](cotangents)

        wanted = derived(inputs, cotangents)
    pairs = [w for t, w in zip(page.inputs, wanted, strict=True) if t in page.gradients]
    for found, derived in zip(gradients, pairs, strict=True):
        np.testing.assert_allclose(found, derived, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "statics", "backend"),
    [*((*case, "numpy") for case in CASES), ("layernorm", {}, "jax"), ("attention", {}, "jax")],
)
def test_single_precision_stays_single(
    name: str, statics: dict[str, int], backend: Backend
) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page, **statics))
    with jax.enable_x64(True):
        outputs, gradients, _ = run(name, backend, oracle, np.float32, **statics)
    for found in (*outputs, *gradients):
        assert np.asarray(found).dtype == np.float32


# --- stable forms -------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name", ["softmax", "log_softmax", "softmax_cross_entropy", "sigmoid", "tanh", "lstm_cell"]
)
def test_huge_logits_give_the_right_single_precision_results(name: str, backend: Backend) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page))
    first = page.inputs[0]
    signs = np.sign(oracle.arrays[first])
    oracle.arrays[first] = signs * 1e4 + oracle.arrays[first]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        outputs, gradients, _ = run(name, backend, oracle, np.float32)
    exact = values_of(page, sizes_of(page))
    exact.arrays[first] = np.asarray(oracle.arrays[first], np.float32).astype(float)
    with jax.enable_x64(True):
        wanted, slopes, _ = run(name, "jax", exact)
    for found, truth in zip((*outputs, *gradients), (*wanted, *slopes), strict=True):
        assert np.isfinite(found).all()
        scale = np.abs(truth).max()
        np.testing.assert_allclose(found, truth, rtol=2e-6, atol=1e-6 * max(scale, 1e-6))


@pytest.mark.parametrize("backend", BACKENDS)
def test_vanishing_variance_is_finite_and_right(backend: Backend) -> None:
    page = derivation("layernorm")
    oracle = values_of(page, sizes_of(page))
    X, *_, epsilon = page.inputs
    oracle.arrays[X] = np.full_like(oracle.arrays[X], 3.0)
    oracle.arrays[epsilon] = np.asarray(1e-5)
    outputs, gradients, _ = run("layernorm", backend, oracle, np.float32)
    with jax.enable_x64(True):
        wanted, slopes, _ = run("layernorm", "jax", oracle)
    for found, truth in zip((*outputs, *gradients), (*wanted, *slopes), strict=True):
        np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-4)


# --- one expression at a time -------------------------------------------------------------------

M, N, P = Parameter("M"), Parameter("N"), Parameter("p", 0)
A, B, V, W = tensor("A", M, N), tensor("B", N, M), tensor("v", M), tensor("w", N)
INPUTS = (A, B, V, W)
ROW, COLUMN = index("i", M), index("j", N)


def single(body: Expression, *indices: Index, definitions: tuple[Definition, ...] = ()):
    """A page that defines Y by one expression over these indices."""
    output = Tensor("Y", tuple(i.extent for i in indices))
    context = Context()
    for definition in (*definitions, Definition(output, indices, body)):
        context = context.define(definition)
    cotangents = {output: Tensor(r"\bar{Y}", output.extents)}
    return Derivation("page", "Page", "", INPUTS, (output,), cotangents, context, statics=(P,))


def check(body: Expression, *indices: Index, definitions: tuple[Definition, ...] = ()) -> None:
    """Both backends give what the loops give, wherever that is finite; JAX, which compiles every
    operation for every shape, at one size."""
    page = single(body, *indices, definitions=definitions)
    lowered = lower(page)
    for m, n, p, seed in ((3, 5, 1, 0), (1, 2, 0, 1), (4, 3, 3, 2)):
        oracle = values_of(page, {M: m, N: n, P: p}, seed)
        wanted = oracle.tensor(page, page.outputs[0])
        inputs = [oracle.arrays[t] for t in INPUTS]
        for backend in BACKENDS if seed == 0 else ("numpy",):
            forward = partial(load(lowered, backend).forward, p=p)
            with jax.enable_x64(True), np.errstate(all="ignore"):
                (found,), _ = (jax.jit(forward) if backend == "jax" else forward)(*inputs)
            assert np.shape(found) == wanted.shape, backend
            finite = np.isfinite(wanted)
            close = np.isclose(np.asarray(found), wanted, rtol=1e-9, atol=1e-9)
            assert close[finite].all(), (backend, load(lowered, backend).source)


def bound(name: str, extent: Affine | Parameter) -> Index:
    return fresh(index(name, extent))


def causal_softmax() -> Expression:
    masked = sum_over("k", N, lambda k: multiply(guard(Affine.of(ROW) - k), exp(at(A, ROW, k))))
    return multiply(guard(Affine.of(ROW) - COLUMN), exp(at(A, ROW, COLUMN)), power(masked, -1))


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
    "causal softmax": (causal_softmax, (ROW, COLUMN)),
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


# --- what is kept -------------------------------------------------------------------------------


def test_residuals_are_what_the_pullback_uses() -> None:
    kept = {name: program(name).residuals for name in LAYERS}
    assert kept["linear"] == ("X", "W")
    assert kept["softmax"] == ("P",)
    assert kept["sigmoid"] == ("Y",)
    assert kept["layernorm"] == ("gamma", "sigma_squared_root", "X_hat")


def test_no_exponential_is_computed_twice() -> None:
    text = compiled("softmax_cross_entropy", "numpy").source
    pullback = text[text.index("def pullback") :]
    assert "softmax(" not in pullback
    assert pullback.count("np.exp(") == 1


def test_lowering_does_not_depend_on_the_order_of_serials() -> None:
    first = load(lower(derivation_of(LAYERS["attention"]())), "numpy").source
    for _ in range(3):
        fresh(ROW)
    assert load(lower(derivation_of(LAYERS["attention"]())), "numpy").source == first
