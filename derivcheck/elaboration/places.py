r"""Letters that stand for one place of an axis: the label y of `z_y`, where `y ∈ {1, …, C}`.

Such a letter does not run: no sum binds it, and in `L = -\log p_y` it is no letter too many. It is
a number from 0 on, below the size of its axis, whatever the page counts from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from derivcheck import syntax
from derivcheck.elaboration.names import alone_in_prose, around, array_name, nodes
from derivcheck.elaboration.recurrences import BOUND, LETTER, Bound
from derivcheck.source import Source
from derivcheck.syntax import Node, Statement

_MEMBER = re.compile(
    rf"{LETTER}\s*\\in\s*\\\{{\s*([01])\s*,\s*(?:[12]\s*,\s*)?\\[lc]?dots[bc]?\s*,\s*{BOUND}\s*\\\}}"
)
_NOUN = r"(?:class|label|category|target|answer)"
_BEFORE = re.compile(rf"\b{_NOUN}\s+\$?\s*$")
_AFTER = re.compile(
    rf"\s*\$?,?\s*(?:is|be|denotes)?\s+(?:the|a|an|its)?\s*(?:\w+\s+){{0,2}}{_NOUN}\b"
)

_OTHERS = r"(?:\s*(?:,|and|or)\s*(?:and\s+)?\$[^$\s]+\$)*"
_RUNS = re.compile(
    rf"\$?{_OTHERS}\s+(?:(?:runs?|ranges?|goes|go)\s+over|over|index(?:es)?|counts?|numbers?)\b"
)


def running_letters(statements: Iterable[Statement]) -> set[str]:
    """The letters that a sum binds, or with which an array is introduced."""
    running: set[str] = set()
    arrays: set[str] = set()
    for statement in statements:
        for name, letters in _introduced(statement):
            if name not in arrays:
                arrays.add(name)
                running |= letters
        for side in statement.sides:
            for node in nodes(side):
                if isinstance(node, syntax.BigOperator):
                    running.update(letter.name for letter in node.letters)
    return running


def letters_said_to_run(statements: Iterable[Statement], source: Source) -> set[str]:
    """The letters of which prose says so: “$j$ and $k$ run over the units, $m$ over the input”."""
    named = ((alone_in_prose(statement), statement.span) for statement in statements)
    return {name for name, span in named if name is not None and _RUNS.match(source.text, span.end)}


def letters_on_the_left(statements: Iterable[Statement]) -> set[str]:
    """The letters with which an equation is for an array, whether that defines or claims."""
    return {letter for s in statements for _, letters in _introduced(s) for letter in letters}


def fixed_letters(statements: Iterable[Statement], source: Source) -> dict[str, Bound | None]:
    """The letters that the page says stand for one place, if they do not run; and the size of the
    axis, None where it is not written."""
    places: dict[str, Bound | None] = {}
    for statement in statements:
        member = _MEMBER.match(source.text, statement.span.start)
        if member is not None:
            last = Bound.of(member[3], member[4], member[5])
            places[member[1]] = Bound(last.name, last.offset + 1 - int(member[2]))
        elif (name := _called_label(statement, source)) is not None:
            places.setdefault(name, None)
    return places


def _called_label(statement: Statement, source: Source) -> str | None:
    """The symbol that stands alone in prose that calls it a label: “the correct class $y$”."""
    name = alone_in_prose(statement)
    before, after = around(statement.span, source)
    return name if _BEFORE.search(before) or _AFTER.match(after) else None


def _introduced(statement: Statement) -> Iterator[tuple[str, set[str]]]:
    """The array that a statement may introduce, and the letters of its axes."""
    left = statement.sides[0]
    match left:
        case syntax.Scripted(syntax.Symbol(), subscript) if statement.equates:
            yield array_name(left) or "", _symbols(subscript) if subscript is not None else set()
        case _ if [relation.sign for relation in statement.relations] == [r"\in"]:
            items = left.items if isinstance(left, syntax.Sequence) else (left,)
            for item in items:
                if isinstance(item, syntax.Symbol):
                    yield item.name, set()
        case _:
            pass


def _symbols(node: Node) -> set[str]:
    return {part.name for part in nodes(node) if isinstance(part, syntax.Symbol)}
