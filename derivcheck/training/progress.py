"""What a person sees of a run: a bar on a terminal, a line for every look elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from derivcheck.training.loop import Look, Run

_REDRAWN = 0.1
"""Seconds between two updates of the bar: steps may be shorter than drawing one."""

_RECENT = 2.0
"""Seconds of steps that tell the speed."""


class Speed:
    """Steps a second of late. The first step does not count: JAX compiles in it."""

    def __init__(self) -> None:
        self._marks: list[tuple[int, float]] = []

    def __call__(self, step: int) -> float | None:
        """Now that a run stands at this step; None while there is nothing to tell it from."""
        now = time.monotonic()
        if not self._marks or step > self._marks[-1][0]:
            self._marks.append((step, now))
        while len(self._marks) > 2 and now - self._marks[1][1] > _RECENT:
            del self._marks[0]
        (first, begun), (last, ended) = self._marks[0], self._marks[-1]
        return (last - first) / (ended - begun) if ended > begun else None


class Shown:
    """Tells a console how a run goes; is what `Run.told` calls."""

    def __init__(self, out: Console, run: Run) -> None:
        self._out = out
        self._looks = len(run.looks)
        self._speed = Speed()
        self._drawn = time.monotonic()
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
        first = "compiling" if plan.backend == "jax" else ""
        self._task = self._bar.add_task(
            plan.model.name, total=plan.model.recipe.steps, completed=run.step, facts=first
        )

    def __enter__(self) -> Shown:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, run: Run) -> None:
        speed = self._speed(run.step)
        if len(run.looks) > self._looks:
            self._looks = len(run.looks)
            self._out.print(Text(line(run, run.looks[-1], speed)), soft_wrap=True)
        if time.monotonic() - self._drawn > _REDRAWN:
            self._drawn = time.monotonic()
            losses = [f"{name} {values[-1]:.4f}" for name, values in run.losses.items()]
            facts = "  ".join([*losses, *_paced(speed)])
            self._bar.update(self._task, completed=run.step, facts=facts)


def line(run: Run, look: Look, speed: float | None) -> str:
    """`step  100/1000  validation accuracy 0.9521  loss 0.1620  (412 steps/s)`."""
    steps = str(run.plan.model.recipe.steps)
    values = "  ".join(f"{name} {value:.4f}" for name, value in look.values.items())
    paced = "".join(f"  ({words})" for words in _paced(speed))
    return f"step {look.step:>{len(steps)}}/{steps}  validation {values}{paced}"


def _paced(speed: float | None) -> list[str]:
    """Two figures at least: a step may take longer than a second."""
    return [] if speed is None else [f"{speed:.{0 if speed >= 10 else 1}f} steps/s"]
