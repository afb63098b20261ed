"""Short runs of models, for tests: the recipes' own optimisers, fewer steps."""

from dataclasses import replace
from functools import cache

from derivcheck.training import MODELS, Plan, Run, data_for
from derivcheck.training.arrays import Backend, Dtype
from derivcheck.training.data import Data
from derivcheck.training.model import Model
from derivcheck.training.step import Gradients


@cache
def data_of(model: str) -> Data:
    return data_for(MODELS[model], None, 0)


def shortened(name: str, steps: int, **recipe: object) -> Model:
    model = MODELS[name]
    return replace(model, recipe=replace(model.recipe, steps=steps, **recipe))


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
