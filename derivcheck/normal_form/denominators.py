"""What denominators know of their own terms: P = Σ terms, applied last."""

from __future__ import annotations

from dataclasses import dataclass, field

from derivcheck.expression import Affine, Index
from derivcheck.normal_form.atoms import (
    Atom,
    Monomial,
    NormalForm,
    Number,
    Root,
    Summation,
)
from derivcheck.normal_form.linear import (
    accumulate,
    added,
    divided,
    scaled,
    sort,
)
from derivcheck.normal_form.reading import Reader

_MOST_TERMS_CLEARED = 400


@dataclass
class Denominators(Reader):
    _steps_down: dict[Monomial, NormalForm | None] = field(
        default_factory=dict[Monomial, "NormalForm | None"]
    )
    """What one step makes of a monomial: most are met again after the next unfolding."""

    def reduced(self, form: NormalForm) -> NormalForm:
        """Leading term of a denominator → the denominator − the rest, as long as it applies.

        Any single use is sound; the order of monomials makes it end, and the budget in any case.
        """
        pending = dict(form.terms)
        finished: dict[Monomial, Number] = {}
        while pending:
            monomial, coefficient = pending.popitem()
            self.step()
            if monomial not in self._steps_down:
                self._steps_down[monomial] = self._reduced_monomial(monomial)
            rewritten = self._steps_down[monomial]
            if rewritten is None:
                accumulate(finished, NormalForm({monomial: coefficient}))
            else:
                accumulate(pending, rewritten, coefficient)
        return NormalForm(finished)

    def _reduced_monomial(self, monomial: Monomial) -> NormalForm | None:
        factors = dict(monomial)
        for atom, exponent in monomial:
            if isinstance(atom, Root) and len(atom.base.terms) > 1:
                divided_by_lead = self._over_lead(atom, exponent, factors)
                if divided_by_lead is not None:
                    return divided_by_lead
        for atom, exponent in monomial:
            if isinstance(atom, Summation) and exponent > 0 and exponent.denominator == 1:
                inside = self._reduced_sum(atom)
                if inside is not None:
                    rest = NormalForm({sort({a: k for a, k in monomial if a is not atom}): 1})
                    return self.multiply(rest, self.power(inside, exponent))
        return None

    def _over_lead(
        self, atom: Root, exponent: Number, factors: dict[Atom, Number]
    ) -> NormalForm | None:
        """lead·q·P^e = (P^(e+1) − rest·P^e)·q / coefficient of the lead."""
        lead = max(atom.base.terms, key=lexical)
        if not lead or any(k < 0 or factors.get(a, 0) < k for a, k in lead):
            return None
        quotient = dict(factors)
        del quotient[atom]
        for a, k in lead:
            quotient[a] = quotient.get(a, 0) - k
            if not quotient[a]:
                del quotient[a]
        others = NormalForm({m: c for m, c in atom.base.terms.items() if m != lead})
        here = NormalForm({((atom, exponent),): 1})
        raised = self.atom_power(atom, exponent + 1)
        replaced = added((raised, scaled(self.multiply(others, here), -1)))
        left = NormalForm({sort(quotient): divided(1, atom.base.terms[lead])})
        return self.multiply(left, replaced)

    def _reduced_sum(self, atom: Summation) -> NormalForm | None:
        """The same inside a sum, also where one index alone sums to a leading term."""
        indices, inside = atom.indices, self._reduced_monomial(atom.factors)
        if inside is None:
            part = self._reduced_part(atom)
            if part is None:
                return None
            indices, inside = part
        renamed = {index: self.fresh(index) for index in indices}
        values = {old: Affine.of(new) for old, new in renamed.items()}
        return self.sum_over(tuple(renamed.values()), self.transform(inside, values))

    def _reduced_part(self, atom: Summation) -> tuple[tuple[Index, ...], NormalForm] | None:
        if not any(isinstance(factor, Root | Summation) for factor, _ in atom.factors):
            return None
        for index in atom.indices:
            touched = tuple(f for f in atom.factors if index in f[0].free)
            if len(touched) == len(atom.factors):
                continue
            part = self.intern(Summation((index,), touched))
            merged = {a: k for a, k in atom.factors if index not in a.free}
            exponent = merged.pop(part, 0) + 1
            others = tuple(other for other in atom.indices if other != index)
            if not exponent:
                # The sum over one index is what the rest divides by.
                return others, NormalForm({sort(merged): 1})
            rewritten = self._reduced_monomial(sort({**merged, part: exponent}))
            if rewritten is not None:
                return others, rewritten
        return None

    def cleared(self, form: NormalForm) -> NormalForm:
        """The form times its denominators: 0 exactly where the form is, with both defined."""
        for atom in dict.fromkeys(form.atoms()):
            if not isinstance(atom, Root):
                continue
            least = min(dict(monomial).get(atom, 0) for monomial in form.terms)
            if least >= 0 or len(form.terms) * len(atom.base.terms) > _MOST_TERMS_CLEARED:
                continue
            parts: list[NormalForm] = []
            for monomial, coefficient in form.terms.items():
                factors = dict(monomial)
                exponent = factors.pop(atom, 0) - least
                rest = NormalForm({sort(factors): coefficient})
                parts.append(self.multiply(rest, self.atom_power(atom, exponent)))
            form = added(parts)
            if not form:
                break
        return form


def lexical(monomial: Monomial) -> list[tuple[str, Number]]:
    """Lexicographic order, the atom last by key counting most."""
    return [(atom.key, exponent) for atom, exponent in reversed(monomial)]
