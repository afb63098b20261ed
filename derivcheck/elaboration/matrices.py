r"""Products of whole arrays: `W x + b`, `X^\top (X w - y)`, `\delta x^\top`, `x^\top A x`.

An array of two axes is a matrix, one of one axis a column, transposed a row; a product sums over
the column of the left factor and the row of the right one. A product of two columns says nothing:
inner, outer or elementwise, nobody knows. A lone array in front of a matrix is a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import pairwise

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.names import (
    applied_derivative,
    array_name,
    declared_name,
    is_constant,
    is_transpose,
    label,
    nodes,
    parts,
    peeled,
    split_subscripts,
    whole,
)
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import (
    Affine,
    Expression,
    Index,
    fresh,
    multiply,
    power,
    substitute,
    total,
)
from derivcheck.source import Span
from derivcheck.syntax import Node

_WRITE = r"write the sum over the index, or \odot for an elementwise product"
_LETTERS = "rstuvwabcdefgh"
TRACES = frozenset({"tr", "Tr", "trace", "Trace"})


@dataclass(frozen=True)
class Shape:
    """Which axes a value has as a matrix; neither is a number."""

    row: bool = False
    column: bool = False

    @property
    def axes(self) -> int:
        return self.row + self.column

    @property
    def transposed(self) -> Shape:
        return Shape(self.column, self.row)


NUMBER, COLUMN, MATRIX = Shape(), Shape(row=True), Shape(True, True)


@dataclass(frozen=True)
class _Unit:
    """One factor, a function with its argument or a derivative with its operand among them, and its
    shape."""

    node: Node
    shape: Shape
    operator: str


def shape(reader: SideReader, node: Node) -> Shape | None:
    """The shape of an expression in whole arrays; None where it is not known."""
    match peeled(node) if isinstance(node, syntax.Scripted) else node:
        case syntax.Numeral() | syntax.Indicator():
            return NUMBER
        case syntax.Symbol(name) if name.isdigit():
            return COLUMN  # a bold 1: as many ones as there are places
        case syntax.Call(name) if name in TRACES:
            return NUMBER
        case syntax.Scripted() as turned if (base := untransposed(reader, turned)) is not None:
            inner = shape(reader, base)
            if inner == NUMBER and reader.page.is_size(label(turned.superscript or base)):
                return NUMBER  # β^T, a power
            return inner.transposed if inner else None
        case syntax.Symbol() | syntax.Scripted(syntax.Symbol()) as named:
            return _of_name(reader, named)
        case syntax.Scripted(syntax.Group(r"\|")) | syntax.Group(r"\|"):
            return NUMBER
        case syntax.Scripted(base, None, syntax.Numeral()):
            inner = shape(reader, base)
            return None if inner == MATRIX else inner  # its power is no power of its entries
        case syntax.Group("(" | "[" | "{" | r"\{", _, body):
            return shape(reader, body)
        case syntax.Fraction(numerator, denominator):
            return shape(reader, numerator) if shape(reader, denominator) == NUMBER else None
        case syntax.DerivativeOf(r"\nabla^2"):
            return MATRIX
        case syntax.DerivativeOf(r"\nabla", operand, ()) if operand is not None:
            variables = variable_of(reader, operand)
            of_one = replace(node, variables=variables)
            return shape(reader, of_one) if variables else None
        case syntax.DerivativeOf(_, operand, variables) if len(variables) == 1:
            if operand is not None and jacobian(reader, operand, variables) is not Jacobian.NONE:
                return MATRIX
            of_number = operand is None or shape(reader, operand) in (NUMBER, None)
            return shape(reader, variables[0][0]) if of_number else None
        case syntax.Call(_, (argument,), None):
            return shape(reader, argument)
        case syntax.BigOperator("sum", _, _, _, _, body):
            return shape(reader, body)
        case syntax.Addition(terms):
            found = {shape(reader, term) for _, term in terms} - {NUMBER}
            return NUMBER if not found else found.pop() if len(found) == 1 else None
        case syntax.Multiplication(factors, operators):
            units = _units(reader, factors, operators)
            return None if units is None else _shape_of_product(units)
        case _:
            return None


def variable_of(reader: SideReader, operand: Node) -> tuple[tuple[Node, int], ...]:
    r"""The variable of `\nabla f(x)`: what f is of; none if that is not one symbol."""
    match operand:
        case syntax.Multiplication((syntax.Symbol(), syntax.Group("(", _, argument)), ("",)):
            pass
        case syntax.Call(_, (argument,)):
            pass
        case syntax.Symbol(name) if name in reader.page.arguments:
            argument = reader.page.arguments[name]
        case _:
            return ()
    known = declared_name(argument)
    lone = known is not None and reader.page.scope.tensor(known) is not None
    return ((argument, 1),) if lone else ()


class Jacobian(Enum):
    """How the derivative of a vector by a vector is laid out; `NONE` is no Jacobian: a gradient, or
    the derivatives of entries by the entries at their own places."""

    NONE = auto()
    BY_COLUMNS = auto()
    TRANSPOSED = auto()


def jacobian(reader: SideReader, operand: Node, variables: Sequence[tuple[Node, int]]) -> Jacobian:
    """Which of its layouts the derivative of this by that has, of those that are admissible."""
    if len(variables) != 1 or variables[0][1] != 1:
        return Jacobian.NONE
    shapes = shape(reader, operand), shape(reader, variables[0][0])
    if not all(each is not None and each.axes == 1 for each in shapes):
        return Jacobian.NONE
    if Shape(column=True) in shapes:  # ∂y/∂x^⊤, ∂y^⊤/∂x
        return Jacobian.BY_COLUMNS if shapes[0] == COLUMN else Jacobian.TRANSPOSED
    transposed = "derivatives by a vector are laid out transposed"
    bare = isinstance(operand, syntax.Symbol)
    entrywise = "a derivative is taken entry by entry" if bare else ""
    picked = reader.choices.pick_once("Jacobian", "", transposed, entrywise)
    return (Jacobian.BY_COLUMNS, Jacobian.TRANSPOSED, Jacobian.NONE)[picked]


def untransposed(reader: SideReader, node: syntax.Scripted) -> Node | None:
    r"""A of `A^\top`, `W_1` of `W_1^\top`; None for what is not a whole array transposed."""
    if node.superscript is None or not is_transpose(node.superscript):
        return None
    if node.subscript is None:
        return replace(node, superscript=None) if node.primes else node.base
    base = replace(node, superscript=None)
    name = declared_name(base)
    known = name is not None and reader.page.scope.tensor(name) is not None
    return base if known or reader.page.axes_left(base) else None


def _of_name(reader: SideReader, node: syntax.Symbol | syntax.Scripted) -> Shape | None:
    scope, name = reader.page.scope, declared_name(node)
    if left := reader.page.axes_left(node):
        return _of_rank(left)
    if name is not None and (tensor := scope.tensor(name)) is not None:
        return _of_rank(tensor.rank)
    if name is not None and (gradient := reader.page.gradient(name)):
        return _of_rank(gradient[1].rank)
    match node:
        case syntax.Symbol("I") if is_identity(reader, "I"):
            return MATRIX
        case syntax.Symbol(name):
            if scope.lookup(name) is not None or name in reader.page.parameter_names:
                return NUMBER
            return _of_rank(reader.page.ranks[name]) if name in reader.page.ranks else None
        case syntax.Scripted(base, None, superscript, 0) if superscript is not None:
            inner = shape(reader, base)
            if is_transpose(superscript) and inner is not None:
                return inner.transposed
            powered = inner == COLUMN and isinstance(superscript, syntax.Numeral)
            return inner if inner == NUMBER or powered else None
        case _:
            return NUMBER


def is_identity(reader: SideReader, name: str) -> bool:
    """Whether `I` is the identity: the page says nothing of it."""
    page = reader.page
    said = name in page.ranks or name in page.parameter_names or name in page.mentioned
    return name == "I" and not said and page.scope.lookup(name) is None


def _of_rank(rank: int) -> Shape | None:
    return {0: NUMBER, 1: COLUMN, 2: MATRIX}.get(rank)


def agree(reader: SideReader, sides: Sequence[Node]) -> bool:
    """Whether the sides are arrays of one shape, entries with subscripts among them or not: then
    an equation holds at each place of what has none. A new name on the left may be any, and so may
    a number such as 0."""
    left, *others = sides
    if is_new_array(reader, left) and _has_letters_of(left, others):
        sides = others
    shapes = {shape(reader, side) for side in sides if not is_constant(side)}
    if len(shapes) != 1 or not ((of := shapes.pop()) and of.axes):
        return False
    if not any(_stands_whole(reader, side) for side in sides):
        return False
    return not any(_mixes(reader, part) for side in sides for part in nodes(side))


def _stands_whole(reader: SideReader, node: Node) -> bool:
    """Whether a whole array or a vector of a family stands here, so that no subscript was
    forgotten."""
    name = array_name(node)
    if reader.page.axes_left(node):
        items = split_subscripts(node.subscript) if isinstance(node, syntax.Scripted) else ()
        by_label = any(isinstance(item, syntax.Scripted) for item in items)
        return by_label or name in reader.page.families
    if name is not None:
        return (of := shape(reader, node)) is not None and of.axes > 0
    inside = (node.body,) if isinstance(node, syntax.BigOperator) else parts(node)
    return any(_stands_whole(reader, part) for part in inside)


def is_new_array(reader: SideReader, left: Node) -> bool:
    """Whether a left side is a name of which the page has said nothing, with subscripts or not."""
    match left:
        case syntax.Multiplication((head, syntax.Group("(", _, arguments)), ("",)) if (
            reader.page.depends_by_name(array_name(head) or "", arguments)
        ):
            left = head
        case _:
            pass
    symbol = left.base if isinstance(left, syntax.Scripted) else left
    name = array_name(left)
    new = name is not None and reader.page.scope.lookup(name) is None
    return new and isinstance(symbol, syntax.Symbol) and reader.page.gradient(name or "") is None


def _has_letters_of(left: Node, others: Sequence[Node]) -> bool:
    """Whether each letter under a left side stands under something on the right: in `y_i = W x`
    it does not, which may be for one i at a time."""
    if not isinstance(left, syntax.Scripted):
        return True
    under = {
        letter.name
        for side in others
        for part in nodes(side)
        if isinstance(part, syntax.Scripted) and part.subscript is not None
        for letter in nodes(part.subscript)
        if isinstance(letter, syntax.Symbol)
    }
    items = split_subscripts(left.subscript)
    return all(isinstance(item, syntax.Symbol) and item.name in under for item in items)


def _mixes(reader: SideReader, node: Node) -> bool:
    """Whether an entry is added to an array here: a subscript may have been forgotten."""
    if not isinstance(node, syntax.Addition):
        return False
    shapes = [(shape(reader, term), term) for _, term in node.terms]
    entries = (
        of == NUMBER and any(isinstance(p, syntax.Scripted) and p.subscript for p in nodes(term))
        for of, term in shapes
    )
    return any(of != NUMBER for of, _ in shapes) and any(entries)


def _units(
    reader: SideReader, factors: Sequence[Node], operators: Sequence[str]
) -> tuple[_Unit, ...] | None:
    found: list[_Unit] = []
    position = 0
    while position < len(factors):
        operator = operators[position - 1] if position else ""
        node, used = factors[position], 1
        if (taken := applied_derivative(factors, operators, position)) is not None:
            node, used = taken
            of = shape(reader, node)
        elif reader.applies(factors, operators, position):
            argument = factors[position + 1]
            defined = declared_name(node) in reader.page.arguments
            used, of = 2, shape(reader, node if defined else argument)
            node = syntax.Multiplication((node, argument), ("",), node.span | argument.span)
        else:
            of = shape(reader, node)
        if of is None or (operator == "/" and of != NUMBER) or operator == r"\otimes":
            return None
        found.append(_Unit(node, of, operator))
        position += used
    return tuple(found)


def _shape_of_product(units: Sequence[_Unit]) -> Shape | None:
    shapes = [_shape_of_chain(chain) for chain in _chains(units)]
    arrays = {each for each in shapes if each != NUMBER}
    return NUMBER if not arrays else arrays.pop() if len(arrays) == 1 else None


def _chains(units: Sequence[_Unit]) -> list[list[_Unit]]:
    r"""What stands between the `\odot`."""
    found: list[list[_Unit]] = [[]]
    for unit in units:
        if unit.operator in (r"\odot", r"\circ"):
            found.append([])
        found[-1].append(unit)
    return found


def _arrays(chain: Sequence[_Unit]) -> list[_Unit]:
    """The factors that are arrays; a column in front of a matrix is a row."""
    found = [unit for unit in chain if unit.shape != NUMBER]
    if len(found) > 1 and found[0].shape == COLUMN and found[1].shape == MATRIX:
        found[0] = _Unit(found[0].node, COLUMN.transposed, found[0].operator)
    return found


def _is_marked(chain: Sequence[_Unit]) -> bool:
    r"""Whether a sign stands between arrays, `A * B` or `x \cdot y`; nobody says which product."""
    places = [place for place, unit in enumerate(chain) if unit.shape != NUMBER]
    between = chain[places[0] + 1 : places[-1] + 1] if places else ()
    return any(unit.operator not in ("", "/") for unit in between)


def _shape_of_chain(chain: Sequence[_Unit]) -> Shape | None:
    arrays = _arrays(chain)
    if not arrays:
        return NUMBER
    if any(left.shape.column != right.shape.row for left, right in pairwise(arrays)):
        return None
    return Shape(arrays[0].shape.row, arrays[-1].shape.column)


def product(
    reader: SideReader, factors: Sequence[Node], operators: Sequence[str]
) -> Expression | None:
    """A product in which arrays meet, at the indices of the equation; None if in none they do."""
    units = _units(reader, factors, operators)
    chains = _chains(units or ())
    if units is None or all(len(_arrays(chain)) < 2 for chain in chains):
        return None
    of = _shape_of_product(units)
    span = whole(tuple(factors))
    if of is None or any(map(_is_marked, chains)):
        raise unsupported("a product of whole arrays", span, _WRITE)
    indices = implicit(reader, of.axes, span)
    # Factors that do not fit each other are a fault of the page. Whether the product fits the
    # equation may be a matter of layout: so it has indices of its own first.
    sizes = reader.page.sizes
    own = tuple(fresh(Index(index.name, sizes.placeholder(index.name))) for index in indices)
    value = multiply(*(_chain(reader, chain, own) for chain in chains))
    pairs = tuple(zip(own, indices, strict=True))
    if not all(sizes.unify(mine.extent, index.extent) for mine, index in pairs):
        if any(index.serial for index in indices):
            raise Fault("extent-mismatch", "two factors do not fit each other", span, _WRITE)
        raise unsupported("a product of other sizes than the equation", span, _WRITE)
    return substitute(value, {mine: Affine.of(index) for mine, index in pairs})


def _chain(reader: SideReader, chain: Sequence[_Unit], indices: tuple[Index, ...]) -> Expression:
    arrays = _arrays(chain)
    values: list[Expression] = []
    for unit in chain:
        if unit.shape == NUMBER:
            value = reader.value(unit.node)
            values.append(power(value, -1) if unit.operator == "/" else value)
    rows = indices[:1] if arrays and arrays[0].shape.row else ()
    columns = indices[-1:] if arrays and arrays[-1].shape.column else ()
    bound: list[Index] = []
    for position, unit in enumerate(arrays):
        if position == len(arrays) - 1:
            right = columns
        elif unit.shape.column:
            letter = _LETTERS[len(bound) % len(_LETTERS)]
            right = (fresh(Index(letter, reader.page.sizes.placeholder(letter))),)
            bound.extend(right)
        else:
            right = ()
        values.append(reader.entries_at(unit.node, (*rows, *right)))
        rows = right
    return total(tuple(bound), multiply(*values))


def trace(reader: SideReader, argument: Node) -> Expression:
    """The sum over the diagonal of a matrix."""
    if shape(reader, argument) != MATRIX:
        raise unsupported("a trace of this", argument.span, "write the sum over the diagonal")
    index = fresh(Index("i", reader.page.sizes.placeholder("i")))
    return total((index,), reader.entries_at(argument, (index, index)))


def transposed(reader: SideReader, node: Node, of: Shape) -> Expression:
    r"""`A^\top` at the indices of the equation."""
    indices = implicit(reader, of.axes, node.span)
    return reader.entries_at(node, indices[::-1])


def implicit(reader: SideReader, axes: int, span: Span) -> tuple[Index, ...]:
    """The indices of an equation between arrays of so many axes, made if new."""
    if not axes:
        return ()
    if reader.implicit is None:
        if reader.indexed:
            raise unsupported("whole arrays among indexed entries", span, "write their subscripts")
        sizes = [reader.page.sizes.placeholder(letter) for letter in "ij"[:axes]]
        reader.implicit = reader.letters.implicit(sizes)
    if len(reader.implicit) != axes:
        raise Fault(
            "unclear-shape",
            "this product has other axes than the equation",
            span,
            "write the subscripts",
        )
    return reader.implicit
