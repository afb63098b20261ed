r"""A claim's own text on one line, and the heading it stands under.

What the author wrote is shown as written; only what belongs to the layout of the page (alignment
marks, row breaks, runs of blanks) is taken out.
"""

from __future__ import annotations

import re

from derivcheck.derivation import Item
from derivcheck.source import Source
from derivcheck.tex import as_markdown, is_tex

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}|\$\$)")
_HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.+?)\s*#*\s*$")
_ENVIRONMENT = re.compile(r"\\begin\{(\w+\*?)\}.*?\\end\{\1\}", re.DOTALL)
_ROW_BREAK = re.compile(r"\\\\(?:\[[^\]]*\])?")
_LONGEST = 4000
"""Characters of one claim; what is longer is shown cut, its layout left in."""

_ALIGNMENT = re.compile(r"(?<!\\)&")


def on_one_line(latex: str) -> str:
    """The text of a link without alignment marks and row breaks outside `cases` and the like."""
    pieces: list[str] = []
    end = 0
    for inner in _ENVIRONMENT.finditer(latex):
        pieces.extend((_flat(latex[end : inner.start()]), inner[0]))
        end = inner.end()
    pieces.append(_flat(latex[end:]))
    return " ".join("".join(pieces).split())


def _flat(latex: str) -> str:
    return _ALIGNMENT.sub(" ", _ROW_BREAK.sub(" ", latex))


def statement(source: Source, item: Item) -> str:
    r"""The claim as the page writes it: `left = right`, or `= right` for a later row of a chain.

    A link whose left side stands rows above would repeat that row, its reason in the right-hand
    column included; the row alone says where we are.
    """
    if item.whole.end - item.whole.start > _LONGEST:
        return f"{' '.join(source.slice(item.whole)[:_LONGEST].split())} …"
    whole = source.slice(item.whole)
    without_inner = _ENVIRONMENT.sub("", whole)
    if _ROW_BREAK.search(without_inner) or item.whole == item.span:
        relation = item.link.relation if item.link else ""
        return f"{relation} {on_one_line(item.latex)}".strip()
    return on_one_line(whole)


def headings(source: Source) -> tuple[tuple[int, str], ...]:
    """(line number, text) of each heading, fenced blocks and display mathematics aside."""
    found: list[tuple[int, str]] = []
    fence = ""
    text = as_markdown(source.text) if is_tex(source.path) else source.text
    for number, line in enumerate(text.split("\n"), start=1):
        mark = _FENCE.match(line)
        if mark and not fence:
            one_liner = mark[1] == "$$" and line.rstrip().endswith("$$") and line.strip() != "$$"
            fence = "" if one_liner else mark[1]
        elif fence and line.strip().endswith("$$" if fence == "$$" else fence):
            fence = ""
        elif not fence and (heading := _HEADING.match(line)):
            found.append((number, heading[1]))
    return tuple(found)


def heading_of(found: tuple[tuple[int, str], ...], line: int) -> str:
    """The last of the headings `found` at or above this line; empty before the first."""
    return next((text for number, text in reversed(found) if number <= line), "")
