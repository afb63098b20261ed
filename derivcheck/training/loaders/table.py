"""A table in CSV: a line of names, then one line an example; one column is to be told.

Columns of numbers are standardised. A column of words is one of classes if it is the one to be told
and else becomes a column for each of its words.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import Data, DataError, split, standardised

WORDS = 50
"""So many different words may be in a column; more are names, not kinds."""


def load(path: Path, rng: numpy.random.Generator, column: str | None) -> Data:
    """Raises `DataError` naming line and column."""
    names, rows = _read(path)
    target = column or names[-1]
    if target not in names:
        raise DataError(path, f"it has no column {target!r}, only {', '.join(names)}")
    columns = {name: _column(path, name, n, rows) for n, name in enumerate(names)}
    told = columns.pop(target)
    if not columns:
        raise DataError(path, f"{target} is its only column; there is nothing to tell it from")
    x = numpy.concatenate([_features(path, name, values) for name, values in columns.items()], 1)
    if told.dtype.kind == "f":
        # In units of its own deviation, so that no model has to reach for thousands.
        if not told.std():
            raise DataError(path, f"column {target}: all its values are {told[0]}")
        value = (told - told.mean()) / told.std()
        data = split(path.name, "values", {"x": x, "y": value.reshape(-1, 1)}, rng)
    else:
        labels = _words(path, target, told)
        codes = numpy.array([labels.index(word) for word in told.tolist()], numpy.int64)
        data = split(
            path.name, "classes", {"x": x, "y": codes}, rng, classes=len(labels), labels=labels
        )
    return standardised(data)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in csv.reader(file, strict=True) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"it is no CSV in UTF-8: {error}") from error
    if len(lines) < 3:
        raise DataError(path, f"it has {len(lines)} lines; names and two examples are the least")
    names, rows = [name.strip() for name in lines[0]], lines[1:]
    for n, row in enumerate(rows):
        if len(row) != len(names):
            raise DataError(path, f"line {n + 2} has {len(row)} columns, the first {len(names)}")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(path, f"the column {twice[0]!r} is there twice")
    return names, rows


def _column(path: Path, name: str, place: int, rows: Sequence[Sequence[str]]) -> Array:
    """Float64 if every entry is a number, else words."""
    entries = [row[place].strip() for row in rows]
    for n, entry in enumerate(entries):
        if entry.lower() in ("", "na", "nan", "null", "none"):
            raise DataError(path, f"line {n + 2}, column {name}: there is no value")
    try:
        numbers = numpy.array([float(entry) for entry in entries])
    except ValueError:
        words = [not _is_number(entry) for entry in entries]
        if not all(words):
            odd = words.index(sum(words) < len(words) / 2)
            other = "a word among numbers" if words[odd] else "a number among words"
            raise DataError(
                path, f"line {odd + 2}, column {name}: {entries[odd]!r} is {other}"
            ) from None
        return numpy.array(entries)
    if not numpy.isfinite(numbers).all():
        line = int(numpy.argmin(numpy.isfinite(numbers))) + 2
        raise DataError(path, f"line {line}, column {name}: {entries[line - 2]} is no number")
    return numbers


def _is_number(entry: str) -> bool:
    try:
        float(entry)
    except ValueError:
        return False
    return True


def _words(path: Path, name: str, values: Array) -> tuple[str, ...]:
    words = tuple(sorted({str(word) for word in values.tolist()}))
    if len(words) > WORDS:
        raise DataError(path, f"column {name}: {len(words)} different words are no classes")
    return words


def _features(path: Path, name: str, values: Array) -> Array:
    if values.dtype.kind == "f":
        return values.reshape(-1, 1)
    words = numpy.array(_words(path, name, values))
    return (values[:, None] == words).astype(float)
