"""One step: update rules, schedules, regularisers, clipping, first values."""

from itertools import combinations

import numpy as np
import pytest
from training_models import short_run, shortened

from derivcheck.training import MODELS
from derivcheck.training.arrays import precision
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.optimisers import Optimiser
from derivcheck.training.parity import from_autodiff
from derivcheck.training.schedules import Schedule
from derivcheck.training.step import from_pullbacks

BACKENDS = ("numpy", "jax")
RATE = 0.1


# Each rule once more as plain arithmetic: θ, carried values, gradient, step to θ, carried values.
def sgd(theta, carried, g, t):
    return theta - RATE * g, carried


def momentum(theta, carried, g, t):
    v = 0.9 * carried["v"] + g
    return theta - RATE * v, {"v": v}


def nesterov(theta, carried, g, t):
    v = 0.9 * carried["v"] + g
    return theta - RATE * (g + 0.9 * v), {"v": v}


def rmsprop(theta, carried, g, t):
    v = 0.9 * carried["v"] + 0.1 * g * g
    return theta - RATE * g / (np.sqrt(v) + 1e-8), {"v": v}


def adam(theta, carried, g, t, decay=0.0):
    m = 0.9 * carried["m"] + 0.1 * g
    v = 0.999 * carried["v"] + 0.001 * g * g
    length = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return theta - RATE * (length + decay * theta), {"m": m, "v": v}


def adamw(theta, carried, g, t):
    return adam(theta, carried, g, t, decay=0.01)


def adagrad(theta, carried, g, t):
    v = carried["v"] + g * g
    return theta - RATE * g / np.sqrt(v + 1e-10), {"v": v}


def adadelta(theta, carried, g, t):
    v = 0.9 * carried["v"] + 0.1 * g * g
    step = np.sqrt(carried["u"] + 1e-6) / np.sqrt(v + 1e-6) * g
    return theta - RATE * step, {"v": v, "u": 0.9 * carried["u"] + 0.1 * step * step}


def adamax(theta, carried, g, t):
    m = 0.9 * carried["m"] + 0.1 * g
    v = np.maximum(0.999 * carried["v"], np.abs(g) + 1e-8)
    return theta - RATE * m / (1 - 0.9**t) / v, {"m": m, "v": v}


def nadam(theta, carried, g, t):
    m = 0.9 * carried["m"] + 0.1 * g
    v = 0.999 * carried["v"] + 0.001 * g * g
    ahead = 0.9 * m / (1 - 0.9 ** (t + 1)) + 0.1 * g / (1 - 0.9**t)
    return theta - RATE * ahead / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), {"m": m, "v": v}


def amsgrad(theta, carried, g, t):
    m = 0.9 * carried["m"] + 0.1 * g
    v = 0.999 * carried["v"] + 0.001 * g * g
    w = np.maximum(carried["w"], v / (1 - 0.999**t))
    return theta - RATE * m / (1 - 0.9**t) / (np.sqrt(w) + 1e-8), {"m": m, "v": v, "w": w}


def lion(theta, carried, g, t):
    sign = np.sign(0.9 * carried["m"] + 0.1 * g)
    return theta - RATE * (sign + 0.01 * theta), {"m": 0.99 * carried["m"] + 0.01 * g}


RULES = (
    *(sgd, momentum, nesterov, rmsprop, adam, adamw),
    *(adagrad, adadelta, adamax, nadam, amsgrad, lion),
)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rule", RULES)
def test_update_rules_are_those_of_their_papers(rule, backend):
    rng = np.random.default_rng(0)
    optimiser = Optimiser(rule.__name__, RATE)
    theta = {"W": rng.normal(size=(2, 3)), "b": rng.normal(size=3)}
    expected, carried = dict(theta), {}
    with precision(backend, "float64"):
        moments = optimiser.start(theta, backend)
        for t in (1, 2, 3):
            gradients = {name: rng.normal(size=value.shape) for name, value in theta.items()}
            theta, moments = optimiser.update(backend, theta, gradients, moments, RATE, t)
            for name, g in gradients.items():
                before = carried.get(name, dict.fromkeys("mvuw", 0.0))
                expected[name], carried[name] = rule(expected[name], before, g, t)
                np.testing.assert_allclose(np.asarray(theta[name]), expected[name], rtol=1e-12)


@pytest.mark.parametrize("page", ["momentum", "adam"])
def test_an_update_writes_into_nothing_that_was_there(page):
    """What a run has kept (its best position, one that is being diagnosed) stays as it was."""
    rng = np.random.default_rng(0)
    optimiser = Optimiser(page, RATE)
    g = {"W": rng.normal(size=(7, 9))}
    theta = {"W": rng.normal(size=(7, 9))}
    moments = optimiser.start(theta, "numpy")
    positions = [(theta, moments)]
    for t in (1, 2, 3):
        kept = [array.copy() for array in arrays(*positions[-1])]
        positions.append(
            optimiser.update("numpy", *positions[-1][:1], g, positions[-1][1], RATE, t)
        )
        for before, now in zip(kept, arrays(*positions[-2]), strict=True):
            np.testing.assert_array_equal(before, now)
    held = [array for position in positions for array in arrays(*position)]
    assert not any(np.shares_memory(a, b) for a, b in combinations(held, 2))


def arrays(theta, moments):
    return [theta["W"], *moments["W"].values()]


def test_a_parameter_without_a_gradient_stays():
    optimiser = Optimiser("adam", RATE)
    theta = {"a": np.ones(2), "b": np.ones(2)}
    moments = optimiser.start(theta, "numpy")
    after, carried = optimiser.update("numpy", theta, {"a": np.ones(2)}, moments, RATE, 1)
    assert after["b"] is theta["b"]
    assert carried["b"] is moments["b"]
    assert (after["a"] != 1).all()


def test_an_unknown_rule_or_setting_is_named():
    with pytest.raises(ValueError, match="no update rule 'adagard'; there are: sgd"):
        Optimiser("adagard", RATE)
    with pytest.raises(ValueError, match="sgd has no setting mu"):
        Optimiser("sgd", RATE, {"mu": 0.9})


@pytest.mark.parametrize(
    ("schedule", "factors"),
    [
        (Schedule(), {0: 1.0, 99: 1.0}),
        (Schedule(warm_up=4), {0: 0.25, 3: 1.0, 50: 1.0}),
        (Schedule("cosine", last=0.2), {0: 1.0, 50: 0.6, 100: 0.2}),
        (Schedule("linear", last=0.5), {0: 1.0, 50: 0.75, 100: 0.5}),
        (Schedule("staircase", last=0.1, every=30), {29: 1.0, 30: 0.1, 60: 0.01}),
    ],
)
def test_schedules(schedule, factors):
    for step, factor in factors.items():
        assert schedule.factor(step, 100) == pytest.approx(factor)


# --- regularisers -------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("strength", "gradient"),
    [({"l2": 0.3}, lambda w: 0.3 * w), ({"l1": 0.3}, lambda w: 0.3 * np.sign(w))],
    ids=["l2", "l1"],
)
def test_regularisers_add_their_gradient_to_weights_and_none_to_biases(backend, strength, gradient):
    name = "two_moons"
    run = short_run(name, 1)
    given = (run.position.parameters, run.position.state, run.batches.at(0))
    with precision(backend, "float64"):
        _, plain, _ = from_pullbacks(shortened(name, 1), backend)(*given)
        _, found, _ = from_pullbacks(shortened(name, 1, **strength), backend)(*given)
    for each, value in given[0].items():
        added = np.asarray(found[each]) - np.asarray(plain[each])
        expected = gradient(value) if value.ndim > 1 else np.zeros_like(value)
        np.testing.assert_allclose(added, expected, atol=1e-12)


def test_both_regularisers_are_those_of_autodiff():
    model = shortened("two_moons", 1, l2=0.3, l1=0.2)
    run = short_run("two_moons", 1)
    given = (run.position.parameters, run.position.state, run.batches.at(0))
    with precision("jax", "float64"):
        _, expected, _ = from_autodiff(model)(*given)
    _, found, _ = from_pullbacks(model, "numpy")(*given)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], np.asarray(value), rtol=1e-9, atol=1e-14)


def test_dropout_and_smoothing_are_for_training_alone():
    """A look at data held out is the same whatever they are."""
    plain = {"layers": 2, "width": 128}
    first = short_run("mlp_elu", 1, options={**plain, "dropout": 0.5, "smoothing": 0.2})
    second = short_run("mlp_elu", 1, options=plain)
    part = first.plan.data.test
    looks = [run.evaluation.measured(run.position.parameters, {}, part) for run in (first, second)]
    assert looks[0] == looks[1]
    given = first.batches.at(0)
    masks = [value for name, value in given.items() if name.endswith(".mask")]
    assert len(masks) == 2
    assert all(0.4 < mask.mean() < 0.6 for mask in masks)
    assert not [name for name in second.batches.at(0) if name.endswith(".mask")]


def test_recurrent_weights_are_left_out_in_training_alone():
    """The same ones at every place of a batch, others in the next one."""
    few, many = (
        short_run(
            "char_lstm", 2, options={"units": 16, "dropout": share, "recurrent_dropout": share}
        )
        for share in (0.0, 0.6)
    )
    for run in (few, many):
        run.look()
    assert few.looks == many.looks
    losses, masks = [], []
    for run in (few, many):
        batch = run.batches.at(0)
        masks.append(batch["recurrent_mask"])
        found, _, _ = from_pullbacks(run.plan.model, "numpy")(
            run.position.parameters, run.position.state, batch
        )
        losses.append(float(found["loss"]))
    assert losses[0] != losses[1]
    assert masks[0].all()
    assert 0.3 < masks[1].mean() < 0.5
    assert masks[1].shape == (4 * 16, 16)
    assert not np.array_equal(masks[1], many.batches.at(1)["recurrent_mask"])


def test_batch_normalisation_looks_with_its_running_averages():
    """What an example is told for does not depend on the examples beside it."""
    run = short_run("mlp_batchnorm", 5)
    run.go()
    position, part = run.position, run.plan.data.test
    whole = run.evaluation.outputs(position.parameters, position.state, part)["logits"]
    some = {name: values[:3] for name, values in part.items()}
    few = run.evaluation.outputs(position.parameters, position.state, some)["logits"]
    np.testing.assert_allclose(whole[:3], few, rtol=1e-9, atol=1e-12)
    assert not np.allclose(position.state["hidden0.mean"], 0.0)


# --- first values -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "variance"), [("xavier", 2 / (300 + 200)), ("he", 2 / 200)], ids=["xavier", "he"]
)
def test_first_weights_have_the_variance_of_their_page(rule, variance):
    draw = Initialiser(np.random.default_rng(0))
    weights = getattr(draw, rule)(300, 200)
    assert weights.var() == pytest.approx(variance, rel=0.05)
    assert abs(weights.mean()) < 0.01 * np.sqrt(variance) * 10
    kernel = getattr(draw, rule)(300, 8, 5, 5)
    assert kernel.shape == (300, 8, 5, 5)
    assert kernel.var() == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("name", MODELS)
def test_both_precisions_begin_at_the_same_numbers(name):
    double, single = (short_run(name, 1, dtype=dtype) for dtype in ("float64", "float32"))
    for each, value in double.position.parameters.items():
        np.testing.assert_array_equal(value.astype(np.float32), single.position.parameters[each])
