"""Tensors that are defined through other entries of themselves, and whether that ends.

A definition by recurrence has a base case and a step along one axis; other definitions may stand in
the circle (a pre-activation between two hidden states). The circle is well founded if every way
around it moves in one direction along that axis: then a value rests on finitely many others, and
induction along the axis holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from derivcheck.expression.constructors import multiply
from derivcheck.expression.context import Definition, rests_on
from derivcheck.expression.integers import Affine, Index, fresh
from derivcheck.expression.nodes import (
    Add,
    Delta,
    Entry,
    Expression,
    Guard,
    Multiply,
    Tensor,
)
from derivcheck.expression.traversal import substitute, walk


class Disorder(Exception):
    """A circle of definitions that is not well founded; the message says why."""


@dataclass(frozen=True)
class Equation:
    """One case of a definition by recurrence, as a page states it: `entry = value` for all values
    of the indices."""

    indices: tuple[Index, ...]
    entry: Entry
    value: Expression


def equations(definition: Definition) -> tuple[Equation, ...]:
    """The cases of a definition by recurrence, each with indices of its own over its own range."""
    body = definition.body
    return tuple(
        _equation(definition, case) for case in (body.terms if isinstance(body, Add) else (body,))
    )


def _equation(definition: Definition, case: Expression) -> Equation:
    axis = definition.recurs_along
    assert axis is not None
    here = definition.indices[axis]
    factors = list(case.factors if isinstance(case, Multiply) else (case,))
    first: Affine | None = None
    last: Affine | None = None
    single: Affine | None = None
    while factors and single is None:
        match factors[0]:
            case Delta(left, right) if left == Affine.of(here):
                single = right
            case Guard(value) if first is None and _apart(value, here, 1):
                first = Affine.of(here) - value
            case Guard(value) if last is None and _apart(value, here, -1):
                last = Affine.of(here) + value
            case _:
                break
        del factors[0]
    indices = [fresh(index) for index in definition.indices]
    if single is not None:
        del indices[axis]
        place = single
    else:
        first = first or Affine()
        extent = here.extent - first if last is None else last - first + 1
        indices[axis] = fresh(here, extent)
        place = Affine.of(indices[axis]) + first
    places = [*map(Affine.of, indices)]
    places[axis : axis + (single is None)] = [place]
    values = dict(zip(definition.indices, places, strict=True))
    entry = Entry(definition.tensor, tuple(places))
    return Equation(tuple(indices), entry, substitute(multiply(*factors), values))


def _apart(value: Affine, index: Index, sign: int) -> bool:
    """Whether this is sign·index and something without indices."""
    return not any(True for _ in (value - Affine.of(index) * sign).indices())


def circle(definitions: Mapping[Tensor, Definition], tensor: Tensor) -> tuple[Tensor, ...]:
    """The tensors that rest on this one and it on them, in the order of definition; empty where it
    does not recur."""
    below = rests_on(definitions, tensor)
    return tuple(
        other
        for other in definitions
        if other in below and tensor in below and tensor in rests_on(definitions, other)
    )


def direction(definitions: Mapping[Tensor, Definition], members: tuple[Tensor, ...]) -> int:
    """1 if the members of a circle rest on earlier entries, −1 on later ones.

    Raises `Disorder` if there is no such direction.
    """
    return shifts(definitions, members).direction


@dataclass(frozen=True)
class Shifts:
    """How far apart the members of a circle stand that rest on each other.

    `axes` is the axis of each along which it recurs. `nearest` is how far at most (with
    `direction` 1; at least with −1) an entry of the second is shifted on which an entry of the
    first rests, one way or another.
    """

    direction: int
    axes: Mapping[Tensor, int]
    nearest: Mapping[tuple[Tensor, Tensor], int]

    def rests(self, tensor: Tensor, on: Tensor, steps: int) -> bool:
        """Whether an entry may rest on one of another member that is so many steps further."""
        return self.direction * (steps - self.nearest[tensor, on]) <= 0


def shifts(definitions: Mapping[Tensor, Definition], members: tuple[Tensor, ...]) -> Shifts:
    """The shifts of a circle. Raises `Disorder` if it is not well founded."""
    axes = _axes(definitions, members)
    steps: dict[tuple[Tensor, Tensor], set[int]] = {}
    for member in members:
        for other, shift in _steps(definitions[member], axes):
            steps.setdefault((member, other), set()).add(shift)
    for sign in (1, -1):
        farthest = _longest_ways(members, steps, sign)
        if farthest is not None:
            nearest = {pair: sign * shift for pair, shift in farthest.items()}
            return Shifts(sign, axes, nearest)
    both = {shift > 0 for found in steps.values() for shift in found if shift}
    raise Disorder(
        "it rests on earlier and on later entries" if len(both) > 1 else "it rests on itself"
    )


def _axes(
    definitions: Mapping[Tensor, Definition], members: tuple[Tensor, ...]
) -> dict[Tensor, int]:
    """Along which axis each member recurs: where it has a base case that says so; a definition
    in between has the axis from which its own entries of the others are subscripted."""
    axes = {
        member: axis for member in members if (axis := definitions[member].recurs_along) is not None
    }
    if not axes:
        raise Disorder("no base case is stated")
    while len(axes) < len(members):
        before = len(axes)
        for member in members:
            if member in axes:
                continue
            definition = definitions[member]
            for node in walk(definition.body):
                if isinstance(node, Entry) and node.tensor in axes:
                    subscript = node.subscripts[axes[node.tensor]]
                    for place, index in enumerate(definition.indices):
                        if (subscript - index).constant is not None:
                            axes[member] = place
        if len(axes) == before:
            missing = next(member for member in members if member not in axes)
            raise Disorder(f"{missing.name} is no fixed number of steps apart from it")
    return axes


def _steps(definition: Definition, axes: Mapping[Tensor, int]) -> Iterator[tuple[Tensor, int]]:
    here = definition.indices[axes[definition.tensor]]
    for node in walk(definition.body):
        if isinstance(node, Entry) and node.tensor in axes:
            shift = (node.subscripts[axes[node.tensor]] - here).constant
            if shift is None:
                raise Disorder(f"{node.tensor.name} is no fixed number of steps apart from it")
            yield node.tensor, shift


def _longest_ways(
    members: tuple[Tensor, ...], steps: Mapping[tuple[Tensor, Tensor], set[int]], sign: int
) -> dict[tuple[Tensor, Tensor], int] | None:
    """The largest sum of shifts (times the sign) on the ways between any two members; None if a
    way that closes sums to 0 or more, and so could be gone for ever."""
    longest = {pair: max(sign * shift for shift in found) for pair, found in steps.items()}
    for middle in members:
        for start in members:
            for end in members:
                first, second = longest.get((start, middle)), longest.get((middle, end))
                if first is not None and second is not None:
                    way = first + second
                    longest[start, end] = max(way, longest.get((start, end), way))
        if any(longest.get((member, member), -1) >= 0 for member in members):
            return None
    return longest
