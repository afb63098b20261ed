r"""One piece of mathematics to statements. Knows nothing of shapes.

`parse_math` reads what stands between dollars: rows of `align`, chains of relations, several
statements in one piece. Every failure is local: a side that cannot be read is an `Unreadable` and
the others survive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from derivcheck import syntax
from derivcheck.latex.brackets import pairs
from derivcheck.latex.constructs import CONSTRUCTS
from derivcheck.latex.cursor import Fault
from derivcheck.latex.expressions import Reader
from derivcheck.latex.macros import Macro, MacroOverflow, collect_macros, expand
from derivcheck.latex.rows import lines
from derivcheck.latex.spelling import spell
from derivcheck.latex.statements import Clause, clauses
from derivcheck.latex.tokens import Kind, scan
from derivcheck.latex.usage import Numbered, Usage, number_above
from derivcheck.source import Span

__all__ = ["Macro", "Numbered", "Usage", "collect_macros", "number_above", "parse_math"]

LONGEST = 100_000

PLAIN = Usage()


def parse_math(
    latex: str,
    offset: int = 0,
    macros: Mapping[str, Macro] | None = None,
    usage: Usage = PLAIN,
) -> tuple[syntax.Statement, ...]:
    r"""The statements of one piece of mathematics, in reading order.

    `offset` is where `latex` begins in the document: spans are offsets into the document. `macros`
    are the document's (see `collect_macros`); definitions inside the piece hold from where they
    stand, and every token of an expansion has the span of the call. Never raises; empty input has
    no statements.

    `usage` is how the document spells, which takes a first reading of it to tell.

    A lone formula is a statement of one side. A row that begins with a relation without anything
    before it has an `Unreadable` first side, "missing side". What follows a statement after `if`,
    `when`, `for`, … and is a relation is a statement with these `words`; where other words make a
    statement conditional its sides after the first are `Unreadable`: it is no claim for all values.
    """
    whole = Span(offset, offset + len(latex))
    raw = scan(latex, offset, LONGEST)
    if raw is None:
        return (_unreadable("formula too long", whole, "split it into several"),)
    try:
        raw = expand(raw, macros or {})
    except MacroOverflow as overflow:
        span = Span(overflow.start, overflow.end)
        fault = _unreadable(f"macro {overflow.name}", span, "its expansion does not end")
        return (replace(fault, span=whole),)
    return tuple(
        _statement(clause, usage) for line in lines(spell(raw)) for clause in clauses(line)
    )


def _unreadable(construct: str, span: Span, help: str) -> syntax.Statement:
    return syntax.Statement((syntax.Unreadable(construct, help, span, span),), (), span)


def _statement(clause: Clause, usage: Usage) -> syntax.Statement:
    tokens = clause.tokens
    found = pairs(tokens, clause.barriers)
    reader = Reader(tokens, found, CONSTRUCTS, usage)
    ranges = reader.parts(0, len(tokens), lambda token: token.kind is Kind.RELATION)
    signs = [tokens[end] for _, end in ranges[:-1]]
    sides = [_side(Reader(tokens, found, CONSTRUCTS, usage), *part) for part in ranges]
    if clause.condition is not None:
        conditional = syntax.Unreadable(
            "condition in words",
            "write cases, or an Iverson bracket",
            clause.condition,
            clause.condition,
        )
        sides = [sides[0], *(conditional for _ in sides[1:])]
    span = tokens[0].span | tokens[-1].span
    relations = tuple(syntax.Relation(token.text, token.span) for token in signs)
    return syntax.Statement(tuple(sides), relations, span, clause.words)


def _side(reader: Reader, first: int, last: int) -> syntax.Node:
    if first == last:
        place = reader.span(max(first - 1, 0), first)
        return syntax.Unreadable("missing side", "write both sides of the relation", place, place)
    try:
        return reader.content(first, last)
    except Fault as fault:
        span = reader.span(first, last)
        return syntax.Unreadable(fault.construct, fault.help, fault.span, span)
