"""Composed subscripts on the left of an equation, and divisibility: (cH + i)W + j, and M = HD."""

from __future__ import annotations

from collections.abc import Sequence

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault
from derivcheck.elaboration.integers import IntegerReader
from derivcheck.elaboration.names import nodes
from derivcheck.elaboration.state import PageState
from derivcheck.expression import Affine, Index, Parameter, Tensor, digits, size
from derivcheck.source import Span
from derivcheck.syntax import Node


def letters_of(page: PageState, subscript: Node) -> tuple[str, ...]:
    """The letters of a subscript at which a tensor may be defined: a bare one, or the digits of
    `(cH+i)W+j`; none of any other subscript."""
    if isinstance(subscript, syntax.Symbol):
        return (subscript.name,)
    if not isinstance(subscript, syntax.Addition):
        return ()
    symbols: list[str] = []
    scaled = False
    for part in nodes(subscript):
        match part:
            case syntax.Addition(terms) if all(sign == "+" for sign, _ in terms):
                if any(isinstance(term, syntax.Numeral) for _, term in terms):
                    return ()
            case syntax.Multiplication(_, operators) if not any(operators):
                scaled = True
            case syntax.Symbol(name):
                symbols.append(name)
            case syntax.Group("(" | "[") | syntax.Numeral():
                pass
            case _:
                return ()
    letters = [name for name in symbols if not page.is_size(name)]
    return tuple(letters) if scaled and len(letters) > 1 else ()


def composes(page: PageState, integers: IntegerReader, parameter: Parameter, right: Node) -> bool:
    """`M = HD`, also as `D = M/H`: declared divisibility, and M is HD wherever it stands."""
    match right:
        case syntax.Fraction(whole, divisor):
            pass
        case syntax.Multiplication((whole, divisor), ("/",)):
            pass
        case _:
            whole, divisor = None, right
    sides = [divisor] if whole is None else [whole, divisor]
    if not all(_is_product(side) and integers.is_integer(side) for side in sides):
        return False
    product = integers.value(divisor)
    if whole is not None:
        product = product * parameter
        composed = integers.value(whole).atom
        if not isinstance(composed, Parameter):
            return False
        parameter = composed
    single = len(product.terms) == 1 and product.terms[0][1] > 0 and product.constant is None
    return single and page.sizes.compose(parameter, product)


def axes(
    page: PageState,
    items: Sequence[Node],
    subscripts: Sequence[Affine],
    tensor: Tensor | None,
) -> tuple[tuple[Index, ...], ...]:
    """The digits of every subscript: itself, or those of an index map that fills its axis."""
    sizes = page.sizes
    found: list[tuple[Index, ...]] = []
    for place, subscript in enumerate(subscripts):
        if subscript.index is not None:
            sizes.determine(subscript.index.extent)
            found.append((subscript.index,))
            continue
        span = items[place].span
        extent = None if tensor is None else tensor.extents[place]
        sizes.suppose_digits(subscript, extent, at_once=True)
        written = {sizes.index(index): index for index in subscript.indices()}
        parts = digits(sizes.size(subscript))
        if parts is None:
            raise Fault(
                "not-one-to-one",
                "this subscript does not take every place of an axis exactly once",
                span,
                "multiply each letter by the extents of those after it: "
                "(cH+i)W+j for i below H and j below W",
            )
        if tensor is not None and not sizes.unify(size(parts), tensor.extents[place]):
            raise other_extent("the subscript runs", tensor.name, span)
        found.append(tuple(written[part] for part in parts))
    return tuple(found)


def _is_product(node: Node) -> bool:
    """Whether only names and whole numbers stand side by side."""
    match node:
        case syntax.Symbol() | syntax.Numeral() | syntax.Scripted(_, _, None):
            return True
        case syntax.Multiplication(factors, operators):
            return "/" not in operators and all(map(_is_product, factors))
        case _:
            return False


def other_extent(what: str, name: str, span: Span) -> Fault:
    return Fault(
        "extent-mismatch",
        f"{what} over another extent than this axis of {name}",
        span,
        "use another letter, or declare both axes with one extent",
    )
