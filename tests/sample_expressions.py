"""Expressions with every kind of node, and their values by the scalar evaluator."""

from __future__ import annotations

from fractions import Fraction

import numpy

from derivcheck.expression import (
    ONE,
    Affine,
    Domain,
    Entry,
    Expression,
    Index,
    Maximum,
    Parameter,
    Positive,
    Product,
    Sum,
    Tensor,
    add,
    apply,
    delta,
    divide,
    free_indices,
    fresh,
    guard,
    multiply,
    negation,
    number,
    parameters,
    power,
    rational,
    square_root,
    subtract,
    within,
)
from derivcheck.witnesses.scalar_evaluation import Scope, evaluate

S, M, U, P = Parameter("S"), Parameter("M"), Parameter("u"), Parameter("p", 0)
POSITIVE = Domain(lower=Fraction(0), strict_lower=True, declared=True)
X = Tensor("X", (Affine.of(S), Affine.of(M)))
ROW = Tensor("x", (Affine.of(M),))
SCALE = Tensor(r"\gamma", (Affine.of(M),), POSITIVE)
EPSILON = Tensor(r"\epsilon", (), POSITIVE)
s, j = Index("s", Affine.of(S)), Index("j", Affine.of(M))
SYMBOLS = (X, ROW, SCALE, EPSILON, S, M, U, P, s, j)


def bound(letter: str, extent: Parameter = M) -> Index:
    return fresh(Index(letter, Affine.of(extent)))


def at(tensor: Tensor, *subscripts: Index | Affine | int) -> Entry:
    return Entry(tensor, tuple(Affine.of(subscript) for subscript in subscripts))


def value(expression: Expression, seed: int = 0) -> float:
    """By the scalar evaluator, at a generic point with M = 3 and S = 2, at s = 1, j = 2."""
    generator = numpy.random.default_rng(seed)
    sizes = {S: 2, M: 3, U: 2, P: 1}
    integers = {p: sizes[p] for p in parameters(expression)}
    arrays = {}
    for tensor in (X, ROW, SCALE, EPSILON):
        shape = tuple(extent.evaluate(sizes) for extent in tensor.extents)
        low = 1 if tensor.domain.positive else -8
        drawn = generator.integers(low, 9, size=shape)
        array = numpy.empty(shape, dtype=object)
        for position in numpy.ndindex(shape):
            array[position] = Fraction(int(drawn[position]), 8) + Fraction(1, 16)
        arrays[tensor] = array
    places = {index: {"s": 1, "j": 2}[index.name] for index in free_indices(expression)}
    return float(evaluate(expression, Scope({**integers, **places, **sizes}, arrays)))


k, m, q = bound("k"), bound("m"), bound("q")
outer, inner = bound("k"), bound("k")
SAMPLES = {
    "softmax": divide(apply("exp", at(ROW, j)), Sum(k, apply("exp", at(ROW, k)))),
    "clash": multiply(
        Sum(outer, multiply(at(ROW, outer), Sum(inner, multiply(at(X, s, inner), at(ROW, inner))))),
        at(ROW, j),
    ),
    "bound letter is free outside": multiply(
        at(ROW, j), Sum(fj := bound("j"), multiply(at(X, s, fj), at(SCALE, fj)))
    ),
    "layer norm": divide(
        subtract(at(X, s, j), divide(Sum(k, at(X, s, k)), number(M))),
        square_root(add(at(EPSILON), Sum(m, power(at(X, s, m), 2)))),
    ),
    "delta": Sum(k, multiply(delta(k, j), at(ROW, k))),
    "stride": Sum(k, multiply(at(ROW, Affine.of(k) * U - P), at(SCALE, k))),
    "nested guards": Sum(
        bs := bound("t", S),
        multiply(rational(2), Sum(k, multiply(within(Affine.of(k) - 1, M), at(X, bs, k)))),
    ),
    "shifted": Sum(k, multiply(at(ROW, k), at(ROW, Affine.of(k) + 1))),
    "guard": Sum(k, multiply(guard(Affine.of(j) - k), at(ROW, k))),
    "kink": multiply(Positive(at(ROW, j)), at(SCALE, j)),
    "other side": multiply(negation(Positive(at(ROW, j))), at(SCALE, j)),
    "product": Product(k, add(ONE, power(at(ROW, k), 2))),
    "window": Maximum((k,), within(Affine.of(j) + k - P, M), at(ROW, Affine.of(j) + k - P)),
    "plain maximum": Maximum((bs, k), ONE, at(X, bs, k)),
    "two arguments": apply("max", at(ROW, j), rational(Fraction(1, 2))),
    "functions": add(
        *(apply(name, at(ROW, j)) for name in ("tanh", "sigmoid", "softplus", "relu", "abs")),
        *(apply(name, at(ROW, j)) for name in ("sign", "sin", "cos", "sinh", "cosh", "arctan")),
        apply("log", at(SCALE, j)),
        apply("erf", at(ROW, j)),
        apply("min", at(ROW, j), at(EPSILON)),
    ),
    "count": multiply(add(number(Affine.of(M) * S - 1), number(j)), power(at(SCALE, j), -2)),
}
