"""Which data a run is trained on: a bundled set by its name, or a file."""

from __future__ import annotations

import difflib

from derivcheck.training.bundled import BUNDLED
from derivcheck.training.chance import Stream, generator
from derivcheck.training.data import Data
from derivcheck.training.model import Model


class DataError(ValueError):
    """Data that cannot be used: which, what was seen there, and what was needed."""


def data_for(model: Model, name: str | None, seed: int) -> Data:
    """The data of this name, or the model's own; what is random in them comes from the seed.

    Raises `DataError`, and `bundled.NoLibrary` where scikit-learn is missing.
    """
    wanted = name or model.data
    make = BUNDLED.get(wanted)
    if make is None:
        near = difflib.get_close_matches(wanted, BUNDLED, n=3, cutoff=0.5)
        known = f"nearest: {', '.join(near)}" if near else f"bundled: {', '.join(BUNDLED)}"
        raise DataError(f"no data are called {wanted!r}; {known}")
    data = make(generator(seed, Stream.DATA))
    if data.kind != model.kind:
        raise DataError(f"{wanted} holds {data.kind}, and {model.name} is trained on {model.kind}")
    return data
