"""Which data a run is trained on: a bundled set by its name, or a file."""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy

from derivcheck.training import loaders
from derivcheck.training.batches import needed
from derivcheck.training.bundled import BUNDLED
from derivcheck.training.chance import Stream, generator
from derivcheck.training.data import Data, Unsuitable
from derivcheck.training.model import Model


def data_for(model: Model, name: str | None, seed: int, *, drop_incomplete: bool = False) -> Data:
    """The data of this name or path, or the model's own; what is random in them comes from the
    seed.

    A table may say which column is to be told: `fish.csv:Weight`; `drop_incomplete` leaves out its
    rows in which a value is missing. Raises `DataError` for a file,
    `Unsuitable` for a name that is none or data that the model is not for, and `NoLibrary` where
    scikit-learn is missing.
    """
    wanted = name or model.data
    rng = generator(seed, Stream.DATA)
    data = BUNDLED[wanted](rng) if wanted in BUNDLED else _from_file(wanted, rng, drop_incomplete)
    if data.kind != model.kind:
        raise Unsuitable(f"{wanted} holds {data.kind}, and {model.name} is trained on {model.kind}")
    if model.images and len(data.shape) != 3:
        raise Unsuitable(f"{wanted} holds rows of numbers, and {model.name} is for images")
    least, found = needed(model.recipe), len(data.train["x"])
    if found < least:
        raise Unsuitable(
            f"{wanted} leaves {found} characters for training; {model.name} needs {least}"
        )
    return data


def _from_file(wanted: str, rng: numpy.random.Generator, drop_incomplete: bool) -> Data:
    path, column = Path(wanted), None
    if not path.exists():
        before, colon, after = wanted.rpartition(":")
        if colon and before.endswith(".csv"):
            path, column = Path(before), after
    looks_like_one = path.exists() or path.suffix or len(path.parts) > 1
    if not looks_like_one:
        near = difflib.get_close_matches(wanted, BUNDLED, n=3, cutoff=0.5)
        known = f"nearest: {', '.join(near)}" if near else f"bundled: {', '.join(BUNDLED)}"
        raise Unsuitable(f"no data are called {wanted!r}, and there is no such file; {known}")
    return loaders.load(path, rng, column, drop_incomplete=drop_incomplete)
