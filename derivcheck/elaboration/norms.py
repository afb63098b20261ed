r"""Norms of whole arrays: `\|x - y\|^2` is a sum over the entries."""

from __future__ import annotations

from dataclasses import replace

from derivcheck import syntax
from derivcheck.elaboration.fault import unsupported
from derivcheck.elaboration.matrices import shape
from derivcheck.elaboration.names import declared_name, label, nodes
from derivcheck.elaboration.naming import exponent
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import (
    Expression,
    Index,
    apply,
    fresh,
    multiply,
    power,
    square_root,
    total,
)
from derivcheck.syntax import Node

_WRITE = "write the sum over the entries"


def norm(
    reader: SideReader, node: syntax.Group, order: Node | None, superscript: Node | None
) -> Expression:
    r"""The Euclidean norm (Frobenius for a matrix) or, with the subscript 1, that of absolute
    values; of an expression in bare arrays, entry by entry."""
    name = "2" if order is None else label(order)
    of = shape(reader, node.body)
    if any(
        isinstance(part, syntax.Scripted)
        and part.subscript
        and not _is_labelled(reader, part)
        and not reader.page.axes_left(part)
        for part in nodes(node.body)
    ):
        raise unsupported("a norm of entries", node.span, _WRITE)
    if name not in ("1", "2", "F") or of is None or not of.axes:
        raise unsupported(f"{node.open} … {node.close}", node.span, _WRITE)
    if of.axes == 2 and name in ("1", "2") and order is not None:
        reader.choices.pick(f"the norm of {label(node.body)} is that of its entries")
    indices = tuple(
        fresh(Index(letter, reader.page.sizes.placeholder(letter)))
        for letter, _ in zip("ij", range(of.axes), strict=False)
    )
    value = reader.entries_at(node.body, indices)
    if name == "1":
        found = total(indices, apply("abs", value))
        return found if superscript is None else power(found, exponent(reader, superscript))
    square = total(indices, multiply(value, value))
    if isinstance(superscript, syntax.Numeral) and superscript.text == "2":
        return square
    root = square_root(square)
    return root if superscript is None else power(root, exponent(reader, superscript))


def _is_labelled(reader: SideReader, node: syntax.Scripted) -> bool:
    """Whether a subscript belongs to the name of a known array."""
    name = declared_name(replace(node, superscript=None))
    return name is not None and reader.page.scope.tensor(name) is not None
