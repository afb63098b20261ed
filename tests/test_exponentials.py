"""What JAX computes once: softmaxes with their logarithms, sigmoids with softpluses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from expression_layers import at
from lowered import COLUMN, ROW, A, V, W, single
from scipy.special import expit

from derivcheck import load
from derivcheck.codegen import load as compiled
from derivcheck.codegen import source
from derivcheck.codegen.exponentials import calls, softmaxes_ahead
from derivcheck.codegen.support import JAX
from derivcheck.derivation import ClosedForm
from derivcheck.expression import (
    Affine,
    Expression,
    Sum,
    apply,
    divide,
    fresh,
    multiply,
    substitute,
)
from derivcheck.lowering import Program, lower
from derivcheck.lowering.array import Softmax


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def both(program: Program, *arrays: jax.Array) -> str:
    """Forward pass and pullback, compiled as one function."""
    functions = compiled(program, "jax")
    inputs, cotangents = arrays[: len(program.inputs)], arrays[len(program.inputs) :]

    def run(inputs: tuple[jax.Array, ...], cotangents: tuple[jax.Array, ...]) -> object:
        outputs, residuals = functions.forward(*inputs)
        return outputs, functions.pullback(residuals, cotangents)

    return jax.jit(run).lower(inputs, cotangents).compile().as_text()


@pytest.mark.parametrize(
    ("page", "cotangent"),
    [("softmax_cross_entropy", ()), ("binary_cross_entropy_with_logits", ()), ("log_softmax", 0)],
)
def test_compiled_together_one_exponential_is_taken(page: str, cotangent: object) -> None:
    generator = np.random.default_rng(1)
    X, T = (jnp.asarray(generator.random((5, 7))) for _ in range(2))
    program = load(page).program
    last = jnp.ones(()) if cotangent == () else X
    arrays = (X, T, last) if len(program.inputs) == 2 else (X, last)
    assert len(re.findall(r"= f64\[5,7\]\S* exponential\(", both(program, *arrays))) == 1


def test_softpluses_of_both_signs_share_with_sigmoids() -> None:
    program = load("gan_non_saturating").program
    a, b, D, G = (jnp.ones(size) for size in (5, 7, (), ()))
    text = both(program, a, b, D, G)
    assert len(re.findall(r"= f64\[\d\]\S* exponential\(", text)) == 2


def test_sigmoid_alone_is_the_librarys() -> None:
    assert not calls(load("sigmoid").program, "softplus")
    assert "jax.nn.sigmoid(" in source(load("sigmoid").program, "jax")
    assert "jax.nn.sigmoid(" not in source(load("softplus").program, "jax")


def test_the_sigmoid_beside_softplus_keeps_its_digits() -> None:
    names: dict[str, object] = {"jnp": jnp}
    exec(JAX["sigmoid"] + JAX["softplus"], names)
    sigmoid, softplus = names["sigmoid"], names["softplus"]
    assert callable(sigmoid)
    assert callable(softplus)
    x = np.concatenate([np.linspace(-700, 700, 1401), [-np.inf, -1e-300, -0.0, 0.0, np.inf]])
    np.testing.assert_allclose(sigmoid(jnp.asarray(x)), expit(x), rtol=4e-15)
    np.testing.assert_allclose(softplus(jnp.asarray(x)), np.logaddexp(x, 0), rtol=4e-15)
    assert np.isnan(sigmoid(jnp.nan))
    assert np.isnan(softplus(jnp.nan))
    assert sigmoid(jnp.float32(3)).dtype == softplus(jnp.float32(3)).dtype == jnp.float32


def log_softmax_of(body: Expression, *, reads_logarithm: bool) -> Program:
    """Y_rc = log softmax of the body along c, with a gradient that has the softmax in it."""
    bound = fresh(COLUMN)
    whole = Sum(bound, apply("exp", substitute(body, {COLUMN: Affine.of(bound)})))
    share = divide(apply("exp", body), whole)
    page = single(apply("log", share), ROW, COLUMN)
    factor = apply("log", share) if reads_logarithm else at(A, ROW, COLUMN)
    gradient = ClosedForm(A, (ROW, COLUMN), multiply(factor, share), 0)
    return lower(replace(page, gradients={A: gradient}))


def test_a_softmax_stands_beside_the_logarithm_that_is_read_too() -> None:
    plain = log_softmax_of(at(A, ROW, COLUMN), reads_logarithm=True)
    ahead = softmaxes_ahead(plain)
    assert set(ahead.residuals) - set(plain.residuals) == {
        a.name for a in ahead.forward.body if isinstance(a.value, Softmax) and not a.value.logarithm
    }
    assert set(plain.residuals) <= set(ahead.residuals)


def test_a_softmax_is_kept_in_place_of_a_logarithm_that_nothing_reads() -> None:
    plain = log_softmax_of(at(A, ROW, COLUMN), reads_logarithm=False)
    ahead = softmaxes_ahead(plain)
    assert len(ahead.residuals) == len(plain.residuals)
    assert set(ahead.residuals) != set(plain.residuals)


def test_what_both_are_taken_of_has_one_name() -> None:
    body = multiply(at(A, ROW, COLUMN), at(V, ROW), at(W, COLUMN))
    ahead = softmaxes_ahead(log_softmax_of(body, reads_logarithm=True))
    operands = [a.value.operand for a in ahead.forward.body if isinstance(a.value, Softmax)]
    assert len(operands) == 2
    assert operands[0] == operands[1]
    assert source(log_softmax_of(body, reads_logarithm=True), "jax").count("* A") == 1


def test_programs_without_a_pair_stay_as_they_are() -> None:
    for page in ("softmax", "layernorm", "sigmoid"):
        program = load(page).program
        assert softmaxes_ahead(program) is program
