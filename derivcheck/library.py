"""The pages that a page uses: found beside it, read once each, never run."""

from __future__ import annotations

from pathlib import PurePath

from derivcheck.derivation import Derivation, UsedPage
from derivcheck.diagnostic import DocumentError
from derivcheck.document import load_source, read_document
from derivcheck.elaboration import PageNotUsable, Pages, Same, elaborate
from derivcheck.links import beside
from derivcheck.source import Source


class Library:
    """Reads a page and what it uses; a page that uses itself, however far around, is a fault."""

    def __init__(self, same: Same) -> None:
        self._same = same
        self._open: list[str] = []
        self._read: dict[str, UsedPage] = {}

    def read(self, source: Source) -> Derivation:
        """What a page says; raises `DocumentError` if it cannot be read at all."""
        self._open.append(source.path)
        try:
            name = PurePath(source.path).stem
            return elaborate(read_document(source), name, self._same, self._beside(source))
        finally:
            self._open.pop()

    def _beside(self, source: Source) -> Pages:
        def page(name: str) -> UsedPage:
            path = beside(source, name)
            if path is None:
                raise _missing(name)
            if path in self._open:
                around = " uses ".join(PurePath(each).stem for each in (*self._open, path))
                raise PageNotUsable(
                    "circular-use", f"pages use each other: {around}", "write the formulas out"
                )
            if path not in self._read:
                try:
                    used = load_source(path)
                    self._read[path] = UsedPage(used, self.read(used))
                except DocumentError as error:
                    if error.diagnostic.code == "unreadable":
                        raise _missing(name) from None
                    reason = f"{name}.md cannot be read: {error.diagnostic.message}"
                    raise PageNotUsable("no-page", reason, "see what check says of it") from None
            return self._read[path]

        return page


def _missing(name: str) -> PageNotUsable:
    return PageNotUsable(
        "no-page", f"there is no page {name}.md beside this one", "link to a page beside it"
    )
