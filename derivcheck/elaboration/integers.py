"""Subscripts, bounds and extents: syntax -> integer polynomials; and the letters of one
statement."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.names import (
    array_name,
    label,
    nodes,
    parts,
    subscript_items,
    subscripted,
)
from derivcheck.elaboration.scope import ParameterMeaning
from derivcheck.elaboration.state import PageState
from derivcheck.expression import Affine, Index, Tensor, fresh
from derivcheck.source import Span
from derivcheck.syntax import Node

_NOWHERE = Span(0, 0)


@dataclass(frozen=True)
class Label:
    """A class label y_i in a formula: the array, its letters, what these are, and its place."""

    name: str
    letters: tuple[str, ...]
    at: tuple[Index, ...]
    place: Index


class Letters:
    """The index letters of one statement: free ones, shared by its sides, and those bound
    around."""

    def __init__(self, page: PageState, sides: Iterable[Node]) -> None:
        self._page = page
        self._sides = tuple(sides)
        self._free: dict[str, Index] = {}
        self._bound: dict[str, list[tuple[Index, int | None]]] = {}
        self._written = {
            part.name
            for side in self._sides
            for node in nodes(side)
            if page.labelled_function(node) is None
            for script in (*_letter_places(node), *_beside_labels(node, page.class_labels))
            for part in nodes(script)
            if isinstance(part, syntax.Symbol) and not part.word
        }
        # The t of Σ_{i=1}^t that stands on no axis here is a letter if the page writes its range.
        self._bounding = {
            part.name
            for side in self._sides
            for node in nodes(side)
            if isinstance(node, syntax.BigOperator)
            for bound in (node.lower, node.upper)
            for part in (nodes(bound) if bound is not None else ())
            if isinstance(part, syntax.Symbol) and part.name in page.written
        } - self._written
        self._labels: dict[tuple[str, tuple[Index, ...]], Label] = {}
        self._variable = 0
        self._used_free: dict[str, None] = {}
        self._used_bound: dict[str, None] = {}

    def begin_side(self) -> None:
        self._used_free.clear()
        self._used_bound.clear()
        self._labels.clear()

    def clash(self) -> str | None:
        """A letter that is free and bound on the side just read (a derivative's variable aside)."""
        return next((letter for letter in self._used_free if letter in self._used_bound), None)

    def is_letter(self, name: str) -> bool:
        """Whether a name stands for an index in this statement."""
        if self._bound.get(name):
            return True
        return (
            (name in self._written or name in self._bounding)
            and self._page.scope.lookup(name) is None
            and not self._page.is_size(name)
        )

    def only_restricts(self, name: str) -> bool:
        r"""Whether a letter that nothing binds here stands in restricted sums alone, like the j of
        `\sum_{i \ne j}`, and in sums over it."""
        if self._bound.get(name) or not self.is_letter(name):
            return False
        return not any(stands_outside_sums(name, side) for side in self._sides)

    def free(self, name: str) -> Index:
        """The free index of this letter; its extent is found by use."""
        if not self._variable:
            self._used_free.setdefault(name)
        index = self._free.get(name)
        if index is None:
            written = self._page.letter_range(name, _NOWHERE, alone=name in self._bounding)
            extent = self._page.run(name) if written is None else written[0]
            index = Index(name, extent)
            self._free[name] = index
        return index

    def lower(self, name: str) -> int | None:
        """The value from which a free letter with a written range starts."""
        written = self._page.ranges.get(name)
        if written is None and name in self._bounding:
            written = self._page.written.get(name)
        return written.lower if written is not None else None

    def find(self, name: str) -> tuple[Index, int | None]:
        """The index that a letter means here and the value a written lower bound starts it from."""
        index, lower = self.bound(name) or (self.free(name), self.lower(name))
        return index, self._seat(name) if lower is None and self._page.recurrences else lower

    def _seat(self, name: str) -> int | None:
        """From where a letter without a written range counts: as the axes on which it stands bare.

        With recurrences axes of one page begin at different numbers.
        """
        starts: dict[int, Span] = {}
        for side in self._sides:
            for node in nodes(side):
                if isinstance(node, syntax.Scripted) and node.subscript is not None:
                    array = array_name(node) or ""
                    for place, item in enumerate(subscript_items(node.subscript, None)):
                        start = self._page.counting.start(array, place)
                        if (
                            isinstance(item, syntax.Symbol)
                            and item.name == name
                            and start in (0, 1)
                        ):
                            starts.setdefault(start, node.span)
        if len(starts) > 1:
            raise Fault(
                "unclear-index",
                f"{name} stands on an axis that begins with 0 and on one that begins with 1",
                max(starts.values(), key=lambda span: span.start),
                rf"write the range of {name}, as in \sum_{{{name}=1}}^{{T}}",
            )
        return next(iter(starts), None)

    def bound(self, name: str) -> tuple[Index, int | None] | None:
        """The innermost binder of this letter around here, None if it is not bound."""
        bound = self._bound.get(name)
        return bound[-1] if bound else None

    def label(self, name: str, letters: Sequence[str]) -> Index:
        """The place that the label `name` has at these letters; the same wherever it is asked for
        until it is taken."""
        at = tuple(self.find(letter)[0] for letter in letters)
        if (name, at) not in self._labels:
            named = subscripted(name, syntax.Symbol(",".join(letters), _NOWHERE))
            place = fresh(Index(named, self._page.sizes.placeholder("k")))
            self._labels[name, at] = Label(name, tuple(letters), at, place)
        return self._labels[name, at].place

    def is_label(self, index: Index) -> bool:
        """Whether this is the place of a label."""
        return any(each.place == index for each in self._labels.values())

    def take_labels(self, letters: Collection[str] | None = None) -> list[Label]:
        """The labels at one of these letters, or all, over whose places nothing sums yet."""
        found = [
            each
            for each in self._labels.values()
            if letters is None or not set(letters).isdisjoint(each.letters)
        ]
        for each in found:
            del self._labels[each.name, each.at]
        return found

    def indices(self) -> tuple[Index, ...]:
        return tuple(self._free.values())

    def implicit(self, extents: Sequence[Affine]) -> tuple[Index, ...]:
        """Free indices for an equation between whole arrays."""
        letters = [c for c in "ijklmnpq" if c not in self._written][: len(extents)]
        return tuple(map(self.free, letters))

    @contextmanager
    def binding(self, bounds: Iterable[tuple[str, Index, int | None]]) -> Generator[None]:
        names: list[str] = []
        for name, index, lower in bounds:
            self._bound.setdefault(name, []).append((index, lower))
            self._used_bound.setdefault(name)
            names.append(name)
        try:
            yield
        finally:
            for name in names:
                self._bound[name].pop()

    @contextmanager
    def in_variable(self) -> Generator[None]:
        """Letters of a derivative's variable: a sum in the operand may bind the same letter
        anew."""
        self._variable += 1
        try:
            yield
        finally:
            self._variable -= 1


def _letter_places(node: Node) -> tuple[Node, ...]:
    """Where index letters stand: in subscripts, and in the condition of a sum."""
    match node:
        case syntax.Scripted(syntax.Group("."), syntax.Chain()):
            return ()  # the place of an evaluation bar
        case syntax.Scripted(_, subscript) if subscript is not None:
            return (subscript,)
        case syntax.BigOperator(condition=condition) if condition is not None:
            return (condition,)
        case _:
            return ()


def _beside_labels(node: Node, labels: Collection[str]) -> Iterator[Node]:
    r"""What a class label is compared with: the k of `1\{y_i = k\}`."""
    match node:
        case syntax.Chain((left, right), ("=" | r"\ne",)):
            for entry, letter in ((left, right), (right, left)):
                of_labels = isinstance(entry, syntax.Scripted) and array_name(entry) in labels
                if of_labels and isinstance(letter, syntax.Symbol):
                    yield letter
        case _:
            pass


def occurs(name: str, node: Node) -> bool:
    """Whether a letter stands in a piece of syntax."""
    return any(isinstance(part, syntax.Symbol) and part.name == name for part in nodes(node))


def stands_outside_sums(name: str, node: Node) -> bool:
    """Whether a letter occurs where no sum over it, and none that it restricts, is around."""
    match node:
        case syntax.Symbol(found):
            return found == name
        case syntax.BigOperator(letters=letters, condition=condition):
            inside = any(letter.name == name for letter in letters)
            if inside or (condition is not None and occurs(name, condition)):
                return False
        case _:
            pass
    return any(stands_outside_sums(name, part) for part in parts(node))


class IntegerReader:
    """Reads integer polynomials; `value` in the page's own counting, `subscript` counted from 0."""

    def __init__(self, page: PageState, letters: Letters) -> None:
        self.page = page
        self.letters = letters
        self._base = page.counting.base

    def letter(self, name: str) -> Affine:
        """The number that an index letter stands for, in the page's counting."""
        index, lower = self.letters.find(name)
        return Affine.of(index) + (self._base if lower is None else lower)

    def is_letter(self, node: Node) -> bool:
        """Whether this is a lone index letter, class label or whole number."""
        if isinstance(node, syntax.Numeral):
            return node.text.isdigit()
        return self._is_label(node) or (
            isinstance(node, syntax.Symbol)
            and node.name in self.page.subscript_letters
            and self.page.scope.lookup(node.name) is None
            and node.name not in self.page.ranks
        )

    def is_integer(self, node: Node) -> bool:
        """Whether only index letters, extents and whole numbers occur, at least one of them a
        name."""
        if self._is_label(node):
            return True
        named = False
        for part in nodes(node):
            match part:
                case syntax.Symbol(name):
                    known = self.page.scope.lookup(name)
                    if (
                        isinstance(known.meaning if known else None, ParameterMeaning)
                        or (self.letters.is_letter(name))
                        or (known is None and name in self.page.parameter_names)
                    ):
                        named = True
                    else:
                        return False
                case syntax.Numeral(text):
                    if not text.isdigit():
                        return False
                case syntax.Addition() | syntax.Multiplication() | syntax.Group():
                    pass
                case _:
                    return False
        return named or isinstance(node, syntax.Numeral)

    def value(self, node: Node) -> Affine:
        match node:
            case syntax.Numeral(text, span):
                if not text.isdigit():
                    raise unsupported(
                        "a fraction in a subscript or bound", span, "use whole numbers"
                    )
                return Affine.of(int(text))
            case syntax.Symbol(name, span):
                return self._named(name, span)
            case syntax.Scripted() if self._is_label(node):
                return Affine.of(self._label(node)) + self._base
            case syntax.Scripted(syntax.Symbol(name), subscript, None, primes, span):
                full = name + "'" * primes
                return self._named(subscripted(full, subscript) if subscript else full, span)
            case syntax.Addition(terms):
                total = Affine()
                for sign, term in terms:
                    value = self.value(term)
                    total = total - value if sign == "-" else total + value
                return total
            case syntax.Multiplication(
                (syntax.Symbol(), syntax.Group("(", _, syntax.Symbol())), ("",)
            ):
                raise unsupported(
                    f"{label(node)} in a subscript",
                    node.span,
                    "write the place as a sum of letters",
                )
            case syntax.Multiplication(factors, operators) if not any(
                operator in ("/", r"\otimes") for operator in operators
            ):
                product = Affine.of(1)
                for factor in factors:
                    product = product * self.value(factor)
                return product
            case syntax.Group(opening, _, body) if opening in ("(", "[", "{"):
                return self.value(body)
            case syntax.Unreadable(construct, help_text, place):
                raise unsupported(construct, place, help_text)
            case _:
                raise unsupported(
                    f"{label(node)} as a whole number",
                    node.span,
                    "use sums and products of letters",
                )

    def _is_label(self, node: Node) -> bool:
        """Whether it is a class label, y_i, whatever it is the place of."""
        if not isinstance(node, syntax.Scripted) or array_name(node) not in self.page.class_labels:
            return False
        items = subscript_items(node.subscript, None)
        return node.superscript is None and all(
            isinstance(item, syntax.Symbol) and self.letters.is_letter(item.name) for item in items
        )

    def _label(self, node: Node) -> Index:
        assert isinstance(node, syntax.Scripted)
        letters = map(label, subscript_items(node.subscript, None))
        return self.letters.label(array_name(node) or "", tuple(letters))

    def _named(self, name: str, span: Span) -> Affine:
        bound_or_new = self.letters.is_letter(name)
        if self.letters.bound(name) is None:
            meaning = self.page.meaning(name, span)
            if isinstance(meaning, ParameterMeaning):
                first = self._base if self.page.fixed_place(name) is not None else 0
                return Affine.of(meaning.parameter) + first
            if not bound_or_new and (name in self.page.parameter_names or meaning is None):
                return Affine.of(self.page.parameter(name, span))
        return self.letter(name)

    def subscript(self, node: Node, tensor: str = "", place: int = 0) -> Affine:
        """A subscript at this place of a tensor, counted from 0.

        A bare letter is its index or its one place, whatever the page counts from.
        """
        if isinstance(node, syntax.Symbol) and self.letters.bound(node.name) is None:
            fixed = self.page.fixed_place(node.name)
            if fixed is not None:
                return fixed
        if self._is_label(node):
            return Affine.of(self._label(node))
        if (
            isinstance(node, syntax.Symbol)
            and not node.word
            and (self.letters.bound(node.name) is not None or not self.page.is_size(node.name))
        ):
            index, lower = self.letters.find(node.name)
            if lower is None:
                return Affine.of(index)
            self.page.counting.of_axis(tensor, place, node.span)
            if lower in (0, 1):
                return Affine.of(index) + self.page.counting.shift(tensor, place, lower)
        base = self.page.counting.of_axis(tensor, place, node.span)
        if base is not None:
            return self._counted_from(base, node)
        from_zero, from_one = self._counted_from(0, node), self._counted_from(1, node)
        if from_zero != from_one:
            raise Fault(
                "unclear-index",
                "this page counts from 0 and from 1, and nothing says which is meant here",
                node.span,
                "count every axis from 0, or every axis from 1",
            )
        return from_zero

    def pair(self, left: Node, right: Node) -> tuple[Affine, Affine]:
        """Two subscripts that are compared with each other, counted alike: from where the range of
        a letter begins, if one of them is a letter whose range is written."""
        bases = (self._written_lower(left), self._written_lower(right))
        base = bases[0] if bases[0] is not None else bases[1]
        if base is None:
            return self.subscript(left), self.subscript(right)
        first, second = (
            self.subscript(node)
            if own is None and isinstance(node, syntax.Symbol) and not self.page.is_size(node.name)
            else self._counted_from(base, node)
            for node, own in zip((left, right), bases, strict=True)
        )
        return first, second

    def _written_lower(self, node: Node) -> int | None:
        if not isinstance(node, syntax.Symbol) or node.word:
            return None
        bound = self.letters.bound(node.name)
        if bound is not None:
            return bound[1]
        return None if self.page.is_size(node.name) else self.letters.lower(node.name)

    def _counted_from(self, base: int, node: Node) -> Affine:
        outer, self._base = self._base, base
        try:
            return self.value(node) - base
        finally:
            self._base = outer

    def on_axes(
        self, items: Sequence[Node], tensor: Tensor, places: Sequence[int] | None = None
    ) -> tuple[Affine, ...]:
        """The subscripts of an entry, or those at some places of it; a bare letter takes its extent
        from the axis it sits on."""
        found: list[Affine] = []
        for place, item in zip(places or range(tensor.rank), items, strict=True):
            extent = tensor.extents[place]
            subscript = self.subscript(item, tensor.name, place)
            index = subscript.index
            letter = index.name if index is not None else label(item)
            if (index is not None and not self._fits(index, extent)) or (
                subscript == self.page.fixed_place(letter)
                and not self.page.sizes.unify(self.page.places[letter], extent)
            ):
                raise Fault(
                    "extent-mismatch",
                    f"the index {letter} runs over another extent than this axis of {tensor.name}",
                    item.span,
                    "use another letter, or declare both axes with one extent",
                )
            if any(
                sum(isinstance(atom, Index) for atom in term) > 1 for term, _ in subscript.terms
            ):
                sure = self.page.certain(tensor)
                raise Fault(
                    "rank-mismatch" if sure else "unclear-shape",
                    f"{tensor.name} has too few axes for these subscripts",
                    item.span,
                    "use one subscript for each axis" if sure else f"declare {tensor.name}",
                )
            self.page.sizes.suppose_digits(subscript, extent)
            found.append(subscript)
        return tuple(found)

    def _fits(self, index: Index, extent: Affine) -> bool:
        """An index with written bounds may run over a part of an axis: up to another index, or up
        to an extent that differs by a number."""
        sizes = self.page.sizes
        if sizes.unify(index.extent, extent):
            return True
        written = sizes.find(index.extent)
        varies = any(True for _ in written.indices())
        part = index.serial != 0 or index.name in self.page.ranges
        return part and (varies or (sizes.find(extent) - written).constant is not None)
