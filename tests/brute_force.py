"""The meaning of an index expression by explicit loops, one number at a time.

Shares nothing with lowering: no arrays but for the inputs, no rewriting, no stable forms.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from derivcheck.derivation import Derivation
from derivcheck.expression import (
    Add,
    Affine,
    Apply,
    Atom,
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
    tensors,
)

_FUNCTIONS = {
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)) if x >= 0 else 1 - 1 / (1 + math.exp(x)),
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "relu": lambda x: max(x, 0.0),
    "abs": abs,
    "sign": lambda x: float((x > 0) - (x < 0)),
    "elsewhere": lambda x: math.nan if x else 0.0,
    "sin": math.sin,
    "cos": math.cos,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "arctan": math.atan,
    "erf": math.erf,
    "max": max,
    "min": min,
}


@dataclass
class BruteForce:
    """Values of expressions at given sizes and inputs; NaN where undefined."""

    sizes: Mapping[Parameter, int]
    arrays: dict[Tensor, np.ndarray] = field(default_factory=dict)

    def tensor(self, derivation: Derivation, tensor: Tensor) -> np.ndarray:
        """The entries of a defined tensor, those before it included."""
        if tensor not in self.arrays:
            definition = derivation.context.definitions[tensor]
            for node in tensors(definition.body):
                self.tensor(derivation, node)
            self.arrays[tensor] = self.table(definition.body, definition.indices)
        return self.arrays[tensor]

    def table(self, expression: Expression, indices: tuple[Index, ...]) -> np.ndarray:
        shape = tuple(self.integer(index.extent, {}) for index in indices)
        values = np.empty(shape)
        for place in itertools.product(*map(range, shape)):
            values[place] = self.value(expression, dict(zip(indices, place, strict=True)))
        return values

    def integer(self, value: Affine, at: Mapping[Index, int]) -> int:
        atoms: dict[Atom, int] = {**self.sizes, **at}
        return value.evaluate(atoms)

    def value(self, expression: Expression, at: dict[Index, int]) -> float:
        try:
            return self._value(expression, at)
        except (ZeroDivisionError, ValueError, OverflowError):
            return math.nan

    def _value(self, expression: Expression, at: dict[Index, int]) -> float:
        match expression:
            case Rational(value):
                return float(value)
            case Count(value):
                return float(self.integer(value, at))
            case Entry(tensor, subscripts):
                place = tuple(self.integer(s, at) for s in subscripts)
                array = self.arrays[tensor]
                inside = all(0 <= p < n for p, n in zip(place, array.shape, strict=True))
                return float(array[place]) if inside else 0.0
            case Delta(left, right):
                return float(self.integer(left, at) == self.integer(right, at))
            case Guard(value):
                return float(self.integer(value, at) >= 0)
            case Positive(argument):
                return float(self.value(argument, at) > 0)
            case Sum(index, body):
                return math.fsum(self.value(body, {**at, index: n}) for n in self._range(index, at))
            case Product(index, body):
                return math.prod(self.value(body, {**at, index: n}) for n in self._range(index, at))
            case Maximum(indices, where, body):
                found = -math.inf
                for place in itertools.product(*(self._range(index, at) for index in indices)):
                    here = {**at, **dict(zip(indices, place, strict=True))}
                    if self.value(where, here) != 0:
                        found = max(found, self.value(body, here))
                return found
            case Add(terms):
                return sum(self.value(term, at) for term in terms)
            case Multiply(factors):
                values = [self.value(factor, at) for factor in factors]
                masks = [isinstance(factor, Delta | Guard | Positive) for factor in factors]
                if any(mask and value == 0 for mask, value in zip(masks, values, strict=True)):
                    return 0.0
                return math.prod(values)
            case Power(base, exponent):
                raised = self.value(base, at) ** self.value(exponent, at)
                return math.nan if isinstance(raised, complex) else raised
            case Apply(function, arguments):
                return _FUNCTIONS[function.name](*(self.value(a, at) for a in arguments))
            case _:
                raise AssertionError(f"no value for {type(expression).__name__}")

    def _range(self, index: Index, at: dict[Index, int]) -> range:
        return range(self.integer(index.extent, at))
