"""Expressions to normal forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from derivcheck.calculus import expand_derivatives
from derivcheck.expression import (
    Add,
    Affine,
    Apply,
    Count,
    Delta,
    Derivative,
    Entry,
    Expression,
    Function,
    Guard,
    Index,
    Maximum,
    Multiply,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    apply,
)
from derivcheck.normal_form.atoms import NormalForm, Number, Variable
from derivcheck.normal_form.linear import (
    added,
    constant,
    scaled,
)
from derivcheck.normal_form.session import Unprovable
from derivcheck.normal_form.signs import NEGATIVE, POSITIVE
from derivcheck.normal_form.sums import Sums

Environment = Mapping[Index, Affine]


@dataclass
class Reader(Sums):
    def read(self, expression: Expression, values: Environment | None = None) -> NormalForm:
        """The normal form; definitions stay names, free indices may be replaced on the way."""
        return self._read(expression, values or {})

    def _read(self, expression: Expression, values: Environment) -> NormalForm:
        self.step()
        match expression:
            case Rational(value):
                return constant(value)
            case Count(value):
                return self.number(_at(value, values))
            case Entry(tensor, subscripts):
                return self.entry(Variable(tensor, tuple(_at(s, values) for s in subscripts)))
            case Delta(left, right):
                return self.equal(_at(left, values) - _at(right, values))
            case Guard(value):
                return self.guard(_at(value, values))
            case Positive(argument):
                return self.positive(self._read(argument, values))
            case Add(terms):
                return added([self._read(term, values) for term in terms])
            case Multiply(factors):
                forms = [self._read(factor, values) for factor in factors]
                return self.multiply_all(sorted(forms, key=lambda form: len(form.terms)))
            case Power(base, exponent):
                return self._read_power(base, exponent, values)
            case Apply(Function("log", False), (Power(base, Rational(exponent)),)) if (
                self._in_range(values) and self._written_sign(base, values) == POSITIVE
            ):
                # Before the power is expanded.
                return scaled(self._read(apply("log", base), values), exponent)
            case Apply(function, arguments):
                forms = tuple(self._read_signed(argument, values) for argument in arguments)
                if function.abstract:
                    return self.opaque(function, forms)
                return self.function(function.name, forms)
            case Sum():
                return self._read_sum(expression, values)
            case Product(index, body):
                working, guard = self.open_binder(index, values)
                inside = self._read(body, {**values, index: Affine.of(working)})
                # Outside a varying range the factor is 1.
                outside = added((constant(1), self.multiply(constant(-1), guard)))
                return self.product_over(working, added((self.multiply(guard, inside), outside)))
            case Maximum(indices, where, body):
                return self._read_maximum(indices, where, body, values)
            case Derivative():
                return self._read(expand_derivatives(expression, self.context), values)

    def _read_signed(self, expression: Expression, values: Environment) -> NormalForm:
        """The form, with the sign that the expression shows before its squares are expanded."""
        form = self._read(expression, values)
        if len(form.terms) > 1 and self._in_range(values):
            self.learn(form, self.expression_sign(expression))
        return form

    def _read_power(
        self, base: Expression, exponent: Expression, values: Environment
    ) -> NormalForm:
        power = self._read(exponent, values)
        number = power.number
        if number is None:
            return self.general_power(self._read_signed(base, values), power)
        return self._powered(base, number, values)

    def _powered(self, base: Expression, exponent: Number, values: Environment) -> NormalForm:
        """base^exponent, powers of powers and of products taken before anything is expanded."""
        whole = exponent.denominator == 1
        match base:
            case Power(inner, Rational(first)) if whole and exponent:
                return self._powered(inner, first * exponent, values)
            case Multiply(factors) if whole and exponent < 0:
                # 1/(f·g) = 1/f · 1/g, except that an indicator may make the product 0.
                return self.multiply_all(self._powered(f, exponent, values) for f in factors)
            case Multiply(factors) if not whole:
                apart = [f for f in factors if not self._written_sign(f, values) & NEGATIVE]
                if apart and self._in_range(values):
                    rest = [f for f in factors if f not in apart]
                    parts = [self._powered(f, exponent, values) for f in apart]
                    if rest:
                        remaining = self.multiply_all(self._read(f, values) for f in rest)
                        parts.append(self.power(remaining, exponent))
                    return self.multiply_all(parts)
            case Power(inner, Rational(first)):
                mask = self._written_sign(inner, values)
                defined = mask == POSITIVE or (first > 0 and not mask & NEGATIVE)
                if defined and self._in_range(values):
                    return self._powered(inner, first * exponent, values)
            case _:
                pass
        return self.power(self._read_signed(base, values), exponent)

    def _written_sign(self, expression: Expression, values: Environment) -> int:
        """The sign as it is written, or that of its form, where declared bounds count too."""
        mask = self.expression_sign(expression)
        return mask & self.sign(self._read(expression, values)) or mask

    def _in_range(self, values: Environment) -> bool:
        """Whether a sign read off the expression also holds at these values of its indices."""
        return all(
            (bare := value.index) is not None and bare.extent == index.extent
            for index, value in values.items()
        )

    def _read_sum(self, expression: Expression, values: Environment) -> NormalForm:
        """Sums directly under a sum are read together."""
        working: list[Index] = []
        guards: list[NormalForm] = []
        inner = dict(values)
        while isinstance(expression, Sum):
            opened, guard = self.open_binder(expression.index, inner)
            working.append(opened)
            guards.append(guard)
            inner[expression.index] = Affine.of(opened)
            expression = expression.body
        body = self.multiply_all([*guards, self._read(expression, inner)])
        return self.sum_over(working, body)

    def _read_maximum(
        self,
        indices: tuple[Index, ...],
        where: Expression,
        body: Expression,
        values: Environment,
    ) -> NormalForm:
        working: list[Index] = []
        condition = constant(1)
        inner = dict(values)
        for index in indices:
            opened, guard = self.open_binder(index, inner)
            working.append(opened)
            condition = self.multiply(condition, guard)
            inner[index] = Affine.of(opened)
        condition = self.multiply(condition, self._read(where, inner))
        return self.maximum(tuple(working), condition, self._read(body, inner))

    def defined(self, tensor: Tensor, subscripts: tuple[Affine, ...]) -> NormalForm:
        """A defined tensor's entry by its definition, guarded where it may leave the tensor."""
        definition = self.context.definitions.get(tensor)
        if definition is None:
            raise Unprovable(f"{tensor.name} has no definition")
        values = dict(zip(definition.indices, subscripts, strict=True))
        result = self._read(definition.body, values)
        for subscript, extent in zip(subscripts, tensor.extents, strict=True):
            result = self.multiply(result, self.within(subscript, extent))
        return result


def _at(value: Affine, values: Environment) -> Affine:
    return value.substitute(dict(values)) if values else value
