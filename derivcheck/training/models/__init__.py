"""The models, one module for each family."""

from __future__ import annotations

from collections.abc import Mapping

from derivcheck.training.model import Model
from derivcheck.training.models import (
    convolutional,
    generative,
    mlp,
    recurrent,
    regression,
    transformer,
)

_FAMILIES = (regression, mlp, convolutional, recurrent, transformer, generative)

MODELS: Mapping[str, Model] = {model.name: model for family in _FAMILIES for model in family.MODELS}
