"""First values of parameters, by the registry's pages `xavier` and `he`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.layer import layer


@dataclass(frozen=True)
class Initialiser:
    """Draws in float64, one after another from one generator, so that a run in another precision
    begins at the same numbers, rounded."""

    rng: numpy.random.Generator

    def xavier(self, *shape: int) -> Array:
        """Uniform; the first axis is of outputs, all others together are inputs."""
        return self._scaled("xavier", self.rng.uniform(-1.0, 1.0, shape))

    def he(self, *shape: int) -> Array:
        """Normal; the first axis is of outputs, all others together are inputs."""
        return self._scaled("he", self.rng.normal(size=shape))

    def normal(self, deviation: float, *shape: int) -> Array:
        return self.rng.normal(scale=deviation, size=shape)

    def zeros(self, *shape: int) -> Array:
        return numpy.zeros(shape)

    def ones(self, *shape: int) -> Array:
        return numpy.ones(shape)

    def _scaled(self, page: str, numbers: Array) -> Array:
        shape: Sequence[int] = numbers.shape
        (weights,), _ = layer(page, "numpy").forward(numbers.reshape(shape[0], prod(shape[1:])))
        return weights.reshape(shape)
