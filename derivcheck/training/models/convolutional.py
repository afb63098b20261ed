"""Convolutional networks on images (N, C, H, W): a plain one, and one with skip connections."""

from __future__ import annotations

from collections.abc import Mapping

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.model import Model, Nodes, Outcome, Parameters, Recipe, State
from derivcheck.training.models.blocks import (
    added,
    batch_norm,
    batch_norm_state,
    classified,
    dense,
    dense_parameters,
    elementwise,
    per_channel,
    scale_and_shift,
)
from derivcheck.training.models.measures import accuracy
from derivcheck.training.optimisers import Optimiser
from derivcheck.training.passes import Node, Pass
from derivcheck.training.schedules import Schedule

KERNEL = 3


def _convolution_parameters(
    draw: Initialiser, name: str, outputs: int, inputs: int
) -> Mapping[str, Array]:
    return {
        f"{name}.K": draw.he(outputs, inputs, KERNEL, KERNEL),
        **scale_and_shift(draw, name, outputs),
    }


def _convolved(apply: Pass, x: Node, parameters: Nodes, name: str, stride: int = 1) -> Node:
    """3×3 convolution and batch normalisation; the shift of the latter is the only bias."""
    kernel = parameters[f"{name}.K"]
    none = apply.zeros(kernel.shape[:1], kernel.value.dtype)
    made = apply("conv2d", x, kernel, none, u=stride, p=1, d=1)
    return per_channel(apply, made, lambda rows: batch_norm(apply, rows, parameters, name))


def _rectified(apply: Pass, x: Node) -> Node:
    return elementwise(apply, "relu", x)


def _channels(recipe: Recipe) -> tuple[int, int]:
    first = int(recipe.options["channels"])
    return first, 2 * first


# --- convolution, pooling, batch normalisation, linear ------------------------------------------


def _cnn_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    first, second = _channels(recipe)
    channels, height, width = data.shape
    return {
        **_convolution_parameters(draw, "conv0", first, channels),
        **_convolution_parameters(draw, "conv1", second, first),
        **dense_parameters(draw, "hidden", 128, second * (height // 4) * (width // 4), rule="he"),
        **dense_parameters(draw, "output", data.classes, 128),
    }


def _cnn(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    x = batch["x"]
    for name in ("conv0", "conv1"):
        x = _rectified(apply, _convolved(apply, x, parameters, name))
        x = apply("max_pool2d", x, R=2, Q=2, u=2, p=0)
    x = apply("relu", dense(apply, apply.flat(x), parameters, "hidden"))
    logits = dense(apply, x, parameters, "output")
    return classified(apply, logits, batch["y"], recipe.options.get("smoothing", 0.0))


def _cnn_state(data: Data, recipe: Recipe) -> State:
    del data
    first, second = _channels(recipe)
    return {**batch_norm_state("conv0", first), **batch_norm_state("conv1", second)}


# --- blocks with skip connections ---------------------------------------------------------------


def _layers(recipe: Recipe) -> Mapping[str, tuple[int, int]]:
    """Channels out of and into every convolution but the first, by its name."""
    first, second = _channels(recipe)
    return {
        "block0.a": (first, first),
        "block0.b": (first, first),
        "wider": (second, first),
        "block1.a": (second, second),
        "block1.b": (second, second),
    }


def _residual_parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    parameters = dict(_convolution_parameters(draw, "first", _channels(recipe)[0], data.shape[0]))
    for name, (outputs, inputs) in _layers(recipe).items():
        parameters |= _convolution_parameters(draw, name, outputs, inputs)
    return {**parameters, **dense_parameters(draw, "output", data.classes, _channels(recipe)[1])}


def _block(apply: Pass, x: Node, parameters: Nodes, name: str) -> Node:
    """x plus what two convolutions make of it, rectified."""
    inner = _rectified(apply, _convolved(apply, x, parameters, f"{name}.a"))
    inner = _convolved(apply, inner, parameters, f"{name}.b")
    return _rectified(apply, added(apply, x, inner))


def _residual(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    x = _rectified(apply, _convolved(apply, batch["x"], parameters, "first"))
    x = _block(apply, x, parameters, "block0")
    x = _rectified(apply, _convolved(apply, x, parameters, "wider", stride=2))
    x = _block(apply, x, parameters, "block1")
    logits = dense(apply, apply("global_avg_pool", x), parameters, "output")
    return classified(apply, logits, batch["y"], recipe.options.get("smoothing", 0.0))


def _residual_state(data: Data, recipe: Recipe) -> State:
    del data
    state = dict(batch_norm_state("first", _channels(recipe)[0]))
    for name, (outputs, _) in _layers(recipe).items():
        state |= batch_norm_state(name, outputs)
    return state


MODELS = (
    Model(
        "cnn",
        "two convolutions with batch normalisation and pooling, then two linear layers",
        "digits",
        "classes",
        Recipe(
            Optimiser("adamw", 2e-3),
            steps=2000,
            batch=64,
            schedule=Schedule("cosine"),
            augmentation=("crop",),
            options={"channels": 16, "smoothing": 0.05},
        ),
        _cnn_parameters,
        _cnn,
        accuracy,
        state=_cnn_state,
        images=True,
    ),
    Model(
        "cnn_residual",
        "convolutions with skip connections, global pooling and one linear layer",
        "digits",
        "classes",
        Recipe(
            Optimiser("momentum", 0.05),
            steps=900,
            batch=64,
            schedule=Schedule("cosine", warm_up=50),
            l2=1e-4,
            augmentation=("crop",),
            options={"channels": 16},
        ),
        _residual_parameters,
        _residual,
        accuracy,
        state=_residual_state,
        images=True,
    ),
)
