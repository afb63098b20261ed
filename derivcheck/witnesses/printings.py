"""The two printings of one program, NumPy's and JAX's, against each other.

Every other witness looks at one of them; this one is why what it says holds for both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from derivcheck.verdict import Evidence
from derivcheck.witnesses.array_trial import Trial, as_arrays, judged, scaled_error

BOUND = 1e-12


def printings(found: Sequence[object], expected: Sequence[object], trial: Trial) -> Evidence:
    """The worst of gradients and, after them, outputs: JAX's `found` against NumPy's `expected`.

    Errors are scaled by the array's magnitude, a gradient's at least by 2⁻¹⁰ of the largest
    cotangent.
    """
    mine, theirs = as_arrays(found), as_arrays(expected)
    gradients = len(trial.differentiated)
    error = max(
        scaled_error(one, other, trial.floor if place < gradients else 0.0)
        for place, (one, other) in enumerate(zip(mine, theirs, strict=True))
    )
    flat = numpy.concatenate([each.ravel() for each in theirs])
    return judged("JAX program", error, BOUND, trial, expected=flat)
