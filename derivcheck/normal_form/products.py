"""Products over an index: factor by factor, and over a part of the range.

A product over part of an axis is one over the whole of it with factors 1 elsewhere. What holds
where a factor counts are its conditions, i ≤ t or i ≥ s. The empty product is 1, so that
Π_{i ≤ t} f_i = Π_{i < t} f_i · (1 + [t ≥ 0] (f_t − 1)) whatever t is, on the axis or off it: bounds
that differ by little are brought to one, and the factors between stand by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from derivcheck.expression import Affine, Index
from derivcheck.normal_form.atoms import (
    Atom,
    Equal,
    Exponential,
    NonNegative,
    NormalForm,
    Number,
    Repeated,
    affine_text,
    variables,
)
from derivcheck.normal_form.functions import indicates
from derivcheck.normal_form.integers import lowest_terms, solved
from derivcheck.normal_form.linear import added, constant, subtracted
from derivcheck.normal_form.ranges import CLOSE, Place, Ranges, places, subscript_of
from derivcheck.normal_form.session import Working


@dataclass(frozen=True)
class _Part:
    """Π over the index of `body` where all conditions are ≥ 0."""

    index: Index
    conditions: tuple[Affine, ...]
    body: NormalForm


@dataclass
class Products(Ranges):
    def product_over(self, index: Index, body: NormalForm) -> NormalForm:
        """Π over a working index, which occurs nowhere else."""
        over_part = self._over_part(index, body) if self.expand_ranges and body else None
        return self._over_all(index, body) if over_part is None else over_part

    def _over_all(self, index: Index, body: NormalForm) -> NormalForm:
        """The product factor by factor, exponentials as sums, others opaque."""
        if not body:
            return self._repeated_zero(index)
        if len(body.terms) > 1:
            return self._product_of_sum(index, body)
        if not self.nonnegative(index.extent):
            return self.of_atom(Repeated(index, self.settled(body)))
        ((monomial, coefficient),) = body.terms.items()
        extent = self.number(index.extent)
        # An indicator goes with every factor: Π g·a·b = Π g·a · Π g·b.
        shared = tuple(f for f in monomial if indicates(*f) and index in f[0].free)
        parts: list[NormalForm] = []
        if coefficient != 1:
            parts.append(self.general_power(constant(coefficient), extent))
        others = [factor for factor in monomial if factor not in shared]
        if shared and not any(index in atom.free for atom, _ in others):
            parts.append(self.of_atom(Repeated(index, NormalForm({shared: 1}))))
        for atom, exponent in others:
            form = NormalForm({((atom, 1),): 1})
            if index not in atom.free:
                parts.append(self.power(self.general_power(form, extent), exponent))
            elif isinstance(atom, Exponential) and not shared:
                inside = self.sum_over((index,), NormalForm({atom.exponent: exponent}))
                parts.append(self.exponential(inside))
            elif exponent.denominator == 1 and (exponent > 0 or not shared):
                made = self.of_atom(Repeated(index, self.times_monomial(list(shared), form)))
                parts.append(self.power(made, exponent))
            else:
                whole = NormalForm({tuple(sorted((*shared, (atom, exponent)), key=_by_key)): 1})
                parts.append(self.of_atom(Repeated(index, whole)))
        return self.multiply_all(parts)

    def _repeated_zero(self, index: Index) -> NormalForm:
        # The empty product is 1.
        return subtracted(constant(1), self.guard(index.extent - 1))

    def _product_of_sum(self, index: Index, body: NormalForm) -> NormalForm:
        """Π_l (δ(l, k) + (1 − δ(l, k)) f_l) = (Π_l f_l) / f_k where f_k is not 0."""
        deltas = [
            (atom, value)
            for atom in dict.fromkeys(body.atoms())
            if isinstance(atom, Equal) and (value := solved(atom.difference, index)) is not None
        ]
        if len(deltas) == 1:
            atom, value = deltas[0]
            partner = value.index
            if partner is not None and partner.extent == index.extent:
                away = _without(body, atom, 0)
                there = self.transform(_without(body, atom, 1), {index: value})
                correction = self.power(self.transform(away, {index: value}), -1)
                return self.multiply_all((self.product_over(index, away), there, correction))
        return self.of_atom(Repeated(index, self.settled(body)))

    def times_monomial(self, factors: list[tuple[Atom, Number]], form: NormalForm) -> NormalForm:
        if not factors:
            return form
        return self.multiply(NormalForm({tuple(factors): 1}), form)

    # Over a part of the range.

    def _over_part(self, index: Index, body: NormalForm) -> NormalForm | None:
        """The product with its bounds brought to their places; None where it is over no part."""
        powers = [power for monomial in body.terms for power in monomial]
        if any(
            (isinstance(atom, Equal) and index in atom.free)
            or (isinstance(atom, NonNegative) and exponent < 0)
            for atom, exponent in powers
        ):
            return None
        part = self._part(index, body)
        if not part.conditions and len(body.terms) == 1:
            ((monomial, coefficient),) = body.terms.items()
            varying = tuple(factor for factor in monomial if index in factor[0].free)
            if len(varying) < len(monomial) or coefficient != 1:
                same = NormalForm({tuple(f for f in monomial if f not in varying): coefficient})
                rest = self.product_over(index, NormalForm({varying: 1}))
                return self.multiply(self._over_all(index, same), rest)
        part = self._simplified(self._moved(part))
        if part is None:
            return constant(1)
        if not any(_slope(condition, part.index) < 0 for condition in part.conditions):
            last = part.index.extent - 1 - part.index
            part = _Part(part.index, (*part.conditions, last), part.body)
        factors: list[NormalForm] = []
        conditions = list(part.conditions)
        for place, condition in enumerate(conditions):
            others = [c for n, c in enumerate(conditions) if n != place]
            conditions[place], between = brought(condition, part.index)
            factors.extend(self._factor(part, others, value) for value in between)
        # A product that went past the end of an axis may be on it now.
        left = self._moved(_Part(part.index, tuple(conditions), part.body))
        rest = self._simplified(left)
        return self.multiply_all((*factors, *(self._rest(rest) if rest is not None else ())))

    def _part(self, index: Index, body: NormalForm) -> _Part:
        """The guards that hold wherever the body is not 1, and the body where they do."""
        conditions: list[Affine] = []
        guards = [atom for atom in dict.fromkeys(body.atoms()) if isinstance(atom, NonNegative)]
        for atom in sorted(guards, key=lambda atom: atom.key):
            if abs(_slope(atom.value, index)) != 1:
                continue
            for condition in (atom.value, -atom.value - 1):
                if self._where(body, -condition - 1).number == 1:
                    conditions.append(condition)
                    body = self._where(body, condition)
                    break
        return _Part(index, tuple(conditions), body)

    def _where(self, form: NormalForm, condition: Affine) -> NormalForm:
        """The form where a condition is ≥ 0, which decides guards."""
        for atom in dict.fromkeys(form.atoms()):
            if isinstance(atom, NonNegative):
                if self.nonnegative(atom.value - condition):
                    form = _without(form, atom, 1)
                elif self.nonnegative(-atom.value - 1 - condition):
                    form = _without(form, atom, 0)
        return form

    def _moved(self, part: _Part) -> _Part:
        """The product over the axis of one of its entries, if it is on that axis all the way."""
        index = part.index
        found: dict[Place, None] = {}
        for atom in part.body.atoms():
            for variable in variables(atom):
                for place in places(variable, index, False):
                    value = subscript_of(place, index)
                    if frozenset(place.rest.indices()) <= atom.free and all(
                        self._follows(bound, part.conditions)
                        for bound in (value, place.extent - value - 1)
                    ):
                        found[place] = None
        place = min(found, key=lambda p: (*p.order, affine_text(p.rest, {})), default=None)
        stays = Place("", 0, 1, Affine(), index.extent, False)
        if place is None or replace(place, tensor="", axis=0) == stays:
            return part
        moved = self.fresh(index, place.extent)
        value = (Affine.of(moved) - place.rest) * place.sign
        conditions = [condition.substitute({index: value}) for condition in part.conditions]
        conditions += [value, index.extent - value - 1]
        return _Part(moved, tuple(conditions), self.transform(part.body, {index: value}))

    def _follows(self, value: Affine, conditions: Iterable[Affine]) -> bool:
        """Whether value ≥ 0 where the conditions hold, by one of them."""
        return self.nonnegative(value) or any(
            self.nonnegative(value - condition) for condition in conditions
        )

    def _simplified(self, part: _Part) -> _Part | None:
        """Without conditions and guards that others entail; None where they never hold."""
        kept: list[Affine] = []
        conditions = list(dict.fromkeys(part.conditions))
        for place, condition in enumerate(conditions):
            if self.nonnegative(-condition - 1):
                return None
            if not self._follows(condition, (*kept, *conditions[place + 1 :])):
                kept.append(condition)
        body = part.body
        for condition in kept:
            body = self._where(body, condition)
        return _Part(part.index, tuple(sorted(kept, key=lambda c: affine_text(c, {}))), body)

    def _factor(self, part: _Part, others: Sequence[Affine], value: Affine) -> NormalForm:
        """What the product has at one place: 1 where that is off the axis, or not in the part."""
        bounds = [value, part.index.extent - 1 - value]
        bounds += [condition.substitute({part.index: value}) for condition in others]
        there = subtracted(self.transform(part.body, {part.index: value}), constant(1))
        return added((constant(1), self.multiply_all((*map(self.guard, bounds), there))))

    def _rest(self, part: _Part) -> list[NormalForm]:
        """The product over the part, factor by factor if the body is a product."""
        counts = self.multiply_all(map(self.bare_guard, part.conditions))
        if counts.number == 1:
            return [self._over_all(part.index, part.body)]

        def over(body: NormalForm) -> NormalForm:
            whole = added((constant(1), self.multiply(counts, subtracted(body, constant(1)))))
            return self.of_atom(Repeated(part.index, whole)) if len(whole.terms) > 1 else whole

        if len(part.body.terms) != 1:
            return [over(part.body)]
        ((monomial, coefficient),) = part.body.terms.items()
        if any(indicates(*factor) for factor in monomial):
            return [over(part.body)]
        found = [over(constant(coefficient))] if coefficient != 1 else []
        for atom, exponent in monomial:
            if isinstance(atom, Exponential):
                inside = self.multiply(counts, NormalForm({atom.exponent: exponent}))
                found.append(self.exponential(self.sum_over((part.index,), inside)))
            elif exponent.denominator == 1:
                found.append(self.power(over(NormalForm({((atom, 1),): 1})), exponent))
            else:
                found.append(over(NormalForm({((atom, exponent),): 1})))
        return found


def _slope(value: Affine, index: Index) -> int:
    """How an affine expression grows with an index; 0 where that is no number."""
    slope = value.coefficient(index)
    return slope.constant or 0 if index not in (value - Affine.of(index) * slope).atoms() else 0


def brought(condition: Affine, index: Index) -> tuple[Affine, list[Affine]]:
    """The condition i ≤ e − 2 or i ≥ e + 2 for one whose bound is e and a small number, and the
    places between; a bound that is only a number, or not so near, stays."""
    slope = _slope(condition, index)
    if abs(slope) != 1:
        return condition, []
    rest, divisor, reach = lowest_terms((Affine.of(index) * slope - condition) * slope)
    # What a sum binds may be shifted, and then other factors would stand by themselves.
    bound_by_sums = any(isinstance(other, Working) for other in rest.indices())
    if not rest.terms or bound_by_sums or not -CLOSE <= reach <= CLOSE:
        return condition, []
    rest *= divisor
    if slope < 0:
        return rest - CLOSE - index, [rest + n for n in range(1 - CLOSE, reach + 1)]
    return Affine.of(index) - rest - CLOSE, [rest + n for n in range(reach, CLOSE)]


def _by_key(factor: tuple[Atom, Number]) -> str:
    return factor[0].key


def _without(form: NormalForm, indicator: Atom, value: int) -> NormalForm:
    """The form where the indicator has this value."""
    return added(
        NormalForm({tuple(f for f in m if f[0] is not indicator): c})
        for m, c in form.terms.items()
        if value or all(f[0] is not indicator for f in m)
    )
