"""Reading written names: which part of `\\sigma^2_s` is name, label, power or index."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from derivcheck import syntax
from derivcheck.source import Source, Span
from derivcheck.syntax import Node, Statement

_DECORATED = re.compile(r"\\[a-z]+\{(.*)\}$")

CONSTANTS = frozenset({"e", r"\pi"})
"""Numbers, unless the page gives the name to something of its own, as in `e_i = y_i - t_i`."""


_LEAVES = (syntax.Symbol, syntax.Numeral)


def nodes(node: Node) -> Iterator[Node]:
    """Every node of a syntax tree, parents first."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if not isinstance(current, _LEAVES):  # most are
            stack.extend(reversed(parts(current)))


def parts(node: Node) -> tuple[Node, ...]:
    """The direct children of a node, in the order written."""
    match node:
        case syntax.Scripted(base, subscript, superscript):
            found: tuple[Node | None, ...] = (base, subscript, superscript)
        case syntax.Sequence(items):
            found = items
        case syntax.Addition(terms):
            found = tuple(term for _, term in terms)
        case syntax.Multiplication(factors):
            found = factors
        case syntax.Fraction(numerator, denominator):
            found = (numerator, denominator)
        case syntax.Root(radicand, degree):
            found = (radicand, degree)
        case syntax.DerivativeOf(_, operand, variables):
            found = (operand, *(variable for variable, _ in variables))
        case syntax.BigOperator(_, letters, lower, upper, condition, body):
            found = (*letters, lower, upper, condition, body)
        case syntax.Call(_, arguments, subscript, superscript):
            found = (*arguments, subscript, superscript)
        case syntax.Group(_, _, body):
            found = (body,)
        case syntax.Cases(rows):
            found = tuple(part for row in rows for part in row)
        case syntax.Indicator(condition):
            found = (condition,)
        case syntax.Chain(sides):
            found = sides
        case _:
            found = ()
    return tuple([part for part in found if part is not None])


def label(node: Node) -> str:
    """The text of a label, without spaces: `(l)`, `[1]`, `l+1`, `in`."""
    match node:
        case syntax.Symbol(name):
            return name
        case syntax.Numeral(text):
            return text
        case syntax.Group(opening, closing, body):
            return f"{opening}{label(body)}{closing}"
        case syntax.Addition(terms):
            text = "".join(f"{sign}{label(term)}" for sign, term in terms)
            return text.removeprefix("+")
        case syntax.Multiplication(factors, operators):
            spelled = zip(("", *operators), factors, strict=True)
            return "".join(operator + label(factor) for operator, factor in spelled)
        case syntax.Sequence(items):
            return ",".join(map(label, items))
        case syntax.Scripted(base, subscript, superscript, primes):
            return (
                label(base)
                + ("'" * primes)
                + (f"_{{{label(subscript)}}}" if subscript else "")
                + (f"^{{{label(superscript)}}}" if superscript else "")
            )
        case _:
            return "?"


def superscripted(base: str, superscript: Node) -> str:
    """The canonical name with a label above: `\\sigma^2`, `W^{(l)}`, `W^{f}`."""
    text = label(superscript)
    return f"{base}^{text}" if text.isdigit() and len(text) == 1 else f"{base}^{{{text}}}"


def subscripted(base: str, subscript: Node) -> str:
    return f"{base}_{{{label(subscript)}}}"


_AROUND = 60


def around(span: Span, source: Source) -> tuple[str, str]:
    """What the page says directly before a place and behind it."""
    before = source.text[max(span.start - _AROUND, 0) : span.start]
    return before, source.text[span.end : span.end + _AROUND]


def alone_in_prose(statement: Statement) -> str | None:
    """The name of a symbol that stands alone in prose."""
    match statement:
        case Statement((syntax.Symbol(name),), ()):
            return name
        case _:
            return None


def is_transpose(node: Node) -> bool:
    return isinstance(node, syntax.Symbol) and node.name in {
        "T",
        r"\top",
        r"\intercal",
        "\\mathsf{T}",
    }


def peeled(node: syntax.Scripted) -> syntax.Scripted:
    r"""`W^{(2)\top}` as the transpose of `W^{(2)}`."""
    match node.superscript:
        case syntax.Multiplication((*first, last), (*operators, "")) if is_transpose(last):
            label = (
                first[0]
                if len(first) == 1
                else syntax.Multiplication(tuple(first), tuple(operators), node.superscript.span)
            )
            return replace(
                node,
                base=replace(node, superscript=label),
                subscript=None,
                superscript=last,
                primes=0,
            )
        case _:
            return node


def declared_name(node: Node) -> str | None:
    """The canonical name that a declaration gives to its left side."""
    match node:
        case syntax.Symbol(name):
            return name
        case syntax.Scripted(syntax.Symbol(name), subscript, superscript, primes):
            full = name if superscript is None else superscripted(name, superscript)
            full += "'" * primes
            return full if subscript is None else subscripted(full, subscript)
        case _:
            return None


def array_name(node: Node) -> str | None:
    """The canonical name of the array that an entry is of; of a bare symbol its own."""
    return declared_name(
        replace(node, subscript=None) if isinstance(node, syntax.Scripted) else node
    )


def subscript_items(node: Node | None, rank: int | None) -> tuple[Node, ...]:
    """The subscripts that a subscript node holds, for a tensor of this rank (None: not known).

    Commas separate; `ij` is two letters unless the rank says that it is one product.
    """
    match node:
        case None:
            return ()
        case syntax.Sequence(items):
            return items
        case syntax.Multiplication((syntax.Symbol(), syntax.Group("(", _, syntax.Symbol())), ("",)):
            return (node,)  # x_{\pi(i)}
        case syntax.Multiplication(factors, operators) if not any(operators):
            return factors if rank is None or rank == len(factors) else (node,)
        case syntax.Numeral(text, span) if rank == len(text) > 1 and text.isdigit():
            return tuple(syntax.Numeral(digit, span) for digit in text)  # A_{11}
        case syntax.Symbol(name, span, word=True) if rank == len(name):
            # The letters of `x_{min}` may be indices after all: the declared axes decide.
            return tuple(syntax.Symbol(letter, span) for letter in name)
        case _:
            return (node,)


def is_constant(node: Node) -> bool:
    """Whether it is a number written out."""
    match node:
        case syntax.Numeral():
            return True
        case syntax.Addition(((_, term),)):
            return is_constant(term)
        case syntax.Fraction(numerator, denominator):
            return is_constant(numerator) and is_constant(denominator)
        case _:
            return False


def split_subscripts(node: Node | None) -> tuple[Node, ...]:
    """The subscripts that a subscript node holds where no rank tells: `2i` is one, `ij` are two."""
    items = subscript_items(node, None)
    return (node,) if node and any(isinstance(item, syntax.Numeral) for item in items) else items


def applied_derivative(
    factors: Sequence[Node], operators: Sequence[str], position: int
) -> tuple[syntax.DerivativeOf, int] | None:
    r"""The derivative here with what follows it as its operand, `\nabla_w` of L, and how many
    factors that takes; None for anything but a derivative without operand, or with none after it.
    """
    node = factors[position]
    rest = factors[position + 1 :]
    if not isinstance(node, syntax.DerivativeOf) or node.operand is not None or not rest:
        return None
    if len(rest) == 1 or isinstance(rest[0], syntax.Group):
        return replace(node, operand=rest[0]), 2
    span = rest[0].span | rest[-1].span
    operand = syntax.Multiplication(tuple(rest), tuple(operators[position + 1 :]), span)
    return replace(node, operand=operand), 1 + len(rest)


def is_capital(name: str) -> bool:
    r"""Whether a name is a capital under its decorations: `W`, `\hat{X}`, `\Phi`."""
    while match := _DECORATED.match(name):
        name = match[1]
    return (len(name) == 1 and name.isupper()) or name[1:2].isupper()


def looks_like_gradient(name: str) -> bool:
    """Whether a new name is one that the field gives to gradients: `\\bar{X}`, `\\delta^{l}`,
    `dW`."""
    return name.startswith((r"\bar{", r"\delta", r"\nabla")) or (
        name.startswith("d") and (len(name) == 2 or name.startswith("d\\"))
    )


def whole(sides: tuple[Node, ...]) -> Span:
    span = sides[0].span
    for side in sides[1:]:
        span = span | side.span
    return span


def names_something(node: Node) -> bool:
    """Whether a symbol stands in it that is no constant of mathematics."""
    symbols = (part.name for part in nodes(node) if isinstance(part, syntax.Symbol))
    return any(name not in CONSTANTS for name in symbols)


def has_floor(node: Node) -> bool:
    return any(isinstance(part, syntax.Group) and part.open == r"\lfloor" for part in nodes(node))
