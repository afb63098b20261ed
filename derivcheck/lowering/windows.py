"""Subscripts that slide: X[t·u + r − p] as a window, and sums over windows as their adjoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from derivcheck.expression import (
    Affine,
    Entry,
    Expression,
    Guard,
    Index,
    Parameter,
    Sum,
    Tensor,
    digits,
    free_indices,
    fresh,
    multiply,
    size,
    substitute,
    walk,
    within,
)
from derivcheck.lowering.array import Axes, Part, Variable, Window
from derivcheck.lowering.bounds import surely_nonnegative, surely_positive
from derivcheck.lowering.rewriting import factors_of


@dataclass(frozen=True)
class Declared:
    """What a page says of its integers: which `derived` sizes follow from others, and which
    `statics` it declares, in its order."""

    derived: frozenset[Parameter] = frozenset()
    statics: tuple[Parameter, ...] = ()

    def oriented(self, window: Window) -> Window:
        """The window with its many stops as positions and its few places as offsets.

        The array program means the same either way; which is which decides how fast it runs. A
        number of stops follows from other sizes; a stride is at least as long as the distance of
        two places; and of two steps of any length the stride is declared first.
        """
        turned = Window(
            window.axis,
            window.offset,
            window.position,
            window.dilation,
            window.stride,
            window.padding,
        )
        follows = [self._follows(letter.extent) for letter in (window.position, window.offset)]
        if follows[0] != follows[1]:
            return window if follows[0] else turned
        if window.stride != window.dilation:
            if surely_nonnegative(window.stride - window.dilation):
                return window
            if surely_nonnegative(window.dilation - window.stride):
                return turned
            ranks = [self._rank(step) for step in (window.stride, window.dilation)]
            if ranks[0] != ranks[1]:
                return window if ranks[0] < ranks[1] else turned
        letters = (window.position, window.offset)
        first, _ = sorted(letters, key=lambda letter: (letter.serial > 0, letter.name))
        return window if first == window.position else turned

    def _follows(self, extent: Affine) -> bool:
        atom = extent.atom
        return atom is None or atom in self.derived

    def _rank(self, step: Affine) -> int:
        """The place among the statics of the first that occurs in the step."""
        atoms = set(step.atoms())
        places = (place for place, static in enumerate(self.statics) if static in atoms)
        return next(places, len(self.statics))


def axis_of(tensor: Tensor, position: int) -> Index:
    """A letter for an axis of a tensor whose own subscript there is not one."""
    return Index(f"axis{position}", tensor.extents[position], -1 - position)


def is_plain(entry: Entry) -> bool:
    """Whether every subscript is a letter of its own with the range of its axis."""
    letters = [subscript.index for subscript in entry.subscripts]
    return len(set(letters)) == len(letters) and all(
        letter is not None and letter.extent == extent
        for letter, extent in zip(letters, entry.tensor.extents, strict=True)
    )


def part_of(entry: Entry, name: str) -> Part | None:
    """Entries one after the other, all of them on their axes, as a part of the array's."""
    letters: list[Index | None] = []
    starts: list[Affine] = []
    for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True):
        inside = list(subscript.indices())
        letter = inside[0] if len(inside) == 1 else None
        start = subscript - letter if letter is not None else subscript
        if any(True for _ in start.indices()) or not (
            surely_nonnegative(start) and surely_nonnegative(extent - subscript - 1)
        ):
            return None
        letters.append(letter)
        starts.append(start)
    axes = tuple(letter for letter in letters if letter is not None)
    if len(set(axes)) < len(axes):
        return None
    labels = tuple(axis_of(entry.tensor, n) for n in range(entry.tensor.rank))
    return Part(axes, Variable(labels, name), tuple(starts), tuple(letters))


def split_axes(entry: Entry) -> Entry:
    """The entry of the reshaped tensor, with an axis for every digit of a one-to-one index map."""
    extents: list[Affine] = []
    subscripts: list[Affine] = []
    for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True):
        parts = digits(subscript) if len(subscript.terms) > 1 else None
        if parts is not None and size(parts) == extent:
            extents.extend(part.extent for part in parts)
            subscripts.extend(map(Affine.of, parts))
        else:
            extents.append(extent)
            subscripts.append(subscript)
    return Entry(replace(entry.tensor, extents=tuple(extents)), tuple(subscripts))


def window_of(entry: Entry, sizes: Declared) -> tuple[Axes, Axes, tuple[Window, ...]] | None:
    """The axes of the unfolded entry, the labels of its source, and its windows, if it has any.

    Every subscript must be a letter of its own or stride · position + dilation · offset − padding
    with two letters of its own and factors that are surely ≥ 1.
    """
    labels: list[Index] = []
    kept: list[Index] = []
    windows: list[Window] = []
    for place, subscript in enumerate(entry.subscripts):
        extent = entry.tensor.extents[place]
        letter = subscript.index
        if letter is not None and letter.extent == extent:
            labels.append(letter)
            kept.append(letter)
            continue
        window = _window(subscript, axis_of(entry.tensor, place), sizes)
        if window is None:
            return None
        labels.append(window.axis)
        kept.append(window.position)
        windows.append(window)
    axes = (*kept, *(window.offset for window in windows))
    if not windows or len(set(axes)) != len(axes):
        return None
    return axes, tuple(labels), tuple(windows)


def _window(subscript: Affine, axis: Index, sizes: Declared) -> Window | None:
    letters = tuple(dict.fromkeys(subscript.indices()))
    if len(letters) != 2:
        return None
    first, second = letters
    slopes = {letter: subscript.coefficient(letter) for letter in letters}
    rest = subscript
    for letter, slope in slopes.items():
        if not surely_positive(slope) or next(slope.indices(), None) is not None:
            return None
        rest = rest - Affine.of(letter) * slope
    return sizes.oriented(Window(axis, first, second, slopes[first], slopes[second], -rest))


def ranges_of(entry: Entry) -> tuple[Expression, ...]:
    """The conditions under which the subscripts that slide are on their axes."""
    conditions = (
        within(subscript, extent)
        for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True)
        if subscript.index is None or subscript.index.extent != extent
    )
    return tuple(part for condition in conditions for part in factors_of(condition))


def opened(expression: Expression) -> tuple[list[Index], Expression]:
    """The indices of sums of sums, the outermost first, and what they sum."""
    over: list[Index] = []
    while isinstance(expression, Sum):
        over.append(expression.index)
        expression = expression.body
    return over, expression


def foldable(
    body: Expression, over: Sequence[Index], scope: Axes
) -> tuple[Expression, list[Index], tuple[Window, ...]] | None:
    """Σ_u A_u K[i + p − t·u] as a fold: the body in terms of r = i + p − t·u, the indices that are
    still summed, and the windows.

    `K` zero-extends, or a pair of guards says where r runs; i is free, u is summed and p is never
    negative. The windows' axes are the letters i.
    """
    over, body = _past_guards(over, body)
    found = _kernel_fold(factors_of(body), over, scope) or _guarded_fold(
        factors_of(body), over, scope
    )
    if found is None:
        return None
    body, windows = found
    positions = {window.position for window in windows}
    return body, [index for index in over if index not in positions], windows


def _past_guards(over: Sequence[Index], body: Expression) -> tuple[list[Index], Expression]:
    """Σ_t [c_t] Σ_v … as Σ_t Σ_v [c_t] …: the windows of several axes are folded together."""
    guards = [factor for factor in factors_of(body) if isinstance(factor, Guard)]
    rest = [factor for factor in factors_of(body) if not isinstance(factor, Guard)]
    if guards and len(rest) == 1 and isinstance(rest[0], Sum):
        inner, inside = opened(rest[0])
        return _past_guards([*over, *inner], multiply(*guards, inside))
    return list(over), body


def _kernel_fold(
    factors: Sequence[Expression], over: Sequence[Index], scope: Axes
) -> tuple[Expression, tuple[Window, ...]] | None:
    for place, factor in enumerate(factors):
        if not isinstance(factor, Entry):
            continue
        others = (*factors[:place], *factors[place + 1 :])
        found = _fold(factor, over, scope)
        if found is None:
            continue
        kernel, windows = found
        elsewhere = {index for other in others for index in free_indices(other)}
        covered = elsewhere.union(free_indices(kernel))
        if any(w.axis in elsewhere or w.position not in covered for w in windows):
            continue
        return multiply(*factors[:place], kernel, *factors[place + 1 :]), windows
    return None


def _guarded_fold(
    factors: Sequence[Expression], over: Sequence[Index], scope: Axes
) -> tuple[Expression, tuple[Window, ...]] | None:
    """Σ_u A_u B_i [0 ≤ i + p − t·u < R]: every term is added where its window of R places lies."""
    windows: list[Window] = []
    left = list(factors)
    for low in factors:
        for high in factors:
            if not (isinstance(low, Guard) and isinstance(high, Guard)):
                continue
            extent = low.value + high.value + 1
            if next(extent.indices(), None) is not None or not surely_positive(extent):
                continue
            window = _adjoint_window(low.value, extent, over, scope)
            taken = {letter for w in windows for letter in (w.axis, w.position)}
            if window is not None and taken.isdisjoint((window.axis, window.position)):
                windows.append(window)
                left = [factor for factor in left if factor not in (low, high)]
    if not windows:
        return None
    places = {w.axis: Affine.of(w.position) * w.stride + w.offset - w.padding for w in windows}
    body = substitute(multiply(*left), places)
    letters = {index for window in windows for index in (window.position, window.offset)}
    regular = all(
        is_plain(node) or window_of(node, Declared()) is not None
        for node in walk(body)
        if isinstance(node, Entry) and not letters.isdisjoint(free_indices(node))
    )
    summed = all(window.position in free_indices(body) for window in windows)
    return (body, tuple(windows)) if regular and summed else None


def _fold(
    entry: Entry, over: Sequence[Index], scope: Axes
) -> tuple[Entry, tuple[Window, ...]] | None:
    subscripts: list[Affine] = []
    windows: list[Window] = []
    letters: list[Index] = []
    for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True):
        letter = subscript.index
        if letter is not None and letter.extent == extent:
            subscripts.append(subscript)
            letters.append(letter)
            continue
        window = _adjoint_window(subscript, extent, over, scope)
        if window is None:
            return None
        windows.append(window)
        letters.append(window.axis)
        subscripts.append(Affine.of(window.offset))
    positions = {window.position for window in windows}
    if not windows or len(positions) != len(windows) or len(set(letters)) != len(letters):
        return None
    return Entry(entry.tensor, tuple(subscripts)), tuple(windows)


def _adjoint_window(
    subscript: Affine, extent: Affine, over: Sequence[Index], scope: Axes
) -> Window | None:
    letters = tuple(dict.fromkeys(subscript.indices()))
    if len(letters) != 2:
        return None
    axis, position = letters if letters[1] in over else (letters[1], letters[0])
    if axis in over or axis not in scope or position not in over:
        return None
    stride = -subscript.coefficient(position)
    padding = subscript - axis + Affine.of(position) * stride
    if subscript.coefficient(axis).constant != 1 or next(padding.indices(), None) is not None:
        return None
    if not surely_positive(stride) or not surely_nonnegative(padding):
        return None
    offset = fresh(Index("r", extent))
    return Window(axis, position, offset, stride, Affine.of(1), padding)
