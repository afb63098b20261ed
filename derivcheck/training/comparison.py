"""A run beside the same run with JAX's gradients: how far apart they come, how fast each is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy

from derivcheck.training.arrays import compiled, precision
from derivcheck.training.loop import Run
from derivcheck.training.parity import from_autodiff, scaled_differences
from derivcheck.training.step import Position, computed_in, from_pullbacks

REPEATS = 20
"""Timings of each kind, interleaved, of which the median counts."""

SHORTEST = 0.02
"""Seconds that a timing lasts at least: so many steps are taken together."""


@dataclass(frozen=True)
class Throughput:
    """Steps a second; `spread` is the ratio of two medians of autodiff with itself. `pytorch` is
    None where nothing was measured, see `in_pytorch`."""

    ours: float
    autodiff: float
    spread: float
    pytorch: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.autodiff


@dataclass(eq=False)
class Comparison:
    """Follows a run: called after each of its steps, it takes the same one with autodiff.

    `gradients` are the scaled differences at equal parameters, by step and parameter, where the
    scale of a parameter is the largest entry that its gradient had at this step or an earlier one
    that was compared: at the end of a run the gradient is what is left of sums that cancel.
    `parameters` are the largest differences of the two runs' parameters, at any look.
    """

    run: Run
    autodiff: Run = field(init=False)
    gradients: dict[int, Mapping[str, float]] = field(
        default_factory=dict[int, Mapping[str, float]], init=False
    )
    parameters: dict[str, float] = field(default_factory=dict[str, float], init=False)
    _scales: dict[str, float] = field(default_factory=dict[str, float], init=False)

    def __post_init__(self) -> None:
        plan = replace(self.run.plan, backend="jax")
        self.autodiff = Run(plan, gradients=from_autodiff(plan.model))
        backend = self.run.plan.backend
        self._theirs = compiled(computed_in(plan.dtype, from_autodiff(plan.model)), "jax")
        self._ours = compiled(computed_in(plan.dtype, from_pullbacks(plan.model, backend)), backend)
        self._compare_gradients()

    def __call__(self, run: Run) -> None:
        """Catch up with the run, also with one that was resumed; look where it has looked."""
        looked = {look.step for look in run.looks}
        with precision("jax", run.plan.dtype):
            while self.autodiff.step < run.step:
                if self.autodiff.step == run.plan.model.recipe.steps // 2:
                    self._compare_gradients()
                self.autodiff.advance()
                if self.autodiff.step in looked:
                    self.autodiff.look()
            if run.step in looked:
                self.autodiff.look()
                self._compare_parameters()

    def finish(self) -> None:
        """Compare once more, where the run ended."""
        self(self.run)
        self._compare_gradients()
        self._compare_parameters()

    def _compare_gradients(self) -> None:
        autodiff = self.autodiff
        with precision("jax", autodiff.plan.dtype):
            position, batch = autodiff.position, autodiff.batches.at(autodiff.step)
            _, expected, _ = self._theirs(position.parameters, position.state, batch)
            if self.run.plan.backend == "numpy":
                position = _plain(position)
            _, found, _ = self._ours(position.parameters, position.state, batch)
        for name, value in expected.items():
            largest = float(numpy.abs(numpy.asarray(value, numpy.float64)).max(initial=0.0))
            self._scales[name] = max(largest, self._scales.get(name, 0.0))
        self.gradients[autodiff.step] = scaled_differences(found, expected, self._scales)

    def _compare_parameters(self) -> None:
        found = scaled_differences(self.run.position.parameters, self.autodiff.position.parameters)
        for name, value in found.items():
            self.parameters[name] = max(value, self.parameters.get(name, 0.0))

    def throughput(self) -> Throughput:
        """Of the run, of autodiff and of PyTorch, at equal positions; takes a few seconds."""
        with precision("jax", self.run.plan.dtype):
            return throughput(clock(self.run), clock(self.autodiff), in_pytorch(self.run))


Clock = Callable[[int], float]
"""Takes so many steps; the seconds that one of them took."""


def throughput(ours: Clock, autodiff: Clock, pytorch: Clock | None = None) -> Throughput:
    """All in turns, after one step each to compile it; autodiff twice."""
    clocks = [autodiff, ours, *([pytorch] if pytorch else []), autodiff]
    counts = [_enough(each) for each in clocks[:-1]]
    counts.append(counts[0])
    times = [[each(n) for each, n in zip(clocks, counts, strict=True)] for _ in range(REPEATS)]
    first, middle, *rest, last = (median(each) for each in zip(*times, strict=True))
    spread = max(first, last) / min(first, last)
    return Throughput(1 / middle, 2 / (first + last), spread, 1 / rest[0] if rest else None)


def _enough(steps: Clock) -> int:
    """Steps that take long enough to be timed together."""
    steps(1)
    return max(1, round(SHORTEST / steps(1)))


def _plain(position: Position) -> Position:
    def numpy_of(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: numpy.asarray(value) for name, value in arrays.items()}

    return Position(numpy_of(position.parameters), {}, numpy_of(position.state))


def clock(run: Run, now: Callable[[], float] = time.perf_counter) -> Clock:
    """Of whole steps of the run, on one batch; the run stays where it is."""
    batch = run.batches.at(0)

    def seconds(count: int) -> float:
        position = run.position
        begun = now()
        for _ in range(count):
            position, _ = run.stepped(position, batch)
        # JAX hands arrays out before they are computed.
        for value in position.parameters.values():
            numpy.asarray(value)
        return (now() - begun) / count

    return seconds


def in_pytorch(run: Run, now: Callable[[], float] = time.perf_counter) -> Clock | None:
    """Of steps on the same batch as PyTorch takes them, from where the run is.

    None where PyTorch is not installed, where the run is not on the CPU or in bfloat16, and for a
    model of which there is no other writing.
    """
    import jax  # heavy; a throughput is measured after a run

    model, dtype = run.plan.model, run.plan.dtype
    if find_spec("torch") is None or dtype == "bfloat16" or jax.default_backend() != "cpu":
        return None
    from derivcheck.training import pytorch  # needs what is not required

    if model.name not in pytorch.LOSSES:
        return None
    step, _ = pytorch.stepper(model, run.position.parameters, run.position.state, run.batches.at(0))

    def seconds(count: int) -> float:
        begun = now()
        for _ in range(count):
            step()
        return (now() - begun) / count

    return seconds
