"""Conditions as numbers that are 0 or 1: Iverson brackets, cases, restrictions of sums."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from derivcheck import syntax
from derivcheck.elaboration.fault import unsupported
from derivcheck.elaboration.label_arrays import check_comparison
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import (
    ONE,
    Affine,
    Expression,
    Positive,
    add,
    delta,
    elsewhere,
    guard,
    multiply,
    negate,
    negation,
    subtract,
)
from derivcheck.syntax import Node

MOST_CASES = 40
"""Each row excludes all those above it, so that their number counts twice."""


def truth(reader: SideReader, node: Node) -> Expression:
    """A condition as a number that is 0 or 1."""
    match node:
        case syntax.Sequence(items):
            return multiply(*map(partial(truth, reader), items))
        case syntax.Group(_, _, body):
            return truth(reader, body)
        case syntax.Chain(sides, relations):
            links = zip(sides, relations, sides[1:], strict=False)
            return multiply(*(_relation(reader, a, sign, b) for a, sign, b in links))
        case syntax.Unreadable(construct, help_text, place):
            raise unsupported(construct, place, help_text)
        case _:
            raise unsupported("a condition", node.span, "write a relation such as x > 0")


def _relation(reader: SideReader, left: Node, sign: str, right: Node) -> Expression:
    if reader.integers.is_integer(left) and reader.integers.is_integer(right):
        a, b = reader.integers.value(left), reader.integers.value(right)
        if (i := a.index) is not None and (j := b.index) is not None:
            reader.page.sizes.prefer(i.extent, j.extent)
        _share_places(reader, a, b)
        match sign:
            case "=":
                return delta(a, b)
            case r"\ne":
                return negation(delta(a, b))
            case "<":
                return guard(b - a - 1)
            case r"\le":
                return guard(b - a)
            case ">":
                return guard(a - b - 1)
            case r"\ge":
                return guard(a - b)
            case _:
                pass
    difference = subtract(reader.value(left), reader.value(right))
    if sign in ("=", r"\ne"):
        check_comparison(reader, difference, left.span | right.span)
    above, below = Positive(difference), Positive(negate(difference))
    match sign:
        case ">":
            return above
        case "<":
            return below
        case r"\ge":
            return negation(below)
        case r"\le":
            return negation(above)
        case "=":
            return multiply(negation(above), negation(below))
        case r"\ne":
            return add(above, below)
        case _:
            raise unsupported(
                f"the condition {sign}", left.span | right.span, "use =, ≠, <, ≤, > or ≥"
            )


def _share_places(reader: SideReader, left: Affine, right: Affine) -> None:
    """Let a class label run over what it is compared with."""
    match tuple(left.indices()), tuple(right.indices()):
        case (one,), (other,) if reader.letters.is_label(one) or reader.letters.is_label(other):
            reader.page.sizes.unify(one.extent, other.extent)
        case _:
            pass


def cases(reader: SideReader, rows: Sequence[tuple[Node, Node | None]]) -> Expression:
    """Σ of value · condition; a row holds where none above it does.

    Where no row holds the whole is undefined.
    """
    if len(rows) > MOST_CASES:
        raise unsupported("so many cases", rows[0][0].span, "write a formula for the row")
    terms: list[Expression] = []
    above: list[Expression] = []
    for value, condition in rows:
        holds = ONE if condition is None else truth(reader, condition)
        earlier = [negation(c) for c in above if negation(c) != holds and c != negation(holds)]
        terms.append(multiply(*earlier, holds, reader.value(value)))
        above.append(holds)
    if any(negation(holds) in above for holds in above) or ONE in above:
        return add(*terms)
    return add(*terms, elsewhere(multiply(*map(negation, above))))
