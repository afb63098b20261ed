"""Windows contracted with a kernel, and the adjoints of that, as convolutions.

JAX has one; for NumPy the generated module brings three functions along, which work example by
example on a matrix of columns. An image has an axis of examples and one of features, a kernel one
of features and one of outputs; what a page lacks is inserted with length 1. Axes that image,
kernel and result share are groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from derivcheck.codegen.text import ATOM, Code, call, tuple_text
from derivcheck.expression import Affine, Index
from derivcheck.lowering.array import Array, Axes, Contract, Fold, Ratio, Unfold, Window

_SPATIAL = {1: "W", 2: "HW", 3: "DHW"}

Role: TypeAlias = Index | None
"""The letter of an axis; None where the page has no such axis."""
Roles: TypeAlias = tuple[tuple[Role, ...], tuple[Role, ...]]
"""The axes of an operand before its groups, and behind them as far as its places."""


class Operands(Protocol):
    """What a convolution needs of the printer."""

    @property
    def backend(self) -> str: ...
    def code(self, array: Array) -> Code: ...
    def transposed(self, array: Array, order: Axes) -> Code: ...
    def size(self, value: Affine) -> Code: ...


@dataclass(frozen=True)
class Convolution:
    """Σ over features and places of image · kernel, over examples, groups and outputs.

    `slid`, `summed` and `kept` are the letters of the places in the image, in the kernel and in the
    result; `axes` is the order of the result's letters.
    """

    image: Array
    kernel: Array
    axes: Axes
    groups: Axes
    examples: Role
    features: Role
    outputs: Role
    slid: Axes
    summed: Axes
    kept: Axes
    windows: tuple[Window, ...]


def of_contraction(array: Contract, printer: Operands) -> Code | None:
    """Windows contracted with a kernel at every stop, or at every place with what is at the stops.

    None where the contraction is something else.
    """
    for source, other in ((array.left, array.right), (array.right, array.left)):
        if not isinstance(source, Unfold) or source.lowest:
            continue
        slid = tuple(window.axis for window in source.windows)
        stops = tuple(window.position for window in source.windows)
        places = tuple(window.offset for window in source.windows)
        for summed, kept, write in ((places, stops, _forward), (stops, places, _by_kernel)):
            if set(summed) & set(array.axes) or not set(kept) <= set(array.axes):
                continue
            found = _convolution(
                (source.source, other, array), array.axes, (slid, summed, kept), source.windows
            )
            if found is not None:
                return write(found, printer)
    return None


def of_fold(array: Fold, printer: Operands) -> Code | None:
    """What is at the stops contracted with a kernel and added up where the windows lie.

    None where the fold is of something else.
    """
    match array.operand:
        case Contract(axes, left, right):
            pass
        case Ratio(axes, coefficient, (left, right), ()) if coefficient == 1:
            pass
        case _:
            return None
    slid = tuple(window.axis for window in array.windows)
    stops = tuple(window.position for window in array.windows)
    places = tuple(window.offset for window in array.windows)
    for image, kernel in ((left, right), (right, left)):
        found = _convolution((image, kernel, array), axes, (stops, places, slid), array.windows)
        if found is not None:
            return _transposed(found, printer)
    return None


def _convolution(
    arrays: tuple[Array, Array, Array],
    product: Axes,
    places: tuple[Axes, Axes, Axes],
    windows: tuple[Window, ...],
) -> Convolution | None:
    """The roles of the letters of image, kernel and result.

    `product` are the letters that the contraction keeps; the others of image and kernel are summed.
    """
    image, kernel, result = arrays
    slid, summed, _ = places
    if len(windows) not in _SPATIAL:
        return None
    if not (set(slid) <= set(image.axes) and set(summed) <= set(kernel.axes)):
        return None
    own = [index for index in image.axes if index not in slid]
    others = [index for index in kernel.axes if index not in summed]
    if {*own, *others} & {letter for letters in places for letter in letters}:
        return None
    examples = _only(index for index in own if index not in others)
    features = _only(index for index in own if index in others and index not in product)
    outputs = _only(index for index in others if index not in own)
    if examples is None or features is None or outputs is None:
        return None
    groups = tuple(index for index in own if index in others and index in product)
    roles = (groups, *examples, *features, *outputs)
    return Convolution(image, kernel, result.axes, *roles, *places, windows)


def _only(letters: Iterable[Index]) -> tuple[Role] | None:
    """The letter, or None in place of no letter; nothing for several."""
    found = tuple(letters)
    return ((found[0] if found else None),) if len(found) < 2 else None


# --- the three of them ----------------------------------------------------------------------------


def _forward(found: Convolution, printer: Operands) -> Code | None:
    windows = found.windows
    if printer.backend == "jax":
        return _general(found, printer, [w.stride for w in windows], [w.dilation for w in windows])
    examples, features, outputs = found.examples, found.features, found.outputs
    roles = (((examples,), (features,)), ((), (outputs, features)), ((examples,), (outputs,)))
    counts = [w.position.extent for w in windows]
    return _called("convolution", _geometry(found, printer, counts=counts), roles, found, printer)


def _by_kernel(found: Convolution, printer: Operands) -> Code | None:
    windows = found.windows
    if printer.backend == "jax":
        return _general(found, printer, [w.dilation for w in windows], [w.stride for w in windows])
    # What is summed here are the examples of the convolution of which this is an adjoint.
    examples, features, outputs = found.features, found.examples, found.outputs
    roles = (((examples,), (features,)), ((examples,), (outputs,)), ((), (outputs, features)))
    offsets = _geometry(found, printer, windows=[w.offset.extent for w in windows])
    return _called("kernel_cotangent", offsets, roles, found, printer)


def _transposed(found: Convolution, printer: Operands) -> Code | None:
    sizes = _geometry(found, printer, sizes=[w.axis.extent for w in found.windows])
    if printer.backend == "jax":
        return _in_jax("transposed_convolution", sizes, found, printer)
    examples, features, outputs = found.examples, found.features, found.outputs
    roles = (((examples,), (features,)), ((), (features, outputs)), ((examples,), (outputs,)))
    return _called("transposed_convolution", sizes, roles, found, printer)


def _general(
    found: Convolution, printer: Operands, strides: Sequence[Affine], dilations: Sequence[Affine]
) -> Code | None:
    """`conv_general_dilated`; the padding at the far end is what the result's size asks for."""
    paddings: list[str] = []
    for window, kept, summed, stride, dilation in zip(
        found.windows, found.kept, found.summed, strides, dilations, strict=True
    ):
        reach = stride * (Affine.of(kept.extent) - 1) + dilation * (Affine.of(summed.extent) - 1)
        high = reach + 1 - window.padding - window.axis.extent
        paddings.append(f"({printer.size(window.padding).text}, {printer.size(high).text})")
    arguments = [
        f"window_strides={_sizes(printer, strides)}",
        f"padding={tuple_text(paddings)}",
    ]
    if any(dilation.constant != 1 for dilation in dilations):
        arguments.append(f"rhs_dilation={_sizes(printer, dilations)}")
    return _in_jax("jax.lax.conv_general_dilated", arguments, found, printer)


# --- NumPy ----------------------------------------------------------------------------------------


def _called(
    name: str,
    geometry: Sequence[str],
    roles: tuple[Roles, Roles, Roles],
    found: Convolution,
    printer: Operands,
) -> Code:
    of_image, of_kernel, of_result = (
        (*before, *found.groups, *behind, *letters)
        for (before, behind), letters in zip(
            roles, (found.slid, found.summed, found.kept), strict=True
        )
    )
    code = call(
        name,
        _inserted(found.image, of_image, printer),
        _inserted(found.kernel, of_kernel, printer),
        *geometry,
    )
    if None in of_result:
        code = code.followed(_places(of_result, "0"))
    axes = tuple(index for index in of_result if index is not None)
    if axes == found.axes:
        return code
    order = ", ".join(str(axes.index(index)) for index in found.axes)
    return code.followed(f".transpose({order})")


def _inserted(array: Array, order: Sequence[Role], printer: Operands) -> str:
    code = printer.transposed(array, tuple(index for index in order if index is not None))
    return f"{code.at(ATOM)}{_places(order, 'None')}" if None in order else code.text


def _places(order: Sequence[Role], missing: str) -> str:
    """A subscript with something at the axes that the page lacks."""
    last = max(place for place, index in enumerate(order) if index is None)
    return f"[{', '.join(missing if i is None else ':' for i in order[: last + 1])}]"


def _geometry(found: Convolution, printer: Operands, **sizes: Sequence[Affine]) -> list[str]:
    """Keywords: the size that the result has along each window, and how the windows lie."""
    windows = found.windows
    geometry = sizes | {
        "strides": [w.stride for w in windows],
        "paddings": [w.padding for w in windows],
        "dilations": [w.dilation for w in windows],
    }
    return [
        f"{name}={_sizes(printer, values)}"
        for name, values in geometry.items()
        if name != "dilations" or any(value.constant != 1 for value in values)
    ]


def _sizes(printer: Operands, values: Sequence[Affine]) -> str:
    return tuple_text([printer.size(value).text for value in values])


# --- JAX ------------------------------------------------------------------------------------------


def _in_jax(
    name: str, arguments: Sequence[str], found: Convolution, printer: Operands
) -> Code | None:
    """The function where it has labels for all axes; over groups it is mapped."""
    if len(found.groups) > 1:
        return None
    spatial = _SPATIAL[len(found.windows)]
    labels: dict[Index, str] = {}
    for places in (found.slid, found.summed, found.kept):
        labels |= dict(zip(places, spatial, strict=True))
    operands: list[str] = []
    numbers: list[str] = []
    grouped: list[str] = []
    for axes, code, roles in (
        (found.image.axes, printer.code(found.image), {"N": found.examples, "C": found.features}),
        (found.kernel.axes, printer.code(found.kernel), {"O": found.outputs, "I": found.features}),
        (found.axes, None, {"N": found.examples, "C": found.outputs}),
    ):
        missing = [label for label, letter in roles.items() if letter is None]
        known = labels | {letter: label for label, letter in roles.items() if letter is not None}
        numbers.append("".join((*missing, *(known[i] for i in axes if i in known))))
        grouped.extend(str(axes.index(group) + len(missing)) for group in found.groups)
        if code is not None:
            new = f"{code.at(ATOM)}[{', '.join(['None'] * len(missing))}]" if missing else code.text
            operands.append(new)
    spelled = ", ".join(f'"{part}"' for part in numbers)
    arguments = [*operands, *arguments, f"dimension_numbers=({spelled})"]
    if grouped:
        first, second, result = grouped
        axes_of_groups = [f"in_axes=({first}, {second})", f"out_axes={result}"]
        code = call("grouped", name, *arguments[:2], *axes_of_groups, *arguments[2:])
    else:
        code = call(name, *arguments)
    gone = [role for role in (found.examples, found.outputs) if role is None]
    return code.followed(f"[{', '.join('0' for _ in gone)}]") if gone else code
