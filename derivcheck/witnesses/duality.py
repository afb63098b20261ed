"""⟨ȳ, J ẋ⟩ = ⟨x̄, ẋ⟩ for the reference's Jacobian J: no step size, noise near 1e-16.

Also what every pullback must obey by itself: it is linear in the cotangent and maps 0 to exactly 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import (
    TINY,
    Pullback,
    Trial,
    Values,
    as_arrays,
    judged,
    scaled_error,
)
from derivcheck.witnesses.reference import Observation

BOUND = 1e-12
SPREAD = 0.01
"""The share of a probe's square norm that is spread evenly, so that no entry is overlooked."""


def probe(shape: tuple[int, ...], generator: numpy.random.Generator) -> Values:
    """A direction of norm 1 with mixed signs, every entry at least √(0.01/n) in size."""
    normal = generator.standard_normal(shape)
    size = max(normal.size, 1)
    share = normal**2 / max(float(numpy.sum(normal**2)), float(TINY))
    return numpy.copysign(numpy.sqrt((1 - SPREAD) * share + SPREAD / size), normal)


def probes(trial: Trial) -> tuple[tuple[Values, ...], ...]:
    """Tangents that vary one differentiated input each: a mixed one, then an all-positive one.

    The all-positive one sees terms of the kind of a mean, which mixed signs average away.
    """
    generator = trial.generator(1)
    found: list[tuple[Values, ...]] = []
    still = [numpy.zeros_like(trial.inputs[place]) for place in trial.differentiated]
    for position, place in enumerate(trial.differentiated):
        direction = probe(trial.inputs[place].shape, generator)
        found.extend(
            (*still[:position], varied, *still[position + 1 :])
            for varied in (direction, numpy.abs(direction))
        )
    return tuple(found)


def gradients_by_output(pullback: Pullback, trial: Trial) -> tuple[tuple[Values, ...], ...]:
    """The pullback under the cotangent of each output alone."""
    return tuple(
        as_arrays(
            pullback(
                trial.inputs,
                tuple(c if n == o else numpy.zeros_like(c) for n, c in enumerate(trial.cotangents)),
            )
        )
        for o in range(len(trial.cotangents))
    )


def duality(
    observation: Observation,
    gradients: Sequence[Sequence[Values]],
    tangents: Sequence[Sequence[Values]],
    trial: Trial,
) -> Evidence:
    """The worst pair of an input and an output, over both probes.

    `gradients` as `gradients_by_output` gives them, `tangents` those with which the reference was
    observed. The error is |⟨ȳ, Jẋ⟩ − ⟨x̄, ẋ⟩| over ‖x̄‖‖ẋ‖, or over 2⁻¹⁰ of the root mean square of ȳ
    where x̄ is next to nothing.
    """
    worst, where = 0.0, ""
    for output, cotangent in enumerate(trial.cotangents):
        floor = 2.0**-10 * _root_mean_square(cotangent)
        for number, tangent in enumerate(tangents):
            position = number // 2
            forward = float(numpy.sum(cotangent * observation.pushforwards[output][number]))
            gradient, direction = gradients[output][position], tangent[position]
            if gradient.shape != direction.shape:
                return judged("duality", numpy.inf, BOUND, trial, "wrong shape", expected=direction)
            backward = float(numpy.sum(gradient * direction))
            scale = max(_norm(gradient), floor, float(TINY)) * _norm(direction)
            error = abs(forward - backward) / scale
            if not error <= worst:
                worst, where = error, trial.labels[position]
    if numpy.isnan(worst):
        worst = numpy.inf
    note = f"worst for {where}" if worst > BOUND else ""
    flat = numpy.concatenate([pushed.ravel() for pushed in observation.pushforwards])
    return judged("duality", worst, BOUND, trial, note, expected=flat)


def _norm(array: Values) -> float:
    return float(numpy.sqrt(numpy.sum(array**2)))


def _root_mean_square(array: Values) -> float:
    return float(numpy.sqrt(numpy.mean(array**2))) if array.size else 0.0


def linearity(pullback: Pullback, trial: Trial) -> Evidence:
    """Zero cotangents give exactly 0, and a·ȳ + b·z̄ gives a·x̄(ȳ) + b·x̄(z̄).

    Needs no reference: it sees a formula with a term that has no cotangent in it, or two.
    """
    generator = trial.generator(2)
    nothing = as_arrays(pullback(trial.inputs, tuple(map(numpy.zeros_like, trial.cotangents))))
    if any(numpy.any(gradient != 0) for gradient in nothing):
        note = "zero cotangents do not give 0"
        return Evidence("linearity", Outcome.FAILED, numpy.inf, BOUND, trial.text, note)
    other = tuple(generator.standard_normal(c.shape) for c in trial.cotangents)
    first = as_arrays(pullback(trial.inputs, trial.cotangents))
    second = as_arrays(pullback(trial.inputs, other))
    a, b = -1.25, 0.75
    pairs = zip(trial.cotangents, other, strict=True)
    mixed = as_arrays(pullback(trial.inputs, tuple(a * x + b * y for x, y in pairs)))
    error = 0.0
    for found, x, y in zip(mixed, first, second, strict=True):
        # Where the two parts cancel, the parts say how large rounding may be.
        floor = max(trial.floor, float(numpy.max(numpy.abs(a * x), initial=0.0)))
        error = max(error, scaled_error(found, a * x + b * y, floor))
    flat = numpy.concatenate([gradient.ravel() for gradient in first])
    return judged("linearity", error, BOUND, trial, expected=flat)
