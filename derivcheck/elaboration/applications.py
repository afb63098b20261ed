"""Symbols that stand before a bracket as functions do: `f(a)`, and `f(a_n)` for an entry of a."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from derivcheck import syntax
from derivcheck.elaboration.names import nodes
from derivcheck.syntax import Statement


def applied_symbols(statements: Iterable[Statement]) -> tuple[set[str], set[str]]:
    """The symbols that a symbol in brackets follows somewhere, with subscripts or not; and those of
    them that stand before a symbol and before entries of it, which are functions of numbers."""
    bare: set[tuple[str, str]] = set()
    entries: set[tuple[str, str]] = set()
    applied: set[str] = set()
    for name, argument in _applications(statements):
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


def _applications(statements: Iterable[Statement]) -> Iterator[tuple[str, syntax.Node]]:
    for statement in statements:
        for side in statement.sides:
            for node in nodes(side):
                if isinstance(node, syntax.Multiplication):
                    for first, second in pairwise(node.factors):
                        if isinstance(first, syntax.Symbol) and isinstance(second, syntax.Group):
                            yield first.name, second.body
