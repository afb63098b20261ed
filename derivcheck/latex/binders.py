r"""Operators that bind letters: `\sum`, `\prod`, `\max_k`, `\min_k`, and their bounds."""

from __future__ import annotations

from dataclasses import dataclass

from derivcheck import syntax
from derivcheck.latex.cursor import Fault
from derivcheck.latex.expressions import Reader
from derivcheck.latex.tokens import Kind, Token

_KINDS = {
    r"\sum": "sum",
    r"\prod": "prod",
    r"\Sigma": "sum",
    r"\Pi": "prod",
    r"\max": "max",
    r"\min": "min",
}
_ORDERINGS = {r"\le": r"\ge", r"\ge": r"\le", "<": ">", ">": "<"}


@dataclass(frozen=True)
class _Binding:
    """Letters with their common lower bound, and what else restricts them."""

    letters: tuple[syntax.Symbol, ...]
    lower: syntax.Node | None = None
    upper: syntax.Node | None = None


def big_operator(reader: Reader, command: Token) -> syntax.Node:
    first = reader.position - 1
    bindings, condition, upper = _scripts(reader, command)
    return _operator(reader, command, first, bindings, condition, upper)


def underset(reader: Reader, command: Token) -> syntax.Node:
    r"""`\underset{k}{\max} x_k` is `\max_k x_k`."""
    first = reader.position - 1
    below = reader.argument(command)
    over = reader.argument(command)
    operator = reader.tokens[over[0]] if over[1] - over[0] == 1 else None
    if operator is None or operator.text not in _KINDS:
        raise Fault(command.text, reader.span(first), "write a subscript")
    bindings, condition = _below(reader, *below)
    return _operator(reader, operator, first, bindings, condition, None)


def _operator(
    reader: Reader,
    command: Token,
    first: int,
    bindings: list[_Binding],
    condition: syntax.Chain | None,
    upper: syntax.Node | None,
) -> syntax.Node:
    kind = _KINDS[command.text]
    token = reader.peek()
    if token is None or not (reader.begins_factor(token) or token.kind is Kind.SIGN):
        raise Fault(f"{kind} without a body", reader.span(first), "write what it ranges over")
    if token.kind is Kind.SIGN and token.text != "-":
        raise Fault(f"sign after a {kind}", token.span, "set the body in brackets")
    node = reader.signed(reader.product)
    span = reader.span(first)
    ranged = [b for b in bindings if b.lower is not None or b.upper is not None]
    if not ranged and upper is None:
        letters = tuple(letter for binding in bindings for letter in binding.letters)
        return syntax.BigOperator(kind, letters, None, None, condition, node, span)
    # Letters with bounds get an operator each: \sum_{i,j=1}^{N} is a sum over i of sums over j.
    single = [
        (letter, binding.lower, binding.upper if upper is None else upper)
        for binding in bindings
        for letter in binding.letters
    ]
    for letter, lower, top in reversed(single):
        node = syntax.BigOperator(kind, (letter,), lower, top, condition, node, span)
        condition = None
    return node


def _scripts(
    reader: Reader, command: Token
) -> tuple[list[_Binding], syntax.Chain | None, syntax.Node | None]:
    bindings: list[_Binding] = []
    condition: syntax.Chain | None = None
    upper: syntax.Node | None = None
    seen: set[str] = set()
    while (token := reader.peek()) is not None and token.kind is Kind.SCRIPT:
        if token.text in seen:
            raise Fault("double script", token.span)
        seen.add(token.text)
        reader.position += 1
        if token.text == "^":
            upper = reader.script(token)
        elif reader.kind() is Kind.BRACE_OPEN:
            closer = reader.closer(reader.position)
            start, reader.position = reader.position + 1, closer + 1
            bindings, condition = _below(reader, start, closer)
        else:
            start = reader.position
            reader.script(token)
            bindings, condition = _below(reader, start, reader.position)
    if not bindings:
        kind = _KINDS[command.text]
        raise Fault(f"{kind} without an index", command.span, f"write {command.text}_{{i}}")
    return bindings, condition, upper


def _below(reader: Reader, first: int, last: int) -> tuple[list[_Binding], syntax.Chain | None]:
    """The bound letters and the further restriction of a subscript."""
    first, last = _substacked(reader, first, last)

    def separates(token: Token) -> bool:
        return (
            token.kind in {Kind.COMMA, Kind.ROW, Kind.BREAK, Kind.SPACE}
            or token.text in {":", r"\mid", r"\land"}
            or (token.kind is Kind.BAR and token.text == "|")
            or (token.kind is Kind.TEXT and token.text.strip() in {"and", "with", "s.t.", "where"})
        )

    bindings: list[_Binding] = []
    bare: list[syntax.Symbol] = []
    conditions: list[syntax.Chain] = []
    for start, stop in reader.parts(first, last, separates):
        if start == stop:
            continue
        node = reader.chain(start, stop)
        if not isinstance(node, syntax.Chain):
            bare.extend(_letters(node))
            continue
        bound = {letter.name for binding in bindings for letter in binding.letters}
        bound |= {letter.name for letter in bare}
        binding, condition = _restriction(node, bound, bare)
        if binding is not None:
            if binding.lower is not None or binding.upper is not None:
                bare.clear()
                bindings.append(binding)
            else:
                bare.extend(letter for letter in binding.letters if letter.name not in bound)
        if condition is not None:
            conditions.append(condition)
    if bare:
        bindings.append(_Binding(tuple(bare)))
    if not bindings:
        raise Fault(
            "bounds without a letter", reader.span(first, last), "name the bound index first"
        )
    return bindings, _joined(conditions)


def _substacked(reader: Reader, first: int, last: int) -> tuple[int, int]:
    if (
        last - first >= 3
        and reader.tokens[first].text == r"\substack"
        and reader.found.get(first + 1) == last - 1
    ):
        return first + 2, last - 1
    return first, last


def _restriction(
    chain: syntax.Chain, bound: set[str], bare: list[syntax.Symbol]
) -> tuple[_Binding | None, syntax.Chain | None]:
    """What one relation below the operator binds, and what it demands beyond bounds."""
    left, sign = chain.sides[0], chain.relations[0]
    if len(chain.sides) == 2:
        if sign == "=" and _is_letter(left) and _name(left) not in bound:
            # `i, j = 1`: the letters before share the bound.
            return _Binding((*bare, *_letters(left)), chain.sides[1]), None
        if _is_letter(left) and _name(left) in bound:
            return None, chain
        if sign == r"\in" and not bound:
            return _Binding(tuple(_letters(left))), chain
        if sign == r"\in":
            return _Binding((*bare, *_letters(left))), chain
        if _is_letter(left) and not bound:
            return _Binding(tuple(_letters(left))), chain
        return None, chain
    middle = chain.sides[1]
    if len(chain.sides) == 3 and _is_letter(middle) and not bound:
        if chain.relations == (r"\le", r"\le"):
            return _Binding(tuple(_letters(middle)), chain.sides[0], chain.sides[2]), None
        if set(chain.relations) <= set(_ORDERINGS):
            return _Binding(tuple(_letters(middle))), chain
    if _is_letter(left) and not bound:
        return _Binding(tuple(_letters(left))), chain
    return None, chain


def _joined(conditions: list[syntax.Chain]) -> syntax.Chain | None:
    """Several conditions as one chain where they link up; `i \\ne j, j \\ne k` are i ≠ j ≠ k."""
    if not conditions:
        return None
    joined = conditions[0]
    for chain in conditions[1:]:
        left, right = joined.sides[-1], chain.sides[0]
        if not (_is_letter(left) and _is_letter(right) and _name(left) == _name(right)):
            raise Fault(
                "several conditions on one index", chain.span, "multiply by Iverson brackets"
            )
        joined = syntax.Chain(
            joined.sides + chain.sides[1:],
            joined.relations + chain.relations,
            joined.span | chain.span,
        )
    return joined


def _is_letter(node: syntax.Node) -> bool:
    if isinstance(node, syntax.Scripted):
        return isinstance(node.base, syntax.Symbol) and node.superscript is None
    return isinstance(node, syntax.Symbol)


def _letters(node: syntax.Node) -> list[syntax.Symbol]:
    if isinstance(node, syntax.Symbol):
        return [node]
    if isinstance(node, syntax.Sequence):
        return [letter for item in node.items for letter in _letters(item)]
    if isinstance(node, syntax.Multiplication) and not any(node.operators):
        return [letter for factor in node.factors for letter in _letters(factor)]
    if isinstance(node, syntax.Scripted) and _is_letter(node):
        return [syntax.Symbol(_name(node), node.span)]
    raise Fault("bound index that is not a letter", node.span, "write the bare index below")


def _name(node: syntax.Node) -> str:
    r"""A bound letter with primes or a subscript is one name: `k'`, `i_1`."""
    if isinstance(node, syntax.Symbol):
        return node.name
    if isinstance(node, syntax.Scripted) and isinstance(node.base, syntax.Symbol):
        below = ""
        if isinstance(node.subscript, (syntax.Symbol, syntax.Scripted)):
            below = "_" + _name(node.subscript)
        elif isinstance(node.subscript, syntax.Numeral):
            below = "_" + node.subscript.text
        elif node.subscript is not None:
            raise Fault("bound index that is not a letter", node.span, "write the bare index below")
        return node.base.name + "'" * node.primes + below
    return ""
