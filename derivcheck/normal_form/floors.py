"""Floors of quotients of integer polynomials: ⌊n + x⌋ = n + ⌊x⌋, and ⌊x⌋ = 0 where 0 ≤ x < 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import floor, lcm

from derivcheck.expression import Affine
from derivcheck.normal_form.atoms import Atom, Integer, Monomial, NormalForm, Number


def parted(form: NormalForm) -> tuple[NormalForm, NormalForm]:
    """n + x = form, where n is an integer everywhere and x has of each product of integers less
    than one."""
    whole: dict[Monomial, Number] = {}
    rest: dict[Monomial, Number] = {}
    for monomial, coefficient in form.terms.items():
        part = floor(coefficient) if _product(dict(monomial)) is not None else 0
        whole[monomial], rest[monomial] = part, coefficient - part
    return _form(whole), _form(rest)


def _form(terms: Mapping[Monomial, Number]) -> NormalForm:
    return NormalForm({monomial: c for monomial, c in terms.items() if c})


def is_proper(fraction: NormalForm, nonnegative: Callable[[Affine], bool]) -> bool:
    """Whether 0 ≤ fraction < 1, of an integer polynomial over one integer; `nonnegative` decides
    about integer polynomials, and False is "not known"."""
    below = {atom for monomial in fraction.terms for atom, exponent in monomial if exponent < 0}
    if len(below) > 1:
        return False
    number = lcm(*(Fraction(c).denominator for c in fraction.terms.values()))
    divisor = _product(dict.fromkeys(below, 1))
    numerator = Affine()
    for monomial, coefficient in fraction.terms.items():
        exponents = dict(monomial)
        for atom in below:
            exponents[atom] = exponents.get(atom, 0) + 1
        term = _product(exponents)
        if term is None:
            return False
        numerator = numerator + term * int(coefficient * number)
    if divisor is None:
        return False
    divisor = divisor * number
    bounds = (divisor - 1, numerator, divisor - numerator - 1)
    return all(map(nonnegative, bounds))


def _product(factors: Mapping[Atom, Number]) -> Affine | None:
    """Π atom^exponent, if it is a product of integers."""
    result = Affine.of(1)
    for atom, exponent in factors.items():
        if not isinstance(atom, Integer) or exponent < 0 or exponent.denominator != 1:
            return None
        for _ in range(int(exponent)):
            result = result * atom.value
    return result
