"""Generated modules: how they read, that they are stable, and that no page can speak in them."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from expression_layers import LAYERS, at, index, tensor
from lowered import (
    BACKENDS,
    CONVOLUTIONS,
    compiled,
    derivation,
    derivation_of,
    program,
    sizes_of,
    values_of,
)
from syrupy.assertion import SnapshotAssertion

from derivcheck.codegen import Backend, lambdify_closed_form, load, source
from derivcheck.codegen.text import Code, assignment
from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.expression import (
    Affine,
    Context,
    Definition,
    Expression,
    Parameter,
    Tensor,
    add,
    divide,
    fresh,
    multiply,
    number,
    power,
)
from derivcheck.lowering import lower


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name", ["linear", "softmax_cross_entropy", "layernorm", "conv2d", "lstm_cell", "attention"]
)
def test_generated_module(name: str, backend: Backend, snapshot: SnapshotAssertion) -> None:
    assert compiled(name, backend).source == snapshot


def test_generated_modules_are_left_alone_by_the_formatter(tmp_path: Path) -> None:
    for name in LAYERS:
        for backend in BACKENDS:
            (tmp_path / f"{name}_{backend}.py").write_text(compiled(name, backend).source)
    ruff = [sys.executable, "-m", "ruff"]
    where = ["--isolated", "--line-length", "100", str(tmp_path)]
    formatted = subprocess.run([*ruff, "format", "--diff", *where], capture_output=True, text=True)
    assert formatted.returncode == 0, formatted.stdout
    rules = ["--select", "F,I,E,W", "--ignore", "E741"]
    linted = subprocess.run([*ruff, "check", *rules, *where], capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.parametrize("name", LAYERS)
def test_source_is_stable_byte_by_byte(name: str) -> None:
    again = lower(derivation_of(LAYERS[name]()))
    for backend in BACKENDS:
        assert source(again, backend) == compiled(name, backend).source


def test_a_chain_of_calls_that_is_too_long_has_a_line_for_each() -> None:
    """As the formatter lays it; a sum of two chains is none."""
    chain = f"np.broadcast_to({'a' * 70}).copy().reshape(N, H * R)"
    lines = assignment("Y", Code(chain))
    assert lines[0] == "    Y = ("
    assert [line.strip() for line in lines[2:]] == [".copy()", ".reshape(N, H * R)", ")"]
    assert "".join(map(str.strip, lines[1:-1])) == chain
    assert len(assignment("Y", Code(f"{chain} + b"))) == 1


def test_numpy_takes_a_product_once_that_two_values_need() -> None:
    """γ·Ȳ is a part of X̄. XLA would have to keep it; for XLA any other pair is as good."""
    whole = source(lower(derivation("layernorm")), "numpy")
    assert whole.count("gamma * Y_bar") == 1
    assert "np.vecdot(gamma_Y_bar, X_hat)" in whole
    assert "Y_bar * X_hat" not in whole
    assert "(Y_bar * X_hat) @ gamma" in source(lower(derivation("layernorm")), "jax")


def test_the_numpy_backend_does_not_import_jax() -> None:
    script = (
        "import sys; from expression_layers import LAYERS; from derivcheck.codegen import load;"
        "from derivcheck.lowering import lower; from derivcheck.derivation import Derivation;"
        "l = LAYERS['bias']();"
        "d = Derivation('bias', '', '', tuple(l.inputs), tuple(l.outputs), l.cotangents,"
        " l.context);"
        "load(lower(d), 'numpy'); sys.exit('jax' in sys.modules)"
    )
    here = Path(__file__).parent
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=here, env={"PYTHONPATH": f"{here}:{here.parent}"}
    )
    assert found.returncode == 0


# --- the wrapped pair ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "statics"), [("conv2d", CONVOLUTIONS[0]), ("lstm_cell", {}), ("layernorm", {})]
)
def test_the_wrapped_layer_differentiates_by_the_pullback(
    name: str, statics: dict[str, int]
) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page, **statics))
    inputs = [jnp.asarray(oracle.arrays[t], jnp.float32) for t in page.inputs]
    functions = compiled(name, "jax")
    assert functions.layer is not None
    _, residuals = jax.jit(partial(functions.forward, **statics))(*inputs)
    cotangents = tuple(jnp.asarray(oracle.arrays[t], jnp.float32) for t in page.cotangents.values())

    def loss(*values: jax.Array) -> jax.Array:
        found = functions.layer(*values, *statics.values())
        found = found if isinstance(found, tuple) else (found,)
        return sum(jnp.vdot(c, y) for c, y in zip(cotangents, found, strict=True))

    found = jax.jit(jax.grad(loss, argnums=tuple(range(len(inputs)))))(*inputs)
    stated = jax.jit(partial(functions.pullback, **statics))(residuals, cotangents)
    wanted = dict(zip(program(name).differentiated, stated, strict=True))
    for variable, gradient in zip(program(name).inputs, found, strict=True):
        expected = wanted.get(variable, jnp.zeros_like(gradient))
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5)


# --- one closed form ----------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_closed_form_is_a_function_of_its_tensors(backend: Backend) -> None:
    page = derivation("layernorm")
    oracle = values_of(page, sizes_of(page))
    X, gamma, _, epsilon = page.inputs
    closed = page.gradients[X]
    function = lambdify_closed_form(closed, page, backend)
    for each in page.context.definitions:
        oracle.tensor(page, each)
    definitions = {each.name: each for each in page.context.definitions}
    (cotangent,) = page.cotangents.values()
    ordered = [gamma, epsilon, definitions["\\sigma^2"], definitions["\\hat{X}"], cotangent]
    with jax.enable_x64(True):
        found = function(*(oracle.arrays[each] for each in ordered))
    np.testing.assert_allclose(found, oracle.table(closed.body, closed.indices), rtol=1e-12)


def test_an_extent_that_no_argument_has_is_a_keyword() -> None:
    M = Parameter("M")
    x, i = tensor("x", M), index("i", M)
    c = tensor("c")
    page = Derivation("page", "", "", (x, c), (), {}, Context())
    closed = ClosedForm(x, (i,), multiply(at(c), power(number(M), -1)), 0)
    function = lambdify_closed_form(closed, page, "numpy")
    np.testing.assert_array_equal(function(np.float64(6.0), M=3), [2.0, 2.0, 2.0])


# --- sizes --------------------------------------------------------------------------------------


def page_of(
    inputs: tuple[Tensor, ...], output: Tensor, definition: Definition, **fields: object
) -> Derivation:
    context = Context().define(definition)
    cotangents = {output: Tensor(r"\bar{Y}", output.extents)}
    page = Derivation("page", "Page", "", inputs, (output,), cotangents, context)
    return replace(page, **fields)


def test_an_extent_is_solved_from_an_axis_that_is_a_multiple_of_it() -> None:
    G, D = Parameter("G"), Parameter("D")
    x = tensor("x", Affine.of(G) * D + 1)
    output = tensor("Y", D)
    i = fresh(index("i", D))
    body = multiply(at(x, Affine.of(i) * G), number(D))
    page = page_of((x, tensor("g", G)), output, Definition(output, (i,), body))
    (found,), _ = load(lower(page), "numpy").forward(np.arange(7.0), np.ones(2))
    np.testing.assert_array_equal(found, [0.0, 6.0, 12.0])


def test_a_name_is_given_once() -> None:
    """An extent, a tensor and a helper of one name stay apart."""
    S = Parameter("softmax")
    x, output = tensor("softmax", S), tensor("S", S)
    i = fresh(index("i", S))
    body: Expression = divide(add(at(x, i), number(S)), number(S))
    page = page_of((x,), output, Definition(output, (i,), body))
    (found,), _ = load(lower(page), "numpy").forward(np.array([2.0, 4.0]))
    np.testing.assert_array_equal(found, [2.0, 3.0])


# --- nothing of a document runs -----------------------------------------------------------------

HOSTILE = (
    'x"""\nimport os\nraise SystemExit("""',
    "x\\",
    "lambda: __import__('os')",
    "np",
    "x\n    raise SystemExit",
    "\u2028raise SystemExit",
    "__builtins__",
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_of_a_document_becomes_code(name: str, backend: Backend) -> None:
    M = Parameter(name)
    x, output = tensor(name, M), tensor(name + "y", M)
    i = fresh(index(name, M))
    definition = Definition(output, (i,), divide(at(x, i), number(M)))
    closed = ClosedForm(x, (index("i", M),), at(tensor(r"\bar{Y}", M), index("i", M)), 0)
    page = page_of((x,), output, definition, name=name, title=name, gradients={x: closed})
    text = source(lower(page), backend)
    allowed = {"forward", "pullback", "layer", "layer_forward", "layer_pullback"}
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name=function):
                assert function in allowed
            case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom():
                pass
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="layer")))):
                pass
            case _:
                raise AssertionError(ast.dump(node))
    called = {
        n.func.id
        for n in ast.walk(ast.parse(text))
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    }
    assert called <= {"forward", "pullback", "partial"}
