"""Small layers with reference, closed form and planted faults, for the tests of the witnesses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy

from derivcheck.witnesses.array_trial import Trial

Array = Any


@dataclass(frozen=True)
class Layer:
    """The same forward pass for JAX and NumPy, and its pullback in closed form."""

    reference: Callable[..., Any]
    forward: Callable[..., Any]
    pullback: Callable[[Any, Any], Any]
    trial: Trial


def trial(
    inputs: tuple[Array, ...],
    cotangents: tuple[Array, ...],
    differentiated: tuple[int, ...],
    labels: tuple[str, ...],
    statics: dict[str, int] | None = None,
) -> Trial:
    return Trial("S=3 M=5 seed=0", 0, inputs, cotangents, differentiated, labels, statics or {})


def arrays(seed: int, *shapes: tuple[int, ...]) -> tuple[Array, ...]:
    """Multiples of 2⁻²⁰, as the sampler draws them, none near 0."""
    generator = numpy.random.default_rng(seed)
    found = []
    for shape in shapes:
        drawn = generator.standard_normal(shape)
        drawn = drawn + numpy.copysign(0.05, drawn)
        found.append(numpy.round(drawn * 2**20) / 2**20)
    return tuple(found)


# --- softmax ------------------------------------------------------------------------------------


def softmax(x: Array) -> Array:
    e = numpy.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_reference(x: Array) -> Array:
    import jax.numpy as jnp

    e = jnp.exp(x - jnp.max(x, axis=1, keepdims=True))
    return (e / jnp.sum(e, axis=1, keepdims=True),)


def softmax_pullback(inputs: Any, cotangents: Any) -> tuple[Array]:
    (x,), (y_bar,) = inputs, cotangents
    y = softmax(x)
    return (y * (y_bar - (y_bar * y).sum(axis=1, keepdims=True)),)


@cache
def softmax_layer() -> Layer:
    x, y_bar = arrays(1, (3, 5), (3, 5))
    return Layer(
        softmax_reference,
        lambda x: (softmax(x),),
        softmax_pullback,
        trial((x,), (y_bar,), (0,), ("X",)),
    )


# --- layer norm ---------------------------------------------------------------------------------


def layernorm(x: Array, gamma: Array, beta: Array, epsilon: Array) -> tuple[Array]:
    z = x - x.mean(axis=1, keepdims=True)
    return (z / numpy.sqrt((z * z).mean(axis=1, keepdims=True) + epsilon) * gamma + beta,)


def layernorm_pullback(
    inputs: Any, cotangents: Any, *, epsilon_too: bool = True
) -> tuple[Array, ...]:
    (x, gamma, _, epsilon), (y_bar,) = inputs, cotangents
    z = x - x.mean(axis=1, keepdims=True)
    variance = (z * z).mean(axis=1, keepdims=True)
    root = numpy.sqrt(variance + epsilon if epsilon_too else variance)
    x_hat = z / root
    g = y_bar * gamma
    inner = g - g.mean(axis=1, keepdims=True) - x_hat * (g * x_hat).mean(axis=1, keepdims=True)
    return inner / root, (y_bar * x_hat).sum(axis=0), y_bar.sum(axis=0)


@cache
def layernorm_layer(epsilon: float = 1e-5) -> Layer:
    x, gamma, beta, y_bar = arrays(2, (3, 5), (5,), (5,), (3, 5))

    def reference(x: Array, gamma: Array, beta: Array, epsilon: Array) -> Any:
        import jax.numpy as jnp

        z = x - jnp.mean(x, axis=1, keepdims=True)
        variance = jnp.mean(z * z, axis=1, keepdims=True)
        return (z / jnp.sqrt(variance + epsilon) * gamma + beta,)

    inputs = (x, gamma, beta, numpy.asarray(epsilon))
    return Layer(
        reference,
        layernorm,
        layernorm_pullback,
        trial(inputs, (y_bar,), (0, 1, 2), ("X", "γ", "β")),
    )


# --- a cell with two outputs, one of which feeds the other ---------------------------------------


@cache
def cell_layer() -> Layer:
    x, w, h_bar, c_bar = arrays(3, (3, 2), (2, 5), (3, 5), (3, 5))

    def forward(x: Array, w: Array) -> Any:
        c = numpy.tanh(x @ w)
        return c * c, c

    def reference(x: Array, w: Array) -> Any:
        import jax.numpy as jnp

        c = jnp.tanh(x @ w)
        return c * c, c

    def pullback(inputs: Any, cotangents: Any) -> Any:
        (x, w), (h_bar, c_bar) = inputs, cotangents
        c = numpy.tanh(x @ w)
        a_bar = (c_bar + 2 * c * h_bar) * (1 - c * c)
        return a_bar @ w.T, x.T @ a_bar

    return Layer(reference, forward, pullback, trial((x, w), (h_bar, c_bar), (0, 1), ("X", "W")))


@cache
def power_layer() -> Layer:
    """x^n with a static n, entry by entry."""
    x, y_bar = arrays(4, (7,), (7,))
    return Layer(
        lambda x, *, n: (x**n,),
        lambda x, *, n: (x**n,),
        lambda inputs, cotangents: (cotangents[0] * 3 * inputs[0] ** 2,),
        trial((x,), (y_bar,), (0,), ("x",), {"n": 3}),
    )


LAYERS = {
    "softmax": softmax_layer,
    "layernorm": layernorm_layer,
    "cell": cell_layer,
    "power": power_layer,
}


def scaled(pullback: Callable[[Any, Any], Any], factor: float) -> Callable[[Any, Any], Any]:
    """Every gradient times a factor."""
    return lambda inputs, cotangents: tuple(factor * g for g in pullback(inputs, cotangents))


def sparse(
    pullback: Callable[[Any, Any], Any], position: int, relative: float
) -> Callable[[Any, Any], Any]:
    """One entry of one gradient off by a share of the gradient's magnitude."""

    def faulty(inputs: Any, cotangents: Any) -> Any:
        found = [numpy.array(g) for g in pullback(inputs, cotangents)]
        flat = found[position].reshape(-1)
        flat[-1] += relative * numpy.max(numpy.abs(flat))
        return tuple(found)

    return faulty
