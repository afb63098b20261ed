"""Symbols that prose calls matrices or vectors: “for matrices $A$ and $B$”, “$x$ is a vector”."""

from __future__ import annotations

import re
from collections.abc import Iterable

from derivcheck.elaboration.names import alone_in_prose, around
from derivcheck.source import Source
from derivcheck.syntax import Statement

_NOUN = r"(?:matri(?:x|ces)|vectors?)"
_LISTED = r"(?:\$[^$]{1,40}\$\s*(?:,\s*(?:and\s+)?|and\s+))*"
_BEFORE = re.compile(rf"\b{_NOUN}\s+{_LISTED}\$?$", re.IGNORECASE)
_AFTER = re.compile(
    rf"\$?\s*(?:(?:,|and)\s*\$[^$]{{1,40}}\$\s*)*(?:is|are|be|denotes?)\s+(?:an?\s+|the\s+)?"
    rf"(?:(?:\$[^$]{{1,40}}\$|[\w-]+)\s+){{0,2}}{_NOUN}\b",
    re.IGNORECASE,
)


def called_arrays(statements: Iterable[Statement], source: Source) -> set[str]:
    """The names of the symbols that stand alone in prose and are called so."""
    found: set[str] = set()
    for statement in statements:
        name = alone_in_prose(statement)
        before, after = around(statement.span, source)
        if name is not None and (_BEFORE.search(before) or _AFTER.match(after)):
            found.add(name)
    return found
