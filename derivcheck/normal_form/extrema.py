"""What is known of a maximum: no value in its range exceeds it, and off the ties one reaches it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from derivcheck.expression import Affine, Index, Positive
from derivcheck.normal_form.atoms import (
    INDICATORS,
    Atom,
    Extremum,
    Monomial,
    NormalForm,
    Sign,
    Variable,
    bound_text,
    form_part,
    variables,
)
from derivcheck.normal_form.generic import Generic
from derivcheck.normal_form.integers import solved
from derivcheck.normal_form.linear import (
    added,
    constant,
    leading_orientation,
    scaled,
    subtracted,
)
from derivcheck.normal_form.signs import POSITIVE
from derivcheck.normal_form.writing import expression
from derivcheck.notation import text as printed

Cap = frozenset[Atom]
"""Indicators: where all of them are 1, so is the bound."""


@dataclass
class Extrema(Generic):
    def settled(self, form: NormalForm) -> NormalForm:
        raise AssertionError("functions")

    def maximum(
        self, indices: tuple[Index, ...], where: NormalForm, body: NormalForm
    ) -> NormalForm:
        """max over working indices: what does not depend on them comes out."""
        where = self.settled(where)
        body = _under(where, self.settled(body))
        bound = frozenset(indices)
        apart = {m: c for m, c in body.terms.items() if all(a.free.isdisjoint(bound) for a, _ in m)}
        varying = NormalForm({m: c for m, c in body.terms.items() if m not in apart})
        if not varying:
            return body
        number, shared = self._content(varying)
        pulled = {
            a: k
            for a, k in shared.items()
            if a.free.isdisjoint(bound) and self.atom_sign(a) == POSITIVE
        }
        scale = NormalForm({tuple(sorted(pulled.items(), key=lambda f: f[0].key)): number})
        inside = self.without_content(varying, pulled, number)
        order, _ = bound_text(indices, (form_part(where), form_part(inside)), {})
        largest_value = self.of_atom(Extremum(order, where, inside))
        return added((NormalForm(dict(apart)), self.multiply(scale, largest_value)))

    def caps(self, argument: NormalForm) -> list[Cap]:
        """Conditions, each of which makes an argument f(k) − max f at most 0.

        They say that k is in the maximum's range; an empty one says that it always is.
        """
        found: dict[Cap, None] = {}
        for monomial, coefficient in argument.terms.items():
            if coefficient != -1 or len(monomial) != 1 or monomial[0][1] != 1:
                continue
            atom = monomial[0][0]
            if isinstance(atom, Extremum):
                value = NormalForm({m: c for m, c in argument.terms.items() if m != monomial})
                for values in _instances(atom, value):
                    if self.transform(atom.body, values) == value:
                        condition = _indicators(self._inside(atom, values))
                        if condition is not None:
                            found.setdefault(condition)
        return list(found)

    def _inside(self, maximum: Extremum, values: Mapping[Index, Affine]) -> NormalForm:
        conditions = [self.transform(maximum.where, values)]
        for index, value in values.items():
            conditions += [self.bare_guard(value), self.bare_guard(index.extent - value - 1)]
        return self.multiply_all(conditions)

    def counted(self, indices: tuple[Index, ...], factors: Monomial) -> NormalForm | None:
        """Σ_k c_k [max f > f_k] = Σ_k c_k − 1 off the ties, where the maximum is that of f_k over
        the k at which c_k is 1; None where the sum is no such one.

        A tie is a kink only where the f_k are different inputs, so that few points have one.
        """
        signs = [atom for atom, _ in factors if isinstance(atom, Sign)]
        conditions = tuple(factor for factor in factors if not isinstance(factor[0], Sign))
        if not self.off_kinks or len(signs) != 1 or _indicators_of(conditions) is None:
            return None
        argument = signs[0].argument
        for maximum in argument.atoms():
            if not isinstance(maximum, Extremum) or not self._separates(maximum):
                continue
            body = subtracted(NormalForm({((maximum, 1),): 1}), argument)
            for values in _instances(maximum, body):
                reached = {bare for value in values.values() if (bare := value.index) is not None}
                if reached != set(indices) or len(values) != len(indices):
                    continue
                if any(i.extent != v.index.extent for i, v in values.items() if v.index):
                    continue
                where = self.transform(maximum.where, values)
                same = self.transform(maximum.body, values) == body
                if same and where == NormalForm({conditions: 1}):
                    self.assume_off_kink(argument)
                    return subtracted(self.sum_over(indices, where), constant(1))
        return None

    def assume_off_kink(self, argument: NormalForm) -> None:
        """Note that [argument > 0] was not looked at where the argument is 0."""
        for atom in argument.atoms():
            if isinstance(atom, Extremum):
                self.assume(f"off the ties of {printed(expression(NormalForm({((atom, 1),): 1})))}")
                return
        if leading_orientation(argument) < 0:
            argument = scaled(argument, -1)
        self.assume(f"off the kinks of {printed(Positive(expression(argument)))}")

    def _separates(self, maximum: Extremum) -> bool:
        """Whether different indices give different entries of an input free to take any value."""
        if len(maximum.body.terms) != 1:
            return False
        ((monomial, coefficient),) = maximum.body.terms.items()
        # A guard that is left beside the entry makes zeros, which tie.
        if coefficient != 1 or len(monomial) != 1 or monomial[0][1] != 1:
            return False
        atom = monomial[0][0]
        if not isinstance(atom, Variable) or atom.tensor.symmetric or not self._free(atom.tensor):
            return False
        bound = set(maximum.indices)
        told = {
            inside.pop()
            for subscript in atom.subscripts
            if len(inside := bound & set(subscript.indices())) == 1
            and subscript.coefficient(next(iter(inside))).constant not in (None, 0)
        }
        return told == bound


def _under(where: NormalForm, body: NormalForm) -> NormalForm:
    """The body without the indicators that are 1 where the condition is."""
    held = _indicators(where) or frozenset()
    if held.isdisjoint(body.atoms()):
        return body
    return added(
        NormalForm({tuple(factor for factor in m if not (factor[0] in held and factor[1] > 0)): c})
        for m, c in body.terms.items()
    )


def _indicators(form: NormalForm) -> Cap | None:
    """The atoms of a product of indicators; None for any other form."""
    if len(form.terms) != 1:
        return None
    ((monomial, coefficient),) = form.terms.items()
    return _indicators_of(monomial) if coefficient == 1 else None


def _indicators_of(monomial: Monomial) -> Cap | None:
    if all(isinstance(atom, INDICATORS) and k > 0 for atom, k in monomial):
        return frozenset(atom for atom, _ in monomial)
    return None


def _instances(maximum: Extremum, value: NormalForm) -> Iterator[dict[Index, Affine]]:
    """Values of the maximum's indices at which its body may be the value."""
    if len(maximum.indices) == 1:
        (bound,) = maximum.indices
        for index in sorted(value.free, key=lambda index: (index.name, index.serial)):
            if index.extent == bound.extent:
                yield {bound: Affine.of(index)}
    theirs = [entry for atom in value.atoms() for entry in variables(atom)]
    for ours in dict.fromkeys(e for atom in maximum.body.atoms() for e in variables(atom)):
        for entry in dict.fromkeys(theirs):
            if entry.tensor == ours.tensor:
                values = _aligned(maximum.indices, ours, entry)
                if len(values) == len(maximum.indices):
                    yield values


def _aligned(indices: tuple[Index, ...], ours: Variable, theirs: Variable) -> dict[Index, Affine]:
    """The values of the indices at which one entry is the other, where an axis tells."""
    found: dict[Index, Affine] = {}
    for here, there in zip(ours.subscripts, theirs.subscripts, strict=True):
        inside = [index for index in here.indices() if index in indices]
        if len(inside) == 1 and inside[0] not in found:
            value = solved(here - there, inside[0])
            if value is not None:
                found[inside[0]] = value
    return found
