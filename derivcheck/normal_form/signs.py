"""Signs that the declarations entail, as sets: which of −, 0 and + a value can have."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations
from math import lcm

from derivcheck.expression import (
    ELSEWHERE,
    Add,
    Affine,
    Apply,
    Count,
    Delta,
    Entry,
    Expression,
    Guard,
    Index,
    Maximum,
    Multiply,
    Parameter,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    atom_key,
)
from derivcheck.normal_form.atoms import (
    Atom,
    Equal,
    Exponential,
    Extremum,
    Integer,
    Monomial,
    NonNegative,
    NormalForm,
    Number,
    Prime,
    Repeated,
    Root,
    Scalar,
    Sign,
    Summation,
    Variable,
    tensor_key,
)
from derivcheck.normal_form.facts import ANY, NEGATIVE, POSITIVE, ZERO
from derivcheck.normal_form.intervals import Intervals
from derivcheck.normal_form.linear import (
    added,
    common_factors,
    quotient,
    ratio,
    sort,
    subtracted,
)

_ONES = (NEGATIVE, ZERO, POSITIVE)
_VALUES = {NEGATIVE: -1, ZERO: 0, POSITIVE: 1}
_MASKS = {-1: NEGATIVE, 0: ZERO, 1: POSITIVE}
_POSITIVE_FUNCTIONS = ("exp", "sigmoid", "softplus", "cosh")
_ODD_FUNCTIONS = ("tanh", "sinh", "arctan", "erf", "sign")
_MOST_TERMS = 12
"""Longer sums are not taken apart for their sign."""


def product_sign(left: int, right: int) -> int:
    result = 0
    for a in _ONES:
        for b in _ONES:
            if left & a and right & b:
                result |= _MASKS[_VALUES[a] * _VALUES[b]]
    return result


def sum_sign(left: int, right: int) -> int:
    if left == ZERO or right == ZERO:
        return left | right if left == right else (left if right == ZERO else right)
    both = left | right
    if both & NEGATIVE and both & POSITIVE:
        return ANY
    # One sign only: the sum is 0 only where both may be.
    return (both & ~ZERO) | (left & right & ZERO)


def power_sign(base: int, exponent: Number) -> int:
    """The sign of base^exponent where it is defined."""
    if exponent == 0:
        return POSITIVE
    if exponent.denominator != 1:
        base &= ZERO | POSITIVE
    if exponent < 0:
        base &= ~ZERO
    if exponent.denominator == 1 and exponent.numerator % 2 == 0 and base & NEGATIVE:
        base = (base & ~NEGATIVE) | POSITIVE
    return base


def number_sign(value: Number) -> int:
    return POSITIVE if value > 0 else NEGATIVE if value < 0 else ZERO


@dataclass
class Signs(Intervals):
    """Sign analysis of forms, and of expressions, where squares are still to be seen."""

    known: dict[str, int] = field(default_factory=dict[str, int])
    _defined: dict[Tensor, int] = field(default_factory=dict[Tensor, int])
    _declared: dict[Atom, int] = field(default_factory=dict[Atom, int])

    def sign(self, form: NormalForm) -> int:
        """Which signs the form can have; facts learnt of the expression it came from count."""
        if not form.terms:
            return ZERO
        result = ZERO
        for monomial, coefficient in form.terms.items():
            result = sum_sign(result, self.monomial_sign(monomial, coefficient))
            if result == ANY:
                break
        result = result & self.known.get(form.key, ANY) or result
        return result if result in _ONES else self._narrowed(form, result)

    def _narrowed(self, form: NormalForm, mask: int) -> int:
        """What declared bounds and inequalities leave of the signs."""
        if len(form.terms) > 1:
            size = _as_size(form)
            if size is not None:
                return mask & self._size_sign(size) or mask
            noted = dict(self.assumptions)
            narrow = mask & self.interval(form).mask
            if narrow in (mask, 0):
                self.assumptions = noted
            mask = narrow or mask
        if (self.facts or self.cases) and mask not in _ONES:
            mask = mask & self.declared_sign(form) or mask
        if 1 < len(form.terms) <= _MOST_TERMS and mask not in _ONES:
            noted = dict(self.assumptions)
            narrow = mask & self._sign_of_parts(form)
            if narrow in (mask, 0):
                self.assumptions = noted
            mask = narrow or mask
        return mask

    def _sign_of_parts(self, form: NormalForm) -> int:
        """The sign of a sum by a factor of all terms, or by the two values of an indicator.

        β v − v is (β − 1) v, and f − f [f > 0] is 0 or f, where that is not positive.
        """
        shared = common_factors(form)
        if shared:
            others = self.sign(quotient(form, shared, 1))
            return product_sign(self.monomial_sign(sort(shared)), others)
        for atom in form.atoms():
            if isinstance(atom, Sign):
                off = NormalForm({m: c for m, c in form.terms.items() if atom not in dict(m)})
                beside = NormalForm({m: c for m, c in form.terms.items() if m not in off.terms})
                factor = common_factors(beside, (atom,))
                if factor:  # and no reciprocal
                    on = added((off, quotient(beside, factor, 1)))
                    below = self._sign_where(off, atom.argument, NEGATIVE | ZERO)
                    return below | self._sign_where(on, atom.argument, POSITIVE)
        return ANY

    def _sign_where(self, form: NormalForm, argument: NormalForm, mask: int) -> int:
        """The sign of a form where the argument has one of these signs."""
        shared = common_factors(form)
        factor = ratio(quotient(form, shared, 1), argument)
        if factor:
            return product_sign(self.monomial_sign(sort(shared), factor), mask)
        return self.sign(form)

    def declared_sign(self, form: NormalForm) -> int:
        """The signs that the facts leave the form, and the case at hand."""
        mask = super().declared_sign(form)
        for case in self.cases:
            mask &= self._beyond(form, case.form, case.mask, len(form.terms) + len(case.form.terms))
        for first, second in combinations(self.cases, 2):
            if mask in _ONES:
                break
            # x − ε lies beyond x − y and y − ε together.
            both = sum_sign(first.mask, second.mask)
            if both != ANY:
                mask &= self._beyond(form, added((first.form, second.form)), both, 2)
        return mask

    def _beyond(self, form: NormalForm, base: NormalForm, mask: int, terms: int) -> int:
        """The signs of a form, of a base with one of these signs and of fewer terms between them
        together."""
        rest = subtracted(form, base)
        if len(rest.terms) >= terms:
            return ANY
        for monomial, coefficient in rest.terms.items():
            mask = sum_sign(mask, self.monomial_sign(monomial, coefficient))
        return mask

    def is_nothing(self, entry: Variable) -> bool:
        """Whether the case at hand is that this entry is 0."""
        return bool(self.cases) and self.atom_sign(self.intern(entry)) == ZERO

    def _size_sign(self, size: Affine) -> int:
        if self.nonnegative(size):
            return POSITIVE if self.nonnegative(size - 1) else ZERO | POSITIVE
        if self.nonnegative(-size):
            return NEGATIVE if self.nonnegative(-size - 1) else NEGATIVE | ZERO
        return ANY

    def learn(self, form: NormalForm, mask: int) -> None:
        """Remember a sign that the written expression shows and its expansion may hide."""
        if mask != ANY and len(form.terms) > 1:
            self.known[form.key] = self.known.get(form.key, ANY) & mask or mask

    def monomial_sign(self, monomial: Monomial, coefficient: Number = 1) -> int:
        result = number_sign(coefficient)
        for atom, exponent in monomial:
            result = product_sign(result, power_sign(self.atom_sign(atom), exponent))
        return result

    def atom_sign(self, atom: Atom) -> int:
        mask = self._atom_sign(atom)
        if (self.facts or self.cases) and mask not in _ONES:
            known = self._declared.get(atom)
            if known is None:
                self._declared[atom] = ANY  # while it is looked for
                known = self.declared_sign(NormalForm({((self.intern(atom), 1),): 1}))
                self._declared[atom] = known
            mask = mask & known or mask
        return mask

    def _atom_sign(self, atom: Atom) -> int:
        match atom:
            case Integer(value=value):
                minimum = 0 if isinstance(value, Index) else value.minimum
                return POSITIVE if minimum > 0 else ZERO | POSITIVE
            case Prime() | Exponential():
                return POSITIVE
            case Equal() | NonNegative() | Sign():
                return ZERO | POSITIVE
            case Variable(tensor=tensor, subscripts=subscripts):
                mask = self._tensor_sign(tensor)
                inside = all(
                    self.nonnegative(subscript) and self.nonnegative(extent - subscript - 1)
                    for subscript, extent in zip(subscripts, tensor.extents, strict=True)
                )
                return mask if inside else mask | ZERO
            case Summation(indices=indices, factors=factors):
                mask = self.monomial_sign(factors)
                filled = all(self.nonnegative(index.extent - 1) for index in indices)
                return mask if filled and mask in _ONES else mask | ZERO if mask != ANY else ANY
            case Root(base=base):
                return self.sign(base)
            case Repeated(body=body):
                mask = self.sign(body)
                return mask if mask in (POSITIVE, ZERO | POSITIVE) else ANY
            case Extremum(body=body):
                return self.sign(body)
            case Scalar(function=function, arguments=(argument,)) if not function.abstract:
                if function.name in _POSITIVE_FUNCTIONS:
                    return POSITIVE
                if function.name in _ODD_FUNCTIONS:
                    return self.sign(argument)
                if function.name == "log":
                    beyond = NormalForm(dict(argument.terms))
                    beyond.terms[()] = beyond.terms.get((), 0) - 1
                    if not beyond.terms[()]:
                        del beyond.terms[()]
                    return self.sign(beyond)
                return ANY
            case _:
                return ANY

    def _tensor_sign(self, tensor: Tensor) -> int:
        if tensor_key(tensor) in self.supposed_positive:
            return POSITIVE
        domain = tensor.domain
        mask = ANY
        if domain.positive:
            mask = POSITIVE
        elif domain.nonnegative:
            mask = ZERO | POSITIVE
        elif domain.nonzero:
            mask = NEGATIVE | POSITIVE
        if mask != ANY and domain.declared:
            relation = {POSITIVE: "> 0", ZERO | POSITIVE: "≥ 0"}.get(mask, "≠ 0")
            self.assume(f"{tensor.name} {relation}")
        definition = self.context.definitions.get(tensor)
        if definition is None:
            return mask
        if tensor not in self._defined:
            self._defined[tensor] = ANY  # a definition in a circle says nothing
            self._defined[tensor] = self.expression_sign(definition.body)
        return mask & self._defined[tensor] or mask

    def expression_sign(self, expression: Expression) -> int:
        """The sign of an expression as written, before squares are expanded."""
        match expression:
            case Rational(value):
                return number_sign(value)
            case Count(value):
                if self.nonnegative(value - 1):
                    return POSITIVE
                return ZERO | POSITIVE if self.nonnegative(value) else ANY
            case Entry(tensor, subscripts):
                return self.atom_sign(Variable(tensor, subscripts))
            case Delta() | Guard() | Positive():
                return ZERO | POSITIVE
            case Add(terms):
                result = ZERO
                for term in terms:
                    result = sum_sign(result, self.expression_sign(term))
                return result
            case Multiply(factors):
                result = POSITIVE
                for factor in factors:
                    result = product_sign(result, self.expression_sign(factor))
                # A factor written twice is a square.
                if result == ANY and len(factors) == 2 and factors[0] == factors[1]:
                    return ZERO | POSITIVE
                return result
            case Power(base, Rational(exponent)):
                return power_sign(self.expression_sign(base), exponent)
            case Power(base, _):
                return POSITIVE if self.expression_sign(base) == POSITIVE else ANY
            case Sum(index, body) | Product(index, body):
                mask = self.expression_sign(body)
                if isinstance(expression, Product):
                    return mask if mask in (POSITIVE, ZERO | POSITIVE) else ANY
                filled = self.nonnegative(index.extent - 1)
                return mask if filled and mask in _ONES else mask | ZERO if mask != ANY else ANY
            case Maximum(_, _, body):
                return self.expression_sign(body)
            case Apply(function, (argument,)) if not function.abstract:
                if function == ELSEWHERE:
                    return ZERO
                if function.name in _POSITIVE_FUNCTIONS:
                    return POSITIVE
                if function.name in _ODD_FUNCTIONS:
                    return self.expression_sign(argument)
                if function.name in ("relu", "abs"):
                    mask = self.expression_sign(argument)
                    if function.name == "abs" and not mask & ZERO:
                        return POSITIVE
                    return POSITIVE if mask == POSITIVE else ZERO | POSITIVE
                return ANY
            case _:
                return ANY


def _as_size(form: NormalForm) -> Affine | None:
    """The integer polynomial that the form is a positive multiple of, if it is one."""
    scale = lcm(*(Fraction(coefficient).denominator for coefficient in form.terms.values()))
    terms: list[tuple[tuple[Parameter | Index, ...], int]] = []
    for monomial, coefficient in form.terms.items():
        term: list[Parameter | Index] = []
        for atom, exponent in monomial:
            if not isinstance(atom, Integer) or exponent < 0 or exponent.denominator != 1:
                return None
            term.extend([atom.value] * int(exponent))
        terms.append((tuple(sorted(term, key=atom_key)), int(coefficient * scale)))
    return Affine.collect(terms)
