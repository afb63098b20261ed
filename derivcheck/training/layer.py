"""A registered page as a layer: its generated forward pass and pullback, loaded once a process."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from derivcheck.training.arrays import Array, Backend

if TYPE_CHECKING:
    from derivcheck.api import LoadedDerivation


@dataclass(frozen=True, eq=False)
class Layer:
    """The pair of one page, made for the gradients of some of its inputs.

    `places[n]` is where the gradient of input n stands in what the pullback returns, None for an
    input whose gradient is not wanted. `statics` are the integers that the forward pass takes by
    name.
    """

    page: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    places: tuple[int | None, ...]
    statics: frozenset[str]
    forward: Callable[..., tuple[tuple[Array, ...], tuple[Array, ...]]]
    _pullback: Callable[..., tuple[Array, ...]]
    _in_pullback: frozenset[str]

    def pullback(
        self, residuals: tuple[Array, ...], cotangents: tuple[Array, ...], **statics: int
    ) -> list[Array | None]:
        """A gradient for each input, None for those that are not wanted."""
        if statics:
            statics = {name: value for name, value in statics.items() if name in self._in_pullback}
        gradients = self._pullback(residuals, cotangents, **statics)
        return [None if place is None else gradients[place] for place in self.places]


@cache
def page(name: str) -> LoadedDerivation:
    """A registered derivation; raises `registry.UnknownName`."""
    from derivcheck.api import load  # all that reads and judges pages: a list of models needs none

    return load(name)


@cache
def layer(name: str, backend: Backend, wanted: tuple[bool, ...] = ()) -> Layer:
    """The layer of a page, for the gradients of the inputs that `wanted` marks; () wants none.

    Raises `registry.UnknownName`, `LoweringError`, and `TypeError` if one is wanted that the page
    does not give: composing on without it would leave out a path.
    """
    from derivcheck import codegen
    from derivcheck.lowering import lower

    loaded = page(name)
    inputs = tuple(loaded.program.inputs)
    names = tuple(each for each, asked in zip(inputs, wanted, strict=bool(wanted)) if asked)
    missing = sorted(set(names) - set(loaded.program.differentiated))
    if missing:
        raise TypeError(f"the page {name} has no gradient of {', '.join(missing)}")
    program = lower(loaded.derivation, wanted=names)
    pair = codegen.load(program, backend)
    order = {each: place for place, each in enumerate(program.differentiated)}
    return Layer(
        name,
        inputs,
        tuple(program.outputs),
        tuple(order.get(each) for each in inputs),
        frozenset(inspect.signature(pair.forward).parameters).difference(inputs),
        pair.forward,
        pair.pullback,
        frozenset(inspect.signature(pair.pullback).parameters),
    )
