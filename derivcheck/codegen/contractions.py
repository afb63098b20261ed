"""Contractions as `@`, `vdot`, `vecdot`, `tensordot` or `einsum`, and as convolutions where they
are ones.

Where every letter is in both operands nothing is gained by a product of matrices: in JAX it is
written as a sum of products, which XLA computes together with what the operands are made of.
"""

from __future__ import annotations

from string import ascii_lowercase
from typing import Protocol

from derivcheck.codegen import convolutions
from derivcheck.codegen.text import ATOM, PRODUCT, UNARY, Code, call, raised, tuple_text
from derivcheck.expression import Affine, Index
from derivcheck.lowering.array import Arrange, Array, Axes, Contract, Fold, Variable


class Operands(Protocol):
    """What a contraction needs of the printer."""

    @property
    def backend(self) -> str: ...
    @property
    def np(self) -> str: ...
    def code(self, array: Array) -> Code: ...
    def transposed(self, array: Array, order: Axes) -> Code: ...
    def repeated(self, array: Array, axes: Axes) -> Code: ...
    def size(self, value: Affine) -> Code: ...


def contract(array: Contract, printer: Operands) -> Code:
    convolution = convolutions.of_contraction(array, printer)
    if convolution is not None:
        return convolution
    left, right = array.left, array.right
    shared = [index for index in left.axes if index in right.axes]
    gone = tuple(index for index in shared if index not in array.axes)
    batch = tuple(index for index in shared if index in array.axes)
    first = tuple(index for index in left.axes if index not in shared)
    second = tuple(index for index in right.axes if index not in shared)
    if not first and not second and printer.backend == "jax":
        return _sum_of_products(array, left, right, gone, printer)
    if second and array.axes[: len(batch)] == batch:
        # The operand whose letters lead the result stands on the left.
        leading = array.axes[len(batch)] if len(array.axes) > len(batch) else None
        if leading in second:
            left, right, first, second = right, left, second, first
    if not second and (*array.axes, *gone) == left.axes == right.axes and len(gone) == 1 and batch:
        return call("np.vecdot", printer.code(left).text, printer.code(right).text)
    if not batch:
        return _plain(array, left, right, gone, first, second, printer)
    wanted = (*batch, *first, *second)
    if len(first) == len(second) == len(gone) == 1 and array.axes == wanted:
        rows = _left(left, (*batch, *first, *gone), printer)
        columns = printer.transposed(right, (*batch, *gone, *second)).at(UNARY)
        return Code(f"{rows} @ {columns}", PRODUCT)
    return _einsum(array, left, right, printer)


def _plain(
    array: Contract,
    left: Array,
    right: Array,
    gone: Axes,
    first: Axes,
    second: Axes,
    printer: Operands,
) -> Code:
    """No letter is in both operands and in the result."""
    if not array.axes and len(gone) > 1:
        operands = printer.code(left).text, printer.transposed(right, left.axes).text
        return call(f"{printer.np}.vdot", *operands)
    if first and not second and len(gone) == 1 and left.axes == (*gone, *first):
        # XLA for CPUs is slow with a matrix that is turned to meet a vector on its right.
        code = Code(f"{_left(right, gone, printer)} @ {printer.code(left).at(UNARY)}", PRODUCT)
    elif len(gone) == 1 and len(second) <= 1 and (len(first) <= 1 or left.axes[-1] == gone[0]):
        rows = _left(left, (*first, *gone), printer)
        columns = printer.transposed(right, (*gone, *second)).at(UNARY)
        code = Code(f"{rows} @ {columns}", PRODUCT)
    else:
        axes = (
            tuple_text([str(left.axes.index(index)) for index in gone]),
            tuple_text([str(right.axes.index(index)) for index in gone]),
        )
        operands = printer.code(left).text, printer.code(right).text
        code = call(f"{printer.np}.tensordot", *operands, f"axes={tuple_text(axes)}")
    result = (*first, *second)
    if result == array.axes:
        return code
    return printer.transposed(Variable(result, code.at(ATOM)), array.axes)


def _sum_of_products(
    array: Contract, left: Array, right: Array, gone: Axes, printer: Operands
) -> Code:
    if left == right:
        product = raised(printer.code(left), Code("2"))
    else:
        other = printer.transposed(right, left.axes)
        product = Code(f"{printer.code(left).at(UNARY)} * {other.at(UNARY)}", PRODUCT)
    axes = [str(left.axes.index(index)) for index in gone]
    inside = "" if not array.axes else f"axis={axes[0] if len(axes) == 1 else tuple_text(axes)}"
    code = Code(f"{product.at(ATOM)}.sum({inside})")
    kept = tuple(index for index in left.axes if index not in gone)
    return printer.transposed(Variable(kept, code.text), array.axes)


def _left(array: Array, order: Axes, printer: Operands) -> str:
    """The left operand of `@`; only a chain of `@` goes without brackets."""
    level = PRODUCT if isinstance(array, Contract) else UNARY
    return printer.transposed(array, order).at(level)


def _einsum(array: Contract, left: Array, right: Array, printer: Operands) -> Code:
    letters: dict[Index, str] = {}
    spare = list(ascii_lowercase)
    for index in (*array.axes, *left.axes, *right.axes):
        if index not in letters:
            plain = index.name if index.name in spare else spare[0]
            letters[index] = plain
            spare.remove(plain)

    def spell(axes: Axes) -> str:
        return "".join(letters[index] for index in axes)

    subscripts = f'"{spell(left.axes)},{spell(right.axes)}->{spell(array.axes)}"'
    operands = printer.code(left).text, printer.code(right).text
    return call(f"{printer.np}.einsum", subscripts, *operands)


def fold(array: Fold, printer: Operands) -> Code:
    convolution = convolutions.of_fold(array, printer)
    if convolution is not None:
        return convolution
    windows = array.windows
    positions = {window.axis: window.position for window in windows}
    places = tuple(positions.get(index, index) for index in array.axes)
    order = (*places, *(window.offset for window in windows))
    operand = array.operand
    values = (
        printer.repeated(operand.operand, order)
        if isinstance(operand, Arrange)
        else printer.transposed(operand, order)
    )
    arguments = [
        values.text,
        f"axes={tuple_text([str(array.axes.index(w.axis)) for w in windows])}",
        f"sizes={_sizes(printer, [w.axis.extent for w in windows])}",
        f"strides={_sizes(printer, [w.stride for w in windows])}",
        f"paddings={_sizes(printer, [w.padding for w in windows])}",
    ]
    if any(window.dilation.constant != 1 for window in windows):
        arguments.append(f"dilations={_sizes(printer, [w.dilation for w in windows])}")
    return call("fold", *arguments)


def _sizes(printer: Operands, values: list[Affine]) -> str:
    return tuple_text([printer.size(value).text for value in values])
