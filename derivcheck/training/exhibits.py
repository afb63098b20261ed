"""What a trained model has to show: images, text, a boundary, or the solution that it should reach.

An exhibit draws at a path that it is given and says in Markdown what is to be seen.
"""

# What NumPy makes of an `Array` is unknown to the type checker.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy

from derivcheck.training import pictures
from derivcheck.training.arrays import Array, dtype_of
from derivcheck.training.chance import Stream, generator
from derivcheck.training.loop import Run
from derivcheck.training.tape import Tape

IMAGE_AXES = 3
"""Channels, rows, columns."""

SHOWN = 10
"""Images a row."""

WRITTEN = 300
"""Characters that a model of text goes on with."""

TEMPERATURE = 0.7
"""Of what is sampled: logits are divided by it."""


@dataclass(frozen=True)
class Exhibit:
    """Markdown, and whether the picture was drawn."""

    text: str
    drawn: bool


def exhibit(run: Run, path: Path) -> Exhibit | None:
    """What the model of this run shows, None if it has nothing but its metrics, or data of which
    there is no such picture.

    Raises `NoLibrary` where matplotlib is missing.
    """
    make = _MAKERS.get(run.plan.model.exhibit)
    return make(run, path) if make else None


def _outputs(run: Run, batch: Mapping[str, Array]) -> Mapping[str, Array]:
    best = run.best
    return run.evaluation.outputs(best.parameters, best.state, batch)


def _boundary(run: Run, path: Path) -> Exhibit | None:
    part, labels = run.plan.data.test, run.plan.data.labels
    if run.plan.data.shape != (2,) or len(labels) != 2:
        return None
    low, high = part["x"].min(axis=0) - 0.4, part["x"].max(axis=0) + 0.4
    axes = (numpy.linspace(low[n], high[n], 120) for n in range(2))
    first, second = numpy.meshgrid(*axes)
    points = numpy.column_stack([first.ravel(), second.ravel()])
    logits = _outputs(run, {"x": points, "y": numpy.zeros(len(points), int)})["logits"]
    share = 1.0 / (1.0 + numpy.exp(logits[:, 0] - logits[:, 1]))
    share = share.reshape(first.shape)
    pictures.boundary((first, second), share, (part["x"], part["y"]), labels, path)
    what = f"The probability of the class {labels[1]} over the plane, red where it is likely"
    return Exhibit(f"{what}; along the line it is one half.", True)


def _curve(run: Run, path: Path) -> Exhibit | None:
    part = run.plan.data.test
    if run.plan.data.shape != (1,):
        return None
    x = numpy.linspace(part["x"].min(), part["x"].max(), 300).reshape(-1, 1)
    values = _outputs(run, {"x": x, "y": numpy.zeros_like(x)})["values"]
    pictures.curve(x[:, 0], values[:, 0], (part["x"][:, 0], part["y"][:, 0]), path)
    return Exhibit("The curve, and the test data.", True)


def _reconstructions(run: Run, path: Path) -> Exhibit | None:
    shape = run.plan.data.shape
    if len(shape) != IMAGE_AXES:
        return None
    batch = {name: values[:SHOWN] for name, values in run.plan.data.test.items()}
    made = _outputs(run, batch)["images"].reshape(-1, *shape)
    rows = {"given": batch["x"].reshape(-1, *shape), "made": made}
    text = "Test images, and what the model made of them."
    sampled = _sampled(run)
    if sampled is not None:
        rows["sampled"] = sampled[:SHOWN]
        text += " Below, images from random codes."
    pictures.images(rows, path)
    return Exhibit(text, True)


def _sampled(run: Run) -> Array | None:
    """Images of random codes."""
    model = run.plan.model
    if model.sample is None:
        return None
    tape = Tape("numpy", training=False, remember=False)
    best, dtype = run.best, dtype_of(run.plan.dtype)
    nodes = {name: tape.leaf(numpy.asarray(v), name) for name, v in best.parameters.items()}
    codes = generator(run.plan.seed, Stream.SAMPLES, 1).normal(
        size=(2 * SHOWN, int(model.recipe.options["code"]))
    )
    made = model.sample(tape, tape.leaf(codes.astype(dtype)), nodes).value
    return made.reshape(-1, *run.plan.data.shape)


def _samples(run: Run, path: Path) -> Exhibit | None:
    sampled = _sampled(run)
    if sampled is None or len(run.plan.data.shape) != IMAGE_AXES:
        return None
    real = run.plan.data.test["x"][:SHOWN].reshape(-1, *run.plan.data.shape)
    pictures.images({"real": real, "made": sampled[:SHOWN], "made too": sampled[SHOWN:]}, path)
    return Exhibit("Real images, and generated ones.", True)


def _writing(run: Run, path: Path) -> Exhibit:
    del path
    plan = run.plan
    windows = plan.model.recipe.windows
    length = windows.length if windows else 1
    codes: list[int] = plan.data.test["x"][:length].tolist()
    rng = generator(plan.seed, Stream.SAMPLES, 1)
    for _ in range(WRITTEN):
        given = numpy.array([codes[-length:]])
        logits = _outputs(run, {"x": given, "y": given})["logits"][0, -1].astype(float)
        share = numpy.exp((logits - logits.max()) / TEMPERATURE)
        codes.append(int(rng.choice(len(share), p=share / share.sum())))
    text = "".join(plan.data.labels[code] for code in codes)
    begun, written = text[:length], text[length:]
    return Exhibit(
        f"Given the first {length} characters of the test data, it goes on like this, sampled at "
        f"the temperature {TEMPERATURE}:\n\n{_fenced(begun)}\n\n{_fenced(written)}",
        False,
    )


def _fenced(text: str) -> str:
    """A block of text that nothing inside it ends."""
    return f"~~~~~~text\n{text}\n~~~~~~"


def beside_least_squares(run: Run) -> tuple[Array, Array]:
    """Weights and bias as they were trained, a row for each value told, and the solution in closed
    form."""
    part = run.plan.data.train
    x = numpy.column_stack([part["x"], numpy.ones(len(part["x"]))])
    parameters = run.position.parameters
    found = numpy.column_stack(
        [numpy.asarray(parameters["output.W"]), numpy.asarray(parameters["output.b"])]
    )
    return found, numpy.linalg.lstsq(x, part["y"], rcond=None)[0].T


def _least_squares(run: Run, path: Path) -> Exhibit:
    """Weight by weight against the solution in closed form, which columns that depend on each other
    leave open."""
    del path
    x = run.plan.data.train["x"]
    augmented = numpy.column_stack([x, numpy.ones(len(x))])
    if numpy.linalg.matrix_rank(augmented) < augmented.shape[1]:
        text = "The columns depend on each other: many weights solve the least squares equally well"
        return Exhibit(f"{text}, and there is no one solution to compare with.", False)
    found, solution = beside_least_squares(run)
    gap = float(numpy.abs(found - solution).max() / numpy.abs(solution).max())
    rows = "\n".join(
        f"| {name} | {a:.10f} | {b:.10f} |"
        for name, a, b in zip(
            [*(f"w{n}" for n in range(found.shape[1] - 1)), "b"], found[0], solution[0], strict=True
        )
    )
    return Exhibit(
        f"Against the solution of least squares the largest difference is {gap:.1e} of the largest "
        f"weight.\n\n| | trained | least squares |\n|---|---:|---:|\n{rows}",
        False,
    )


_MAKERS: Mapping[str, Callable[[Run, Path], Exhibit | None]] = {
    "boundary": _boundary,
    "curve": _curve,
    "reconstructions": _reconstructions,
    "samples": _samples,
    "writing": _writing,
    "least squares": _least_squares,
}
EXHIBITS = tuple(_MAKERS)
