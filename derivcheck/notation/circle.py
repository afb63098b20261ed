"""π, which expressions hold as 4 · arctan(1)."""

from __future__ import annotations

from fractions import Fraction

from derivcheck.expression import (
    ONE,
    Apply,
    Entry,
    Expression,
    Multiply,
    Power,
    Rational,
    Tensor,
    rebuild,
    tensors,
)

PI = r"\pi"


def with_pi(expression: Expression) -> Expression:
    """The expression with the symbol π for 4 · arctan(1), unless it has a π of its own."""
    if any(tensor.name == PI for tensor in tensors(expression)):
        return expression
    return _visit(expression)


def _visit(expression: Expression) -> Expression:
    expression = rebuild(expression, _visit)
    if not isinstance(expression, Multiply):
        return expression
    coefficient = Fraction(1)
    factors: list[Expression] = []
    found = False
    for factor in expression.factors:
        exponent = _quarters(factor)
        if isinstance(factor, Rational):
            coefficient *= factor.value
        elif exponent is not None:
            found = True
            coefficient /= Fraction(4) ** exponent
            pi = Entry(Tensor(PI, ()), ())
            factors.append(pi if exponent == 1 else Power(pi, Rational(Fraction(exponent))))
        else:
            factors.append(factor)
    if not found:
        return expression
    if coefficient != 1:
        factors.insert(0, Rational(coefficient))
    return factors[0] if len(factors) == 1 else Multiply(tuple(factors))


def _quarters(factor: Expression) -> int | None:
    """n, for arctan(1) to the power n."""
    match factor:
        case Apply(function, arguments) if function.name == "arctan" and arguments == (ONE,):
            return None if function.abstract else 1
        case Power(base, Rational(value)) if value.denominator == 1:
            inside = None if isinstance(base, Power) else _quarters(base)
            return None if inside is None else inside * value.numerator
        case _:
            return None
