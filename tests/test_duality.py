"""Duality and linearity: what they see, and that their probes reach every entry."""

from __future__ import annotations

import numpy
import pytest
from layers import LAYERS, Layer, layernorm_layer, layernorm_pullback, scaled, sparse

from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import Pullback
from derivcheck.witnesses.duality import duality, gradients_by_output, linearity, probe, probes
from derivcheck.witnesses.reference import Observation, observe

OBSERVED: dict[object, Observation] = {}
"""Compiling is what takes time."""


def held(layer: Layer, pullback: Pullback | None = None) -> Evidence:
    tangents = probes(layer.trial)
    observation = OBSERVED.get(layer.reference) or observe(layer.reference, layer.trial, tangents)
    OBSERVED[layer.reference] = observation
    gradients = gradients_by_output(pullback or layer.pullback, layer.trial)
    return duality(observation, gradients, tangents, layer.trial)


@pytest.mark.parametrize("name", LAYERS)
def test_true_pullbacks_are_met(name: str) -> None:
    evidence = held(LAYERS[name]())
    assert evidence.outcome is Outcome.MET
    assert evidence.error is not None
    assert evidence.error < 1e-14


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("factor", [-1.0, 2.0, 1 + 1e-9, float("nan")])
def test_a_wrong_factor_fails(name: str, factor: float) -> None:
    layer = LAYERS[name]()
    assert held(layer, scaled(layer.pullback, factor)).outcome is Outcome.FAILED


@pytest.mark.parametrize("name", LAYERS)
def test_one_wrong_entry_fails(name: str) -> None:
    layer = LAYERS[name]()
    assert held(layer, sparse(layer.pullback, 0, 1e-8)).outcome is Outcome.FAILED


def test_a_forgotten_epsilon_is_seen_and_named() -> None:
    layer = layernorm_layer(epsilon=1e-7)
    evidence = held(layer, lambda i, c: layernorm_pullback(i, c, epsilon_too=False))
    assert evidence.outcome is Outcome.FAILED
    assert evidence.note == "worst for X"


def test_a_lost_path_from_one_of_two_outputs_is_seen() -> None:
    layer = LAYERS["cell"]()

    def lost(inputs: tuple[numpy.ndarray, ...], cotangents: tuple[numpy.ndarray, ...]) -> object:
        return layer.pullback(inputs, (numpy.zeros_like(cotangents[0]), cotangents[1]))

    assert held(layer, lost).outcome is Outcome.FAILED


def test_a_gradient_of_another_shape_fails() -> None:
    layer = LAYERS["cell"]()
    evidence = held(layer, lambda i, c: layer.pullback(i, c)[::-1])
    assert evidence.outcome is Outcome.FAILED
    assert evidence.note == "wrong shape"


def test_probes_have_norm_one_mixed_signs_and_reach_every_entry() -> None:
    found = probe((100, 100), numpy.random.default_rng(0))
    assert numpy.sum(found**2) == pytest.approx(1.0)
    assert numpy.min(numpy.abs(found)) >= numpy.sqrt(0.01 / found.size)
    assert found.min() < 0 < found.max()
    layer = LAYERS["cell"]()
    directions = probes(layer.trial)
    assert len(directions) == 2 * len(layer.trial.differentiated)
    for number, tangent in enumerate(directions):
        varied = [bool(numpy.any(part)) for part in tangent]
        assert varied == [n == number // 2 for n in range(len(tangent))]
        assert (number % 2 == 0) or numpy.all(tangent[number // 2] > 0)


def test_a_sparse_error_in_many_entries_is_seen() -> None:
    """One of 10⁴ entries off by a hundredth of the magnitude, along the probes alone."""
    generator = numpy.random.default_rng(3)
    gradient = generator.standard_normal((100, 100))
    wrong = gradient.copy()
    wrong[17, 4] += 0.01
    direction = probe(gradient.shape, generator)
    for tangent in (direction, numpy.abs(direction)):
        miss = abs(numpy.sum((wrong - gradient) * tangent))
        assert miss / numpy.sqrt(numpy.sum(gradient**2)) > 1e-9


@pytest.mark.parametrize("name", LAYERS)
def test_true_pullbacks_are_linear(name: str) -> None:
    layer = LAYERS[name]()
    assert linearity(layer.pullback, layer.trial).outcome is Outcome.MET


def test_what_is_not_linear_in_the_cotangent_fails() -> None:
    layer = LAYERS["softmax"]()
    without = linearity(lambda i, c: (layer.pullback(i, c)[0] + 1e-300,), layer.trial)
    assert without.outcome is Outcome.FAILED
    assert "zero" in without.note
    twice = linearity(lambda i, c: (layer.pullback(i, c)[0] * c[0],), layer.trial)
    assert twice.outcome is Outcome.FAILED
    kinked = linearity(lambda i, c: (layer.pullback(i, numpy.abs(c))[0],), layer.trial)
    assert kinked.outcome is Outcome.FAILED
