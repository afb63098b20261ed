"""The registered names in groups, a line on each: what `derivcheck list` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from derivcheck.registry import Summary, group_order

_LEAST = 20
"""Cells of a sentence below which a cut one says nothing; a narrower terminal wraps instead."""


def groups(summaries: Iterable[Summary]) -> Iterator[tuple[str, list[Summary]]]:
    """Pages under their first tag, in the order of `registry.GROUPS`; other tags come after."""
    pages = sorted(summaries, key=lambda each: (group_order(each.group), each.name))
    for group, found in groupby(pages, key=lambda each: each.group):
        yield group, list(found)


def lines(summaries: Iterable[Summary], width: int | None) -> Iterator[tuple[str, bool]]:
    """Each line with whether it is a heading; cut to `width` cells, or whole for None."""
    for place, (group, pages) in enumerate(groups(summaries)):
        if place:
            yield "", False
        yield group, True
        column = max(len(each.name) for each in pages)
        for each in pages:
            start = f"  {each.name:<{column}}  "
            yield start + _cut(each.sentence or each.title, width, len(start)), False


def _cut(text: str, width: int | None, used: int) -> str:
    room = len(text) if width is None else max(width - used, _LEAST)
    if len(text) <= room:
        return text
    return text[: room - 1].rsplit(" ", 1)[0].rstrip(",;: ") + "…"
