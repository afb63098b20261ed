"""float32 pullbacks: stable programs pass at the stress points, naive ones do not."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from layers import LAYERS, Layer, layernorm_layer, softmax_layer

from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import Pullback
from derivcheck.witnesses.precision import UNIT, digits_lost, precision, stress_points


def held(layer: Layer, single: Pullback | None = None) -> Evidence:
    movable = [True] * len(layer.trial.differentiated)
    points = list(stress_points(layer.trial, movable))
    return precision(single or layer.pullback, layer.pullback, points)


@pytest.mark.parametrize("name", ["softmax", "layernorm", "power"])
def test_stable_programs_are_met(name: str) -> None:
    evidence = held(LAYERS[name]())
    assert evidence.outcome is Outcome.MET
    assert evidence.error is not None
    assert evidence.error > 0


def naive_softmax_pullback(inputs: Any, cotangents: Any) -> Any:
    (x,), (y_bar,) = inputs, cotangents
    e = numpy.exp(x)
    y = e / e.sum(axis=1, keepdims=True)
    return (y * (y_bar - (y_bar * y).sum(axis=1, keepdims=True)),)


def test_overflow_is_reported_with_its_place() -> None:
    evidence = held(softmax_layer(), naive_softmax_pullback)
    assert evidence.outcome is Outcome.FAILED
    assert evidence.note == "overflow in X at X = ±1e4"


def cancelling_layernorm_pullback(inputs: Any, cotangents: Any) -> Any:
    """The variance as E[x²] − E[x]², which cancels where a row is nearly constant."""
    (x, gamma, _, epsilon), (y_bar,) = inputs, cotangents
    mean = x.mean(axis=1, keepdims=True)
    variance = numpy.abs((x * x).mean(axis=1, keepdims=True) - mean * mean)
    root = numpy.sqrt(variance + epsilon)
    x_hat = (x - mean) / root
    g = y_bar * gamma
    inner = g - g.mean(axis=1, keepdims=True) - x_hat * (g * x_hat).mean(axis=1, keepdims=True)
    return inner / root, (y_bar * x_hat).sum(axis=0), y_bar.sum(axis=0)


def test_cancellation_is_seen_where_the_variance_is_small() -> None:
    layer = layernorm_layer(epsilon=1e-12)
    assert held(layer).outcome is Outcome.MET
    evidence = held(layer, cancelling_layernorm_pullback)
    assert evidence.outcome is Outcome.FAILED
    assert "X constant up to 1e-4" in evidence.note


def test_lost_digits_are_seen_at_the_generic_point() -> None:
    layer = softmax_layer()

    def rough(inputs: Any, cotangents: Any) -> Any:
        (found,) = layer.pullback(inputs, cotangents)
        return (found.astype(numpy.float16),)

    evidence = held(layer, rough)
    assert evidence.outcome is Outcome.FAILED
    assert evidence.error is not None
    assert 2 < digits_lost(evidence.error) < 6
    assert digits_lost(UNIT) == 0


@pytest.mark.parametrize(
    ("forward", "outcome"),
    [
        (lambda x: numpy.log(1 - 1 / (1 + numpy.exp(-x))), Outcome.FAILED),
        (lambda x: -numpy.logaddexp(numpy.float32(0), x), Outcome.MET),
    ],
)
def test_an_infinite_output_is_seen_where_only_single_precision_has_it(
    forward: Any, outcome: Outcome
) -> None:
    """log(1 − σ(x)) is −∞ in both precisions at 1e4; at 30 the difference shows."""
    layer = softmax_layer()

    def whole(inputs: Any, cotangents: Any) -> Any:
        return (*layer.pullback(inputs, cotangents), forward(inputs[0]))

    points = list(stress_points(layer.trial, [True]))
    evidence = precision(whole, whole, points, ["Y"])
    assert evidence.outcome is outcome
    if outcome is Outcome.FAILED:
        assert evidence.note == "overflow in Y at X = ±30"
    at_extremes = [point for point in points if point.digits]
    assert precision(whole, whole, at_extremes, ["Y"]).outcome is Outcome.MET


def test_a_bounded_input_is_not_moved() -> None:
    layer = softmax_layer()
    free = [p.name for p in stress_points(layer.trial, [True])]
    assert free == ["generic", "X = ±1e4", "X = ±100", "X = ±30", "X constant up to 1e-4"]
    assert [p.name for p in stress_points(layer.trial, [False])] == ["generic"]


def test_nothing_tried_is_no_pass() -> None:
    layer = softmax_layer()
    assert precision(layer.pullback, layer.pullback, []).outcome is Outcome.SKIPPED
