"""The value of an expression at a point: exact where it is rational, float64 where it is not.

For extents and hypotheses, which are short; claims are evaluated by `ball_arithmetic`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import TypeAlias

import numpy
from numpy.typing import NDArray

from derivcheck.expression import (
    Add,
    Affine,
    Apply,
    Atom,
    Count,
    Definition,
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

Number: TypeAlias = Fraction | float

NO_INDICES: Mapping[Index, int] = {}

_DEEPEST = 150


class Unevaluable(Exception):
    """The expression has no value at this point, or none that this evaluator can give."""


@dataclass(frozen=True)
class Scope:
    """What an expression may rest on: integers, arrays of `Fraction`, definitions."""

    extents: Mapping[Parameter, int]
    exact: Mapping[Tensor, NDArray[numpy.object_]] = field(
        default_factory=dict[Tensor, NDArray[numpy.object_]]
    )
    definitions: Mapping[Tensor, Definition] = field(default_factory=dict[Tensor, Definition])


_FUNCTIONS = {
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "sin": math.sin,
    "cos": math.cos,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "arctan": math.atan,
    "erf": math.erf,
}


def evaluate(
    expression: Expression, scope: Scope, indices: Mapping[Index, int] = NO_INDICES
) -> Number:
    """A `Fraction` if every step is rational, else a float.

    Raises `Unevaluable` for derivatives, abstract functions, values that the scope lacks, and where
    the expression is undefined.
    """
    environment: dict[Atom, int] = {**scope.extents}
    chosen: dict[Atom, int] = {**indices}
    environment |= chosen
    try:
        return _evaluate(expression, scope, environment, 0)
    except (ZeroDivisionError, OverflowError, ValueError) as error:
        raise Unevaluable(str(error)) from error


def _evaluate(
    expression: Expression, scope: Scope, environment: dict[Atom, int], depth: int
) -> Number:
    if depth > _DEEPEST:
        raise Unevaluable("nested too deeply")

    def value(part: Expression) -> Number:
        return _evaluate(part, scope, environment, depth + 1)

    match expression:
        case Rational(number):
            return number
        case Count(affine):
            return Fraction(_integer(affine, environment))
        case Entry():
            return _entry(expression, scope, environment, depth)
        case Delta(left, right):
            return Fraction(int(_integer(left - right, environment) == 0))
        case Guard(affine):
            return Fraction(int(_integer(affine, environment) >= 0))
        case Positive(argument):
            return Fraction(int(value(argument) > 0))
        case Add(terms):
            return sum(map(value, terms), Fraction(0))
        case Multiply(factors):
            conditions = [f for f in factors if isinstance(f, Delta | Guard | Positive)]
            if any(value(condition) == 0 for condition in conditions):
                return Fraction(0)
            return math.prod(map(value, factors), start=Fraction(1))
        case Power(base, exponent):
            return _power(value(base), value(exponent))
        case Apply(function, arguments):
            if function.abstract:
                raise Unevaluable(f"an abstract function {function.name}")
            return _apply(function.name, [value(argument) for argument in arguments])
        case Sum(index, body):
            over = _over((index,), environment)
            return sum((_evaluate(body, scope, e, depth + 1) for e in over), Fraction(0))
        case Product(index, body):
            over = _over((index,), environment)
            return math.prod(
                (_evaluate(body, scope, e, depth + 1) for e in over), start=Fraction(1)
            )
        case Maximum(bound, where, body):
            inside = [e for e in _over(bound, environment) if _evaluate(where, scope, e, depth + 1)]
            return max(_evaluate(body, scope, e, depth + 1) for e in inside)
        case Derivative():
            raise Unevaluable("a derivative")


def _over(bound: tuple[Index, ...], environment: dict[Atom, int]) -> Iterator[dict[Atom, int]]:
    ranges = [range(_integer(index.extent, environment)) for index in bound]
    for values in product(*ranges):
        yield {**environment, **dict(zip(bound, values, strict=True))}


def _integer(affine: Affine, environment: Mapping[Atom, int]) -> int:
    try:
        return affine.evaluate(environment)
    except KeyError as error:
        raise Unevaluable(f"no value for {error.args[0].name}") from error


def _entry(entry: Entry, scope: Scope, environment: Mapping[Atom, int], depth: int) -> Number:
    place = tuple(_integer(subscript, environment) for subscript in entry.subscripts)
    sizes = (_integer(extent, environment) for extent in entry.tensor.extents)
    if not all(0 <= n < size for n, size in zip(place, sizes, strict=True)):
        return Fraction(0)
    array = scope.exact.get(entry.tensor)
    if array is not None:
        return array[place]
    definition = scope.definitions.get(entry.tensor)
    if definition is None:
        raise Unevaluable(f"no value for {entry.tensor.name}")
    inner: dict[Atom, int] = {p: n for p, n in environment.items() if isinstance(p, Parameter)}
    inner.update(zip(definition.indices, place, strict=True))
    return _evaluate(definition.body, scope, inner, depth + 1)


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        if abs(exponent) > 10_000:
            raise Unevaluable("a power too large")
        return base ** int(exponent)
    if base < 0:
        raise Unevaluable("a root of a negative number")
    return float(base) ** float(exponent)


def _apply(name: str, arguments: list[Number]) -> Number:
    match name, arguments:
        case "elsewhere", [x]:
            if x:
                raise Unevaluable("outside all cases")
            return Fraction(0)
        case "floor", [x]:
            return Fraction(math.floor(x))
        case "ceil", [x]:
            return Fraction(math.ceil(x))
        case "abs", [x]:
            return abs(x)
        case "relu", [x]:
            return max(x, Fraction(0))
        case "sign", [x]:
            return Fraction((x > 0) - (x < 0))
        case "max", [x, y]:
            return max(x, y)
        case "min", [x, y]:
            return min(x, y)
        case "sigmoid", [x]:
            return 0.5 * (1.0 + math.tanh(0.5 * float(x)))
        case "softplus", [x]:
            return max(float(x), 0.0) + math.log1p(math.exp(-abs(float(x))))
        case _, [x] if name in _FUNCTIONS:
            return _FUNCTIONS[name](float(x))
        case _:
            raise Unevaluable(f"the function {name}")
