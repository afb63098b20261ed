"""The mathematics of a page as statements, read as the page as a whole shows that it spells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from derivcheck.document import Document, Math, Paragraph
from derivcheck.elaboration.families import alone_and_numbered
from derivcheck.elaboration.gradient_names import differentials
from derivcheck.elaboration.numbered import numbered
from derivcheck.elaboration.places import running_letters
from derivcheck.elaboration.signatures import with_equations
from derivcheck.elaboration.summation_convention import is_said, with_sums
from derivcheck.elaboration.twofold import twofold
from derivcheck.latex import Usage, collect_macros, parse_math
from derivcheck.syntax import Statement


def statements(document: Document) -> dict[Math, tuple[Statement, ...]]:
    """The statements of each piece of mathematics, in reading order.

    A first reading tells which names and superscripts mean more than they say, a second one is the
    page's; where it says so, sums over repeated letters are added.
    """
    paragraphs = [block for block in document.blocks if isinstance(block, Paragraph)]
    maths = [part for block in paragraphs for part in block.parts if isinstance(part, Math)]
    macros = collect_macros((document.preamble, *(math.latex for math in maths)))

    def read(usage: Usage) -> dict[Math, tuple[Statement, ...]]:
        return {m: parse_math(m.latex, m.span.start, macros, usage) for m in maths}

    pieces = read(Usage())
    every = _flat(pieces)
    vectors = alone_and_numbered(every, running_letters(every))
    usage = Usage(differentials(every), twofold(every), vectors)
    if usage:
        pieces = read(usage)
    if names := numbered(_flat(pieces)):
        pieces = read(replace(usage, numbered=names))
    if is_said(". ".join(block.prose for block in paragraphs)):
        pieces = {math: tuple(map(with_sums, parsed)) for math, parsed in pieces.items()}
    return with_equations(pieces)


def _flat(pieces: Mapping[Math, tuple[Statement, ...]]) -> list[Statement]:
    return [statement for parsed in pieces.values() for statement in parsed]
