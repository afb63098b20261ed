"""What is timed in PyTorch takes the steps that we take. Skipped where PyTorch is missing."""

import numpy as np
import pytest
from training_models import short_run

from derivcheck.training import MODELS
from derivcheck.training.arrays import precision
from derivcheck.training.comparison import Comparison, in_pytorch
from derivcheck.training.parity import scaled_differences
from derivcheck.training.step import from_pullbacks

pytest.importorskip("torch", reason="PyTorch is not installed")
pytorch = pytest.importorskip("derivcheck.training.pytorch")


def test_every_model_has_a_loss():
    assert pytorch.LOSSES.keys() == MODELS.keys()


@pytest.mark.parametrize("name", MODELS)
def test_gradients_and_losses_are_ours(name):
    run = short_run(name, 1)
    position, batch = run.position, run.batches.at(0)
    _, expected, _ = from_pullbacks(run.plan.model, "numpy")(
        position.parameters, position.state, batch
    )
    parameters = {n: v.requires_grad_() for n, v in pytorch.tensors(position.parameters).items()}
    given = pytorch.tensors({**batch, **position.state})
    pytorch.differentiate(run.plan.model, parameters, given)
    found = {each: value.grad.numpy() for each, value in parameters.items()}
    assert max(scaled_differences(found, expected).values()) < 1e-10


@pytest.mark.parametrize(
    "name", ["softmax_regression", "mlp_batchnorm", "two_moons", "transformer"]
)
def test_a_step_is_ours(name):
    """Of sgd, momentum, rmsprop and adamw, with regulariser and clipping."""
    run = short_run(name, 1)
    position, batch = run.position, run.batches.at(0)
    after, _ = run.stepped(position, batch)
    step, parameters = pytorch.stepper(run.plan.model, position.parameters, position.state, batch)
    step()
    found = {each: value.detach().numpy() for each, value in parameters.items()}
    assert max(scaled_differences(found, after.parameters).values()) < 1e-9
    assert not any(np.array_equal(found[each], v) for each, v in position.parameters.items())


def test_a_comparison_has_a_figure_for_it():
    run = short_run("two_moons", 2, "jax", "float32")
    comparison = Comparison(run)
    run.told = comparison
    run.go()
    speed = comparison.throughput()
    assert speed.pytorch
    assert speed.pytorch > 0


def test_bfloat16_has_no_figure():
    run = short_run("two_moons", 2, "jax", "bfloat16")
    with precision("jax", "bfloat16"):
        assert in_pytorch(run) is None
