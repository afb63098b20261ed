r"""Where whole arrays stand in a formula without being told entry by entry: what must not be read.

A product of arrays of which one has no known shape is nobody's elementwise product; a power of a
matrix is no power of its entries; `|x|` may be a norm and `|A|` a determinant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from derivcheck import syntax
from derivcheck.elaboration.fault import unsupported
from derivcheck.elaboration.matrices import COLUMN, MATRIX, shape
from derivcheck.elaboration.names import (
    declared_name,
    is_capital,
    is_transpose,
    label,
    nodes,
    parts,
)
from derivcheck.elaboration.naming import matrix_power
from derivcheck.elaboration.norms import norm
from derivcheck.elaboration.scope import TensorMeaning
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import Expression, apply, negate
from derivcheck.syntax import Node

_WRITE = r"write the sum over the index, or \odot for an elementwise product"


def is_array(reader: SideReader, node: Node) -> bool:
    """Whether a factor is an array, or may be one for all that is known of its shape."""
    of = shape(reader, node)
    return holds_array(reader, node) if of is None else of.axes > 0


def holds_array(reader: SideReader, node: Node) -> bool:
    """Whether an array without subscripts stands in it."""
    if reader.bare_rank(node) > 0:
        return True
    if isinstance(node, syntax.Scripted) and node.subscript is not None:
        return False
    return any(holds_array(reader, part) for part in parts(node))


def check_product(reader: SideReader, factors: Sequence[Node], operators: Sequence[str]) -> None:
    """Raise for two arrays side by side, whose product index notation writes as a sum."""
    among_entries = reader.indexed and reader.implicit is None  # no array stands there as a whole
    before: list[Node] = []
    for node, operator in _chained(reader, factors, operators):
        if operator in (r"\odot", r"\circ"):
            before = []
        if operator == "/":
            continue
        arrays = (is_array(reader, each) for each in (node, *before))
        if not among_entries and next(arrays) and any(arrays):
            raise unsupported("a product of whole arrays", before[-1].span | node.span, _WRITE)
        for other in before[-1:]:
            _check_unsaid(reader, other, node)
        before.append(node)


def _chained(
    reader: SideReader, factors: Sequence[Node], operators: Sequence[str]
) -> Iterator[tuple[Node, str]]:
    """The factors up to a bare derivative, whose operand is the rest, functions as their
    arguments."""
    position = 0
    while position < len(factors):
        node, operator = factors[position], operators[position - 1] if position else ""
        if isinstance(node, syntax.DerivativeOf) and node.operand is None:
            return
        used = 2 if reader.applies(factors, operators, position) else 1
        yield factors[position + used - 1], operator
        position += used


def _check_unsaid(reader: SideReader, first: Node, second: Node) -> None:
    """Take for granted that two factors commute of which nothing says that they are numbers, if
    one looks like a matrix; raise where both are bold, as no number is."""
    left, right = _unsaid(reader, first), _unsaid(reader, second)
    if any(symbol.bold for symbol in left) and any(symbol.bold for symbol in right):
        raise unsupported("a product of whole arrays", first.span | second.span, _WRITE)
    if left and right and any(map(_looks_like_matrix, (*left, *right))):
        reader.choices.grant(f"{label(first)} and {label(second)} are numbers")


def _unsaid(reader: SideReader, node: Node) -> list[syntax.Symbol]:
    """The bare symbols in a factor of which the page says nothing but what it writes."""
    found: list[syntax.Symbol] = []
    inside = [node]
    while inside:
        part = inside.pop()
        if isinstance(part, syntax.Scripted) and (part.subscript or _is_named(reader, part)):
            continue
        if isinstance(part, syntax.Symbol) and _is_unsaid(reader, part):
            found.append(part)
        if isinstance(part, syntax.Scripted) and is_transpose(part.superscript or part.base):
            inside.append(part.base)
        elif not isinstance(part, syntax.Call | syntax.BigOperator | syntax.DerivativeOf):
            inside.extend(parts(part))
    return found


def _is_named(reader: SideReader, scripted: syntax.Scripted) -> bool:
    """Whether it is one name, as `W^{(1)}` is where the page has that."""
    name = declared_name(scripted)
    return name is not None and reader.page.scope.lookup(name) is not None


def _is_unsaid(reader: SideReader, symbol: syntax.Symbol) -> bool:
    page = reader.page
    if symbol.name.isdigit() or symbol.name in (r"\pi", "e") or symbol.name in page.parameter_names:
        return False
    known = page.scope.lookup(symbol.name)
    if known is None:
        return not reader.letters.is_letter(symbol.name)
    meaning = known.meaning
    return isinstance(meaning, TensorMeaning) and not meaning.declared and not known.defined


def _looks_like_matrix(symbol: syntax.Symbol) -> bool:
    return symbol.bold or is_capital(symbol.name)


def check_power(reader: SideReader, base: Node, superscript: Node) -> None:
    """Raise for a power of a matrix, which is none of its entries."""
    if shape(reader, base) == MATRIX:
        raise matrix_power(superscript)


def magnitude(reader: SideReader, node: syntax.Group) -> Expression | None:
    """`|x|` of a whole array: of a vector its norm too, of a matrix nobody knows what; None where
    it is an absolute value."""
    of = shape(reader, node.body)
    if of == MATRIX:
        reader.choices.pick(f"|{label(node.body)}| is taken entry by entry")
    elif of in (COLUMN, COLUMN.transposed):
        name = f"|{label(node.body)}|"
        if reader.choices.pick_once(name, "", f"{name} is the Euclidean norm"):
            return norm(reader, node, None, None)
    return None


def note_function(reader: SideReader, name: str, argument: Node) -> None:
    """Note that a function of a square matrix is taken entry by entry, if that is its meaning."""
    if not reader.implicit or shape(reader, argument) != MATRIX:
        return
    squares = [
        meaning.tensor
        for part in nodes(argument)
        if isinstance(part, syntax.Symbol) and (known := reader.page.scope.lookup(part.name))
        if isinstance(meaning := known.meaning, TensorMeaning) and meaning.tensor.rank == 2
    ]
    if squares and all(tensor.extents[0] == tensor.extents[1] for tensor in squares):
        note = f"{name} of {label(argument)} is taken entry by entry"
        reader.choices.pick_once(note, note)


def part(reader: SideReader, base: syntax.Group, subscript: Node) -> Expression | None:
    """`(x)_+`, the positive part, or `(x)_-`, of which two conventions are common; None for other
    subscripts."""
    match label(subscript):
        case "+":
            return apply("relu", reader.value(base))
        case "-":
            name = f"{label(base)}_-"
            above = reader.choices.pick_once(name, "", f"{name} ≤ 0") == 0
            value = apply("relu", negate(reader.value(base)))
            return value if above else negate(value)
        case _:
            return None
