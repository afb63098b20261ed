r"""Macros that a document defines: `\newcommand`, `\renewcommand`, `\def`, `\DeclareMathOperator`.

Expansion is bounded in number and in length; every token of an expansion carries the place of the
call.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from derivcheck.latex.tokens import Kind, Token, scan

MOST_EXPANSIONS = 2_000
MOST_TOKENS = 50_000

_DEFINES = re.compile(r"\\(?:newcommand|renewcommand|providecommand|def\b|Declare)")
_COMMANDS = frozenset(
    {r"\newcommand", r"\renewcommand", r"\providecommand", r"\DeclareMathOperator"}
)


@dataclass(frozen=True, slots=True)
class Macro:
    """`name` has its backslash; `body` is LaTeX with `#1`…; `default` is that of an optional
    `#1`."""

    name: str
    parameters: int
    body: str
    default: str | None = None


class MacroOverflow(Exception):
    """Expansion went past its bounds (a macro that calls itself, most likely)."""

    def __init__(self, name: str, start: int, end: int) -> None:
        super().__init__(name)
        self.name, self.start, self.end = name, start, end


def collect_macros(pieces: Iterable[str]) -> dict[str, Macro]:
    """The macros that pieces of mathematics define, in reading order; the last definition
    stands."""
    macros: dict[str, Macro] = {}
    for piece in pieces:
        if not _DEFINES.search(piece):
            continue
        pending = deque(scan(piece, limit=MOST_TOKENS) or ())
        while pending:
            token = pending.popleft()
            if is_definition(token):
                _define(token, pending, macros)
    return macros


def is_definition(token: Token) -> bool:
    return token.kind is Kind.COMMAND and (token.text in _COMMANDS or token.text == r"\def")


def expand(tokens: list[Token], macros: Mapping[str, Macro]) -> list[Token]:
    """The tokens with definitions removed (they hold from here on) and calls replaced.

    Raises MacroOverflow beyond the bounds.
    """
    if not macros and not any(map(is_definition, tokens)):
        return tokens
    known = dict(macros)
    pending, out, calls = deque(tokens), list[Token](), 0
    while pending:
        token = pending.popleft()
        if token.kind is not Kind.COMMAND:
            out.append(token)
        elif is_definition(token):
            _define(token, pending, known)
        elif token.text in known:
            calls += 1
            # Checked before the arguments are copied, so that a bomb cannot double once more.
            if calls > MOST_EXPANSIONS or len(out) + len(pending) > MOST_TOKENS:
                raise MacroOverflow(token.text, token.start, token.end)
            replacement = _call(known[token.text], token, pending)
            pending.extendleft(reversed(replacement))
        else:
            out.append(token)
    return out


def _argument(pending: deque[Token]) -> tuple[list[Token], int]:
    """One undelimited argument (a braced group without its braces, or a single token) and its
    end."""
    if not pending:
        return [], 0
    first = pending.popleft()
    if first.text != "{" or first.kind is not Kind.CHARACTER:
        return [first], first.end
    inside: list[Token] = []
    depth, end = 1, first.end
    while pending:
        token = pending.popleft()
        end = token.end
        if token.kind is Kind.CHARACTER:
            depth += (token.text == "{") - (token.text == "}")
            if depth == 0:
                break
        inside.append(token)
    return inside, end


def _optional(pending: deque[Token]) -> list[Token] | None:
    if not pending or pending[0].text != "[":
        return None
    pending.popleft()
    inside: list[Token] = []
    while pending:
        token = pending.popleft()
        if token.text == "]":
            break
        inside.append(token)
    return inside


def _source(tokens: list[Token]) -> str:
    parts: list[str] = []
    previous = ""
    for token in tokens:
        part = token.text
        if token.kind is Kind.TEXT:
            part = rf"\text{{{part}}}"
        elif token.kind in {Kind.BEGIN, Kind.END}:
            part = rf"\{token.kind.name.lower()}{{{part}}}"
        # A blank keeps a command's name from running into a letter that follows.
        runs_on = part[:1].isalpha() and previous[:1] == "\\" and previous[-1:].isalpha()
        parts.append((" " if token.spaced or runs_on else "") + part)
        previous = part
    return "".join(parts)


def _define(command: Token, pending: deque[Token], macros: MutableMapping[str, Macro]) -> None:
    if command.text == r"\def":
        if not pending:
            return
        name, parameters = pending.popleft().text, 0
        while pending and pending[0].text != "{":
            parameters += pending.popleft().text == "#"
        default = None
    else:
        name = _source(_argument(pending)[0]).strip()
        count = _optional(pending)
        digits = _source(count or []).strip()
        parameters = int(digits) if digits in set("123456789") else 0
        optional = _optional(pending) if count is not None else None
        default = None if optional is None else _source(optional)
    body = _source(_argument(pending)[0])
    if command.text == r"\DeclareMathOperator":
        body = r"\operatorname{" + body.strip() + "}"
    if name.startswith("\\"):
        macros[name] = Macro(name, parameters, body, default)


def _call(macro: Macro, call: Token, pending: deque[Token]) -> list[Token]:
    end = call.end
    arguments: list[list[Token]] = []
    for number in range(macro.parameters):
        if number == 0 and macro.default is not None:
            given = _optional(pending)
            arguments.append(scan(macro.default) or [] if given is None else given)
        else:
            argument, reach = _argument(pending)
            arguments.append(argument)
            end = max(end, reach)
    out: list[Token] = []
    body = scan(macro.body, limit=MOST_TOKENS) or []
    at = 0
    while at < len(body):
        token = body[at]
        at += 1
        if token.text == "#" and at < len(body) and body[at].text in set("123456789"):
            number = int(body[at].text)
            at += 1
            replacement = arguments[number - 1] if number <= len(arguments) else []
        else:
            replacement = [token]
        if len(out) + len(replacement) > MOST_TOKENS:
            raise MacroOverflow(macro.name, call.start, call.end)
        out.extend(part._replace(start=call.start, end=end) for part in replacement)
    return out
