"""The models, one module for each family."""

from __future__ import annotations

from collections.abc import Mapping

from derivcheck.training.model import Model
from derivcheck.training.models import mlp, regression

MODELS: Mapping[str, Model] = {
    model.name: model for family in (regression, mlp) for model in family.MODELS
}
