"""Runs: what they depend on, how they end, and how they are taken up again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_models import data_of, interrupting_after, short_run, shortened

from derivcheck.training import MODELS, Plan, Run
from derivcheck.training.chance import Stream, generator
from derivcheck.training.checkpoint import Checkpoint, CheckpointError, load, save
from derivcheck.training.diagnosis import Divergence
from derivcheck.training.optimisers import Optimiser

BACKENDS = ("numpy", "jax")
WITH_STATE = ("mlp_elu", "mlp_batchnorm", "char_lstm")
"""What dropout draws, what batch normalisation averages, a hidden state that goes on."""


def bits(run: Run) -> dict[str, bytes]:
    position = run.position
    moments = {f"{n}/{m}": v for n, of in position.moments.items() for m, v in of.items()}
    arrays = {**position.parameters, **position.state, **moments}
    return {name: np.asarray(value).tobytes() for name, value in arrays.items()}


@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_plans_give_equal_bits_and_another_seed_does_not(backend):
    first, second = (short_run("mlp_elu", 3, backend, "float32") for _ in range(2))
    other = short_run("mlp_elu", 3, backend, "float32", seed=1)
    for run in (first, second, other):
        run.go()
    assert bits(first) == bits(second)
    assert bits(first) != bits(other)


@pytest.mark.parametrize(
    ("step", "name", "backend"),
    [
        *((3, name, backend) for name in WITH_STATE for backend in BACKENDS),
        (4, "mlp_elu", "numpy"),  # before the look that belongs to the step
        (6, "mlp_elu", "numpy"),
    ],
)
def test_a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(
    step, name, backend, tmp_path
):
    path = tmp_path / "run.npz"
    whole = short_run(name, 6, backend, "float32", evaluate=2)
    whole.go()
    begun = short_run(name, 6, backend, "float32", path=path, evaluate=2)
    begun.told = interrupting_after(step)
    with pytest.raises(KeyboardInterrupt):
        begun.go()
    rest = short_run(name, 6, backend, "float32", path=path, evaluate=2)
    rest.resume()
    assert rest.step == step
    rest.go()
    assert bits(rest) == bits(whole)
    assert rest.losses == whole.losses
    assert rest.looks == whole.looks


def test_batches_go_once_through_the_data_in_an_order_of_their_own():
    run = short_run("softmax_regression", 50)
    per_epoch = run.batches.steps_per_epoch
    epochs = [
        np.concatenate([run.batches.at(n + e * per_epoch)["x"] for n in range(per_epoch)])
        for e in range(2)
    ]
    for epoch in epochs:
        assert len({row.tobytes() for row in epoch}) > 0.99 * len(epoch)
    assert not np.array_equal(*epochs)
    np.testing.assert_array_equal(run.batches.at(7)["x"], run.batches.at(7)["x"])


def test_a_text_goes_on_where_the_batch_before_ended():
    run = short_run("char_lstm", 50)
    first, second = run.batches.at(0), run.batches.at(1)
    assert (first["fresh"], second["fresh"]) == (1, 0)
    np.testing.assert_array_equal(first["y"][:, :-1], first["x"][:, 1:])
    np.testing.assert_array_equal(first["y"][:, -1], second["x"][:, 0])
    assert run.batches.at(run.batches.steps_per_epoch)["fresh"] == 1


def test_streams_of_chance_are_independent_of_each_other():
    drawn = {
        generator(seed, stream, number).integers(2**62)
        for seed in (0, 1)
        for stream in Stream
        for number in (0, 1)
    }
    assert len(drawn) == 2 * len(Stream) * 2


def test_patience_ends_a_run_and_keeps_the_best():
    run = short_run("two_moons", 400, evaluate=10, patience=2, optimiser=Optimiser("sgd", 0.0))
    run.go()
    assert run.step == 30  # one look to compare with and two that are no better
    assert run.ending == "patience"
    assert run.best is not run.position


PARTS = {"classes": "two_moons", "sequences": "lstm_palindromes", "text": "char_lstm"}


def poisoned(part: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
    """Every class another one; every number undefined."""
    return {
        name: values.max() - values if values.dtype.kind == "i" else values * np.nan
        for name, values in part.items()
    }


def outcome_of(run: Run) -> tuple[object, ...]:
    best = {name: np.asarray(value).tobytes() for name, value in run.best.parameters.items()}
    return run.step, run.ending, run.looks, run.losses, best, bits(run)


@pytest.mark.parametrize("kind", PARTS)
def test_nothing_that_is_chosen_depends_on_the_test_part(kind, tmp_path):
    """Not when a run ends, not which position is its best one, not a byte of its checkpoint. The
    twin: all of it depends on the validation part."""
    first = short_run(PARTS[kind], 60, path=tmp_path / "first.npz", evaluate=4, patience=2)
    data = first.plan.data
    test = replace(first.plan, data=replace(data, test=poisoned(data.test)))
    validation = replace(first.plan, data=replace(data, validation=poisoned(data.validation)))
    other = Run(test, tmp_path / "other.npz")
    misled = Run(validation, tmp_path / "misled.npz")
    for run in (first, other, misled):
        run.go()
    assert outcome_of(first) == outcome_of(other)
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()
    assert repr(first.tested()) != repr(other.tested())
    assert repr(first.looks) != repr(misled.looks)
    assert first.tested().step == max(first.looks, key=lambda look: look.score).step


def test_the_figure_is_that_of_the_best_position():
    """A rate that is far too large: what the run ends in is worse than what it came through."""
    run = short_run("two_moons", 300, evaluate=5, patience=8, optimiser=Optimiser("sgd", 8.0))
    run.go()
    tested = run.tested()
    assert tested.step == max(run.looks, key=lambda look: look.score).step < run.step
    part = run.plan.data.test
    last = run.evaluation.measured(run.position.parameters, run.position.state, part)
    best = run.evaluation.measured(run.best.parameters, run.best.state, part)
    assert tested.values == best
    assert tested.values != last


def test_a_goal_ends_a_run():
    run = short_run("two_moons", 400, evaluate=10, goal=0.3)
    run.go()
    assert run.step < 400
    assert run.ending == "goal"
    assert [look.loss <= 0.3 for look in run.looks] == [*[False] * (len(run.looks) - 1), True]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_that_diverges_says_where(backend, tmp_path):
    run = short_run(
        "linear_regression",
        500,
        backend,
        path=tmp_path / "run.npz",
        optimiser=Optimiser("sgd", 1e9),
    )
    with pytest.raises(Divergence, match=r"diverged at step \d+: .*largest gradient .* of output"):
        run.go()
    assert load(tmp_path / "run.npz").facts["step"] == run.step
    assert load(tmp_path / "run.npz").facts["ending"] == run.ending == "divergence"
    assert all(np.isfinite(value).all() for value in run.position.parameters.values())


def test_clipping_bounds_the_step():
    model = shortened("linear_regression", 1, clip=1e-3, optimiser=Optimiser("sgd", 1.0))
    run = Run(Plan(model, data_of("linear_regression"), "numpy", "float64"))
    before = run.position.parameters
    run.go()
    moved = [run.position.parameters[name] - value for name, value in before.items()]
    assert np.sqrt(sum(np.vdot(each, each) for each in moved)) == pytest.approx(1e-3)


# --- checkpoints --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"seed": 1}, "seed = 0, not 1"),
        ({"backend": "jax"}, "backend = numpy, not jax"),
        ({"dtype": "float32"}, "dtype = float64, not float32"),
        ({"model": shortened("two_moons", 3, clip=1.0)}, "clip = None, not 1.0"),
    ],
    ids=["seed", "backend", "dtype", "recipe"],
)
def test_a_checkpoint_of_another_run_is_refused_by_name(changed, what, tmp_path):
    path = tmp_path / "run.npz"
    run = short_run("two_moons", 3, path=path)
    run.go()
    with pytest.raises(CheckpointError, match=what):
        Run(replace(run.plan, **changed), path).resume()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 and no more"])
def test_a_damaged_checkpoint_is_named(content, tmp_path):
    path = tmp_path / "run.npz"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run\.npz: this is no checkpoint"):
        short_run("two_moons", 3, path=path).resume()


def test_a_truncated_checkpoint_is_named(tmp_path):
    path = tmp_path / "run.npz"
    run = short_run("two_moons", 3, path=path)
    run.go()
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CheckpointError, match="no checkpoint"):
        short_run("two_moons", 3, path=path).resume()


def test_a_checkpoint_holds_no_pickle(tmp_path):
    path = tmp_path / "run.npz"
    np.savez(path, run=np.array({"not": "plain"}, dtype=object))
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load(path)


def test_a_write_that_fails_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    save(path, Checkpoint({}, {"step": 1}, {"a": np.arange(3)}))
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        save(path, Checkpoint({}, {"step": 2}, {"a": np.arange(4)}))
    assert load(path).facts == {"step": 1}


KILLED = """
import sys
from pathlib import Path
from derivcheck.training import loop
from training_models import short_run
loop.SECONDS_BETWEEN_CHECKPOINTS = 0.0
path = Path(sys.argv[1])
run = short_run("two_moons", 4000, path=path, dtype="float32")
if path.exists():
    run.resume()
begun = run.step
def told(run):
    if run.step == begun + 1:
        print("from", begun, flush=True)
run.told = told
run.go()
"""


@pytest.mark.parametrize("times", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_run_goes_on_to_the_same_end(tmp_path, times):
    """SIGKILL at moments drawn by chance, most of them while a checkpoint is being written."""
    path = tmp_path / "run.npz"
    rng = np.random.default_rng(times)
    steps = []
    for _ in range(times):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )
        assert process.stdout is not None
        steps.append(int(process.stdout.readline().split()[1]))
        time.sleep(rng.uniform(0.0, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run = short_run("two_moons", 4000, path=path, dtype="float32")
    run.resume()
    assert steps == sorted(steps)
    assert 0 < run.step < 4000
    run.go()
    whole = short_run("two_moons", 4000, dtype="float32")
    whole.go()
    assert bits(run) == bits(whole)


def test_the_identity_of_a_run_is_json():
    for name in MODELS:
        identity = Plan(MODELS[name], data_of(name)).identity()
        assert json.loads(json.dumps(identity)) == identity
