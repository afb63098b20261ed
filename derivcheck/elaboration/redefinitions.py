"""A second equation for a name: a claim about the first, or a definition that takes its place.

“$f(x) = x^2$ … For cubes $f(x) = x^3$, so $f'(x) = 3x^2$.” Inside a section the second is a claim
by the rules of a page, unless it says itself that it is none: by “let”, or with other arguments.
Where it may be either, it and what follows are judged under both meanings, and convicted if both
fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from derivcheck import syntax
from derivcheck.derivation import Derivation, Item, Reading
from derivcheck.elaboration.functions import items_of
from derivcheck.elaboration.left_sides import left_side
from derivcheck.elaboration.names import declared_name, label, looks_like_gradient, nodes
from derivcheck.elaboration.scope import FunctionMeaning, TensorMeaning
from derivcheck.elaboration.state import PageState, Same
from derivcheck.expression import Derivative, Tensor, tensors, walk
from derivcheck.source import Source, Span
from derivcheck.syntax import Node

_MOST = 12
_FOLLOWING = 6
"""How many claims behind a second equation tell which of the two it is."""

_LET = re.compile(
    r"\b(?:let|define|denote|consider|take|suppose|choose|set)"
    r"(?:\s+(?:now|instead|us|the|an?|another|function|loss|map|case|example|of|where))*"
    r"(?:\s*\$\s*(?:,\s*and|,|and))*[\s:]*$",
    re.IGNORECASE,
)
_REWRITES = re.compile(
    r"\b(?:expand\w*|rewrit\w*|re-express\w*|simplif\w*|equivalent\w*|equals?|reduces?"
    r"|in other words|that is|i\.\s?e\.|can be written)(?![\w-])[^.;]*$",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\b(?:so|hence|thus|therefore|then|becomes?|follows?|yields?|gives|obtain|indeed)\b[^.;]*$",
    re.IGNORECASE,
)

_END = re.compile(r"\$|\\[\])]|\n[ \t]*\n|\\end\{(?:equation|align|gather|multline)")


@dataclass(frozen=True)
class Again:
    """A name for which there is a second equation, at this place.

    `free`: nothing but the rule of the page makes it a claim. `alias`: it defines `f_c`, which may
    be called f as well.
    """

    name: str
    span: Span
    free: bool = False
    alias: bool = False


Read: TypeAlias = Callable[[Collection[Span]], tuple[Derivation, Sequence[Again]]]
"""Reads the page; the equations at these places define anew."""


def judged_both_ways(read: Read, same: Same, source: Source) -> Derivation:
    """The page, with a further reading wherever a second equation may define anew."""
    plain, found = read(())
    before, anew = plain, list[Again]()
    first = {item.whole: item for item in plain.items}
    items = dict(first)
    tried: set[Span] = set()
    while len(tried) < _MOST and (again := next((a for a in found if a.span not in tried), None)):
        tried.add(again.span)
        if not again.alias and _holds(_own(before, again), same):
            continue
        after, then = read([each.span for each in (*anew, again)])
        stop = next((a for a in then if a.span.start > again.span.start), None)
        old, new = _behind(before, again, stop), _behind(after, again, stop)
        if not _may_define(again, old, new, same):
            continue
        anew.append(again)
        before, found = after, then
        if not again.alias:
            own = _own(plain, again)
            items[own.whole] = _either(items[own.whole], again, source)
        # Up to the next such equation this is the last meaning; behind that, another one may be.
        for whole, item in _behind(after, again, None).items():
            if whole in items:
                items[whole] = _further(first[whole], item, anew, source)
    return replace(plain, items=tuple(items[item.whole] for item in plain.items))


def _own(page: Derivation, again: Again) -> Item:
    return next(item for item in page.items if item.whole.start == again.span.start)


def _behind(page: Derivation, again: Again, stop: Again | None) -> dict[Span, Item]:
    """The claims behind a second equation, up to where another one stands."""
    return {
        item.whole: item
        for item in page.items
        if item.whole.start > again.span.start
        and item.link is not None
        and (stop is None or item.whole.start < stop.span.start)
    }


def _may_define(again: Again, old: dict[Span, Item], new: dict[Span, Item], same: Same) -> bool:
    """Whether what follows lets it define: it holds then, or at least not otherwise."""
    asks = denies = False
    for whole in [whole for whole in old if whole in new][:_FOLLOWING]:
        holds = _holds(old[whole], same), _holds(new[whole], same)
        asks |= holds == (False, True)
        denies |= holds == (True, False)
    return asks or (again.free and not denies)


def _holds(item: Item, same: Same) -> bool:
    link = item.link
    if link is None or link.relation != "=" or not link.readings:
        return False
    reading = link.readings[0]
    return same(reading.left, reading.right, reading.context)


def _either(item: Item, again: Again, source: Source) -> Item:
    """The second equation itself: it cannot fail where it defines, and proves nothing."""
    link = item.link
    if link is None or not link.readings:
        return item
    reading = link.readings[0]
    note = f"{again.name} is defined anew here"
    anew = replace(reading, left=reading.right, note=note, caution=True, acquits=False)
    return replace(item, link=replace(link, readings=(*link.readings, anew)))


def _further(item: Item, after: Item, anew: Sequence[Again], source: Source) -> Item:
    """A claim with its reading under the last meaning before it, if that is another."""
    link, other = item.link, after.link
    if link is None or other is None or not link.readings or not other.readings:
        return item
    reading = other.readings[0]
    if not _differs(link.readings[0], reading):
        return item
    lines = {
        each.name: source.position(each.span.start).line
        for each in anew
        if each.span.start < item.whole.start
    }
    said = [f"{name} is what line {line} says" for name, line in lines.items()]
    note = "; ".join(filter(None, (reading.note, *said)))
    reading = replace(reading, note=note, caution=True)
    return replace(item, link=replace(link, readings=(*link.readings, reading)))


def _differs(one: Reading, other: Reading) -> bool:
    if (one.left, one.right) != (other.left, other.right):
        return True
    reached = [r.context.foundations(*tensors(r.left), *tensors(r.right)) for r in (one, other)]
    return reached[0] != reached[1]


# --- what is a second equation? ------------------------------------------------------------------


class Redefinitions:
    """Finds second equations while a page is read; those at the places of `anew` define."""

    def __init__(self, page: PageState, anew: Collection[Span]) -> None:
        self.page = page
        self.anew = anew
        self.found: list[Again] = []

    def before(self, left: Node, right: Node, sentence: str, items: Sequence[Item]) -> None:
        """Before an equation is read; `items` were read before it."""
        name = self._second(left, right)
        if name is None:
            return
        span = left.span | right.span
        if span in self.anew or _LET.search(sentence) or self._has_other_arguments(name, left):
            self.page.renew(name)
        elif not _REWRITES.search(sentence):
            bracketed = isinstance(left, syntax.Multiplication)
            if not bracketed and not self._stands_apart(name, span):
                return
            concludes = _CONCLUDES.search(sentence) or self._adjoins(left, items)
            self.found.append(Again(name, span, free=bracketed and not concludes))

    def after(self, left: Node, right: Node) -> None:
        """After it was read: `f_c(x) = c + x` may call this f as well."""
        match left:
            case syntax.Multiplication((syntax.Scripted(syntax.Symbol(name)) as head, _), ("",)):
                of = self.page.labelled_function(head)
            case _:
                return
        known = self.page.scope.lookup(of) if of is not None else None
        if known is None or not self._is_defined_here(name):
            return
        span = left.span | right.span
        if span in self.anew:
            self.page.renew(name)
            self.page.scope.add(name, known.meaning, span, defined=True)
        else:
            self.found.append(Again(name, span, alias=True))

    def _is_defined_here(self, name: str) -> bool:
        known = self.page.scope.lookup(name)
        return known is not None and known.defined and known.section == self.page.scope.section

    def _second(self, left: Node, right: Node) -> str | None:
        """The name that an equation would define, if that has a formula here."""
        parsed = left_side(self.page, left, explicit=False)
        if parsed is None or not self._is_defined_here(parsed.name):
            return None
        known = self.page.scope.lookup(parsed.name)
        match known.meaning if known is not None else None:
            case FunctionMeaning():
                pass
            case TensorMeaning(tensor) if (
                not self._is_gradient(tensor)
                and tensor not in self.page.context.recurrent
                and len(set(map(label, parsed.subscripts))) in (0, tensor.rank)
                and all(isinstance(item, syntax.Symbol) for item in parsed.subscripts)
            ):
                pass
            case _:
                return None
        return None if parsed.name in map(declared_name, nodes(right)) else parsed.name

    def _is_gradient(self, tensor: Tensor) -> bool:
        """Whether it stands for a derivative, of which a page says again what it is."""
        definition = self.page.context.definitions.get(tensor)
        return (
            definition is None
            or looks_like_gradient(tensor.name)
            or any(isinstance(node, Derivative) for node in walk(definition.body))
        )

    def _has_other_arguments(self, name: str, left: Node) -> bool:
        match left:
            case syntax.Multiplication((_, syntax.Group("(", _, arguments)), ("",)):
                written = items_of(arguments)
            case _:
                return False
        known = self.page.scope.lookup(name)
        if known is not None and isinstance(known.meaning, FunctionMeaning):
            return len(written) > 1
        before = self.page.arguments.get(name)
        if before is None:
            return False
        return len(written) != len(items_of(before))

    def _stands_apart(self, name: str, span: Span) -> bool:
        """Whether the formula in which the name got its meaning ends before this one."""
        known = self.page.scope.lookup(name)
        start = known.span.end if known is not None else 0
        return _END.search(self.page.source.text[start : span.start]) is not None

    def _adjoins(self, left: Node, items: Sequence[Item]) -> bool:
        """Whether the line before it, in the same display, says what the same name is."""
        if not items:
            return False
        source, last = self.page.source, items[-1]
        between = source.text[last.whole.end : left.span.start]
        same = source.slice(last.whole).startswith(source.slice(left.span))
        return same and re.fullmatch(r"[\s&\\.,;]*", between) is not None
