"""Letters and words: symbols, indicators, and calls of named functions."""

from __future__ import annotations

from derivcheck import syntax
from derivcheck.latex.cursor import BRACKETS, Fault
from derivcheck.latex.expressions import Reader
from derivcheck.latex.numerals import numeral
from derivcheck.latex.tokens import Kind, Token
from derivcheck.latex.vocabulary import ACCENTS, FUNCTIONS, PLAIN_CALLS

_ONES = frozenset({r"\mathbb{1}", r"\mathbb{I}", "1", "I"})

_BY_INITIAL = {
    initial: [name for name in PLAIN_CALLS if name[0] == initial]
    for initial in sorted({name[0] for name in PLAIN_CALLS})
}


def digits(reader: Reader, _: Token) -> syntax.Node:
    return _one(reader, reader.position) or numeral(reader)


def letter(reader: Reader, token: Token) -> syntax.Node:
    if (indicator := _one(reader, reader.position)) is not None:
        return indicator
    name = _plain_call(reader)
    if name is not None:
        first = reader.position
        reader.position += len(name)
        return call(reader, name, first)
    differential = reader.constructs["d"](reader, token) if token.text == "d" else None  # dL/dx
    if differential is not None:
        return differential
    if token.text == "d" and (named := _differential(reader, token)) is not None:
        return named
    if token.text == r"\Sigma" and _bounded(reader):
        reader.position += 1
        return reader.construct(r"\sum", token)
    if token.text == r"\Pi" and _bounded(reader):
        reader.position += 1
        return reader.construct(r"\prod", token)
    reader.position += 1
    return syntax.Symbol(token.text, token.span, bold=token.bold)


def _differential(reader: Reader, token: Token) -> syntax.Node | None:
    r"""`dW` and `d\hat{x}` where the document calls a gradient so."""
    first = reader.position
    after = reader.tokens[first + 1] if first + 1 < reader.end else None
    if not reader.usage.differentials or after is None or after.spaced:
        return None
    if after.kind is not Kind.LETTER and after.text not in ACCENTS:
        return None
    reader.position += 1
    node = reader.atom(after)
    if isinstance(node, syntax.Symbol) and f"d{node.name}" in reader.usage.differentials:
        return syntax.Symbol(f"d{node.name}", token.span | node.span, bold=node.bold)
    reader.position = first
    return None


def _bounded(reader: Reader) -> bool:
    r"""Whether a subscript with a relation follows, as in `\Sigma_{i=1}^{N}`."""
    at = reader.position + 1
    return (
        at + 1 < reader.end
        and reader.tokens[at].text == "_"
        and reader.tokens[at + 1].kind is Kind.BRACE_OPEN
        and at + 1 in reader.found
        and reader.relates(at + 2, reader.found[at + 1])
    )


def _plain_call(reader: Reader) -> str | None:
    """`log(`, `tanh(` in plain letters that stand together, directly before a bracket."""
    tokens, start = reader.tokens, reader.position
    for name in _BY_INITIAL.get(tokens[start].text, ()):
        stop = start + len(name)
        if (
            stop < reader.end
            and tokens[stop].kind in BRACKETS
            and not tokens[stop].spaced
            and "".join(t.text for t in tokens[start:stop]) == name
            and not any(t.spaced for t in tokens[start + 1 : stop])
        ):
            return name
    return None


def _one(reader: Reader, first: int) -> syntax.Node | None:
    r"""An indicator: `1`, `\mathbb{1}`, `I` with a relation in its subscript or bracket.

    A plain 1 before a space, `= 1 \quad (x > 0)`, is a number, and what follows a condition.
    """
    token = reader.tokens[first]
    if token.text not in _ONES or first + 1 >= reader.end:
        return None
    at = first + 1
    if (
        reader.tokens[at].text == "_"
        and at + 1 in reader.found
        and reader.relates(at + 2, reader.found[at + 1])
    ):
        last = reader.found[at + 1]
        reader.position = last + 1
        return syntax.Indicator(reader.content(at + 2, last), reader.span(first, last + 1))
    if (
        reader.tokens[at].kind in BRACKETS
        and (token.kind is Kind.LETTER or reader.tokens[at].start <= token.end + 1)
        and reader.found.get(at, reader.end) < reader.end
        and reader.relates(at + 1, reader.found[at])
    ):
        last = reader.found[at]
        reader.position = last + 1
        return syntax.Indicator(reader.content(at + 1, last), reader.span(first, last + 1))
    if token.kind is Kind.LETTER and token.text == "1":
        reader.position += 1
        return syntax.Symbol("1", token.span, bold=token.bold)
    return None


def word(reader: Reader, token: Token) -> syntax.Node:
    """A name of several letters: a call before a bracket, a symbol otherwise."""
    first = reader.position
    name = " ".join(token.text.split())
    if name.startswith("arg") and name[3:] in {"max", "min", ""}:
        raise Fault(r"\arg", token.span, "derivcheck has no notation for the index itreader")
    reader.position += 1
    if len(name) > 1 and name.isalnum():
        ahead = reader.position
        while ahead < reader.end and reader.tokens[ahead].kind in {Kind.SCRIPT, Kind.PRIME}:
            ahead += 1
            if ahead < reader.end and reader.tokens[ahead - 1].kind is Kind.SCRIPT:
                ahead = reader.found.get(ahead, ahead) + 1
        if reader.bracket_follows(ahead) or name in FUNCTIONS:
            return call(reader, name, first)
    return syntax.Symbol(name, token.span, bold=token.bold, word=len(name) > 1)


def call(reader: Reader, name: str, first: int) -> syntax.Node:
    """The argument of a function whose name has just been read."""
    subscript, superscript, primes = reader.scripts()
    token = reader.peek()
    if primes or token is None or not (reader.begins_factor(token) or token.kind is Kind.SIGN):
        if not primes and (token is not None or first > reader.start):
            raise Fault(f"{name} without an argument", reader.span(first), "write its argument")
        base = syntax.Symbol(name, reader.span(first, first + 1), word=True)
        if subscript is None and superscript is None and not primes:
            return base
        return syntax.Scripted(base, subscript, superscript, primes, reader.span(first))
    opener = reader.position
    if token.kind is Kind.BRACE_OPEN:
        closer = reader.closer(opener)
        inner = opener + 1
        if reader.bracket_follows(inner) and reader.found[inner] == closer - 1:
            opener, token = inner, reader.tokens[inner]
        else:
            reader.position = closer + 1
            argument = reader.content(inner, closer)
            return syntax.Call(name, (argument,), subscript, superscript, False, reader.span(first))
        reader.position = closer + 1
    elif token.kind in BRACKETS:
        reader.position = reader.closer(opener) + 1
    if token.kind in BRACKETS and token.text in {"(", "[", r"\{"}:
        arguments = tuple(reader.items(opener + 1, reader.closer(opener)))
        return syntax.Call(name, arguments, subscript, superscript, True, reader.span(first))
    reader.position = opener
    argument = reader.signed(lambda: reader.product(argument=True))
    return syntax.Call(name, (argument,), subscript, superscript, False, reader.span(first))
