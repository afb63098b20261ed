"""What a model is, and the recipe by which it is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.optimisers import Optimiser
from derivcheck.training.passes import Node, Pass
from derivcheck.training.schedules import Schedule

Parameters = Mapping[str, Array]
State = Mapping[str, Array]
Batch = Mapping[str, Array]
Nodes = Mapping[str, Node]


@dataclass(frozen=True)
class Windows:
    """How a text is cut: pieces of `length` characters, at random places, or each batch where the
    one before it ended, so that a hidden state can go on."""

    length: int
    order: Literal["random", "consecutive"]


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    `batch` is the number of examples of a step, 0 for all of them; `evaluate` the number of steps
    between two looks at the validation data; `patience` how many looks without a better one end the
    run, 0 for no such end, and `goal` is the validation loss that ends it at once. `clip` bounds
    the norm of all gradients together. `windows` is for texts. `options` are a model's own numbers.
    """

    optimiser: Optimiser
    steps: int
    batch: int
    schedule: Schedule = field(default_factory=Schedule)
    evaluate: int = 100
    patience: int = 0
    goal: float | None = None
    clip: float | None = None
    l2: float = 0.0
    l1: float = 0.0
    augmentation: tuple[str, ...] = ()
    windows: Windows | None = None
    options: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True)
class Term:
    """A part of a loss: `weight` times the sum of the entries of `node`."""

    node: Node
    weight: float = 1.0


@dataclass(frozen=True)
class Outcome:
    """What a forward pass ends in: the terms of each objective, and the outputs that are measured
    and shown."""

    losses: Mapping[str, tuple[Term, ...]]
    outputs: Mapping[str, Node]


def _no_noise(rng: numpy.random.Generator, batch: Batch, recipe: Recipe) -> Batch:
    del rng, batch, recipe
    return {}


def _no_state(data: Data, recipe: Recipe) -> State:
    del data, recipe
    return {}


@dataclass(frozen=True)
class Model:
    """A composition of pages.

    `initial` draws the parameters for the shapes of some data; `forward` composes the pages, the
    same for every pass. `metrics` looks at the outputs of a forward pass, as NumPy arrays; the
    first one is what early stopping follows, better when larger unless its name is `loss` or ends
    in `error`. `noise` draws what a training step needs of chance (dropout masks, latent
    variables). `images` says that rows of numbers are no input. `exhibit` is the one of `exhibits`
    that its report shows, and `sample` makes images from codes for it. `objectives` maps each loss
    to the beginning of the names of its parameters.
    """

    name: str
    summary: str
    data: str
    kind: str
    recipe: Recipe
    initial: Callable[[Initialiser, Data, Recipe], Parameters]
    forward: Callable[[Pass, Nodes, Nodes, Recipe], Outcome]
    metrics: Callable[[Batch, Batch], Mapping[str, float]]
    noise: Callable[[numpy.random.Generator, Batch, Recipe], Batch] = _no_noise
    state: Callable[[Data, Recipe], State] = _no_state
    images: bool = False
    exhibit: str = ""
    sample: Callable[[Pass, Node, Nodes], Node] | None = None
    objectives: Mapping[str, str] = field(default_factory=lambda: {"loss": ""})
