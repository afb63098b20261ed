"""Integers: extents, statics and subscripts, as polynomials in parameters and indices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias, cast


@dataclass(frozen=True, slots=True)
class Parameter:
    """A symbolic integer: an extent, a stride, a padding. `minimum` is 1 or 0."""

    name: str
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class Index:
    """An index letter and the extent it runs over: 0 ≤ index < extent.

    `serial` is 0 for the free indices of a claim, which are told apart by name and extent, and a
    fresh number for a binder; it gives identity, never an order. `base` (0 or 1) is what the page
    counts from, for printing only.
    """

    name: str
    extent: Affine
    serial: int = 0
    base: int = field(default=0, compare=False)

    def __hash__(self) -> int:
        # Without the extent: hashing is what elaboration and proofs do most.
        return hash((self.name, self.serial))


Atom: TypeAlias = Parameter | Index
Term: TypeAlias = tuple[Atom, ...]
"""A product of atoms, sorted by `atom_key`; the empty product is 1."""

_serials = count(1)


def fresh(index: Index, extent: Affine | None = None) -> Index:
    """A binder like `index` with an identity of its own."""
    return Index(index.name, index.extent if extent is None else extent, next(_serials), index.base)


def atom_key(atom: Atom) -> tuple[int, str, int]:
    """An order within one term; it depends on serials only between indices of one name."""
    if isinstance(atom, Parameter):
        return (0, atom.name, atom.minimum)
    return (1, atom.name, atom.serial)


@dataclass(frozen=True, slots=True)
class Affine:
    """An integer polynomial in parameters and indices, affine in the indices where it subscripts.

    `terms` maps products of atoms to non-zero integers and is sorted, so that equal polynomials
    are equal objects.
    """

    terms: tuple[tuple[Term, int], ...] = ()

    @staticmethod
    def of(value: AffineLike) -> Affine:
        if isinstance(value, Affine):
            return value
        if isinstance(value, int):
            return Affine((((), value),)) if value else Affine()
        return Affine((((value,), 1),))

    @staticmethod
    def collect(terms: Iterable[tuple[Term, int]]) -> Affine:
        """The polynomial with these terms, like ones merged."""
        total: dict[Term, int] = {}
        for term, coefficient in terms:
            total[term] = total.get(term, 0) + coefficient
        kept = [(term, c) for term, c in total.items() if c]
        kept.sort(key=lambda item: (len(item[0]), tuple(map(atom_key, item[0]))))
        return Affine(tuple(kept))

    def __add__(self, other: AffineLike) -> Affine:
        return Affine.collect((*self.terms, *Affine.of(other).terms))

    def __neg__(self) -> Affine:
        return Affine(tuple((term, -c) for term, c in self.terms))

    def __sub__(self, other: AffineLike) -> Affine:
        return self + -Affine.of(other)

    def __mul__(self, other: AffineLike) -> Affine:
        return Affine.collect(
            (tuple(sorted(a + b, key=atom_key)), c * d)
            for a, c in self.terms
            for b, d in Affine.of(other).terms
        )

    @property
    def constant(self) -> int | None:
        """The value, if it depends on nothing."""
        if not self.terms:
            return 0
        (term, coefficient), *rest = self.terms
        return coefficient if not term and not rest else None

    @property
    def atom(self) -> Atom | None:
        """The atom, if the polynomial is one with coefficient 1."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            return self.terms[0][0][0]
        return None

    @property
    def index(self) -> Index | None:
        """The index, if the polynomial is a bare one."""
        atom = self.atom
        return atom if isinstance(atom, Index) else None

    def atoms(self) -> Iterator[Atom]:
        """Every atom that occurs, with repetitions, not looking into extents."""
        for term, _ in self.terms:
            yield from term

    def indices(self) -> Iterator[Index]:
        return (atom for atom in self.atoms() if isinstance(atom, Index))

    def coefficient(self, atom: Atom) -> Affine:
        """The cofactor of the first power of `atom`, as a polynomial in the other atoms."""
        return Affine.collect(
            (_without(term, atom), c) for term, c in self.terms if term.count(atom) == 1
        )

    def substitute(self, values: Mapping[Index, Affine] | Mapping[Atom, Affine]) -> Affine:
        by_atom = cast("Mapping[Atom, Affine]", values)
        if not any(atom in by_atom for atom in self.atoms()):
            return self
        total = Affine()
        for term, coefficient in self.terms:
            product = Affine.of(coefficient)
            for atom in term:
                product = product * by_atom.get(atom, Affine.of(atom))
            total = total + product
        return total

    def evaluate(self, values: Mapping[Atom, int]) -> int:
        """The integer at a point; a `KeyError` names an atom without a value."""
        total = 0
        for term, coefficient in self.terms:
            for atom in term:
                coefficient *= values[atom]
            total += coefficient
        return total


AffineLike: TypeAlias = "Affine | Parameter | Index | int"


def _without(term: Term, atom: Atom) -> Term:
    position = term.index(atom)
    return term[:position] + term[position + 1 :]
