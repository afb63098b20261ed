"""Stand-ins for an abstract elementwise function `h`: smooth, generic, with every derivative."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy

from derivcheck.expression import Function
from derivcheck.witnesses.ball_arithmetic.dual_ball import (
    ZERO,
    Undefined,
    Value,
    add,
    apply,
    ball,
    derived,
    multiply,
)


class StandIns:
    """For every abstract function name one smooth function, the same for one seed.

    `named` puts a known function (`sigmoid`) in the place of an abstract one.
    """

    def __init__(self, seed: int = 0, named: Mapping[str, str] | None = None) -> None:
        self._seed = seed
        self._named = dict(named or {})
        self._coefficients: dict[tuple[str, int], list[Fraction]] = {}

    def value(self, function: Function, arguments: list[Value]) -> Value:
        """The stand-in's derivative of the function's order, at the arguments."""
        known = self._named.get(function.name)
        if len(arguments) != 1:
            if function.order:
                raise Undefined("a derivative of a function of several arguments")
            return self._ridges(function.name, arguments)
        if known is not None:
            return derived(lambda x: apply(known, x), function.order, arguments[0])
        return derived(lambda x: self._ridges(function.name, [x]), function.order, arguments[0])

    def _ridges(self, name: str, arguments: list[Value]) -> Value:
        """a + b·u + c·u² + d·sin(e·u + f) + g·exp(h·u), summed over the arguments and their mix."""
        mixed: Value = ZERO
        total: Value = ZERO
        for position, argument in enumerate(arguments):
            coefficients = self._of(name, position)
            mixed = add(mixed, multiply(ball(coefficients[-1]), argument))
            total = add(total, self._ridge(argument, coefficients))
        if len(arguments) > 1:
            total = add(total, self._ridge(mixed, self._of(name, len(arguments))))
        return total

    def _ridge(self, u: Value, coefficients: list[Fraction]) -> Value:
        a, b, c, d, e, f, g, h, _ = (ball(value) for value in coefficients)
        terms: tuple[Value, ...] = (
            a,
            multiply(b, u),
            multiply(c, multiply(u, u)),
            multiply(d, apply("sin", add(multiply(e, u), f))),
            multiply(g, apply("exp", multiply(h, u))),
        )
        total: Value = ZERO
        for term in terms:
            total = add(total, term)
        return total

    def _of(self, name: str, position: int) -> list[Fraction]:
        key = (name, position)
        if key not in self._coefficients:
            generator = numpy.random.default_rng([self._seed, position, *name.encode()])
            magnitudes = generator.integers(5, 16, 9)
            signs = generator.choice([-1, 1], 9)
            self._coefficients[key] = [
                Fraction(int(m) * int(s), 16) for m, s in zip(magnitudes, signs, strict=True)
            ]
        return self._coefficients[key]
