"""Data that needs no file and no network: scikit-learn's bundled sets, and sets made here."""

# scikit-learn has no type stubs.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportMissingTypeStubs=false

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy

from derivcheck import registry
from derivcheck.training.arrays import Array
from derivcheck.training.data import Data, of_text, split, standardised

Maker = Callable[[numpy.random.Generator], Data]


class NoLibrary(RuntimeError):
    """A library of the extra `train` is not installed."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is not installed; pip install 'derivcheck-notes[train]'")


def _sklearn(loader: str, **options: object) -> Any:
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise NoLibrary("scikit-learn") from error
    return getattr(datasets, loader)(**options)


def _digits(rng: numpy.random.Generator) -> Data:
    """1797 handwritten digits of 8×8 pixels, between 0 and 1."""
    x, y = _sklearn("load_digits", return_X_y=True)
    arrays = {"x": x.reshape(-1, 1, 8, 8) / 16.0, "y": y.astype(numpy.int64)}
    return split("digits", "classes", arrays, rng, classes=10, labels=tuple("0123456789"))


def _table(name: str) -> Maker:
    """A small table with classes, every column standardised."""

    def make(rng: numpy.random.Generator) -> Data:
        bunch = _sklearn("load_" + name.replace("-", "_"))
        labels = tuple(str(each) for each in bunch.target_names)
        arrays = {"x": bunch.data, "y": bunch.target.astype(numpy.int64)}
        whole = split(name, "classes", arrays, rng, classes=len(labels), labels=labels)
        return standardised(whole)

    return make


def _diabetes(rng: numpy.random.Generator) -> Data:
    """442 patients, ten measurements each; the value is standardised too."""
    x, y = _sklearn("load_diabetes", return_X_y=True)
    return standardised(split("diabetes", "values", {"x": x, "y": y.reshape(-1, 1)}, rng))


def _moons(rng: numpy.random.Generator) -> Data:
    """Two half circles that reach into each other, with noise."""
    seed = int(rng.integers(2**31))
    x, y = _sklearn("make_moons", n_samples=1000, noise=0.15, random_state=seed)
    arrays = {"x": x, "y": y.astype(numpy.int64)}
    return split("moons", "classes", arrays, rng, classes=2, labels=("upper", "lower"))


def _wave(rng: numpy.random.Generator) -> Data:
    """A sine with a trend, on [-1, 1], with noise."""
    x = rng.uniform(-1.0, 1.0, (500, 1))
    y = numpy.sin(2.0 * numpy.pi * x) + 0.5 * x + rng.normal(scale=0.05, size=x.shape)
    return split("wave", "values", {"x": x, "y": y}, rng)


def _all_palindromes(length: int) -> Array:
    """A row of digits for each: place n of it is a bit of the row's number, the same from either
    end."""
    places = numpy.arange(length)
    numbers = numpy.arange(2 ** ((length + 1) // 2))
    return numbers[:, None] >> numpy.minimum(places, places[::-1]) & 1


def _palindromes(length: int) -> Maker:
    """All binary palindromes: from all digits but the last one, which is to be told.

    Each is there once, so that none of the test or validation part has been seen in training.
    """

    def make(rng: numpy.random.Generator) -> Data:
        whole = _all_palindromes(length)
        arrays = {"x": whole[:, :-1], "y": whole[:, -1]}
        labels = ("0", "1")
        return split(f"palindromes-{length}", "sequences", arrays, rng, classes=2, labels=labels)

    return make


def _pages(rng: numpy.random.Generator) -> Data:
    """The registry's own pages, one after another: Markdown and LaTeX."""
    del rng
    return of_text("pages", "\n".join(registry.source(name).text for name in registry.names()))


BUNDLED: Mapping[str, Maker] = {
    "digits": _digits,
    "iris": _table("iris"),
    "wine": _table("wine"),
    "breast-cancer": _table("breast-cancer"),
    "diabetes": _diabetes,
    "moons": _moons,
    "wave": _wave,
    "palindromes-10": _palindromes(10),
    "palindromes-20": _palindromes(20),
    "pages": _pages,
}
