r"""Rows of display mathematics, and which of them belong together.

`aligned`, `split`, `gather`, `equation`, … in any nesting are flattened to rows; a row that begins
with a relation, or with a binary operator, continues the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from derivcheck.latex.brackets import pairs
from derivcheck.latex.tokens import Kind, Token
from derivcheck.latex.vocabulary import (
    CONDITIONALS,
    DISPLAYS,
    EQUATION_ARRAYS,
    RESTRICTING,
)

_OPERATING = {Kind.SIGN, Kind.OPERATOR}
COLUMN = "&&"


@dataclass
class Row:
    """`led` says that the first cell is empty: the row begins with `&`."""

    tokens: list[Token] = field(default_factory=list[Token])
    led: bool = False
    multiline: bool = False


@dataclass
class Line:
    """Rows joined to one run of tokens; `barriers` are where a row began with a relation."""

    tokens: list[Token]
    barriers: set[int] = field(default_factory=set[int])
    # Brackets that the rows so far have left open.
    open: int = 0

    def join(self, row: Sequence[Token]) -> None:
        closing, opening = _unmatched(row)
        self.open = max(0, self.open - closing) + opening
        self.tokens.extend(row)


def first_words(token: Token) -> list[str]:
    return token.text.lower().replace(",", " ").replace("(", " ").replace(":", " ").split()[:1]


def is_condition(token: Token) -> bool:
    """Words that restrict a statement: they begin so, or say so outside a reason in brackets."""
    if token.kind is not Kind.TEXT:
        return False
    if any(word in CONDITIONALS for word in first_words(token)):
        return True
    text = token.text.strip().lower()
    reason = text.startswith("(") and text.endswith(")")
    return not reason and not RESTRICTING.isdisjoint(text.replace(",", " ").split())


def lines(tokens: list[Token]) -> list[Line]:
    """The rows of a piece, those that continue one another joined."""
    joined: list[Line] = []
    for row in _rows(tokens):
        content = row.tokens
        while content and content[0].kind is Kind.SPACE and content[0].text != COLUMN:
            content = content[1:]
        if not content:
            continue
        before = joined[-1] if joined else None
        if before is None or not _continues(content, row, before):
            joined.append(Line([]))
            joined[-1].join(content)
        elif content[0].kind is Kind.RELATION:
            if (
                before.tokens[-1].kind is Kind.RELATION
                and before.tokens[-1].text == content[0].text
            ):
                before.tokens.pop()
            before.barriers.add(len(before.tokens))
            before.open = 0
            before.join(content)
        else:
            before.join(content)
    return joined


def _continues(content: Sequence[Token], row: Row, before: Line) -> bool:
    first = content[0]
    last = next((t for t in reversed(before.tokens) if t.kind is not Kind.SPACE), None)
    if first.kind is Kind.RELATION or row.multiline or is_condition(first):
        return True
    if last is not None and last.kind in _OPERATING | {Kind.RELATION}:
        return True
    relation = first_relation(content) is not None
    if first.kind in _OPERATING:
        return row.led or not relation
    if first.kind in {Kind.TEXT, Kind.BREAK}:
        return False
    if relation:
        return False
    return row.led or before.open > 0


def first_relation(tokens: Sequence[Token]) -> str | None:
    """The first relation sign outside all brackets."""
    found = pairs(tokens)
    at = 0
    while at < len(tokens):
        if tokens[at].kind is Kind.RELATION:
            return tokens[at].text
        at = found.get(at, at) + 1
    return None


def _unmatched(tokens: Sequence[Token]) -> tuple[int, int]:
    """How many brackets of a row only close, and how many only open, outside those that pair."""
    found = pairs(tokens)
    at = closing = opening = 0
    while at < len(tokens):
        if at not in found:
            closing += tokens[at].kind is Kind.CLOSE
            opening += tokens[at].kind is Kind.OPEN
        at = found.get(at, at) + 1
    return closing, opening


def _rows(tokens: list[Token]) -> list[Row]:
    found = pairs([t if t.kind not in {Kind.OPEN, Kind.CLOSE} else _neutral(t) for t in tokens])
    rows = [Row()]
    environments: list[str] = []
    transparent = _wrappers(tokens, found)
    cells = 0
    at = 0

    def start_row() -> None:
        nonlocal cells
        cells = 0
        multiline = bool(environments) and environments[-1].startswith("multline")
        rows.append(Row(multiline=multiline and bool(rows[-1].tokens)))

    while at < len(tokens):
        token = tokens[at]
        if token.kind is Kind.BEGIN and token.text in DISPLAYS:
            environments.append(token.text)
            cells = 0
        elif token.kind is Kind.END and token.text in DISPLAYS:
            if environments:
                environments.pop()
            start_row()
        elif token.kind is Kind.ROW:
            start_row()
        elif token.kind is Kind.ALIGN:
            cells += 1
            rows[-1].led = rows[-1].led or not rows[-1].tokens
            if cells % 2 == 0 and not (environments and environments[-1] in EQUATION_ARRAYS):
                rows[-1].tokens.append(token._replace(kind=Kind.SPACE, text=COLUMN))
        elif at in transparent:
            pass
        elif at in found:
            rows[-1].tokens.extend(tokens[at : found[at] + 1])
            at = found[at]
        else:
            rows[-1].tokens.append(token)
        at += 1
    return rows


def _neutral(token: Token) -> Token:
    return token._replace(kind=Kind.CHARACTER)


def _wrappers(tokens: list[Token], found: dict[int, int]) -> set[int]:
    """Brackets that hold nothing but a display environment, as `\\left\\{\\begin{aligned}…`."""
    wrappers: set[int] = set()
    for opener, closer in found.items():
        inner = opener + 1
        if (
            tokens[opener].kind in {Kind.BRACE_OPEN, Kind.LEFT}
            and tokens[inner].kind is Kind.BEGIN
            and tokens[inner].text in DISPLAYS
            and found.get(inner) == closer - 1
        ):
            wrappers |= {opener, closer}
    return wrappers
