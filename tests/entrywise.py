"""Expressions evaluated entry by entry at 40 digits, derivatives by differences: slow and plain.

The prover's tests hold it against this; nothing is shared with the prover.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from mpmath import mp, mpf

from derivcheck.expression import (
    Add,
    Affine,
    Apply,
    Context,
    Count,
    Delta,
    Derivative,
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
)

mp.dps = 40
_STEP = mpf(10) ** -12


class Undefined(Exception):
    """The expression has no real value at this point."""


@dataclass
class Point:
    """Sizes and entries, drawn from the seed and the name when first asked for."""

    seed: int
    parameters: dict[Parameter, int] = field(default_factory=dict)
    context: Context = field(default_factory=Context)
    entries: dict[tuple[Tensor, tuple[int, ...]], mpf] = field(default_factory=dict)
    largest: int = 3
    smallest: int = 1

    def size(self, affine: Affine, indices: Mapping[Index, int] | None = None) -> int:
        values: dict = dict(indices or {})
        for atom in affine.atoms():
            if isinstance(atom, Parameter):
                values[atom] = self.parameter(atom)
        return affine.evaluate(values)

    def parameter(self, parameter: Parameter) -> int:
        if parameter not in self.parameters:
            random = Random(f"{self.seed} {parameter.name}")
            self.parameters[parameter] = random.randint(self.smallest, self.largest)
        return self.parameters[parameter]

    def entry(self, tensor: Tensor, place: tuple[int, ...]) -> mpf:
        if (tensor, place) not in self.entries:
            definition = self.context.definitions.get(tensor)
            self.entries[tensor, place] = (
                self._drawn(tensor, place)
                if definition is None
                else self.value(definition.body, dict(zip(definition.indices, place, strict=True)))
            )
        return self.entries[tensor, place]

    def _drawn(self, tensor: Tensor, place: tuple[int, ...]) -> mpf:
        random = Random(f"{self.seed} {tensor.name} {place}")
        domain = tensor.domain
        if domain.values:
            value = random.choice(domain.values)
            return mpf(value.numerator) / value.denominator
        magnitude = mpf(random.randint(1, 40)) / 16
        return magnitude if domain.positive or random.random() < 0.5 else -magnitude

    def value(self, expression: Expression, at: Mapping[Index, int] | None = None) -> mpf:
        """The value with these free indices. Raises `Undefined`."""
        at = at or {}
        match expression:
            case Rational(value):
                return mpf(value.numerator) / value.denominator
            case Count(value):
                return mpf(self.size(value, at))
            case Entry(tensor, subscripts):
                place = tuple(self.size(s, at) for s in subscripts)
                sizes = [self.size(e) for e in tensor.extents]
                inside = all(0 <= p < s for p, s in zip(place, sizes, strict=True))
                return self.entry(tensor, place) if inside else mpf(0)
            case Delta(left, right):
                return mpf(self.size(left, at) == self.size(right, at))
            case Guard(value):
                return mpf(self.size(value, at) >= 0)
            case Positive(argument):
                return mpf(self.value(argument, at) > 0)
            case Add(terms):
                return sum((self.value(t, at) for t in terms), mpf(0))
            case Multiply(factors):
                return self._product(factors, at)
            case Sum(index, body):
                return sum((self.value(body, p) for p in self._points((index,), at)), mpf(0))
            case Product(index, body):
                return mp.fprod(self.value(body, p) for p in self._points((index,), at))
            case Maximum(indices, where, body):
                kept = [p for p in self._points(indices, at) if self.value(where, p) == 1]
                if not kept:
                    raise Undefined("max of nothing")
                return max(self.value(body, p) for p in kept)
            case Power(base, exponent):
                return _power(self.value(base, at), self.value(exponent, at))
            case Apply(function, arguments):
                values = [self.value(a, at) for a in arguments]
                if function.abstract:
                    return mp.diff(lambda t: mp.sin(2 * t + 1) + t**3, values[0], function.order)
                return _function(function.name, values)
            case Derivative(operand, variable):
                return self._slope(operand, variable, at)

    def _product(self, factors: tuple[Expression, ...], at: Mapping[Index, int]) -> mpf:
        # An indicator that is 0 makes the product 0, whatever the other factors are.
        for factor in factors:
            if isinstance(factor, Delta | Guard | Positive) and self.value(factor, at) == 0:
                return mpf(0)
        return mp.fprod(self.value(factor, at) for factor in factors)

    def _points(
        self, indices: tuple[Index, ...], at: Mapping[Index, int]
    ) -> Iterator[dict[Index, int]]:
        ranges = [range(self.size(index.extent, at)) for index in indices]
        for places in itertools.product(*ranges):
            yield {**at, **dict(zip(indices, places, strict=True))}

    def _slope(self, operand: Expression, variable: Entry, at: Mapping[Index, int]) -> mpf:
        """A central difference of order 2 at 40 digits: right to about 24."""
        place = tuple(self.size(s, at) for s in variable.subscripts)
        here = self.entry(variable.tensor, place)
        self.value(operand, at)  # draws whatever it needs
        values: list[mpf] = []
        for step in (_STEP, -_STEP):
            known = {
                key: value
                for key, value in self.entries.items()
                if key[0] not in self.context.definitions or key[0] == variable.tensor
            }
            known[variable.tensor, place] = here + step
            moved = Point(self.seed, self.parameters, self.context, known, self.largest)
            values.append(moved.value(operand, at))
        return (values[0] - values[1]) / (2 * _STEP)


def _power(base: mpf, exponent: mpf) -> mpf:
    whole = exponent == int(exponent)
    if (base < 0 and not whole) or (base == 0 and exponent <= 0):
        raise Undefined("power")
    return base ** (int(exponent) if whole else exponent)


def _function(name: str, values: list[mpf]) -> mpf:
    x = values[0]
    match name:
        case "log":
            if x <= 0:
                raise Undefined("log")
            return mp.log(x)
        case "sigmoid":
            return 1 / (1 + mp.exp(-x))
        case "softplus":
            return mp.log(1 + mp.exp(x))
        case "relu":
            return max(x, mpf(0))
        case "abs":
            return abs(x)
        case "sign":
            return mpf((x > 0) - (x < 0))
        case "max":
            return max(values)
        case "min":
            return min(values)
        case "arctan":
            return mp.atan(x)
        case _:
            return getattr(mp, name)(x)


def close(left: mpf, right: mpf, digits: int = 15) -> bool:
    """Whether two values agree to so many digits, relative to their size where that exceeds 1."""
    return abs(left - right) <= mpf(10) ** -digits * (1 + abs(left) + abs(right))
