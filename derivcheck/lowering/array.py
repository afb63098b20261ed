"""Array programs: expressions over whole arrays whose axes are index letters.

An `Array` is a value with one axis for every index in `axes`, in that order. Where operands have
different axes they are aligned by index, not by position; to transpose and to insert axes is a
matter of printing. Every node names its axes first, so that two nodes which differ only in their
letters have equal `key`s.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from derivcheck.expression import Affine, Index

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
