"""Data to train on: what is bundled with scikit-learn, what is generated here, and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy

from derivcheck.training.arrays import Array

TEST_SHARE = 0.2


class Unsuitable(ValueError):
    """Data that are not there, or that a model is not for."""


class DataError(ValueError):
    """A file that cannot be used: which, what was seen there, and what was needed."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path


@dataclass(frozen=True)
class Data:
    """Examples in two parts.

    `kind` is what is in them: `classes` (x of any shape, y a class), `values` (x and y numbers),
    `sequences` (x a class for each place in time, y a class), `text` (x alone, one long row with
    a class for each character). Numbers are float64 (float32 if they were bytes), classes int64;
    the loop rounds them to its precision.
    """

    name: str
    kind: str
    train: Mapping[str, Array]
    test: Mapping[str, Array]
    classes: int = 0
    labels: tuple[str, ...] = ()
    notes: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one example's x."""
        return tuple(self.train["x"].shape[1:])

    @property
    def features(self) -> int:
        """The entries of one example's x."""
        return int(numpy.prod(self.shape))


def divided(count: int, rng: numpy.random.Generator) -> tuple[Array, Array]:
    """Which of so many examples are for training and which for testing: a random fifth."""
    order = rng.permutation(count)
    cut = count - round(TEST_SHARE * count)
    return order[:cut], order[cut:]


def split(
    name: str,
    kind: str,
    arrays: Mapping[str, Array],
    rng: numpy.random.Generator,
    *,
    classes: int = 0,
    labels: tuple[str, ...] = (),
) -> Data:
    """A random fifth becomes the test part."""
    first, last = divided(len(arrays["x"]), rng)
    return Data(
        name,
        kind,
        {key: value[first] for key, value in arrays.items()},
        {key: value[last] for key, value in arrays.items()},
        classes,
        labels,
    )


def of_text(name: str, text: str) -> Data:
    """A text by characters, the last tenth of it for testing."""
    alphabet = "".join(sorted(set(text)))
    places = {character: n for n, character in enumerate(alphabet)}
    codes = numpy.array([places[character] for character in text], numpy.int64)
    cut = len(codes) - len(codes) // 10
    return Data(
        name, "text", {"x": codes[:cut]}, {"x": codes[cut:]}, len(alphabet), tuple(alphabet)
    )


def standardised(data: Data) -> Data:
    """Every feature with mean 0 and variance 1 over the training part; constant ones become 0."""
    mean, deviation = data.train["x"].mean(axis=0), data.train["x"].std(axis=0)
    scale = numpy.where(deviation > 0, deviation, 1.0)

    def of(part: Mapping[str, Array]) -> Mapping[str, Array]:
        return {**part, "x": (part["x"] - mean) / scale}

    return Data(data.name, data.kind, of(data.train), of(data.test), data.classes, data.labels)
