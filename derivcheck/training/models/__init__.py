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


def listing() -> str:
    """The models, one a line, with the data that each is trained on by default."""
    names, data = (max(map(len, each)) for each in (MODELS, [m.data for m in MODELS.values()]))
    return "".join(
        f"{model.name:<{names}}  {model.data:<{data}}  {model.summary}\n"
        for model in MODELS.values()
    )
