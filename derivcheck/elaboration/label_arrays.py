r"""Arrays of class labels: the y of `p_{i, y_i}` and of `1\{y_i = k\}`.

A label y_i is one of the places that k runs over. It is read through the one-hot array `[y]`: what
is said of y_i is the sum over k of `[y]_{ik}` times what is said of k, around all that has this i.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from derivcheck import syntax
from derivcheck.elaboration.fault import unsupported
from derivcheck.elaboration.names import array_name, nodes, subscript_items
from derivcheck.elaboration.normalised import suppose_one_hot
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import Affine, Entry, Expression, Index, Sum, Tensor, multiply, tensors
from derivcheck.source import Source, Span
from derivcheck.syntax import Node, Statement

_NOWHERE = Span(0, 0)
_CLASSES = re.compile(r"\\\{\s*1\s*,.*,\s*([A-Z])\s*\\\}")


def label_arrays(statements: Iterable[Statement], letters: Collection[str]) -> set[str]:
    """The arrays whose entries stand in subscripts or are compared with one of these letters."""
    return {
        name
        for statement in statements
        for side in statement.sides
        for node in nodes(side)
        for entry in _labels(node, letters)
        if (name := _array_of_labels(entry)) is not None
    }


def _labels(node: Node, letters: Collection[str]) -> Iterator[Node]:
    match node:
        case syntax.Scripted(syntax.Symbol(), subscript) if subscript is not None:
            yield from subscript_items(subscript, None)
        case syntax.Chain((left, right), ("=" | r"\ne",)):
            for entry, letter in ((left, right), (right, left)):
                if isinstance(letter, syntax.Symbol) and letter.name in letters:
                    yield entry
        case _:
            pass


def _array_of_labels(node: Node) -> str | None:
    match node:
        case syntax.Scripted(syntax.Symbol(name), subscript, None, 0) if subscript is not None:
            items = subscript_items(subscript, None)
            letters = all(isinstance(item, syntax.Symbol) and not item.word for item in items)
            return name if letters else None
        case _:
            return None


def class_counts(statements: Iterable[Statement], source: Source) -> dict[str, str]:
    r"""How many classes the labels of arrays have, where the page says `y_i \in \{1, …, K\}`."""
    found: dict[str, str] = {}
    for statement in statements:
        if [relation.sign for relation in statement.relations][:1] != [r"\in"]:
            continue
        name = array_name(statement.sides[0])
        last = _CLASSES.search(source.slice(statement.span))
        if name is not None and last is not None:
            found[name] = last[1]
    return found


def differentiated_by(statements: Iterable[Statement]) -> set[str]:
    """The names of what the page differentiates by, as far as notation tells."""
    found: set[str] = set()
    for node in (n for statement in statements for side in statement.sides for n in nodes(side)):
        within: Iterable[Node] = ()
        match node:
            case syntax.DerivativeOf(_, operand, ()) if operand is not None:
                within = (operand,)
            case syntax.DerivativeOf(_, _, variables):
                within = (variable for variable, _ in variables)
            case syntax.Multiplication(factors):
                if any(isinstance(f, syntax.Scripted) and f.primes for f in factors):
                    within = factors
            case _:
                pass
        found.update(p.name for each in within for p in nodes(each) if isinstance(p, syntax.Symbol))
    return found


def check_comparison(reader: SideReader, difference: Expression, span: Span) -> None:
    """Raise for two numbers compared on a page that differentiates by others: such numbers are
    never equal almost everywhere, so that nothing would be left of what is said of them."""
    page = reader.page
    of = set(tensors(difference))
    if not page.differentiated_by or any(
        tensor in page.context.definitions
        or tensor.name in page.differentiated_by
        or tensor.domain.values
        or tensor.domain.integer
        for tensor in of
    ):
        return
    if of:
        names = ", ".join(sorted(tensor.name for tensor in of))
        raise unsupported(
            f"a comparison of {names}, whose values nothing says",
            span,
            r"declare them, y_i \in \{0, 1\}, or compare with an index",
        )


def over_classes(
    reader: SideReader, expressions: Iterable[Expression], letters: Collection[str] | None = None
) -> Sequence[Expression]:
    """The expressions summed over the classes of the labels in them that have one of these letters,
    of all labels by default."""
    found: Sequence[Expression] = list(expressions)
    for label in reader.letters.take_labels(letters):
        axes = (*label.at, label.place)
        array = _one_hot(reader, label.name, axes)
        entry = Entry(array, tuple(map(Affine.of, axes)))
        found = [Sum(label.place, multiply(entry, each)) for each in found]
    return found


def _one_hot(reader: SideReader, name: str, axes: Sequence[Index]) -> Tensor:
    page, full = reader.page, f"[{name}]"
    tensor = page.scope.tensor(full)
    if tensor is None:
        extents = tuple(page.sizes.placeholder(index.name, axis=True) for index in axes)
        if name in page.class_counts:
            page.likely(extents[-1], page.class_counts[name])
        page.new_tensor(full, extents, _NOWHERE)
        tensor = suppose_one_hot(page, full, f"{name} has one value", _NOWHERE)
    for extent, index in zip(tensor.extents, axes, strict=True):
        page.sizes.unify(extent, index.extent)
    return tensor
