"""How the learning rate changes over a run."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """The factor on the learning rate at a step.

    `warm_up` steps rise linearly from nothing; then the factor stays (`constant`), falls to `last`
    along half a cosine (`cosine`) or a line (`linear`), or is multiplied by `last` after every
    `every` steps (`staircase`).
    """

    form: Literal["constant", "cosine", "linear", "staircase"] = "constant"
    warm_up: int = 0
    last: float = 0.0
    every: int = 0

    @property
    def depends_on_length(self) -> bool:
        """A longer run has other factors from the first step on."""
        return self.form in ("cosine", "linear")

    def factor(self, step: int, steps: int) -> float:
        """At step number `step`, counted from 0, of a run of `steps`."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        done = (step - self.warm_up) / max(steps - self.warm_up, 1)
        match self.form:
            case "constant":
                return 1.0
            case "cosine":
                return self.last + (1 - self.last) * (1 + cos(pi * done)) / 2
            case "linear":
                return 1 + (self.last - 1) * done
            case "staircase":
                return self.last ** (step // self.every)
