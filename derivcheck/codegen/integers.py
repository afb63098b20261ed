"""Integers of a program as Python text: extents, statics, subscripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from derivcheck.codegen.text import ATOM, PRODUCT, SUM, Code, call
from derivcheck.expression import (
    Add,
    Affine,
    Apply,
    Atom,
    Count,
    Expression,
    Index,
    Multiply,
    Parameter,
    Power,
    Rational,
)
from derivcheck.lowering import LoweringError


def affine(
    value: Affine,
    numbers: Mapping[Parameter, str],
    index: Callable[[Index], str] | None = None,
) -> Code:
    """The polynomial, terms with indices first; `index` prints a letter as an array."""

    def spell(atom: Atom) -> str:
        if isinstance(atom, Parameter):
            return numbers[atom]
        assert index is not None, "an extent holds no index"
        return index(atom)

    text = ""
    level = ATOM
    ordered = sorted(value.terms, key=lambda item: (item[1] < 0, -len(item[0])))
    for position, (term, coefficient) in enumerate(ordered):
        parameters = [spell(atom) for atom in term if isinstance(atom, Parameter)]
        indices = [spell(atom) for atom in term if isinstance(atom, Index)]
        factors = [*parameters, *indices]
        if abs(coefficient) != 1 or not factors:
            factors.insert(0, str(abs(coefficient)))
        product = " * ".join(factors)
        if position:
            text += f" {'-' if coefficient < 0 else '+'} {product}"
            level = SUM
        else:
            text = f"-{product}" if coefficient < 0 else product
            level = SUM if coefficient < 0 else PRODUCT if len(factors) > 1 else ATOM
    return Code(text or "0", level)


def formula(expression: Expression, numbers: Mapping[Parameter, str]) -> Code:
    """The page's formula of an extent, in integer arithmetic: quotients are floored."""
    match expression:
        case Rational(value) if value.denominator == 1:
            return Code(str(value), ATOM if value >= 0 else SUM)
        case Count(value):
            return affine(value, numbers)
        case Add(terms):
            text = ""
            for position, term in enumerate(terms):
                sign, positive = _signed(term)
                part = formula(positive, numbers).at(PRODUCT)
                if position:
                    text += f" {sign} {part}"
                else:
                    text = part if sign == "+" else f"-{part}"
            return Code(text, SUM)
        case Multiply(factors):
            return _product(factors, numbers)
        case Power(_, Rational(exponent)) if exponent < 0:
            return _product((expression,), numbers)
        case Power(base, Rational(exponent)) if exponent.denominator == 1:
            text = f"{formula(base, numbers).at(ATOM)}**{exponent}"
            return Code(text, PRODUCT)
        case Apply(function, (argument,)) if function.name == "floor":
            return formula(argument, numbers)
        case Apply(function, arguments) if function.name in ("max", "min"):
            return call(function.name, *(formula(part, numbers).text for part in arguments))
        case _:
            raise LoweringError("an extent's formula has a part that is no integer arithmetic")


def _signed(term: Expression) -> tuple[str, Expression]:
    match term:
        case Rational(value) if value < 0:
            return "-", Rational(-value)
        case Multiply((Rational(value), *rest)) if value == -1 and len(rest) == 1:
            return "-", rest[0]
        case Multiply((Rational(value), *rest)) if value < 0:
            return "-", Multiply((Rational(-value), *rest))
        case _:
            return "+", term


def _product(factors: tuple[Expression, ...], numbers: Mapping[Parameter, str]) -> Code:
    above: list[str] = []
    below: list[str] = []
    coefficient = Fraction(1)
    for factor in factors:
        match factor:
            case Rational(value):
                coefficient *= value
            case Power(base, Rational(exponent)) if exponent == -1:
                below.append(formula(base, numbers).at(ATOM))
            case _:
                above.append(formula(factor, numbers).at(ATOM))
    if coefficient.numerator != 1 or not above:
        above.insert(0, str(coefficient.numerator))
    if coefficient.denominator != 1:
        below.insert(0, str(coefficient.denominator))
    text = " * ".join(above)
    if below:
        divisor = below[0] if len(below) == 1 else f"({' * '.join(below)})"
        text = f"({text}) // {divisor}" if len(above) > 1 else f"{text} // {divisor}"
        return Code(text, PRODUCT)
    return Code(text, PRODUCT if len(above) > 1 else ATOM)
