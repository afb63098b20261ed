"""Convolutions against `jax.lax`: odd strides, paddings, dilations, groups, sizes left over.

Forward passes are held against the library's, pullbacks against `jax.vjp` of that, in float64,
for both backends; the Reference of each page is held by its report.
"""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from derivcheck import load
from derivcheck.codegen import Backend, Compiled
from derivcheck.codegen import load as generated

SPATIAL = "DHW"


@cache
def compiled(page: str, backend: Backend) -> Compiled:
    return generated(load(page).program, backend)


def library(x, kernel, strides, paddings, dilations, groups=1):
    """`conv_general_dilated` of arrays with the channels of all groups on one axis."""
    letters = SPATIAL[3 - len(strides) :]
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        strides,
        [(padding, padding) for padding in paddings],
        rhs_dilation=dilations,
        dimension_numbers=(f"NC{letters}", f"OI{letters}", f"NC{letters}"),
        feature_group_count=groups,
    )


def plain(X, K, b, *, strides, paddings, dilations):
    Y = library(X, K, strides, paddings, dilations)
    return Y + b.reshape(-1, *(1,) * len(strides))


def grouped(X, K, b, *, strides, paddings, dilations):
    N, G, C, *sizes = X.shape
    F, places = K.shape[1], K.shape[3:]
    x, kernel = X.reshape(N, G * C, *sizes), K.reshape(G * F, C, *places)
    Y = library(x, kernel, strides, paddings, dilations, G)
    return Y.reshape(N, G, F, *Y.shape[2:]) + b.reshape(G, F, *(1,) * len(strides))


def depthwise(X, K, b, *, strides, paddings, dilations):
    Y = library(X, K[:, None], strides, paddings, dilations, len(K))
    return Y + b[:, None, None]


def transposed(X, K, b, *, strides, paddings, dilations, appended):
    """The library's convolution on an image spread by the stride; `appended` is output padding."""
    letters = SPATIAL[3 - len(strides) :]
    spans = [d * (size - 1) for d, size in zip(dilations, K.shape[2:], strict=True)]
    Y = jax.lax.conv_general_dilated(
        X,
        jnp.flip(K, range(2, K.ndim)),
        (1,) * len(strides),
        [(s - p, s - p + a) for s, p, a in zip(spans, paddings, appended, strict=True)],
        lhs_dilation=strides,
        rhs_dilation=dilations,
        dimension_numbers=(f"NC{letters}", f"IO{letters}", f"NC{letters}"),
    )
    return Y + b.reshape(-1, *(1,) * len(strides))


def transposed_groups(X, K, b, **geometry):
    return jnp.stack(
        [transposed(X[:, g], K[g], b[g], **geometry) for g in range(X.shape[1])], axis=1
    )


CASES: list[tuple[str, Any, tuple[tuple[int, ...], ...], dict[str, Any]]] = [
    ("conv1d", plain, ((3, 2, 11), (4, 2, 3), (4,)), {"u": 3, "p": 2, "d": 2}),
    ("conv1d", plain, ((1, 3, 5), (2, 3, 4), (2,)), {"u": 1, "p": 0, "d": 1}),
    ("conv1d_grouped", grouped, ((2, 3, 2, 9), (3, 4, 2, 2), (3, 4)), {"u": 2, "p": 3, "d": 3}),
    ("conv2d", plain, ((2, 3, 11, 8), (4, 3, 3, 2), (4,)), {"u": 3, "p": 2, "d": 2}),
    ("conv2d", plain, ((3, 2, 7, 9), (5, 2, 2, 3), (5,)), {"u": 2, "p": 3, "d": 1}),
    ("conv2d", plain, ((1, 1, 5, 6), (2, 1, 3, 1), (2,)), {"u": 1, "p": 1, "d": 3}),
    ("conv2d", plain, ((2, 2, 9, 5), (3, 2, 1, 2), (3,)), {"u": 5, "p": 0, "d": 4}),
    ("conv2d_dilated", plain, ((2, 3, 9, 8), (4, 3, 3, 2), (4,)), {"p": 2, "d": 3}),
    ("conv2d_depthwise", depthwise, ((2, 5, 9, 8), (5, 3, 2), (5,)), {"u": 2, "p": 1, "d": 2}),
    (
        "conv2d_grouped",
        grouped,
        ((2, 3, 2, 11, 8), (3, 4, 2, 3, 2), (3, 4)),
        {"u_1": 2, "u_2": 3, "p_1": 1, "p_2": 2, "d_1": 3, "d_2": 2},
    ),
    (
        "conv2d_grouped",
        grouped,
        ((1, 2, 1, 7, 9), (2, 3, 1, 2, 3), (2, 3)),
        {"u_1": 3, "u_2": 1, "p_1": 0, "p_2": 3, "d_1": 1, "d_2": 4},
    ),
    ("conv3d", plain, ((2, 2, 5, 6, 7), (3, 2, 2, 3, 2), (3,)), {"u": 2, "p": 1, "d": 2}),
    (
        "conv_transpose1d",
        transposed,
        ((2, 3, 4), (3, 2, 3), (2,)),
        {"u": 3, "p": 1, "d": 2, "a": 2},
    ),
    (
        "conv_transpose2d",
        transposed,
        ((2, 3, 4, 3), (3, 2, 3, 2), (2,)),
        {"u": 3, "p": 2, "d": 2, "a": 1},
    ),
    (
        "conv_transpose2d",
        transposed,
        ((1, 2, 3, 5), (2, 4, 2, 3), (4,)),
        {"u": 2, "p": 0, "d": 1, "a": 0},
    ),
    (
        "conv_transpose2d_grouped",
        transposed_groups,
        ((2, 2, 3, 4, 3), (2, 3, 4, 3, 2), (2, 4)),
        {"u_1": 2, "u_2": 3, "p_1": 1, "p_2": 2, "d_1": 3, "d_2": 4, "a_1": 1, "a_2": 0},
    ),
]


def geometry(page: str, statics: dict[str, int], rank: int) -> dict[str, tuple[int, ...]]:
    """The statics as the library has them: a tuple for each, with a number for each axis."""

    def each(name: str, otherwise: int) -> tuple[int, ...]:
        if f"{name}_1" in statics:
            return tuple(statics[f"{name}_{axis + 1}"] for axis in range(rank))
        return (statics.get(name, otherwise),) * rank

    found = {"strides": each("u", 1), "paddings": each("p", 0), "dilations": each("d", 1)}
    return found | ({"appended": each("a", 0)} if "transpose" in page else {})


@pytest.mark.parametrize("backend", ["numpy", "jax"])
@pytest.mark.parametrize(("page", "reference", "shapes", "statics"), CASES)
def test_convolutions_agree_with_the_library(
    page: str,
    reference: Any,
    shapes: tuple[tuple[int, ...], ...],
    statics: dict[str, int],
    backend: Backend,
) -> None:
    rank = int(page.partition("d")[0][-1])
    options = geometry(page, statics, rank)
    generator = np.random.default_rng(3)
    with jax.enable_x64(True):
        inputs = [generator.normal(size=shape) for shape in shapes]
        output, pull = jax.vjp(lambda *arrays: reference(*arrays, **options), *inputs)
        cotangent = generator.normal(size=output.shape)
        functions = compiled(page, backend)
        (found,), residuals = functions.forward(*inputs, **statics)
        gradients = functions.pullback(residuals, (cotangent,), **statics)
        assert found.dtype == output.dtype == np.float64
        np.testing.assert_allclose(found, output, rtol=1e-12, atol=1e-12)
        for own, wanted in zip(gradients, pull(cotangent), strict=True):
            np.testing.assert_allclose(own, wanted, rtol=1e-12, atol=1e-12)


ABORTS = """
import jax, jax.numpy as jnp
from derivcheck import load
from derivcheck.codegen import load as generated
functions = generated(load("conv2d").program, "jax")
for (H, W), (R, Q) in [((3, 6), (3, 2)), ((6, 3), (2, 3)), ((1, 6), (2, 2)), ((4, 6), (2, 2))]:
    X, K, b = jnp.ones((2, 1, H, W)), jnp.ones((1, 1, R, Q)), jnp.ones(1)
    (Y,), residuals = functions.forward(X, K, b, u=2, p=1, d=1)
    pull = jax.jit(lambda *saved: functions.pullback(saved, (Y,), u=2, p=1, d=1))
    jax.block_until_ready(pull(*residuals))
"""


def test_no_size_makes_xla_abort() -> None:
    """A kernel of two places under stride 2, with nothing to pad and fewer stops than places along
    the other axis: `jax.vjp` of the library's convolution aborts the process there (jax 0.10)."""
    done = subprocess.run([sys.executable, "-c", ABORTS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("device", "groups", "convolutions"), [("gpu", 3, 3), ("cpu", 3, 9), ("cpu", 33, 3)]
)
def test_groups_are_one_convolution_or_a_few(
    device: str, groups: int, convolutions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: device)
    functions = generated(load("conv2d_depthwise").program, "jax")
    X, K, b = (jnp.ones(shape) for shape in ((2, groups, 5, 6), (groups, 2, 2), (groups,)))
    statics = {"u": 1, "p": 0, "d": 1}

    def both(X: Any, K: Any, b: Any) -> object:
        (Y,), residuals = functions.forward(X, K, b, **statics)
        return functions.pullback(residuals, (Y,), **statics)

    text = str(jax.make_jaxpr(both)(X, K, b))
    of_each = groups if convolutions == 3 else 1
    assert text.count("conv_general_dilated[") == convolutions
    assert text.count(f"feature_group_count={of_each}") == convolutions
