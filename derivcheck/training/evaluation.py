"""How good some parameters are on data that no step has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy

from derivcheck.training.arrays import Array, Backend, compiled
from derivcheck.training.batches import rounded
from derivcheck.training.chance import Stream, generator
from derivcheck.training.model import Batch, Model, Parameters, State
from derivcheck.training.step import total
from derivcheck.training.tape import Tape

CHUNK = 1000
"""Examples at a time, so that memory does not depend on the data."""


class Evaluation:
    """A model's forward pass without a way back, compiled once for every shape of a batch."""

    def __init__(self, model: Model, backend: Backend, dtype: numpy.dtype, seed: int) -> None:
        self.model = model
        self.dtype = dtype
        self.seed = seed

        def forward(parameters: Parameters, state: State, batch: Batch) -> Any:
            tape = Tape(backend, state, training=False, remember=False)
            nodes = {name: tape.leaf(value, name) for name, value in parameters.items()}
            given = {name: tape.leaf(value) for name, value in batch.items()}
            outcome = model.forward(tape, nodes, given, model.recipe)
            losses = {name: total(terms) for name, terms in outcome.losses.items()}
            return losses, {name: node.value for name, node in outcome.outputs.items()}

        self._forward = compiled(forward, backend)

    def outputs(self, parameters: Parameters, state: State, batch: Batch) -> Batch:
        """The outputs of one forward pass, as NumPy arrays."""
        _, outputs = self._forward(parameters, state, self._given(batch))
        return {name: numpy.asarray(value) for name, value in outputs.items()}

    def measured(
        self, parameters: Parameters, state: State, part: Mapping[str, Array]
    ) -> Mapping[str, float]:
        """The model's metrics, then its losses, over a part of the data."""
        weights: list[int] = []
        losses: list[Mapping[str, Array]] = []
        outputs: list[Batch] = []
        for chunk in _chunks(part):
            of_chunk, shown = self._forward(parameters, state, self._given(chunk))
            weights.append(len(chunk["x"]))
            losses.append(of_chunk)
            outputs.append(shown)
        joined = {
            name: numpy.concatenate([numpy.asarray(each[name]) for each in outputs])
            for name in outputs[0]
        }
        means = {
            name: float(numpy.average([float(each[name]) for each in losses], weights=weights))
            for name in losses[0]
        }
        return {**self.model.metrics(joined, part), **means}

    def _given(self, batch: Batch) -> Batch:
        rng = generator(self.seed, Stream.SAMPLES)
        return rounded({**batch, **self.model.noise(rng, batch, self.model.recipe)}, self.dtype)


def _chunks(part: Mapping[str, Array]) -> Iterator[Mapping[str, Array]]:
    for start in range(0, len(part["x"]), CHUNK):
        yield {name: values[start : start + CHUNK] for name, values in part.items()}
