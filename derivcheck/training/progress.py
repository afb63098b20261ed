"""What a person sees of a run: a bar on a terminal, a line for every look elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from derivcheck.training.loop import Look, Run

_REDRAWN = 0.1
"""Seconds between two updates of the bar: steps may be shorter than drawing one."""


class Shown:
    """Tells a console how a run goes; is what `Run.told` calls."""

    def __init__(self, out: Console, run: Run) -> None:
        self._out = out
        self._looks = len(run.looks)
        self._first = run.step
        self._begun = self._drawn = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        plan = run.plan
        self._task = self._bar.add_task(
            plan.model.name, total=plan.model.recipe.steps, completed=run.step, facts=""
        )

    def __enter__(self) -> Shown:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, run: Run) -> None:
        if len(run.looks) > self._looks:
            self._looks = len(run.looks)
            self._out.print(Text(line(run, run.looks[-1], self._speed(run))), soft_wrap=True)
        if time.monotonic() - self._drawn > _REDRAWN:
            self._drawn = time.monotonic()
            losses = "  ".join(f"{name} {values[-1]:.4f}" for name, values in run.losses.items())
            facts = f"{losses}  {self._speed(run):.0f} steps/s"
            self._bar.update(self._task, completed=run.step, facts=facts)

    def _speed(self, run: Run) -> float:
        return (run.step - self._first) / max(time.monotonic() - self._begun, 1e-9)


def line(run: Run, look: Look, speed: float) -> str:
    """`step 100/1000  accuracy 0.9521  loss 0.1620  (412 steps/s)`, on validation data."""
    values = "  ".join(f"{name} {value:.4f}" for name, value in look.values.items())
    return f"step {look.step}/{run.plan.model.recipe.steps}  {values}  ({speed:.0f} steps/s)"
