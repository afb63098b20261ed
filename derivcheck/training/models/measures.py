"""Metrics that several families share; the first one of a model is what early stopping follows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.model import Batch


def accuracy(outputs: Batch, batch: Batch) -> Mapping[str, float]:
    """The share of examples whose largest logit is that of their class."""
    right: Array = outputs["logits"].argmax(axis=1) == batch["y"]
    return {"accuracy": float(right.mean())}


def next_accuracy(outputs: Batch, batch: Batch) -> Mapping[str, float]:
    """The share of places whose largest logit is that of what follows."""
    right: Array = outputs["logits"].argmax(axis=2) == batch["y"]
    return {"next accuracy": float(right.mean())}


def squared_error(outputs: Batch, batch: Batch) -> Mapping[str, float]:
    """The mean over examples of the squared distance to the value."""
    distance = numpy.square(outputs["values"] - batch["y"]).sum(axis=1)
    return {"squared error": float(distance.mean())}
