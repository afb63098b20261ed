"""[−f > 0] is 1 − [f > 0] beside a factor that is 0 where f is; for a sum f, over several terms."""

from __future__ import annotations

from dataclasses import dataclass

from derivcheck.normal_form.atoms import Monomial, NormalForm, Number, Sign
from derivcheck.normal_form.denominators import Denominators, lexical
from derivcheck.normal_form.linear import (
    accumulate,
    added,
    divided,
    leading_orientation,
    scaled,
    sort,
)
from derivcheck.normal_form.signs import ZERO


@dataclass
class Mirrored(Denominators):
    def folded(self, form: NormalForm) -> NormalForm:
        """The form with its indicators turned one way, where what they multiply allows it."""
        for atom in dict.fromkeys(form.atoms()):
            if not isinstance(atom, Sign) or len(atom.argument.terms) < 2:
                continue
            turned = scaled(atom.argument, -1)
            if (leading_orientation(turned), turned.key) < (
                leading_orientation(atom.argument),
                atom.argument.key,
            ):
                continue
            beside: dict[Monomial, Number] = {}
            others: dict[Monomial, Number] = {}
            for monomial, coefficient in form.terms.items():
                rest = tuple((a, k) for a, k in monomial if a is not atom or k < 0)
                (others if rest == monomial else beside)[rest] = coefficient
            cofactor = NormalForm(beside)
            if self._multiple(cofactor, turned):
                complement = self.multiply(cofactor, self.positive(turned))
                form = added((NormalForm(others), cofactor, scaled(complement, -1)))
        return form

    def _multiple(self, form: NormalForm, divisor: NormalForm) -> bool:
        """Whether long division by a sum, its leading term first, leaves nothing."""
        lead = max(divisor.terms, key=lexical)
        pending = dict(form.terms)
        while pending:
            found = next(
                (
                    (monomial, quotient)
                    for monomial in pending
                    if (quotient := self._quotient(monomial, lead)) is not None
                ),
                None,
            )
            if found is None:
                return False
            monomial, quotient = found
            factor = divided(-pending[monomial], divisor.terms[lead])
            accumulate(pending, self.multiply(NormalForm({quotient: 1}), divisor), factor)
            if monomial in pending:
                return False
        return True

    def _quotient(self, monomial: Monomial, lead: Monomial) -> Monomial | None:
        """monomial / lead, if that is defined wherever the monomial is."""
        factors = dict(monomial)
        for atom, k in lead:
            if k < 0 or factors.get(atom, 0) < k:
                return None
            factors[atom] -= k
            if not factors[atom]:
                del factors[atom]
        if any(k < 0 and self.atom_sign(atom) & ZERO for atom, k in factors.items()):
            return None
        return sort(factors)
