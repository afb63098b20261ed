"""Pictures of a report: curves of loss and metrics, and what a model shows of itself."""

# Matplotlib types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.bundled import NoLibrary
from derivcheck.training.loop import Run

WIDTH, HEIGHT = 5.0, 3.2
"""Inches of one panel."""

_OURS = {"color": "#1f5fa8", "linewidth": 2.5, "label": "composed pullbacks"}
_AUTODIFF = {"color": "#e0701a", "linewidth": 1.2, "linestyle": "--", "label": "jax.grad"}


def figure(panels: int, height: float = HEIGHT) -> tuple[Any, Sequence[Any]]:
    """A figure with panels side by side, without a window; raises `NoLibrary`."""
    try:
        made = importlib.import_module("matplotlib.figure")
    except ImportError as error:
        raise NoLibrary("matplotlib") from error
    whole = made.Figure(figsize=(panels * WIDTH, height), layout="constrained")
    return whole, whole.subplots(1, panels, squeeze=False)[0]


def save(whole: Any, path: Path) -> None:
    """Without a date or a version inside: equal pictures are equal files."""
    whole.savefig(path, dpi=100, metadata={"Software": None})


def curves(run: Run, autodiff: Run | None, path: Path) -> None:
    """Training losses by step and test values by look, those of autodiff over them."""
    shown = list(run.looks[-1].values) if run.looks else []
    metrics = [name for name in shown if name not in run.losses]
    whole, panels = figure(1 + len(metrics))
    sides = [(run, _OURS), *([(autodiff, _AUTODIFF)] if autodiff else [])]
    for side, style in sides:
        for name, values in side.losses.items():
            named = {**style, "label": style["label"] if name == next(iter(run.losses)) else None}
            panels[0].plot(*_smoothed(values), **named)
        for name, panel in zip(metrics, panels[1:], strict=True):
            panel.plot([e.step for e in side.looks], [e.values[name] for e in side.looks], **style)
    title = "training loss" if len(run.losses) == 1 else f"training: {', '.join(run.losses)}"
    panels[0].set(xlabel="step", title=title, yscale=_scale(run))
    panels[0].legend()
    for name, panel in zip(metrics, panels[1:], strict=True):
        panel.set(xlabel="step", title=f"{name} on validation data")
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


def boundary(grid: tuple[Array, Array], share: Array, x: Array, y: Array, path: Path) -> None:
    """The probability of class 1 over the plane, and examples on it."""
    whole, panels = figure(1)
    panel = panels[0]
    panel.contourf(*grid, share, levels=numpy.linspace(0.0, 1.0, 11), cmap="RdBu_r", alpha=0.6)
    panel.contour(*grid, share, levels=[0.5], colors="black", linewidths=1.0)
    panel.scatter(x[:, 0], x[:, 1], c=y, cmap="RdBu_r", edgecolors="black", s=14, linewidths=0.4)
    panel.set(title="decision boundary and test data")
    save(whole, path)


def curve(x: Array, values: Array, points: tuple[Array, Array], path: Path) -> None:
    """A function of one variable through test data."""
    whole, panels = figure(1)
    panels[0].scatter(*points, s=10, color="gray", label="test data")
    panels[0].plot(x, values, color=_OURS["color"], linewidth=2.0, label="model")
    panels[0].legend()
    save(whole, path)
