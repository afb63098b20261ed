"""Characters to tokens. Every token knows its place in the document."""

from __future__ import annotations

import re
from enum import IntEnum, auto
from typing import NamedTuple

from derivcheck.latex.vocabulary import IGNORED_WITH_ARGUMENT, TAKES_ARGUMENT, TEXTS
from derivcheck.source import Span


class Kind(IntEnum):
    """What a token is to the grammar; `scan` makes the first five, `spell` the rest."""

    COMMAND = auto()
    CHARACTER = auto()
    TEXT = auto()  # the contents of \text{…}: a name or prose
    BEGIN = auto()
    END = auto()
    LETTER = auto()  # any symbol of one letter, Greek and \mathcal{L} included
    DIGIT = auto()
    WORD = auto()  # \operatorname{…}, \mathrm{…} of several letters
    BRACE_OPEN = auto()
    BRACE_CLOSE = auto()
    LEFT = auto()  # \left with its delimiter
    RIGHT = auto()
    OPEN = auto()
    CLOSE = auto()
    BAR = auto()
    RELATION = auto()
    BREAK = auto()  # between statements: \Rightarrow, ;
    OPERATOR = auto()
    SIGN = auto()
    COMMA = auto()
    SCRIPT = auto()
    PRIME = auto()
    SPACE = auto()  # \quad, or the second & of a row
    ALIGN = auto()  # &
    ROW = auto()


class Token(NamedTuple):
    """`text` is canonical; `spaced` says that blanks stand before it."""

    kind: Kind
    text: str
    start: int
    end: int
    spaced: bool = False
    bold: bool = False

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


_LEXEME = re.compile(
    r"(?P<skip>(?:\s|~|%[^\n]*)+)"
    r"|(?P<row>\\\\(?:\*|[ \t]*\[\s*-?[\d.]+\s*[a-z]{2}\s*\])?)"
    r"|(?P<command>\\(?:[A-Za-z]+|.)?)"
    r"|(?P<character>.)",
    re.DOTALL,
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_STARRED = re.compile(
    r"\*(?=\s*\{)|\*(?=\s*\\)",
)
_STARRED_COMMANDS = frozenset(
    {r"\operatorname", r"\newcommand", r"\renewcommand", r"\providecommand", r"\tag", r"\hspace"}
    | {r"\vspace", r"\DeclareMathOperator"}
)


def closing_braces(latex: str) -> dict[int, int]:
    """Where each `{` closes, by offset; a brace that never closes is absent."""
    stack: list[int] = []
    closing: dict[int, int] = {}
    for match in _BRACE.finditer(latex):
        if match[0] == "{":
            stack.append(match.start())
        elif match[0] == "}" and stack:
            closing[stack.pop()] = match.start()
    return closing


def _skip_blanks(latex: str, at: int) -> int:
    while at < len(latex) and latex[at].isspace():
        at += 1
    return at


def scan(latex: str, offset: int = 0, limit: int | None = None) -> list[Token] | None:
    """Tokens of kinds COMMAND, CHARACTER, TEXT, BEGIN, END and ROW; None beyond `limit` of them.

    The contents of `\\text{…}` are one token, but `$…$` inside it is mathematics again.
    """
    closing = closing_braces(latex)
    tokens: list[Token] = []
    at, spaced = 0, False

    def braced(position: int) -> tuple[str, int, int] | None:
        position = _skip_blanks(latex, position)
        end = closing.get(position)
        return None if end is None else (latex[position + 1 : end], position + 1, end + 1)

    while at < len(latex):
        if limit is not None and len(tokens) > limit:
            return None
        match = _LEXEME.match(latex, at)
        assert match is not None  # the last alternative takes any character
        start, at = at, match.end()
        lexeme = match[0]
        if match.lastgroup == "skip":
            spaced = True
            continue
        kind = Kind.CHARACTER
        if match.lastgroup == "row":
            kind, lexeme = Kind.ROW, r"\\"
        elif match.lastgroup == "command":
            kind = Kind.COMMAND
            if lexeme in _STARRED_COMMANDS and (star := _STARRED.match(latex, at)):
                at = star.end()
            if lexeme in IGNORED_WITH_ARGUMENT and (argument := braced(at)):
                at = argument[2]
                continue
            if lexeme in {r"\begin", r"\end"} and (argument := braced(at)):
                kind = Kind.BEGIN if lexeme == r"\begin" else Kind.END
                lexeme, at = argument[0].strip().rstrip("*"), argument[2]
                if kind is Kind.BEGIN:
                    if at < len(latex) and latex[at] == "[" and 0 < latex.find("]", at) <= at + 4:
                        at = latex.find("]", at) + 1
                    if lexeme in TAKES_ARGUMENT and (argument := braced(at)):
                        at = argument[2]
            elif lexeme in {r"\intertext", r"\shortintertext"} and (argument := braced(at)):
                kind, lexeme, at = Kind.ROW, r"\\", argument[2]
            elif lexeme in TEXTS and (argument := braced(at)):
                content, inside, at = argument
                tokens.extend(_text(content, offset + inside, offset + start, offset + at, spaced))
                spaced = False
                continue
        tokens.append(Token(kind, lexeme, offset + start, offset + at, spaced))
        spaced = False
    return tokens


def _text(content: str, inside: int, start: int, end: int, spaced: bool) -> list[Token]:
    pieces = content.split("$")
    if len(pieces) % 2 == 0 or len(pieces) == 1:
        return [Token(Kind.TEXT, content, start, end, spaced)]
    tokens: list[Token] = []
    at = inside
    for number, piece in enumerate(pieces):
        if number % 2:
            # Between dollars no brace of the surrounding text closes, so this goes one level deep.
            tokens.extend(scan(piece, at) or ())
        elif piece.strip():
            tokens.append(Token(Kind.TEXT, piece, at, at + len(piece), spaced))
        at += len(piece) + 1
    return tokens
