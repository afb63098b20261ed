"""Arithmetic on balls and on nested dual numbers over balls.

A value is a ball, or `primal + tangent·ε` with ε² = 0 for the infinitesimal of one derivative; the
infinitesimals of nested derivatives are told apart by their `level`, the innermost one highest
(Siskind and Pearlmutter, *Nesting forward-mode AD*, 2008). A tangent that is exactly 0 is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from flint import arb, fmpq

ZERO = arb(0)
ONE = arb(1)


class NoValue(Exception):
    """The expression has no enclosure at this point, for the reason that the subclass gives."""


class Undefined(NoValue):
    """The expression is undefined here, or not differentiable, whatever the precision."""


class Inconclusive(NoValue):
    """The ball is too wide to decide; more precision may help."""


class BudgetExceeded(NoValue):
    """The evaluation takes more work, or more depth, than it was given."""


@dataclass(frozen=True, slots=True, eq=False)
class Dual:
    """`primal + tangent·ε`, both parts of lower level."""

    level: int
    primal: Value
    tangent: Value


Value: TypeAlias = "arb | Dual"


def ball(value: Fraction | int) -> arb:
    """The rational as a ball at the working precision; exact where it is representable."""
    if isinstance(value, int):
        return arb(value)
    return arb(fmpq(value.numerator, value.denominator))


def real(value: Value) -> arb:
    """The ball without its infinitesimal parts."""
    while isinstance(value, Dual):
        value = value.primal
    return value


def level_of(value: Value) -> int:
    return value.level if isinstance(value, Dual) else 0


def vanishes(value: Value) -> bool:
    """Whether the value is exactly 0, with no infinitesimal part."""
    return not isinstance(value, Dual) and value.is_zero()


def dual(level: int, primal: Value, tangent: Value) -> Value:
    return primal if vanishes(tangent) else Dual(level, primal, tangent)


def primal(value: Value, level: int) -> Value:
    return value.primal if isinstance(value, Dual) and value.level == level else value


def tangent(value: Value, level: int) -> Value:
    """The coefficient of ε of this level; no higher level may occur in the value."""
    return value.tangent if isinstance(value, Dual) and value.level == level else ZERO


def add(left: Value, right: Value) -> Value:
    if not isinstance(left, Dual) and not isinstance(right, Dual):
        return left + right
    level = max(level_of(left), level_of(right))
    return dual(
        level,
        add(primal(left, level), primal(right, level)),
        add(tangent(left, level), tangent(right, level)),
    )


def multiply(left: Value, right: Value) -> Value:
    if not isinstance(left, Dual) and not isinstance(right, Dual):
        return left * right
    if not isinstance(left, Dual) or (isinstance(right, Dual) and right.level > left.level):
        left, right = right, left
    assert isinstance(left, Dual)
    level = left.level
    if not isinstance(right, Dual) or right.level < level:
        return dual(level, multiply(left.primal, right), multiply(left.tangent, right))
    return dual(
        level,
        multiply(left.primal, right.primal),
        add(multiply(left.primal, right.tangent), multiply(left.tangent, right.primal)),
    )


def negate(value: Value) -> Value:
    return multiply(arb(-1), value)


def subtract(left: Value, right: Value) -> Value:
    return add(left, negate(right))


# --- powers ---------------------------------------------------------------------------------------


def power(base: Value, exponent: Fraction) -> Value:
    """base^exponent for a rational known in advance; a non-integer one needs base ≥ 0."""
    if exponent == 0:
        return ONE
    if exponent == 1:
        return base
    if isinstance(base, Dual):
        slope = multiply(ball(exponent), power(base.primal, exponent - 1))
        return dual(base.level, power(base.primal, exponent), multiply(slope, base.tangent))
    if exponent.denominator == 1:
        if exponent < 0:
            _apart_from_zero(base)
        return _finite(base ** int(exponent))
    if base.is_zero() and exponent > 0:
        return ZERO
    _above_zero(base, "a root")
    return _finite(base ** ball(exponent))


def general_power(base: Value, exponent: Value) -> Value:
    """base^exponent over the reals, the exponent a value."""
    if not isinstance(exponent, Dual):
        whole = exponent.unique_fmpz() if exponent.is_exact() else None
        if whole is not None:
            return power(base, Fraction(int(whole)))
        if not isinstance(base, Dual) and base.is_zero():
            if exponent > 0:
                return ZERO
            raise Undefined("a power of 0") if exponent < 0 else Inconclusive("a power of 0")
        if not exponent.is_exact() and exponent.contains_integer() and real(base) <= 0:
            raise Inconclusive("an exponent that may be an integer")
    _above_zero(real(base), "a power")
    return apply("exp", multiply(exponent, apply("log", base)))


def inverse(value: Value) -> Value:
    return power(value, Fraction(-1))


def _apart_from_zero(value: arb) -> None:
    if value.is_zero():
        raise Undefined("a division by 0")
    if value.contains(0):
        raise Inconclusive("a division by a ball that contains 0")


def _above_zero(value: arb, what: str) -> None:
    if value > 0:
        return
    if value < 0 or value.is_zero():
        raise Undefined(f"{what} of a number that is not positive")
    raise Inconclusive(f"{what} of a ball that contains 0")


def _finite(value: arb) -> arb:
    if not value.is_finite():
        raise Inconclusive("a value too large")
    return value


# --- order ----------------------------------------------------------------------------------------


def sign(value: Value, *, off_kinks: bool) -> int:
    """−1, 0 or 1; at 0 the value is off limits under a derivative, or where kinks are."""
    number = real(value)
    if number > 0:
        return 1
    if number < 0:
        return -1
    if not number.is_zero():
        raise Inconclusive("a ball that contains 0 at a kink")
    if off_kinks or isinstance(value, Dual):
        raise Undefined("a kink")
    return 0


def largest(values: Sequence[Value], *, off_kinks: bool) -> Value:
    """The maximum; a tie is off limits under a derivative, or where kinks are."""
    if not values:
        raise Undefined("a maximum over nothing")
    balls = [value for value in values if not isinstance(value, Dual)]
    if len(balls) == len(values) and not off_kinks:
        result = balls[0]
        for other in balls[1:]:
            result = result.max(other)
        return result
    best = values[0]
    for value in values[1:]:
        if real(value).mid() > real(best).mid():
            best = value
    for value in values:
        if value is best or real(best) > real(value):
            continue
        if real(best).is_exact() and real(value).is_exact():
            raise Undefined("a tie in a maximum")
        raise Inconclusive("a possible tie in a maximum")
    return best


# --- scalar functions -----------------------------------------------------------------------------


def _log(x: arb) -> arb:
    _above_zero(x, "a logarithm")
    return x.log()


def _sigmoid(x: arb) -> arb:
    return 1 / (1 + (-x).exp()) if x > 0 else x.exp() / (1 + x.exp())


def _softplus(x: arb) -> arb:
    return x + (-x).exp().log1p() if x > 0 else x.exp().log1p()


_VALUES: dict[str, Callable[[arb], arb]] = {
    "exp": arb.exp,
    "log": _log,
    "tanh": arb.tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "sin": arb.sin,
    "cos": arb.cos,
    "sinh": arb.sinh,
    "cosh": arb.cosh,
    "arctan": arb.atan,
    "erf": arb.erf,
}

# The slope at x, where the function's value is y.
_SLOPES: dict[str, Callable[[Value, Value], Value]] = {
    "exp": lambda x, y: y,
    "log": lambda x, y: inverse(x),
    "tanh": lambda x, y: subtract(ONE, multiply(y, y)),
    "sigmoid": lambda x, y: multiply(y, subtract(ONE, y)),
    "softplus": lambda x, y: apply("sigmoid", x),
    "sin": lambda x, y: apply("cos", x),
    "cos": lambda x, y: negate(apply("sin", x)),
    "sinh": lambda x, y: apply("cosh", x),
    "cosh": lambda x, y: apply("sinh", x),
    "arctan": lambda x, y: inverse(add(ONE, multiply(x, x))),
    "erf": lambda x, y: multiply(2 / arb.pi().sqrt(), apply("exp", negate(multiply(x, x)))),
}


def apply(name: str, *arguments: Value, off_kinks: bool = False) -> Value:
    """A named function's value; `Undefined` for a name that nothing is known of."""
    match name, arguments:
        case (("max" | "min"), (left, right)):
            if name == "min":
                return negate(largest([negate(left), negate(right)], off_kinks=off_kinks))
            return largest([left, right], off_kinks=off_kinks)
        case "relu", (x,):
            if not isinstance(x, Dual) and not off_kinks:
                return x.max(ZERO)
            return x if sign(x, off_kinks=off_kinks) > 0 else ZERO
        case "abs", (x,):
            if not isinstance(x, Dual) and not off_kinks:
                return abs(x)
            return x if sign(x, off_kinks=off_kinks) > 0 else negate(x)
        case "sign", (x,):
            return arb(sign(x, off_kinks=off_kinks))
        case "elsewhere", (x,):
            if sign(real(x), off_kinks=False):
                raise Undefined("outside all cases")
            return ZERO
        case "floor", (x,):
            return _floor(x)
        case _, (x,) if name in _VALUES:
            return _smooth(name, x)
        case _:
            raise Undefined(f"nothing is known of the function {name}")


def _floor(x: Value) -> Value:
    if isinstance(x, Dual):
        raise Inconclusive("a derivative of a floor")
    found = x.floor().unique_fmpz()
    if found is None:
        raise Inconclusive("a floor of what may be an integer")
    return arb(found)


def _smooth(name: str, x: Value) -> Value:
    if not isinstance(x, Dual):
        return _finite(_VALUES[name](x))
    y = _smooth(name, x.primal)
    return dual(x.level, y, multiply(_SLOPES[name](x.primal, y), x.tangent))


def derived(function: Callable[[Value], Value], order: int, x: Value) -> Value:
    """The derivative of this order of a function of one argument."""
    if order == 0:
        return function(x)
    level = level_of(x) + 1
    return tangent(derived(function, order - 1, Dual(level, x, ONE)), level)
