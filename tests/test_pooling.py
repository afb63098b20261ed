"""Pooling in generated code: windows, −∞ around a maximum, folds; held against JAX's own."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from derivcheck import load
from derivcheck.codegen import Backend, source
from derivcheck.codegen import load as compiled
from derivcheck.lowering import lower
from derivcheck.witnesses.reference import enable_x64

BACKENDS: tuple[Backend, ...] = ("numpy", "jax")
SHAPES = [
    # H, W, R, Q, u, p: overlapping and disjoint windows, rows that no window reaches, padding
    (7, 5, 2, 3, 2, 1),
    (8, 7, 3, 3, 3, 2),
    (3, 2, 4, 3, 1, 1),
]


def pooled(x, start, operation, sizes):
    _, _, R, Q, u, p = sizes
    padding = ((0, 0), (0, 0), (p, p), (p, p))
    return jax.lax.reduce_window(x, start, operation, (1, 1, R, Q), (1, 1, u, u), padding)


def mean(x, sizes):
    _, _, R, Q, _, _ = sizes
    return pooled(x, 0.0, jax.lax.add, sizes) / (R * Q)


def maximum(x, sizes):
    return pooled(x, -jnp.inf, jax.lax.max, sizes)


def shared(x, cotangent, sizes):
    """The gradient window by window, where all largest entries of one share what comes in."""
    H, W, R, Q, u, p = sizes
    gradient = np.zeros_like(x)
    for n, c, t, v in np.ndindex(*cotangent.shape):
        rows = slice(max(t * u - p, 0), min(t * u - p + R, H))
        columns = slice(max(v * u - p, 0), min(v * u - p + Q, W))
        window = x[n, c, rows, columns]
        largest = window == window.max()
        gradient[n, c, rows, columns] += cotangent[n, c, t, v] * largest / largest.sum()
    return gradient


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize(
    ("name", "library"), [("avg_pool2d", mean), ("max_pool2d", maximum)], ids=["mean", "maximum"]
)
def test_both_directions_are_those_of_the_library(name, library, sizes, backend):
    H, W, R, Q, u, p = sizes
    rng = np.random.default_rng(0)
    # All negative: a window that took its padding for zeros would show.
    x = -rng.random((2, 3, H, W)) - 0.5
    pair = compiled(lower(load(name).derivation), backend)
    with enable_x64(True):
        expected, pull = jax.vjp(lambda x: library(x, sizes), jnp.asarray(x))
        cotangent = rng.normal(size=expected.shape)
        (output,), residuals = pair.forward(x, R=R, Q=Q, u=u, p=p)
        (gradient,) = pair.pullback(residuals, (cotangent,), R=R, Q=Q, u=u, p=p)
        np.testing.assert_allclose(output, expected, rtol=1e-14)
        np.testing.assert_allclose(gradient, pull(jnp.asarray(cotangent))[0], atol=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("sizes", SHAPES)
def test_ties_share_the_cotangent(sizes, backend):
    H, W, R, Q, u, p = sizes
    rng = np.random.default_rng(1)
    x = rng.integers(-1, 1, (2, 1, H, W)).astype(float)
    pair = compiled(lower(load("max_pool2d").derivation), backend)
    with enable_x64(True):
        (output,), residuals = pair.forward(x, R=R, Q=Q, u=u, p=p)
        cotangent = rng.normal(size=output.shape)
        (gradient,) = pair.pullback(residuals, (cotangent,), R=R, Q=Q, u=u, p=p)
    np.testing.assert_allclose(gradient, shared(x, cotangent, sizes), atol=1e-13)


@pytest.mark.parametrize("name", ["avg_pool2d", "max_pool2d"])
def test_no_mask_over_positions_and_inputs(name):
    text = source(lower(load(name).derivation), "numpy")
    passes = text[text.index("def forward(") :]
    assert "fold(" in passes
    assert "arange" not in passes
    assert ("fill=-np.inf" in passes) is (name == "max_pool2d")
