"""Compiled expressions evaluated at a point and a precision, with what is remembered meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from flint import arb, ctx

from derivcheck.expression import Atom, Index, Tensor
from derivcheck.witnesses.ball_arithmetic.dual_ball import (
    ONE,
    ZERO,
    BudgetExceeded,
    Dual,
    Inconclusive,
    Undefined,
    Value,
    add,
    ball,
    real,
)
from derivcheck.witnesses.trial import Point

DEEPEST = 300
"""Levels of nesting, through definitions: safely inside Python's recursion limit."""

_ENTRY_DEPTH = 3

DEFAULT_BUDGET = 400_000
"""Sum terms and tensor entries that one run may visit."""

Place: TypeAlias = tuple[int, ...]
Seed: TypeAlias = tuple[int, int, tuple[Place, ...]]
"""Level, tensor number and the entries that one derivative perturbs."""

Evaluate: TypeAlias = "Callable[[Run], Value]"
Whole: TypeAlias = Callable[[list[int]], int]
"""An integer polynomial as a function of the slots."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A compiled expression: its closure and what its value rests on.

    `constant` marks a rational, `conditional` a polynomial of deltas, guards and [x > 0];
    `continuous` says that some real variable is involved, so that 0 can be a kink.
    """

    evaluate: Evaluate
    slots: tuple[int, ...]
    rests_on: frozenset[int]
    depth: int
    constant: bool
    conditional: bool
    continuous: bool


@dataclass(slots=True, eq=False)
class Array:
    """What the program knows of one tensor; `body` is compiled when it is first needed."""

    tensor: Tensor
    extents: tuple[Whole, ...]
    rests_on: frozenset[int] = frozenset()
    continuous: bool = False
    body: tuple[tuple[int, ...], Node] | None = None


class Layout(Protocol):
    """What a run must know of the program whose nodes it evaluates."""

    slots: dict[Atom, int]
    arrays: list[Array]
    memos: int

    def slot(self, atom: Atom) -> int: ...

    def body(self, number: int) -> tuple[tuple[int, ...], Node] | None: ...


class Run:
    """The values of a program's nodes at one point and one precision, each computed once."""

    def __init__(
        self, program: Layout, point: Point, precision: int, budget: int = DEFAULT_BUDGET
    ) -> None:
        self.program = program
        self.point = point
        self.precision = precision
        self.work = budget
        self.seeds: tuple[Seed, ...] = ()
        self.slots: list[int] = []
        self.memos: list[dict[object, Value]] = []
        self._entries: dict[object, Value] = {}
        self._perturbed: dict[tuple[int, Place, tuple[Seed, ...]], Value] = {}
        self._seeds_of: dict[tuple[int, tuple[Seed, ...]], tuple[Seed, ...]] = {}
        self._sizes: dict[int, tuple[int, ...]] = {}
        self._depth = 0

    def enclose(self, node: Node, indices: Mapping[Index, int]) -> arb:
        """A ball around the node's value at these values of its free indices.

        Raises `Undefined`, `Inconclusive` or `BudgetExceeded`.
        """
        self._prepare()
        for index, value in indices.items():
            slot = self.program.slot(index)
            self._grow()
            self.slots[slot] = value
        self._depth = node.depth
        with ctx.workprec(self.precision):
            return _finite(real(node.evaluate(self)))

    def enclose_entry(self, number: int, place: Place) -> arb:
        """A ball around one entry of a tensor, given by its number in the program."""
        self._prepare()
        self._depth = 0
        with ctx.workprec(self.precision):
            return _finite(real(self.entry(number, place)))

    def _prepare(self) -> None:
        for parameter in self.point.extents:
            self.program.slot(parameter)
        self._grow()
        for parameter, size in self.point.extents.items():
            self.slots[self.program.slot(parameter)] = size
        self.seeds = ()

    def spend(self, amount: int) -> None:
        self.work -= amount
        if self.work < 0:
            raise BudgetExceeded("too much work")

    def key(self, slots: tuple[int, ...], rests_on: frozenset[int]) -> object:
        """What a remembered value depends on: index values, and the seeds that can reach it."""
        values = tuple([self.slots[slot] for slot in slots])
        if not self.seeds:
            return values
        return values, tuple([seed for seed in self.seeds if seed[1] in rests_on])

    def entry(self, number: int, place: Place) -> Value:
        """An entry: 0 outside, sampled, or by its definition; perturbed where seeded."""
        # This is where the time goes: no generators, no hashes of tensors.
        size = self._sizes.get(number) or self._size(number)
        for n, extent in zip(place, size, strict=True):
            if not 0 <= n < extent:
                return ZERO
        seeds = self.seeds
        if not seeds:
            return self._plain(number, place, seeds)
        levels = [level for level, tensor, places in seeds if tensor == number and place in places]
        if not levels:
            return self._plain(number, place, self._reaching(number, seeds))
        key = (number, place, seeds)
        found = self._perturbed.get(key)
        if found is not None:
            return found
        # A perturbed entry is a variable of its own: its definition does not see the seed.
        others = tuple([seed for seed in seeds if seed[0] not in levels])
        value = self._plain(number, place, self._reaching(number, others))
        for level in levels:
            value = add(value, Dual(level, ZERO, ONE))
        self._perturbed[key] = value
        return value

    def _reaching(self, number: int, seeds: tuple[Seed, ...]) -> tuple[Seed, ...]:
        """Those of the seeds on which the tensor's definition may rest; a sampled one has none."""
        key = (number, seeds)
        found = self._seeds_of.get(key)
        if found is None:
            array = self.program.arrays[number]
            sampled = array.tensor in self.point.exact
            reached = [seed for seed in seeds if seed[1] in array.rests_on and not sampled]
            found = self._seeds_of[key] = tuple(reached)
        return found

    def _plain(self, number: int, place: Place, seeds: tuple[Seed, ...]) -> Value:
        """The entry's own value under the seeds that can reach it."""
        key: object = (number, place, seeds) if seeds else (number, place)
        found = self._entries.get(key)
        if found is None:
            self.spend(1)
            found = self._entries[key] = self._fetch(number, place, seeds)
        return found

    def _fetch(self, number: int, place: Place, seeds: tuple[Seed, ...]) -> Value:
        tensor = self.program.arrays[number].tensor
        array = self.point.exact.get(tensor)
        if array is not None:
            return ball(array[place])
        body = self.program.body(number)
        if body is None:
            raise Undefined(f"nothing is known of {tensor.name}")
        slots, node = body
        depth = self._depth
        if depth + node.depth + _ENTRY_DEPTH > DEEPEST:
            raise BudgetExceeded("definitions nested too deeply")
        self._grow()
        saved = [self.slots[slot] for slot in slots]
        outer = self.seeds
        # Restored on the way out of an exception as well: a product may go on after one.
        try:
            self._depth = depth + node.depth + _ENTRY_DEPTH
            self.seeds = seeds
            for slot, value in zip(slots, place, strict=True):
                self.slots[slot] = value
            return node.evaluate(self)
        finally:
            for slot, value in zip(slots, saved, strict=True):
                self.slots[slot] = value
            self.seeds = outer
            self._depth = depth

    def _size(self, number: int) -> tuple[int, ...]:
        size = self._sizes.get(number)
        if size is None:
            extents = self.program.arrays[number].extents
            size = self._sizes[number] = tuple(extent(self.slots) for extent in extents)
        return size

    def _grow(self) -> None:
        # Definitions are compiled when first needed, and bring slots and memos of their own.
        self.slots.extend([0] * (len(self.program.slots) - len(self.slots)))
        self.memos.extend({} for _ in range(self.program.memos - len(self.memos)))


def _finite(value: arb) -> arb:
    if not value.is_finite():
        raise Inconclusive("a value too large")
    return value
