"""What a page counts its axes from: 0, or 1 where the bounds or places that it writes say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault
from derivcheck.elaboration.names import nodes, subscript_items
from derivcheck.source import Span
from derivcheck.syntax import Node, Statement

_STARTS = ("0", "1")


@dataclass
class Counting:
    """Filled by looking ahead: an axis counts from where a sum over it begins.

    A letter that sits bare on an axis, under a sum that begins at 0 or 1, says what this axis is
    counted from; an axis of which no sum says so is counted as the rest of the page, if that is
    uniform. Where no bounds are written, a page that names places, `x_1`, `i > 1`, `x_N`, and never
    place 0, counts from 1.
    """

    _axes: dict[tuple[str, int], set[int]] = field(default_factory=dict[tuple[str, int], set[int]])
    _starts: set[int] = field(default_factory=set[int])
    _named: set[int] = field(default_factory=set[int])
    _fixed: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])

    def fix(self, name: str, place: int, start: int) -> None:
        """The axis of a recurrence begins with its base case, whatever sums over it say."""
        self._fixed[name, place] = start

    def stands(self, name: str, place: int, start: int) -> None:
        """A letter with a written range stands bare on this axis."""
        if start in (0, 1):
            self._axes.setdefault((name, place), set()).add(start)

    def names(self, place: int) -> None:
        """A place is written as a number, or is the last one of a size."""
        self._named.add(place)

    def start(self, name: str, place: int) -> int | None:
        """What this very axis is said to be counted from, if anything says so."""
        starts = self._axes.get((name, place), set())
        return self._fixed.get((name, place), next(iter(starts)) if len(starts) == 1 else None)

    def shift(self, name: str, place: int, lower: int) -> int:
        """How far into the axis of a recurrence a letter that runs from `lower` begins; 0 on
        every other axis, which is counted from where the letter begins."""
        return lower - self._fixed.get((name, place), lower)

    def note(self, node: syntax.BigOperator) -> None:
        """Take in one sum with written bounds."""
        if not isinstance(node.lower, syntax.Numeral) or node.lower.text not in _STARTS:
            return
        start = int(node.lower.text)
        self._starts.add(start)
        letters = {letter.name for letter in node.letters}
        for part in nodes(node.body):
            if isinstance(part, syntax.Scripted) and isinstance(part.base, syntax.Symbol):
                name = part.base.name + "'" * part.primes
                for place, item in enumerate(subscript_items(part.subscript, None)):
                    if isinstance(item, syntax.Symbol) and item.name in letters:
                        self._axes.setdefault((name, place), set()).add(start)

    @property
    def base(self) -> int:
        """What the page counts from where nothing else is said."""
        said = self._starts or ({1} if self._named and 0 not in self._named else {0})
        return 1 if said == {1} else 0

    def of_axis(self, name: str, place: int, span: Span) -> int | None:
        """What this axis of a tensor counts from; None if the page counts both ways elsewhere.

        Raises `Fault` if sums over this very axis begin at 0 and at 1.
        """
        if (name, place) in self._fixed:
            return self._fixed[name, place]
        starts = self._axes.get((name, place), set())
        if len(starts) > 1:
            raise Fault(
                "mixed-bases",
                f"an axis of {name} is counted from 0 in one sum and from 1 in another",
                span,
                "count every axis from 0, or every axis from 1",
            )
        if starts:
            return next(iter(starts))
        return None if len(self._starts) > 1 else self.base


def named_places(
    statements: Iterable[Statement], ranks: Mapping[str, int], labels: Set[str], sizes: Set[str]
) -> Iterator[int]:
    """The places that are written as numbers, as in `x_1` or `i > 1`, and some place above 0 for
    the last one of a size, as in `x_N`; a number in the subscript of one of the labels is none."""
    statements = tuple(statements)
    shaped = {name for statement in statements for name in _shaped(statement)}
    for statement in statements:
        for side in statement.sides:
            for node in nodes(side):
                match node:
                    case syntax.Scripted(syntax.Symbol(name), subscript) if subscript is not None:
                        items = subscript_items(subscript, ranks.get(name))
                        if name not in labels or name in shaped:
                            yield from _numbers(items)
                        yield from (
                            1
                            for item in items
                            if isinstance(item, syntax.Symbol) and item.name in sizes
                        )
                    case syntax.BigOperator(lower=syntax.Numeral() as lower):
                        yield from _numbers((lower,))
                    case syntax.BigOperator(condition=syntax.Chain(sides)):
                        yield from _numbers(sides)
                    case syntax.Indicator(syntax.Chain((syntax.Symbol(name), *others))):
                        if name not in ranks and name not in sizes:
                            yield from _numbers(others)
                    case _:
                        pass


def _numbers(items: Iterable[Node]) -> Iterator[int]:
    for item in items:
        if isinstance(item, syntax.Numeral) and item.text.isdigit():
            yield int(item.text)


def _shaped(statement: Statement) -> Iterator[str]:
    """The arrays of which a statement gives the shape."""
    match statement.sides, [relation.sign for relation in statement.relations]:
        case (names, syntax.Scripted(superscript=shape)), [r"\in"] if shape is not None:
            for item in names.items if isinstance(names, syntax.Sequence) else (names,):
                if isinstance(item, syntax.Symbol):
                    yield item.name
        case _:
            pass
