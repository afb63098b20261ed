"""Which bracket closes which: in one pass, whatever the input, so that no later step searches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from derivcheck.latex.tokens import Kind, Token
from derivcheck.latex.vocabulary import BARS, DISPLAYS, MATRICES, PARTNER

# Braces, \left…\right and environments nest strictly; what they enclose is a scope of its own.
STRICT_OPEN = {Kind.BRACE_OPEN, Kind.LEFT, Kind.BEGIN}
_STRICT_CLOSE = {
    Kind.BRACE_CLOSE: Kind.BRACE_OPEN,
    Kind.RIGHT: Kind.LEFT,
    Kind.END: Kind.BEGIN,
}
_BRACKETING = STRICT_OPEN | set(_STRICT_CLOSE) | {Kind.OPEN, Kind.CLOSE, Kind.COMMA}
# How far down an unbalanced bracket looks for its partner before it counts as unmatched.
_REACH = 8


def pairs(tokens: Sequence[Token], barriers: Collection[int] = ()) -> dict[int, int]:
    """The index of each opener's closer; unmatched brackets are absent.

    A soft bracket never pairs across a strict one, nor, outside all strict ones, across a barrier.
    `[0, 1)` pairs where a comma stands directly inside.
    """
    found: dict[int, int] = {}
    strict: list[int] = []
    counts: Counter[Kind] = Counter()
    soft: list[list[int]] = [[]]
    with_comma: set[int] = set()
    for index, token in enumerate(tokens):
        kind = token.kind
        if index in barriers and not strict:
            soft[0].clear()
        if kind not in _BRACKETING:
            continue
        if kind in STRICT_OPEN:
            strict.append(index)
            counts[kind] += 1
            soft.append([])
        elif kind in _STRICT_CLOSE:
            wanted = _STRICT_CLOSE[kind]
            while counts[wanted]:
                opener = strict.pop()
                soft.pop()
                counts[tokens[opener].kind] -= 1
                if tokens[opener].kind is wanted:
                    found[opener] = index
                    break
        elif kind is Kind.OPEN:
            soft[-1].append(index)
        elif kind is Kind.COMMA and soft[-1]:
            with_comma.add(soft[-1][-1])
        elif kind is Kind.CLOSE and soft[-1]:
            stack = soft[-1]
            top = tokens[stack[-1]].text
            if PARTNER[top] == token.text or (
                stack[-1] in with_comma and {top, token.text} in ({"(", "]"}, {"[", ")"})
            ):
                found[stack.pop()] = index
                continue
            for depth in range(2, min(_REACH, len(stack)) + 1):
                if PARTNER[tokens[stack[-depth]].text] == token.text:
                    found[stack[-depth]] = index
                    del stack[-depth:]
                    break
    return found


def soften(tokens: list[Token]) -> list[Token]:
    r"""Rewrite `\left`…`\right` that are not a pair of brackets in one row as plain brackets.

    `\left( a \right. \\ \left. + b \right)` is one bracket over two rows, and
    `\left\{\begin{array}{ll} … \end{array}\right.` is `cases`.
    """
    if not any(token.kind in {Kind.LEFT, Kind.RIGHT} for token in tokens):
        return tokens
    found = pairs(tokens)
    broken: set[int] = set()
    enclosing: list[int] = []
    for index, token in enumerate(tokens):
        while enclosing and found[enclosing[-1]] < index:
            enclosing.pop()
        if token.kind is Kind.ROW and enclosing and tokens[enclosing[-1]].kind is Kind.LEFT:
            broken.add(enclosing[-1])
        if index in found and token.kind in STRICT_OPEN:
            enclosing.append(index)
    out: list[Token] = []
    closers = {
        closer: opener for opener, closer in found.items() if tokens[opener].kind is Kind.LEFT
    }
    systems = _systems(tokens, found)
    for index, token in enumerate(tokens):
        if index in systems:
            if systems[index]:
                out.append(token._replace(text=systems[index]))
            continue
        if token.kind is Kind.LEFT:
            opener, closer = index, found.get(index)
        elif token.kind is Kind.RIGHT:
            opener, closer = closers.get(index), index
        else:
            out.append(token)
            continue
        if (
            opener is not None
            and closer is not None
            and opener not in broken
            and (
                "." not in (tokens[opener].text, tokens[closer].text)
                or _evaluates(tokens, opener, closer)
            )
        ):
            out.append(token)
        elif token.text != ".":
            kind = Kind.OPEN if token.kind is Kind.LEFT else Kind.CLOSE
            out.append(token._replace(kind=Kind.BAR if token.text in BARS else kind))
    return out


def _evaluates(tokens: list[Token], opener: int, closer: int) -> bool:
    r"""`\left. f \right|_{x=0}` is one bracket: f at a place."""
    after = tokens[closer + 1] if closer + 1 < len(tokens) else None
    bar = (tokens[opener].text, tokens[closer].text) == (".", "|")
    return bar and after is not None and after.text == "_"


def _systems(tokens: list[Token], found: dict[int, int]) -> dict[int, str]:
    """The tokens of a left brace around rows: the environment's new name, or none for the brace."""
    systems: dict[int, str] = {}
    for opener, closer in found.items():
        inner = opener + 1
        if (
            tokens[opener].kind is Kind.LEFT
            and (tokens[opener].text, tokens[closer].text) == (r"\{", ".")
            and tokens[inner].kind is Kind.BEGIN
            and found.get(inner) == closer - 1
        ):
            name = tokens[inner].text
            if name in MATRICES:
                name = "cases"
            elif name not in DISPLAYS:
                continue
            systems |= {opener: "", inner: name, closer - 1: name, closer: ""}
    return systems
