"""NumPy's .npz: `x_train`, `y_train`, `x_test`, `y_test`, or `x` and `y`, which are split."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy

from derivcheck.training.data import FEWEST, Data, DataError, divided
from derivcheck.training.loaders.arrays_of import data_of

PARTS = ("x_train", "y_train", "x_test", "y_test")


def load(path: Path, rng: numpy.random.Generator) -> Data:
    """Raises `DataError`; arrays of Python objects are refused, since they would be unpickled."""
    try:
        with numpy.load(path, allow_pickle=False) as archive:
            names = tuple(archive.files)
            wanted = PARTS if "x_train" in names else ("x", "y")
            missing = [name for name in wanted if name not in names]
            if missing:
                raise DataError(path, f"it has no {', '.join(missing)}, only {', '.join(names)}")
            arrays = [archive[name] for name in wanted]
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(path, f"it is no archive of plain arrays: {error}") from error
    if len(arrays) == 2:
        x, y = arrays
        if not (x.ndim and y.ndim and len(x) == len(y)):
            raise DataError(path, f"x has shape {x.shape} and y {y.shape}")
        if len(x) < FEWEST:
            raise DataError(path, f"x has {len(x)} examples; {FEWEST} are the least")
        train, test = divided({"x": x, "y": y}, rng)
        arrays = [train["x"], train["y"], test["x"], test["y"]]
    x_train, y_train, x_test, y_test = arrays
    return data_of(path, x_train, y_train, x_test, y_test, rng)
