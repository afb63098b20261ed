r"""`\frac{\partial A}{\partial B}`, `\partial A/\partial B`, `\frac{d}{dx}`, `dL/dx`, `\nabla`."""

from __future__ import annotations

from derivcheck import syntax
from derivcheck.latex.cursor import Fault
from derivcheck.latex.expressions import Reader
from derivcheck.latex.tokens import Kind, Token
from derivcheck.source import Span

_PARTIAL = r"\partial"
# How many tokens the slash of `dL/dx` may lie ahead; a run of letters d is looked at no farther.
_FARTHEST_SLASH = 40


def fraction(reader: Reader, command: Token) -> syntax.Node:
    first = reader.position - 1
    above, below = reader.argument(command), reader.argument(command)
    return _quotient(reader, above, below, reader.span(first))


def over(reader: Reader, _: Token) -> syntax.Node:
    r"""`{a \over b}`; the reader stands at the command."""
    above = (reader.start, reader.position)
    below = (reader.position + 1, reader.end)
    return _quotient(reader, above, below, reader.span(reader.start, reader.end))


def _quotient(
    reader: Reader, above: tuple[int, int], below: tuple[int, int], span: Span
) -> syntax.Node:
    above, below = _unwrapped(reader, *above), _unwrapped(reader, *below)
    up, down = _differentiates(reader, *above), _differentiates(reader, *below)
    if up == _PARTIAL or down == _PARTIAL:
        if down != _PARTIAL:
            raise Fault(
                "derivative without ∂ in its denominator",
                span,
                r"write \frac{\partial …}{\partial …}",
            )
        if up != _PARTIAL:
            raise Fault(
                "derivative without ∂ in its numerator",
                span,
                r"write \frac{\partial …}{\partial …}",
            )
        return _derivative(reader, _PARTIAL, above, below, span)
    if up == "d" and down == "d":
        derivative = _ordinary(reader, above, below, span)
        if derivative is not None:
            return derivative
    numerator = reader.expression(*above)
    denominator = reader.expression(*below)
    return syntax.Fraction(numerator, denominator, span)


def inline(reader: Reader, command: Token) -> syntax.Node | None:
    r"""`\partial A/\partial B`, or `\partial_x` before its operand; None where neither stands."""
    first = reader.position - 1
    token = reader.peek()
    if token is not None and token.text == "_":
        subscript, superscript, _ = reader.scripts()
        if subscript is None or superscript is not None:
            return None
        items = subscript.items if isinstance(subscript, syntax.Sequence) else (subscript,)
        return syntax.DerivativeOf(
            _PARTIAL, None, tuple((item, 1) for item in items), reader.span(first)
        )
    slash = _slash(reader)
    if slash is None:
        return None
    above = (first, slash)
    order, operand = _operand(reader, _PARTIAL, *above)
    reader.position = slash + 1
    variables = _variables_inline(reader, order)
    if variables is None:
        raise Fault(
            "derivative without ∂ in its denominator",
            reader.span(first, slash + 1),
            r"write \frac{\partial …}{\partial …}",
        )
    return syntax.DerivativeOf(_PARTIAL, operand, variables, reader.span(first))


def _slash(reader: Reader) -> int | None:
    """The index of the slash that ends a numerator which begins here."""
    at = reader.position
    while at < reader.end:
        token = reader.tokens[at]
        if token.text == "/" and token.kind is Kind.OPERATOR:
            return at
        if token.kind in {Kind.OPERATOR, Kind.SIGN, Kind.RELATION, Kind.COMMA}:
            return None
        if token.kind is Kind.COMMAND and token.text == _PARTIAL:
            return None
        at = reader.found.get(at, at) + 1
    return None


def _variables_inline(reader: Reader, order: int) -> tuple[tuple[syntax.Node, int], ...] | None:
    """`\\partial x^2` or `\\partial a \\partial b` after a slash, as many as the order says."""
    token = reader.peek()
    if token is not None and token.kind in {Kind.BRACE_OPEN, Kind.OPEN}:
        closer = reader.closer(reader.position)
        inside = (reader.position + 1, closer)
        if _differentiates(reader, *inside) != _PARTIAL:
            return None
        reader.position = closer + 1
        return _variables(reader, _PARTIAL, order, *inside)
    start = reader.position
    total = 0
    while total < order:
        token = reader.peek()
        if token is None or token.text != _PARTIAL:
            break
        reader.position += 1
        factor = reader.factor()
        total += _power(factor) if order > 1 else 1
    if reader.position == start:
        return None
    return _variables(reader, _PARTIAL, order, start, reader.position)


def differential(reader: Reader, letter: Token) -> syntax.Node | None:
    """`dL/dx` and `d/dx` with each d close to what it differentiates; None for any other d."""
    first = reader.position
    at = first + 1
    while at < reader.end and reader.tokens[at].text != "/":
        if at > first + _FARTHEST_SLASH:
            return None
        token = reader.tokens[at]
        if token.spaced or token.kind not in {
            Kind.LETTER,
            Kind.WORD,
            Kind.TEXT,
            Kind.SCRIPT,
            Kind.BRACE_OPEN,
            Kind.DIGIT,
            Kind.PRIME,
        }:
            return None
        if at == first + 1 and token.kind is Kind.SCRIPT and token.text == "_":
            return None
        at = reader.found.get(at, at) + 1
    below = at + 1
    if (
        below + 1 >= reader.end
        or reader.tokens[below].text != letter.text
        or reader.tokens[below + 1].kind is not Kind.LETTER
        or reader.tokens[below + 1].spaced
    ):
        return None
    order, operand = _operand(reader, "d", first, at)
    reader.position = below + 1
    factor = reader.factor()
    variable = _with_order(factor, order)
    if variable is None:
        reader.position = first
        return None
    return syntax.DerivativeOf("d", operand, (variable,), reader.span(first))


def nabla(reader: Reader, command: Token) -> syntax.Node:
    first = reader.position - 1
    subscript, superscript, _ = reader.scripts()
    symbol = r"\nabla"
    if superscript is not None:
        if not (isinstance(superscript, syntax.Numeral) and superscript.text == "2"):
            raise Fault(r"power of \nabla", reader.span(first))
        symbol = r"\nabla^2"
    variables: tuple[tuple[syntax.Node, int], ...] = ()
    if subscript is not None:
        items = subscript.items if isinstance(subscript, syntax.Sequence) else (subscript,)
        variables = tuple((item, 1) for item in items)
    return syntax.DerivativeOf(symbol, None, variables, reader.span(first))


def _unwrapped(reader: Reader, first: int, last: int) -> tuple[int, int]:
    """The range without braces that enclose all of it."""
    while (
        last - first >= 2
        and reader.tokens[first].kind is Kind.BRACE_OPEN
        and reader.found.get(first) == last - 1
    ):
        first, last = first + 1, last - 1
    return first, last


def _differentiates(reader: Reader, first: int, last: int) -> str | None:
    if first >= last:
        return None
    token = reader.tokens[first]
    if token.text == _PARTIAL:
        follows = first + 1 < last and reader.tokens[first + 1].text == "_"
        return None if follows else _PARTIAL
    return "d" if token.kind is Kind.LETTER and token.text == "d" else None


def _ordinary(
    reader: Reader, above: tuple[int, int], below: tuple[int, int], span: Span
) -> syntax.Node | None:
    r"""`\frac{dy}{dx}`; None where d is a symbol: `\frac{d_k}{d}`, `\frac{d^2}{d x}`."""
    after_above = reader.tokens[above[0] + 1] if above[1] - above[0] > 1 else None
    after_below = reader.tokens[below[0] + 1] if below[1] - below[0] > 1 else None
    if after_below is None or after_below.kind not in {
        Kind.LETTER,
        Kind.WORD,
        Kind.TEXT,
        Kind.COMMAND,
        Kind.BRACE_OPEN,
        Kind.OPEN,
    }:
        return None
    if after_above is not None and (
        after_above.text == "_" or after_above.kind in {Kind.SIGN, Kind.OPERATOR, Kind.PRIME}
    ):
        return None
    try:
        return _derivative(reader, "d", above, below, span)
    except _Orders:
        return None


class _Orders(Fault):
    """The order above and the orders below do not agree."""


def _derivative(
    reader: Reader, symbol: str, above: tuple[int, int], below: tuple[int, int], span: Span
) -> syntax.Node:
    order, operand = _operand(reader, symbol, *above)
    return syntax.DerivativeOf(symbol, operand, _variables(reader, symbol, order, *below), span)


def _operand(reader: Reader, symbol: str, first: int, last: int) -> tuple[int, syntax.Node | None]:
    """The order and the operand of the numerator `\\partial^n A`, which begins at `first`."""
    with reader.within(first + 1, last):
        _, superscript, _ = reader.scripts()
        start = reader.position
    order = 1
    if superscript is not None:
        if not (
            isinstance(superscript, syntax.Numeral)
            and superscript.text.isdigit()
            and 1 <= int(superscript.text[:3]) <= 9
        ):
            raise Fault("order of a derivative that is not a number", superscript.span)
        order = int(superscript.text)
    if start == last:
        return order, None
    operand = reader.expression(start, last)
    if isinstance(operand, syntax.Addition):
        raise Fault(
            "derivative of a sum without brackets",
            operand.span,
            f"write {symbol} (…) around the sum",
        )
    return order, operand


def _variables(
    reader: Reader, symbol: str, order: int, first: int, last: int
) -> tuple[tuple[syntax.Node, int], ...]:
    starts = [
        end
        for _, end in reader.parts(first, last, lambda token: token.text == symbol)[:-1]
        if symbol != "d" or reader.tokens[end].kind is Kind.LETTER
    ]
    nodes: list[syntax.Node] = []
    for start, stop in zip(starts, [*starts[1:], last], strict=True):
        variable = reader.expression(start + 1, stop)
        if isinstance(variable, syntax.Addition):
            raise Fault("derivative by a sum", variable.span, "differentiate by a symbol")
        nodes.append(variable)
    if order == len(nodes):
        return tuple((node, 1) for node in nodes)
    powers = [_power(node) for node in nodes]
    if sum(powers) == order:
        return tuple(
            (_without_power(node) if power > 1 else node, power)
            for node, power in zip(nodes, powers, strict=True)
        )
    raise _Orders(
        "derivative whose orders do not agree",
        reader.span(first, last),
        "the order above is the sum of the orders below",
    )


def _with_order(node: syntax.Node, order: int) -> tuple[syntax.Node, int] | None:
    if order == 1:
        return node, 1
    return (_without_power(node), order) if _power(node) == order else None


def _power(node: syntax.Node) -> int:
    if isinstance(node, syntax.Scripted) and isinstance(node.superscript, syntax.Numeral):
        digits = node.superscript.text
        return int(digits) if digits in set("23456789") else 1
    return 1


def _without_power(node: syntax.Node) -> syntax.Node:
    if not isinstance(node, syntax.Scripted):
        return node
    if node.subscript is None and not node.primes:
        return node.base
    return syntax.Scripted(node.base, node.subscript, None, node.primes, node.span)
