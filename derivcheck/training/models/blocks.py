"""Pieces of composition that several families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.model import Nodes, Outcome, Term
from derivcheck.training.passes import Node, Pass

EPSILON = 1e-5
"""Beside the variance of a normalisation."""

MEMORY = 0.9
"""Of the running averages of a batch normalisation."""


def dense(apply: Pass, x: Node, parameters: Nodes, name: str) -> Node:
    """x Wᵀ + b with `name.W` and `name.b`."""
    return apply("bias", apply("linear", x, parameters[f"{name}.W"]), parameters[f"{name}.b"])


def dense_parameters(
    draw: Initialiser, name: str, outputs: int, inputs: int, *, rule: str = "xavier"
) -> Mapping[str, Array]:
    weights = draw.he(outputs, inputs) if rule == "he" else draw.xavier(outputs, inputs)
    return {f"{name}.W": weights, f"{name}.b": draw.zeros(outputs)}


def elementwise(apply: Pass, page: str, x: Node, *constants: float) -> Node:
    """A page of an activation, which speaks of rows, on an array of any shape."""
    return apply.reshape(apply(page, apply.flat(x), *constants), x.shape)


def added(apply: Pass, x: Node, z: Node) -> Node:
    """Two arrays of one shape, added by their page."""
    return apply.reshape(apply("addition", apply.flat(x), apply.flat(z)), x.shape)


def per_place(apply: Pass, x: Node, block: Callable[[Node], Node]) -> Node:
    """A block that speaks of rows at every place of an array whose last axis are the features."""
    made = block(apply.rows(x))
    return apply.reshape(made, (*x.shape[:-1], made.shape[-1]))


def per_channel(apply: Pass, x: Node, block: Callable[[Node], Node]) -> Node:
    """A block that speaks of rows at every pixel of images (N, C, H, W), channels as features."""
    last = per_place(apply, apply.transpose(x, (0, 2, 3, 1)), block)
    return apply.transpose(last, (0, 3, 1, 2))


def classified(apply: Pass, logits: Node, classes: Node, smoothing: float = 0.0) -> Outcome:
    """The cross-entropy of the logits (S, K) with the classes (S,), smoothed if asked for."""
    targets = apply.one_hot(classes, logits.shape[1], logits.value.dtype)
    if smoothing and apply.training:
        loss = apply("softmax_cross_entropy_smoothed", logits, targets, smoothing)
    else:
        loss = apply("softmax_cross_entropy", logits, targets)
    return Outcome({"loss": (Term(loss),)}, {"logits": logits})


def batch_norm(apply: Pass, x: Node, parameters: Nodes, name: str) -> Node:
    """Batch normalisation of the columns of x (N, M), with `name.gamma` and `name.beta`.

    In training it is the page, and the averages of mean and variance go on in the state
    `name.mean`, `name.variance`. Afterwards the averages stand in place of the batch: what is left
    is a scale and a shift.
    """
    gamma, beta = parameters[f"{name}.gamma"], parameters[f"{name}.beta"]
    mean, variance = (f"{name}.mean", f"{name}.variance")
    if apply.training:
        for key, now in ((mean, x.value.mean(axis=0)), (variance, x.value.var(axis=0))):
            apply.keep(key, MEMORY * apply.state[key] + (1 - MEMORY) * now)
        return apply("batchnorm", x, gamma, beta, EPSILON)
    scale = gamma.value / apply.xp.sqrt(apply.state[variance] + EPSILON)
    shift = beta.value - apply.state[mean] * scale
    return apply("bias", apply("scale", x, apply.leaf(scale)), apply.leaf(shift))


def batch_norm_state(name: str, columns: int) -> Mapping[str, Array]:
    return {f"{name}.mean": numpy.zeros(columns), f"{name}.variance": numpy.ones(columns)}


def scale_and_shift(draw: Initialiser, name: str, columns: int) -> Mapping[str, Array]:
    return {f"{name}.gamma": draw.ones(columns), f"{name}.beta": draw.zeros(columns)}
