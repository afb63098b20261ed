"""Judging edited claims: the edited page goes through reader and elaboration, then its one
claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from mutants import Edit, Neighbours

from derivcheck import registry
from derivcheck.checker import read_derivation
from derivcheck.derivation import Derivation, Item, Kind, Reading
from derivcheck.document import Math, Paragraph, read_document
from derivcheck.expression import FOREIGN, Parameter, Tensor
from derivcheck.judging import judge
from derivcheck.latex import parse_math
from derivcheck.source import Source, Span
from derivcheck.syntax import Node
from derivcheck.verdict import Judgement


@dataclass(frozen=True)
class Claim:
    """A claim of a page: its place among the items, and the syntax of its right side."""

    page: str
    source: Source
    derivation: Derivation
    number: int
    side: Node

    @property
    def item(self) -> Item:
        return self.derivation.items[self.number]

    def edited(self, edit: Edit) -> tuple[Item, Derivation]:
        """The same claim on the page after the edit."""
        source = Source(self.source.path, edit.apply(self.source.text))
        derivation = read_derivation(source)
        return derivation.items[self.number], derivation

    def described(self, edit: Edit) -> str:
        line = self.source.position(edit.span.start).line
        return f"{self.page}:{line}: {edit.name}: {edit.text}"


def claims(name: str) -> Iterator[Claim]:
    source = registry.source(name)
    derivation = read_derivation(source)
    sides = _right_sides(source)
    for number, item in enumerate(derivation.items):
        if item.kind is Kind.CLAIM and item.link is not None and item.link.relation == "=":
            yield Claim(name, source, derivation, number, sides[item.span])


def _right_sides(source: Source) -> dict[Span, Node]:
    found: dict[Span, Node] = {}
    for block in read_document(source).blocks:
        for part in block.parts if isinstance(block, Paragraph) else ():
            if isinstance(part, Math):
                for statement in parse_math(part.latex, part.span.start):
                    found.update({side.span: side for side in statement.sides[1:]})
    return found


def neighbours(claim: Claim) -> Neighbours:
    """Symbols of one shape that are known where the claim stands may be mistaken for each other.

    So may any extent.
    """
    derivation, link = claim.derivation, claim.item.link
    assert link is not None
    context = link.readings[0].context if link.readings else derivation.context
    named = (tensor for tensor in context.definitions if not tensor.scope.startswith(FOREIGN))
    known: list[Tensor] = [*derivation.inputs, *named, *derivation.cotangents.values()]
    symbols = {
        tensor.name: tuple(
            other.name for other in known if other != tensor and other.extents == tensor.extents
        )
        for tensor in known
        if tensor.rank
    }
    extents = {
        atom.name: None
        for tensor in known
        for extent in tensor.extents
        if isinstance(atom := extent.atom, Parameter)
    }
    return Neighbours(symbols, tuple(extents))


def judgement(item: Item, derivation: Derivation) -> Judgement | None:
    """The judgement of a claim; None where the edit made it something else than a claim."""
    if item.kind is not Kind.CLAIM or item.link is None:
        return None
    return judge(item.link, seed=0, definitions=derivation.extents).judgement


def judged_reading(item: Item, found: Judgement) -> Reading | None:
    """The reading under which a claim was acquitted, else the plain one."""
    if item.link is None or not item.link.readings:
        return None
    named = (r for r in item.link.readings if found.reading and r.note == found.reading)
    return next(named, item.link.readings[0])


@dataclass
class Tally:
    """Verdicts by what the oracle says; `broken` are the edits that break a promise."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    broken: list[str] = field(default_factory=list[str])
    open: list[str] = field(default_factory=list[str])

    def lines(self) -> list[str]:
        return [f"{what:28} {verdict:12} {n}" for (what, verdict), n in sorted(self.counts.items())]
