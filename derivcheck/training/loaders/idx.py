"""The idx format of MNIST and its successors: four files in a folder, plain or gzipped.

Big-endian: two zero bytes, the type of the entries (8 for unsigned bytes), the number of axes, the
extent of each, the entries (http://yann.lecun.com/exdb/mnist, “the IDX file format”).
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data, DataError
from derivcheck.training.loaders.arrays_of import data_of

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
_UNSIGNED_BYTES = 8
_MAGIC = 4


def is_one(folder: Path) -> bool:
    """The folder holds at least one file with such a name."""
    return any(_found(folder, name) for name in FILES)


def load(folder: Path, rng: numpy.random.Generator) -> Data:
    """All four files; raises `DataError` naming the one at fault."""
    arrays = [_array(folder, name, 3 if "idx3" in name else 1) for name in FILES]
    x_train, y_train, x_test, y_test = arrays
    return data_of(folder, x_train, y_train, x_test, y_test, rng)


def _found(folder: Path, name: str) -> Path | None:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    return None


def _array(folder: Path, name: str, axes: int) -> Array:
    path = _found(folder, name)
    if path is None:
        raise DataError(folder / name, "there is no such file, nor with .gz")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(path, f"its compression is damaged: {error}") from error
    head = _MAGIC + 4 * axes
    if len(content) < head:
        raise DataError(path, f"it ends after {len(content)} bytes, within its header")
    if content[:_MAGIC] != bytes((0, 0, _UNSIGNED_BYTES, axes)):
        seen = content[:_MAGIC].hex(" ")
        raise DataError(path, f"its magic number is {seen}; 00 00 08 {axes:02x} is needed")
    shape = struct.unpack(f">{axes}I", content[_MAGIC:head])
    if len(content) - head != math.prod(shape):
        needed = f"shape {shape} needs {math.prod(shape)} bytes"
        raise DataError(path, f"{needed}, {len(content) - head} follow the header")
    return numpy.frombuffer(content, numpy.uint8, offset=head).reshape(shape)
