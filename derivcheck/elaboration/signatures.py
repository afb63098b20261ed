r"""Signatures `f : \mathbb{R} \to \mathbb{R}`, and arrows: `f : x \mapsto x^2` is `f(x) = x^2`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from derivcheck import syntax
from derivcheck.elaboration.applications import applied_names
from derivcheck.elaboration.declarations import DeclarationReader
from derivcheck.elaboration.fault import Fault
from derivcheck.elaboration.names import declared_name, label
from derivcheck.elaboration.state import PageState
from derivcheck.expression import Domain
from derivcheck.source import Span
from derivcheck.syntax import Node, Relation, Statement

_ENTRYWISE = re.compile(
    r"\b(?:element|component|coordinate|entry|point)[\s-]?wise\b"
    r"|\b(?:each|every|all)\s+(?:of\s+the\s+)?(?:entr|element|component|coordinate)",
    re.IGNORECASE,
)
_ARROWS = frozenset({r"\to", r"\mapsto"})
_REAL = Domain(declared=True)

Piece = TypeVar("Piece")


def is_signature(statement: Statement) -> bool:
    r"""`f : X \to Y`, or what ends with an arrow that could not be read as an equation."""
    signs = [relation.sign for relation in statement.relations]
    return signs[:1] == [":"] and not _ARROWS.isdisjoint(signs)


def with_equations(
    pieces: Mapping[Piece, Sequence[Statement]],
) -> dict[Piece, tuple[Statement, ...]]:
    r"""The pieces with `x \mapsto x^2` behind a function's name, or its signature, as equations."""
    found: dict[Piece, tuple[Statement, ...]] = {}
    named: Node | None = None
    applied = set(applied_names(statement for each in pieces.values() for statement in each))
    for piece, statements in pieces.items():
        spelled: list[Statement] = []
        for statement in statements:
            for each in _spelled(_called(statement, applied), named):
                named = each.sides[0] if is_signature(each) else None
                spelled.append(each)
        found[piece] = tuple(spelled)
    return found


def _called(statement: Statement, applied: Collection[str]) -> Statement:
    r"""`f = \tanh` as `f(x) = \tanh(x)`, for an f that the page applies."""
    match statement.sides, [relation.sign for relation in statement.relations]:
        case (syntax.Symbol(name) as symbol, syntax.Symbol(of, word=word) as right), (
            ["="] | [":="] | [r"\equiv"]
        ) if name in applied and name != of and (word or of == r"\sigma"):
            argument = syntax.Symbol("·", right.span)
        case _:
            return statement
    bracket = syntax.Group("(", ")", argument, right.span)
    left = syntax.Multiplication((symbol, bracket), ("",), symbol.span)
    if of == r"\sigma":
        value: Node = syntax.Multiplication((right, bracket), ("",), right.span)
    else:
        value = syntax.Call(of, (argument,), None, None, True, right.span)
    return replace(statement, sides=(left, value))


def _spelled(statement: Statement, named: Node | None) -> Iterator[Statement]:
    signs = [relation.sign for relation in statement.relations]
    sides = statement.sides
    match signs, sides:
        case [*before, r"\mapsto"], [*others, argument, body]:
            pass
        case ["="], [name, syntax.Group(_, _, syntax.Chain((argument, body), (r"\mapsto",)))]:
            yield _equation(statement, name, argument, body)
            return
        case _:
            yield statement
            return
    match before, others:
        case ([], []) if named is not None:
            yield _equation(statement, named, argument, body)
        case ([":"] | ["="], [name]) | ([":", r"\ni"], [name, _]):
            yield _equation(statement, name, argument, body)
        case [":", r"\to", *_], [name, _, _]:
            yield replace(statement, sides=sides[:3], relations=statement.relations[:2])
            yield _equation(statement, name, argument, body)
        case _:
            yield statement


def _equation(statement: Statement, name: Node, argument: Node, body: Node) -> Statement:
    """`name(argument) = body`, at the place of what it stands for."""
    if not (isinstance(argument, syntax.Group) and argument.open == "("):
        argument = syntax.Group("(", ")", argument, argument.span)
    left = syntax.Multiplication((name, argument), ("",), _place(argument.span, name.span))
    relation = Relation("=", statement.relations[-1].span)
    return Statement((left, body), (relation,), statement.span)


def _place(argument: Span, name: Span) -> Span:
    return name | argument if name.start < argument.start else argument


def declare(page: PageState, statement: Statement, reader: DeclarationReader, prose: str) -> None:
    """A function of numbers is any of them; of one of something else nothing is known that could be
    read."""
    side = statement.sides[0]
    items = side.items if isinstance(side, syntax.Sequence) else (side,)
    for name in filter(None, map(declared_name, items)):
        if (known := page.scope.lookup(name)) is not None and known.defined:
            continue
        if _is_of_numbers(statement, reader):
            if _domain(statement.sides[-1], reader) != _REAL:
                page.descriptions.special.add(name)
        elif not (_is_of_like_arrays(statement) and _ENTRYWISE.search(prose)):
            page.introduced[name] = statement.span


def _is_of_numbers(statement: Statement, reader: DeclarationReader) -> bool:
    """Whether a signature is that of a function from real numbers to them."""
    signs = [relation.sign for relation in statement.relations]
    sets = statement.sides[1:]
    return signs == [":", r"\to"] and all(_domain(side, reader) is not None for side in sets)


def _is_of_like_arrays(statement: Statement) -> bool:
    r"""`f : \mathbb{R}^n \to \mathbb{R}^n`, which may act on every entry."""
    match statement.sides:
        case (
            _,
            syntax.Scripted(syntax.Symbol(r"\mathbb{R}"), None, source, 0),
            syntax.Scripted(syntax.Symbol(r"\mathbb{R}"), None, target, 0),
        ) if source is not None and target is not None:
            return label(source) == label(target)
        case _:
            return False


def _domain(node: Node, reader: DeclarationReader) -> Domain | None:
    """The numbers of a set; None for arrays and for what is no set that can be read."""
    if isinstance(node, syntax.Scripted) and node.superscript is not None:
        signed = isinstance(node.superscript, syntax.Symbol) and node.superscript.name in "+-"
        if not signed and not isinstance(node.superscript, syntax.Chain):
            return None
    try:
        shape = reader.set(node)
    except Fault:
        return None
    return None if shape.extents or shape.integer else shape.domain
