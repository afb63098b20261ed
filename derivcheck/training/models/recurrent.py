"""Recurrent models: palindromes told apart, and text by characters."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.layer import page
from derivcheck.training.model import (
    Batch,
    Model,
    Nodes,
    Outcome,
    Parameters,
    Recipe,
    State,
    Windows,
)
from derivcheck.training.models.blocks import classified, dense, dense_parameters
from derivcheck.training.models.measures import accuracy, next_accuracy
from derivcheck.training.optimisers import Optimiser
from derivcheck.training.passes import Body, Node, Pass
from derivcheck.training.schedules import Schedule


@dataclass(frozen=True)
class Cell:
    """A page of one step in time; `carried` of its inputs come from the step before, as many of its
    outputs go on to the next one, the first of them is shown."""

    page: str
    carried: int
    gates: tuple[str, ...]

    @property
    def weights(self) -> tuple[str, ...]:
        """The page's names for the parameters."""
        return tuple(page(self.page).program.inputs[1 + self.carried :])

    def parameters(self, draw: Initialiser, units: int, inputs: int) -> Parameters:
        """Every gate by itself; a forget gate begins open."""
        found: dict[str, Array] = {}
        for name in self.weights:
            kind, _, gate = name.partition("_")
            if gate:
                found[f"cell.{name}"] = self._of_gate(draw, kind, gate, units, inputs)
            else:
                gates = [self._of_gate(draw, kind, each, units, inputs) for each in self.gates]
                found[f"cell.{name}"] = numpy.stack(gates)
        return found

    def _of_gate(self, draw: Initialiser, kind: str, gate: str, units: int, inputs: int) -> Array:
        match kind:
            case "W":
                return draw.xavier(units, inputs)
            case "U":
                return draw.xavier(units, units)
            case _:
                return draw.ones(units) if (kind, gate) == ("b", "f") else draw.zeros(units)

    def last(
        self, apply: Pass, series: Node, start: tuple[Node, ...], parameters: Nodes
    ) -> tuple[Node, ...]:
        """The cell along the first axis of `series`: what it carries at the end."""
        ends, _ = apply.scan(self._body(parameters, 0), start, (series,))
        return ends

    def along(
        self, apply: Pass, series: Node, start: tuple[Node, ...], parameters: Nodes
    ) -> tuple[tuple[Node, ...], Node]:
        """The same, and all it showed."""
        ends, (shown,) = apply.scan(self._body(parameters, 1), start, (series,))
        return ends, shown

    def _body(self, parameters: Nodes, shown: int) -> Body:
        weights = [parameters[f"cell.{name}"] for name in self.weights]

        def body(
            inner: Pass, carried: tuple[Node, ...], entries: tuple[Node, ...]
        ) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
            after = inner.all(self.page, entries[0], *carried, *weights)
            return after, after[:shown]

        return body


LSTM = Cell("lstm_cell_fused", 2, ("i", "f", "g", "o"))
PEEPHOLE = Cell("peephole_lstm_cell", 2, ())
GRU = Cell("gru_cell", 1, ())


def _parameters(draw: Initialiser, data: Data, recipe: Recipe, *, cell: Cell) -> Parameters:
    units = int(recipe.options["units"])
    return {
        **cell.parameters(draw, units, data.classes),
        **dense_parameters(draw, "output", data.classes, units),
    }


def _series(apply: Pass, classes: Node, count: int, dtype: object) -> Node:
    """One-hot inputs (T, S, K) of classes (S, T)."""
    return apply.one_hot(apply.transpose(classes, (1, 0)), count, dtype)


def _last(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe, *, cell: Cell) -> Outcome:
    """The class of a whole sequence, told after its last place."""
    weights = parameters["output.W"]
    count, units = weights.shape
    series = _series(apply, batch["x"], count, weights.value.dtype)
    start = apply.zeros((batch["x"].shape[0], units), weights.value.dtype)
    last = cell.last(apply, series, (start,) * cell.carried, parameters)
    return classified(apply, dense(apply, last[0], parameters, "output"), batch["y"])


def _every(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe, *, cell: Cell) -> Outcome:
    """The next class at every place; the hidden state goes on to the next batch."""
    weights = parameters["output.W"]
    count, units = weights.shape
    examples, length = batch["x"].shape
    series = _series(apply, batch["x"], count, weights.value.dtype)
    dtype = weights.value.dtype
    start = tuple(_carried(apply, batch, n, (examples, units), dtype) for n in range(cell.carried))
    last, shown = cell.along(apply, series, start, _thinned(apply, parameters, batch, recipe))
    for n, node in enumerate(last):
        apply.keep(f"carried{n}", node.value)
    features = apply.rows(shown)
    if apply.training:
        features = apply("dropout", features, batch["mask"], 1.0 - recipe.options["dropout"])
    logits = dense(apply, features, parameters, "output")
    following = apply.reshape(apply.transpose(batch["y"], (1, 0)), (-1,))
    outcome = classified(apply, logits, following)
    shaped = apply.transpose(apply.reshape(logits, (length, examples, count)), (1, 0, 2))
    return Outcome(outcome.losses, {"logits": shaped})


def _thinned(apply: Pass, parameters: Nodes, batch: Nodes, recipe: Recipe) -> Nodes:
    """The parameters with some of the recurrent weights left out, the same ones at every place:
    dropout that forgets nothing on the way (Merity, Keskar and Socher 2017, section 2).
    """
    if not apply.training:
        return parameters
    weights, kept = parameters[_RECURRENT], 1.0 - recipe.options["recurrent_dropout"]
    thinned = apply("dropout", apply.rows(weights), batch["recurrent_mask"], kept)
    return {**parameters, _RECURRENT: apply.reshape(thinned, weights.shape)}


_RECURRENT = "cell.U"


def _carried(apply: Pass, batch: Nodes, place: int, shape: tuple[int, int], dtype: object) -> Node:
    if not apply.training:
        return apply.zeros(shape, dtype)
    before = apply.state[f"carried{place}"] * (1 - batch["fresh"].value)
    return apply.leaf(apply.xp.asarray(before, dtype))


def _mask(rng: numpy.random.Generator, batch: Batch, recipe: Recipe) -> Batch:
    """What dropout keeps of all that is shown, in its order, place by place, and what of the
    recurrent weights of all gates."""
    units = int(recipe.options["units"])

    def kept(count: int, share: float) -> Array:
        return (rng.random((count, units)) >= share).astype(float)

    return {
        "mask": kept(batch["x"].size, recipe.options["dropout"]),
        "recurrent_mask": kept(len(LSTM.gates) * units, recipe.options["recurrent_dropout"]),
    }


def _nothing_carried(data: Data, recipe: Recipe, *, cell: Cell) -> State:
    del data
    shape = (recipe.batch, int(recipe.options["units"]))
    return {f"carried{n}": numpy.zeros(shape) for n in range(cell.carried)}


def _palindromes(name: str, what: str, cell: Cell) -> Model:
    return Model(
        name,
        f"{what}, tells a palindrome's last digit",
        "palindromes-10",
        "sequences",
        Recipe(
            Optimiser("adam", 5e-3),
            steps=1000,
            batch=128,
            evaluate=5,
            goal=0.01,
            clip=5.0,
            options={"units": 64},
        ),
        partial(_parameters, cell=cell),
        partial(_last, cell=cell),
        accuracy,
    )


MODELS = (
    _palindromes("lstm_palindromes", "an LSTM", LSTM),
    _palindromes("peephole_lstm_palindromes", "an LSTM whose gates see its cell", PEEPHOLE),
    _palindromes("gru_palindromes", "a gated recurrent unit", GRU),
    Model(
        "char_lstm",
        "an LSTM that reads a text by characters and goes on writing it",
        "pages",
        "text",
        Recipe(
            Optimiser("adam", 3.5e-3),
            steps=2800,
            batch=32,
            schedule=Schedule("cosine", warm_up=100),
            evaluate=200,
            patience=5,
            clip=1.0,
            windows=Windows(64, "consecutive"),
            options={"units": 384, "dropout": 0.5, "recurrent_dropout": 0.25},
        ),
        partial(_parameters, cell=LSTM),
        partial(_every, cell=LSTM),
        next_accuracy,
        noise=_mask,
        state=partial(_nothing_carried, cell=LSTM),
        exhibit="writing",
    ),
)
