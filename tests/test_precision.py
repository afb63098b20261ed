"""float32 pullbacks: stable programs pass at the stress points, naive ones do not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest
from layers import LAYERS, Layer, layernorm_layer, softmax_layer

from derivcheck import api
from derivcheck.codegen import support
from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import Pullback, trials_of
from derivcheck.witnesses.panel import Panel
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


# --- pages that use pages -------------------------------------------------------------------------

PART = r"""# A part

- $X \in \mathbb{R}^{S \times K}$; output $Y \in \mathbb{R}^{S \times K}$ with cotangent
  $\bar{Y}_{sk} := \partial L / \partial Y_{sk}$

$$
\begin{aligned}
Y_{sk} &= FUNCTION \\
\frac{\partial L}{\partial X_{sk}} &= \bar{Y}_{sk} SLOPE
\end{aligned}
$$
"""
PARTS = {
    "far": (r"X_{sk} + 10000", "1"),
    "wave": (r"\sin(X_{sk})", r"\cos(X_{sk})"),
    "square": (r"X_{sk}^2", r"2 X_{sk}"),
}

WAVE_OF_FAR = r"""# The wave of what is far

- $X \in \mathbb{R}^{S \times K}$, $f$ as in [far](far.md), $g$ as in [wave](wave.md)
- output $Y \in \mathbb{R}^{S \times K}$; its cotangent is
  $\bar{Y}_{sk} := \partial L / \partial Y_{sk}$

$$
\begin{aligned}
A_{sk} &= f(X)_{sk} \\
Y_{sk} &= g(A)_{sk} \\
\bar{A}_{sk} &:= \frac{\partial L}{\partial A_{sk}} = \bar{Y}_{sk} \cos(A_{sk}) \\
\frac{\partial L}{\partial X_{sk}} &= \bar{A}_{sk}
\end{aligned}
$$
"""

SQUARE_OF_NORM = r"""# The square of a normalised row

- $X \in \mathbb{R}^{S \times K}$, $g$ as in [square](square.md)
- output $Y \in \mathbb{R}^{S \times K}$; its cotangent is
  $\bar{Y}_{sk} := \partial L / \partial Y_{sk}$

$$
\begin{aligned}
\mu_s &= \frac{1}{K} \sum_k X_{sk} \\
\sigma^2_s &= VARIANCE \\
A_{sk} &= \frac{X_{sk} - \mu_s}{\sqrt{\sigma^2_s + 10^{-6}}} \\
Y_{sk} &= g(A)_{sk} \\
\bar{A}_{sk} &:= \frac{\partial L}{\partial A_{sk}} = 2 \bar{Y}_{sk} A_{sk} \\
\frac{\partial L}{\partial X_{sk}} &= \frac{1}{\sqrt{\sigma^2_s + 10^{-6}}} \Big( \bar{A}_{sk}
  - \frac{1}{K} \sum_l \bar{A}_{sl} - A_{sk} \frac{1}{K} \sum_l \bar{A}_{sl} A_{sl} \Big)
\end{aligned}
$$
"""


def panel_of(folder: Path, page: str) -> Panel:
    """The witnesses of a page beside the pages that it uses."""
    for name, (function, slope) in PARTS.items():
        text = PART.replace("FUNCTION", function).replace("SLOPE", slope)
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    path = folder / "user.md"
    path.write_text(page, encoding="utf-8")
    return panel(api.read(path))


def panel(loaded: api.LoadedDerivation) -> Panel:
    return Panel(loaded.derivation, loaded.program, None, "", on_jax=False)


def numerics(judge: Panel) -> Evidence:
    """The worst of three trials; the first that failed."""
    found = [judge.numerics(trial) for trial in trials_of(judge.derivation, count=3, seed=0)]
    return next((each for each in found if each.outcome is not Outcome.MET), found[0])


def test_a_composition_of_stable_parts_is_met_though_it_magnifies_a_rounding(tmp_path) -> None:
    """X + 10000 has lost three digits of X, correctly rounded as it is, and no sine finds them."""
    judge = panel_of(tmp_path, WAVE_OF_FAR)
    assert numerics(judge).outcome is Outcome.MET
    page = judge.derivation
    unseen = replace(page, context=replace(page.context, uses={}, theorems=()))
    assert not unseen.seams
    as_one = numerics(replace(judge, derivation=unseen))
    assert as_one.outcome is Outcome.FAILED
    assert as_one.note.startswith("digits lost in ")


@pytest.mark.parametrize(
    ("variance", "outcome"),
    [
        (r"\frac{1}{K} \sum_k (X_{sk} - \mu_s)^2", Outcome.MET),
        (r"\frac{1}{K} \sum_k X_{sk}^2 - \mu_s^2", Outcome.FAILED),
    ],
)
def test_a_part_that_loses_digits_is_caught_in_a_composition(
    tmp_path, variance: str, outcome: Outcome
) -> None:
    evidence = numerics(panel_of(tmp_path, SQUARE_OF_NORM.replace("VARIANCE", variance)))
    assert evidence.outcome is outcome
    if outcome is Outcome.FAILED:
        assert re.fullmatch("digits lost in . at X constant up to 1e-4", evidence.note)


UNSHIFTED = """
def softmax(x, axis, out=None):
    z = np.exp(x)
    return z / z.sum(axis=axis, keepdims=True)
"""
NOT_NORMALISED = """
def softmax(x, axis, out=None):
    largest = x.max(axis=axis, keepdims=True)
    return np.exp(x - (largest + np.log(np.exp(x - largest).sum(axis=axis, keepdims=True))))
"""


@pytest.mark.parametrize(
    ("name", "code", "note"),
    [
        ("attention", None, ""),
        ("transformer_block", None, ""),
        ("attention", UNSHIFTED, "overflow in "),
        ("transformer_block", NOT_NORMALISED, "digits lost in "),
    ],
)
def test_composed_pages_keep_their_digits_and_a_careless_softmax_does_not(
    monkeypatch, name: str, code: str | None, note: str
) -> None:
    """Weights e^{z − log Σ e^z} sum to 1 but for a rounding of z, which is large where z is."""
    judge = panel(api.load(name))
    if code is not None:
        monkeypatch.setitem(support.NUMPY, "softmax", code)
    evidence = numerics(judge)
    assert evidence.outcome is (Outcome.FAILED if note else Outcome.MET)
    assert evidence.note.startswith(note)
