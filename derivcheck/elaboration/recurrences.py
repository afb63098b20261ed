r"""Definitions by recurrence: `h_{0j} = …` and `h_{tj} = … h_{t-1,k} …` for t = 1, …, T.

The base case and the step define one array together; its axis holds the places of both. The letter
of the step has the range that the page writes, everywhere on the page: what stands outside is no
entry of the recurrence, so nothing is guessed at its ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault
from derivcheck.elaboration.names import declared_name, nodes, subscript_items
from derivcheck.expression import Expression, Index
from derivcheck.source import Source
from derivcheck.syntax import Node, Statement

BOUND = r"(\w+)(?:\s*([+-])\s*(\d+))?"
LETTER = r"([A-Za-z]|\\[a-z]+)"
_ELLIPSIS = re.compile(
    rf"\{{?{LETTER}\}}?\s*=\s*{BOUND}\s*(?:,\s*(?:[\w\s+-]+,\s*)*)?"
    rf"(?:\\[lc]?dots[bc]?|\.\.\.?)\s*,?\s*{BOUND}"
)
_BETWEEN = re.compile(rf"{BOUND}\s*\\leq?\s+{LETTER}\s*\\leq?\s*{BOUND}")


@dataclass(frozen=True)
class Bound:
    """A place on an axis as it is written: a size (or no name) and a number added to it."""

    name: str
    offset: int

    def written(self) -> str:
        return f"{self.name} {self.offset:+}" if self.offset else self.name

    @staticmethod
    def of(name: str, sign: str | None, number: str | None) -> Bound:
        offset = int(f"{sign or '+'}{number or 0}")
        return Bound("", int(name) + offset) if name.isdigit() else Bound(name, offset)


@dataclass(frozen=True)
class Range:
    """The whole numbers from `lower` to a size, over which a letter runs."""

    lower: int
    upper: Bound


@dataclass(frozen=True)
class Recurrence:
    """What the page says of a name before it is read: on which axis and with which letter its step
    goes, at which places its base cases stand, and from what the axis is counted."""

    place: int
    letter: str
    bases: tuple[Bound, ...]
    start: int


@dataclass(frozen=True)
class Piece:
    """One of the equations: the place of a base case (None for the step), letters, right side."""

    base: Bound | None
    indices: tuple[Index | None, ...]
    body: Expression


def written_ranges(statements: Iterable[Statement], source: Source) -> dict[str, Range | None]:
    """The range of every letter that has one; None where two are written that differ."""
    found: dict[str, Range | None] = {}
    for statement in statements:
        for letter, written in _ranges(source.text[statement.span.start : statement.span.end]):
            if found.setdefault(letter, written) != written:
                found[letter] = None
    return found


def _ranges(text: str) -> Iterator[tuple[str, Range]]:
    if match := _ELLIPSIS.match(text):
        letter, *ends = match.groups()
        first, last = Bound.of(*ends[:3]), Bound.of(*ends[3:])
    elif match := _BETWEEN.match(text):
        groups = match.groups()
        letter = groups[3]
        first, last = Bound.of(*groups[:3]), Bound.of(*groups[4:])
    else:
        return
    if first.name and not last.name:
        first, last = last, first  # t = T, …, 1
    if not first.name and first.offset >= 0 and last.name != letter:
        yield letter, Range(first.offset, last)


def stated_recurrences(
    statements: Iterable[Statement], ranges: dict[str, Range | None]
) -> dict[str, Recurrence]:
    """The names that have a base case and a step, and that occur one or more steps apart."""
    bases: dict[str, dict[int, list[Bound]]] = {}
    steps: dict[str, tuple[Node, ...]] = {}
    shifted: set[tuple[str, int]] = set()
    for statement in statements:
        if statement.equates:
            name, items = _entry(statement.sides[0])
            odd = [place for place, item in enumerate(items) if not _is_letter(item, ranges)]
            bound = written_place(items[odd[0]]) if len(odd) == 1 else None
            if name is not None and items and not odd:
                steps.setdefault(name, items)
            elif name is not None and bound is not None:
                bases.setdefault(name, {}).setdefault(odd[0], []).append(bound)
        for side in statement.sides:
            for node in nodes(side):
                for name, items in _entries(node):
                    for place, item in enumerate(items):
                        if isinstance(item, syntax.Addition):
                            shifted.add((name, place))
    found: dict[str, Recurrence] = {}
    for name, items in steps.items():
        for place, written in bases.get(name, {}).items():
            letter = items[place] if place < len(items) else None
            if isinstance(letter, syntax.Symbol) and (name, place) in shifted:
                known = ranges.get(letter.name)
                outside = _outside(written, known) if known is not None else written
                if outside:
                    starts = [bound.offset for bound in outside if not bound.name]
                    starts += [known.lower] if known is not None else []
                    start = min(starts, default=0)
                    found[name] = Recurrence(place, letter.name, tuple(outside), start)
    return found


def _outside(written: list[Bound], known: Range) -> list[Bound]:
    """The places before or after a range, whichever are stated first; inside it nothing begins."""
    before = [bound for bound in written if not bound.name and bound.offset < known.lower]
    after = [
        bound
        for bound in written
        if bound.name == known.upper.name and bound.offset > known.upper.offset
    ]
    if before and after:
        return before if written.index(before[0]) < written.index(after[0]) else after
    return list(dict.fromkeys(before or after))


def written_place(node: Node) -> Bound | None:
    """A number, a size, or a size with a number added; None for anything else."""
    match node:
        case syntax.Numeral(text) if text.isdigit():
            return Bound("", int(text))
        case syntax.Symbol(name):
            return Bound(name, 0)
        case syntax.Addition((("+", syntax.Symbol(name)), (sign, syntax.Numeral(text)))) if (
            text.isdigit()
        ):
            return Bound.of(name, sign, text)
        case _:
            return None


def _entry(node: Node) -> tuple[str | None, tuple[Node, ...]]:
    """Name and subscripts of what may be an entry."""
    match node:
        case syntax.Scripted(base, subscript, superscript, primes, span) if subscript is not None:
            bare = syntax.Scripted(base, None, superscript, primes, span)
            return declared_name(bare), subscript_items(subscript, None)
        case _:
            return None, ()


def _entries(node: Node) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """Names and subscripts of what may be an entry, or a power of one."""
    powers = (node,)
    if isinstance(node, syntax.Scripted) and node.superscript is not None:
        powers = (node, replace(node, superscript=None))
    for power in powers:
        name, items = _entry(power)
        if name is not None:
            yield name, items


def _is_letter(node: Node, ranges: dict[str, Range | None]) -> bool:
    """Whether a subscript is an index letter rather than the end of a range, as in `h_{T,j}`."""
    ends = {written.upper.name for written in ranges.values() if written is not None}
    return isinstance(node, syntax.Symbol) and node.name not in ends


def no_base_case(name: str, span: syntax.Span) -> Fault:
    return Fault(
        "recurrence",
        f"{name} is defined through other entries of itself, and no base case is stated",
        span,
        rf"state where it begins, {name}_{{0…}} = …, and the range of the step, t = 1, \dots, T",
    )
