"""What rests on another page, and whether that page stands: nothing is proved on one that does not.

A page stands if all of it is settled, its gradients are proved in their plain reading, and so on
for the pages that it uses itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from derivcheck.checked import SETTLED, Checked
from derivcheck.derivation import Item
from derivcheck.expression import tensors
from derivcheck.verdict import Judgement, Verdict


def weakness(name: str, page: Checked) -> str:
    """Why nothing can rest on a used page, judged strictly; empty where it stands."""
    stated = (*page.gradients, *page.between)
    judgements = [page.judged[each.item].judgement for each in stated]
    if page.passed and all(j is not None and j.code == Verdict.PROVED.value for j in judgements):
        return ""
    if page.verdict is None or page.verdict in SETTLED:
        return f"not every gradient of {name} is proved"
    return f"{name} is {page.verdict.value}"


def without_theorems(item: Item, weak: Iterable[str]) -> Item:
    """The item, with no theorem of a page that does not stand."""
    refused = set(weak)
    if item.link is None or not refused:
        return item
    readings = tuple(
        replace(
            reading,
            context=replace(
                reading.context,
                theorems=tuple(t for t in reading.context.theorems if t.use.page not in refused),
            ),
        )
        for reading in item.link.readings
    )
    return replace(item, link=replace(item.link, readings=readings))


def weakened(item: Item, judgement: Judgement | None, weak: Mapping[str, str]) -> Judgement | None:
    """The judgement, unless it is a good one and depends on a page with a weakness."""
    if not weak or item.fault is not None:
        return judgement
    if judgement is not None and judgement.verdict not in SETTLED:
        return judgement
    reason = next((weak[name] for name in _pages_in(item) if name in weak), "")
    if not reason:
        return judgement
    return Judgement(
        Verdict.UNDECIDED,
        "used-page",
        f"it rests on another page, and {reason}",
        help="check that page first",
    )


def _pages_in(item: Item) -> Iterable[str]:
    """The pages whose functions stand in an item, in the definitions that it rests on included."""
    if item.uses:
        yield item.uses
    for reading in item.link.readings if item.link is not None else ():
        context = reading.context
        reached = context.foundations(*tensors(reading.left), *tensors(reading.right))
        yield from (use.page for output, use in context.uses.items() if output in reached)
