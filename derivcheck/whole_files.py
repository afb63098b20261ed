"""Files that are replaced whole or not at all: whoever reads meets the old one or the new one."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A place beside `path` to write to; what is there takes the place of `path` at the end.

    If the block raises, `path` is as it was and nothing is left beside it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write(path: Path, text: str) -> None:
    """Put `text` at `path`, with `\\n` line ends on every platform; raises `OSError`."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")


def expect_room(directory: Path) -> None:
    """Raise the `OSError` that writing into this folder would: to be asked before long work.

    The folder need not be there yet, and is not made.
    """
    there = next(each for each in (directory, *directory.absolute().parents) if each.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))
