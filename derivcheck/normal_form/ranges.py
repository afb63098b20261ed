"""Where a sum runs: one range and one letter for all ways to shift, reverse or cut it short.

Σ_k w_k X_{k−1}, Σ_k w_{k+1} X_k and Σ_{1 ≤ k < N} w_k X_{k−1} are one sum. Its canonical index is
the subscript of one entry that follows it: it runs over that entry's axis, and what is left of its
old range stands as guards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from derivcheck.expression import Affine, Index
from derivcheck.normal_form.atoms import (
    Atom,
    Equal,
    Monomial,
    NonNegative,
    NormalForm,
    Number,
    Repeated,
    Summation,
    Variable,
    affine_text,
    tensor_key,
    variables,
)
from derivcheck.normal_form.functions import Functions
from derivcheck.normal_form.integers import largest, lowest_terms
from derivcheck.normal_form.linear import added, constant, scaled, subtracted

CLOSE = 2
"""A sum is cut off where it reaches no further than this past, or short of, a place of its own."""


@dataclass(frozen=True)
class Place:
    """A subscript sign·index + rest on an axis; `lost` where the product is 0 off the axis."""

    tensor: str
    axis: int
    sign: int
    rest: Affine
    extent: Affine
    lost: bool

    @property
    def order(self) -> tuple[bool, str, int, int]:
        """Which subscript is made the index: blind to how the index is shifted now."""
        return (not self.lost, self.tensor, self.axis, -self.sign)


@dataclass
class Ranges(Functions):
    def placed(
        self, indices: tuple[Index, ...], factors: Monomial
    ) -> tuple[tuple[Index, ...], NormalForm] | None:
        """The same sum over an index in its canonical place; None where all are.

        Moving sign·i + rest to i′ drops the terms in which it is off the axis. They are 0, or the
        old range has none; the other way round, the guards drop i′ outside the old range.
        """
        for index in indices:
            place = self.place(index, indices, factors)
            shorter = self._shorter(index, factors) if place is None else None
            if shorter is not None:
                moved = self.fresh(index, shorter)
                body = self.transform(NormalForm({factors: 1}), {index: Affine.of(moved)})
                return tuple(moved if i is index else i for i in indices), body
            if place is None or (place.rest, place.extent, place.sign) == (
                Affine(),
                index.extent,
                1,
            ):
                continue
            moved = self.fresh(index, place.extent)
            value = (Affine.of(moved) - place.rest) * place.sign
            body = self.multiply_all(
                (
                    self.guard(value),
                    self.guard(index.extent - value - 1),
                    self.transform(NormalForm({factors: 1}), {index: value}),
                )
            )
            return tuple(moved if i is index else i for i in indices), body
        return None

    def _shorter(self, index: Index, factors: Monomial) -> Affine | None:
        """How far a guard lets the index go, if that is less than its own range."""
        for atom, exponent in factors:
            if isinstance(atom, NonNegative) and exponent > 0:
                bound = largest(atom.value + index + 1)
                slope = atom.value.coefficient(index).constant
                if slope == -1 and bound is not None and self.nonnegative(index.extent - bound - 1):
                    return bound
        return None

    def place(self, index: Index, indices: tuple[Index, ...], factors: Monomial) -> Place | None:
        """The subscript that is to be the index, if there is one."""
        found: dict[Place, None] = {}
        for atom, exponent in factors:
            for variable in variables(atom):
                direct = variable is atom and exponent > 0
                for place in places(variable, index, direct):
                    others = frozenset(place.rest.indices())
                    inside = direct or (
                        self.nonnegative(subscript_of(place, index))
                        and self.nonnegative(place.extent - subscript_of(place, index) - 1)
                    )
                    if inside and others <= atom.free and others.isdisjoint(indices):
                        found[place] = None
        first = min(found, key=lambda place: place.order, default=None)
        if first is None:
            return None
        equals = [place for place in found if place.order == first.order]
        # Of X_k X_{k+1} the one on the left, if it is plain which that is.
        for place in equals:
            if all(self.nonnegative((other.rest - place.rest) * place.sign) for other in equals):
                return place
        return min(equals, key=lambda place: affine_text(place.rest, {}))

    def restated(self, form: NormalForm) -> NormalForm:
        """The form with the guards that stand outside its sums written anew."""
        terms: list[NormalForm] = []
        for monomial, coefficient in form.terms.items():
            again = self.reread(None, monomial)
            kept = NormalForm({monomial: 1}) if again is None else self.restated(again)
            terms.append(scaled(kept, coefficient))
        return added(terms)

    def reread(self, indices: tuple[Index, ...] | None, factors: Monomial) -> NormalForm | None:
        """The product with its guards written anew, but for those of its own entries' axes.

        In a sum over these indices those that hold of none of them stay what they are.
        """
        own = self._own_guards(factors)
        for atom, exponent in factors:
            if (
                isinstance(atom, NonNegative)
                and exponent > 0
                and atom not in own
                and (indices is None or not atom.free.isdisjoint(indices))
            ):
                value = atom.value
                again = self.guard(value) if indices is None else self.bounding(value, indices)
                if list(again.terms) != [((atom, 1),)]:
                    rest = tuple(factor for factor in factors if factor[0] is not atom)
                    return self.multiply(NormalForm({rest: 1}), again)
        return None

    def bounding(self, value: Affine, indices: tuple[Index, ...]) -> NormalForm:
        """[value ≥ 0] in a sum over these indices: where it bounds one of them, by others and no
        further number, from above, with deltas for the few values between."""
        (index, *others) = [i for i in dict.fromkeys(value.indices()) if i in indices]
        slope = value.coefficient(index).constant
        rest, divisor, reach = lowest_terms(value)
        if others or slope not in (1, -1) or divisor != 1 or len(rest.terms) == 1:
            return self.guard(value)
        if slope == 1:
            return subtracted(constant(1), self.bounding(-value - 1, indices))
        if not 0 < abs(reach) <= CLOSE:
            return self.bare_guard(value)
        between = range(1, reach + 1) if reach > 0 else range(reach + 1, 1)
        deltas = added([self.equal(rest + step) for step in between])
        return added([self.bare_guard(rest), scaled(deltas, 1 if reach > 0 else -1)])

    def entailed(self, factors: Sequence[tuple[Atom, Number]]) -> list[tuple[Atom, Number]]:
        """The factors without guards that hold where the deltas among them do.

        δ_{tu,e} [e ≥ 0] = δ_{tu,e}: where the difference d of a delta is 0 a guard's value is also
        value ± d. The guards of an entry's own axes stay beside it.
        """
        differences = [
            atom.difference
            for atom, exponent in factors
            if isinstance(atom, Equal) and exponent > 0
        ]
        if not differences:
            return list(factors)
        own = self._own_guards(factors)
        return [
            (atom, exponent)
            for atom, exponent in factors
            if not isinstance(atom, NonNegative)
            or exponent < 0
            or atom in own
            or not any(
                self.nonnegative(atom.value + difference)
                or self.nonnegative(atom.value - difference)
                for difference in differences
            )
        ]

    def _own_guards(self, factors: Sequence[tuple[Atom, Number]]) -> set[Atom]:
        """The guards of the axes of the entries among the factors."""
        return {
            guard
            for atom, _ in factors
            for variable in variables(atom)
            for value in (
                *_on_axes(variable),
                *self.context.support(variable.tensor, variable.subscripts),
            )
            for guard in self.bare_guard(value).atoms()
        }

    def misplaced(self, form: NormalForm) -> bool:
        """Whether a guard or product is left, or a sum over another axis than it should be."""
        stack = list(form.atoms())
        while stack:
            atom = stack.pop()
            if isinstance(atom, NonNegative | Repeated):
                return True
            if isinstance(atom, Summation):
                stack.extend(inner for inner, _ in atom.factors)
                for index in atom.indices:
                    place = self.place(index, atom.indices, atom.factors)
                    if place is not None and (place.rest.terms or place.extent != index.extent):
                        return True
        return False


def subscript_of(place: Place, index: Index) -> Affine:
    return Affine.of(index) * place.sign + place.rest


def places(variable: Variable, index: Index, direct: bool) -> Iterator[Place]:
    pairs = zip(variable.subscripts, variable.tensor.extents, strict=True)
    for axis, (subscript, extent) in enumerate(pairs):
        sign = subscript.coefficient(index).constant
        if sign not in (1, -1):
            continue
        rest = subscript - Affine.of(index) * sign
        if index not in rest.atoms():
            yield Place(tensor_key(variable.tensor), axis, sign, rest, extent, direct)


def _on_axes(variable: Variable) -> Iterator[Affine]:
    """What is not negative where the entry lies on its axes."""
    for subscript, extent in zip(variable.subscripts, variable.tensor.extents, strict=True):
        yield subscript
        yield extent - subscript - 1
