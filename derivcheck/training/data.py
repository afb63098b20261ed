"""Data to train on: what is bundled with scikit-learn, what is generated here, and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy

from derivcheck.training.arrays import Array

Part = Mapping[str, Array]

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
"""Of what is not for testing."""

FEWEST = 3
"""Examples that make one for each part."""

TEXT_TEST_SHARE = 0.1
TEXT_VALIDATION_SHARE = 0.05
"""Of what is not for testing; a text is one long example, and every character of it counts."""


class Unsuitable(ValueError):
    """Data that are not there, or that a model is not for."""


class DataError(ValueError):
    """A file that cannot be used: which, what was seen there, and what was needed."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path


@dataclass(frozen=True)
class Data:
    """Examples in three parts.

    Steps are taken on `train`. `validation` decides when a run ends and which position is its best
    one. `test` is for the figure that is reported: nothing is chosen by it.

    `kind` is what is in them: `classes` (x of any shape, y a class), `values` (x and y numbers),
    `sequences` (x a class for each place in time, y a class), `text` (x alone, one long row with
    a class for each character). Numbers are float64 (float32 if they were bytes), classes int64;
    the loop rounds them to its precision. `left_out` counts the rows of a table that were dropped.
    """

    name: str
    kind: str
    train: Part
    validation: Part
    test: Part
    classes: int = 0
    labels: tuple[str, ...] = ()
    left_out: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """That of one example's x."""
        return tuple(self.train["x"].shape[1:])

    @property
    def features(self) -> int:
        """The entries of one example's x."""
        return int(numpy.prod(self.shape))


def divided(
    arrays: Part, rng: numpy.random.Generator, share: float = TEST_SHARE
) -> tuple[Part, Part]:
    """A random share of the examples, at least one, is the second part; the rest the first."""
    count = len(arrays["x"])
    order = rng.permutation(count)
    cut = count - max(round(share * count), 1)
    return (
        {name: values[order[:cut]] for name, values in arrays.items()},
        {name: values[order[cut:]] for name, values in arrays.items()},
    )


def held_out(train: Part, rng: numpy.random.Generator) -> tuple[Part, Part]:
    """What is left for training, and the validation part."""
    return divided(train, rng, VALIDATION_SHARE)


def split(
    name: str,
    kind: str,
    arrays: Part,
    rng: numpy.random.Generator,
    *,
    classes: int = 0,
    labels: tuple[str, ...] = (),
) -> Data:
    """A random fifth becomes the test part, a tenth of the rest the validation part."""
    rest, test = divided(arrays, rng)
    return Data(name, kind, *held_out(rest, rng), test, classes, labels)


def of_text(name: str, text: str) -> Data:
    """A text by characters: its last tenth for testing, a stretch before it for validation."""
    alphabet = "".join(sorted(set(text)))
    places = {character: n for n, character in enumerate(alphabet)}
    codes = numpy.array([places[character] for character in text], numpy.int64)
    last = len(codes) - int(len(codes) * TEXT_TEST_SHARE)
    first = last - int(last * TEXT_VALIDATION_SHARE)
    train, validation, test = ({"x": part} for part in numpy.split(codes, [first, last]))
    return Data(name, "text", train, validation, test, len(alphabet), tuple(alphabet))


def standardised(data: Data) -> Data:
    """Columns of features, and values that are told, with mean 0 and variance 1 over the training
    part; constant ones become 0. Images stay as they are."""
    wanted = {"x": data.train["x"].ndim == 2, "y": data.kind == "values"}
    moments = {name: _moments(data.train[name]) for name, is_one in wanted.items() if is_one}

    def of(part: Part) -> Part:
        scaled = {name: (part[name] - mean) / scale for name, (mean, scale) in moments.items()}
        return {**part, **scaled}

    return replace(data, train=of(data.train), validation=of(data.validation), test=of(data.test))


def _moments(values: Array) -> tuple[Array, Array]:
    """Mean and deviation of each column, 1 in place of a deviation of 0."""
    deviation = values.std(axis=0)
    return values.mean(axis=0), numpy.where(deviation > 0, deviation, 1.0)
