"""What arrays of a file have to be, whatever its format, and what is made of them."""

from __future__ import annotations

from pathlib import Path

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data, DataError, held_out, standardised

_WHITE = numpy.float32(255)


def data_of(
    path: Path,
    x_train: Array,
    y_train: Array,
    x_test: Array,
    y_test: Array,
    rng: numpy.random.Generator,
) -> Data:
    """Data of arrays in two parts, checked; `rng` draws what of the first is for validation.

    Images of bytes (N, H, W) or (N, H, W, C) become float32 between 0 and 1, channels first; rows
    of numbers, and values, are standardised. Whole numbers as y are classes, others are values.
    Raises `DataError`.
    """
    parts = {"train": (x_train, y_train), "test": (x_test, y_test)}
    for part, (x, y) in parts.items():
        _check(path, f"x_{part}", x, f"y_{part}", y)
    if len(x_train) < 2:
        raise DataError(path, "x_train has 1 example; another one is needed for validation")
    if x_train.shape[1:] != x_test.shape[1:]:
        seen = f"examples of shape {x_test.shape[1:]}, those of x_train are {x_train.shape[1:]}"
        raise DataError(path, f"x_test holds {seen}")
    if (y_train.dtype.kind in "iu") != (y_test.dtype.kind in "iu"):
        raise DataError(path, "one of y_train and y_test holds classes, the other values")
    whole, test = ({"x": _inputs(x), "y": _targets(y)} for x, y in parts.values())
    train, validation = held_out(whole, rng)
    if y_train.dtype.kind in "iu":
        classes = int(max(whole["y"].max(), test["y"].max())) + 1
        labels = tuple(map(str, range(classes)))
        data = Data(path.name, "classes", train, validation, test, classes, labels)
    else:
        data = Data(path.name, "values", train, validation, test)
    return standardised(data)


def _check(path: Path, x_name: str, x: Array, y_name: str, y: Array) -> None:
    if x.ndim not in (2, 3, 4):
        raise DataError(path, f"{x_name} has shape {x.shape}; rows or images are needed")
    if x.ndim > 2 and x.dtype != numpy.uint8:
        raise DataError(path, f"{x_name} holds {x.dtype}; images are needed as uint8")
    if x.dtype.kind not in "iufb":
        raise DataError(path, f"{x_name} holds {x.dtype}; numbers are needed")
    if not len(x):
        raise DataError(path, f"{x_name} is empty")
    if len(y) != len(x) or y.ndim not in (1, 2):
        raise DataError(path, f"{y_name} has shape {y.shape}; {x_name} has {len(x)} examples")
    for name, values in ((x_name, x), (y_name, y)):
        if values.dtype.kind == "f" and not numpy.isfinite(values).all():
            place = tuple(numpy.argwhere(~numpy.isfinite(values))[0].tolist())
            raise DataError(path, f"{name} holds {values[place]} at {place}")
    if y.dtype.kind in "iu" and y.ndim == 2 and y.shape[1] != 1:
        raise DataError(path, f"{y_name} has shape {y.shape}; one class an example is needed")
    if y.dtype.kind in "iu" and y.min() < 0:
        raise DataError(path, f"{y_name} holds the class {y.min()}; classes count from 0")
    if y.dtype.kind not in "iuf":
        raise DataError(path, f"{y_name} holds {y.dtype}; classes or numbers are needed")


def _inputs(x: Array) -> Array:
    match x.ndim:
        case 2:
            return x.astype(float)
        case 3:
            return x[:, None].astype(numpy.float32) / _WHITE
        case _:
            return x.transpose(0, 3, 1, 2).astype(numpy.float32, order="C") / _WHITE


def _targets(y: Array) -> Array:
    if y.dtype.kind in "iu":
        return y.reshape(-1).astype(numpy.int64)
    return y.reshape(len(y), -1).astype(float)
