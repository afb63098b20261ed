"""Linear combinations of monomials: what needs no session."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from derivcheck.normal_form.atoms import Atom, Monomial, NormalForm, Number, monomial_text


def constant(value: Number) -> NormalForm:
    if value.denominator == 1:
        value = value.numerator
    return NormalForm({(): value} if value else {})


def added(forms: Iterable[NormalForm]) -> NormalForm:
    terms: dict[Monomial, Number] = {}
    for form in forms:
        accumulate(terms, form)
    return NormalForm(terms)


def accumulate(terms: dict[Monomial, Number], form: NormalForm, factor: Number = 1) -> None:
    for monomial, coefficient in form.terms.items():
        total = terms.get(monomial, 0) + factor * coefficient
        if total:
            terms[monomial] = total
        else:
            del terms[monomial]


def scaled(form: NormalForm, factor: Number) -> NormalForm:
    if not factor:
        return NormalForm({})
    return NormalForm({m: c * factor for m, c in form.terms.items()})


def subtracted(left: NormalForm, right: NormalForm) -> NormalForm:
    return added((left, scaled(right, -1)))


def divided(left: Number, right: Number) -> Number:
    ratio = Fraction(left) / right
    return ratio.numerator if ratio.denominator == 1 else ratio


def sort(factors: dict[Atom, Number]) -> Monomial:
    if len(factors) < 2:
        return tuple(factors.items())
    return tuple(sorted(factors.items(), key=lambda factor: factor[0].key))


def leading_orientation(form: NormalForm) -> int:
    """1 or −1: the sign of the leading coefficient, chosen blind to the letters of bound indices.

    0 where only those letters would decide (x_i − x_j under a sum).
    """
    names = {index: "?" for index in form.free if index.serial != 0}
    texts = sorted((monomial_text(m, names), number > 0) for m, number in form.terms.items())
    last, sign = texts[-1]
    if any(text == last and other != sign for text, other in texts[:-1]):
        return 0
    return 1 if sign else -1


def plain_orientation(form: NormalForm) -> int:
    """The sign of the leading coefficient, whatever the letters are."""
    last = max(form.terms, key=lambda monomial: monomial_text(monomial, {}))
    return 1 if form.terms[last] > 0 else -1


def common_factors(form: NormalForm, among: Iterable[Atom] | None = None) -> dict[Atom, Number]:
    """The positive powers of atoms, or of these, that divide every term."""
    powers = [dict(monomial) for monomial in form.terms]
    lowest: dict[Atom, Number] = {}
    for atom in dict.fromkeys(form.atoms() if among is None else among):
        least = min((each.get(atom, 0) for each in powers), default=0)
        if least > 0:
            lowest[atom] = least
    return lowest


def ratio(left: NormalForm, right: NormalForm) -> Number | None:
    """The number c ≠ 0 such that left = c·right, term by term; None where there is none."""
    if left.terms.keys() != right.terms.keys():
        return None
    found = {divided(c, right.terms[m]) for m, c in left.terms.items()}
    return found.pop() if len(found) == 1 else None


def quotient(form: NormalForm, content: dict[Atom, Number], number: Number) -> NormalForm:
    """The form divided by a number and powers of atoms."""
    rest: dict[Monomial, Number] = {}
    for monomial, coefficient in form.terms.items():
        factors = dict(monomial)
        for atom, k in content.items():
            remaining = factors.get(atom, 0) - k
            if remaining:
                factors[atom] = remaining
            else:
                factors.pop(atom, None)
        rest[sort(factors)] = divided(coefficient, number)
    return NormalForm(rest)
