"""Update rules: the registry's pages `sgd`, `momentum`, `nesterov`, `rmsprop`, `adam`, `adamw`.

A rule is the generated forward pass of its page; nothing here knows what it computes. What a page
carries from step to step is seen in its outputs: every output but θ' is the next value of the input
of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy

from derivcheck.training.arrays import Array, Backend, library
from derivcheck.training.layer import Layer, layer

_NEXT = "_prime"
_SETTINGS: Mapping[str, Mapping[str, float]] = {
    "sgd": {},
    "momentum": {"mu": 0.9},
    "nesterov": {"mu": 0.9},
    "rmsprop": {"rho": 0.9, "epsilon": 1e-8},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "adamw": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "lambda_": 0.01},
}
"""What is usual, by page."""

PIECE = 16384
"""Entries of a vector that NumPy updates at a time: what a rule computes on the way stays in the
cache, and its arrays need no fresh memory. A rule moves each entry by itself, so the pieces are the
same update."""

Vectors = Mapping[str, Array]

Moments = Mapping[str, Mapping[str, Array]]
"""What a rule carries for each parameter, by the page's name for it."""


@dataclass(frozen=True)
class Optimiser:
    """A page with its settings; those not given are the usual ones. `rate` is the learning rate
    before the schedule."""

    page: str
    rate: float
    settings: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        known = _SETTINGS.get(self.page)
        if known is None:
            raise ValueError(f"no update rule {self.page!r}; there are: {', '.join(_SETTINGS)}")
        unknown = sorted(self.settings.keys() - known)
        if unknown:
            raise ValueError(f"{self.page} has no setting {', '.join(unknown)}")

    def carried(self) -> tuple[str, ...]:
        """The names of what is carried from step to step, without θ."""
        pair = layer(self.page, "numpy")
        return tuple(name.removesuffix(_NEXT) for name in pair.outputs[1:])

    def start(self, parameters: Mapping[str, Array], backend: Backend) -> Moments:
        """Zeros, as every one of the pages begins."""
        xp = library(backend)
        return {
            name: {each: xp.zeros_like(value.ravel()) for each in self.carried()}
            for name, value in parameters.items()
        }

    def update(
        self,
        backend: Backend,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        moments: Moments,
        rate: Array,
        step: Array,
    ) -> tuple[Mapping[str, Array], Moments]:
        """Parameters and moments after step number `step`, counted from 1.

        Parameters without a gradient stay as they are.
        """
        pair = layer(self.page, backend)
        settings = {**_SETTINGS[self.page], **self.settings}
        statics = {"t": step} if self.page in ("adam", "adamw") else {}
        updated, carried = dict(parameters), dict(moments)
        constants = {**settings, "eta": rate}
        for name, gradient in gradients.items():
            theta = parameters[name]
            vectors = {**moments[name], "theta": theta.ravel(), "g": gradient.ravel()}
            apply = _in_pieces if backend == "numpy" and theta.size > PIECE else _at_once
            after, *rest = apply(pair, constants, vectors, statics)
            updated[name] = after.reshape(theta.shape)
            carried[name] = dict(zip(self.carried(), rest, strict=True))
        return updated, carried


def _at_once(
    pair: Layer, constants: Vectors, vectors: Vectors, statics: Mapping[str, Array]
) -> Sequence[Array]:
    known = {**constants, **vectors}
    outputs, _ = pair.forward(*[known[each] for each in pair.inputs], **statics)
    return outputs


def _in_pieces(
    pair: Layer, constants: Vectors, vectors: Vectors, statics: Mapping[str, Array]
) -> Sequence[Array]:
    theta = vectors["theta"]
    outputs = [numpy.empty_like(theta) for _ in pair.outputs]
    for start in range(0, theta.size, PIECE):
        piece = slice(start, start + PIECE)
        some = {name: vector[piece] for name, vector in vectors.items()}
        found = _at_once(pair, constants, some, statics)
        for output, values in zip(outputs, found, strict=True):
            output[piece] = values
    return outputs
