"""Plain text in UTF-8, by characters."""

from __future__ import annotations

from pathlib import Path

from derivcheck.training.data import Data, DataError, of_text

SHORTEST = 2000
"""Characters; of fewer what is held out says nothing."""


def load(path: Path) -> Data:
    """Raises `DataError`."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, f"it is no text in UTF-8: byte {error.start}") from error
    if "\0" in text:
        raise DataError(path, f"it is no text: byte 0 at character {text.index(chr(0))}")
    if len(text) < SHORTEST:
        raise DataError(path, f"it has {len(text)} characters; {SHORTEST} are the least")
    return of_text(path.name, text)
