"""Array programs as trees: their nodes, the sizes they mention, and when two are the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import TypeAlias, cast

from derivcheck.expression import Affine, Index, Parameter
from derivcheck.lowering.array import (
    Arrange,
    Array,
    Call,
    Cast,
    Compare,
    Constant,
    Contract,
    Every,
    Fold,
    Lattice,
    Not,
    Part,
    Raised,
    Ratio,
    Recur,
    Reduce,
    Reshape,
    Size,
    Softmax,
    Stack,
    Take,
    Total,
    Unfold,
    Variable,
    Where,
    Window,
)


def operands(array: Array) -> tuple[Array, ...]:
    """The arrays that this one is computed from."""
    match array:
        case Constant() | Size() | Variable() | Lattice():
            return ()
        case Cast(_, operand) | Not(_, operand) | Reduce(_, _, _, operand):
            return (operand,)
        case Softmax(_, _, _, operand) | Fold(_, operand, _):
            return (operand,)
        case Arrange(_, operand) | Reshape(_, operand):
            return (operand,)
        case Compare(_, _, left, right) | Contract(_, left, right):
            return (left, right)
        case Every(_, parts) | Stack(_, _, parts):
            return parts
        case Where(_, mask, value, otherwise):
            return (mask, value) if otherwise is None else (mask, value, otherwise)
        case Total(_, terms):
            return tuple(term for _, term in terms)
        case Ratio(_, _, numerators, denominators):
            return (*numerators, *denominators)
        case Raised(_, base, exponent):
            return (base, exponent)
        case Call(_, _, arguments):
            return arguments
        case Take(_, source, subscripts):
            return (source, *subscripts)
        case Unfold(_, source) | Part(_, source):
            return (source,)
        case Recur(_, _, _, reads):
            return reads


def replace_operands(array: Array, new: Callable[[Array], Array]) -> Array:
    """The same operation on mapped operands, which keep their axes."""
    match array:
        case Constant() | Size() | Variable() | Lattice():
            return array
        case Cast(axes, operand):
            return Cast(axes, new(operand))
        case Not(axes, operand):
            return Not(axes, new(operand))
        case Reduce(axes, operation, over, operand):
            return Reduce(axes, operation, over, new(operand))
        case Softmax(axes, over, logarithm, operand):
            return Softmax(axes, over, logarithm, new(operand))
        case Fold(axes, operand, windows):
            return Fold(axes, new(operand), windows)
        case Arrange(axes, operand):
            return Arrange(axes, new(operand))
        case Reshape(axes, operand):
            return Reshape(axes, new(operand))
        case Compare(axes, relation, left, right):
            return Compare(axes, relation, new(left), new(right))
        case Contract(axes, left, right):
            return Contract(axes, new(left), new(right))
        case Every(axes, parts):
            return Every(axes, tuple(map(new, parts)))
        case Stack(axes, axis, parts):
            return Stack(axes, axis, tuple(map(new, parts)))
        case Where(axes, mask, value, otherwise, product):
            other = None if otherwise is None else new(otherwise)
            return Where(axes, new(mask), new(value), other, product)
        case Total(axes, terms):
            return Total(axes, tuple((sign, new(term)) for sign, term in terms))
        case Ratio(axes, coefficient, numerators, denominators):
            above, below = tuple(map(new, numerators)), tuple(map(new, denominators))
            return Ratio(axes, coefficient, above, below)
        case Raised(axes, base, exponent):
            return Raised(axes, new(base), new(exponent))
        case Call(axes, function, arguments):
            return Call(axes, function, tuple(map(new, arguments)))
        case Take(axes, source, subscripts):
            return Take(axes, source, tuple(map(new, subscripts)))
        case Unfold() | Part() | Recur():
            return array


def walk(array: Array) -> Iterator[Array]:
    """Every node, parents first."""
    stack = [array]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(operands(node)))


def is_number(array: Array) -> bool:
    """Whether the value is a plain Python number, which takes the type of the array it meets."""
    match array:
        case Constant() | Size():
            return True
        case Total() | Ratio() | Raised() | Call():
            return all(map(is_number, operands(array)))
        case _:
            return False


def sizes(array: Array) -> Iterator[Affine]:
    """The integer polynomials that the node itself needs when it is computed."""
    match array:
        case Size(_, value):
            yield value
        case Lattice(axes, value):
            yield value
            yield from (axis.extent for axis in axes)
        case Unfold(windows=windows) | Fold(windows=windows):
            for window in windows:
                yield from (window.axis.extent, window.position.extent, window.offset.extent)
                yield from (window.stride, window.dilation, window.padding)
        case Reshape(axes, _):
            yield from (axis.extent for axis in axes)
        case Part(_, source, starts, letters):
            for letter, whole, start in zip(letters, source.axes, starts, strict=True):
                yield start
                if letter is not None and (whole.extent - start - letter.extent).constant is None:
                    yield start + letter.extent
        case Recur(_, _, loop, _):
            yield loop.count
            for filled in loop.filled:
                yield from filled.extents
        case Arrange(axes, operand):
            if set(axes) != set(operand.axes):
                yield from (axis.extent for axis in axes)
        case _:
            return


def needed_parameters(arrays: Iterable[Array]) -> tuple[Parameter, ...]:
    """The extents and statics that the computation itself mentions, in the order of occurrence."""
    found: dict[Parameter, None] = {}
    for array in arrays:
        for node in walk(array):
            for size in sizes(node):
                found.update(dict.fromkeys(a for a in size.atoms() if isinstance(a, Parameter)))
    return tuple(found)


Key: TypeAlias = tuple[object, ...]


def key(array: Array) -> Key:
    """Equal for arrays that differ only in the letters of their indices."""
    numbers: dict[Index, int] = {}

    def visit(part: object) -> object:
        if isinstance(part, Index):
            return ("index", numbers.setdefault(part, len(numbers)), visit(part.extent))
        if isinstance(part, Affine):
            return tuple(
                sorted((repr(sorted(repr(visit(a)) for a in term)), c) for term, c in part.terms)
            )
        if isinstance(part, tuple):
            return tuple(map(visit, cast("tuple[object, ...]", part)))
        if isinstance(part, Array):
            inside = (visit(getattr(part, field.name)) for field in fields(part))
            return (type(part).__name__, *inside)
        if isinstance(part, Window):
            return tuple(visit(getattr(part, field.name)) for field in fields(part))
        return part

    return cast("Key", visit(array))
