r"""Where the terms of an expression are there at all: sizes and places at which their integer
conditions hold.

`δ_{i,j+1} δ_{j,k+1} A_{ik}` is 0 at nearly all places, and at all of them where the axes are short.
Who compares two sides there has compared 0 with 0. A *site* of a term is an assignment at which
every delta and guard of the term holds, and no subscript leaves its axis. Sites are looked for by
moving one integer of a failing condition at a time (Selman, Kautz and Cohen, *Noise strategies for
improving local search*, 1994); none found says nothing about whether there are any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy

from derivcheck.expression import (
    Add,
    Affine,
    Atom,
    Delta,
    Entry,
    Expression,
    Guard,
    Hypothesis,
    Index,
    Multiply,
    Parameter,
    Power,
    Product,
    Rational,
    Sum,
    parameters,
    within,
)
from derivcheck.witnesses.extents import (
    NO_EXTENTS,
    complete_extents,
    determined,
    generic_extents,
    small_extents,
)

_MOST_TERMS = 24
_DEEPEST = 60
_ATTEMPTS = 10
_FEW = 3
"""Sizes of which no condition speaks that are larger at one site."""
_MOVES = 80
_NOISE = 0.15
_LARGEST = 24
"""Beyond this size an axis has too many entries to be looked at."""


@dataclass(frozen=True)
class Condition:
    """`value = 0` if `equal`, else `value ≥ 0`."""

    value: Affine
    equal: bool


Term = tuple[Condition, ...]


@dataclass(frozen=True, eq=False)
class Site:
    """Complete sizes, and values of the indices of a term, the bound ones among them."""

    extents: Mapping[Parameter, int]
    indices: Mapping[Index, int]


def terms(expression: Expression) -> tuple[Term, ...]:
    """The integer conditions of each term, each set once; only the first of very many terms."""
    found = dict.fromkeys(tuple(dict.fromkeys(term)) for term in _terms(expression))
    return tuple(found)


def _terms(expression: Expression, depth: int = 0) -> list[Term]:
    if depth > _DEEPEST:
        return [()]
    match expression:
        case Delta(left, right):
            return [(Condition(left - right, True),)]
        case Guard(value):
            return [(Condition(value, False),)]
        case Add(parts):
            return [term for part in parts for term in _terms(part, depth + 1)][:_MOST_TERMS]
        case Multiply(factors):
            found: list[Term] = [()]
            for factor in factors:
                found = [a + b for a in found for b in _terms(factor, depth + 1)][:_MOST_TERMS]
            return found
        case Sum(_, body) | Product(_, body):
            return _terms(body, depth + 1)
        case Power(base, Rational(exponent)) if exponent > 0:
            return _terms(base, depth + 1)
        case Entry(tensor, subscripts):
            inside: list[Term] = [()]
            for subscript, extent in zip(subscripts, tensor.extents, strict=True):
                index = subscript.index
                if index is None or index.extent != extent:
                    kept = _terms(within(subscript, extent))
                    inside = [a + b for a in inside for b in kept]
            return inside
        case _:
            return [()]


@dataclass
class Sizes:
    """What the sizes of a claim may be: `parameters`, those that the page defines, hypotheses."""

    parameters: Sequence[Parameter]
    definitions: Mapping[Parameter, Expression] = field(default_factory=dict[Parameter, Expression])
    hypotheses: Sequence[Hypothesis] = ()
    _known: dict[tuple[int, ...], dict[Parameter, int] | None] = field(
        default_factory=dict[tuple[int, ...], "dict[Parameter, int] | None"]
    )

    def free(self) -> list[Parameter]:
        known = determined(self.definitions or NO_EXTENTS, self.hypotheses)
        return [p for p in dict.fromkeys(self.parameters) if p not in known]

    def complete(self, chosen: Mapping[Parameter, int]) -> dict[Parameter, int] | None:
        key = tuple(chosen.values())
        if key not in self._known:
            self._known[key] = complete_extents(chosen, self.definitions, self.hypotheses)
        return self._known[key]

    def behind(self, values: Iterable[Affine]) -> set[Parameter]:
        """The parameters that occur, those behind computed ones among them."""
        found: set[Parameter] = set()
        stack = [a for value in values for a in value.atoms() if isinstance(a, Parameter)]
        while stack:
            parameter = stack.pop()
            if parameter not in found:
                found.add(parameter)
                if parameter in self.definitions:
                    stack.extend(parameters(self.definitions[parameter]))
        return found


def sites(
    term: Term, sizes: Sizes, generator: numpy.random.Generator, attempts: int = _ATTEMPTS
) -> Iterator[Site]:
    """Sites of a term near the smallest sizes, and near some at which the sizes that its conditions
    speak of are larger, and of the others some by turns: what hides a difference may be that one or
    two of them are 1. At last near sizes that all are larger."""
    free = sizes.free()
    smallest = small_extents(sizes.parameters, sizes.definitions, sizes.hypotheses, limit=1)
    least = next(smallest, None)
    values = [condition.value for condition in term]
    values += [index.extent for index in _indices(values)]
    spoken = sizes.behind(values)
    others = _by_turns([p for p in free if p not in spoken], generator)
    for attempt in range(attempts):
        start = least
        if attempt == attempts - 1:
            telling = generic_extents(
                sizes.parameters, (), generator, sizes.definitions, sizes.hypotheses, count=1
            )
            start = next(iter(telling), least)
        if start is None:
            return
        chosen = {p: start[p] for p in free}
        if attempt:
            chosen |= {p: p.minimum + int(generator.integers(1, 3)) for p in free if p in spoken}
        few = tuple(islice(others, _FEW)) if 0 < attempt < attempts - 1 else ()
        found = _walk(term, _enlarged(chosen, few), sizes, generator)
        if found is not None:
            yield found
            continue
        for alone in few:
            found = _walk(term, _enlarged(chosen, (alone,)), sizes, generator)
            if found is not None:
                yield found


def _enlarged(chosen: Mapping[Parameter, int], few: Sequence[Parameter]) -> dict[Parameter, int]:
    return {p: n + (p in few) for p, n in chosen.items()}


def _by_turns(sizes: Sequence[Parameter], generator: numpy.random.Generator) -> Iterator[Parameter]:
    """All of them in some order, then in another, and so on."""
    while sizes:
        for place in generator.permutation(len(sizes)):
            yield sizes[int(place)]


def _walk(
    term: Term,
    chosen: dict[Parameter, int],
    sizes: Sizes,
    generator: numpy.random.Generator,
) -> Site | None:
    indices = _indices(condition.value for condition in term)
    places = {index: int(generator.integers(0, 2)) for index in indices}
    for _ in range(_MOVES):
        complete = sizes.complete(chosen)
        if complete is None:
            return None
        failing = _failing(term, complete, places)
        if not failing:
            return Site(complete, places)
        condition = failing[int(generator.integers(0, len(failing)))]
        moves = [
            (atom, step)
            for atom in _movable(condition.value, chosen, sizes)
            for step in (1, -1)
            if _allowed(atom, step, chosen, places)
        ]
        if not moves:
            return None
        scored: list[tuple[float, int]] = []
        for number, (atom, step) in enumerate(moves):
            moved, placed = _moved(atom, step, chosen, places)
            again = sizes.complete(moved)
            if again is not None:
                scored.append((_excess(term, again, placed), number))
        if not scored:
            return None
        least = min(scored)[0]
        noisy = generator.random() < _NOISE
        best = [number for score, number in scored if noisy or score == least]
        atom, step = moves[best[int(generator.integers(0, len(best)))]]
        chosen, places = _moved(atom, step, chosen, places)
    return None


def _indices(values: Iterable[Affine]) -> tuple[Index, ...]:
    """The indices, with those of which the extents of others are made."""
    found: dict[Index, None] = {}
    stack = list(values)
    while stack:
        for index in stack.pop().indices():
            if index not in found:
                found[index] = None
                stack.append(index.extent)
    return tuple(found)


def _ranges(places: Mapping[Index, int]) -> list[Condition]:
    return [Condition(index.extent - 1 - Affine.of(index), False) for index in places]


def _short(
    condition: Condition, extents: Mapping[Parameter, int], places: Mapping[Index, int]
) -> int:
    """By how much a condition fails."""
    value = condition.value.evaluate({**extents, **places})
    return abs(value) if condition.equal else max(-value, 0)


def _failing(
    term: Term, extents: Mapping[Parameter, int], places: Mapping[Index, int]
) -> list[Condition]:
    return [c for c in (*term, *_ranges(places)) if _short(c, extents, places)]


def _excess(term: Term, extents: Mapping[Parameter, int], places: Mapping[Index, int]) -> float:
    # An index may leave its axis on the way: the axis grows afterwards.
    inside = sum(_short(c, extents, places) for c in term)
    return inside + sum(_short(c, extents, places) for c in _ranges(places)) / 2


def _movable(value: Affine, chosen: Mapping[Parameter, int], sizes: Sizes) -> Iterator[Atom]:
    """The integers that a condition depends on; for one that the page computes, all that may be
    chosen."""
    atoms = dict.fromkeys(value.atoms())
    computed = any(isinstance(atom, Parameter) and atom not in chosen for atom in atoms)
    yield from (a for a in atoms if isinstance(a, Index) or a in chosen)
    if computed:
        yield from (p for p in chosen if p not in atoms)


def _allowed(
    atom: Atom, step: int, chosen: Mapping[Parameter, int], places: Mapping[Index, int]
) -> bool:
    if isinstance(atom, Index):
        return places[atom] + step >= 0
    return atom.minimum <= chosen[atom] + step <= _LARGEST


def _moved(
    atom: Atom, step: int, chosen: dict[Parameter, int], places: dict[Index, int]
) -> tuple[dict[Parameter, int], dict[Index, int]]:
    if isinstance(atom, Index):
        return chosen, {**places, atom: places[atom] + step}
    return {**chosen, atom: chosen[atom] + step}, places
