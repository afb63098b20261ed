"""Generated forward passes against what a library computes, in float64.

The Reference of a page was written beside the page; these were written by others, for others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

import jax
import library_forward
import numpy as np
import optax
import pytest
from library_forward import (
    INITIALISERS,
    NO_LIBRARY,
    ON_FLAX,
    OPTIMISERS,
    SCORED_IN_SINGLE,
    Inputs,
    Library,
)
from test_convolution_libraries import CASES

from derivcheck import load, registry
from derivcheck.api import LoadedDerivation
from derivcheck.witnesses.array_trial import Trial, scaled_error, trials_of
from derivcheck.witnesses.reference import enable_x64

BOUND = 1e-12
SINGLE = 2.0**-20
"""16 roundings of float32, for what a library computes in it whatever it is given."""
STEPS = 6


@pytest.fixture(autouse=True)
def _in_float64() -> Iterator[None]:
    with enable_x64(True), jax.default_matmul_precision("highest"):
        yield


def test_every_registered_page_is_held_against_a_library_or_says_why_not() -> None:
    convolutions = {page for page, *_ in CASES}
    tables = (
        *(library_forward.FORWARD, ON_FLAX, OPTIMISERS, INITIALISERS, MOVING, convolutions),
        NO_LIBRARY,
    )
    named = [name for table in tables for name in table]
    assert set(library_forward.FORWARD) & set(ON_FLAX) == SCORED_IN_SINGLE
    assert sorted(set(named)) == list(registry.names())
    assert len(named) == len(set(named)) + len(SCORED_IN_SINGLE)
    assert all(len(reason) > 20 for reason in NO_LIBRARY.values())


def agrees(found: Sequence[object], expected: object, bound: float = BOUND) -> None:
    """Every output, to the last digits of the largest entry."""
    outputs = expected if isinstance(expected, tuple) else (expected,)
    for mine, theirs in zip(found, outputs, strict=True):
        theirs = np.asarray(theirs)
        assert theirs.dtype == np.float64
        assert np.all(np.isfinite(theirs))
        assert scaled_error(np.asarray(mine), theirs, 0.0) <= bound


def tried(layer: LoadedDerivation) -> list[tuple[Trial, Inputs]]:
    names = layer.program.inputs
    drawn = [
        (trial, dict(zip(names, trial.inputs, strict=True)))
        for trial in trials_of(layer.derivation, count=3, seed=0)
    ]
    assert len(drawn) >= 2
    return drawn


def held_against(name: str, library: Library, module: ModuleType, bound: float = BOUND) -> None:
    layer = load(name)
    for trial, drawn in tried(layer):
        inputs = module.GIVEN.get(name, dict)(drawn)
        outputs, _ = layer.forward(*inputs.values(), **_extents(layer, trial))
        agrees(outputs, library(*inputs.values(), **trial.statics), bound)


def _extents(layer: LoadedDerivation, trial: Trial) -> dict[str, int]:
    """The integers that the generated function takes: statics, and sizes that no shape tells."""
    program = layer.program
    return {program.numbers[p]: trial.extents[p] for p in program.forward.statics}


@pytest.mark.parametrize("name", library_forward.FORWARD)
def test_jax_and_optax(name: str) -> None:
    bound = SINGLE if name in SCORED_IN_SINGLE else BOUND
    held_against(name, library_forward.FORWARD[name], library_forward, bound)


@pytest.mark.parametrize("name", ON_FLAX)
def test_flax(name: str) -> None:
    pytest.importorskip("flax", reason="Flax, which alone has these layers, is not installed")
    import flax_forward

    assert set(flax_forward.FORWARD) == set(ON_FLAX)
    held_against(name, flax_forward.FORWARD[name], flax_forward)


# --- updates, over several steps ----------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMISERS)
def test_optimisers_take_the_same_steps(name: str) -> None:
    layer = load(name)
    for trial, inputs in tried(layer):
        # A page has θ, what it carries, the gradient and then its hyperparameters.
        carried = list(inputs)[1 : list(inputs).index("g")]
        state = {each: np.zeros_like(inputs[each]) for each in carried}
        given = {key: value for key, value in inputs.items() if key not in {"theta", "g", *state}}
        theta, generator = inputs["theta"], trial.generator(50)
        rule = OPTIMISERS[name](**given)
        mine, theirs, theirs_state = theta, theta, rule.init(theta)
        for step in range(1, STEPS + 1):
            g = generator.normal(size=theta.shape)
            numbered = {"t": step} if "t" in trial.statics else {}
            arguments = {"theta": mine, **state, "g": g, **given}
            ordered = [arguments[each] for each in layer.program.inputs]
            (mine, *kept), _ = layer.forward(*ordered, **numbered)
            state = dict(zip(state, kept, strict=True))
            updates, theirs_state = rule.update(g, theirs_state, theirs)
            theirs = optax.apply_updates(theirs, updates)
            agrees((mine,), theirs)


MOVING: Mapping[str, Any] = {"moving_average": optax.ema}


@pytest.mark.parametrize("name", MOVING)
def test_an_average_over_many_steps_is_the_one_kept_step_by_step(name: str) -> None:
    layer = load(name)
    for _, inputs in tried(layer):
        # The bias at the start is the page's subject, so it is not taken off.
        rule = MOVING[name](inputs["beta"], debias=False)
        # The library begins with 0, the page with any average.
        state, kept = rule.init(inputs["G"][0])._replace(ema=inputs["a"]), None
        for gradient in inputs["G"]:
            kept, state = rule.update(gradient, state)
        outputs, _ = layer.forward(*inputs.values())
        agrees(outputs, kept)


# --- initialisers -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INITIALISERS)
@pytest.mark.parametrize("shape", [(3, 5), (5, 2), (1, 7)])
def test_initialisers_scale_what_is_drawn_by_the_same_number(
    name: str, shape: tuple[int, int]
) -> None:
    """The library draws and scales; the page scales what the same key draws."""
    library, draw = INITIALISERS[name]
    N, M = shape
    key = jax.random.key(N)
    # A library's kernel has a row for each input feature, the page's a row for each output.
    R = draw(key, (M, N), np.float64).T
    outputs, _ = load(name).forward(np.asarray(R))
    agrees(outputs, library(key, (M, N), np.float64).T)
