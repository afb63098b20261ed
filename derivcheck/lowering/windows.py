"""Subscripts that slide: X[t·u + r − p] as a window, and sums over windows as their adjoint."""

from __future__ import annotations

from collections.abc import Sequence

from derivcheck.expression import (
    Affine,
    Entry,
    Expression,
    Index,
    Tensor,
    free_indices,
    fresh,
    multiply,
)
from derivcheck.lowering.array import Axes, Window
from derivcheck.lowering.bounds import surely_nonnegative, surely_positive
from derivcheck.lowering.rewriting import factors_of


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


def window_of(entry: Entry) -> tuple[Axes, Axes, tuple[Window, ...]] | None:
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
        window = _window(subscript, axis_of(entry.tensor, place))
        if window is None:
            return None
        labels.append(window.axis)
        kept.append(window.position)
        windows.append(window)
    axes = (*kept, *(window.offset for window in windows))
    if not windows or len(set(axes)) != len(axes):
        return None
    return axes, tuple(labels), tuple(windows)


def _window(subscript: Affine, axis: Index) -> Window | None:
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
    # The letter with the larger step is the position; between equals, the free one of the page's
    # forward pass is not known here, and the order of names decides.
    if slopes[first] == slopes[second]:
        position, offset = sorted(letters, key=lambda letter: (letter.serial > 0, letter.name))
    elif surely_nonnegative(slopes[first] - slopes[second]):
        position, offset = first, second
    else:
        position, offset = second, first
    return Window(axis, position, offset, slopes[position], slopes[offset], -rest)


def foldable(
    body: Expression, over: Sequence[Index], scope: Axes
) -> tuple[Expression, tuple[Window, ...]] | None:
    """Σ_u A_u K[i + p − t·u] as a fold: the body in terms of r = i + p − t·u, and the windows.

    `K` zero-extends, so r runs over its axis; i is free, u is summed, i occurs nowhere else and p
    is never negative. The windows' axes are the letters i.
    """
    factors = factors_of(body)
    for place, factor in enumerate(factors):
        if not isinstance(factor, Entry):
            continue
        others = (*factors[:place], *factors[place + 1 :])
        found = _fold(factor, over, scope)
        if found is None:
            continue
        kernel, windows = found
        elsewhere = {index for other in others for index in free_indices(other)}
        if any(w.axis in elsewhere or w.position not in elsewhere for w in windows):
            continue
        return multiply(*factors[:place], kernel, *factors[place + 1 :]), windows
    return None


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
        letters.extend((window.axis, window.position))
        subscripts.append(Affine.of(window.offset))
    if not windows or len(set(letters)) != len(letters):
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
