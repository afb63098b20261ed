"""Every model's composed pullbacks against JAX's autodiff of the same model in plain references."""

import jax
import numpy as np
import pytest
from training_models import short_run, shortened

from derivcheck.training import MODELS
from derivcheck.training.arrays import precision
from derivcheck.training.comparison import Comparison
from derivcheck.training.parity import from_autodiff, scaled_differences
from derivcheck.training.step import computed_in, from_pullbacks

GRADIENTS = 1e-10
PARAMETERS = 1e-8
ROUGH = 1e-4
"""Of gradients in float32."""

STEPS = 3
BACKENDS = ("numpy", "jax")
DIFFERENTIATORS = (
    *("grad", "value_and_grad", "vjp", "jvp", "linearize", "linear_transpose"),
    *("jacfwd", "jacrev", "hessian", "checkpoint"),
)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_of_both_backends_are_those_of_autodiff(name):
    """At the first and at the last of a few steps, each parameter by itself, at equal points."""
    model = shortened(name, STEPS)
    run = short_run(name, STEPS)
    autodiff = jax.jit(from_autodiff(model))
    composed = jax.jit(from_pullbacks(model, "jax"))
    with precision("jax", "float64"):
        for step in range(STEPS):
            position, batch = run.position, run.batches.at(step)
            given = (position.parameters, position.state, batch)
            losses, expected, state = autodiff(*given)
            for found in (from_pullbacks(model, "numpy")(*given), composed(*given)):
                assert max(scaled_differences(found[1], expected).values()) <= GRADIENTS
                assert max(scaled_differences(found[0], losses).values()) <= GRADIENTS
                assert max(scaled_differences(found[2], state).values(), default=0) <= GRADIENTS
                assert all(np.asarray(each).dtype == np.float64 for each in found[1].values())
            run.advance()


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_two_hundred_steps_end_where_autodiff_ends(name, backend):
    """Gradients at equal parameters at the first, middle and last step; the parameters of two runs
    that go their own ways. `-s` prints the differences, those of float32 beside them."""
    gradients, parameters = differences(name, backend, "float64")
    of_float32 = differences(name, backend, "float32")
    print(
        f"\n{name:26}{backend:6}  float64  gradients {gradients:.1e}  parameters {parameters:.1e}"
        "  float32  gradients {:.1e}  parameters {:.1e}".format(*of_float32)
    )
    assert gradients <= GRADIENTS
    assert parameters <= PARAMETERS
    assert of_float32[0] <= ROUGH


def differences(name, backend, dtype):
    """The largest scaled difference of a gradient and of a parameter over 200 steps."""
    run = short_run(name, 200, backend, dtype, goal=None, patience=0)
    comparison = Comparison(run)
    run.told = comparison
    run.go()
    comparison.finish()
    assert list(comparison.gradients) == [0, 100, 200]
    largest = max(max(each.values()) for each in comparison.gradients.values())
    return largest, max(comparison.parameters.values())


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_float32_stays_float32(name, backend):
    run = short_run(name, 2, backend, "float32")
    run.go()
    for part in (run.position.parameters, run.position.state):
        assert {str(np.asarray(each).dtype) for each in part.values()} <= {"float32"}


@pytest.mark.parametrize("name", ["mlp_batchnorm", "cnn", "char_lstm", "transformer"])
def test_bfloat16_computes_in_it_and_keeps_float32(name):
    run = short_run(name, 2, "jax", "bfloat16")
    model = run.plan.model
    pairs = from_pullbacks(model, "jax")
    with precision("jax", "bfloat16"):
        given = run.position.parameters, run.position.state, run.batches.at(0)
        _, wide, _ = jax.jit(pairs)(*given)
        _, expected, _ = jax.jit(computed_in("bfloat16", from_autodiff(model)))(*given)
        _, found, _ = jax.jit(computed_in("bfloat16", pairs))(*given)
    assert {str(each.dtype) for each in found.values()} == {"float32"}
    # Eight bits, and sums of many terms: as far from float32 as autodiff comes.
    ours, theirs = (max(scaled_differences(each, wide).values()) for each in (found, expected))
    assert 2.0**-12 < ours < max(2 * theirs, 2.0**-6)
    run.go()
    for part in (run.position.parameters, run.position.state, *run.position.moments.values()):
        assert {str(each.dtype) for each in part.values()} <= {"float32"}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["mlp_batchnorm", "char_lstm", "gan"])
def test_training_differentiates_nothing(name, backend, poisoned):
    """JAX's differentiation raises, and the run does not notice."""
    run = short_run(name, 2, backend)
    run.go()
    assert run.step == 2


def test_the_poison_works(poisoned):
    """The twin: the witness does differentiate, and dies of it."""
    with pytest.raises(AssertionError, match="differentiated"):
        short_run("mlp_elu", 2, "jax", gradients=from_autodiff(MODELS["mlp_elu"])).go()


@pytest.fixture
def poisoned(monkeypatch):
    def die(*_args, **_kwargs):
        raise AssertionError("the training path differentiated")

    for name in DIFFERENTIATORS:
        monkeypatch.setattr(jax, name, die)
