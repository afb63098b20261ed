"""What `derivcheck train` does: data, plan, run, and what is said of it."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from derivcheck.training import checkpoint as checkpoints
from derivcheck.training import report
from derivcheck.training.arrays import Backend, Dtype
from derivcheck.training.bundled import NoLibrary
from derivcheck.training.checkpoint import CheckpointError
from derivcheck.training.comparison import Comparison
from derivcheck.training.data import DataError, Unsuitable
from derivcheck.training.diagnosis import Divergence
from derivcheck.training.loop import Plan, Run
from derivcheck.training.model import Model
from derivcheck.training.models import MODELS
from derivcheck.training.progress import Shown
from derivcheck.training.sources import data_for

DIVERGED = 1
INTERRUPTED = 130


class Unusable(ValueError):
    """A request that cannot be met, in one line."""


@dataclass(frozen=True)
class Request:
    """What the command line asks for."""

    model: str
    backend: Backend = "jax"
    data: str | None = None
    steps: int | None = None
    seed: int = 0
    dtype: Dtype = "float32"
    resume: bool = False
    checkpoint: Path | None = None
    against: bool = False
    reports: Path = Path("reports")

    def command(self) -> str:
        """What to type to run it once more."""
        options = {
            "--backend": self.backend,
            "--data": self.data,
            "--steps": self.steps,
            "--seed": self.seed,
            "--dtype": self.dtype,
        }
        given = [f"{name} {value}" for name, value in options.items() if value is not None]
        words = ["derivcheck train", self.model, *given]
        return " ".join([*words, "--against autodiff"] if self.against else words)


def listing() -> str:
    """The models, one a line, with the data that each is trained on by default."""
    names, data = (max(map(len, each)) for each in (MODELS, [m.data for m in MODELS.values()]))
    return "".join(
        f"{model.name:<{names}}  {model.data:<{data}}  {model.summary}\n"
        for model in MODELS.values()
    )


def model_named(name: str) -> Model:
    """Raises `Unusable`, which names the nearest ones."""
    if name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(name.lower(), MODELS, n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}" if near else "`derivcheck train --list` shows them"
    raise Unusable(f"no model is called {name!r}; {hint}")


def plan_of(request: Request) -> Plan:
    """Raises `Unusable`."""
    model = model_named(request.model)
    if request.steps is not None:
        model = replace(model, recipe=replace(model.recipe, steps=request.steps))
    try:
        data = data_for(model, request.data, request.seed)
    except (DataError, Unsuitable, NoLibrary) as error:
        raise Unusable(str(error)) from error
    return Plan(model, data, request.backend, request.dtype, request.seed)


def train(request: Request, out: Console, log: Console) -> int:
    """Train, say how it went on `out` and how it is going on `log`; the exit status.

    Raises `Unusable`.
    """
    path = request.checkpoint or Path("checkpoints", f"{request.model}.npz")
    if request.resume and request.steps is None:
        request = replace(request, steps=steps_of(path))
    plan = plan_of(request)
    run = Run(plan, path)
    if request.resume:
        try:
            run.resume()
        except CheckpointError as error:
            raise Unusable(str(error)) from error
        log.print(Text(f"resumed at step {run.step} from {path}"), soft_wrap=True)
    comparison = Comparison(run) if request.against else None
    try:
        with Shown(log, run) as shown:
            run.told = both(comparison, shown)
            run.go()
    except Divergence as error:
        out.print(Text(str(error)), soft_wrap=True)
        return DIVERGED
    except KeyboardInterrupt:
        out.print(
            Text(f"interrupted at step {run.step}; --resume goes on from {path}"), soft_wrap=True
        )
        return INTERRUPTED
    except OSError as error:
        raise Unusable(f"the checkpoint cannot be written: {error}") from error
    if comparison:
        comparison.finish()
    out.print(Text(conclusion(run)), soft_wrap=True)
    try:
        written = report.write(run, request.reports, comparison, request.command())
    except (OSError, NoLibrary) as error:
        raise Unusable(f"the report cannot be written: {error}") from error
    out.print(Text(f"report: {written}"), soft_wrap=True)
    return 0


def both(comparison: Comparison | None, shown: Shown) -> Callable[[Run], None]:
    """Autodiff takes each step too, if it is compared with."""

    def told(run: Run) -> None:
        if comparison:
            comparison(run)
        shown(run)

    return told


def steps_of(path: Path) -> int:
    """How many steps the run of a checkpoint was to have; raises `Unusable`."""
    try:
        return int(checkpoints.load(path).facts["steps"])
    except CheckpointError as error:
        raise Unusable(str(error)) from error


def conclusion(run: Run) -> str:
    """`mlp_elu on digits  1500 steps  accuracy 0.9805  loss 0.0712`."""
    plan = run.plan
    values = "  ".join(f"{name} {value:.4f}" for name, value in run.looks[-1].values.items())
    return f"{plan.model.name} on {plan.data.name}  {run.step} steps  {values}"
