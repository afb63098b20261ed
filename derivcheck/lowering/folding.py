"""Sums that add up windows: Σ_{t,r} A_t K_r δ_{tu+dr−p,i}, and Σ_t A_t K_{i+p−tu}, are folds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from derivcheck.expression import (
    Affine,
    Delta,
    Expression,
    Index,
    Sum,
    free_indices,
    fresh,
    substitute,
)
from derivcheck.lowering.array import Axes, Window
from derivcheck.lowering.bounds import surely_nonnegative, surely_positive
from derivcheck.lowering.rewriting import factors_of
from derivcheck.lowering.windows import foldable, opened


@dataclass(frozen=True)
class Folding:
    """Π `factors` summed over `over`, to be added up where the windows lie."""

    factors: tuple[Expression, ...]
    over: tuple[Index, ...]
    windows: tuple[Window, ...]


def folding(expression: Sum, scope: Axes) -> Folding | None:
    """The sum as a fold; None where it is none."""
    found = _by_deltas(expression, scope)
    if found is not None:
        return found
    over, body = opened(expression)
    slid = foldable(body, over, scope)
    if slid is None:
        return None
    body, over, windows = slid
    return Folding(factors_of(body), tuple(over), windows)


def _by_deltas(expression: Sum, scope: Axes) -> Folding | None:
    """The sum, with the sums inside its factors taken out, where deltas say what is added where.

    Each equates a letter of `scope` that occurs nowhere else with stride · position + dilation ·
    offset − padding, two letters that are summed and occur in no other delta.
    """
    over, factors = _flattened(expression)
    windows: list[Window] = []
    left: list[Expression] = []
    for factor in factors:
        window = _window(factor, over, scope) if isinstance(factor, Delta) else None
        if window is None:
            left.append(factor)
        else:
            windows.append(window)
    letters = [i for w in windows for i in (w.axis, w.position, w.offset)]
    elsewhere = {index for factor in left for index in free_indices(factor)}
    if not windows or len(set(letters)) != len(letters):
        return None
    if any(window.axis in elsewhere for window in windows):
        return None
    kept = tuple(index for index in over if index not in letters)
    return Folding(tuple(left), kept, tuple(windows))


def _flattened(expression: Expression) -> tuple[list[Index], list[Expression]]:
    """Binders and factors of Σ a Σ b Σ c …, each binder with an identity of its own."""
    over: list[Index] = []
    while isinstance(expression, Sum):
        index = fresh(expression.index)
        over.append(index)
        expression = substitute(expression.body, {expression.index: Affine.of(index)})
    factors: list[Expression] = []
    for factor in factors_of(expression):
        if isinstance(factor, Sum):
            inner, parts = _flattened(factor)
            over.extend(inner)
            factors.extend(parts)
        else:
            factors.append(factor)
    return over, factors


def _window(delta: Delta, over: Collection[Index], scope: Axes) -> Window | None:
    difference = delta.left - delta.right
    letters = tuple(dict.fromkeys(difference.indices()))
    axes = [letter for letter in letters if letter in scope]
    if len(letters) != 3 or len(axes) != 1 or not all(i in over for i in letters if i not in axes):
        return None
    axis = axes[0]
    slope = difference.coefficient(axis).constant
    if slope not in (1, -1):
        return None
    subscript = Affine.of(axis) - difference * slope
    position, offset = (letter for letter in letters if letter != axis)
    steps = [subscript.coefficient(letter) for letter in (position, offset)]
    padding = steps[0] * position + steps[1] * offset - subscript
    if next(padding.indices(), None) is not None or not all(map(surely_positive, steps)):
        return None
    if not surely_nonnegative(padding):
        return None
    return Window(axis, position, offset, steps[0], steps[1], padding)
