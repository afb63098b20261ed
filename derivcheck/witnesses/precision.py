"""The program in float32 against the same formula in float64: digits lost, and overflow.

This judges the numerics of the generated program, not the formula. Each program is fed with inputs
that float32 represents, so that the difference is the program's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy
from numpy.typing import NDArray

from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import TINY, Pullback, Trial, Values, as_arrays, magnitude

UNIT = 2.0**-24
"""Half the distance from 1 to the next float32: the relative error of one rounding."""
LARGEST = float(numpy.finfo(numpy.float32).max)
ALLOWANCE = 1024.0
"""How many roundings an entry may be off: 3 of float32's 7.2 digits."""
INHERENT = 16.0
"""How many roundings of its inputs a program may be worth: the exact result moves as far."""
PERTURBATIONS = 3
SATURATED = 1 / 16
"""A gradient below this share of its usual size is held against that.

A saturated 1 − tanh² keeps no digits of its own, and nobody misses them. The usual size is that of
the same gradient at the generic point, since a cotangent passes linear maps of any size before it
meets what saturates; and of the cotangents, where the generic point is itself saturated.
"""

LOGIT = 1e4
MODERATE = (100, 30)
"""Where only overflow is looked for.

At 1e4 a naive exponential overflows in both precisions, and where the truth is not finite nothing
can be held against the program; at 100 only float32 overflows. At 30 the sigmoid is 1 in float32
alone: there log(1 − σ) is −∞ and should not be. How many digits are left between saturated and
not, differs by the input more than by the program.
"""
NEARLY_CONSTANT = 1e-4


@dataclass(frozen=True, eq=False)
class StressPoint:
    """A trial with one input replaced, and what is hard about it; `digits` if they count."""

    name: str
    trial: Trial
    digits: bool = True


def stress_points(trial: Trial, movable: Sequence[bool]) -> Iterator[StressPoint]:
    """The trial itself, then each array at ±1e4, ±100 and ±30, and nearly constant in rows.

    `movable` says of each differentiated input whether it may be any real number.
    """
    yield StressPoint("generic", trial)
    for position, place in enumerate(trial.differentiated):
        array, label = trial.inputs[place], trial.labels[position]
        if array.ndim < 1 or not movable[position]:
            continue
        spread = 1 + array / (4 * max(magnitude(array), 1.0))
        flat = array[..., :1] + NEARLY_CONSTANT * (array - array[..., :1])
        huge = numpy.copysign(LOGIT, array) * spread
        yield StressPoint(f"{label} = ±1e4", _with(trial, place, huge))
        for size in MODERATE:
            large = numpy.copysign(size, array) * spread
            yield StressPoint(f"{label} = ±{size}", _with(trial, place, large), digits=False)
        yield StressPoint(f"{label} constant up to 1e-4", _with(trial, place, flat))


def _with(trial: Trial, place: int, array: Values) -> Trial:
    inputs = (*trial.inputs[:place], array, *trial.inputs[place + 1 :])
    return replace(trial, inputs=inputs)


@dataclass(frozen=True)
class Handed:
    """An array that a composed program makes on the way: a seam, or named `inside` of a part."""

    name: str
    inside: bool


def precision(
    single: Pullback,
    double: Pullback,
    points: Sequence[StressPoint],
    outputs: Sequence[str] = (),
    handed: Sequence[Handed] = (),
) -> Evidence:
    """The worst of the stress points: float32 arrays through `single`, float64 through `double`.

    Both return the gradients and, after them, what `outputs` names of the forward pass. The first
    point is the generic one. An entry may be off by `ALLOWANCE` roundings of its array's magnitude,
    and by what the array itself moves by when every input moves by `INHERENT` roundings: what the
    problem loses is not held against the program. Where the true array is finite in float32 and the
    program's is not, it overflowed.

    A composition loses more than its inputs excuse, however well it is made: each of its parts
    rounds what the next one magnifies. So it is judged part by part, by what is `handed` on. These
    arrays stand behind the outputs, and `double` takes as many further inputs: a seam as `single`
    has it, so that a part is held against what is true of the arrays that it was given; and a
    factor for an array inside, 1 but where inputs move. Whether a used page does well to name it is
    judged on that page; here it is one more array that float32 rounds.
    """
    usual: list[float] = []
    return worst([_at(single, double, point, outputs, handed, usual) for point in points])


def worst(evidence: Sequence[Evidence]) -> Evidence:
    """The first that overflowed, else the one whose error takes up most of its bound."""
    overflown = (e for e in evidence if e.outcome is Outcome.FAILED and e.error is None)
    none = Evidence("precision", Outcome.SKIPPED, note="no stress points")
    found = next(overflown, None)
    return found or max(evidence, key=lambda e: (e.error or 0.0) / (e.bound or 1.0), default=none)


def digits_lost(error: float) -> float:
    """Decimal digits of float32 that a scaled error leaves wrong."""
    return float(numpy.log10(max(error / UNIT, 1.0)))


def _at(
    single: Pullback,
    double: Pullback,
    point: StressPoint,
    outputs: Sequence[str],
    handed: Sequence[Handed],
    usual: list[float],
) -> Evidence:
    """The judgement at one point; `usual` are the arrays' usual sizes, filled at the first."""
    trial = _rounded(point.trial)
    with numpy.errstate(all="ignore"):
        short = as_arrays(single(_short(trial.inputs), _short(trial.cotangents)))
        made = zip(handed, short[len(short) - len(handed) :], strict=True)
        given = (numpy.ones_like(array) if each.inside else array for each, array in made)
        trial = replace(trial, inputs=(*trial.inputs, *given))
        truth = as_arrays(double(trial.inputs, trial.cotangents))
        moved = [
            as_arrays(double(inputs, trial.cotangents))
            for seed in range(PERTURBATIONS if point.digits else 0)
            for inputs in _perturbed(trial, seed)
        ]
    if not usual:
        incoming = max(map(magnitude, trial.cotangents))
        usual.extend(max(magnitude(array), incoming) for array in truth)
    labels = (*trial.labels, *outputs, *(each.name for each in handed))
    error, bound, share, where = 0.0, ALLOWANCE * UNIT, -1.0, ""
    for position, (mine, true) in enumerate(zip(short, truth, strict=True)):
        representable = numpy.isfinite(true) & (numpy.abs(true) <= LARGEST)
        if not numpy.all(numpy.isfinite(mine[representable])):
            note = f"overflow in {labels[position]} at {point.name}"
            return Evidence("precision", Outcome.FAILED, None, bound, trial.text, note)
        if not point.digits:
            continue
        floor = SATURATED * usual[position]
        scale = max(magnitude(true[representable]), floor, float(TINY))
        inherent = max(
            magnitude(each[position][representable] - true[representable]) for each in moved
        )
        found = magnitude(mine[representable] - true[representable]) / scale
        allowed = ALLOWANCE * UNIT + inherent / scale
        if not found / allowed <= share:
            error, bound, share, where = found, allowed, found / allowed, labels[position]
    outcome = Outcome.MET if error <= bound else Outcome.FAILED
    note = f"digits lost in {where} at {point.name}" if outcome is Outcome.FAILED else ""
    return Evidence("precision", outcome, error, bound, trial.text, note)


def _short(arrays: Sequence[Values]) -> tuple[Any, ...]:
    return tuple(array.astype(numpy.float32) for array in arrays)


def _round(array: Values) -> Values:
    short: NDArray[numpy.float32] = array.astype(numpy.float32)
    return short.astype(numpy.float64)


def _rounded(trial: Trial) -> Trial:
    return replace(
        trial,
        inputs=tuple(map(_round, trial.inputs)),
        cotangents=tuple(map(_round, trial.cotangents)),
    )


def _perturbed(trial: Trial, seed: int) -> Iterator[tuple[Values, ...]]:
    """The inputs, every entry moved by some roundings of float32 in a random direction; and in the
    opposite one, since where a maximum changes hands only one of the two shows it."""
    generator = trial.generator(100 + seed)
    moves = [generator.choice((-1.0, 1.0), size=array.shape) for array in trial.inputs]
    for size in (INHERENT * UNIT, -INHERENT * UNIT):
        yield tuple(a * (1 + size * m) for a, m in zip(trial.inputs, moves, strict=True))
