"""A place in a list of tokens with its brackets paired, and the faults met there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager

from derivcheck.latex.tokens import Kind, Token
from derivcheck.source import Span

# Each level costs up to thirteen frames of Python's own stack, which ends at a thousand.
DEEPEST = 50

BRACKETS = frozenset({Kind.OPEN, Kind.LEFT})
CLOSING = frozenset({Kind.CLOSE, Kind.RIGHT, Kind.BRACE_CLOSE, Kind.END})
_NAMES = {"!": "factorial", "%": "percent", r"\%": "percent", ".": "full stop", "&": "column"}


class Fault(Exception):
    """Something that this reader does not understand, and where."""

    def __init__(self, construct: str, span: Span, help: str = "") -> None:
        super().__init__(construct)
        self.construct, self.span, self.help = construct, span, help


class Cursor:
    """Reads from `start` up to `end`, being at `position`; `found` is where each bracket closes."""

    def __init__(self, tokens: Sequence[Token], found: Mapping[int, int]) -> None:
        self.tokens = tokens
        self.found = found
        self.start: int = 0
        self.position: int = 0
        self.end: int = len(tokens)
        self.depth: int = 0
        # The plain bar that is open, if any: the next one like it closes it.
        self.bar: str | None = None

    def peek(self) -> Token | None:
        return self.tokens[self.position] if self.position < self.end else None

    def kind(self) -> Kind | None:
        return self.tokens[self.position].kind if self.position < self.end else None

    def span(self, first: int, last: int | None = None) -> Span:
        """The place of the tokens from index `first` up to `last`, by default those read so far."""
        last = self.position if last is None else last
        if last <= first:
            at = self.tokens[min(first, len(self.tokens) - 1)]
            return Span(at.start, at.end) if first < len(self.tokens) else Span(at.end, at.end)
        return Span(
            self.tokens[first].start, max(self.tokens[last - 1].end, self.tokens[first].end)
        )

    @contextmanager
    def within(self, first: int, last: int) -> Generator[None]:
        """Read the tokens of a range, then go on where reading was."""
        saved = (self.start, self.position, self.end, self.bar)
        self.start, self.position, self.end, self.bar = first, first, last, None
        yield
        self.start, self.position, self.end, self.bar = saved

    @contextmanager
    def deeper(self) -> Generator[None]:
        """One level of nesting; the deepest allowed is a fault at the place where it begins."""
        self.depth += 1
        if self.depth > DEEPEST:
            place = self.span(self.position, self.position + 1)
            raise Fault("too deeply nested", place, "give parts names of their own")
        yield
        self.depth -= 1

    def parts(
        self, first: int, last: int, separates: Callable[[Token], bool]
    ) -> list[tuple[int, int]]:
        """The ranges between separators that stand outside all brackets."""
        ranges: list[tuple[int, int]] = []
        start = at = first
        while at < last:
            if separates(self.tokens[at]):
                ranges.append((start, at))
                start = at + 1
            at = self.found.get(at, at) + 1
        ranges.append((start, last))
        return ranges

    def relates(self, first: int, last: int) -> bool:
        return len(self.parts(first, last, lambda token: token.kind is Kind.RELATION)) > 1

    def closer(self, opener: int) -> int:
        """The index of the token that closes the bracket at `opener`."""
        closer = self.found.get(opener)
        if closer is None or closer >= self.end:
            raise self.unexpected(self.tokens[opener])
        return closer

    def bracket_follows(self, at: int) -> bool:
        """Whether the token at an index opens round, square or curly brackets that close."""
        return at < self.end and self.tokens[at].kind in BRACKETS and at in self.found

    def unexpected(self, token: Token) -> Fault:
        if token.kind in CLOSING:
            name = "unmatched brace" if token.kind is Kind.BRACE_CLOSE else "unmatched bracket"
            return Fault(name, token.span, "open it first, or leave it out")
        if token.kind in BRACKETS | {Kind.BAR}:
            return Fault("unclosed bracket", token.span, "close it in the same line")
        if token.kind is Kind.BRACE_OPEN:
            return Fault("unclosed brace", token.span, "close the brace")
        if token.kind is Kind.OPERATOR or token.kind is Kind.SIGN:
            return Fault("dangling operator", token.span, "write both of its operands")
        if token.kind is Kind.ROW:
            return Fault("line break inside brackets", token.span, "close the brackets before \\\\")
        if token.kind is Kind.COMMA:
            return Fault("comma", token.span, "separate statements by \\quad or by lines")
        if not token.text.isprintable():
            return Fault(f"the character U+{ord(token.text[0]):04X}", token.span, "leave it out")
        return Fault(_NAMES.get(token.text, token.text), token.span)
