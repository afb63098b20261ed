r"""What notation says of arrays that a page does not declare.

A bold small letter is a vector, a bold capital a matrix, and so is what is transposed; a small
letter that follows a transposed one or stands in a norm is a vector. With letters that run under it
such a vector is one of a family: the array of all `\mathbf{x}_n` has an axis more than they have.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from derivcheck import syntax
from derivcheck.elaboration.names import (
    array_name,
    is_capital,
    is_transpose,
    label,
    nodes,
    parts,
    split_subscripts,
)
from derivcheck.syntax import Node, Statement


def vector_families(statements: Iterable[Statement], letters: Collection[str]) -> dict[str, int]:
    """The number of axes of each array whose parts are vectors, by its name.

    `letters` are those that run: any other letter under a vector may be a label.
    """

    def runs(item: Node) -> bool:
        return isinstance(item, syntax.Symbol) and not item.word and item.name in letters

    most: dict[str, int] = {}
    found: set[str] = set()
    for node in _nodes(statements):
        if isinstance(node, syntax.Scripted) and (name := array_name(_upright(node))) is not None:
            most[name] = max(most.get(name, 0), len(split_subscripts(node.subscript)))
        for vector in _vectors(node):
            name = array_name(vector)
            if name and all(map(runs, split_subscripts(vector.subscript))):
                found.add(name)
    return {name: max(most[name], 2) for name in found}


def alone_and_numbered(statements: Iterable[Statement], letters: Collection[str]) -> set[str]:
    r"""The bold letters that stand for a vector alone and, with a letter of these under them, for
    one of several: `\mathbf{x}` beside `\mathbf{x}_n`."""
    alone: set[str] = set()
    several: set[str] = set()
    waiting = [side for statement in statements for side in statement.sides]
    while waiting:
        match waiting.pop():
            case syntax.Symbol(name, bold=True) if not is_capital(name):
                alone.add(name)
            case syntax.Scripted(syntax.Symbol(name, bold=True), syntax.Symbol(letter)) if (
                letter in letters and not is_capital(name)
            ):
                several.add(name)
            case syntax.Scripted(syntax.Symbol(), subscript) if subscript is not None:
                pass
            case node:
                waiting.extend(parts(node))
    return alone & several


def marked_ranks(statements: Iterable[Statement], sizes: Collection[str]) -> dict[str, int]:
    """The number of axes of the arrays that stand bold, transposed or behind a transposed array,
    and without a subscript. A superscript T that is one of the `sizes` is a power."""
    names = {name for node in _nodes(statements) for name in _marked(node, sizes)}
    return {name: 2 if is_capital(name) else 1 for name in names}


def _nodes(statements: Iterable[Statement]) -> Iterator[Node]:
    for statement in statements:
        for side in statement.sides:
            yield from nodes(side)


def _marked(node: Node, sizes: Collection[str]) -> Iterator[str]:
    match node:
        case syntax.Symbol(name, bold=True, word=False) if not name.isdigit() and name != "I":
            yield name  # but for the identity
        case syntax.Scripted(syntax.Symbol(name), None) if _turned(node, sizes):
            yield name
        case syntax.Multiplication():
            for factor in _behind_transposed(node, sizes):
                if isinstance(factor, syntax.Symbol) and not is_capital(factor.name):
                    yield factor.name
        case _:
            pass


def _vectors(node: Node) -> Iterator[syntax.Scripted]:
    """The symbols with subscripts that a piece of syntax shows to be vectors."""
    match node:
        case syntax.Scripted(syntax.Symbol(name, bold=True), subscript) if subscript is not None:
            if not is_capital(name):
                yield _upright(node)
        case syntax.Scripted(syntax.Symbol(), subscript) if subscript and _turned(node):
            yield _upright(node)
        case syntax.Multiplication():
            for factor in _behind_transposed(node):
                yield from _terms(factor)
        case syntax.Group(r"\|", _, body):
            yield from _terms(body)
        case _:
            pass


def _turned(node: Node, sizes: Collection[str] = ()) -> bool:
    if not isinstance(node, syntax.Scripted) or node.superscript is None:
        return False
    return is_transpose(node.superscript) and label(node.superscript) not in sizes


def _behind_transposed(
    product: syntax.Multiplication, sizes: Collection[str] = ()
) -> Iterator[Node]:
    neighbours = zip(pairwise(product.factors), product.operators, strict=True)
    for (first, second), operator in neighbours:
        if not operator and _turned(first, sizes):
            yield second


def _terms(node: Node) -> Iterator[syntax.Scripted]:
    match node:
        case syntax.Addition(terms):
            for _, term in terms:
                yield from _terms(term)
        case syntax.Group("(" | "[" | r"\{", _, body):
            yield from _terms(body)
        case syntax.Scripted(syntax.Symbol(), subscript) if subscript is not None:
            yield _upright(node)
        case _:
            pass


def _upright(node: syntax.Scripted) -> syntax.Scripted:
    return replace(node, superscript=None) if _turned(node) else node
