"""Small repairs of a refuted right side: the first that is *proved* is worth showing.

The edits are the slips that published notes contain (sign, factor, index, neighbouring symbol,
sum, lost or spare term, exponent), in a fixed order from the most to the least common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Add,
    Affine,
    Derivative,
    Entry,
    Expression,
    Index,
    Multiply,
    Parameter,
    Power,
    Rational,
    Sum,
    Tensor,
    add,
    binders,
    children,
    free_indices,
    fresh,
    multiply,
    negate,
    number,
    power,
    rational,
    rebuild,
    substitute,
    tensors,
    walk,
)
from derivcheck.notation import text
from derivcheck.witnesses.ball_arithmetic import Enclosures, NoValue, Program, Run, Sides
from derivcheck.witnesses.extents import NO_EXTENTS, generic_extents
from derivcheck.witnesses.trial import REFUTATION_GRID, sample

DEFAULT_BUDGET = 600
"""Candidates that are tried at a point before the search gives up."""

_PROOFS = 6
_PROBES = 3
_PRECISION = 96
_MOST_FACTORS = 4


@dataclass(frozen=True)
class Repair:
    """The right side after one edit; `text` ends the sentence “it is proved if …”."""

    right: Expression
    text: str


@dataclass(frozen=True)
class _Place:
    """A node of the right side, how to get there, and the indices that are in scope."""

    path: tuple[int, ...]
    node: Expression
    scope: tuple[Index, ...]


def repairs(reading: Reading, difference: Expression | None = None) -> Iterator[Repair]:
    """Every edit of the right side, each changing one thing; may yield well more than a hundred.

    `difference` is left − right as the prover left it: if it is a single term, adding that term is
    the last edit.
    """
    right = reading.right
    places = list(_places(right, reading.indices))
    terms = [p for p in places if p.path == () or isinstance(_parent(right, p), Add)]
    yield Repair(_negated(right), "the sign of the right side is changed")
    for place in terms:
        if place.path:
            changed = _replaced(right, place.path, _negated(place.node))
            yield Repair(changed, f"the sign of {text(place.node)} is changed")
    for place in terms:
        yield from _factors(reading, place)
    for place in places:
        yield from _exponents(right, place)
    for place in places:
        yield from _subscripts(right, place)
    for place in places:
        yield from _neighbours(reading, place)
    for place in places:
        yield from _dropped(right, place)
    for place in places:
        yield from _sums(reading, place)
    if difference is not None and not isinstance(difference, Add):
        yield Repair(add(right, difference), f"{text(difference)} is added")


def first_proved(
    reading: Reading,
    prove: Callable[[Reading], bool],
    budget: int = DEFAULT_BUDGET,
    *,
    difference: Expression | None = None,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    seed: int = 0,
) -> Repair | None:
    """The first repair that `prove` accepts; it sees only those that agree at a few points.

    None if there is none among the first `budget` edits, or no point to try them at.
    """
    probe = _Probe(reading, definitions, seed)
    if not probe.points:
        return None
    proofs = 0
    for tried, repair in enumerate(repairs(reading, difference)):
        if tried >= budget or proofs >= _PROOFS:
            return None
        if repair.right == reading.right or not probe.agrees(repair.right):
            continue
        proofs += 1
        if prove(replace(reading, right=repair.right)):
            return repair
    return None


class _Probe:
    """A few points at which the left side is known, to be met by a candidate."""

    def __init__(
        self, reading: Reading, definitions: Mapping[Parameter, Expression], seed: int
    ) -> None:
        sides = Sides(reading, off_kinks=True, definitions=definitions)
        generator = numpy.random.default_rng([seed, 5])
        context = reading.context
        self._indices = set(reading.indices)
        self._program: Program = sides.program
        left = self._program.compile(reading.left)
        # Neighbouring symbols may be tensors that the reading itself does not use.
        inputs = dict.fromkeys((*sides.inputs, *_alternatives(reading)))
        self.points: list[tuple[Run, Mapping[Index, int], Enclosures]] = []
        sizes = generic_extents(
            sides.parameters, sides.inputs, generator, definitions, context.hypotheses
        )
        for extents in sizes:
            if len(self.points) >= _PROBES:
                return
            known = [t for t in inputs if _sized(t, extents)]
            point = sample(known, extents, context, generator, grid=REFUTATION_GRID)
            if point is None:
                continue
            at = sides.at(point)
            run = Run(self._program, point, _PRECISION)
            for indices in list(at.indices(generator, 2)):
                try:
                    value = run.enclose(left, indices)
                except NoValue:
                    continue
                self.points.append((run, indices, Enclosures(value, value, None, _PRECISION)))

    def agrees(self, right: Expression) -> bool:
        if not set(free_indices(right)) <= self._indices:
            return False
        for run, indices, known in self.points:
            try:
                value = run.enclose(self._program.compile(right), indices)
            except NoValue:
                return False
            found = Enclosures(known.left, value, None, _PRECISION)
            if found.separated():
                return False
        return True


def _sized(tensor: Tensor, extents: Mapping[Parameter, int]) -> bool:
    atoms = (atom for extent in tensor.extents for atom in extent.atoms())
    return all(atom in extents for atom in atoms)


# --- places in a tree -----------------------------------------------------------------------------


def _places(expression: Expression, scope: tuple[Index, ...]) -> Iterator[_Place]:
    """Every node outside derivatives, parents first."""
    stack = [_Place((), expression, scope)]
    while stack:
        place = stack.pop()
        yield place
        if isinstance(place.node, Derivative):
            continue
        inner = (*place.scope, *binders(place.node))
        parts = enumerate(children(place.node))
        stack.extend(reversed([_Place((*place.path, n), part, inner) for n, part in parts]))


def _parent(expression: Expression, place: _Place) -> Expression:
    for step in place.path[:-1]:
        expression = children(expression)[step]
    return expression


def _replaced(expression: Expression, path: tuple[int, ...], new: Expression) -> Expression:
    """The tree with another node at this place; everything beside the path is shared."""
    if not path:
        return new
    position = iter(range(len(children(expression))))

    def child(part: Expression) -> Expression:
        return _replaced(part, path[1:], new) if next(position) == path[0] else part

    return rebuild(expression, child)


# --- edits ----------------------------------------------------------------------------------------


def _negated(expression: Expression) -> Expression:
    """The negative, without a double sign where the author wrote one."""
    if isinstance(expression, Multiply) and isinstance(expression.factors[0], Rational):
        return multiply(Rational(-expression.factors[0].value), *expression.factors[1:])
    return negate(expression)


def _factors(reading: Reading, place: _Place) -> Iterator[Repair]:
    """A factor 2, 1/2, N or 1/N for each extent in play, of the whole or of one term."""
    extents = dict.fromkeys(
        index.extent
        for node in (*walk(reading.left), *walk(reading.right))
        for index in binders(node)
    )
    extents.update(dict.fromkeys(index.extent for index in reading.indices))
    for tensor in (*tensors(reading.left), *tensors(reading.right)):
        extents.update(dict.fromkeys(tensor.extents))
    sizes = [number(extent) for extent in list(extents)[:_MOST_FACTORS]]
    constants = [rational(2), rational(Fraction(1, 2))]
    for factor in [*constants, *(e for size in sizes for e in (power(size, -1), size))]:
        changed = _replaced(reading.right, place.path, multiply(factor, place.node))
        where = f" in front of {text(place.node)}" if place.path else ""
        yield Repair(changed, f"a factor {text(factor)} is put{where or ' in front'}")


def _exponents(right: Expression, place: _Place) -> Iterator[Repair]:
    """An exponent one larger or smaller or of the other sign; a square or a root where none is."""
    node = place.node
    if not isinstance(node, Power) or not isinstance(node.exponent, Rational):
        return
    old = node.exponent.value
    for new in (old + 1, old - 1, -old, old * 2, old / 2):
        if new != old and new != 0:
            changed = _replaced(right, place.path, power(node.base, new))
            yield Repair(changed, f"the exponent of {text(node.base)} is {new} instead of {old}")


def _subscripts(right: Expression, place: _Place) -> Iterator[Repair]:
    """Two subscripts of one entry swapped, or one index replaced by another of the same extent."""
    node = place.node
    if not isinstance(node, Entry):
        return
    extents = node.tensor.extents
    for first in range(len(extents)):
        for second in range(first + 1, len(extents)):
            if extents[first] == extents[second]:
                swapped = list(node.subscripts)
                swapped[first], swapped[second] = swapped[second], swapped[first]
                yield _exchange(right, place, Entry(node.tensor, tuple(swapped)))
    for axis, subscript in enumerate(node.subscripts):
        index = subscript.index
        if index is None:
            continue
        for other in dict.fromkeys(place.scope):
            if other != index and other.extent == index.extent:
                changed = list(node.subscripts)
                changed[axis] = Affine.of(other)
                yield _exchange(right, place, Entry(node.tensor, tuple(changed)))


def _alternatives(reading: Reading) -> tuple[Tensor, ...]:
    """Every tensor in play: in the reading, then in the definitions, in their order."""
    found = dict.fromkeys((*tensors(reading.left), *tensors(reading.right)))
    for tensor, definition in reading.context.definitions.items():
        found.setdefault(tensor)
        found.update(dict.fromkeys(tensors(definition.body)))
    return tuple(found)


def _neighbours(reading: Reading, place: _Place) -> Iterator[Repair]:
    """Another symbol of the same shape; between scalars only those that the line uses."""
    node = place.node
    if not isinstance(node, Entry):
        return
    near = _alternatives(reading)
    if not node.subscripts:
        near = (*tensors(reading.left), *tensors(reading.right))
    for tensor in dict.fromkeys(near):
        if tensor != node.tensor and tensor.extents == node.tensor.extents:
            yield _exchange(reading.right, place, Entry(tensor, node.subscripts))


def _exchange(right: Expression, place: _Place, new: Entry) -> Repair:
    changed = _replaced(right, place.path, new)
    return Repair(changed, f"{text(place.node)} is replaced by {text(new)}")


def _dropped(right: Expression, place: _Place) -> Iterator[Repair]:
    """One term of a sum or one factor of a product left out."""
    match place.node:
        case Add(terms):
            for position, term in enumerate(terms):
                rest = add(*terms[:position], *terms[position + 1 :])
                yield Repair(_replaced(right, place.path, rest), f"{text(term)} is left out")
        case Multiply(factors):
            for position, factor in enumerate(factors):
                rest = multiply(*factors[:position], *factors[position + 1 :])
                yield Repair(
                    _replaced(right, place.path, rest), f"the factor {text(factor)} is left out"
                )
        case _:
            return


def _sums(reading: Reading, place: _Place) -> Iterator[Repair]:
    """A sum left out, its index read as one in scope; or a sum put over an index in scope."""
    right, node = reading.right, place.node
    if isinstance(node, Sum):
        for other in dict.fromkeys(place.scope):
            if other.extent == node.index.extent:
                body = substitute(node.body, {node.index: Affine.of(other)})
                yield Repair(
                    _replaced(right, place.path, body),
                    f"the sum over {node.index.name} is left out, and {node.index.name} is "
                    f"{other.name}",
                )
    if isinstance(node, Entry | Multiply):
        for index in free_indices(node):
            bound = fresh(Index(f"{index.name}'", index.extent, 0, index.base))
            summed = Sum(bound, substitute(node, {index: Affine.of(bound)}))
            yield Repair(
                _replaced(right, place.path, summed), f"{text(node)} is summed over {index.name}"
            )
