"""Sums, products and maxima over an index."""

from __future__ import annotations

from derivcheck import syntax
from derivcheck.elaboration import conditions
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import (
    ONE,
    Affine,
    Expression,
    Index,
    Maximum,
    Product,
    Sum,
    add,
    fresh,
    multiply,
    negate,
    negation,
)


def big(reader: SideReader, node: syntax.BigOperator) -> Expression:
    bounds: list[tuple[str, Index, int | None]] = []
    for letter in node.letters:
        extent, lower = _range(reader, node, letter)
        index = fresh(Index(letter.name, extent, base=1 if lower == 1 else 0))
        bounds.append((letter.name, index, lower))
    with reader.letters.binding(bounds):
        where = ONE if node.condition is None else conditions.truth(reader, node.condition)
        body = reader.value(node.body)
    indices = tuple(index for _, index, _ in bounds)
    match node.kind:
        case "max":
            return Maximum(indices, where, body)
        case "min":
            return negate(Maximum(indices, where, negate(body)))
        case "prod":
            if where != ONE:
                body = add(multiply(where, body), negation(where))
            for index in reversed(indices):
                body = Product(index, body)
            return body
        case _:
            body = multiply(where, body)
            for index in reversed(indices):
                body = Sum(index, body)
            return body


def _range(
    reader: SideReader, node: syntax.BigOperator, letter: syntax.Symbol
) -> tuple[Affine, int | None]:
    """The extent of a bound letter and the value that it starts from, if that is written."""
    if node.upper is None:
        if node.lower is not None:
            raise unsupported("a lower bound without an upper one", node.span, "write both bounds")
        return reader.page.sizes.placeholder(letter.name), None
    if len(node.letters) > 1:
        raise unsupported("several letters with one pair of bounds", node.span, "use two sums")
    upper = reader.integers.value(node.upper)
    lower = Affine.of(reader.page.base) if node.lower is None else reader.integers.value(node.lower)
    first = lower.constant
    if first is None:
        raise unsupported(
            "a sum from a symbolic bound", node.span, "sum from 0 or 1 and restrict by [i ≥ a]"
        )
    extent = upper - lower + 1
    if first in (0, 1) and reader.page.bases.setdefault(extent, first) != first:
        raise Fault(
            "mixed-bases",
            f"this axis is counted from {first} here and from {1 - first} elsewhere",
            node.span,
            "count every axis from 0, or every axis from 1",
        )
    return extent, first
