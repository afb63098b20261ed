"""The pass that trains: generated forward passes, remembered so that their pullbacks compose.

What comes back is the chain rule and nothing else: calls in reverse, each page's pullback under the
cotangents of its outputs, cotangents of one value summed over its uses. Only what comes from a
parameter is remembered, and only calls on a path from a wanted value are pulled back. `jax.grad`
and its relatives have no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
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
    """One application on a tape, of a page or a move. Residuals are apart from `pullback`, so that
    those of a step in time can be handed out of the loop and back in."""

    name: str
    inputs: tuple[Node, ...]
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
        name: str,
        inputs: tuple[Node, ...],
        outputs: Sequence[Array],
        residuals: Any,
        pullback: Pullback,
    ) -> tuple[Node, ...]:
        """Remember a call, if something active goes into it; its outputs as nodes."""
        active = True in [each.active for each in inputs]
        nodes = tuple([Node(value, next(self.places), "", active) for value in outputs])
        if self.watch is not None:
            self.watch(_label(name, inputs), outputs)
        if active:
            self.capture(inputs)
            self.calls.append(Call(name, inputs, nodes, residuals, pullback))
        return nodes

    def apply(
        self, page: str, inputs: tuple[Node, ...], statics: Mapping[str, int]
    ) -> tuple[Node, ...]:
        pair = layer(page, self.backend, tuple([each.active for each in inputs]))
        outputs, residuals = pair.forward(*[each.value for each in inputs], **statics)
        pullback = partial(pair.pullback, **statics) if statics else pair.pullback
        return self.record(page, inputs, outputs, residuals, pullback)

    def move(self, label: str, inputs: Sequence[Node], there: Move, back: Move) -> tuple[Node, ...]:
        outputs = there(tuple([each.value for each in inputs]))
        return self.record(label, tuple(inputs), outputs, (), lambda _, bars: back(bars))

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
        bars = _Cotangents(self.xp)
        for node, bar in seeds:
            if node in needed:
                bars.add(node, bar)
        saved = residuals if residuals is not None else [call.residuals for call in self.calls]
        for call, of_call in zip(reversed(self.calls), reversed(saved), strict=True):
            if not bars.reach(call.outputs):
                continue
            gradients = call.pullback(of_call, tuple([bars.taken(each) for each in call.outputs]))
            if self.watch is not None:
                self.watch(f"the pullback of {_label(call.name, call.inputs)}", gradients)
            for node, gradient in zip(call.inputs, gradients, strict=True):
                if gradient is not None and node in needed:
                    bars.add(node, gradient)
        return [bars.get(node) for node in wanted]

    def _needed(self, wanted: Sequence[Node]) -> set[Node]:
        """The values on a path from a wanted one."""
        needed = set(wanted)
        for call in self.calls:
            if not needed.isdisjoint(call.inputs):
                needed.update(call.outputs)
        return needed


def _label(name: str, inputs: Sequence[Node]) -> str:
    """`linear(hidden0.W)`: a page with the parameters that go into it."""
    names = [each.name for each in inputs if each.name]
    return f"{name}({', '.join(names)})" if names else name


class _Cotangents:
    """Sums of cotangents by value. The first one of a value is borrowed, since it may be a view of
    another; a sum is ours, and the next is added to it in place where the library can."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp
        self._of: dict[Node, Array] = {}
        self._ours: set[Node] = set()

    def add(self, node: Node, bar: Array) -> None:
        known = self._of.get(node)
        if known is None:
            self._of[node] = bar
        elif node in self._ours:
            known += bar  # JAX makes a new one
            self._of[node] = known
        else:
            self._of[node] = known + bar
            self._ours.add(node)

    def reach(self, nodes: Sequence[Node]) -> bool:
        """Whether any of the values has a cotangent."""
        return not self._of.keys().isdisjoint(nodes)

    def get(self, node: Node) -> Array | None:
        return self._of.get(node)

    def taken(self, node: Node) -> Array:
        """The cotangent of a value, which is not needed any more; zeros if it has none."""
        bar = self._of.pop(node, None)
        return self._xp.zeros(node.shape, node.value.dtype) if bar is None else bar
