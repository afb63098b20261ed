r"""Superscripts that number examples: the i of `\sum_{i=1}^m (h^{(i)} - y^{(i)})^2` is an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from derivcheck import syntax
from derivcheck.elaboration.families import marked_ranks
from derivcheck.elaboration.names import label, nodes, parts, subscripted
from derivcheck.latex import Numbered, number_above
from derivcheck.syntax import Node, Statement

_LAYERS = frozenset({"l", "L", r"\ell"})


def numbered(statements: Sequence[Statement]) -> dict[str, Numbered]:
    """The arrays whose superscripts in brackets are indices, and what these are called.

    Such a superscript is an index where a sum, a product or an extremum binds its letter, and so it
    is under all that bear it. An array that stands without one too is another array. A number below
    belongs to the name, as in `Z_2^{(i)}`, unless letters stand there elsewhere.
    """
    sides = [side for statement in statements for side in statement.sides]
    letters = {
        letter
        for side in sides
        for node in nodes(side)
        if isinstance(node, syntax.BigOperator)
        for letter in {each.name for each in node.letters} - _LAYERS
        if any(letter == number for part in nodes(node.body) for _, number in _number(part))
    }
    bearers = [
        node
        for side in sides
        for node in nodes(side)
        if any(number in letters for _, number in _number(node))
    ]
    if not bearers:
        return {}
    found = {name for node in bearers for name, _ in _number(node)}
    indexed = {
        label(node.base)
        for node in bearers
        if isinstance(node, syntax.Scripted)
        and not isinstance(node.subscript, syntax.Numeral | None)
    }
    plain = {name for side in sides for name in _plain(side)}
    names = {name if (bare := name.partition("_")[0]) not in indexed else bare for name in found}
    alone = {
        label(node.base)
        for node in bearers
        if isinstance(node, syntax.Scripted) and node.subscript is None
    }
    vectors = (indexed & alone) | (plain & marked_ranks(statements, ()).keys())
    return {
        name: Numbered(rf"{name}^{{(\cdot)}}" if name in plain else name, name in vectors)
        for name in names
    }


def _number(node: Node) -> Iterator[tuple[str, str]]:
    """The array that a symbol with a letter in brackets above stands for, and the letter."""
    match node:
        case syntax.Scripted(syntax.Symbol(name), subscript, superscript):
            match number_above(superscript):
                case (syntax.Symbol(letter), _):
                    numeral = isinstance(subscript, syntax.Numeral)
                    yield subscripted(name, subscript) if numeral else name, letter
                case _:
                    pass
        case _:
            pass


def _plain(node: Node) -> Iterator[str]:
    """The names that stand without a number."""
    match node:
        case syntax.Symbol(name):
            yield name
        case syntax.Scripted(syntax.Symbol(name), syntax.Numeral() as under, None):
            yield from (name, subscripted(name, under))
        case syntax.Scripted(syntax.Symbol(), subscript, superscript) if number_above(superscript):
            if subscript is not None:
                yield from _plain(subscript)
        case _:
            for part in parts(node):
                yield from _plain(part)
