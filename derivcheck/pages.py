"""The pages that somebody names on a command line: files, folders, standard input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from derivcheck import registry
from derivcheck.diagnostic import DocumentError
from derivcheck.document import load_source
from derivcheck.source import Source

STANDARD_INPUT = Path("-")


def pages_of(path: Path) -> Sequence[Path]:
    """The path itself, or the pages under a folder, hidden folders left out."""
    if not path.is_dir():
        return (path,)
    return sorted(
        page
        for page in path.rglob("*.md")
        if not any(part.startswith(".") for part in page.relative_to(path).parts)
        and not page.is_dir()
    )


def loaded(path: Path) -> Source:
    """The text of a page, `-` being standard input; raises `diagnostic.DocumentError`."""
    if path == STANDARD_INPUT:
        return _standard_input()
    try:
        return load_source(path)
    except DocumentError as error:
        if path.exists() or str(path) not in registry.names():
            raise
        help = f"`derivcheck run {path}` judges the registered derivation of that name"
        raise DocumentError(error.source, replace(error.diagnostic, help=help)) from None


def _standard_input() -> Source:
    """Standard input as a page, read by way of a file, so that its faults are those of any page."""
    with TemporaryDirectory() as folder:
        page = Path(folder, "page.md")
        page.write_bytes(sys.stdin.buffer.read())
        try:
            return replace(load_source(page), path="<stdin>")
        except DocumentError as error:
            source = replace(error.source, path="<stdin>")
            raise DocumentError(source, error.diagnostic) from None
