"""Reports of training: `train-<model>.md`, the same as JSON, and their pictures."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from derivcheck import whole_files
from derivcheck.report import write_index
from derivcheck.training import pictures
from derivcheck.training.comparison import Comparison, Throughput
from derivcheck.training.exhibits import exhibit
from derivcheck.training.loop import Look, Run
from derivcheck.training.models import MODELS
from derivcheck.training.pictures import Side
from derivcheck.training.step import from_pullbacks

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # Markdown
)


ENDINGS = {
    "goal": ", then its goal was reached",
    "patience": ", ended by patience",
}
"""Why a run ended before its last step."""


@dataclass(frozen=True)
class Facts:
    """What a report says, as JSON has it.

    `tested` is what the run reached on the test data. `throughput` stands in the JSON alone: the
    page is the same, byte by byte, when its command is given again.
    """

    model: str
    summary: str
    command: str
    identity: Mapping[str, Any]
    steps: int
    ending: str
    examples: Mapping[str, int]
    machine: str
    pages: Sequence[str]
    parameters: int
    tested: Look
    looks: Sequence[Look]
    autodiff_tested: Look | None
    autodiff: Sequence[Look]
    gradients: Mapping[int, Mapping[str, float]]
    differences: Mapping[str, float]
    throughput: Throughput | None


def write(run: Run, facts: Facts, comparison: Comparison | None, directory: Path) -> Path:
    """Write all of it, and the directory's index; the path of the Markdown.

    Raises `OSError`, and `NoLibrary` where matplotlib is missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"train-{run.plan.model.name}"
    sides = [Side(run, facts.tested)]
    if comparison and facts.autodiff_tested:
        sides.append(Side(comparison.autodiff, facts.autodiff_tested))
    pictures.curves(sides, directory / f"{name}.png")
    if comparison:
        pictures.parity(
            {f"gradient at step {step}": found for step, found in facts.gradients.items()},
            {"parameter, at any look": facts.differences},
            run.plan.dtype,
            directory / f"{name}-parity.png",
        )
    shown = exhibit(run, directory / f"{name}-shows.png")
    page = _templates.get_template("train.md.j2").render(
        facts=facts,
        row=_row(facts),
        length=_length(run),
        name=name,
        shown=shown,
        settings=settings(facts.identity),
        left_out=run.plan.data.left_out,
        unit="characters" if run.plan.data.kind == "text" else "examples",
        metrics=list(facts.tested.values),
    )
    path = directory / f"{name}.md"
    whole_files.write(path, page)
    text = json.dumps(asdict(facts), indent=1, ensure_ascii=False)
    whole_files.write(directory / f"{name}.json", f"{text}\n")
    write_index(directory)
    return path


def _row(facts: Facts) -> str:
    """What the index says of this page."""
    figure = next(iter(facts.tested.values))
    of_autodiff = facts.autodiff_tested
    row = {
        "model": facts.model,
        "data": str(facts.identity["data"]),
        "steps": str(facts.steps),
        "figure": figure,
        "ours": f"{facts.tested.values[figure]:.4f}",
        "autodiff": f"{of_autodiff.values[figure]:.4f}" if of_autodiff else "",
    }
    # An HTML comment ends at the first `-->`.
    return json.dumps(row, ensure_ascii=False).replace(">", "\\u003e")


def _length(run: Run) -> str:
    """`300 steps, a short run: the recipe has 2000`."""
    words = f"{run.step} steps{ENDINGS.get(run.ending or '', '')}"
    known, wanted = MODELS.get(run.plan.model.name), run.plan.model.recipe.steps
    if known is None or wanted >= known.recipe.steps:
        return words
    return f"{words}; a short run: the recipe has {known.recipe.steps} steps"


def facts_of(run: Run, comparison: Comparison | None, command: str) -> Facts:
    plan, data = run.plan, run.plan.data
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    return Facts(
        plan.model.name,
        plan.model.summary,
        command,
        plan.identity(),
        run.step,
        run.ending or "interrupted",
        {name: len(part["x"]) for name, part in parts.items()},
        machine(),
        pages_of(run),
        sum(int(numpy.size(value)) for value in run.position.parameters.values()),
        run.tested(),
        tuple(run.looks),
        comparison.autodiff.tested() if comparison else None,
        tuple(comparison.autodiff.looks) if comparison else (),
        comparison.gradients if comparison else {},
        comparison.parameters if comparison else {},
        comparison.throughput() if comparison else None,
    )


def pages_of(run: Run) -> Sequence[str]:
    """The pages that the model is composed of and the one that updates it, each once."""
    names: list[str] = []

    def watch(label: str, values: Sequence[object]) -> None:
        del values
        names.append(label.partition("(")[0])

    def plain(arrays: Mapping[str, Any]) -> Mapping[str, Any]:
        return {name: numpy.asarray(value) for name, value in arrays.items()}

    position, batch = run.position, plain(run.batches.at(0))
    gradients = from_pullbacks(run.plan.model, "numpy", watch)
    gradients(plain(position.parameters), plain(position.state), batch)
    moves = ("reshape", "transpose", "concatenate", "split", "unstack", "stack", "scan")
    used = [name for name in names if name not in moves and not name.startswith("the pullback")]
    return tuple(dict.fromkeys((*used, run.plan.model.recipe.optimiser.page)))


def machine() -> str:
    """What computed, without what identifies it."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("jax", "numpy"))
    import jax  # heavy; a report is written after a run

    parts = [f"{platform.machine()} {platform.system()}", jax.default_backend()]
    return ", ".join([*parts, f"Python {platform.python_version()}", libraries])


def settings(identity: Mapping[str, Any]) -> Mapping[str, str]:
    """The recipe in words, without what is off."""
    optimiser: Mapping[str, Any] = identity["optimiser"]
    schedule: Mapping[str, Any] = identity["schedule"]
    own = [f"{name} {value:g}" for name, value in optimiser["settings"].items()]
    found = {
        "update rule": ", ".join([optimiser["page"], f"rate {optimiser['rate']:g}", *own]),
        "schedule": schedule["form"]
        + (f", {schedule['warm_up']} steps of warm-up" if schedule["warm_up"] else ""),
        "batch": str(identity["batch"] or "all examples"),
    }
    for name, word in (("clip", "gradient clipped at"), ("l2", "L2"), ("l1", "L1")):
        if identity[name]:
            found[word] = f"{identity[name]:g}"
    if identity["patience"]:
        every = identity["evaluate"]
        found["early stopping"] = f"after {identity['patience']} looks, one every {every} steps"
    if identity["windows"]:
        found["windows"] = "{length} characters, {order}".format(**identity["windows"])
    if identity["augmentation"]:
        found["augmentation"] = ", ".join(identity["augmentation"])
    options: Mapping[str, float] = identity["options"]
    return found | {name: f"{value:g}" for name, value in options.items()}
