r"""What follows a command: `\frac`, `\sqrt`, accents, named functions, `\sum`, `cases`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from derivcheck import syntax
from derivcheck.latex import binders, derivatives, names
from derivcheck.latex.cursor import Fault
from derivcheck.latex.expressions import Construct, Reader
from derivcheck.latex.tokens import Kind, Token
from derivcheck.latex.vocabulary import ACCENTS, DISPLAYS, FUNCTIONS, MATRICES

_OTHERWISE = frozenset({"otherwise", "else", "otherwise.", "else.", "sonst"})
_IF = frozenset({"if", "for", "when", "where", "if:", "for all"})


def _root(reader: Reader, command: Token) -> syntax.Node:
    first = reader.position - 1
    degree = None
    token = reader.peek()
    if token is not None and token.text == "[":
        closer = reader.closer(reader.position)
        degree = reader.content(reader.position + 1, closer)
        reader.position = closer + 1
    radicand = reader.expression(*reader.argument(command))
    return syntax.Root(radicand, degree, reader.span(first))


def _accent(reader: Reader, command: Token) -> syntax.Node:
    r"""`\hat{X}_i` and `\hat{X_i}` are both the symbol `\hat{X}` with the subscript i."""
    first = reader.position - 1
    body = reader.expression(*reader.argument(command))
    scripts = body if isinstance(body, syntax.Scripted) else None
    base = scripts.base if scripts is not None else body
    if isinstance(base, syntax.Numeral):
        base = syntax.Symbol(base.text, base.span)
    if not isinstance(base, syntax.Symbol):
        raise Fault(
            f"{command.text} over more than one symbol",
            reader.span(first),
            "give it a name of its own",
        )
    name = f"{ACCENTS[command.text]}{{{base.name}}}"
    symbol = syntax.Symbol(name, reader.span(first), base.bold, base.word)
    if scripts is None:
        return symbol
    return syntax.Scripted(
        symbol, scripts.subscript, scripts.superscript, scripts.primes, reader.span(first)
    )


def _function(reader: Reader, command: Token) -> syntax.Node:
    first = reader.position - 1
    name = command.text[1:]
    if name in {"max", "min"}:
        token = reader.peek()
        if token is not None and token.text == "_":
            return binders.big_operator(reader, command)
    return names.call(reader, name, first)


def _environment(reader: Reader, begin: Token) -> syntax.Node:
    first = reader.position
    name = begin.text
    closer = reader.found.get(first)
    if closer is None or closer >= reader.end:
        raise Fault("unclosed environment", begin.span, rf"write \end{{{name}}}")
    reader.position = closer + 1
    if name in {"cases", "dcases", "rcases"}:
        return _cases(reader, first, closer)
    if name in MATRICES:
        raise Fault("matrix", reader.span(first), "write its entries in index notation")
    if name in DISPLAYS:
        raise Fault(f"{name} inside brackets", begin.span, "put the brackets inside the rows")
    raise Fault(f"environment {name}", begin.span)


def _cases(reader: Reader, first: int, closer: int) -> syntax.Node:
    rows: list[tuple[syntax.Node, syntax.Node | None]] = []
    for start, stop in reader.parts(first + 1, closer, lambda token: token.kind is Kind.ROW):
        if start == stop:
            continue
        cells = reader.parts(start, stop, lambda token: token.kind is Kind.ALIGN)
        if len(cells) == 1:
            cells = _split_at_words(reader, start, stop)
        if len(cells) == 3 and _is_word(reader, *cells[1]):
            cells.pop(1)
        if len(cells) > 2:
            raise Fault("row of cases with more than two cells", reader.span(start, stop))
        value = reader.content(cells[0][0], _unpunctuated(reader, *cells[0]))
        condition = _condition(reader, *cells[1]) if len(cells) == 2 else None
        rows.append((value, condition))
    if not rows:
        raise Fault("empty cases", reader.span(first))
    return syntax.Cases(tuple(rows), reader.span(first))


def _split_at_words(reader: Reader, start: int, stop: int) -> list[tuple[int, int]]:
    for at in range(start, stop):
        if reader.tokens[at].kind is Kind.TEXT:
            words = reader.tokens[at].text.strip().lower()
            if words in _IF or words in _OTHERWISE:
                return [(start, at), (at, stop)]
    return [(start, stop)]


def _is_word(reader: Reader, start: int, stop: int) -> bool:
    """Whether a cell holds nothing but `if`."""
    return stop == start + 1 and reader.tokens[start].text.strip().lower() in _IF


def _unpunctuated(reader: Reader, start: int, stop: int) -> int:
    while stop > start and (
        reader.tokens[stop - 1].kind in {Kind.COMMA, Kind.BREAK}
        or reader.tokens[stop - 1].text == "."
    ):
        stop -= 1
    return stop


def _condition(reader: Reader, start: int, stop: int) -> syntax.Node | None:
    stop = _unpunctuated(reader, start, stop)
    if start < stop and reader.tokens[start].kind in {Kind.TEXT, Kind.WORD}:
        words = reader.tokens[start].text.strip().lower()
        if words in _OTHERWISE and stop == start + 1:
            return None
        if words in _IF:
            start += 1
    if start >= stop:
        return None if start > stop else _missing(reader, start)
    condition = reader.content(start, stop)
    parts = condition.items if isinstance(condition, syntax.Sequence) else (condition,)
    for part in parts:
        if not isinstance(part, syntax.Chain):
            raise Fault("condition in words", part.span, r"write a relation, or \text{otherwise}")
    return condition


def _missing(reader: Reader, at: int) -> None:
    raise Fault("case without a condition", reader.span(at, at + 1), r"write \text{otherwise}")


def _substack(reader: Reader, command: Token) -> syntax.Node:
    raise Fault(command.text, command.span, "only below a sum")


_REFUSED = {
    r"\ldots": ("ellipsis", "write a sum with bounds"),
    r"\int": ("integral", "derivcheck knows sums only"),
    r"\iint": ("integral", "derivcheck knows sums only"),
    r"\oint": ("integral", "derivcheck knows sums only"),
    r"\lim": ("limit", "state the value"),
    r"\sup": (r"\sup", r"write \max over an index"),
    r"\inf": (r"\inf", r"write \min over an index"),
    r"\arg": (r"\arg", "derivcheck has no notation for the index itself"),
    r"\cancel": (r"\cancel", "leave the cancelled factor out"),
    r"\oplus": (r"\oplus", "write + or name the operation in index notation"),
    r"\bmod": ("remainder", "write the index as an affine expression"),
    r"\mod": ("remainder", "write the index as an affine expression"),
    r"\pmod": ("remainder", "write the index as an affine expression"),
    r"\binom": ("binomial coefficient", ""),
    r"\mid": ("conditional bar", ""),
    r"\forall": (r"\forall", "leave the quantifier out: free indices are general"),
    r"\exists": (r"\exists", ""),
    r"\lor": ("or", "write cases"),
    r"\vee": ("or", "write cases"),
    r"\neg": ("negation", "write the opposite relation"),
    r"\partial": (r"\partial outside a derivative", r"write \frac{\partial …}{\partial …}"),
}


def _refuse(_: Reader, command: Token) -> syntax.Node:
    construct, help = _REFUSED[command.text]
    raise Fault(construct, command.span, help)


def _partial(reader: Reader, command: Token) -> syntax.Node:
    return derivatives.inline(reader, command) or _refuse(reader, command)


_TABLE: dict[str | Kind, Construct] = {
    **dict.fromkeys(_REFUSED, _refuse),
    **dict.fromkeys(ACCENTS, _accent),
    **{"\\" + name: _function for name in FUNCTIONS},
    r"\sum": binders.big_operator,
    r"\prod": binders.big_operator,
    r"\underset": binders.underset,
    r"\frac": derivatives.fraction,
    r"\over": derivatives.over,
    r"\partial": _partial,
    r"\nabla": derivatives.nabla,
    r"\sqrt": _root,
    Kind.BEGIN: _environment,
    Kind.LETTER: names.letter,
    Kind.DIGIT: names.digits,
    Kind.CHARACTER: names.digits,
    Kind.WORD: names.word,
    Kind.TEXT: names.word,
    r"\substack": _substack,
    "d": derivatives.differential,
}
CONSTRUCTS: Mapping[str | Kind, Construct] = MappingProxyType(_TABLE)
