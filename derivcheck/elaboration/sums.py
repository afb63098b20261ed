"""Sums, products and maxima over an index."""

from __future__ import annotations

from derivcheck import syntax
from derivcheck.elaboration import conditions
from derivcheck.elaboration.fault import unsupported
from derivcheck.elaboration.integers import occurs
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
    for letter in (*node.letters, *_bound_together(reader, node)):
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


def _bound_together(reader: SideReader, node: syntax.BigOperator) -> tuple[syntax.Symbol, ...]:
    r"""The other letters of `\sum_{i \ne j} x_i x_j`, where nothing else gives them a value."""
    if node.condition is None or node.lower is not None or node.upper is not None:
        return ()
    bound = {letter.name for letter in node.letters}
    others = {
        side.name: side
        for side in node.condition.sides
        if isinstance(side, syntax.Symbol)
        and side.name not in bound
        and reader.letters.only_restricts(side.name)
        and occurs(side.name, node.body)
    }
    if not others:
        return ()
    kind = {"prod": "product", "sum": "sum"}.get(node.kind, f"{node.kind}imum")
    each = f"the {kind} runs over {', '.join(sorted(bound))} alone"
    together = reader.choices.pick("", each) == 0
    return tuple(others.values()) if together else ()


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
    lower = (
        Affine.of(reader.page.counting.base)
        if node.lower is None
        else reader.integers.value(node.lower)
    )
    first = lower.constant
    if first is None:
        raise unsupported(
            "a sum from a symbolic bound", node.span, "sum from 0 or 1 and restrict by [i ≥ a]"
        )
    extent = upper - lower + 1
    if first in (0, 1):
        reader.page.bases.setdefault(extent, first)
    return extent, first
