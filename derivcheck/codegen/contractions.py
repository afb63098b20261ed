"""Contractions as `@`, `vdot`, `tensordot` or `einsum`; convolutions where JAX has them."""

from __future__ import annotations

from string import ascii_lowercase
from typing import Protocol

from derivcheck.codegen.text import ATOM, PRODUCT, UNARY, Code, call, tuple_text
from derivcheck.expression import Affine, Index
from derivcheck.lowering.array import Array, Axes, Contract, Fold, Unfold, Variable


class Operands(Protocol):
    """What a contraction needs of the printer."""

    @property
    def backend(self) -> str: ...
    @property
    def np(self) -> str: ...
    def code(self, array: Array) -> Code: ...
    def transposed(self, array: Array, order: Axes) -> Code: ...
    def size(self, value: Affine) -> Code: ...


def contract(array: Contract, printer: Operands) -> Code:
    if printer.backend == "jax":
        convolution = _correlation(array, printer)
        if convolution is not None:
            return convolution
    left, right = array.left, array.right
    shared = [index for index in left.axes if index in right.axes]
    gone = tuple(index for index in shared if index not in array.axes)
    batch = tuple(index for index in shared if index in array.axes)
    first = tuple(index for index in left.axes if index not in shared)
    second = tuple(index for index in right.axes if index not in shared)
    if second and array.axes[: len(batch)] == batch:
        # The operand whose letters lead the result stands on the left.
        leading = array.axes[len(batch)] if len(array.axes) > len(batch) else None
        if leading in second:
            left, right, first, second = right, left, second, first
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
    if len(gone) == 1 and len(second) <= 1 and (len(first) <= 1 or left.axes[-1] == gone[0]):
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


# --- convolutions -------------------------------------------------------------------------------

_SPATIAL = {1: "W", 2: "HW", 3: "DHW"}


def _correlation(array: Contract, printer: Operands) -> Code | None:
    """A window contracted with a kernel, either along its offsets or along its positions."""
    source, kernel = array.left, array.right
    if not isinstance(source, Unfold):
        source, kernel = kernel, source
    if not isinstance(source, Unfold) or len(source.windows) not in _SPATIAL:
        return None
    spatial = _SPATIAL[len(source.windows)]
    gone = {i for i in source.axes if i in kernel.axes and i not in array.axes}
    labels: dict[Index, str] = {}
    strides: list[str] = []
    dilations: list[str] = []
    paddings: list[str] = []
    for letter, window in zip(spatial, source.windows, strict=True):
        along_offset = window.offset in gone and window.position in array.axes
        along_position = window.position in gone and window.offset in array.axes
        kept, summed = window.position, window.offset
        stride, dilation = window.stride, window.dilation
        if along_position:
            kept, summed, stride, dilation = summed, kept, dilation, stride
        if not (along_offset or along_position) or kept in kernel.axes:
            return None
        labels |= {window.axis: letter, kept: letter, summed: letter}
        strides.append(printer.size(stride).text)
        dilations.append(printer.size(dilation).text)
        low = printer.size(window.padding).text
        reach = stride * (Affine.of(kept.extent) - 1) + dilation * (Affine.of(summed.extent) - 1)
        high = printer.size(reach + 1 - window.padding - window.axis.extent).text
        paddings.append(f"({low}, {high})")
    plain = [index for index in source.source.axes if index not in labels]
    batch = [index for index in plain if index not in kernel.axes]
    features = [index for index in plain if index in gone]
    outputs = [index for index in kernel.axes if index not in labels and index not in gone]
    if not len(batch) == len(features) == len(outputs) == 1 or len(plain) != 2:
        return None
    numbers = (
        "".join(labels.get(i) or ("N" if i in batch else "C") for i in source.source.axes),
        "".join(labels.get(i) or ("O" if i in outputs else "I") for i in kernel.axes),
        "".join(labels.get(i) or ("N" if i in batch else "C") for i in array.axes),
    )
    return _convolution(
        source.source.name,
        printer.code(kernel).text,
        f"window_strides={tuple_text(strides)}",
        f"padding={tuple_text(paddings)}",
        *([f"rhs_dilation={tuple_text(dilations)}"] if set(dilations) != {"1"} else []),
        numbers=numbers,
    )


def fold(array: Fold, printer: Operands) -> Code:
    if printer.backend == "jax":
        convolution = _transposed_convolution(array, printer)
        if convolution is not None:
            return convolution
    positions = {window.axis: window.position for window in array.windows}
    places = tuple(positions.get(index, index) for index in array.axes)
    order = (*places, *(window.offset for window in array.windows))
    windows = array.windows
    return call(
        "fold",
        printer.transposed(array.operand, order).text,
        f"axes={tuple_text([str(array.axes.index(w.axis)) for w in windows])}",
        f"sizes={_sizes(printer, [w.axis.extent for w in windows])}",
        f"strides={_sizes(printer, [w.stride for w in windows])}",
        f"paddings={_sizes(printer, [w.padding for w in windows])}",
    )


def _transposed_convolution(array: Fold, printer: Operands) -> Code | None:
    """Σ over output features and positions of Ȳ[u] K[i + p − t·u]: the kernel turned round."""
    operand = array.operand
    if not isinstance(operand, Contract) or len(array.windows) not in _SPATIAL:
        return None
    incoming, kernel = operand.left, operand.right
    positions = [window.position for window in array.windows]
    offsets = [window.offset for window in array.windows]
    if positions[0] in kernel.axes:
        incoming, kernel = kernel, incoming
    if not set(positions) <= set(incoming.axes) or not set(offsets) <= set(kernel.axes):
        return None
    if set(positions) & set(kernel.axes) or set(offsets) & set(incoming.axes):
        return None
    labels: dict[Index, str] = {}
    for letter, window in zip(_SPATIAL[len(array.windows)], array.windows, strict=True):
        labels |= {window.axis: letter, window.position: letter, window.offset: letter}
    gone = [i for i in incoming.axes if i in kernel.axes and i not in operand.axes]
    batch = [i for i in incoming.axes if i not in labels and i not in kernel.axes]
    outputs = [i for i in kernel.axes if i not in labels and i not in incoming.axes]
    spare = [i for i in incoming.axes if i in kernel.axes and i in operand.axes]
    if not len(gone) == len(batch) == len(outputs) == 1 or spare:
        return None
    numbers = (
        "".join(labels.get(i) or ("N" if i in batch else "C") for i in incoming.axes),
        "".join(labels.get(i) or ("O" if i in outputs else "I") for i in kernel.axes),
        "".join(labels.get(i) or ("N" if i in batch else "C") for i in array.axes),
    )
    turned = ", ".join("::-1" if index in offsets else ":" for index in kernel.axes)
    windows = array.windows
    # Not `lhs_dilation`: XLA's simplifier for CPUs aborts on a dilated operand under a reversed
    # kernel (jax 0.10, 3×6 inputs, a 3×2 kernel, stride 2); one that is padded before is safe.
    spread = call(
        "spread",
        printer.code(incoming).text,
        f"axes={tuple_text([str(incoming.axes.index(w.position)) for w in windows])}",
        f"sizes={_sizes(printer, [w.axis.extent for w in windows])}",
        f"windows={_sizes(printer, [w.offset.extent for w in windows])}",
        f"strides={_sizes(printer, [w.stride for w in windows])}",
        f"paddings={_sizes(printer, [w.padding for w in windows])}",
    )
    return _convolution(
        spread.text,
        f"{printer.code(kernel).at(ATOM)}[{turned}]",
        f"window_strides={tuple_text(['1'] * len(windows))}",
        'padding="VALID"',
        numbers=numbers,
    )


def _sizes(printer: Operands, values: list[Affine]) -> str:
    return tuple_text([printer.size(value).text for value in values])


def _convolution(*arguments: str, numbers: tuple[str, str, str]) -> Code:
    spelled = ", ".join(f'"{part}"' for part in numbers)
    return call("jax.lax.conv_general_dilated", *arguments, f"dimension_numbers=({spelled})")
