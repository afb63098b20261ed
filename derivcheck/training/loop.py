"""A run: step after step, now and then a look at the validation data, a checkpoint, and an end.

The test data decide nothing here. They are measured when somebody asks for the figure.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy

from derivcheck.training import checkpoint as checkpoints
from derivcheck.training.arrays import Array, Backend, Dtype, dtype_of, library, precision
from derivcheck.training.batches import Batches, examples_of, rounded
from derivcheck.training.chance import Stream, generator
from derivcheck.training.checkpoint import Checkpoint
from derivcheck.training.data import Data, Part
from derivcheck.training.diagnosis import diagnosed
from derivcheck.training.evaluation import Evaluation
from derivcheck.training.initialisation import Initialiser
from derivcheck.training.model import Batch, Model, Parameters, State
from derivcheck.training.step import (
    Gradients,
    Losses,
    Position,
    computed_in,
    finite,
    from_pullbacks,
    make_step,
)

SECONDS_BETWEEN_CHECKPOINTS = 10.0

Ending = Literal["steps", "goal", "patience", "divergence"]


@dataclass(frozen=True)
class Plan:
    """What is to be run; equal plans on one machine's CPU give equal bits."""

    model: Model
    data: Data
    backend: Backend = "jax"
    dtype: Dtype = "float32"
    seed: int = 0

    def identity(self) -> Mapping[str, Any]:
        """What a checkpoint has to agree with to be taken up again.

        The number of steps is a part of it where the learning rate depends on it.
        """
        recipe = asdict(self.model.recipe)
        if not self.model.recipe.schedule.depends_on_length:
            del recipe["steps"]
        return {
            "model": self.model.name,
            "data": self.data.name,
            "examples": len(self.data.train["x"]),
            "backend": self.backend,
            "dtype": self.dtype,
            "seed": self.seed,
            # As JSON will give it back: a tuple becomes a list.
            **json.loads(json.dumps(recipe)),
        }


@dataclass(frozen=True)
class Look:
    """The metrics and losses on a part of the data after so many steps."""

    step: int
    values: Mapping[str, float]

    @property
    def score(self) -> float:
        """The first metric, so turned that larger is better."""
        name, value = next(iter(self.values.items()))
        return -value if name.endswith(("loss", "error")) else value

    @property
    def loss(self) -> float:
        """The first loss; metrics stand before losses."""
        return next(value for name, value in self.values.items() if name.endswith("loss"))


@dataclass(eq=False)
class Run:
    """A run under way. `told` is called after every step and every look.

    `losses` are the training losses of all steps so far, by objective; `looks` were taken at the
    validation data; `best` is the position at the best look where the recipe has patience, else the
    last.
    """

    plan: Plan
    path: Path | None = None
    told: Callable[[Run], None] | None = None
    gradients: Gradients | None = None
    step: int = field(default=0, init=False)
    position: Position = field(init=False)
    losses: dict[str, list[float]] = field(default_factory=dict[str, list[float]], init=False)
    looks: list[Look] = field(default_factory=list[Look], init=False)
    _best: Position | None = field(default=None, init=False)
    _diverged: bool = field(default=False, init=False)
    _saved: float = field(default_factory=time.monotonic, init=False)

    def __post_init__(self) -> None:
        plan, recipe = self.plan, self.plan.model.recipe
        dtype = dtype_of(plan.dtype)
        self.batches = Batches(plan.model, plan.data, plan.seed, dtype)
        self.evaluation = Evaluation(plan.model, plan.backend, dtype, plan.seed)
        found = self.gradients or from_pullbacks(plan.model, plan.backend)
        found = computed_in(plan.dtype, found)
        self._step = make_step(plan.model, plan.backend, found)
        with precision(plan.backend, plan.dtype):
            parameters = initial_parameters(plan)
            state = self._arrays(rounded(plan.model.state(plan.data, recipe), dtype))
            moments = recipe.optimiser.start(parameters, plan.backend)
            self.position = Position(parameters, moments, state)

    # --- going ----------------------------------------------------------------------------------

    def go(self) -> None:
        """To the end, however far the run has come.

        Raises `Divergence`. A checkpoint is kept whatever ends the run, also `KeyboardInterrupt`.
        """
        steps, every = self.plan.model.recipe.steps, self.plan.model.recipe.evaluate
        with precision(self.plan.backend, self.plan.dtype):
            try:
                self.save()
                while True:
                    # Before the next step: one that an interruption left out is made up for.
                    if self.step and (self.step % every == 0 or self.step == steps):
                        self.look()
                    if self.ending is not None:
                        break
                    self.advance()
                    if time.monotonic() - self._saved > SECONDS_BETWEEN_CHECKPOINTS:
                        self.save()
            finally:
                self.save()

    @property
    def ending(self) -> Ending | None:
        """Why the run goes no further, None while it does."""
        recipe = self.plan.model.recipe
        if self._diverged:
            return "divergence"
        if self.step >= recipe.steps:
            return "steps"
        if not self.looks:
            return None
        if recipe.goal is not None and self.looks[-1].loss <= recipe.goal:
            return "goal"
        scores = [look.score for look in self.looks]
        since = len(scores) - 1 - scores.index(max(scores))
        return "patience" if recipe.patience and since >= recipe.patience else None

    def advance(self) -> None:
        """One step; raises `Divergence` and stays where it was if that leads nowhere."""
        recipe, before = self.plan.model.recipe, self.position
        batch = self.batches.at(self.step)
        rate = recipe.optimiser.rate * recipe.schedule.factor(self.step, recipe.steps)
        after, losses, length = self._step(before, batch, *self._numbers(self.step + 1, rate))
        if not finite(losses, length):
            self._diverged = True
            raise diagnosed(self.plan.model, before, batch, self.step + 1)
        for name, loss in losses.items():
            known = self.losses.setdefault(name, [])
            del known[self.step :]  # an interrupted step may have left its loss
            known.append(float(loss))
        self.position, self.step = after, self.step + 1
        self._tell()

    def stepped(self, position: Position, batch: Batch) -> tuple[Position, Losses]:
        """One step from any position, as the next one of the run would be; the run stays."""
        rate = self.plan.model.recipe.optimiser.rate
        after, losses, _ = self._step(position, batch, *self._numbers(self.step + 1, rate))
        return after, losses

    def _numbers(self, number: int, rate: float) -> tuple[Array, Array]:
        if self.plan.backend == "numpy":
            return number, rate
        # As arrays, so that a new rate compiles no new step.
        return numpy.int32(number), numpy.asarray(rate, dtype_of(self.plan.dtype))

    def look(self) -> None:
        """Measure on the validation data, unless that was done at this step."""
        if self.looks and self.looks[-1].step >= self.step:
            return
        position = self.position
        look = Look(self.step, self._measured(position, self.plan.data.validation))
        if self.plan.model.recipe.patience and look.score > max(
            (each.score for each in self.looks), default=-numpy.inf
        ):
            self._best = position
        self.looks.append(look)
        self._tell()

    def _tell(self) -> None:
        if self.told is not None:
            self.told(self)

    def _measured(self, position: Position, part: Part) -> Mapping[str, float]:
        with precision(self.plan.backend, self.plan.dtype):
            given = examples_of(self.plan.model, part)
            return self.evaluation.measured(position.parameters, position.state, given)

    @property
    def best(self) -> Position:
        return self._best or self.position

    def tested(self) -> Look:
        """The best position on the test data: the figure to report. No run depends on it."""
        step = self.step
        if self._best is not None:
            step = max(self.looks, key=lambda look: look.score).step
        return Look(step, self._measured(self.best, self.plan.data.test))

    # --- the checkpoint -------------------------------------------------------------------------

    def save(self) -> None:
        """Replace the checkpoint, if the run has a path for one."""
        self._saved = time.monotonic()
        if self.path is None:
            return
        facts = {
            "step": self.step,
            "steps": self.plan.model.recipe.steps,
            "ending": self.ending,
            "losses": {name: values[: self.step] for name, values in self.losses.items()},
            "looks": [[look.step, dict(look.values)] for look in self.looks],
        }
        arrays = _packed("now", self.position)
        if self._best is not None:
            arrays |= _packed("best", self._best)
        checkpoints.save(self.path, Checkpoint(self.plan.identity(), facts, arrays))

    def resume(self) -> None:
        """Go to where the checkpoint was written; raises `CheckpointError`."""
        if self.path is None:
            raise ValueError("a run without a path has no checkpoint to resume from")
        known = checkpoints.load(self.path)
        checkpoints.check_identity(self.path, known.identity, self.plan.identity())
        with precision(self.plan.backend, self.plan.dtype):
            self.position = self._unpacked("now", known)
            if any(name.startswith("best/") for name in known.arrays):
                self._best = self._unpacked("best", known)
        self.step = known.facts["step"]
        self.losses = {name: list(values) for name, values in known.facts["losses"].items()}
        self.looks = [Look(step, values) for step, values in known.facts["looks"]]

    def _unpacked(self, room: str, known: Checkpoint) -> Position:
        parameters: dict[str, Array] = {}
        moments: dict[str, dict[str, Array]] = {name: {} for name in self.position.parameters}
        state: dict[str, Array] = {}
        for entry, value in self._arrays(known.arrays).items():
            where, kind, *names = entry.split("/")
            if where != room:
                continue
            match kind:
                case "parameters":
                    parameters[names[0]] = value
                case "moments":
                    moments[names[0]][names[1]] = value
                case _:
                    state[names[0]] = value
        return Position(parameters, moments, state)

    def _arrays(self, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        xp = library(self.plan.backend)
        return {name: xp.asarray(value) for name, value in arrays.items()}


def initial_parameters(plan: Plan) -> Parameters:
    """The parameters at step 0, in the precision of the plan."""
    xp = library(plan.backend)
    drawn = plan.model.initial(
        Initialiser(generator(plan.seed, Stream.PARAMETERS)), plan.data, plan.model.recipe
    )
    dtype = dtype_of(plan.dtype)
    return {name: xp.asarray(value.astype(dtype)) for name, value in drawn.items()}


def _packed(room: str, position: Position) -> dict[str, Array]:
    flat: dict[str, Array] = {}
    state: State = position.state
    for name, value in position.parameters.items():
        flat[f"{room}/parameters/{name}"] = numpy.asarray(value)
    for name, moments in position.moments.items():
        for each, value in moments.items():
            flat[f"{room}/moments/{name}/{each}"] = numpy.asarray(value)
    for name, value in state.items():
        flat[f"{room}/state/{name}"] = numpy.asarray(value)
    return flat
