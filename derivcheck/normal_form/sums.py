"""Binders: sums split into connected components, deltas eliminated, and products."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from derivcheck.expression import Affine, Hypothesis, Index, Tensor
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
    Repeated,
    Root,
    Scalar,
    Sign,
    Summation,
    Tower,
    Variable,
    affine_text,
    bound_text,
    factor_part,
    tensor_key,
)
from derivcheck.normal_form.integers import largest, solved
from derivcheck.normal_form.linear import (
    accumulate,
    added,
    constant,
    divided,
    scaled,
    subtracted,
)
from derivcheck.normal_form.products import Products
from derivcheck.normal_form.rules import Rule, matches
from derivcheck.normal_form.session import Unprovable


@dataclass
class Sums(Products):
    rules: list[Rule] = field(default_factory=list[Rule])
    only: tuple[int, Affine] | None = None
    """An axis and the place on it of the entries that are unfolded; None for all."""

    def open_binder(self, index: Index, values: Mapping[Index, Affine]) -> tuple[Index, NormalForm]:
        """A working index for a binder, and the guard that a varying extent needs."""
        extent = index.extent.substitute(dict(values))
        if not any(True for _ in extent.indices()):
            return self.fresh(index, extent), constant(1)
        bound = largest(extent)
        if bound is None:
            raise Unprovable(f"the range of {index.name} depends on other indices in no simple way")
        working = self.fresh(index, bound)
        return working, self.guard(extent - 1 - working)

    def sum_over(self, indices: Sequence[Index], body: NormalForm) -> NormalForm:
        """Σ over working indices, which occur nowhere else."""
        terms: dict[Monomial, Number] = {}
        for monomial, coefficient in body.terms.items():
            accumulate(terms, self._close(tuple(indices), monomial), coefficient)
        return NormalForm(terms)

    def _close(self, indices: tuple[Index, ...], monomial: Monomial) -> NormalForm:
        self.step()
        bound = frozenset(indices)
        outside = [factor for factor in monomial if factor[0].free.isdisjoint(bound)]
        inside = [factor for factor in monomial if not factor[0].free.isdisjoint(bound)]
        opened = self._opened(inside)
        if opened is not None:
            more, body = opened
            return self.times_monomial(outside, self.sum_over((*indices, *more), body))
        eliminated = self._eliminated(indices, inside)
        if eliminated is not None:
            remaining, body = eliminated
            return self.times_monomial(outside, self.sum_over(remaining, body))
        inside = self.entailed(inside)
        if self.expand_ranges:
            moved = self.placed(indices, tuple(inside))
            if moved is not None:
                return self.times_monomial(outside, self.sum_over(*moved))
            body = self.reread(indices, tuple(inside))
            if body is not None:
                return self.times_monomial(outside, self.sum_over(indices, body))
        result = constant(1)
        for members, factors in _components(indices, inside):
            result = self.multiply(result, self._component(members, factors))
        return self.times_monomial(outside, result)

    def _opened(self, factors: list[tuple[Atom, Number]]) -> tuple[list[Index], NormalForm] | None:
        """Inner sums that this sum reaches into, made part of it, with binders of their own."""
        more: list[Index] = []
        product = constant(1)
        kept: list[tuple[Atom, Number]] = []
        for atom, exponent in factors:
            if not (isinstance(atom, Summation) and exponent > 0 and exponent.denominator == 1):
                kept.append((atom, exponent))
                continue
            for _ in range(int(exponent)):
                renamed = {index: self.fresh(index) for index in atom.indices}
                more.extend(renamed.values())
                copy = self.transform(
                    NormalForm({atom.factors: 1}),
                    {old: Affine.of(new) for old, new in renamed.items()},
                )
                product = self.multiply(product, copy)
        if not more:
            return None
        return more, self.times_monomial(kept, product)

    def _eliminated(
        self, indices: tuple[Index, ...], factors: list[tuple[Atom, Number]]
    ) -> tuple[tuple[Index, ...], NormalForm] | None:
        """Σ_i δ(i, e) f(i) = [0 ≤ e < N] f(e); a partner of the same range needs no guard."""
        best: tuple[tuple[bool, str, str], Atom, Index, Affine] | None = None
        for atom, exponent in factors:
            if not isinstance(atom, Equal) or exponent < 0:
                continue
            for index in indices:
                value = solved(atom.difference, index)
                if value is None:
                    continue
                partner = value.index
                exact = partner is not None and partner.extent == index.extent
                shape = affine_text(value, {i: "?" for i in value.indices() if i.serial})
                score = (not exact, affine_text(index.extent, {}), shape)
                if best is None or score < best[0]:
                    best = (score, atom, index, value)
        if best is None:
            return None
        _, delta, index, value = best
        rest = NormalForm({tuple(factor for factor in factors if factor[0] is not delta): 1})
        body = self.multiply(self.within(value, index.extent), self.transform(rest, {index: value}))
        return tuple(other for other in indices if other != index), body

    def _component(self, indices: tuple[Index, ...], factors: Monomial) -> NormalForm:
        if not factors:
            (index,) = indices
            return self.multiply(self.number(index.extent), self.guard(index.extent))
        divisors = {atom for atom, k in factors if isinstance(atom, Summation) and k < 0}
        if len(indices) > 1 and (self.rules or divisors):
            for index in indices:
                rewritten = self._rewritten_inside(index, indices, factors, divisors)
                if rewritten is not None:
                    return rewritten
        counted = self.counted(indices, factors)
        if counted is not None:
            return counted
        order, _ = bound_text(indices, tuple(map(factor_part, factors)), {}, commute=True)
        return self.ruled(Summation(order, factors))

    def _rewritten_inside(
        self,
        index: Index,
        indices: tuple[Index, ...],
        factors: Monomial,
        divisors: Collection[Atom],
    ) -> NormalForm | None:
        """The component where a hypothesis knows the sum over one of its indices alone, or it is a
        divisor: Σ_i Σ_k f_ik g_i / Σ_k f_ik."""
        touched = tuple(factor for factor in factors if index in factor[0].free)
        if not touched or any(
            other != index and other in i.extent.indices() for other in indices for i in indices
        ):
            return None
        atom = self.intern(Summation((index,), touched))
        value = self._by_rule(atom)
        if value is None:
            if atom not in divisors:
                return None
            value = NormalForm({((atom, 1),): 1})
        rest = NormalForm({tuple(factor for factor in factors if factor not in touched): 1})
        others = tuple(other for other in indices if other != index)
        return self.sum_over(others, self.multiply(rest, value))

    # Hypotheses.

    def entry(self, variable: Variable) -> NormalForm:
        if not self.rules:
            return super().entry(variable)
        self.check_name(variable.tensor)
        if self.is_nothing(variable):
            return NormalForm({})
        return self.present(self.ruled(variable), variable)

    def ruled(self, atom: Atom) -> NormalForm:
        """The atom, or what a hypothesis says it is."""
        made = self.intern(atom)
        value = self._by_rule(made) if self.rules else None
        return NormalForm({((made, 1),): 1}) if value is None else value

    def _by_rule(self, atom: Atom) -> NormalForm | None:
        for rule in self.rules:
            if type(rule.atom) is not type(atom) or rule.atom.tensors != atom.tensors:
                continue
            for values in matches(rule.atom, atom):
                instance = self._renamed(rule.atom, values)
                if instance is atom:
                    self.assume(rule.hypothesis.text)
                    return self.transform(rule.value, values)
        return None

    def _renamed(self, pattern: Atom, values: Mapping[Index, Affine]) -> Atom | None:
        """The pattern at these values, without letting the rules rewrite it."""
        rules, self.rules = self.rules, []
        try:
            form = self.transform(NormalForm({((pattern, 1),): 1}), values)
        finally:
            self.rules = rules
        if len(form.terms) != 1:
            return None
        # Guards of a subscript that may leave its axis stand beside the atom, here as there.
        ((monomial, coefficient),) = form.terms.items()
        found = [a for a, k in monomial if k == 1 and not isinstance(a, NonNegative)]
        return found[0] if coefficient == 1 and len(found) == 1 else None

    def add_rule(self, hypothesis: Hypothesis, left: NormalForm, right: NormalForm) -> bool:
        """Orient a hypothesis as atom → value; whether that could be done."""
        for side, other in ((left, right), (right, left)):
            for monomial, coefficient in sorted(side.terms.items(), key=lambda item: -len(item[0])):
                if len(monomial) != 1 or monomial[0][1] != 1:
                    continue
                atom = monomial[0][0]
                if not isinstance(atom, Summation | Variable):
                    continue
                rest = NormalForm({m: c for m, c in side.terms.items() if m != monomial})
                value = scaled(subtracted(other, rest), divided(1, coefficient))
                if not atom.tensors.isdisjoint(value.tensors) or not value.free <= atom.free:
                    continue
                self.rules.append(Rule(atom, value, hypothesis))
                return True
        return False

    # Change of indices, and definitions unfolded.

    def transform(self, form: NormalForm, values: Mapping[Index, Affine]) -> NormalForm:
        """The form with its free indices replaced."""
        return self.rewrite(form, values, None)

    def rewrite(
        self, form: NormalForm, values: Mapping[Index, Affine], tensor: Tensor | None
    ) -> NormalForm:
        """The form with free indices replaced, and the entries of one tensor by its definition."""
        return added(self._rewrite_term(m, c, values, tensor) for m, c in form.terms.items())

    def _rewrite_term(
        self,
        monomial: Monomial,
        coefficient: Number,
        values: Mapping[Index, Affine],
        tensor: Tensor | None,
    ) -> NormalForm:
        kept: list[tuple[Atom, Number]] = []
        changed: list[NormalForm] = []
        for atom, exponent in monomial:
            if atom.free.isdisjoint(values) and (
                tensor is None or tensor_key(tensor) not in atom.tensors
            ):
                kept.append((atom, exponent))
            else:
                changed.append(self._rewrite_power(atom, exponent, values, tensor))
        result = NormalForm({tuple(kept): coefficient})
        for form in sorted(changed, key=lambda form: len(form.terms)):
            result = self.multiply(result, form)
        return result

    def _rewrite_power(
        self,
        atom: Atom,
        exponent: Number,
        values: Mapping[Index, Affine],
        tensor: Tensor | None,
    ) -> NormalForm:
        self.step()
        if isinstance(atom, Root):
            base = self.rewrite(atom.base, values, tensor)
            self._keep_sign(atom.base, base, values)
            return self.power(base, exponent)
        if isinstance(atom, Exponential):
            inside = self.rewrite(NormalForm({atom.exponent: exponent}), values, tensor)
            return self.exponential(inside)
        return self.power(self._rewrite_atom(atom, values, tensor), exponent)

    def _rewrite_atom(
        self, atom: Atom, values: Mapping[Index, Affine], tensor: Tensor | None
    ) -> NormalForm:
        match atom:
            case Integer(value=value) if isinstance(value, Index):
                return self.number(Affine.of(value).substitute(dict(values)))
            case Variable(tensor=named, subscripts=subscripts):
                moved = tuple(subscript.substitute(dict(values)) for subscript in subscripts)
                if named == tensor and (self.only is None or moved[self.only[0]] == self.only[1]):
                    return self.defined(named, moved)
                return self.entry(Variable(named, moved))
            case Equal(difference=difference):
                return self.equal(difference.substitute(dict(values)))
            case NonNegative(value=value):
                return self.guard(value.substitute(dict(values)))
            case Sign(argument=argument):
                return self.positive(self.rewrite(argument, values, tensor))
            case Scalar(function=function, arguments=arguments):
                moved_forms = tuple(self.rewrite(a, values, tensor) for a in arguments)
                for before, after in zip(arguments, moved_forms, strict=True):
                    self._keep_sign(before, after, values)
                if function.abstract:
                    return self.opaque(function, moved_forms)
                return self.function(function.name, moved_forms)
            case Tower(base=base, exponent=exponent):
                return self.general_power(
                    self.rewrite(base, values, tensor), self.rewrite(exponent, values, tensor)
                )
            case Summation(indices=indices, factors=factors):
                renamed, inner = self._renew(indices, values)
                body = self.rewrite(NormalForm({factors: 1}), inner, tensor)
                return self.sum_over(renamed, body)
            case Repeated(index=index, body=body):
                (renamed,), inner = self._renew((index,), values)
                return self.product_over(renamed, self.rewrite(body, inner, tensor))
            case Extremum(indices=indices, where=where, body=body):
                renamed, inner = self._renew(indices, values)
                return self.maximum(
                    renamed,
                    self.rewrite(where, inner, tensor),
                    self.rewrite(body, inner, tensor),
                )
            case _:
                return NormalForm({((atom, 1),): 1})

    def _keep_sign(
        self, before: NormalForm, after: NormalForm, values: Mapping[Index, Affine]
    ) -> None:
        """What was known of a base holds of its instances, but only inside the index's range."""
        mask = self.known.get(before.key)
        if mask is not None and all(
            self.nonnegative(value) and self.nonnegative(index.extent - value - 1)
            for index, value in values.items()
            if index in before.free
        ):
            self.learn(after, mask)

    def _renew(
        self, indices: tuple[Index, ...], values: Mapping[Index, Affine]
    ) -> tuple[tuple[Index, ...], dict[Index, Affine]]:
        renamed = {index: self.fresh(index) for index in indices}
        inner = {old: value for old, value in values.items() if old not in renamed}
        inner.update({old: Affine.of(new) for old, new in renamed.items()})
        return tuple(renamed.values()), inner


def _components(
    indices: tuple[Index, ...], factors: list[tuple[Atom, Number]]
) -> list[tuple[tuple[Index, ...], Monomial]]:
    """The factors split by the indices they share; an index in none stands alone."""
    groups: list[tuple[list[Index], list[tuple[Atom, Number]]]] = [([i], []) for i in indices]
    for factor in factors:
        touched = [g for g in groups if not factor[0].free.isdisjoint(g[0])]
        first, *others = touched
        first[1].append(factor)
        for other in others:
            first[0].extend(other[0])
            first[1].extend(other[1])
            groups.remove(other)
    return [
        (tuple(members), tuple(sorted(inside, key=lambda factor: factor[0].key)))
        for members, inside in groups
    ]
