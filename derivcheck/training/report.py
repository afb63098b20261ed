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

from derivcheck.training import pictures
from derivcheck.training.comparison import Comparison, Throughput
from derivcheck.training.exhibits import exhibit
from derivcheck.training.loop import Look, Run
from derivcheck.training.step import from_pullbacks

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # Markdown
)


ENDINGS = {
    "goal": ", then its goal was reached",
    "patience": ", then no look had been better for long",
}
"""Why a run ended before its last step."""


@dataclass(frozen=True)
class Facts:
    """What a report says, as JSON has it."""

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
    tested: Mapping[str, Any]
    looks: Sequence[Mapping[str, Any]]
    autodiff_tested: Mapping[str, Any] | None
    autodiff: Sequence[Mapping[str, Any]]
    gradients: Mapping[int, Mapping[str, float]]
    differences: Mapping[str, float]
    throughput: Throughput | None


def write(
    run: Run, tested: Look, directory: Path, comparison: Comparison | None, command: str
) -> Path:
    """Write all of it; the path of the Markdown. `tested` is what the run reached on the test data.

    Raises `OSError`, and `NoLibrary` where matplotlib is missing.
    """
    directory.mkdir(parents=True, exist_ok=True)
    name = f"train-{run.plan.model.name}"
    facts = facts_of(run, tested, comparison, command)
    pictures.curves(run, comparison.autodiff if comparison else None, directory / f"{name}.png")
    shown = exhibit(run, directory / f"{name}-shows.png")
    page = _templates.get_template("train.md.j2").render(
        facts=facts,
        name=name,
        shown=shown,
        settings=settings(facts.identity),
        left_out=run.plan.data.left_out,
        unit="characters" if run.plan.data.kind == "text" else "examples",
        ending=ENDINGS.get(facts.ending, ""),
        metrics=list(facts.looks[-1]["values"]),
    )
    path = directory / f"{name}.md"
    path.write_text(page, encoding="utf-8", newline="\n")
    text = json.dumps(asdict(facts), indent=1, ensure_ascii=False)
    (directory / f"{name}.json").write_text(f"{text}\n", encoding="utf-8", newline="\n")
    return path


def facts_of(run: Run, tested: Look, comparison: Comparison | None, command: str) -> Facts:
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
        asdict(tested),
        [asdict(look) for look in run.looks],
        asdict(comparison.autodiff.tested()) if comparison else None,
        [asdict(look) for look in comparison.autodiff.looks] if comparison else [],
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
    if identity["augmentation"]:
        found["augmentation"] = ", ".join(identity["augmentation"])
    options: Mapping[str, float] = identity["options"]
    return found | {name: f"{value:g}" for name, value in options.items()}
