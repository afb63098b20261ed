"""The two sides of every benchmark compute the same: what is timed is a choice of code only."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from numpy_baselines import BASELINES
from pairs import of_jax, of_numpy
from workloads import workload


@pytest.mark.parametrize("name", BASELINES)
def test_generated_numpy_code_computes_what_the_hand_written_code_computes(name: str) -> None:
    for dtype, tolerance in (("float64", 1e-12), ("float32", 1e-4)):
        by_hand, generated = of_numpy(workload(name, small=True).at(dtype))
        _agree(by_hand.run(), generated.run(), dtype, tolerance)


@pytest.mark.parametrize("name", BASELINES)
def test_generated_jax_code_computes_what_autodiff_computes(name: str) -> None:
    with jax.enable_x64(True):
        by_autodiff, generated = of_jax(workload(name, small=True).at("float64"))
        _agree(by_autodiff.run(), generated.run(), "float64", 1e-12)


def test_hand_written_code_leaves_inputs_and_residuals_alone() -> None:
    for name, functions in BASELINES.items():
        work = workload(name, small=True)
        kept = [array.copy() for array in (*work.inputs, *work.cotangents)]
        _, residuals = functions.forward(*work.inputs, **work.statics)
        first = functions.pullback(residuals, work.cotangents, **work.statics)
        again = functions.pullback(residuals, work.cotangents, **work.statics)
        for one, other in zip(first, again, strict=True):
            np.testing.assert_array_equal(one, other)
        for before, after in zip(kept, (*work.inputs, *work.cotangents), strict=True):
            np.testing.assert_array_equal(before, after)


def _agree(expected: object, found: object, dtype: str, tolerance: float) -> None:
    for wanted, value in zip(jax.tree.leaves(expected), jax.tree.leaves(found), strict=True):
        assert np.shape(wanted) == np.shape(value)
        assert np.asarray(wanted).dtype == np.asarray(value).dtype == dtype
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(value, wanted, rtol=0, atol=tolerance * scale)
