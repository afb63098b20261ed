"""The closed forms against JAX's derivative of the reference, entry by entry in float64."""

from __future__ import annotations

from collections.abc import Sequence

from derivcheck.verdict import Evidence
from derivcheck.witnesses.array_trial import Trial, as_arrays, judged, scaled_error
from derivcheck.witnesses.reference import Observation

BOUND = 1e-12


def autodiff(
    observation: Observation, gradients: Sequence[object], trial: Trial, note: str = ""
) -> tuple[Evidence, ...]:
    """One observation for each differentiated input.

    The error is the largest difference of two entries over the largest entry of the reference's
    gradient; where that is next to nothing, over 2⁻¹⁰ of the largest cotangent. It does not grow
    with the number of entries. `note` says whether the reference is independent.
    """
    found = as_arrays(gradients)
    return tuple(
        judged(
            "autodiff",
            scaled_error(mine, theirs, trial.floor),
            BOUND,
            trial,
            note,
            expected=theirs,
        )
        for mine, theirs in zip(found, observation.total, strict=True)
    )
