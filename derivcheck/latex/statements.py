r"""Lines to statements: cut at `\Rightarrow`, `;`, wide spaces, commas and connecting words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto

from derivcheck.latex.brackets import pairs
from derivcheck.latex.rows import COLUMN, Line, first_relation, first_words, is_condition
from derivcheck.latex.tokens import Kind, Token
from derivcheck.latex.vocabulary import CONNECTIVES
from derivcheck.source import Span

_JOINS = {Kind.RELATION, Kind.SIGN, Kind.OPERATOR}
_LEADS = re.compile(
    r"[\s(]*(?:if|when|whenever|unless|provided(?:\s+that)?|as\s+long\s+as|for(?:\s+(?:all|every|each|any))?)\s*",
    re.IGNORECASE,
)
_QUANTIFIERS = frozenset({r"\forall", r"\exists"})


@dataclass
class Clause:
    """Tokens of one statement; a condition in words makes its relations no claims.

    `words` are those that make it the condition of the statement before it.
    """

    tokens: list[Token]
    barriers: set[int]
    condition: Span | None
    relates: bool
    words: str = ""


class _Cut(IntEnum):
    """What stands before a fragment; the strongest of several neighbours counts."""

    COMMA = auto()
    SPACE = auto()
    COLUMN = auto()
    CONDITION = auto()
    STATEMENT = auto()


@dataclass
class _Fragment:
    cut: _Cut
    tokens: list[Token]
    comma: Token | None
    # The words or the quantifier that make this a condition on what stands before it; or the words
    # that stand in the middle of a side.
    heading: Token | None = None
    barriers: set[int] = field(default_factory=set[int])
    # Its first relation outside brackets, and that of the list of fragments it begins.
    sign: str | None = None
    upcoming: str | None = None


def clauses(line: Line) -> list[Clause]:
    """The statements of a line in order, each with at least one token."""
    done: list[Clause] = []
    current: Clause | None = None
    leading: Span | None = None
    conditional = False
    fragments = _fragments(line)
    for number, fragment in enumerate(fragments):
        tokens = fragment.tokens
        if fragment.cut is _Cut.STATEMENT:
            current, conditional = None, False
        elif fragment.cut is _Cut.CONDITION:
            heading = fragment.heading
            assert heading is not None
            conditional = True
            listed = [tokens]
            for after in fragments[number + 1 :]:
                if after.cut is not _Cut.COMMA:
                    break
                listed.append(after.tokens)
            if _restricts(heading, [token for part in listed for token in part]):
                span = heading.span | (tokens[-1].span if tokens else heading.span)
                if current is None:
                    leading, conditional = span, False
                elif len(listed) == 1 and fragment.sign and (words := _leading_words(heading)):
                    current = Clause(list(tokens), fragment.barriers, None, True, words)
                    conditional = False
                    done.append(current)
                else:
                    current.condition = span
            elif current is None:
                conditional = False
            continue
        if not tokens:
            continue
        if conditional and fragment.cut is _Cut.COMMA:
            # `for i = 1, …, N` goes on; `a = b if x > 0, c = d` may be meant under the condition.
            if fragment.sign:
                restriction = current.condition if current else None
                current = Clause(list(tokens), fragment.barriers, restriction or leading, True)
                done.append(current)
            continue
        if current is not None and current.relates and _interrupts(fragment):
            # `a = b \\text{ times } c`: a = b alone is not what is claimed.
            current.condition = fragment.heading.span if fragment.heading else None
            continue
        if current is None or _starts(current, fragment):
            if current is not None and fragment.cut >= _Cut.SPACE and _is_label(tokens):
                continue
            current = Clause(list(tokens), fragment.barriers, leading, bool(fragment.sign))
            conditional = False
            done.append(current)
        elif not _is_label(tokens) or fragment.cut is _Cut.COMMA:
            if fragment.comma is not None:
                current.tokens.append(fragment.comma)
            shift = len(current.tokens)
            current.tokens.extend(tokens)
            current.relates = current.relates or bool(fragment.sign)
            current.barriers |= {shift + at for at in fragment.barriers}
    return [trimmed for clause in done if (trimmed := _trim(clause)).tokens]


def _interrupts(fragment: _Fragment) -> bool:
    """Whether words between two parts of one side led to this fragment."""
    return (
        fragment.heading is not None
        and fragment.sign is None
        and fragment.tokens[0].kind not in _JOINS
        and not _is_label(fragment.tokens)
    )


def _starts(current: Clause, fragment: _Fragment) -> bool:
    """Whether a fragment begins a statement of its own after `current`."""
    first, last = fragment.tokens[0], current.tokens[-1]
    if fragment.comma is None and (first.kind in _JOINS or last.kind in _JOINS):
        return False
    if not current.relates:
        return fragment.comma is not None and fragment.cut >= _Cut.SPACE
    if fragment.sign or fragment.cut is _Cut.COLUMN:
        return True
    if fragment.cut is _Cut.SPACE:
        return fragment.comma is not None
    # `a = b, i, j \in S`: the list belongs to what follows it.
    return fragment.upcoming == r"\in"


def _restricts(heading: Token, tokens: Sequence[Token]) -> bool:
    """Whether a condition takes anything away: `for all i` and `for i = 1, …, N` do not."""
    signs = {token.text for token in tokens if token.kind is Kind.RELATION}
    quantifies = heading.text in _QUANTIFIERS or first_words(heading) == ["for"]
    ranges = any(token.text == r"\ldots" for token in tokens)
    return not (quantifies and (not signs or (signs <= {"=", r"\in"} and ranges)))


def _leading_words(heading: Token) -> str:
    """The words after which a relation is a condition, “if” or “for all”; empty for others."""
    if heading.text == r"\forall":
        return "for all"
    return " ".join(heading.text.split()) if _LEADS.fullmatch(heading.text) else ""


def _is_label(tokens: Sequence[Token]) -> bool:
    """`(1)`, `(*)`, or words alone: a number of the equation or a reason."""
    if all(token.kind is Kind.TEXT for token in tokens):
        return True
    return (
        2 < len(tokens) <= 6
        and tokens[0].kind in {Kind.OPEN, Kind.LEFT}
        and tokens[-1].kind in {Kind.CLOSE, Kind.RIGHT}
        and all(t.kind in {Kind.DIGIT, Kind.TEXT} or t.text in "*." for t in tokens[1:-1])
    )


def _trim(clause: Clause) -> Clause:
    tokens = clause.tokens
    while tokens and (
        tokens[-1].kind in {Kind.COMMA, Kind.BREAK, Kind.SPACE} or tokens[-1].text == "."
    ):
        tokens.pop()
    return clause


def _fragments(line: Line) -> list[_Fragment]:
    tokens = line.tokens
    found = pairs(tokens, line.barriers)
    fragments = [_Fragment(_Cut.STATEMENT, [], None)]
    arrows = _arrows(tokens, found)

    def cut(kind: _Cut, comma: Token | None = None, heading: Token | None = None) -> None:
        last = fragments[-1]
        if not last.tokens and last.heading is None and heading is None:
            last.cut = max(last.cut, kind)
            last.comma = last.comma or comma
        else:
            fragments.append(_Fragment(kind, [], comma, heading))

    at = 0
    while at < len(tokens):
        token = tokens[at]
        after = tokens[at + 1] if at + 1 < len(tokens) else None
        before = fragments[-1].tokens[-1] if fragments[-1].tokens else None
        if token.kind is Kind.BREAK or at in arrows:
            cut(_Cut.STATEMENT)
        elif token.kind is Kind.SPACE:
            cut(_Cut.COLUMN if token.text == COLUMN else _Cut.SPACE)
        elif token.kind is Kind.COMMA:
            cut(_Cut.COMMA, comma=token)
        elif (token.kind is Kind.COMMAND and token.text in _QUANTIFIERS) or (
            token.kind is Kind.TEXT and is_condition(token)
        ):
            cut(_Cut.CONDITION, heading=token)
        elif token.kind is Kind.TEXT and _is_connective(token):
            cut(_Cut.STATEMENT)
        elif token.kind is Kind.TEXT and _is_prose(token, before, after):
            cut(_Cut.COLUMN, heading=token if fragments[-1].tokens else None)
        else:
            end = found.get(at, at)
            shift = len(fragments[-1].tokens) - at
            fragments[-1].barriers |= {b + shift for b in line.barriers if at <= b <= end}
            fragments[-1].tokens.extend(
                part for part in tokens[at : end + 1] if part.kind is not Kind.SPACE
            )
            at = end
        at += 1
    following: _Fragment | None = None
    for fragment in reversed(fragments):
        fragment.sign = first_relation(fragment.tokens)
        if following is not None and following.cut is _Cut.COMMA:
            fragment.upcoming = following.sign or following.upcoming
        following = fragment
    return fragments


def _arrows(tokens: Sequence[Token], found: Mapping[int, int]) -> set[int]:
    r"""The `\to` that stand between two equations and say “hence”, as `\Rightarrow` does."""
    outside: list[int] = []
    at = 0
    while at < len(tokens):
        if tokens[at].kind is Kind.BREAK or tokens[at].text in ("=", r"\to"):
            outside.append(at)
        at = found.get(at, at) + 1
    arrows: set[int] = set()
    for place, at in enumerate(outside):
        around = outside[max(place - 1, 0) : place] + outside[place + 1 : place + 2]
        if tokens[at].text == r"\to" and [tokens[each].text for each in around] == ["=", "="]:
            arrows.add(at)
    return arrows


def _is_connective(token: Token) -> bool:
    words = token.text.lower().replace(",", " ").split()
    return bool(words) and words[0] in CONNECTIVES


def _is_prose(token: Token, before: Token | None, after: Token | None) -> bool:
    """Words that are not a name: several of them, or punctuated, and not where a side must be."""
    name = token.text.strip()
    if not name or name in ".,;:":
        return True
    if name.replace("-", "").replace("_", "").isalnum() and name == token.text:
        return False
    needed = before is not None and before.kind in _JOINS
    stands = after is not None and after.kind in {Kind.RELATION, Kind.SCRIPT}
    if name.replace("-", "").replace("_", "").replace(" ", "").isalnum():
        return not (needed or stands)
    return not needed
