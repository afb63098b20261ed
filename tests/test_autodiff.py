"""Closed forms against jax.vjp: true ones are met, planted errors are seen, noise is not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pytest
from layers import LAYERS, Layer, arrays, layernorm_layer, layernorm_pullback, scaled, sparse, trial

from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import Pullback, mixed
from derivcheck.witnesses.autodiff import autodiff
from derivcheck.witnesses.reference import Observation, observe

OBSERVED: dict[object, Observation] = {}
"""Compiling is what takes time."""


def outcomes(layer: Layer, pullback: Pullback | None = None) -> list[Outcome]:
    return [each.outcome for each in evidence(layer, pullback)]


def evidence(layer: Layer, pullback: Pullback | None = None) -> Sequence[Evidence]:
    observation = OBSERVED.get(layer.reference) or observe(layer.reference, layer.trial, ())
    OBSERVED[layer.reference] = observation
    gradients = (pullback or layer.pullback)(layer.trial.inputs, layer.trial.cotangents)
    return autodiff(observation, gradients, layer.trial)


@pytest.mark.parametrize("name", LAYERS)
def test_true_gradients_are_met(name: str) -> None:
    assert set(outcomes(LAYERS[name]())) == {Outcome.MET}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("factor", [-1.0, 2.0, 1 + 1e-9, float("nan"), float("inf")])
def test_a_wrong_factor_fails(name: str, factor: float) -> None:
    layer = LAYERS[name]()
    assert set(outcomes(layer, scaled(layer.pullback, factor))) == {Outcome.FAILED}


@pytest.mark.parametrize("name", LAYERS)
def test_one_wrong_entry_of_one_gradient_fails_alone(name: str) -> None:
    layer = LAYERS[name]()
    first, *rest = outcomes(layer, sparse(layer.pullback, 0, 1e-9))
    assert first is Outcome.FAILED
    assert set(rest) <= {Outcome.MET}


def test_a_forgotten_epsilon_fails_however_small() -> None:
    layer = layernorm_layer(epsilon=1e-9)
    found = outcomes(layer, lambda i, c: layernorm_pullback(i, c, epsilon_too=False))
    assert found == [Outcome.FAILED, Outcome.FAILED, Outcome.MET]


def test_a_gradient_of_another_shape_fails() -> None:
    layer = LAYERS["cell"]()
    found = outcomes(layer, lambda i, c: layer.pullback(i, c)[::-1])
    assert found == [Outcome.FAILED, Outcome.FAILED]


def observed(gradient: numpy.ndarray) -> Observation:
    return Observation((), ((gradient,),), ())


def test_noise_around_a_gradient_of_zero_is_met() -> None:
    x, y_bar, noise = arrays(7, (4,), (4,), (4,))
    here = trial((x,), (y_bar,), (0,), ("x",))
    (met,) = autodiff(observed(1e-17 * noise), (0 * x,), here)
    assert met.outcome is Outcome.MET
    (failed,) = autodiff(observed(1e-17 * noise), (1e-9 * x,), here)
    assert failed.outcome is Outcome.FAILED


def test_the_tolerance_does_not_grow_with_the_array() -> None:
    """One entry in 10⁴ off by 10⁻⁹ of the magnitude is as wrong as one in four."""
    for size in (4, 10_000):
        x, y_bar = arrays(8, (size,), (size,))
        here = trial((x,), (y_bar,), (0,), ("x",))
        found = numpy.array(y_bar)
        found[size // 2] += 1e-9 * numpy.max(numpy.abs(y_bar))
        (failed,) = autodiff(observed(y_bar), (found,), here)
        assert failed.outcome is Outcome.FAILED
        assert failed.error == pytest.approx(1e-9, rel=1e-3)


def test_a_small_gradient_is_not_swallowed() -> None:
    x, y_bar = arrays(9, (4,), (4,))
    here = trial((x,), (y_bar,), (0,), ("x",))
    small = 1e-6 * y_bar
    (failed,) = autodiff(observed(small), (small * (1 + 1e-6),), here)
    assert failed.outcome is Outcome.FAILED


def test_where_the_reference_is_undefined_nothing_is_concluded() -> None:
    x, y_bar = arrays(10, (4,), (4,))
    here = trial((x,), (y_bar,), (0,), ("x",))
    (found,) = autodiff(observed(numpy.full(4, numpy.nan)), (y_bar,), here)
    assert found.outcome is Outcome.INCONCLUSIVE


def test_cotangents_have_both_signs() -> None:
    assert sorted(numpy.sign(mixed(numpy.array([1.0, 2.0, 3.0])))) == [-1, 1, 1]
    same = numpy.array([1.0, -2.0])
    assert mixed(same) is same
    assert mixed(numpy.array([2.0])) == 2.0
