"""Outcomes of unchanged pages: kept under the hash of everything that they depend on.

The key covers the page's text and name, the texts of the pages that it uses, the task, the source
of this package, the versions of what it computes with, and the platform. An entry says which key it
belongs to and carries a digest of itself; whatever is not exactly that is computed again. Entries
are JSON, written in one step, and the oldest go when there are too many. Only complete outcomes are
kept: what clock or memory ended may end otherwise next time.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Protocol

from derivcheck import transcript, whole_files
from derivcheck.checked import Checked, Task
from derivcheck.source import Source

FOLDER = "DERIVCHECK_CACHE"
"""The environment variable that names the folder of the cache."""

MEGABYTES = 64
COMPUTES_WITH = ("numpy", "scipy", "jax", "jaxlib", "sympy", "python-flint")
READS_WITH = ("markdown-it-py", "PyYAML")
_ENDING = ".outcome"
_STALE = 3600.0


def folder() -> Path:
    """Where outcomes are kept: `$DERIVCHECK_CACHE`, else the platform's place for caches."""
    if chosen := os.environ.get(FOLDER):
        return Path(chosen)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "derivcheck"
    # A relative path there is to be ignored: XDG Base Directory Specification.
    place = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (place if place.is_absolute() else Path.home() / ".cache") / "derivcheck"


@cache
def environment() -> str:
    """A digest of what outcomes depend on besides pages and tasks: code, libraries, platform."""
    digest = sha256()
    package = Path(__file__).parent
    for module in sorted(package.rglob("*.py")):
        _add(digest, module.relative_to(package).as_posix(), module.read_bytes())
    for distribution in (*COMPUTES_WITH, *READS_WITH):
        try:
            number = version(distribution)
        except PackageNotFoundError:
            number = "none"
        _add(digest, distribution, number)
    _add(digest, platform.python_implementation(), sys.version, platform.platform())
    return digest.hexdigest()


def key(source: Source, task: Task, used: Iterable[Source] = ()) -> str:
    """The name of a page's outcome; `used` are the pages whose results it rests on."""
    digest = sha256()
    _add(digest, environment(), repr(task))
    for page in (source, *used):
        # Of the path only the name tells: what is read, and what generated code is called.
        _add(digest, PurePath(page.path).name, page.text)
    return digest.hexdigest()


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


def _add(digest: _Digest, *parts: str | bytes) -> None:
    """Parts with their lengths, so that no two lists of parts are one text."""
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)


@dataclass(frozen=True)
class Cache:
    """A folder of outcomes, of which at most `megabytes` are kept."""

    directory: Path
    megabytes: float = MEGABYTES

    def get(self, key: str, source: Source) -> Checked | None:
        """The outcome kept under a key, for the page that the key was made of; None if none is."""
        path = self._path(key)
        try:
            heading, _, content = path.read_text(encoding="utf-8").partition("\n")
            if heading != _heading(key, content):
                return None
            found = transcript.loads(content, source)
        except (OSError, ValueError):  # no entry, no text, or no transcript (`Damaged`)
            return None
        with suppress(OSError):  # what is used stays
            os.utime(path)
        return replace(found, cached=True)

    def put(self, key: str, checked: Checked) -> None:
        """Keep an outcome, if it is complete; a folder that cannot be written keeps nothing."""
        if not checked.complete or checked.contradicted:
            return
        content = transcript.dumps(checked)
        with suppress(OSError):
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            whole_files.write(self._path(key), f"{_heading(key, content)}\n{content}")

    def prune(self) -> None:
        """Remove what was not used for longest until the rest fits, and what a crash left."""
        with suppress(OSError):
            entries = [(e, e.stat()) for e in self.directory.iterdir() if _ENDING in e.name]
            newest = max((stat.st_mtime for _, stat in entries), default=0.0)
            room = self.megabytes * 2**20
            for entry, stat in sorted(entries, key=lambda each: -each[1].st_mtime):
                unfinished = entry.name.startswith(".")
                room -= stat.st_size
                if room < 0 or (unfinished and newest - stat.st_mtime > _STALE):
                    entry.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}{_ENDING}"


def _heading(key: str, content: str) -> str:
    """The first line of an entry: the key that it belongs to, and the digest of the rest."""
    return json.dumps({"key": key, "sha256": sha256(content.encode("utf-8")).hexdigest()})
