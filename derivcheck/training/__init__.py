"""Models trained from the registry: every gradient is composed of generated pullbacks.

>>> from dataclasses import replace
>>> from derivcheck.training import MODELS, Plan, Run, data_for
>>> model = MODELS["linear_regression"]
>>> model = replace(model, recipe=replace(model.recipe, steps=20))
>>> run = Run(Plan(model, data_for(model, "diabetes", seed=0), backend="numpy"))
>>> run.go()
>>> run.step
20
"""

from __future__ import annotations

from derivcheck.training.loop import Plan, Run
from derivcheck.training.models import MODELS
from derivcheck.training.sources import data_for

__all__ = ["MODELS", "Plan", "Run", "data_for"]
