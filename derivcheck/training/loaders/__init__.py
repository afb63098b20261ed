"""Data from files: the official formats of CIFAR-10 and of MNIST, .npz, CSV, plain text."""

from __future__ import annotations

from pathlib import Path

import numpy

from derivcheck.training.data import Data, DataError
from derivcheck.training.loaders import archive, cifar, idx, plain_text, table


def load(
    path: Path,
    rng: numpy.random.Generator,
    column: str | None = None,
    *,
    drop_incomplete: bool = False,
) -> Data:
    """The data of a file or a folder, by what it is called and what is in it.

    `rng` draws the parts that the file does not have. `column` is the one of a table that is to be
    told, the last one by default; `drop_incomplete` leaves out its rows in which a value is
    missing. Raises `DataError` with the file, and the field that is at fault.
    """
    try:
        if path.is_dir():
            if cifar.is_one(path):
                return cifar.load(path, rng)
            if idx.is_one(path):
                return idx.load(path, rng)
            raise DataError(path, "the folder holds neither CIFAR-10's batches nor idx files")
        if path.suffix == ".npz":
            return archive.load(path, rng)
        if path.suffix == ".csv":
            return table.load(path, rng, column, drop_incomplete)
        return plain_text.load(path)
    except FileNotFoundError as error:
        raise DataError(Path(error.filename or path), "there is no such file") from None
    except OSError as error:
        raise DataError(path, f"it cannot be read: {error.strerror or error}") from error
