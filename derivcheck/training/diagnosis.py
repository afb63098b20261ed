"""Why a run diverged: the step once more, call by call, until something is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.model import Batch, Model
from derivcheck.training.step import Position, from_pullbacks


@dataclass(eq=False)
class Divergence(Exception):
    """A run that cannot go on: the step, where the first value that is not finite came from, and
    the largest gradient, with its parameter."""

    step: int
    place: str
    parameter: str
    gradient: float

    def __str__(self) -> str:
        largest = f"largest gradient {self.gradient:.3g}, of {self.parameter}"
        return f"diverged at step {self.step}: {self.place} is not finite; {largest}"


def diagnosed(model: Model, position: Position, batch: Batch, step: int) -> Divergence:
    """What happened in the step from this position; in NumPy, where every value can be seen."""
    places: list[str] = []

    def watch(label: str, values: Sequence[Array | None]) -> None:
        arrays = [numpy.asarray(value) for value in values if value is not None]
        if not all(numpy.isfinite(each).all() for each in arrays if each.dtype.kind == "f"):
            places.append(label)

    def plain(arrays: Batch) -> Batch:
        return {name: numpy.asarray(value) for name, value in arrays.items()}

    gradients = from_pullbacks(model, "numpy", watch)
    parameters = plain(position.parameters)
    broken = [name for name, value in parameters.items() if not numpy.isfinite(value).all()]
    _, found, _ = gradients(parameters, plain(position.state), plain(batch))
    sizes = {name: float(numpy.abs(value).max(initial=0.0)) for name, value in found.items()}
    largest = max(sizes, key=lambda name: (not numpy.isnan(sizes[name]), sizes[name]))
    places = [f"the parameter {name}" for name in broken] or places or ["the norm of the gradient"]
    return Divergence(step, places[0], largest, sizes[largest])
