"""Pictures of a report: curves of loss and metrics, and what a model shows of itself."""

# Matplotlib types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from derivcheck.training.arrays import Array, Dtype
from derivcheck.training.bundled import NoLibrary
from derivcheck.training.loop import Look, Run
from derivcheck.whole_files import replacing

WIDTH, HEIGHT = 5.0, 3.2
"""Inches of one panel."""

_OURS: Mapping[str, Any] = {"color": "#1f5fa8", "linewidth": 2.8, "label": "composed pullbacks"}
_AUTODIFF: Mapping[str, Any] = {
    "color": "#f08a24",
    "linewidth": 1.3,
    "linestyle": "--",
    "label": "jax.grad",
}
_SECOND = {"composed pullbacks": "#2e8b57", "jax.grad": "#e377c2"}
"""Of another objective's loss."""

_EPSILON: Mapping[Dtype, float] = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7}
_TESTED = {"marker": "*", "linestyle": ""}
_DOTS = ("#9ecae1", "#4292c6", "#08519c")
"""Of gradients: the first, the middle and the last step compared."""


@dataclass(frozen=True)
class Side:
    """A run, and what it reached on the test data."""

    run: Run
    tested: Look


def require() -> None:
    """Raise `NoLibrary` where matplotlib is missing, without the time that it takes to load."""
    if importlib.util.find_spec("matplotlib") is None:
        raise NoLibrary("matplotlib")


def figure(panels: int, height: float = HEIGHT, width: float = WIDTH) -> tuple[Any, Sequence[Any]]:
    """A figure with panels side by side, without a window; raises `NoLibrary`."""
    try:
        made = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise NoLibrary("matplotlib") from error
    whole = made.Figure(figsize=(panels * width, height), layout="constrained")
    return whole, whole.subplots(1, panels, squeeze=False)[0]


def save(whole: Any, path: Path) -> None:
    """Without a date or a version inside: equal pictures are equal files."""
    with replacing(path) as beside:
        whole.savefig(beside, format="png", dpi=100, metadata={"Software": None})


def curves(sides: Sequence[Side], path: Path) -> None:
    """Training losses by step, and what was measured by look: on validation data all along, on
    test data once. The second side, if there is one, is autodiff; it is drawn over the first."""
    run = sides[0].run
    shown = list(run.looks[-1].values) if run.looks else []
    metrics = [name for name in shown if name not in run.losses]
    whole, panels = figure(1 + len(metrics))
    for side, style, size in zip(sides, (_OURS, _AUTODIFF), (13, 7), strict=False):
        for n, (name, values) in enumerate(side.run.losses.items()):
            several = f", {name}" if len(side.run.losses) > 1 else ""
            color = _SECOND[style["label"]] if n else style["color"]
            look = {**style, "label": style["label"] + several, "color": color}
            panels[0].plot(*_smoothed(values), **look)
        for name, panel in zip(metrics, panels[1:], strict=True):
            looks = side.run.looks
            steps, values = [e.step for e in looks], [e.values[name] for e in looks]
            panel.plot(steps, values, **style, marker="o", markersize=3)
            at, value = side.tested.step, side.tested.values[name]
            panel.plot(at, value, **_TESTED, color=style["color"], markersize=size)
    panels[0].set(xlabel="step", ylabel="training loss", yscale=_scale(run))
    panels[0].legend()
    for name, panel in zip(metrics, panels[1:], strict=True):
        panel.set(xlabel="step", ylabel=f"validation {name}")
        panel.plot([], [], **_TESTED, color="gray", markersize=10, label="on test data, once")
        panel.legend()
    for panel in panels:
        panel.grid(alpha=0.25)
        panel.xaxis.get_major_locator().set_params(integer=True)
    save(whole, path)


def parity(
    gradients: Mapping[str, Mapping[str, float]],
    parameters: Mapping[str, Mapping[str, float]],
    dtype: Dtype,
    path: Path,
) -> None:
    """A line for each parameter, a dot on it for each difference, on a scale of powers of ten.

    Both are by what is compared and then by parameter. Differences of 0 stand at the left edge.
    """
    names = list(next(iter(parameters.values())))
    epsilon = _EPSILON[dtype]
    whole, (panel,) = figure(1, 1.3 + 0.22 * len(names), width=1.5 * WIDTH)
    known = [v for each in (*gradients.values(), *parameters.values()) for v in each.values()]
    least = min([value for value in known if value > 0], default=epsilon)
    floor = 10.0 ** numpy.floor(numpy.log10(min(least, epsilon)) - 0.5)
    places = numpy.arange(len(names))

    def dots(values: Mapping[str, float], **style: Any) -> None:
        panel.plot([max(values[name], floor) for name in names], places, linestyle="", **style)

    panel.axvline(epsilon, color="gray", linewidth=0.8, linestyle=":")
    for (label, values), color in zip(gradients.items(), _DOTS, strict=False):
        dots(values, marker="o", color=color, markersize=6, label=label)
    for label, values in parameters.items():
        dots(values, marker="D", color=_AUTODIFF["color"], markersize=5, label=label)
    panel.set_yticks(places, names)
    edge = ", left edge: none" if min(known, default=0.0) == 0 else ""
    words = f"scaled difference from jax.grad (dotted: ε of {dtype}{edge})"
    panel.set(xscale="log", xlabel=words, ylim=(len(names) - 0.5, -0.5))
    panel.grid(alpha=0.25)
    whole.legend(loc="outside upper center", ncols=4, fontsize="small", frameon=False)
    save(whole, path)


def _scale(run: Run) -> str:
    values = [value for each in run.losses.values() for value in each]
    return "log" if min(values) > 0 and max(values) > 20 * min(values) else "linear"


def _smoothed(values: Sequence[float]) -> tuple[Array, Array]:
    """At most 200 points, each the mean of the steps about it."""
    pieces = numpy.array_split(numpy.asarray(values), min(len(values), 200))
    ends = numpy.cumsum([len(piece) for piece in pieces])
    return ends, numpy.array([piece.mean() for piece in pieces])


def images(rows: Mapping[str, Array], path: Path) -> None:
    """Rows of images (C, H, W) between 0 and 1, each with its name."""
    gap = 1
    lines = [_line(each, gap) for each in rows.values()]
    picture = numpy.concatenate(lines, axis=0)
    whole, (panel,) = figure(1, 0.2 + WIDTH * 0.85 * picture.shape[0] / picture.shape[1])
    panel.imshow(numpy.clip(picture, 0.0, 1.0), cmap="gray_r", vmin=0.0, vmax=1.0)
    height = len(lines[0])
    panel.set_yticks([height * (n + 0.5) for n in range(len(lines))], list(rows))
    panel.set_xticks([])
    save(whole, path)


def _line(row: Array, gap: int) -> Array:
    framed = numpy.pad(row, ((0, 0), (0, 0), (gap, gap), (gap, gap)))
    joined = numpy.concatenate(list(framed), axis=2).transpose(1, 2, 0)
    return joined[..., 0] if joined.shape[2] == 1 else joined


def boundary(
    grid: tuple[Array, Array],
    share: Array,
    examples: tuple[Array, Array],
    labels: Sequence[str],
    path: Path,
) -> None:
    """The probability of class 1 over the plane, and examples (x, y) on it."""
    whole, panels = figure(1)
    panel = panels[0]
    panel.contourf(*grid, share, levels=numpy.linspace(0.0, 1.0, 11), cmap="RdBu_r", alpha=0.6)
    panel.contour(*grid, share, levels=[0.5], colors="black", linewidths=1.0)
    x, y = examples
    for n, (label, color) in enumerate(zip(labels, ("#2166ac", "#b2182b"), strict=True)):
        dots = x[y == n]
        panel.scatter(*dots.T, color=color, edgecolors="white", s=18, linewidths=0.5, label=label)
    panel.set(xlabel="x₀", ylabel="x₁")
    panel.legend(title="test data")
    save(whole, path)


def curve(x: Array, values: Array, points: tuple[Array, Array], path: Path) -> None:
    """A function of one variable through test data."""
    whole, panels = figure(1)
    panels[0].scatter(*points, s=10, color="gray", label="test data")
    panels[0].plot(x, values, color=_OURS["color"], linewidth=2.0, label="model")
    panels[0].set(xlabel="x", ylabel="y")
    panels[0].legend()
    save(whole, path)
