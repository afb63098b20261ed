"""The pages that stand beside a page and that it links to, by text alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from derivcheck.diagnostic import DocumentError
from derivcheck.document import load_source
from derivcheck.source import Source

_NAME = re.compile(r"[\w-]+")
_LINK = re.compile(r"\]\((?:\./)?([\w-]+)\.md\)")


def beside(source: Source, name: str) -> str | None:
    """The path of the page of this name in the folder of a page.

    None for what is no name of a page there, and for a text that is no file.
    """
    if source.path.startswith("<") or not _NAME.fullmatch(name):
        return None
    return str(PurePath(source.path).parent / f"{name}.md")


def linked(source: Source) -> Iterator[Source]:
    """The pages that a page links to, and so may use, and those that they link to, each once.

    Whatever a judgement of the page rests on is among them.
    """
    pending, seen = [source], {source.path}
    while pending:
        page = pending.pop()
        for name in dict.fromkeys(_LINK.findall(page.text)):
            path = beside(page, name)
            if path is None or path in seen:
                continue
            seen.add(path)
            try:
                found = load_source(path)
            except DocumentError:
                continue
            pending.append(found)
            yield found
