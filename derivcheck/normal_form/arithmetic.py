"""Sums, products and powers of normal forms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor, gcd, lcm

from derivcheck.expression import Affine, Function, Parameter
from derivcheck.normal_form.atoms import (
    INDICATORS,
    Atom,
    Equal,
    Integer,
    Monomial,
    NonNegative,
    NormalForm,
    Number,
    Prime,
    Root,
    Scalar,
    Sign,
    Variable,
)
from derivcheck.normal_form.few_values import boolean, lowered, membership
from derivcheck.normal_form.integers import (
    lowest_terms,
    prime_factors,
    quotient_and_rest,
    tightened,
)
from derivcheck.normal_form.linear import (
    accumulate,
    added,
    constant,
    divided,
    leading_orientation,
    plain_orientation,
    quotient,
    scaled,
    sort,
    subtracted,
)
from derivcheck.normal_form.session import BudgetExceeded, Unprovable
from derivcheck.normal_form.signs import NEGATIVE, POSITIVE, ZERO, Signs, product_sign

_LARGEST_EXPONENT = 256
_FEW = 2
"""A guard that holds, or fails, at no more than this and one values is written with deltas."""
_SINE = Function("sin")


@dataclass
class Arithmetic(Signs):
    """Products merge equal atoms; powers pull out the content and keep the rest as a root."""

    _mirrored: dict[Sign, Atom] = field(default_factory=dict[Sign, Atom])
    """The atoms [−b > 0] of this session, with b."""
    _capped: dict[Sign, list[frozenset[Atom]]] = field(
        default_factory=dict[Sign, "list[frozenset[Atom]]"]
    )
    """The atoms [f_k > max f], with indicators beside which they are 0."""

    def of_atom(self, atom: Atom) -> NormalForm:
        return NormalForm({((self.intern(atom), 1),): 1})

    def number(self, value: Affine) -> NormalForm:
        """An integer polynomial as a number."""
        terms: dict[Monomial, Number] = {}
        for term, coefficient in value.terms:
            factors: dict[Atom, Number] = {}
            for atom in term:
                if isinstance(atom, Parameter) and (
                    self._parameters.setdefault(atom.name, atom) != atom
                ):
                    raise Unprovable(f"two different integers are called {atom.name}")
                made = self.intern(Integer(atom))
                factors[made] = factors.get(made, 0) + 1
            terms[sort(factors)] = coefficient
        return NormalForm(terms)

    def guard(self, value: Affine) -> NormalForm:
        """[value ≥ 0], decided where the ranges decide it.

        Under `expand_ranges` it is also oriented, and deltas where few values are left.
        """
        if not self.expand_ranges:
            return self.bare_guard(value)
        value = tightened(value)
        if lowest_terms(value)[2] < 0:
            # Of e and −e − 1 exactly one has a constant ≥ 0, whatever its indices are called.
            return subtracted(constant(1), self.bare_guard(-value - 1, _FEW))
        return self.bare_guard(value, _FEW)

    def bare_guard(self, value: Affine, few: int = 0) -> NormalForm:
        """[value ≥ 0]; where value ≤ few is entailed, δ(value, 0) + … + δ(value, few)."""
        if self.nonnegative(value):
            return constant(1)
        if self.nonnegative(-value - 1):
            return constant(0)
        for last in range(few + 1):
            if self.nonnegative(-value + last):
                return added([self.equal(value - reached) for reached in range(last + 1)])
        return self.of_atom(NonNegative(tightened(value)))

    def within(self, value: Affine, extent: Affine) -> NormalForm:
        """The guards of an axis, never turned round: rules that hold inside the axis only rest on
        them beside what they guard."""
        index = value.index
        if index is not None and index.extent == extent:
            return constant(1)
        few = _FEW if self.expand_ranges else 0
        low, high = (self.bare_guard(e, few) for e in (value, extent - value - 1))
        return self.multiply(low, high)

    def equal(self, difference: Affine) -> NormalForm:
        """δ(difference, 0), decided where the ranges decide it."""
        if difference.constant is not None:
            return constant(int(difference.constant == 0))
        if self.nonnegative(difference - 1) or self.nonnegative(-difference - 1):
            return constant(0)
        rest, divisor, offset = lowest_terms(difference)
        if offset % divisor:
            return constant(0)
        apart = quotient_and_rest(difference)
        if apart is not None:
            return self.multiply(*map(self.equal, apart))
        return self.of_atom(Equal(rest + offset // divisor))

    def entry(self, variable: Variable) -> NormalForm:
        """An entry with the guards of its zero extension."""
        self.check_name(variable.tensor)
        if self.is_nothing(variable):
            return NormalForm({})
        return self.present(self.of_atom(variable), variable)

    def present(self, form: NormalForm, variable: Variable) -> NormalForm:
        """The form, guarded where the entry may be off its axis or outside its recurrence."""
        for subscript, extent in zip(variable.subscripts, variable.tensor.extents, strict=True):
            form = self.multiply(form, self.within(subscript, extent))
        few = _FEW if self.expand_ranges else 0
        for value in self.context.support(variable.tensor, variable.subscripts):
            form = self.multiply(form, self.bare_guard(value, few))
        return form

    # Products.

    def multiply(self, left: NormalForm, right: NormalForm) -> NormalForm:
        if not left.terms or not right.terms:
            return constant(0)
        if (number := right.number) is not None:
            return scaled(left, number)
        if (number := left.number) is not None:
            return scaled(right, number)
        terms: dict[Monomial, Number] = {}
        for m, c in left.terms.items():
            for n, d in right.terms.items():
                product, factor, others = self._times(m, n)
                if not factor:
                    continue
                form = NormalForm({product: c * d * factor})
                for other in others:
                    form = self.multiply(form, other)
                accumulate(terms, form)
        return NormalForm(terms)

    def multiply_all(self, forms: Iterable[NormalForm]) -> NormalForm:
        result = constant(1)
        for form in forms:
            result = self.multiply(result, form)
        return result

    def _times(self, left: Monomial, right: Monomial) -> tuple[Monomial, Number, list[NormalForm]]:
        """The merged product; its rational factor; forms it must still be multiplied by."""
        self.step()
        if not left or not right:
            return left or right, 1, []
        if len(left) < len(right):
            left, right = right, left
        merged = dict(left)
        factor: Number = 1
        others: list[NormalForm] = []
        for atom, exponent in right:
            before = merged.get(atom)
            if isinstance(atom, INDICATORS):
                # g·g⁻¹ is g: where g is 0 the product is 0, whatever its other factors are.
                after: Number = 1 if exponent > 0 or (before or 0) > 0 else -1
                if before is None and after > 0 and self._settled(atom, merged):
                    if self._excluded(atom, merged):
                        return (), 0, []
                    continue
                merged[atom] = after
                continue
            if before is None:
                merged[atom] = exponent
                continue
            total = before + exponent
            if not total:
                del merged[atom]
                continue
            whole = total.denominator == 1
            if isinstance(atom, Root) and _expands(atom, total):
                del merged[atom]
                others.append(self.power(atom.base, total))
                continue
            if isinstance(atom, Prime):
                factor = factor * Fraction(atom.value) ** floor(total)
                total -= floor(total)
                if not total:
                    del merged[atom]
                    continue
            elif isinstance(atom, Variable) and (less := lowered(atom, total)) != total:
                self.assume(membership(atom))
                total = less
                if not total:
                    del merged[atom]
                    continue
            elif isinstance(atom, Scalar) and atom.function.name == "cos" and total >= 2 and whole:
                sine = self.of_atom(Scalar(_SINE, atom.arguments))
                square = subtracted(constant(1), self.multiply(sine, sine))
                others.append(square)
                total -= 2
                if not total:
                    del merged[atom]
                    continue
            merged[atom] = total
        for capped, caps in self._capped.items():
            if merged.get(capped, 0) > 0 and any(
                all(self._implied(atom, merged) for atom in cap) for cap in caps
            ):
                return (), 0, []
        for mirrored, base in self._mirrored.items():
            if merged.get(mirrored, 0) > 0 and merged.get(base, 0) > 0:
                # [−b > 0] and 1 − [b > 0] differ where b = 0 only, and there the product is 0.
                del merged[mirrored]
                others.append(subtracted(constant(1), self.positive(self.of_atom(base))))
        return sort(merged), factor, others

    def _implied(self, atom: Atom, merged: dict[Atom, Number]) -> bool:
        """Whether an indicator of the product is 1 only where this one is."""
        return merged.get(atom, 0) > 0 or any(
            isinstance(atom, NonNegative)
            and isinstance(other, NonNegative)
            and exponent > 0
            and self.nonnegative(atom.value - other.value)
            for other, exponent in merged.items()
        )

    def _settled(self, atom: Atom, merged: dict[Atom, Number]) -> bool:
        """Whether the other indicators of the product imply or exclude this one; may drop some."""
        if isinstance(atom, NonNegative):
            for other, exponent in list(merged.items()):
                if not isinstance(other, NonNegative) or exponent < 0:
                    continue
                if self.nonnegative(atom.value - other.value) or self.nonnegative(
                    -atom.value - other.value - 1
                ):
                    return True
                if self.nonnegative(other.value - atom.value):
                    del merged[other]
            return self.expand_ranges and self._excluded(atom, merged)
        return isinstance(atom, Sign | Equal) and self._excluded(atom, merged)

    def _excluded(self, atom: Atom, merged: dict[Atom, Number]) -> bool:
        """Whether some indicator of the product is 0 wherever this one is 1."""
        for other, exponent in merged.items():
            if exponent < 0:
                continue
            match atom, other:
                case NonNegative(value=here), NonNegative(value=there):
                    excluded = self.nonnegative(-here - there - 1)
                case Sign(argument=here), Sign(argument=there):
                    excluded = not added((here, there))
                case Equal(difference=zero), NonNegative(value=value):
                    excluded = self._contradicts(zero, value)
                case NonNegative(value=value), Equal(difference=zero):
                    excluded = self._contradicts(zero, value)
                case _:
                    excluded = False
            if excluded:
                return True
        return False

    def _contradicts(self, zero: Affine, value: Affine) -> bool:
        """Whether value < 0 is entailed where the first is 0, by adding or subtracting it once."""
        return self.expand_ranges and (
            self.nonnegative(zero - value - 1) or self.nonnegative(-zero - value - 1)
        )

    # Powers.

    def power(self, base: NormalForm, exponent: Number) -> NormalForm:
        """base^exponent where it is defined; `Unprovable` where that is nowhere."""
        if exponent == 1:
            return base
        if not base:
            if exponent > 0:
                return base
            raise Unprovable(
                "a base that is identically 0 stands under a power that is not positive"
            )
        if exponent == 0:
            return constant(1)
        if exponent.denominator == 1:
            exponent = int(exponent)
        if len(base.terms) == 1:
            ((monomial, coefficient),) = base.terms.items()
            return self._monomial_power(monomial, coefficient, exponent)
        if isinstance(exponent, int) and (size := _two_valued(base)) is not None:
            # (1 − 2g)² is 1 for an indicator g
            outside = scaled(constant(1), self._rational_power(size, exponent))
            inside = scaled(base, divided(1, size)) if exponent % 2 else constant(1)
            return self.multiply(outside, inside)
        if isinstance(exponent, int) and exponent > 0:
            if exponent > _LARGEST_EXPONENT:
                raise BudgetExceeded(f"a sum to the power {exponent} is not expanded")
            result = base
            for _ in range(exponent - 1):
                result = self.multiply(result, base)
            return result
        return self._root(base, exponent)

    def _monomial_power(self, monomial: Monomial, coefficient: Number, e: Number) -> NormalForm:
        if isinstance(e, int):
            parts = [self.atom_power(atom, k * e) for atom, k in monomial]
            return scaled(self.multiply_all(parts), self._rational_power(coefficient, e))
        parts: list[NormalForm] = []
        left: list[tuple[Atom, Number]] = []
        for atom, k in monomial:
            mask = self.atom_sign(atom)
            # a^k with a fractional k is defined for a ≥ 0 only.
            if not mask & NEGATIVE or k.denominator != 1:
                parts.append(self.atom_power(atom, k * e))
            elif k % 2 == 0 and (k * e).denominator == 1:
                # √x² = |x| = x (2 [x > 0] − 1)
                parts.append(self.atom_power(atom, k * e))
                if (k * e) % 2:
                    sign = self.positive(self.of_atom(atom))
                    parts.append(subtracted(scaled(sign, 2), constant(1)))
            elif isinstance(atom, Root) and mask == NEGATIVE and k % 2:
                # √(a/b) = √(−a)/√(−b) for b < 0
                parts.append(self.power(scaled(atom.base, -1), k * e))
                coefficient = -coefficient
            else:
                left.append((atom, k))
        if not left and coefficient < 0:
            raise Unprovable("a negative base stands under a fractional power")
        parts.append(self._numeric_power(abs(coefficient), e))
        if len(left) == 1 and coefficient > 0 and left[0][1] % 2:
            atom, k = left[0]
            parts.append(self.atom_power(atom, k * e))
        elif left:
            inside = NormalForm({tuple(left): 1 if coefficient > 0 else -1})
            if self.sign(inside) == NEGATIVE:
                raise Unprovable("a negative base stands under a fractional power")
            parts.append(NormalForm({((self.intern(Root(inside, False)), e),): 1}))
        return self.multiply_all(parts)

    def atom_power(self, atom: Atom, exponent: Number) -> NormalForm:
        """atom^exponent for an atom that may be taken to it."""
        if not exponent:
            return constant(1)
        whole = exponent.denominator == 1
        if isinstance(atom, INDICATORS):
            exponent = 1 if exponent > 0 else -1
        elif isinstance(atom, Prime):
            return self._numeric_power(atom.value, exponent)
        elif isinstance(atom, Root) and _expands(atom, exponent):
            return self.power(atom.base, exponent)
        elif isinstance(atom, Variable) and (less := lowered(atom, exponent)) != exponent:
            self.assume(membership(atom))
            return self.atom_power(atom, less)
        elif isinstance(atom, Scalar) and atom.function.name == "cos" and whole and exponent >= 2:
            return self.multiply_all([self.of_atom(atom)] * int(exponent))
        return NormalForm({((atom, exponent),): 1})

    def _rational_power(self, base: Number, exponent: int) -> Number:
        if abs(exponent) > _LARGEST_EXPONENT and base not in (1, -1):
            raise BudgetExceeded(f"a number to the power {exponent}")
        return Fraction(base) ** exponent

    def _numeric_power(self, base: Number, exponent: Number) -> NormalForm:
        """A positive rational to a rational power: 8^(1/2) = 2·2^(1/2)."""
        if exponent.denominator == 1:
            return constant(self._rational_power(base, int(exponent)))
        if abs(exponent) > _LARGEST_EXPONENT:
            raise BudgetExceeded(f"a number to the power {exponent}")
        base = Fraction(base)
        rational = Fraction(1)
        factors: dict[Atom, Number] = {}
        for value, sign in ((base.numerator, 1), (base.denominator, -1)):
            for prime, multiplicity in prime_factors(value):
                total = exponent * multiplicity * sign
                rational *= Fraction(prime) ** floor(total)
                if total - floor(total):
                    factors[self.intern(Prime(prime))] = total - floor(total)
        return NormalForm({sort(factors): rational})

    def _root(self, base: NormalForm, e: Number) -> NormalForm:
        """A sum under a negative or fractional power: content out, the rest an atom."""
        whole = isinstance(e, int)
        number, shared = self._content(base)
        pulled = {
            atom: k
            for atom, k in shared.items()
            if whole or k.denominator != 1 or not self.atom_sign(atom) & NEGATIVE
        }
        turned = [
            (atom, k)
            for atom, k in shared.items()
            if atom not in pulled
            and isinstance(atom, Root)
            and k % 2
            and self.atom_sign(atom) == NEGATIVE
        ]
        if turned:
            outside = [self.power(scaled(atom.base, -1), k * e) for atom, k in turned]
            rest = quotient(base, dict[Atom, Number](turned), (-1) ** len(turned))
            return self.multiply_all([*outside, self._root(rest, e)])
        orientation = leading_orientation(base) or plain_orientation(base)
        if whole and orientation < 0:
            number = -number
        inside = quotient(base, pulled, number)
        expanded = self._expanded(inside)
        self._inherit(base, expanded, pulled, number)
        signed = whole and bool(pulled) and _two_valued(expanded) is not None
        if expanded is not inside or signed:
            outside = NormalForm({sort(pulled): number})
            return self.multiply(self.power(outside, e), self.power(expanded, e))
        mask = self.sign(inside)
        if not whole and mask == NEGATIVE:
            raise Unprovable("a negative base stands under a fractional power")
        primitive = whole or (len(pulled) == len(shared) and orientation > 0)
        parts = [self.atom_power(atom, k * e) for atom, k in pulled.items()]
        if whole:
            parts.append(constant(self._rational_power(number, int(e))))
        else:
            parts.append(self._numeric_power(number, e))
        parts.append(NormalForm({((self.intern(Root(inside, primitive)), e),): 1}))
        return self.multiply_all(parts)

    def without_content(
        self, form: NormalForm, content: dict[Atom, Number], number: Number
    ) -> NormalForm:
        """The form divided by factors of all its terms."""
        return self._expanded(quotient(form, content, number))

    def _expanded(self, form: NormalForm) -> NormalForm:
        """The form with the roots expanded that a division has left under a whole power."""
        if not any(isinstance(a, Root) and _expands(a, k) for m in form.terms for a, k in m):
            return form
        return added(
            scaled(self.multiply_all(self.atom_power(a, k) for a, k in monomial), coefficient)
            for monomial, coefficient in form.terms.items()
        )

    def _inherit(
        self, base: NormalForm, inside: NormalForm, pulled: dict[Atom, Number], number: Number
    ) -> None:
        mask = self.known.get(base.key)
        if mask is not None:
            outside = self.monomial_sign(sort(pulled), number)
            if outside in (NEGATIVE, POSITIVE):
                self.learn(inside, product_sign(mask, outside))
            elif outside == ZERO | POSITIVE and not mask & ZERO:
                self.learn(inside, mask)

    def _content(self, form: NormalForm) -> tuple[Number, dict[Atom, Number]]:
        """The positive rational and the powers of atoms that divide every term."""
        numerators = [Fraction(c).numerator for c in form.terms.values()]
        denominators = [Fraction(c).denominator for c in form.terms.values()]
        number = Fraction(gcd(*numerators), lcm(*denominators))
        lowest: dict[Atom, Number] = {}
        for atom in dict.fromkeys(form.atoms()):
            exponents = [dict(monomial).get(atom, 0) for monomial in form.terms]
            least = min(exponents)
            idempotent = isinstance(atom, INDICATORS) or (
                isinstance(atom, Variable) and boolean(atom)
            )
            if least and not (idempotent and max(exponents) != least):
                lowest[atom] = least
        return number, lowest


def _two_valued(form: NormalForm) -> Number | None:
    """c, if the form is c·(1 − 2g) for an indicator g."""
    size = form.terms.get((), 0)
    others = [(m, c) for m, c in form.terms.items() if m]
    if not size or len(others) != 1:
        return None
    monomial, coefficient = others[0]
    idempotent = all(isinstance(atom, INDICATORS) and k > 0 for atom, k in monomial)
    return size if idempotent and coefficient == -2 * size else None


def _expands(root: Root, exponent: Number) -> bool:
    return exponent.denominator == 1 and (exponent > 0 or not root.primitive)
