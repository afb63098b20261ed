"""The pass that trains: generated forward passes, remembered so that their pullbacks compose.

What comes back is the chain rule and nothing else: calls in reverse, each page's pullback under the
cotangents of its outputs, cotangents of one value summed over its uses. Only what comes from a
parameter is remembered, and only calls on a path from a wanted value are pulled back. `jax.grad`
and its relatives have no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from derivcheck.training import scanning
from derivcheck.training.arrays import Array
from derivcheck.training.layer import layer
from derivcheck.training.passes import Body, Move, Node, Pass

Pullback = Callable[[Any, tuple[Array, ...]], Sequence[Array | None]]
"""(residuals, cotangents of the outputs) to one gradient for each input that is active."""

Watch = Callable[[str, Sequence[Array | None]], None]


@dataclass(eq=False, slots=True)
class Call:
    """One application on a tape. Residuals are apart from `pullback`, so that those of a step in
    time can be handed out of the loop and back in."""

    label: str
    inputs: tuple[int, ...]
    outputs: tuple[Node, ...]
    residuals: Any
    pullback: Pullback


@dataclass(eq=False)
class Tape(Pass):
    """Calls in the order in which they were made.

    Places count upwards through tapes inside one another: a place below `first` belongs to a tape
    around this one. `remember=False` is for evaluation: nothing can be pulled back. `watch` sees
    the outputs of every call and the gradients of every pullback.
    """

    remember: bool = True
    watch: Watch | None = None
    places: Iterator[int] = field(default_factory=count)
    calls: list[Call] = field(default_factory=list[Call])
    captured: dict[int, Node] = field(default_factory=dict[int, Node])
    first: int = field(init=False)

    def __post_init__(self) -> None:
        self.first = next(self.places)

    def leaf(self, value: Array, name: str = "", *, active: bool = False) -> Node:
        return Node(value, next(self.places), name, active and self.remember)

    def inner(self) -> Tape:
        """A tape for the body of a loop."""
        return Tape(self.backend, self.state, self.training, places=self.places)

    def capture(self, nodes: Sequence[Node]) -> None:
        """Remember those that belong to a tape around this one."""
        for node in nodes:
            if 0 <= node.place < self.first:
                self.captured[node.place] = node

    def record(
        self,
        label: str,
        inputs: Sequence[Node | float],
        outputs: Sequence[Array],
        residuals: Any,
        pullback: Pullback,
    ) -> tuple[Node, ...]:
        """Remember a call, if something active goes into it; its outputs as nodes."""
        given = [each for each in inputs if isinstance(each, Node)]
        active = any(each.active for each in given)
        nodes = tuple([Node(value, next(self.places), "", active) for value in outputs])
        if self.watch is not None:
            self.watch(label, outputs)
        if active:
            self.capture(given)
            places = tuple([each.place if isinstance(each, Node) else -1 for each in inputs])
            self.calls.append(Call(label, places, nodes, residuals, pullback))
        return nodes

    def apply(
        self, page: str, inputs: Sequence[Node | float], statics: Mapping[str, int]
    ) -> tuple[Node, ...]:
        active = tuple([isinstance(each, Node) and each.active for each in inputs])
        pair = layer(page, self.backend, active)
        values = [each.value if isinstance(each, Node) else each for each in inputs]
        outputs, residuals = pair.forward(*values, **statics)

        def pullback(saved: tuple[Array, ...], bars: tuple[Array, ...]) -> Sequence[Array | None]:
            return pair.pullback(saved, bars, **statics)

        names = [each.name for each in inputs if isinstance(each, Node) and each.name]
        label = f"{page}({', '.join(names)})" if names else page
        return self.record(label, inputs, outputs, residuals, pullback)

    def move(self, label: str, inputs: Sequence[Node], there: Move, back: Move) -> tuple[Node, ...]:
        outputs = there(tuple(each.value for each in inputs))
        return self.record(label, inputs, outputs, (), lambda _, bars: back(bars))

    def scan(
        self, body: Body, carried: Sequence[Node], sequence: Sequence[Node]
    ) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        if self.backend == "jax" and self.watch is None:
            return scanning.compiled(self, body, carried, sequence)
        return scanning.unrolled(self, body, carried, sequence)

    def pullback(
        self,
        seeds: Sequence[tuple[Node, Array]],
        wanted: Sequence[Node],
        residuals: Sequence[Any] | None = None,
    ) -> list[Array | None]:
        """The gradients of `wanted` under these cotangents; None for one that no path reaches.

        `residuals` stand in for those of the calls, one for each.
        """
        needed = self._needed(wanted)
        bars = _Cotangents()
        for node, bar in seeds:
            if node.place in needed:
                bars.add(node.place, bar)
        saved = residuals if residuals is not None else [call.residuals for call in self.calls]
        for call, of_call in zip(reversed(self.calls), reversed(saved), strict=True):
            asked = [place in needed for place in call.inputs]
            incoming = [bars.take(node.place) for node in call.outputs]
            if not any(asked) or not any(bar is not None for bar in incoming):
                continue
            filled = tuple(
                [
                    self.xp.zeros(node.shape, node.value.dtype) if bar is None else bar
                    for node, bar in zip(call.outputs, incoming, strict=True)
                ]
            )
            gradients = call.pullback(of_call, filled)
            if self.watch is not None:
                self.watch(f"the pullback of {call.label}", gradients)
            for place, asked_for, gradient in zip(call.inputs, asked, gradients, strict=True):
                if asked_for and gradient is not None:
                    bars.add(place, gradient)
        return [bars.get(node.place) for node in wanted]

    def _needed(self, wanted: Sequence[Node]) -> set[int]:
        """The places on a path from a wanted one."""
        needed = {node.place for node in wanted}
        for call in self.calls:
            if not needed.isdisjoint(call.inputs):
                needed.update([node.place for node in call.outputs])
        return needed


class _Cotangents:
    """Sums of cotangents by place. The first one of a place is borrowed, since it may be a view of
    another; a sum is ours, and the next is added to it in place where the library can."""

    def __init__(self) -> None:
        self._of: dict[int, Array] = {}
        self._ours: set[int] = set()

    def add(self, place: int, bar: Array) -> None:
        known = self._of.get(place)
        if known is None:
            self._of[place] = bar
        elif place in self._ours:
            known += bar  # JAX makes a new one
            self._of[place] = known
        else:
            self._of[place] = known + bar
            self._ours.add(place)

    def get(self, place: int) -> Array | None:
        return self._of.get(place)

    def take(self, place: int) -> Array | None:
        return self._of.pop(place, None)
