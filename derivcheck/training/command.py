"""What `derivcheck train` does: data, plan, run, and what is said of it."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from derivcheck.training import checkpoint as checkpoints
from derivcheck.training import pictures, report
from derivcheck.training.arrays import Backend, Dtype
from derivcheck.training.bundled import NoLibrary
from derivcheck.training.checkpoint import CheckpointError
from derivcheck.training.comparison import Comparison
from derivcheck.training.data import DataError, Unsuitable
from derivcheck.training.diagnosis import Divergence
from derivcheck.training.loop import Look, Plan, Run
from derivcheck.training.model import Model
from derivcheck.training.models import MODELS
from derivcheck.training.progress import Shown
from derivcheck.training.sources import data_for
from derivcheck.whole_files import expect_room

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
    drop_incomplete: bool = False
    checkpoint: Path | None = None
    against: bool = False
    reports: Path = Path("reports")

    def command(self) -> str:
        """What to type to run it once more."""
        options = {
            "--backend": self.backend,
            "--data": self.data and shlex.quote(self.data),
            "--steps": self.steps,
            "--seed": self.seed,
            "--dtype": self.dtype,
        }
        given = [f"{name} {value}" for name, value in options.items() if value is not None]
        flags = {"--drop-incomplete": self.drop_incomplete, "--against autodiff": self.against}
        given += [name for name, is_set in flags.items() if is_set]
        return " ".join(["derivcheck train", self.model, *given])

    def resuming(self) -> str:
        """What to type to go on where it stopped."""
        given = [f"--checkpoint {shlex.quote(str(self.checkpoint))}"] if self.checkpoint else []
        return " ".join([self.command(), *given, "--resume"])


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
    if request.dtype == "bfloat16" and request.backend != "jax":
        raise Unusable("--dtype bfloat16 is for --backend jax; NumPy does not compute in it")
    if request.steps is not None:
        model = replace(model, recipe=replace(model.recipe, steps=request.steps))
    try:
        data = data_for(model, request.data, request.seed, drop_incomplete=request.drop_incomplete)
    except (DataError, Unsuitable, NoLibrary) as error:
        raise Unusable(str(error)) from error
    return Plan(model, data, request.backend, request.dtype, request.seed)


def train(request: Request, out: Console, log: Console) -> int:
    """Train, say how it went on `out` and how it is going on `log`; the exit status.

    Raises `Unusable`.
    """
    expect_report(request.reports)
    path = request.checkpoint or Path("checkpoints", f"{request.model}.npz")
    if request.resume and request.steps is None:
        request = replace(request, steps=steps_of(path))
    plan = plan_of(request)
    run = Run(plan, path)
    if not request.resume:
        make_room(run, path, log)
    log.print(Text(beginning(run)), soft_wrap=True)
    if request.resume:
        try:
            run.resume()
        except CheckpointError as error:
            raise Unusable(str(error)) from error
        log.print(Text(f"resumed at step {run.step} from {path}"), soft_wrap=True)
        if request.against and run.step:
            log.print(Text(f"jax.grad takes the first {run.step} steps now"), soft_wrap=True)
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
            Text(f"interrupted at step {run.step}; go on with: {request.resuming()}"),
            soft_wrap=True,
        )
        return INTERRUPTED
    except OSError as error:
        raise Unusable(f"the checkpoint cannot be written: {error}") from error
    if comparison:
        comparison.finish()
    facts = report.facts_of(run, comparison, request.command())
    out.print(Text(conclusion(run, facts)), soft_wrap=True)
    try:
        written = report.write(run, facts, comparison, request.reports)
    except (OSError, NoLibrary) as error:
        raise Unusable(f"the report cannot be written: {error}") from error
    out.print(Text(f"report: {written}"), soft_wrap=True)
    return 0


def expect_report(directory: Path) -> None:
    """Raises `Unusable` where no report could be written, before the run that it is about."""
    try:
        pictures.require()
        expect_room(directory)
    except (OSError, NoLibrary) as error:
        raise Unusable(f"the report cannot be written: {error}") from error


def make_room(run: Run, path: Path, log: Console) -> None:
    """No earlier run is lost: one that has not ended is refused, one that has is kept under another
    name unless this run is the same and will end in the same file. Raises `Unusable`.
    """
    if not path.exists():
        return
    try:
        known = checkpoints.load(path)
    except CheckpointError as error:
        raise Unusable(
            f"{error}; it is not overwritten, --checkpoint names another file"
        ) from error
    step, steps = known.facts["step"], known.facts["steps"]
    if known.facts.get("ending") is None and step < steps:
        raise Unusable(
            f"{path} holds a run at step {step} of {steps}; "
            "--resume goes on with it, --checkpoint names another file for a new one"
        )
    if known.identity == run.plan.identity() and steps == run.plan.model.recipe.steps:
        return
    try:
        kept = checkpoints.set_aside(path)
    except OSError as error:
        raise Unusable(f"{path} cannot be renamed: {error.strerror or error}") from error
    log.print(Text(f"an earlier run is kept as {kept}"), soft_wrap=True)


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


def beginning(run: Run) -> str:
    """`mlp_elu on digits  1294 examples to train on, 144 to validate, 359 to test  85002
    parameters`."""
    data = run.plan.data
    unit = "characters" if data.kind == "text" else "examples"
    train, validation, test = (len(p["x"]) for p in (data.train, data.validation, data.test))
    parts = f"{train} {unit} to train on, {validation} to validate, {test} to test"
    if data.left_out:
        parts += f"; {data.left_out} incomplete {'row' if data.left_out == 1 else 'rows'} left out"
    count = sum(int(value.size) for value in run.position.parameters.values())
    return f"{run.plan.model.name} on {data.name}  {parts}  {count} parameters"


def conclusion(run: Run, facts: report.Facts) -> str:
    """`mlp_elu on digits  1500 steps  accuracy 0.9805  loss 0.0712  on test data`, and beneath it
    what autodiff reached and how fast both are."""
    plan, tested = run.plan, facts.tested
    remarks = [ENDINGS[run.ending]] if run.ending in ENDINGS else []
    if tested.step != run.step:
        remarks.append(f"best at step {tested.step}")
    line = f"{plan.model.name} on {plan.data.name}  {run.step} steps  {_values(tested)}"
    lines = [f"{line}  on test data" + (f" ({', '.join(remarks)})" if remarks else "")]
    if facts.autodiff_tested:
        gradients = max(max(each.values()) for each in facts.gradients.values())
        parameters = max(facts.differences.values())
        lines += [
            f"with jax.grad  {_values(facts.autodiff_tested)}",
            f"gradients differ by {gradients:.1e} of their scale, parameters by {parameters:.1e}",
        ]
    if facts.throughput:
        speed = facts.throughput
        lines.append(
            f"{speed.ours:.1f} steps/s beside {speed.autodiff:.1f} with jax.grad: a ratio of "
            f"{speed.ratio:.2f}, where {speed.spread:.2f} is noise"
        )
        if speed.pytorch:
            ratio = speed.ours / speed.pytorch
            lines.append(f"{speed.pytorch:.1f} steps/s with PyTorch: a ratio of {ratio:.2f}")
    return "\n".join(lines)


ENDINGS = {"goal": "its goal is reached", "patience": "ended by patience"}


def _values(look: Look) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in look.values.items())
