"""Short runs of models, for tests: the recipes' own optimisers, fewer steps."""

from dataclasses import replace
from functools import cache

from derivcheck.training import MODELS, Plan, Run, data_for
from derivcheck.training.arrays import Backend, Dtype
from derivcheck.training.data import Data
from derivcheck.training.model import Model, Windows
from derivcheck.training.step import Gradients

SMALLER = {
    "cnn": {"options": {"channels": 4, "smoothing": 0.05}, "batch": 16},
    "cnn_residual": {"options": {"channels": 4}, "batch": 16},
    "char_lstm": {
        "options": {"units": 16, "dropout": 0.3, "recurrent_dropout": 0.2},
        "windows": Windows(12, "consecutive"),
        "batch": 8,
    },
    "transformer": {
        "options": {"blocks": 2, "heads": 2, "features": 16},
        "windows": Windows(12, "random"),
        "batch": 8,
    },
}
"""The same compositions at sizes of which a step takes no time."""


@cache
def data_of(model: str) -> Data:
    """The model's own data; of a text so much that a look at its end is short."""
    data = data_for(MODELS[model], None, 0)
    if data.kind != "text":
        return data
    return replace(
        data,
        train={"x": data.train["x"][:5000]},
        validation={"x": data.validation["x"][:500]},
        test={"x": data.test["x"][:500]},
    )


def shortened(name: str, steps: int, **recipe: object) -> Model:
    model = MODELS[name]
    changed = {"steps": steps, **SMALLER.get(name, {}), **recipe}
    return replace(model, recipe=replace(model.recipe, **changed))


def short_run(
    name: str,
    steps: int,
    backend: Backend = "numpy",
    dtype: Dtype = "float64",
    *,
    seed: int = 0,
    gradients: Gradients | None = None,
    path=None,
    **recipe: object,
) -> Run:
    """A run that has not begun."""
    plan = Plan(shortened(name, steps, **recipe), data_of(name), backend, dtype, seed)
    return Run(plan, path, gradients=gradients)


def interrupting_after(step: int):
    """Is told of a run and breaks it off there, as Ctrl-C does."""

    def told(run: Run) -> None:
        if run.step == step:
            raise KeyboardInterrupt

    return told
