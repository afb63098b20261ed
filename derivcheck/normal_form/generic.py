"""Forms that vanish almost nowhere: only of these is [−f > 0] the complement of [f > 0] off a kink.

Being different from 0 as a normal form is not enough: x_i − x_j is 0 where i = j, Σ_k x_k − x_j at
extent 1, and relu(x) + relu(y) on a whole quadrant. A form is generic if some input, free to take
any real value, occurs in one monomial only, and that monomial is a product of generic factors. So
is a polynomial that is a number other than 0 where all those inputs are 0, as 1 − y_n Σ_d w_d x_nd:
whatever indices coincide, it is none that vanishes everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from derivcheck.expression import Affine, Parameter, Positive, Tensor, tensors
from derivcheck.normal_form.arithmetic import Arithmetic
from derivcheck.normal_form.atoms import (
    Atom,
    Exponential,
    Integer,
    Monomial,
    NormalForm,
    Number,
    Prime,
    Root,
    Summation,
    Variable,
    tensor_key,
)


@dataclass
class Generic(Arithmetic):
    _generic: dict[Tensor, bool] = field(default_factory=dict[Tensor, bool])

    def defined(self, tensor: Tensor, subscripts: tuple[Affine, ...]) -> NormalForm:
        raise AssertionError("reading")

    def generic(self, form: NormalForm) -> bool:
        """Whether the form is 0 on a set of measure 0 only, for all sizes and indices."""
        for monomial in form.terms:
            if not all(self._generic_factor(atom) for atom, _ in monomial):
                continue
            others = [m for m in form.terms if m is not monomial]
            if not others:
                return True
            for tensor in _inputs(monomial):
                if self._free(tensor) and not any(self._reaches(m, tensor) for m in others):
                    return True
        return self._has_offset(form)

    def _has_offset(self, form: NormalForm) -> bool:
        """Whether the form is a polynomial of which one term alone has no free input, and that term
        is never 0."""
        left = [monomial for monomial in form.terms if not self._vanishes(monomial)]
        return len(left) == 1 and all(
            isinstance(atom, Prime)
            or (
                (isinstance(atom, Integer) and isinstance(value := atom.value, Parameter))
                and value.minimum >= 1
            )
            for atom, _ in left[0]
        )

    def _vanishes(self, monomial: Monomial) -> bool:
        """Whether a monomial is a polynomial of the free inputs, and 0 where they all are."""
        return all(self._polynomial(atom, exponent) for atom, exponent in monomial) and any(
            self._vanishing(atom) for atom, _ in monomial
        )

    def _polynomial(self, atom: Atom, exponent: Number) -> bool:
        match atom:
            case Integer() | Prime():
                return True
            case Variable(tensor=tensor):
                defined = tensor in self.context.definitions
                return exponent.denominator == 1 and exponent > 0 and not defined
            case Summation(factors=factors):
                whole = exponent.denominator == 1 and exponent > 0
                return whole and all(self._polynomial(inner, power) for inner, power in factors)
            case _:
                return False

    def _vanishing(self, atom: Atom) -> bool:
        """Whether an atom of a polynomial is 0 where all free inputs are."""
        match atom:
            case Variable(tensor=tensor):
                return self._free(tensor)
            case Summation(factors=factors):
                return any(self._vanishing(inner) for inner, _ in factors)
            case _:
                return False

    def _generic_factor(self, atom: Atom) -> bool:
        match atom:
            case Integer(value=value):
                return isinstance(value, Parameter) and value.minimum >= 1
            case Prime() | Exponential():
                return True
            case Variable(tensor=tensor):
                return self._free(tensor) or self._generic_definition(tensor)
            case Root(base=base):
                return self.generic(base)
            case Summation(indices=indices, factors=factors):
                # Inputs only: a sum of products of inputs has no terms that cancel.
                return all(self.nonnegative(index.extent - 1) for index in indices) and all(
                    isinstance(inner, Variable) and self._free(inner.tensor) for inner, _ in factors
                )
            case _:
                return False

    def _free(self, tensor: Tensor) -> bool:
        """An input that takes all values of an interval, bound by no equation."""
        domain = tensor.domain
        return (
            tensor not in self.context.definitions
            and not domain.values
            and not domain.integer
            and (domain.lower is None or domain.lower != domain.upper)
            and not any(
                tensor in (*tensors(h.left), *tensors(h.right))
                for h in self.context.hypotheses
                if not isinstance(h.left, Positive)  # a strict inequality leaves an open set
            )
        )

    def _generic_definition(self, tensor: Tensor) -> bool:
        definition = self.context.definitions.get(tensor)
        if definition is None:
            return False
        if tensor not in self._generic:
            self._generic[tensor] = False  # a definition in a circle says nothing
            indices = tuple(self.fresh(index) for index in definition.indices)
            body = self.defined(tensor, tuple(map(Affine.of, indices)))
            self._generic[tensor] = self.generic(body)
        return self._generic[tensor]

    def _reaches(self, monomial: Monomial, tensor: Tensor) -> bool:
        """Whether the monomial depends on the tensor, also through definitions."""
        keys = frozenset[str]().union(*(atom.tensors for atom, _ in monomial))
        if tensor_key(tensor) in keys:
            return True
        return any(
            tensor_key(defined) in keys and self.context.depends(defined, tensor)
            for defined in self.context.definitions
        )


def _inputs(monomial: Monomial) -> list[Tensor]:
    """The tensors of entries that are factors, or factors of a sum that is a factor."""
    found: dict[Tensor, None] = {}
    for atom, _ in monomial:
        inside = atom.factors if isinstance(atom, Summation) else ((atom, 1),)
        for factor, _ in inside:
            if isinstance(factor, Variable):
                found[factor.tensor] = None
    return list(found)
