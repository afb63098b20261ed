"""Between which numbers a form lies, by the declared bounds of what it is made of: 1 − β > 0."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from derivcheck.normal_form.atoms import (
    INDICATORS,
    Atom,
    Exponential,
    Monomial,
    NormalForm,
    Number,
    Variable,
)
from derivcheck.normal_form.facts import NEGATIVE, POSITIVE, ZERO, Facts

_MOST = 64
"""The largest exponent under which bounds are computed."""


@dataclass(frozen=True)
class Bound:
    """A number that is not exceeded, and never reached if it is open."""

    value: Fraction
    open: bool


@dataclass(frozen=True)
class Interval:
    low: Bound | None
    high: Bound | None

    @property
    def mask(self) -> int:
        """The signs that a number in it can have."""
        mask = NEGATIVE | ZERO | POSITIVE
        if self.low is not None and self.low.value >= 0:
            mask &= ~NEGATIVE
            if self.low.value > 0 or self.low.open:
                mask &= ~ZERO
        if self.high is not None and self.high.value <= 0:
            mask &= ~POSITIVE
            if self.high.value < 0 or self.high.open:
                mask &= ~ZERO
        return mask


_ONE = Bound(Fraction(1), False)
_ZERO_TO_ONE = Interval(Bound(Fraction(0), False), _ONE)


@dataclass
class Intervals(Facts):
    def interval(self, form: NormalForm) -> Interval:
        """Bounds of a sum: the sums of its terms' bounds."""
        low: Bound | None = Bound(Fraction(0), False)
        high: Bound | None = low
        for monomial, coefficient in form.terms.items():
            inside = self._of_monomial(monomial)
            ends = (inside.low, inside.high) if coefficient > 0 else (inside.high, inside.low)
            low, high = (
                None
                if total is None or end is None
                else Bound(total.value + end.value * Fraction(coefficient), total.open or end.open)
                for total, end in zip((low, high), ends, strict=True)
            )
        return Interval(low, high)

    def _of_monomial(self, monomial: Monomial) -> Interval:
        """Bounds of a product of powers that are not negative; none are known of other products."""
        if len(monomial) == 1 and monomial[0][1] == 1:
            return self._of_atom(monomial[0][0])
        low, high = _ONE, _ONE
        unbounded = False
        for atom, exponent in monomial:
            power = _raised(self._of_atom(atom), exponent)
            if power is None or power.low is None:
                return Interval(None, None)
            low = _product(low, power.low, vanishing=True)
            if power.high is None:
                unbounded = True
            else:
                high = _product(high, power.high, vanishing=False)
        return Interval(low, None if unbounded else high)

    def _of_atom(self, atom: Atom) -> Interval:
        if isinstance(atom, INDICATORS):
            return _ZERO_TO_ONE
        mask = self.atom_sign(atom)
        low = None if mask & NEGATIVE else Bound(Fraction(0), not mask & ZERO)
        if isinstance(atom, Variable):
            return self._of_entry(atom, low)
        if isinstance(atom, Exponential):
            sign = self.sign(NormalForm({atom.exponent: 1}))
            if not sign & POSITIVE:
                return Interval(low, Bound(Fraction(1), not sign & ZERO))
            if not sign & NEGATIVE:
                return Interval(Bound(Fraction(1), not sign & ZERO), None)
        return Interval(low, None)

    def _of_entry(self, atom: Variable, low: Bound | None) -> Interval:
        """The declared bounds, widened to 0 where the subscript may leave the axis."""
        domain = atom.tensor.domain
        inside = all(
            self.nonnegative(subscript) and self.nonnegative(extent - subscript - 1)
            for subscript, extent in zip(atom.subscripts, atom.tensor.extents, strict=True)
        )
        if domain.values:
            domain_low, domain_high = min(domain.values), max(domain.values)
            open_low = open_high = False
        else:
            domain_low, domain_high = domain.lower, domain.upper
            open_low, open_high = domain.strict_lower, domain.strict_upper
        lower = None if domain_low is None else Bound(domain_low, open_low)
        upper = None if domain_high is None else Bound(domain_high, open_high)
        if not inside:
            lower = None if lower is None or lower.value > 0 else lower
            upper = None if upper is None or upper.value < 0 else upper
            lower = low if lower is None or lower.value == 0 else lower
            upper = Bound(Fraction(0), False) if upper is not None and not upper.value else upper
        if upper is not None and domain.declared:
            self.assume(f"{atom.tensor.name} {'<' if upper.open else '≤'} {upper.value}")
        return Interval(low if lower is None else lower, upper)


def _product(left: Bound, right: Bound, *, vanishing: bool) -> Bound:
    """The bound of a product of numbers ≥ 0; a lower bound 0 is reached where a factor reaches
    it, an upper bound 0 always."""
    value = left.value * right.value
    if vanishing and not value:
        closed = any(not bound.value and not bound.open for bound in (left, right))
        return Bound(value, not closed)
    return Bound(value, bool(value) and (left.open or right.open))


def _raised(interval: Interval, exponent: Number) -> Interval | None:
    """Bounds of a power of a number ≥ 0, where they are rational."""
    if interval.low is None or interval.low.value < 0 or abs(exponent) > _MOST:
        return None
    if exponent < 0:
        low, high = (_power(bound, exponent) for bound in (interval.high, interval.low))
        return Interval(low or Bound(Fraction(0), True), high)
    return Interval(_power(interval.low, exponent), _power(interval.high, exponent))


def _power(bound: Bound | None, exponent: Number) -> Bound | None:
    if bound is None or (not bound.value and exponent < 0):
        return None
    if bound.value in (0, 1):
        return bound
    if exponent.denominator != 1:
        return None
    return Bound(bound.value ** int(exponent), bound.open)
