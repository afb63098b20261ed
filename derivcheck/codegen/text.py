"""Pieces of Python text with their precedence, and the layout of lines that grow too long.

Layout follows `ruff format` at 100 columns, so that generated modules are left as they are by it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

WIDTH = 100
INDENT = "    "

COMPARISON, CONJUNCTION, SUM, PRODUCT, UNARY, POWER, ATOM = range(1, 8)
"""Precedence levels of Python, loosest first."""

_HUGGED = re.compile(r"-?[A-Za-z_][\w.]*|[\d.]+")


@dataclass(frozen=True)
class Code:
    """An expression's text; `call` has the head and arguments where it is one call, and `tail` what
    stands behind that; `terms` has the signed terms of a sum."""

    text: str
    level: int = ATOM
    call: tuple[str, tuple[str, ...]] | None = None
    terms: tuple[str, ...] = ()
    tail: str = ""

    def followed(self, tail: str) -> Code:
        """This, which must be an atom, with a subscript or a method's call behind it."""
        return replace(self, text=f"{self.text}{tail}", tail=f"{self.tail}{tail}", terms=())

    def at(self, level: int) -> str:
        """The text, in brackets if it binds more loosely than `level`."""
        return self.text if self.level >= level else f"({self.text})"


def call(head: str, *arguments: str) -> Code:
    return Code(f"{head}({', '.join(arguments)})", ATOM, (head, arguments))


def tuple_text(items: Sequence[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def raised(base: Code, exponent: Code) -> Code:
    """base ** exponent, without spaces between simple operands."""
    left, right = base.at(ATOM), exponent.at(UNARY)
    hugged = _HUGGED.fullmatch(left) and _HUGGED.fullmatch(right)
    return Code(f"{left}**{right}" if hugged else f"{left} ** {right}", POWER)


def fits(line: str) -> bool:
    return len(line) <= WIDTH


def assignment(target: str, code: Code, operator: str = "=") -> list[str]:
    """`target = code` in a function's body; too long a line is broken at arguments or terms.

    With another operator `target += code`, and `code` alone where it is empty.
    """
    left = f"{INDENT}{target} {operator} " if operator else INDENT
    line = f"{left}{code.text}"
    if fits(line):
        return [line]
    if len(code.terms) > 2:
        whole = INDENT * 2 + code.text
        lines = [whole] if fits(whole) else [f"{INDENT * 2}{term}" for term in code.terms]
        return [f"{left}(", *lines, f"{INDENT})"]
    if code.call is None:
        links = _links(code.text)
        if len(links) < _CHAIN:
            return [line]
        return [f"{left}(", *(f"{INDENT * 2}{link}" for link in links), f"{INDENT})"]
    head, arguments = code.call
    inside = INDENT * 2 + ", ".join(arguments)
    if fits(inside):
        return [f"{left}{head}(", inside, f"{INDENT}){code.tail}"]
    broken = [line for argument in arguments for line in _argument(argument)]
    return [f"{left}{head}(", *broken, f"{INDENT}){code.tail}"]


_CHAIN = 3
"""Calls of methods, one upon the other, from which on each has a line of its own."""


def _links(text: str) -> list[str]:
    """`f(x).copy().reshape(n)` at the dots behind brackets; one link where it is no such chain."""
    depth, starts = 0, [0]
    for place, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and letter == " ":
            return [text]
        if depth == 0 and letter == "." and text[place - 1 : place] in (")", "]"):
            starts.append(place)
    return [text[a:b] for a, b in pairwise((*starts, len(text)))]


def _argument(text: str) -> list[str]:
    """An argument on a line of its own; a tuple or a call that is too long is broken once more."""
    line = f"{INDENT * 2}{text},"
    opening = text.find("(")
    if fits(line) or opening < 0 or not text.endswith(")"):
        return [line]
    inside = text[opening + 1 : -1]
    depth, start, items = 0, 0, list[str]()
    for place, character in enumerate(inside):
        depth += (character in "([") - (character in ")]")
        if depth < 0:  # the last bracket does not close the first
            return [line]
        if character == "," and not depth:
            items.append(inside[start:place].strip())
            start = place + 1
    items.append(inside[start:].strip())
    is_call = opening > 0 and text[opening - 1] != "="
    together = f"{INDENT * 3}{', '.join(items)}"
    if is_call and fits(together):
        body = [together]
    else:
        body = [f"{INDENT * 3}{item}," for item in items if item]
    return [f"{INDENT * 2}{text[: opening + 1]}", *body, f"{INDENT * 2}),"]


def collected(target: str, items: Sequence[str]) -> list[str]:
    """`target = (items)`, one item a line where that is too long."""
    line = f"{INDENT}{target} = {tuple_text(items) if items else '()'}"
    if fits(line):
        return [line]
    return [f"{INDENT}{target} = (", *(f"{INDENT * 2}{item}," for item in items), f"{INDENT})"]


def unpacked(items: Sequence[str], source: str) -> list[str]:
    """`items = source`, with the items in brackets where there is one or where they need lines."""
    if not items:
        return []
    names = f"({items[0]},)" if len(items) == 1 else ", ".join(items)
    line = f"{INDENT}{names} = {source}"
    if fits(line):
        return [line]
    return [f"{INDENT}(", *(f"{INDENT * 2}{item}," for item in items), f"{INDENT}) = {source}"]


def signature(name: str, positional: Sequence[str], keywords: Sequence[str] = ()) -> list[str]:
    arguments = [*positional, *(["*", *keywords] if keywords else [])]
    line = f"def {name}({', '.join(arguments)}):"
    if fits(line):
        return [line]
    inside = INDENT + ", ".join(arguments)
    if fits(inside):
        return [f"def {name}(", inside, "):"]
    return [f"def {name}(", *(f"{INDENT}{argument}," for argument in arguments), "):"]


def docstring(paragraphs: Iterable[str], indent: str = INDENT) -> list[str]:
    """A docstring of wrapped paragraphs; backslashes and quotes of a document cannot end it."""
    lines: list[str] = []
    for paragraph in paragraphs:
        safe = plain(paragraph)
        if lines:
            lines.append("")
        width = WIDTH - len(indent) - (0 if lines else 6)
        hanging = "" if not safe.startswith("- ") else "  "
        lines.extend(textwrap.wrap(safe, width, break_long_words=True, subsequent_indent=hanging))
    if not lines:
        return []
    if len(lines) == 1:
        return [f'{indent}"""{lines[0]}"""']
    body = [f"{indent}{line}" if line else "" for line in lines[1:]]
    return [f'{indent}"""{lines[0]}', *body, f'{indent}"""']


def plain(text: str) -> str:
    """One line of printable text without backslashes and double quotes."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(kept.replace("\\", "").replace('"', "'").split())
