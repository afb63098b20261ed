r"""Sizes that only a mean or a range names: `\frac{1}{N} \sum_i x_i`, “for $i = 1, \dots, N$”.

A lone letter that divides a sum is how many terms it has, if nothing else says what it is. Where
several letters and sums meet it is not sure which is whose; then a claim that fails by it is not
convicted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from derivcheck import syntax
from derivcheck.elaboration.names import nodes
from derivcheck.elaboration.recurrences import Range
from derivcheck.source import Span
from derivcheck.syntax import Node, Statement

_LOWER_CASE = frozenset("bdkmn")


@dataclass(frozen=True)
class Count:
    """The size that a sum without bounds probably has; `sure` where no other could be meant."""

    name: str
    sure: bool


def explained_names(statements: Iterable[Statement]) -> set[str]:
    """What equations or declarations are about, and what has subscripts or is one."""
    return {name for statement in statements for name in _explained(statement)}


def counts(statements: Sequence[Statement], explained: Set[str]) -> dict[Span, Count]:
    """The counts by the place of their sums, of names that nothing else on the page explains."""
    found: dict[Span, Count] = {}
    for statement in statements:
        for side in statement.sides:
            for node in nodes(side):
                found.update(_of_mean(node))
    declared = {name for statement in statements for name in _shapes(statement)}
    return {
        span: count
        for span, count in found.items()
        if count.name not in explained and (count.sure or count.name not in declared)
    }


def lengths(ranges: Mapping[str, Range | None], explained: Set[str]) -> dict[str, str]:
    """How many places a letter runs over where its whole range is written, of such names."""
    return {
        letter: written.upper.name
        for letter, written in ranges.items()
        if written is not None
        and (written.lower, written.upper.offset) in ((1, 0), (0, -1))
        and _may_count(written.upper.name)
        and written.upper.name not in explained
    }


def _of_mean(node: Node) -> Iterator[tuple[Span, Count]]:
    names: tuple[str, ...] = ()
    sums: tuple[syntax.BigOperator, ...] = ()
    match node:
        case syntax.Fraction(numerator, denominator):
            names, sums = _letters(denominator), _sums(numerator)
        case syntax.BigOperator(body=syntax.Multiplication((*_, last), (*_, "/"))):
            names, sums = _letters(last), _sums(node)
        case syntax.Multiplication(factors):
            for factor in factors:
                if isinstance(factor, syntax.BigOperator):
                    sums = _sums(factor)
                    break
                if isinstance(factor, syntax.Fraction):
                    names = (*names, *_letters(factor.denominator))
        case _:
            pass
    if names and len(names) <= len(sums):
        sure = len(names) == len(sums) == 1
        for name, each in zip(names, sums, strict=False):
            if each.upper is None and each.lower is None:
                yield each.span, Count(name, sure)


def _sums(node: Node) -> tuple[syntax.BigOperator, ...]:
    """The sums that stand directly one in the other, from the outermost."""
    match node:
        case syntax.BigOperator("sum", letters=(_,)):
            return (node, *_sums(node.body))
        case syntax.Group(_, _, body):
            return _sums(body)
        case _:
            return ()


def _letters(denominator: Node) -> tuple[str, ...]:
    """The letters of a product of letters and numbers; none if anything else stands there."""
    match denominator:
        case syntax.Multiplication(factors, operators) if "/" not in operators:
            parts = factors
        case _:
            parts = (denominator,)
    names = [part.name for part in parts if isinstance(part, syntax.Symbol)]
    numerals = [part for part in parts if isinstance(part, syntax.Numeral)]
    plain = len(names) + len(numerals) == len(parts)
    return tuple(names) if plain and all(map(_may_count, names)) else ()


def _may_count(name: str) -> bool:
    return len(name) == 1 and (name.isupper() or name in _LOWER_CASE)


def _shapes(statement: Statement) -> Iterator[str]:
    """The letters of declared shapes."""
    if [relation.sign for relation in statement.relations] == [r"\in"]:
        yield from (
            node.name for node in nodes(statement.sides[1]) if isinstance(node, syntax.Symbol)
        )


def _explained(statement: Statement) -> Iterator[str]:
    if statement.relations:
        for side in statement.sides[:1]:
            items = side.items if isinstance(side, syntax.Sequence) else (side,)
            yield from (item.name for item in items if isinstance(item, syntax.Symbol))
    for side in statement.sides:
        for node in nodes(side):
            if isinstance(node, syntax.Scripted) and node.subscript is not None:
                if isinstance(node.base, syntax.Symbol):
                    yield node.base.name
                yield from (
                    part.name for part in nodes(node.subscript) if isinstance(part, syntax.Symbol)
                )
