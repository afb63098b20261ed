"""Update rules: pages of the registry, `sgd` to `lion`.

A rule is the generated forward pass of its page; nothing here knows what it computes. What a page
carries from step to step is seen in its outputs: every output but θ' is the next value of the input
of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from derivcheck.training.arrays import Array, Backend, library
from derivcheck.training.layer import layer

_NEXT = "_prime"
_SETTINGS: Mapping[str, Mapping[str, float]] = {
    "sgd": {},
    "momentum": {"mu": 0.9},
    "nesterov": {"mu": 0.9},
    "rmsprop": {"rho": 0.9, "epsilon": 1e-8},
    "adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "adamw": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "lambda_": 0.01},
    "adagrad": {"epsilon": 1e-10},
    "adadelta": {"rho": 0.9, "epsilon": 1e-6},
    "adamax": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "nadam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "amsgrad": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    "lion": {"beta_1": 0.9, "beta_2": 0.99, "lambda_": 0.01},
}
"""What is usual, by page."""

Moments = Mapping[str, Mapping[str, Array]]
"""What a rule carries for each parameter, by the page's name for it."""


@dataclass(frozen=True)
class Optimiser:
    """A page with its settings; those not given are the usual ones. `rate` is the learning rate
    before the schedule."""

    page: str
    rate: float
    settings: Mapping[str, float] = field(default_factory=dict[str, float])

    def __post_init__(self) -> None:
        known = _SETTINGS.get(self.page)
        if known is None:
            raise ValueError(f"no update rule {self.page!r}; there are: {', '.join(_SETTINGS)}")
        unknown = sorted(self.settings.keys() - known)
        if unknown:
            raise ValueError(f"{self.page} has no setting {', '.join(unknown)}")

    def carried(self) -> tuple[str, ...]:
        """The names of what is carried from step to step, without θ."""
        pair = layer(self.page, "numpy")
        return tuple(name.removesuffix(_NEXT) for name in pair.outputs[1:])

    def start(self, parameters: Mapping[str, Array], backend: Backend) -> Moments:
        """Zeros, as every one of the pages begins."""
        xp = library(backend)
        return {
            name: {each: xp.zeros_like(value.ravel()) for each in self.carried()}
            for name, value in parameters.items()
        }

    def update(
        self,
        backend: Backend,
        parameters: Mapping[str, Array],
        gradients: Mapping[str, Array],
        moments: Moments,
        rate: Array,
        step: Array,
    ) -> tuple[Mapping[str, Array], Moments]:
        """Parameters and moments after step number `step`, counted from 1.

        Parameters without a gradient stay as they are.
        """
        pair, carried = layer(self.page, backend), self.carried()
        known = {**_SETTINGS[self.page], **self.settings, "eta": rate}
        statics = {"t": step} if "t" in pair.statics else {}
        after, rest = dict(parameters), dict(moments)
        for name, gradient in gradients.items():
            theta = parameters[name]
            known |= {**moments[name], "theta": theta.ravel(), "g": gradient.ravel()}
            (updated, *others), _ = pair.forward(*[known[each] for each in pair.inputs], **statics)
            after[name] = updated.reshape(theta.shape)
            rest[name] = dict(zip(carried, others, strict=True))
        return after, rest
