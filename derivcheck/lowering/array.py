"""Array programs: expressions over whole arrays whose axes are index letters.

An `Array` is a value with one axis for every index in `axes`, in that order. Where operands have
different axes they are aligned by index, not by position; to transpose and to insert axes is a
matter of printing. Every node names its axes first, so that two nodes which differ only in their
letters have equal `key`s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import TypeAlias, cast

from derivcheck.expression import Affine, Index, Parameter

Axes: TypeAlias = tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    axes: Axes
    value: Fraction


@dataclass(frozen=True, slots=True)
class Size:
    """A Python integer made of extents and statics."""

    axes: Axes
    value: Affine


@dataclass(frozen=True, slots=True)
class Variable:
    """A named array: an input, a cotangent, or the result of an earlier assignment."""

    axes: Axes
    name: str


@dataclass(frozen=True, slots=True)
class Lattice:
    """The integers that an affine subscript takes."""

    axes: Axes
    value: Affine


@dataclass(frozen=True, slots=True)
class Cast:
    """A mask or integers as numbers of the program's floating type."""

    axes: Axes
    operand: Array


@dataclass(frozen=True, slots=True)
class Compare:
    """A mask; `relation` is `==`, `>=`, `>`, `<` or `!=`."""

    axes: Axes
    relation: str
    left: Array
    right: Array


@dataclass(frozen=True, slots=True)
class Every:
    """The conjunction of masks."""

    axes: Axes
    operands: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Not:
    axes: Axes
    operand: Array


@dataclass(frozen=True, slots=True)
class Where:
    """`value` where the mask holds, else `otherwise` (None is −∞).

    `product` says that `otherwise` is 0 and `value` finite wherever arguments are: then their
    product with the mask is the same.
    """

    axes: Axes
    mask: Array
    value: Array
    otherwise: Array | None
    product: bool = False


@dataclass(frozen=True, slots=True)
class Total:
    """A sum of signed terms; a sign is 1 or −1."""

    axes: Axes
    terms: tuple[tuple[int, Array], ...]


@dataclass(frozen=True, slots=True)
class Ratio:
    """coefficient · Π numerators / Π denominators, elementwise."""

    axes: Axes
    coefficient: Fraction
    numerators: tuple[Array, ...]
    denominators: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Raised:
    axes: Axes
    base: Array
    exponent: Array


@dataclass(frozen=True, slots=True)
class Call:
    """A scalar function, elementwise, by its name in `expression.Function`.

    Besides those: `sqrt`, `expm1`, `log1p`, and `pi`, which has no arguments.
    """

    axes: Axes
    function: str
    arguments: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Reduce:
    """A reduction `over` axes of the operand: `sum`, `mean`, `prod`, `max` or `logsumexp`."""

    axes: Axes
    operation: str
    over: Axes
    operand: Array


@dataclass(frozen=True, slots=True)
class Softmax:
    """e^x / Σ e^x over axes that stay, or its logarithm."""

    axes: Axes
    over: Axes
    logarithm: bool
    operand: Array


@dataclass(frozen=True, slots=True)
class Contract:
    """Σ left · right over the axes of both that are not in `axes`; every other axis is kept."""

    axes: Axes
    left: Array
    right: Array


@dataclass(frozen=True, slots=True)
class Reshape:
    """The operand's entries in their order, over other axes: an axis of CHW places as C, H and W,
    or the other way round."""

    axes: Axes
    operand: Array


Source: TypeAlias = Variable | Reshape


@dataclass(frozen=True, slots=True)
class Take:
    """`source` at integer arrays, one for each of its axes, all of them in range."""

    axes: Axes
    source: Source
    subscripts: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """source[stride · position + dilation · offset − padding] along one axis of an array."""

    axis: Index
    position: Index
    offset: Index
    stride: Affine
    dilation: Affine
    padding: Affine


@dataclass(frozen=True, slots=True)
class Unfold:
    """The windows of an array: each window's axis becomes its position and offset.

    Outside the array there are zeros, or −∞ where the `lowest` are asked for.
    """

    axes: Axes
    source: Source
    windows: tuple[Window, ...]
    lowest: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """The adjoint of `Unfold`: every entry is added where its window took it from."""

    axes: Axes
    operand: Array
    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """Layers side by side along `axis`, one for each of its places, all with one set of axes."""

    axes: Axes
    axis: Index
    layers: tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class Arrange:
    """The operand with its axes in this order, repeated along those it lacks."""

    axes: Axes
    operand: Array


@dataclass(frozen=True, slots=True)
class Part:
    """A box of the source: as many places of an axis as the index there has, from its start; one
    place alone where no index stands."""

    axes: Axes
    source: Variable
    starts: tuple[Affine, ...]
    letters: tuple[Index | None, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """A name for the entries of an array at the number of a step and `place` more on its first
    axis; `carried` if another step has computed them."""

    name: str
    array: str
    place: int
    carried: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """What one step computes: a slice, with the line of the page, or a value in between."""

    name: str
    value: Array
    formula: str


@dataclass(frozen=True, slots=True)
class Filled:
    """An array that a loop computes: its shape, where a step writes, and what stands at `first`
    from the start (None is 0), which is None for an array that starts from nothing."""

    name: str
    extents: tuple[Affine, ...]
    place: int
    first: Affine | None
    start: Array | None


@dataclass(frozen=True, slots=True)
class Loop:
    """`count` steps one after the other, from the last one backwards if so said."""

    letter: str
    count: Affine
    backwards: bool
    filled: tuple[Filled, ...]
    slices: tuple[Slice, ...]
    steps: tuple[Taken, ...]


@dataclass(frozen=True, slots=True)
class Recur:
    """One of the arrays of a loop; `reads` are the arrays outside that the loop needs."""

    axes: Axes
    name: str
    loop: Loop
    reads: tuple[Array, ...]


Array: TypeAlias = (
    Constant
    | Part
    | Recur
    | Size
    | Variable
    | Lattice
    | Cast
    | Compare
    | Every
    | Not
    | Where
    | Total
    | Ratio
    | Raised
    | Call
    | Reduce
    | Softmax
    | Contract
    | Reshape
    | Take
    | Unfold
    | Fold
    | Stack
    | Arrange
)

ONE = Constant((), Fraction(1))


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
