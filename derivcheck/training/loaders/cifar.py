"""CIFAR-10 as its authors give it out: five training batches and a test batch in a folder.

Of the two official versions the binary one is a label and 3072 bytes a row. The Python one is
pickled, and a pickle may name any function to be called: only the few that build an array are
let through (https://www.cs.toronto.edu/~kriz/cifar.html).
"""

from __future__ import annotations

import io
import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data, DataError
from derivcheck.training.loaders.arrays_of import data_of

CHANNELS, SIDE = 3, 32
PIXELS = CHANNELS * SIDE * SIDE
TRAINING = tuple(f"data_batch_{n}" for n in range(1, 6))
TESTING = "test_batch"
CLASSES = 10

# What NumPy's own reduction of an array of bytes calls, under the names of its old and new rooms.
_HARMLESS = {
    ("numpy.core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"): ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"): ("numpy", "ndarray"),
    ("numpy", "dtype"): ("numpy", "dtype"),
    ("_codecs", "encode"): ("_codecs", "encode"),
}


# What a damaged pickle raises is what the operation raises that it is mistaken for.
_BROKEN = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, LookupError, AttributeError),
    *(OverflowError, MemoryError),
)


class _Restricted(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        place = _HARMLESS.get((module_name, global_name))
        if place is None:
            raise pickle.UnpicklingError(f"it wants to call {module_name}.{global_name}")
        return getattr(import_module(place[0]), place[1])


def is_one(folder: Path) -> bool:
    """The folder holds at least one batch."""
    names = (*TRAINING, TESTING)
    return any((folder / f"{name}{ending}").is_file() for name in names for ending in ("", ".bin"))


def load(folder: Path, rng: numpy.random.Generator) -> Data:
    """All six batches; raises `DataError` naming the one at fault."""
    train = [_batch(folder, name) for name in TRAINING]
    x = numpy.concatenate([images for images, _ in train])
    y = numpy.concatenate([labels for _, labels in train])
    return data_of(folder, x, y, *_batch(folder, TESTING), rng)


def _batch(folder: Path, name: str) -> tuple[Array, Array]:
    """Images (N, H, W, C) and labels (N,) of one batch."""
    binary = folder / f"{name}.bin"
    path = binary if binary.is_file() else folder / name
    pixels, labels = _binary(path) if path == binary else _pickled(path)
    if labels.max(initial=0) >= CLASSES:
        raise DataError(path, f"labels holds {labels.max()}; there are {CLASSES} classes")
    images = pixels.reshape(-1, CHANNELS, SIDE, SIDE).transpose(0, 2, 3, 1)
    return images, labels.astype(numpy.int64)


def _binary(path: Path) -> tuple[Array, Array]:
    content = path.read_bytes()
    if not content or len(content) % (1 + PIXELS):
        raise DataError(path, f"it has {len(content)} bytes, which are no rows of {1 + PIXELS}")
    rows = numpy.frombuffer(content, numpy.uint8).reshape(-1, 1 + PIXELS)
    return rows[:, 1:], rows[:, 0]


def _pickled(path: Path) -> tuple[Array, Array]:
    try:
        fields: Any = _Restricted(io.BytesIO(path.read_bytes()), encoding="bytes").load()
        pixels, labels = fields[b"data"], numpy.array(fields[b"labels"], ndmin=1)
    except _BROKEN as error:
        raise DataError(path, f"it is no batch of data and labels: {error}") from error
    shape = getattr(pixels, "shape", None)
    if getattr(pixels, "dtype", None) != numpy.uint8 or len(shape or ()) != 2:
        raise DataError(path, "data is no array of unsigned bytes with a row for each image")
    if pixels.shape[1] != PIXELS:
        raise DataError(path, f"data has shape {shape}; rows of {PIXELS} are needed")
    if labels.shape != pixels.shape[:1] or labels.dtype.kind not in "iu":
        raise DataError(path, f"labels are no list of {len(pixels)} classes")
    return pixels, labels
