"""Sums, products and maxima over an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derivcheck import syntax
from derivcheck.elaboration import conditions
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.integers import occurs, stands_outside_sums
from derivcheck.elaboration.label_arrays import over_classes
from derivcheck.elaboration.names import nodes
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import (
    MINUS_ONE,
    ONE,
    Affine,
    Entry,
    Expression,
    Index,
    Maximum,
    Multiply,
    Product,
    Sum,
    add,
    binders,
    fresh,
    guard,
    multiply,
    negate,
    negation,
    walk,
    within,
)


def big(reader: SideReader, node: syntax.BigOperator) -> Expression:
    apart = _apart(node)
    if apart is not None and reader.choices.pick("", "a product runs over all that follows") == 0:
        first, rest = apart
        return multiply(big(reader, first), reader.value(rest))
    bounds: list[tuple[str, Index, int | None]] = []
    began: Expression = ONE
    for letter in (*node.letters, *_bound_together(reader, node)):
        extent, lower, least = _range(reader, node, letter)
        index = fresh(Index(letter.name, extent, base=1 if lower == 1 else 0))
        bounds.append((letter.name, index, lower))
        if least is not None:
            began = guard(Affine.of(index) + (lower or 0) - least)
    with reader.letters.binding(bounds):
        where = ONE if node.condition is None else conditions.truth(reader, node.condition)
        where = multiply(began, where)
        _prefer_range(reader, node.condition, bounds)
        body = reader.value(node.body)
        if node.kind == "sum":
            where, body = ONE, multiply(where, body)
        where, body = over_classes(reader, (where, body), [name for name, _, _ in bounds])
    indices = tuple(index for _, index, _ in bounds)
    match node.kind:
        case "max":
            return _maximum(indices, where, body)
        case "min":
            return negate(_maximum(indices, where, _opposite(body)))
        case "prod":
            if where != ONE:
                body = add(multiply(where, body), negation(where))
            for index in reversed(indices):
                body = Product(index, body)
            return body
        case _:
            for index in reversed(indices):
                body = Sum(index, body)
            return body


def check_end(side: syntax.Node, letter: str) -> None:
    r"""Raise `Fault` where a sum ends at a sign and its letter stands behind it:
    `\sum_n a_n + b_n`."""
    for node in nodes(side):
        terms = node.terms if isinstance(node, syntax.Addition) else ()
        for place, (_, term) in enumerate(terms[:-1]):
            operators = [part for part in nodes(term) if isinstance(part, syntax.BigOperator)]
            if not any(each.name == letter for part in operators for each in part.letters):
                continue
            for sign, behind in terms[place + 1 :]:
                if stands_outside_sums(letter, behind):
                    raise Fault(
                        "index-bound-and-free",
                        f"the sum over {letter} ends at this {sign}, and {letter} stands behind it",
                        behind.span,
                        rf"set all that is summed in brackets: \sum_{letter} \left( … \right), "
                        f"or rename the bound {letter}",
                    )


def _apart(node: syntax.BigOperator) -> tuple[syntax.BigOperator, syntax.Node] | None:
    r"""`\prod_i u_i` and what stands after it from the next `\sum` or `\prod` on, where that does
    not depend on i: then hardly anybody means that it is a factor for every i."""
    if node.kind != "prod" or not isinstance(node.body, syntax.Multiplication):
        return None
    factors, operators = node.body.factors, node.body.operators
    place = next((n for n, f in enumerate(factors) if n and isinstance(f, syntax.BigOperator)), 0)
    if not place or "/" in operators[:place]:
        return None
    names = [letter.name for letter in node.letters]
    if any(_depends(name, factor) for name in names for factor in factors[place:]):
        return None
    first, rest = (
        part[0] if len(part) == 1 else syntax.Multiplication(part, between, node.body.span)
        for part, between in (
            (factors[:place], operators[: place - 1]),
            (factors[place:], operators[place:]),
        )
    )
    return replace(node, body=first), rest


def _depends(name: str, node: syntax.Node) -> bool:
    """Whether a letter of outside occurs in it, not one of the same name that it binds."""
    if isinstance(node, syntax.BigOperator) and name in [each.name for each in node.letters]:
        bounds = (bound for bound in (node.lower, node.upper) if bound is not None)
        return any(occurs(name, bound) for bound in bounds)
    return occurs(name, node)


def _prefer_range(
    reader: SideReader, condition: syntax.Chain | None, bounds: Sequence[tuple[str, Index, object]]
) -> None:
    r"""`0 \le r < R`: a letter that sits on no axis runs over R places."""
    match condition:
        case syntax.Chain((syntax.Numeral(first), syntax.Symbol(name), end), (r"\le", "<")) if (
            first == str(reader.page.counting.base) and reader.integers.is_integer(end)
        ):
            for letter, index, _ in bounds:
                if letter == name:
                    size = reader.integers.value(end) - int(first)
                    reader.page.sizes.prefer(index.extent, size)
        case _:
            pass


def _maximum(indices: tuple[Index, ...], where: Expression, body: Expression) -> Expression:
    """The maximum over what is in range: an entry off its axis is left out, it is no 0.

    Only a subscript that is more than a letter can leave its axis. Maxima of maxima are one, so
    that a row of a window that is off the axis altogether is left out as well.
    """
    if isinstance(body, Maximum) and not any(
        index in inner.extent.indices() for inner in body.indices for index in indices
    ):
        indices = (*indices, *body.indices)
        where, body = multiply(where, body.where), body.body
    seen = _factors(where)
    within_axes = [c for c in _in_range(body, indices) if c not in seen]
    return Maximum(indices, multiply(where, *within_axes), body)


def _opposite(body: Expression) -> Expression:
    """−body, the sign of a minimum taken back."""
    match body:
        case Multiply((sign, Maximum() as greatest)) if sign == MINUS_ONE:
            return greatest
        case _:
            return negate(body)


def _in_range(body: Expression, indices: tuple[Index, ...]) -> tuple[Expression, ...]:
    """Conditions that are 1 where the entries that slide with these indices are on their axes."""
    inner = {index for node in walk(body) for index in binders(node)}
    conditions: list[Expression] = []
    for node in walk(body):
        if not isinstance(node, Entry):
            continue
        for subscript, extent in zip(node.subscripts, node.tensor.extents, strict=True):
            letters = set(subscript.indices())
            if subscript.index is None and letters & set(indices) and not letters & inner:
                conditions.extend(_factors(within(subscript, extent)))
    return tuple(dict.fromkeys(conditions))


def _factors(expression: Expression) -> tuple[Expression, ...]:
    return expression.factors if isinstance(expression, Multiply) else (expression,)


def _bound_together(reader: SideReader, node: syntax.BigOperator) -> tuple[syntax.Symbol, ...]:
    r"""The other letters of `\sum_{i \ne j} x_i x_j`, where nothing else gives them a value."""
    if node.condition is None or node.lower is not None or node.upper is not None:
        return ()
    bound = {letter.name for letter in node.letters}
    others = {
        side.name: side
        for side in node.condition.sides
        if isinstance(side, syntax.Symbol)
        and side.name not in bound
        and reader.letters.only_restricts(side.name)
        and occurs(side.name, node.body)
    }
    if not others:
        return ()
    if "y" in others and "y" not in reader.page.running:
        raise unsupported(
            "whether y is summed over",
            node.span,
            r"declare y \in \{1, \dots, N\}, or write both sums",
        )
    kind = {"prod": "product", "sum": "sum"}.get(node.kind, f"{node.kind}imum")
    each = f"the {kind} runs over {', '.join(sorted(bound))} alone"
    together = reader.choices.pick("", each) == 0
    return tuple(others.values()) if together else ()


def _range(
    reader: SideReader, node: syntax.BigOperator, letter: syntax.Symbol
) -> tuple[Affine, int | None, Affine | None]:
    """The extent of a bound letter and the value that it starts from, if that is written.

    A sum from another letter on starts where that one does and is restricted: then there is the
    least value that counts, too.
    """
    if node.upper is None:
        if node.lower is not None:
            raise unsupported("a lower bound without an upper one", node.span, "write both bounds")
        written = reader.page.letter_range(letter.name, node.span)
        extent, first = written or (reader.page.run(letter.name), None)
        count = reader.page.counts.get(node.span)
        if count is not None:
            reader.page.likely(extent, count.name, sure=count.sure)
        return extent, first, None
    if len(node.letters) > 1:
        raise unsupported("several letters with one pair of bounds", node.span, "use two sums")
    upper = reader.integers.value(node.upper)
    lower = (
        Affine.of(reader.page.counting.base)
        if node.lower is None
        else reader.integers.value(node.lower)
    )
    first = lower.constant
    if first is None:
        first = _earliest(reader, node, lower)
        return upper - first + 1, first, lower
    extent = upper - lower + 1
    if first in (0, 1):
        reader.page.bases.setdefault(extent, first)
    return extent, first, None


def _earliest(reader: SideReader, node: syntax.BigOperator, lower: Affine) -> int:
    """Where the letter of a lower bound starts, if the bound is that letter or more."""
    letters = [
        part.name
        for part in nodes(node.lower or node)
        if isinstance(part, syntax.Symbol) and reader.letters.is_letter(part.name)
    ]
    if len(letters) == 1:
        letter = reader.integers.letter(letters[0])
        start = (letter - reader.letters.find(letters[0])[0]).constant
        more = (lower - letter).constant
        if start in (0, 1) and more is not None and more >= 0:
            return start
    raise unsupported(
        "a sum from a symbolic bound", node.span, "sum from 0 or 1 and restrict by [i ≥ a]"
    )
