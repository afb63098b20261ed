"""What a model is written against: a pass that applies pages to values.

A model says once which page meets which value. `Tape` applies the generated pairs and remembers
them for the way back; `parity.ReferencePass` applies the pages' own Reference blocks, for JAX to
differentiate. All arithmetic of a model is in pages; what stands here beside them moves entries to
other places and changes none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from typing import Any

from derivcheck.training.arrays import Array, Backend, library


@dataclass(eq=False, slots=True)  # not frozen: NumPy makes dozens a step, and that costs most
class Node:
    """A value of a pass; nothing changes it.

    `place` is its number on the tape, -1 for a plain number that went into a page; `name` is that
    of a parameter; `active` says that it is one or comes from one, so that its cotangent will be
    asked for.
    """

    value: Array
    place: int = -1
    name: str = ""
    active: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)


def _nodes(inputs: Sequence[Node | float]) -> tuple[Node, ...]:
    return tuple([each if isinstance(each, Node) else Node(each) for each in inputs])


Body = Callable[["Pass", tuple[Node, ...], tuple[Node, ...]], tuple[Sequence[Node], Sequence[Node]]]
"""One step in time: (pass, carried values, inputs of the step) to (carried values, outputs)."""

Move = Callable[[tuple[Array, ...]], tuple[Array, ...]]


@dataclass(eq=False)
class Pass(ABC):
    """One way through a model. `state` are running values (averages of a normalisation, a carried
    hidden state) as they were before; `keep` says what they are afterwards."""

    backend: Backend
    state: Mapping[str, Array] = field(default_factory=dict[str, Array])
    training: bool = True
    kept: dict[str, Array] = field(default_factory=dict[str, Array])

    @property
    def xp(self) -> Any:
        return library(self.backend)

    def __call__(self, page: str, *inputs: Node | float, **statics: int) -> Node:
        """The output of a page that has one."""
        (output,) = self.apply(page, _nodes(inputs), statics)
        return output

    def all(self, page: str, *inputs: Node | float, **statics: int) -> tuple[Node, ...]:
        """All outputs of a page."""
        return self.apply(page, _nodes(inputs), statics)

    @abstractmethod
    def leaf(self, value: Array, name: str = "", *, active: bool = False) -> Node:
        """A value that no page of this pass made: a parameter if it is active, else a constant."""

    @abstractmethod
    def apply(
        self, page: str, inputs: tuple[Node, ...], statics: Mapping[str, int]
    ) -> tuple[Node, ...]: ...

    @abstractmethod
    def move(self, label: str, inputs: Sequence[Node], there: Move, back: Move) -> tuple[Node, ...]:
        """Entries in other places; `back` takes cotangents of the results to those of inputs."""

    @abstractmethod
    def scan(
        self, body: Body, carried: Sequence[Node], sequence: Sequence[Node]
    ) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        """`body` along the first axis of `sequence`: last carried values, outputs stacked."""

    def keep(self, name: str, value: Array) -> None:
        """This is what `state[name]` will be in the next step; no gradient flows through it."""
        self.kept[name] = value

    # --- moves ----------------------------------------------------------------------------------

    def reshape(self, x: Node, shape: Sequence[int]) -> Node:
        before, after = x.shape, tuple(shape)
        return self._single(
            "reshape", x, lambda v: v.reshape(after), lambda bar: bar.reshape(before)
        )

    def rows(self, x: Node) -> Node:
        """All but the last axis become one."""
        return self.reshape(x, (prod(x.shape[:-1]), x.shape[-1]))

    def flat(self, x: Node) -> Node:
        """All but the first axis become one."""
        return self.reshape(x, (x.shape[0], prod(x.shape[1:])))

    def transpose(self, x: Node, axes: Sequence[int]) -> Node:
        inverse = tuple(sorted(range(len(axes)), key=lambda n: axes[n]))
        return self._single(
            "transpose", x, lambda v: v.transpose(axes), lambda bar: bar.transpose(inverse)
        )

    def concatenate(self, parts: Sequence[Node], axis: int) -> Node:
        xp = self.xp
        ends = [0]
        for part in parts:
            ends.append(ends[-1] + part.shape[axis])
        place = (slice(None),) * axis

        def back(bars: tuple[Array, ...]) -> tuple[Array, ...]:
            (bar,) = bars
            return tuple(bar[(*place, slice(a, b))] for a, b in pairwise(ends))

        (joined,) = self.move(
            "concatenate", parts, lambda values: (xp.concatenate(values, axis=axis),), back
        )
        return joined

    def split(self, x: Node, sizes: Sequence[int], axis: int) -> tuple[Node, ...]:
        xp = self.xp
        place, cuts = (slice(None),) * axis, [sum(sizes[:n]) for n in range(len(sizes) + 1)]

        def there(values: tuple[Array, ...]) -> tuple[Array, ...]:
            (value,) = values
            return tuple(value[(*place, slice(a, b))] for a, b in pairwise(cuts))

        return self.move("split", (x,), there, lambda bars: (xp.concatenate(bars, axis=axis),))

    def unstack(self, x: Node) -> tuple[Node, ...]:
        """The entries along the first axis."""
        xp = self.xp
        return self.move(
            "unstack",
            (x,),
            lambda values: tuple(values[0][n] for n in range(x.shape[0])),
            lambda bars: (xp.stack(bars),),
        )

    def stack(self, parts: Sequence[Node]) -> Node:
        """The parts along a new first axis."""
        xp, count = self.xp, len(parts)
        (stacked,) = self.move(
            "stack",
            parts,
            lambda values: (xp.stack(values),),
            lambda bars: tuple(bars[0][n] for n in range(count)),
        )
        return stacked

    def _single(
        self, label: str, x: Node, there: Callable[[Array], Array], back: Callable[[Array], Array]
    ) -> Node:
        (moved,) = self.move(
            label, (x,), lambda values: (there(values[0]),), lambda bars: (back(bars[0]),)
        )
        return moved

    # --- constants ------------------------------------------------------------------------------

    def one_hot(self, classes: Node, count: int, dtype: Any) -> Node:
        """Rows of the unit matrix, one more axis than `classes`."""
        return self.leaf(self.xp.eye(count, dtype=dtype)[classes.value])

    def zeros(self, shape: Sequence[int], dtype: Any) -> Node:
        return self.leaf(self.xp.zeros(tuple(shape), dtype))
