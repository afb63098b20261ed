"""Recurrences as loops: one step as arrays without the axis of the steps, and what it starts from.

What a step adds up from arrays that do not recur is computed for all steps at once, before the
loop: it is one large product instead of many small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from derivcheck.expression import (
    ZERO,
    Add,
    Affine,
    Definition,
    Entry,
    Equation,
    Expression,
    Index,
    Sum,
    Tensor,
    add,
    affines,
    circle,
    equations,
    free_indices,
    fresh,
    rebuild,
    shifts,
    tensors,
    walk,
)
from derivcheck.lowering.array import Array, Filled, Loop, Recur, Slice, Taken, Variable
from derivcheck.lowering.building import straightened
from derivcheck.lowering.sharing import Assignment, Emission, repeated
from derivcheck.lowering.translation import LoweringError
from derivcheck.lowering.traversal import walk as walk_array
from derivcheck.notation import text

Definitions = Mapping[Tensor, Definition]


def apart(definitions: Definitions, recursive: frozenset[Tensor]) -> dict[Tensor, Definition]:
    """The definitions, with the part of a step's sum that rests on nothing that recurs as a
    definition of its own."""
    found: dict[Tensor, Definition] = {}
    for tensor, definition in definitions.items():
        if tensor in recursive and definition.recurs_along is None:
            before, definition = _split(definition, recursive)
            if before is not None:
                found[before.tensor] = before
        found[tensor] = definition
    return found


def _split(
    definition: Definition, recursive: frozenset[Tensor]
) -> tuple[Definition | None, Definition]:
    body = definition.body
    if not isinstance(body, Add):
        return None, definition
    ahead = [term for term in body.terms if recursive.isdisjoint(tensors(term))]
    if not any(isinstance(node, Sum) for term in ahead for node in walk(term)):
        return None, definition
    indices = definition.indices
    if set(free_indices(whole := add(*ahead))) != set(indices):
        return None, definition
    name = rf"{definition.tensor.name}_{{in}}"
    tensor = replace(definition.tensor, name=name)
    rest = [term for term in body.terms if term not in ahead]
    step = add(Entry(tensor, tuple(map(Affine.of, indices))), *rest)
    return Definition(tensor, indices, whole), replace(definition, body=step)


@dataclass(frozen=True)
class _Member:
    """A tensor of a circle: its step, written at `shift` places after the number of the step."""

    tensor: Tensor
    letter: Index
    shift: int
    step: Equation
    base: Equation | None


def loop_of(
    tensor: Tensor,
    definitions: Definitions,
    names: Mapping[Tensor, str],
    letter: str,
    fresh_name: Callable[[str], str],
    name_value: Callable[[Array], str],
    translate: Callable[[Expression, tuple[Index, ...], Mapping[Tensor, str]], Array],
) -> Loop:
    """The loop that computes all tensors of a circle.

    `translate` gives the array of an expression over these axes, with variables for slices besides.
    Raises `LoweringError` where an array is not taken step by step along its first axis.
    """
    members = circle(definitions, tensor)
    known = shifts(definitions, members)
    if any(axis for axis in known.axes.values()):
        raise LoweringError(f"the axis of the steps of {tensor.name} must come first")
    parts = {member: _member(definitions[member]) for member in members}
    count = parts[members[0]].letter.extent
    if any(part.letter.extent != count for part in parts.values()):
        raise LoweringError(f"{tensor.name} recurs with others that take more or fewer steps")
    backwards = known.direction < 0
    slices: dict[tuple[Tensor, int], Slice] = {}

    def at(other: Tensor, place: int) -> Slice:
        """The name of an array's entries at this place after the number of the step."""
        if (other, place) not in slices:
            part = parts.get(other)
            gap = place - (part.shift if part else 0)
            if part and gap not in (0, known.direction * -1):
                raise LoweringError(f"{other.name} is needed from more than one step before")
            word = "t" if not gap else "before" if gap < 0 else "after"
            apart_name = fresh_name(f"{names[other]}_{word}")
            slices[other, place] = Slice(apart_name, names[other], place, bool(part and gap))
        return slices[other, place]

    order = _order(parts, known.direction)
    roots: list[Assignment] = []
    filled: list[Filled] = []
    for member in order:
        part = parts[member]
        shared: dict[Tensor, str] = {}
        value = _sliced(part.step.value, part.letter, count, at, shared)
        target = at(member, part.shift)
        axes = part.step.indices[1:]
        array = straightened(translate(value, axes, shared), axes)
        formula = f"{text(part.step.entry)} = {text(part.step.value)}"
        roots.append(Assignment(target.name, array, member, formula))
        start: Array | None = None
        if part.base is not None and part.base.value != ZERO:
            start = translate(part.base.value, part.base.indices, {})
        first = part.base.entry.subscripts[0] if part.base is not None else None
        filled.append(Filled(names[member], member.extents, part.shift, first, start))
    emission = Emission(repeated(root.value for root in roots), name_value)
    for root in roots:
        emission.emit(root)
    steps = tuple(Taken(item.name, item.value, item.formula) for item in emission.body)
    return Loop(letter, count, backwards, tuple(filled), tuple(slices.values()), steps)


def _member(definition: Definition) -> _Member:
    tensor = definition.tensor
    if definition.recurs_along is None:
        indices = tuple(map(fresh, definition.indices))
        places = tuple(map(Affine.of, indices))
        step = Equation(indices, Entry(tensor, places), definition.at(places))
        return _Member(tensor, indices[0], 0, step, None)
    cases = equations(definition)
    steps = [case for case in cases if any(True for _ in case.entry.subscripts[0].indices())]
    bases = [case for case in cases if case not in steps]
    if len(steps) != 1 or len(bases) > 1:
        raise LoweringError(f"{tensor.name} has more than one base case")
    (step,) = steps
    letter = step.indices[0]
    shift = (step.entry.subscripts[0] - letter).constant
    assert shift is not None
    base = bases[0] if bases else _vanishing(definition, letter, shift)
    return _Member(tensor, letter, shift, step, base)


def _vanishing(definition: Definition, letter: Index, shift: int) -> Equation:
    """The base case 0, which the definition need not mention."""
    indices = tuple(map(fresh, definition.indices[1:]))
    first = Affine() if shift else letter.extent
    entry = Entry(definition.tensor, (first, *map(Affine.of, indices)))
    return Equation(indices, entry, ZERO)


def _order(parts: Mapping[Tensor, _Member], direction: int) -> list[Tensor]:
    """The members in an order in which one step computes them."""
    found: dict[Tensor, None] = {}

    def visit(tensor: Tensor) -> None:
        if tensor in found:
            return
        part = parts[tensor]
        for node in walk(part.step.value):
            if isinstance(node, Entry) and node.tensor in parts:
                other = parts[node.tensor]
                if (node.subscripts[0] - part.letter).constant == other.shift:
                    visit(node.tensor)
        found[tensor] = None

    for tensor in parts:
        visit(tensor)
    return list(found)


def _sliced(
    expression: Expression,
    letter: Index,
    count: Affine,
    at: Callable[[Tensor, int], Slice],
    shared: dict[Tensor, str],
) -> Expression:
    """The step without its letter: entries at places of this step become arrays of their own."""

    def visit(node: Expression) -> Expression:
        if isinstance(node, Entry) and any(letter in s.atoms() for s in node.subscripts[:1]):
            place = (node.subscripts[0] - letter).constant
            if place is None or not _stays(place, count, node.tensor):
                raise LoweringError(f"{node.tensor.name} is not taken step by step")
            name = at(node.tensor, place).name
            part = Tensor(name, node.tensor.extents[1:], scope="of one step")
            shared[part] = name
            node = Entry(part, node.subscripts[1:])
        if any(letter in value.atoms() for value in affines(node)):
            raise LoweringError("a step that rests on its own number has no array program")
        return node if isinstance(node, Entry) else rebuild(node, visit)

    return visit(expression)


def _stays(place: int, count: Affine, tensor: Tensor) -> bool:
    room = (tensor.extents[0] - count - place).constant
    return place >= 0 and room is not None and room >= 0


def array(name: str, axes: tuple[Index, ...], loop: Loop) -> Recur:
    """One of the arrays of a loop, with what the loop reads of other arrays."""
    own = {filled.name for filled in loop.filled}
    local = {part.name for part in (*loop.slices, *loop.steps)}
    reads: dict[str, Variable] = {}
    for part in loop.slices:
        if part.array not in own:
            reads.setdefault(part.array, Variable((), part.array))
    values = [step.value for step in loop.steps]
    values.extend(filled.start for filled in loop.filled if filled.start is not None)
    for value in values:
        for node in walk_array(value):
            if isinstance(node, Variable) and node.name not in local:
                reads.setdefault(node.name, node)
    return Recur(axes, name, loop, tuple(reads.values()))
