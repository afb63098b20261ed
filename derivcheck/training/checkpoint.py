"""A run on disk: one .npz file, replaced as a whole or not at all.

Arrays are entries of the archive, everything else is JSON in one more. Nothing is pickled, neither
way.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy

from derivcheck.training.arrays import Array
from derivcheck.whole_files import replacing

_TEXT = "run"
_FORMAT = 1
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile)


class CheckpointError(ValueError):
    """A checkpoint that cannot be used: the file and what is wrong with it."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")


@dataclass(frozen=True)
class Checkpoint:
    """`identity` says which run it is and has to be equal to continue it; `facts` is what else JSON
    holds; `arrays` are by names of their own."""

    identity: Mapping[str, Any]
    facts: Mapping[str, Any]
    arrays: Mapping[str, Array]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write beside the old file, then take its place; a kill at any moment leaves one of the two.

    Raises `OSError`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(
        {"format": _FORMAT, "identity": checkpoint.identity, "facts": checkpoint.facts}
    )
    entries = {_TEXT: numpy.frombuffer(text.encode(), numpy.uint8), **checkpoint.arrays}
    with replacing(path) as beside, beside.open("wb") as file:
        numpy.savez(file, allow_pickle=False, **entries)
        file.flush()
        os.fsync(file.fileno())


def load(path: Path) -> Checkpoint:
    """What `save` wrote; raises `CheckpointError`."""
    try:
        if path.is_file() and not zipfile.is_zipfile(path):
            raise CheckpointError(path, "this is no checkpoint of derivcheck: no .npz archive")
        with numpy.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        text = json.loads(arrays.pop(_TEXT).tobytes())
        if text["format"] != _FORMAT:
            raise CheckpointError(path, f"its format is {text['format']}, not {_FORMAT}")
        return Checkpoint(text["identity"], text["facts"], arrays)
    except FileNotFoundError:
        raise CheckpointError(path, "there is no such file to resume from") from None
    except CheckpointError:
        raise
    except _UNREADABLE as error:
        raise CheckpointError(path, f"this is no checkpoint of derivcheck: {error}") from error


def set_aside(path: Path) -> Path:
    """Give the file the first name of its kind that is free: `run.npz` becomes `run-1.npz`.

    Raises `OSError`.
    """
    names = (path.with_name(f"{path.stem}-{n}{path.suffix}") for n in count(1))
    free = next(name for name in names if not name.exists())
    path.rename(free)
    return free


def check_identity(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise `CheckpointError` naming the first thing in which the runs are different."""
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name) != wanted.get(name):
            raise CheckpointError(
                path, f"it was written with {name} = {found.get(name)}, not {wanted.get(name)}"
            )
