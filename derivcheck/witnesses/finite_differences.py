"""Central differences of the forward pass along probes, with an estimate of their own error.

The scheme is that of FiniteDifferences.jl: five points (order P = 5) for the slope (Q = 1), the
step that balances rounding C₁·h^{−Q} against truncation C₂·h^{P−Q}, C₂ from the fifth derivative,
which a seven-point stencil gives. The estimate decides: where it is too coarse, nothing is
concluded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy

from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import TINY, Forward, Trial, Values, as_arrays

SLOPE = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
FIFTH = {-3: -1 / 2, -2: 2.0, -1: -5 / 2, 1: 5 / 2, 2: -2.0, 3: 1 / 2}
ORDER, DERIVATIVE = 5, 1
WEIGHT = sum(map(abs, SLOPE.values()))
REMAINDER = sum(abs(c * g**ORDER) for g, c in SLOPE.items()) / math.factorial(ORDER)

SAFETY = 10.0
"""How many times its own estimate a difference may be off."""
RELATIVE = 1e-10
TARGET = 1e-6
"""Coarser than this, relative to the gradient, a difference decides nothing."""
FIRST_STEP, LAST_STEP, KINK_STEP = 2.0**-5, 2.0**-17, 2.0**-13
EPSILON = float(numpy.finfo(numpy.float64).eps)


@dataclass(frozen=True)
class Slope:
    """A directional derivative: within `error` of `value`, or between the one-sided slopes.

    `kink` holds the one-sided slopes, the smaller first, where they stay apart however small the
    step: there the function is only subdifferentiable, and `error` is that of the slopes.
    """

    value: float
    error: float
    kink: tuple[float, float] | None = None


def finite_differences(
    forward: Forward,
    gradients: Sequence[Values],
    tangents: Sequence[Sequence[Values]],
    trial: Trial,
) -> Evidence:
    """The closed forms along every tangent against differences of ⟨ȳ, forward(x + t·ẋ)⟩.

    `tangents` vary one differentiated input each, as `duality.probes` gives them. The error is over
    ‖x̄‖‖ẋ‖, the bound is the worst probe's own; at a kink any value between the one-sided slopes is
    met, as a subgradient. The worst probe is reported.
    """
    worst: Evidence | None = None
    excess = -1.0
    subgradient = False
    for tangent in tangents:
        position = next(n for n, direction in enumerate(tangent) if numpy.any(direction))
        label = trial.labels[position]
        if gradients[position].shape != tangent[position].shape:
            return _unusable(trial, f"wrong shape for {label}")
        if not numpy.all(numpy.isfinite(gradients[position])):
            return _unusable(trial, f"not finite for {label}")
        direction = _scaled(tangent[position], trial.inputs[trial.differentiated[position]])
        slope = slope_along(_along(forward, trial, position, direction))
        closed = float(numpy.sum(gradients[position] * direction))
        scale = max(_norm(gradients[position]) * _norm(direction), _floor(trial, direction))
        found = _held(closed, slope, scale, trial, label)
        subgradient = subgradient or slope.kink is not None
        ratio = _rank(found)
        if worst is None or ratio > excess:
            worst, excess = found, ratio
    if worst is None:
        return Evidence("finite differences", Outcome.SKIPPED, None, None, trial.text, "no inputs")
    if subgradient and worst.outcome is Outcome.MET:
        note = "subgradient at a kink"
        return Evidence(worst.witness, worst.outcome, worst.error, worst.bound, worst.trial, note)
    return worst


def _held(closed: float, slope: Slope, scale: float, trial: Trial, label: str) -> Evidence:
    allowed = SAFETY * slope.error + RELATIVE * scale
    low, high = slope.kink or (slope.value, slope.value)
    missed = max(min(low, high) - closed, closed - max(low, high), 0.0)
    name, bound = "finite differences", allowed / scale
    if not math.isfinite(slope.value) or not SAFETY * slope.error <= TARGET * scale:
        note = f"too coarse for {label}"
        return Evidence(name, Outcome.INCONCLUSIVE, None, bound, trial.text, note)
    error = missed / scale
    if error <= bound:
        return Evidence(name, Outcome.MET, error, bound, trial.text)
    return Evidence(name, Outcome.FAILED, error, bound, trial.text, f"worst for {label}")


def _unusable(trial: Trial, note: str) -> Evidence:
    return Evidence("finite differences", Outcome.FAILED, None, None, trial.text, note)


def _rank(evidence: Evidence) -> float:
    """An order in which failure is worst, then what is inconclusive, then the largest share."""
    if evidence.outcome is Outcome.FAILED:
        return 1e300
    if evidence.outcome is Outcome.INCONCLUSIVE:
        return 1e200
    return (evidence.error or 0.0) / (evidence.bound or 1.0)


def _norm(array: Values) -> float:
    return float(numpy.sqrt(numpy.sum(array**2)))


def _floor(trial: Trial, direction: Values) -> float:
    return max(trial.floor * _norm(direction), float(TINY))


def _scaled(direction: Values, start: Values) -> Values:
    """The direction in steps relative to ‖x‖/‖ẋ‖, its entries short enough for exact x + t·ẋ."""
    size = math.sqrt(max(start.size, 1))
    length = max(_norm(start) / size, 2.0**-10) * size / _norm(direction)
    scaled = direction * 2.0 ** round(math.log2(length))
    grain = 2.0 ** (math.floor(math.log2(float(numpy.max(numpy.abs(scaled))))) - 20)
    return numpy.round(scaled / grain) * grain


def _along(
    forward: Forward, trial: Trial, position: int, direction: Values
) -> Callable[[float], tuple[float, float]]:
    """t ↦ ⟨ȳ, forward(x + t·ẋ)⟩, and the sum of the products' sizes, which rounding scales with."""
    place = trial.differentiated[position]

    def value(step: float) -> tuple[float, float]:
        arguments = list(trial.inputs)
        arguments[place] = trial.inputs[place] + step * direction
        with numpy.errstate(all="ignore"):
            outputs = as_arrays(forward(*arguments, **trial.statics))
            products = [c * y for c, y in zip(trial.cotangents, outputs, strict=True)]
            total = sum(float(numpy.sum(product)) for product in products)
            return total, sum(float(numpy.sum(numpy.abs(product))) for product in products)

    return value


def slope_along(function: Callable[[float], tuple[float, float]]) -> Slope:
    """The slope at 0 of a function that also says how large the terms of its value are.

    Kinks first: halving h halves the gap between the one-sided slopes at a smooth point, a kink
    keeps it. Steps are powers of 2, and shrink until every point of the stencil is defined. The
    slope is not a number where no step is small enough.
    """
    known: dict[float, tuple[float, float]] = {}

    def at(step: float) -> tuple[float, float]:
        if step not in known:
            known[step] = function(step)
        return known[step]

    first = FIRST_STEP
    while not all(math.isfinite(at(g * first)[0]) for g in range(-3, 4)):
        first /= 4
        if first < LAST_STEP:
            return Slope(math.nan, math.inf)
    size = max(at(g * first)[1] for g in range(-3, 4))
    rounding = max(EPSILON * size, float(TINY)) * WEIGHT
    if _stays_apart(at, first, LAST_STEP, rounding):
        return _at_kink(at, KINK_STEP, rounding)
    fifth = max(_fifth(at, first), _fifth(at, first / 2), _fifth_noise(rounding, first))
    truncation = fifth * REMAINDER
    if not math.isfinite(truncation):
        return Slope(math.nan, math.inf)
    ideal = (DERIVATIVE / (ORDER - DERIVATIVE) * rounding / truncation) ** (1 / ORDER)
    # A step below the last one decides nothing, however small it is: its logarithm must exist.
    step = 2.0 ** math.floor(math.log2(max(min(ideal, first), LAST_STEP / 8)))
    while step >= LAST_STEP / 4:
        # A kink inside the stencil spoils the estimate: then two steps contradict each other, or
        # the slopes on its two sides do.
        if _stays_apart(at, step, step / 2, rounding):
            return _at_kink(at, step / 2, rounding)
        wide, narrow = _central(at, step), _central(at, step / 2)
        error = rounding / step**DERIVATIVE + truncation * step ** (ORDER - DERIVATIVE)
        if abs(wide - narrow) <= SAFETY * 3 * error:
            return Slope(wide, error)
        step /= 4
    return Slope(math.nan, math.inf)


def _central(at: Callable[[float], tuple[float, float]], step: float) -> float:
    return sum(c * at(g * step)[0] for g, c in SLOPE.items()) / step


def _fifth(at: Callable[[float], tuple[float, float]], step: float) -> float:
    return abs(sum(c * at(g * step)[0] for g, c in FIFTH.items())) / step**ORDER


def _fifth_noise(rounding: float, step: float) -> float:
    """What rounding alone makes of the seven-point stencil: a smaller estimate means nothing."""
    return rounding / WEIGHT * sum(map(abs, FIFTH.values())) / step**ORDER


def _stays_apart(
    at: Callable[[float], tuple[float, float]], first: float, last: float, rounding: float
) -> bool:
    """Whether halving the step from `first` to `last` leaves the one-sided slopes apart."""
    before = math.inf
    step = first
    while step >= last:
        here = at(0.0)[0]
        gap = abs(at(step)[0] - 2 * here + at(-step)[0]) / step
        if gap <= 4 * rounding / step or (before < math.inf and gap < 0.75 * before):
            return False
        before = gap
        step /= 2
    return True


def _at_kink(at: Callable[[float], tuple[float, float]], step: float, rounding: float) -> Slope:
    """Both one-sided slopes to second order, with the change under doubling as their error."""
    slopes: list[float] = []
    error = 8 * rounding / step
    for side in (-step, step):
        wide, narrow = (
            (-3 * at(0.0)[0] + 4 * at(h)[0] - at(2 * h)[0]) / (2 * h) for h in (2 * side, side)
        )
        slopes.append(narrow)
        error = max(error, abs(wide - narrow))
    return Slope(sum(slopes) / 2, error, (min(slopes), max(slopes)))
