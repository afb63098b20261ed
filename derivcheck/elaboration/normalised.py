"""Arrays that prose says to be one-hot or to sum to one, without reserve: hypotheses from there on.

Only of an array that no equation defines; of a defined one it is a claim. Of more than a vector it
has to be said of the rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from derivcheck.elaboration.names import around, array_name, is_constant
from derivcheck.elaboration.properties import phrases, spoken_of
from derivcheck.elaboration.scope import TensorMeaning
from derivcheck.elaboration.state import PageState
from derivcheck.expression import (
    ONE,
    Affine,
    Domain,
    Entry,
    Hypothesis,
    Index,
    Sum,
    Tensor,
    fresh,
)
from derivcheck.source import Source, Span
from derivcheck.syntax import Statement

_ONE_HOT = phrases(r"one-hot(?:[\s-]encod(?:ed|ings?))?")
_SUMS_TO_ONE = phrases(
    r"(?:sums?\s+(?:up\s+)?to\s+(?:\$?1\$?|one)"
    r"|(?<=is\s|re\s|\sa\s)(?:probability\s+)?distributions?)"
)
_IN_DOUBT = re.compile(
    r"\b(?:if|when(?:ever)?|unless|cases?|suppos\w*|now|e\.g|examples?|special|often|usually|typically"
    r"|may|might|can|could|would|or|not|no|never|general\w*|except|but|columns?"
    r"|for\s+(?:an?\s+|the\s+)?one-hot)\b",
    re.IGNORECASE,
)
_SOFT = re.compile(r"\bsoft[\s-]+(?:labels?|targets?)|\blabel[\s-]+smooth", re.IGNORECASE)
_ROWS = re.compile(r"\brows?\b", re.IGNORECASE)
_ENDS = re.compile(r"[.!?;]\s|\n\s*\n")
_LONGEST = 600

_ZERO_OR_ONE = Domain(values=(Fraction(0), Fraction(1)), declared=True)


@dataclass(frozen=True)
class _Said:
    name: str
    one_hot: bool
    of_rows: bool


class Normalised:
    """What a page says of this kind, and of which arrays it has not spoken yet."""

    def __init__(self, statements: Iterable[Statement], source: Source) -> None:
        every = tuple(statements)
        defined = {
            array_name(each.sides[0])
            for each in every
            if each.equates and not is_constant(each.sides[1])
        }
        self._said: dict[Span, list[_Said]] = {}
        if _SOFT.search(source.text) is None:
            for statement in every:
                found = [each for each in _said(statement, source) if each.name not in defined]
                self._said[statement.span] = found
        self._waiting: list[_Said] = []

    def hear(self, page: PageState, place: Span) -> None:
        """Suppose what is said at this place, or was said of an array that is met only now."""
        self._waiting.extend(self._said.get(place, ()))
        for each in list(self._waiting):
            known = page.scope.lookup(each.name)
            if known is not None:
                self._waiting.remove(each)
                if isinstance(known.meaning, TensorMeaning):
                    _suppose(page, known.meaning, each, known.span)


def _said(statement: Statement, source: Source) -> Iterator[_Said]:
    names = spoken_of(statement)
    if not names:
        return
    before, after = around(statement.span, source)
    for (left, right), one_hot in ((_ONE_HOT, True), (_SUMS_TO_ONE, False)):
        if left.search(before) or right.match(after):
            sentence = _sentence(statement.span, source)
            if _IN_DOUBT.search(sentence) is None:
                rows = _ROWS.search(sentence) is not None
                yield from (_Said(name, one_hot, rows) for name in names)
                return


def _sentence(span: Span, source: Source) -> str:
    """The words of the sentence around a place, if it is no longer than sentences are."""
    before = source.text[max(span.start - _LONGEST, 0) : span.start]
    after = source.text[span.end : span.end + _LONGEST]
    return _ENDS.split(before)[-1] + source.slice(span) + _ENDS.split(after, maxsplit=1)[0]


def _suppose(page: PageState, meaning: TensorMeaning, said: _Said, span: Span) -> None:
    tensor = meaning.tensor
    if not tensor.rank or (tensor.rank > 1 and not said.of_rows):
        return
    page.qualified.discard(said.name)
    if said.one_hot:
        suppose_one_hot(page, said.name, f"{said.name} is one-hot", span)
    else:
        page.inputs.setdefault(tensor)
        page.suppose(Hypothesis(_sum_of_rows(tensor), ONE, f"{said.name} sums to one"))


def suppose_one_hot(page: PageState, name: str, text: str, span: Span) -> Tensor:
    """Suppose that an array's entries are 0 and 1, and sum to one along its last axis."""
    known = page.scope.lookup(name)
    assert known is not None
    assert isinstance(known.meaning, TensorMeaning)
    tensor = known.meaning.tensor
    if tensor.domain != _ZERO_OR_ONE:
        tensor = replace(tensor, domain=_ZERO_OR_ONE)
        page.sizes.replace(known.meaning.tensor, tensor)
        page.inputs.pop(known.meaning.tensor, None)
        page.scope.add(name, replace(known.meaning, tensor=tensor), span)
    page.inputs.setdefault(tensor)
    page.suppose(Hypothesis(_sum_of_rows(tensor), ONE, text))
    return tensor


def _sum_of_rows(tensor: Tensor) -> Sum:
    leading = [Index(letter, n) for letter, n in zip("nmlijh", tensor.extents[:-1], strict=False)]
    last = fresh(Index("k", tensor.extents[-1]))
    return Sum(last, Entry(tensor, tuple(map(Affine.of, (*leading, last)))))
