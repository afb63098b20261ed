"""A table in CSV: a line of names, then one line an example; one column is to be told.

Columns of numbers are standardised. A column of words is one of classes if it is the one to be told
and else becomes a column for each of its words.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.data import FEWEST, Data, DataError, split, standardised

NO_VALUE = ("", "na", "n/a", "nan", "null", "none")
"""What a table says where a value is missing, in small letters."""

WORDS = 50
"""So many different words may be in a column; more are names, not kinds."""


def load(
    path: Path, rng: numpy.random.Generator, column: str | None, drop_incomplete: bool
) -> Data:
    """Rows in which a value is missing are left out if that is asked for; else they are an error.

    Raises `DataError` naming line and column.
    """
    names, rows = _read(path)
    everything = len(rows)
    rows = _whole(path, names, rows, drop_incomplete)
    target = column or names[-1]
    if target not in names:
        raise DataError(path, f"it has no column {target!r}, only {', '.join(names)}")
    columns = {name: _column(path, name, n, rows) for n, name in enumerate(names)}
    told = columns.pop(target)
    if not columns:
        raise DataError(path, f"{target} is its only column; there is nothing to tell it from")
    x = numpy.concatenate([_features(path, name, values) for name, values in columns.items()], 1)
    if told.dtype.kind == "f":
        if not told.std():
            raise DataError(path, f"column {target}: all its values are {told[0]}")
        data = split(path.name, "values", {"x": x, "y": told.reshape(-1, 1)}, rng)
    else:
        labels = _words(path, target, told)
        codes = numpy.array([labels.index(word) for word in told.tolist()], numpy.int64)
        data = split(
            path.name, "classes", {"x": x, "y": codes}, rng, classes=len(labels), labels=labels
        )
    return replace(standardised(data), left_out=everything - len(rows))


@dataclass(frozen=True)
class _Row:
    line: int
    entries: Sequence[str]


def _read(path: Path) -> tuple[list[str], list[_Row]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [_Row(reader.line_num, entries) for entries in reader if entries]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(path, f"it is no CSV in UTF-8: {error}") from error
    if len(lines) <= FEWEST:
        least = f"names and {FEWEST} examples are the least"
        raise DataError(path, f"it has {len(lines)} lines; {least}")
    names, rows = [name.strip() for name in lines[0].entries], lines[1:]
    for row in rows:
        if len(row.entries) != len(names):
            seen = f"line {row.line} has {len(row.entries)} columns"
            raise DataError(path, f"{seen}, the first {len(names)}")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(path, f"the column {twice[0]!r} is there twice")
    return names, rows


def _whole(
    path: Path, names: Sequence[str], rows: Sequence[_Row], drop_incomplete: bool
) -> Sequence[_Row]:
    """The rows in which nothing is missing."""
    missing = [[entry.strip().lower() in NO_VALUE for entry in row.entries] for row in rows]
    holes = [n for n, row in enumerate(missing) if any(row)]
    if not holes:
        return rows
    if not drop_incomplete:
        first = holes[0]
        place = f"line {rows[first].line}, column {names[missing[first].index(True)]}"
        many = f"; {len(holes)} of {len(rows)} rows are incomplete" if len(holes) > 1 else ""
        remedy = "--drop-incomplete leaves out such rows"
        raise DataError(path, f"{place}: there is no value{many}; {remedy}")
    whole = [row for row, holey in zip(rows, missing, strict=True) if not any(holey)]
    if len(whole) < FEWEST:
        seen = f"{len(whole)} of {len(rows)} rows are complete"
        raise DataError(path, f"{seen}; {FEWEST} are the least")
    return whole


def _column(path: Path, name: str, place: int, rows: Sequence[_Row]) -> Array:
    """Float64 if every entry is a number, else words."""
    entries = [row.entries[place].strip() for row in rows]
    try:
        numbers = numpy.array([float(entry) for entry in entries])
    except ValueError:
        words = [not _is_number(entry) for entry in entries]
        if not all(words):
            odd = words.index(sum(words) < len(words) / 2)
            other = "a word among numbers" if words[odd] else "a number among words"
            raise DataError(
                path, f"line {rows[odd].line}, column {name}: {entries[odd]!r} is {other}"
            ) from None
        return numpy.array(entries)
    if not numpy.isfinite(numbers).all():
        odd = int(numpy.argmin(numpy.isfinite(numbers)))
        seen = f"line {rows[odd].line}, column {name}: {entries[odd]}"
        raise DataError(path, f"{seen} is no number")
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
