"""Central differences: their own estimate holds, and it decides."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from layers import LAYERS, Layer, arrays, layernorm_pullback, scaled, sparse, trial

from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import Pullback, as_arrays
from derivcheck.witnesses.duality import probes
from derivcheck.witnesses.finite_differences import SAFETY, finite_differences, slope_along


def held(layer: Layer, pullback: Pullback | None = None) -> Evidence:
    gradients = as_arrays((pullback or layer.pullback)(layer.trial.inputs, layer.trial.cotangents))
    return finite_differences(layer.forward, gradients, probes(layer.trial), layer.trial)


def plain(function: Callable[[float], float]) -> Callable[[float], tuple[float, float]]:
    return lambda t: (function(t), abs(function(t)))


@pytest.mark.parametrize("name", LAYERS)
def test_true_gradients_are_met(name: str) -> None:
    evidence = held(LAYERS[name]())
    assert evidence.outcome is Outcome.MET
    assert evidence.bound is not None
    assert evidence.bound < 1e-8


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("factor", [-1.0, 2.0, 1 + 1e-6])
def test_a_wrong_factor_fails(name: str, factor: float) -> None:
    layer = LAYERS[name]()
    assert held(layer, scaled(layer.pullback, factor)).outcome is Outcome.FAILED


@pytest.mark.parametrize("name", LAYERS)
def test_one_wrong_entry_fails(name: str) -> None:
    layer = LAYERS[name]()
    assert held(layer, sparse(layer.pullback, 0, 1e-5)).outcome is Outcome.FAILED


def test_a_forgotten_epsilon_fails() -> None:
    layer = LAYERS["layernorm"]()
    evidence = held(layer, lambda i, c: layernorm_pullback(i, c, epsilon_too=False))
    assert evidence.outcome is Outcome.FAILED
    assert evidence.note == "worst for X"


def test_a_gradient_that_is_no_number_or_has_another_shape_fails() -> None:
    layer = LAYERS["cell"]()
    assert held(layer, scaled(layer.pullback, math.nan)).outcome is Outcome.FAILED
    swapped = held(layer, lambda i, c: layer.pullback(i, c)[::-1])
    assert swapped.outcome is Outcome.FAILED
    assert swapped.note.startswith("wrong shape")


SMOOTH = {
    "linear": (lambda t: 3 * t + 1, 3.0),
    "constant": (lambda t: 2.0, 0.0),
    "exponential": (lambda t: math.exp(5 * t), 5.0),
    "fast": (lambda t: math.sin(40 * t), 40.0),
    "pole nearby": (lambda t: 1 / (0.2 + t), -25.0),
    "root nearby": (lambda t: math.sqrt(0.05 + t) if t > -0.05 else math.nan, 0.5 / 0.05**0.5),
    "even": (lambda t: math.cos(3 * t), 0.0),
    "sixth power": (lambda t: (1 + t) ** 6, 6.0),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_the_estimate_bounds_the_error(name: str) -> None:
    function, slope = SMOOTH[name]
    found = slope_along(plain(function))
    assert found.kink is None
    assert abs(found.value - slope) <= SAFETY * found.error
    assert found.error <= 1e-8 * max(abs(slope), 1)


@given(st.floats(-2, 2), st.floats(0.1, 8), st.floats(-3, 3))
def test_the_estimate_bounds_the_error_of_mixed_functions(a: float, b: float, c: float) -> None:
    def function(t: float) -> float:
        return a * math.exp(t) + math.sin(b * t + c) + 2.0

    found = slope_along(lambda t: (function(t), abs(a) * math.exp(t) + 3.0))
    assert abs(found.value - (a + b * math.cos(c))) <= SAFETY * found.error


def test_a_kink_is_told_and_any_subgradient_is_met() -> None:
    found = slope_along(plain(lambda t: abs(t) + math.exp(t)))
    assert found.kink is not None
    assert found.kink == pytest.approx((0.0, 2.0), abs=1e-6)
    jump = slope_along(plain(lambda t: 1.0 if t > 0 else 0.0))
    assert jump.kink is not None or not math.isfinite(jump.value)


@pytest.mark.parametrize("place", [1e-2, 3e-4, -2e-5, 1e-7])
def test_a_kink_near_the_point_convicts_nobody(place: float) -> None:
    """The slope at 0 is −1 or 1, on this or that side of the kink; both are inside what is said."""
    found = slope_along(plain(lambda t: abs(t - place) + 0.3 * t * t + math.sin(t)))
    slope = -math.copysign(1.0, place) + 1.0
    low, high = found.kink or (found.value, found.value)
    if math.isfinite(found.value):
        assert low - SAFETY * found.error <= slope <= high + SAFETY * found.error


def test_relu_at_its_kink() -> None:
    x, y_bar = arrays(5, (6,), (6,))
    x[2] = 0.0
    here = trial((x,), (y_bar,), (0,), ("x",))

    def forward(x: numpy.ndarray) -> tuple[numpy.ndarray]:
        return (numpy.maximum(x, 0),)

    for convention in (0.0, 0.5, 1.0):
        slope = numpy.where(x > 0, 1.0, 0.0)
        slope[2] = convention
        evidence = finite_differences(forward, (y_bar * slope,), probes(here), here)
        assert evidence.outcome is Outcome.MET
        assert evidence.note == "subgradient at a kink"
    slope[2] = 1.5
    wrong = finite_differences(forward, (y_bar * slope,), probes(here), here)
    assert wrong.outcome is Outcome.FAILED


def test_too_coarse_is_inconclusive_and_not_a_pass() -> None:
    """A forward pass with 30 bits of noise: neither the true gradient nor a false one is judged."""
    x, y_bar = arrays(6, (5,), (5,))
    here = trial((x,), (y_bar,), (0,), ("x",))

    def forward(x: numpy.ndarray) -> tuple[numpy.ndarray]:
        return (numpy.float32(numpy.sin(x)).astype(numpy.float64),)

    for factor in (1.0, 1 + 1e-4):
        evidence = finite_differences(forward, (factor * y_bar * numpy.cos(x),), probes(here), here)
        assert evidence.outcome is Outcome.INCONCLUSIVE


def test_a_function_that_is_constant_has_the_slope_0() -> None:
    """The loss of a softmax over one entry: there is no step that balances rounding."""
    for constant in (0.0, 3.0):
        slope = slope_along(plain(lambda t, c=constant: c))
        assert slope.value == 0
        assert slope.kink is None
        assert slope.error <= 1e-12


def test_a_stencil_that_overflows_has_no_slope() -> None:
    slope = slope_along(plain(lambda t: math.copysign(1e308, t) if t else 0.0))
    assert math.isnan(slope.value)
    assert slope.error == math.inf
