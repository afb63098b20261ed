"""Base cases and steps, put together into one definition whose circle is well founded."""

from __future__ import annotations

from dataclasses import replace

from derivcheck.elaboration.fault import Fault
from derivcheck.elaboration.integers import Letters
from derivcheck.elaboration.recurrences import Piece, Recurrence, no_base_case, written_place
from derivcheck.elaboration.scope import Known, TensorMeaning
from derivcheck.elaboration.state import PageState
from derivcheck.elaboration.terms import Translator
from derivcheck.expression import (
    Affine,
    Context,
    Definition,
    Disorder,
    Entry,
    Expression,
    Index,
    Tensor,
    add,
    circle,
    delta,
    direction,
    free_indices,
    guard,
    multiply,
    substitute,
    walk,
)
from derivcheck.source import Span
from derivcheck.syntax import Node, Symbol


class StepReader:
    """Reads the equations of recurrences; what a page has stated so far waits in its state."""

    def __init__(self, page: PageState, letters: Letters, translator: Translator) -> None:
        self.page = page
        self.letters = letters
        self.translator = translator

    def is_piece(self, name: str, items: tuple[Node, ...]) -> bool:
        """Whether an equation with this left side is a base case or the step that is missing."""
        recurrence = self.page.recurrences.get(name)
        if recurrence is None or recurrence.place >= len(items):
            return False
        tensor = self.page.scope.tensor(name)
        if tensor is not None and tensor in self.page.context.definitions:
            return False
        here = items[recurrence.place]
        step = isinstance(here, Symbol) and here.name == recurrence.letter
        if not step and written_place(here) not in recurrence.bases:
            return False
        others = [item for place, item in enumerate(items) if place != recurrence.place]
        names = [item.name for item in others if isinstance(item, Symbol)]
        return len(names) == len(others) == len(set(names))

    def define(
        self, name: str, items: tuple[Node, ...], known: Known | None, right: Node, span: Span
    ) -> None:
        recurrence = self.page.recurrences[name]
        lower, upper = self._range(name, recurrence, span)
        bases = [self.page.place(bound, span) for bound in recurrence.bases]
        extent = _axis_extent(name, recurrence, bases, lower, upper, span)
        here = items[recurrence.place]
        step = isinstance(here, Symbol) and here.name == recurrence.letter
        indices = tuple(
            None if place == recurrence.place and not step else self.letters.free(item.name)
            for place, item in enumerate(items)
            if isinstance(item, Symbol) or place == recurrence.place
            for item in [item if isinstance(item, Symbol) else Symbol("", span)]
        )
        tensor = self._tensor(name, indices, recurrence, extent, known, span)
        body = self.translator.side(right)
        stray = [index for index in free_indices(body) if index not in indices]
        if stray:
            raise Fault(
                "unequal-free-indices",
                f"{stray[0].name} is free on the right side only",
                span,
                f"sum over {stray[0].name}, or give {name} the subscript",
            )
        base = None if step else written_place(here)
        pieces = self.page.pieces.setdefault(tensor, [])
        if any(piece.base == base for piece in pieces):
            raise Fault("redefinition", f"this place of {name} is defined twice", span, "drop one")
        pieces.append(Piece(base, indices, body))
        complete = len(pieces) == len(bases) + 1
        declared = (
            known is not None
            and isinstance(known.meaning, TensorMeaning)
            and known.meaning.tensor == tensor
            and known.meaning.declared
        )
        self.page.scope.add(name, TensorMeaning(tensor, declared), span, defined=complete)
        self.page.inputs.pop(tensor, None)
        if complete:
            definition = self._whole(tensor, recurrence, lower, upper, pieces, span)
            context = self.page.context.define(definition)
            check_circle(self.page, context, tensor, span)
            self.page.context = context

    def _range(self, name: str, recurrence: Recurrence, span: Span) -> tuple[int, Affine]:
        found = self.page.letter_range(recurrence.letter, span)
        if found is None:
            raise Fault(
                "recurrence",
                f"nothing says over which {recurrence.letter} this step of {name} is made",
                span,
                rf"write its range beside it, {recurrence.letter} = 1, \dots, T, and the same one "
                "wherever the letter has a range",
            )
        extent, lower = found
        return lower, extent + lower - 1

    def _tensor(
        self,
        name: str,
        indices: tuple[Index | None, ...],
        recurrence: Recurrence,
        extent: Affine,
        known: Known | None,
        span: Span,
    ) -> Tensor:
        extents = tuple(
            extent if index is None or place == recurrence.place else index.extent
            for place, index in enumerate(indices)
        )
        tensor = None
        if known is not None and (known.section == self.page.scope.section or not known.defined):
            tensor = self.page.scope.tensor(name)
        if tensor is None:
            self.page.bases.setdefault(extent, recurrence.start)
            return self.page.new_tensor(name, extents, span)
        if tensor.rank != len(extents):
            raise Fault(
                "rank-mismatch",
                f"{name} has {tensor.rank} axes, here it has {len(extents)}",
                span,
                "use one subscript for each axis",
            )
        for place, (written, size) in enumerate(zip(extents, tensor.extents, strict=True)):
            if not self.page.sizes.unify(written, size):
                axis = "base case and step" if place == recurrence.place else "an index"
                raise Fault(
                    "extent-mismatch",
                    f"{axis} of {name} cover another extent than its axis has",
                    span,
                    "declare the axis with the places of the base case and of the step",
                )
        return tensor

    def _whole(
        self,
        tensor: Tensor,
        recurrence: Recurrence,
        lower: int,
        upper: Affine,
        pieces: list[Piece],
        span: Span,
    ) -> Definition:
        axis = recurrence.place
        step = next(piece for piece in pieces if piece.base is None)
        indices = tuple(
            replace(index, extent=extent)
            for index, extent in zip(step.indices, tensor.extents, strict=True)
            if index is not None
        )
        here = Affine.of(indices[axis])
        terms: list[Expression] = []
        for piece in pieces:
            values = {
                old: Affine.of(new)
                for old, new in zip(piece.indices, indices, strict=True)
                if old is not None
            }
            if piece.base is not None:
                position = self.page.place(piece.base, span) - recurrence.start
                terms.append(multiply(delta(here, position), substitute(piece.body, values)))
                continue
            own = step.indices[axis]
            assert own is not None
            first = lower - recurrence.start
            values[own] = here - first
            last = upper - recurrence.start
            conditions: list[Expression] = []
            if first:
                conditions.append(guard(here - first))
            if last + 1 != tensor.extents[axis]:
                conditions.append(guard(last - here))
            terms.append(multiply(*conditions, substitute(piece.body, values)))
        return Definition(tensor, indices, add(*terms), recurs_along=axis)


def _axis_extent(
    name: str,
    recurrence: Recurrence,
    bases: list[Affine],
    lower: int,
    upper: Affine,
    span: Span,
) -> Affine:
    """How many places base cases and step have together; a fault where they leave a gap."""
    before = sorted(n for base in bases if (n := (base - lower).constant) is not None and n < 0)
    after = sorted(n for base in bases if (n := (base - upper).constant) is not None and n > 0)
    touching = (before, after) in (
        (list(range(-len(before), 0)), []),
        ([], list(range(1, len(after) + 1))),
    )
    if len(before) + len(after) != len(bases) or not touching:
        raise Fault(
            "recurrence",
            f"base case and step of {name} do not follow on each other",
            span,
            "state the base case for the places directly before the first step (after the last "
            "one, if the recurrence runs backwards)",
        )
    return upper - lower + 1 + len(bases)


def check_circle(page: PageState, context: Context, tensor: Tensor, span: Span) -> None:
    """A fault if this tensor rests on itself otherwise than step by step."""
    members = circle(context.definitions, tensor)
    if not members:
        return
    if not any(member in context.recurrent for member in members):
        if _one_step_apart(context, members):
            raise no_base_case(tensor.name, span)
        raise Fault(
            "circular-definition",
            f"{tensor.name} is defined through itself",
            span,
            r"give the new value another name; an update is written with \leftarrow",
        )
    for member in members:
        _stays_inside(page, context.definitions[member], members, span)
    try:
        direction(context.definitions, members)
    except Disorder as disorder:
        raise Fault(
            "recurrence",
            f"{tensor.name} recurs, but not step by step: {disorder}",
            span,
            "let each step rest on earlier entries alone, or on later ones alone",
        ) from None


def _stays_inside(
    page: PageState, definition: Definition, members: tuple[Tensor, ...], span: Span
) -> None:
    """A step that reaches over the base case meets nothing that the page states."""
    steps = [p.body for p in page.pieces.get(definition.tensor, ()) if p.base is None]
    for node in walk(steps[0] if steps else definition.body):
        if isinstance(node, Entry) and node.tensor in members and node.tensor in page.pieces:
            place = page.recurrences[node.tensor.name].place
            if not _inside(page, node.subscripts[place], node.tensor.extents[place]):
                raise Fault(
                    "recurrence",
                    f"this step reaches an entry of {node.tensor.name} for which no base case is "
                    "stated",
                    span,
                    "state a base case for each place before the first step",
                )


def _inside(page: PageState, subscript: Affine, extent: Affine) -> bool:
    """Whether an index and a number added to it stay on the axis."""
    indices = list(subscript.indices())
    if len(indices) != 1:
        return False
    (index,) = indices
    first = (subscript - index).constant
    room = (page.sizes.find(extent) - page.sizes.find(index.extent)).constant
    return first is not None and room is not None and 0 <= first <= room


def _one_step_apart(context: Context, members: tuple[Tensor, ...]) -> bool:
    """Whether a member uses another one at a place beside its own."""
    return any(
        isinstance(node, Entry)
        and node.tensor in members
        and any(len(subscript.terms) > 1 for subscript in node.subscripts)
        for member in members
        for node in walk(context.definitions[member].body)
    )
