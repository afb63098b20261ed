"""Perceptrons with hidden layers: ELU, batch normalisation, layer normalisation, two moons."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.model import Batch, Model, Nodes, Outcome, Parameters, Recipe, State
from derivcheck.training.models.blocks import (
    EPSILON,
    batch_norm,
    batch_norm_state,
    classified,
    dense,
    dense_parameters,
    scale_and_shift,
)
from derivcheck.training.models.measures import accuracy
from derivcheck.training.optimisers import Optimiser
from derivcheck.training.passes import Node, Pass
from derivcheck.training.schedules import Schedule

Hidden = Callable[[Pass, Node, Nodes, str], Node]
"""(pass, input, parameters, name of the layer) to the layer's output."""


def _elu(apply: Pass, x: Node, parameters: Nodes, name: str) -> Node:
    return apply("elu", dense(apply, x, parameters, name), 1.0)


def _tanh(apply: Pass, x: Node, parameters: Nodes, name: str) -> Node:
    return apply("tanh", dense(apply, x, parameters, name))


def _batch_normalised(apply: Pass, x: Node, parameters: Nodes, name: str) -> Node:
    # Without a bias: the mean of the batch would take it away again.
    features = apply("linear", x, parameters[f"{name}.W"])
    return apply("relu", batch_norm(apply, features, parameters, name))


def _layer_normalised(apply: Pass, x: Node, parameters: Nodes, name: str) -> Node:
    gamma, beta = parameters[f"{name}.gamma"], parameters[f"{name}.beta"]
    features = dense(apply, x, parameters, name)
    return apply("relu", apply("layernorm", features, gamma, beta, EPSILON))


HiddenParameters = Callable[[Initialiser, str, int, int], Mapping[str, Array]]
"""(initialiser, name of the layer, outputs, inputs) to the layer's parameters."""


def _for_batch_norm(draw: Initialiser, name: str, outputs: int, inputs: int) -> Parameters:
    return {f"{name}.W": draw.he(outputs, inputs), **scale_and_shift(draw, name, outputs)}


def _for_layer_norm(draw: Initialiser, name: str, outputs: int, inputs: int) -> Parameters:
    features = dense_parameters(draw, name, outputs, inputs, rule="he")
    return {**features, **scale_and_shift(draw, name, outputs)}


def _names(recipe: Recipe) -> tuple[str, ...]:
    return tuple(f"hidden{n}" for n in range(int(recipe.options["layers"])))


def _parameters(
    draw: Initialiser, data: Data, recipe: Recipe, *, hidden: HiddenParameters
) -> Parameters:
    parameters: dict[str, Array] = {}
    width, inputs = int(recipe.options["width"]), data.features
    for name in _names(recipe):
        parameters |= hidden(draw, name, width, inputs)
        inputs = width
    return {**parameters, **dense_parameters(draw, "output", data.classes, inputs)}


def _forward(
    apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe, *, hidden: Hidden
) -> Outcome:
    x = apply.flat(batch["x"])
    for name in _names(recipe):
        x = hidden(apply, x, parameters, name)
        if f"{name}.mask" in batch and apply.training:
            kept = 1.0 - recipe.options["dropout"]
            x = apply("dropout", x, batch[f"{name}.mask"], kept)
    logits = dense(apply, x, parameters, "output")
    return classified(apply, logits, batch["y"], recipe.options.get("smoothing", 0.0))


def _masks(rng: numpy.random.Generator, batch: Batch, recipe: Recipe) -> Batch:
    """For every hidden layer what dropout keeps."""
    share = recipe.options.get("dropout", 0.0)
    if not share:
        return {}
    shape = (len(batch["x"]), int(recipe.options["width"]))
    return {f"{n}.mask": (rng.random(shape) >= share).astype(float) for n in _names(recipe)}


def _averages(data: Data, recipe: Recipe) -> State:
    del data
    width = int(recipe.options["width"])
    state: dict[str, Array] = {}
    for name in _names(recipe):
        state |= batch_norm_state(name, width)
    return state


def _options(layers: int, width: int, **others: float) -> Mapping[str, float]:
    return {"layers": layers, "width": width, **others}


_COSINE = Schedule("cosine")

MODELS = (
    Model(
        "mlp_elu",
        "two hidden layers with ELU, dropout and smoothed labels",
        "digits",
        "classes",
        Recipe(
            Optimiser("adam", 2e-3),
            steps=2000,
            batch=64,
            schedule=_COSINE,
            options=_options(2, 256, dropout=0.2, smoothing=0.05),
        ),
        partial(_parameters, hidden=partial(dense_parameters, rule="he")),
        partial(_forward, hidden=_elu),
        accuracy,
        noise=_masks,
    ),
    Model(
        "mlp_batchnorm",
        "two hidden layers with batch normalisation and ReLU",
        "digits",
        "classes",
        Recipe(
            Optimiser("momentum", 0.1),
            steps=1000,
            batch=64,
            schedule=_COSINE,
            l2=1e-4,
            options=_options(2, 128),
        ),
        partial(_parameters, hidden=_for_batch_norm),
        partial(_forward, hidden=_batch_normalised),
        accuracy,
        state=_averages,
    ),
    Model(
        "mlp_layernorm",
        "two hidden layers with layer normalisation and ReLU",
        "digits",
        "classes",
        Recipe(
            Optimiser("adamw", 2e-3),
            steps=1000,
            batch=64,
            schedule=_COSINE,
            options=_options(2, 128),
        ),
        partial(_parameters, hidden=_for_layer_norm),
        partial(_forward, hidden=_layer_normalised),
        accuracy,
    ),
    Model(
        "two_moons",
        "two hidden layers with tanh; its decision boundary can be drawn",
        "moons",
        "classes",
        Recipe(
            Optimiser("rmsprop", 0.01),
            steps=1000,
            batch=50,
            schedule=_COSINE,
            options=_options(2, 16),
        ),
        partial(_parameters, hidden=dense_parameters),
        partial(_forward, hidden=_tanh),
        accuracy,
        exhibit="boundary",
    ),
)
