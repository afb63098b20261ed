"""Symbols that stand before a bracket as functions do: `f(a)`, and `f(a_n)` for an entry of a."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from derivcheck import syntax
from derivcheck.elaboration.names import nodes
from derivcheck.syntax import Node, Statement


def applied_symbols(statements: Iterable[Statement]) -> tuple[set[str], set[str]]:
    """The symbols that a symbol in brackets follows somewhere, with subscripts or not; and those of
    them that stand before a symbol and before entries of it, which are functions of numbers."""
    bare: set[tuple[str, str]] = set()
    entries: set[tuple[str, str]] = set()
    applied: set[str] = set()
    for head, argument in _applications(statements):
        if not isinstance(head, syntax.Symbol):
            continue
        name = head.name
        match argument:
            case syntax.Symbol(of):
                bare.add((name, of))
            case syntax.Scripted(syntax.Symbol(of), subscript) if subscript is not None:
                entries.add((name, of))
            case syntax.Scripted():
                pass
            case _:
                continue
        applied.add(name)
    return applied, {name for name, _ in bare & entries}


def applied_names(statements: Iterable[Statement]) -> Iterator[str]:
    """The symbols, with scripts or without, that a bracket follows."""
    for head, _ in _applications(statements):
        match head:
            case syntax.Symbol(name) | syntax.Scripted(syntax.Symbol(name)):
                yield name
            case _:
                pass


def _applications(statements: Iterable[Statement]) -> Iterator[tuple[Node, Node]]:
    """What a bracket follows directly, and what stands in the bracket."""
    for statement in statements:
        for side in statement.sides:
            for node in nodes(side):
                if isinstance(node, syntax.Multiplication):
                    for head, bracket in pairwise(node.factors):
                        if isinstance(bracket, syntax.Group):
                            yield head, bracket.body
