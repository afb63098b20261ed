"""The composed NumPy steps beside steps written by hand, and the JAX ones beside autodiff.

The clock is that of the process: what all its threads have computed, so give BLAS and PyTorch one
(`OMP_NUM_THREADS=1`).

`pytest -n 0 -m benchmark -s tests/test_training_throughput.py` prints the figures; machines that do
something else meanwhile spread them, which the A/A ratio beside each shows.
"""

import statistics
import time

import numpy as np
import pytest
import training_baselines
import training_jax_baselines
from training_models import data_of, shortened

from derivcheck.training import MODELS, Plan, Run
from derivcheck.training.arrays import precision
from derivcheck.training.comparison import clock, in_pytorch, throughput
from derivcheck.training.data import Data
from derivcheck.training.loop import initial_parameters
from derivcheck.training.parity import scaled_differences
from derivcheck.training.step import from_pullbacks

BY_HAND = {
    "mlp_elu": (training_baselines.mlp, {"layers": 2, "width": 256}),
    "mlp_elu on large images": (training_baselines.mlp, {"layers": 2, "width": 256}),
    "lstm_palindromes": (training_baselines.lstm, {"units": 128}),
}
NUMPY_RATIO, JAX_RATIO = 0.9, 0.95
REPEATS, STEPS = 20, 8


def images() -> Data:
    """Of the size of MNIST's, with nothing on them."""
    rng = np.random.default_rng(0)
    part = {"x": rng.random((1024, 1, 28, 28)), "y": rng.integers(0, 10, 1024)}
    return Data("images", "classes", part, part, part, 10)


def sequences() -> Data:
    """As long as palindromes of 20 digits, and as many as a batch needs."""
    rng = np.random.default_rng(0)
    part = {"x": rng.integers(0, 2, (1024, 19)), "y": rng.integers(0, 2, 1024)}
    return Data("sequences", "sequences", part, part, part, 2, ("0", "1"))


def run_of(case: str, dtype: str) -> Run:
    """Without dropout, smoothing and clipping: what the steps by hand do. Batches of 64 and 128."""
    name = case.split()[0]
    model = shortened(name, 100, options=BY_HAND[case][1], clip=None)
    known = {"mlp_elu on large images": images, "lstm_palindromes": sequences}
    data = known[case]() if case in known else data_of(name)
    return Run(Plan(model, data, "numpy", dtype))


@pytest.mark.parametrize("case", BY_HAND)
def test_steps_by_hand_have_the_same_gradients(case):
    """Otherwise timing them would say nothing."""
    run = run_of(case, "float64")
    batch = run.batches.at(0)
    losses, found, _ = from_pullbacks(run.plan.model, "numpy")(run.position.parameters, {}, batch)
    loss, expected = BY_HAND[case][0](run.position.parameters, batch["x"], batch["y"])
    assert losses["loss"] == pytest.approx(loss, rel=1e-12)
    for each, value in expected.items():
        np.testing.assert_allclose(found[each], value, rtol=1e-9, atol=1e-14)


@pytest.mark.benchmark
@pytest.mark.parametrize("case", BY_HAND)
def test_numpy_steps_are_as_fast_as_steps_by_hand(case):
    run = run_of(case, "float32")
    # As in training every step has a batch of its own: the processor learns none of them by heart.
    batches = [run.batches.at(step) for step in range(STEPS)]
    rate = run.plan.model.recipe.optimiser.rate

    def by_hand() -> float:
        parameters = {n: v.copy() for n, v in initial_parameters(run.plan).items()}
        first, second = ({n: np.zeros_like(v) for n, v in parameters.items()} for _ in range(2))
        begun = time.process_time()
        for t, batch in enumerate(batches, 1):
            _, gradients = BY_HAND[case][0](parameters, batch["x"], batch["y"])
            training_baselines.adam(parameters, gradients, first, second, rate, t)
        return (time.process_time() - begun) / STEPS

    def composed() -> float:
        position = run.position
        begun = time.process_time()
        for batch in batches:
            position, _ = run.stepped(position, batch)
        return (time.process_time() - begun) / STEPS

    with precision("numpy", "float32"):
        by_hand(), composed()
        times = [(by_hand(), composed(), by_hand()) for _ in range(REPEATS)]
    first, ours, last = (statistics.median(each) for each in zip(*times, strict=True))
    ratio, spread = (first + last) / 2 / ours, max(first, last) / min(first, last)
    print(f"\n{case}: {1 / ours:.0f} steps/s, {ratio:.2f} times by hand; A/A {spread:.2f}")
    assert ratio * spread >= NUMPY_RATIO


LOSSES = {
    "mlp_elu": training_jax_baselines.mlp,
    "cnn": training_jax_baselines.cnn,
    "lstm_palindromes": training_jax_baselines.lstm,
    "transformer": training_jax_baselines.transformer,
}


def runs_of(name: str, dtype: str) -> tuple[Run, Run]:
    """By the registry's pairs, and by autodiff of a loss written without it."""
    model = MODELS[name]
    data = sequences() if name == "lstm_palindromes" else data_of(name)
    plan = Plan(model, data, "jax", dtype)
    by_hand = training_jax_baselines.gradients_of(LOSSES[name], model.recipe.options)
    return Run(plan), Run(plan, gradients=by_hand)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_by_hand_have_the_same_gradients(name):
    """Otherwise timing them would say nothing."""
    run, by_hand = runs_of(name, "float64")
    with precision("jax", "float64"):
        given = run.position.parameters, run.position.state, run.batches.at(0)
        losses, found, state = from_pullbacks(run.plan.model, "jax")(*given)
        expected_losses, expected, expected_state = by_hand.gradients(*given)
    assert float(losses["loss"]) == pytest.approx(float(expected_losses["loss"]), rel=1e-12)
    assert max(scaled_differences(found, expected).values()) < 1e-10
    assert found.keys() == expected.keys()
    assert state.keys() == expected_state.keys()
    for each, value in expected_state.items():
        np.testing.assert_allclose(state[each], value, rtol=1e-12)


@pytest.mark.benchmark
@pytest.mark.parametrize("name", LOSSES)
def test_jax_steps_are_as_fast_as_those_of_autodiff(name):
    with precision("jax", "float32"):
        ours, autodiff = runs_of(name, "float32")
        found = throughput(clock(ours, time.process_time), clock(autodiff, time.process_time))
    print(
        f"\n{name}: {found.ours:.0f} steps/s, {found.ratio:.2f} times jax.value_and_grad; "
        f"A/A {found.spread:.2f}"
    )
    assert found.ratio * found.spread >= JAX_RATIO


@pytest.mark.benchmark
@pytest.mark.parametrize("name", LOSSES)
def test_jax_steps_beside_those_of_pytorch(name):
    """A figure and no target: a step of PyTorch's own layers and optimisers, on the CPU."""
    pytest.importorskip("torch", reason="PyTorch is not installed")
    run, autodiff = runs_of(name, "float32")
    theirs = in_pytorch(run, time.process_time)
    with precision("jax", "float32"):
        clocks = [clock(each, time.process_time) for each in (run, autodiff)]
        found = throughput(*clocks, theirs)
    assert found.pytorch
    print(
        f"\n{name}: {found.ours:.0f} steps/s, {found.ours / found.pytorch:.2f} times PyTorch; "
        f"A/A {found.spread:.2f}"
    )
