"""A causal transformer with normalisation before its blocks, reading text by characters."""

from __future__ import annotations

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.model import Model, Nodes, Outcome, Parameters, Recipe, Windows
from derivcheck.training.models.blocks import (
    EPSILON,
    added,
    classified,
    dense,
    dense_parameters,
    per_place,
    scale_and_shift,
)
from derivcheck.training.models.measures import next_accuracy
from derivcheck.training.optimisers import Optimiser
from derivcheck.training.passes import Node, Pass
from derivcheck.training.schedules import Schedule

MASKED = -1e9
"""Added to the score of a place that is not to be seen; its exponential is 0 in any precision."""

SPREAD = 0.02
"""Standard deviation of first embeddings, as is usual."""

_ATTENTION = ("Q", "K", "V", "O")


def _sizes(recipe: Recipe) -> tuple[int, int, int]:
    """Blocks, heads, features."""
    options = recipe.options
    return int(options["blocks"]), int(options["heads"]), int(options["features"])


def _parameters(draw: Initialiser, data: Data, recipe: Recipe) -> Parameters:
    blocks, _, features = _sizes(recipe)
    length = recipe.windows.length if recipe.windows else 0
    parameters: dict[str, Array] = {
        "embedding.E": draw.normal(SPREAD, data.classes, features),
        "embedding.P": draw.normal(SPREAD, length, features),
    }
    for n in range(blocks):
        parameters |= scale_and_shift(draw, f"block{n}.norm0", features)
        for each in _ATTENTION:
            parameters[f"block{n}.W_{each}"] = draw.xavier(features, features)
        parameters |= scale_and_shift(draw, f"block{n}.norm1", features)
        parameters |= dense_parameters(draw, f"block{n}.wide", 4 * features, features)
        parameters |= dense_parameters(draw, f"block{n}.narrow", features, 4 * features)
    parameters |= scale_and_shift(draw, "norm", features)
    return {**parameters, **dense_parameters(draw, "output", data.classes, features)}


def _normalised(apply: Pass, x: Node, parameters: Nodes, name: str) -> Node:
    gamma, beta = parameters[f"{name}.gamma"], parameters[f"{name}.beta"]
    return per_place(apply, x, lambda rows: apply("layernorm", rows, gamma, beta, EPSILON))


def _block(apply: Pass, x: Node, mask: Node, parameters: Nodes, name: str, heads: int) -> Node:
    """Attention, then a layer of its own at every place; each adds to what passes by."""
    seen = _normalised(apply, x, parameters, f"{name}.norm0")
    weights = [parameters[f"{name}.W_{each}"] for each in _ATTENTION]
    x = added(apply, x, apply("multi_head_attention", seen, seen, mask, *weights, H=heads))

    def perceptron(rows: Node) -> Node:
        wide = apply("gelu", dense(apply, rows, parameters, f"{name}.wide"))
        return dense(apply, wide, parameters, f"{name}.narrow")

    inner = _normalised(apply, x, parameters, f"{name}.norm1")
    return added(apply, x, per_place(apply, inner, perceptron))


def _forward(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Outcome:
    blocks, heads, features = _sizes(recipe)
    table = parameters["embedding.E"]
    count, dtype = table.shape[0], table.value.dtype
    examples, length = batch["x"].shape
    codes = apply.rows(apply.one_hot(batch["x"], count, dtype))
    x = apply.reshape(apply("embedding", codes, table), (examples, length, features))
    x = apply("positional_encoding", x, parameters["embedding.P"])
    later = numpy.triu(numpy.full((length, length), MASKED), k=1)
    mask = apply.leaf(apply.xp.asarray(later, dtype))
    for n in range(blocks):
        x = _block(apply, x, mask, parameters, f"block{n}", heads)
    x = _normalised(apply, x, parameters, "norm")
    logits = dense(apply, apply.rows(x), parameters, "output")
    outcome = classified(apply, logits, apply.reshape(batch["y"], (-1,)))
    return Outcome(outcome.losses, {"logits": apply.reshape(logits, (examples, length, count))})


MODELS = (
    Model(
        "transformer",
        "a causal transformer that reads a text by characters",
        "pages",
        "text",
        Recipe(
            Optimiser("adamw", 1e-3, {"beta_2": 0.99}),
            steps=3000,
            batch=32,
            schedule=Schedule("cosine", warm_up=100, last=0.1),
            evaluate=100,
            clip=1.0,
            windows=Windows(64, "random"),
            options={"blocks": 2, "heads": 4, "features": 128},
        ),
        _parameters,
        _forward,
        next_accuracy,
        exhibit="writing",
    ),
)
