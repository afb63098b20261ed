"""Derivatives against differences at 40 digits, and the scalar table against SymPy."""

from __future__ import annotations

import itertools

import pytest
import sympy
from entrywise import Point, Undefined, close
from expression_layers import LAYERS, POSITIVE, at, index, sum_over, tensor
from mpmath import mpf

from derivcheck.calculus import (
    SCALAR_RULES,
    UnknownFunction,
    derivative,
    expand_derivatives,
)
from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Context,
    Definition,
    Derivative,
    Entry,
    Expression,
    Function,
    Index,
    Maximum,
    Parameter,
    Power,
    Product,
    Sum,
    add,
    apply,
    delta,
    fresh,
    multiply,
    negation,
    power,
    walk,
)

N, M, P = Parameter("N"), Parameter("M"), Parameter("p", 0)
X, Y, A = tensor("X", N), tensor("Y", N, domain=POSITIVE), tensor("A", N, N)
i, j = index("i", N), index("j", N)


def holds(whole: Expression, variable: Entry, context: Context | None = None) -> None:
    """The derivative is that of differences, at every entry of three sizes."""
    context = context or Context()
    slope = derivative(whole, variable, context)
    assert not any(isinstance(node, Derivative) for node in walk(slope))
    compared = 0
    for size in (1, 2, 3):
        for places in itertools.product(range(size), repeat=2):
            point = Point(size, {N: size, M: 3, P: 1}, context)
            here: dict[Index, int] = dict(zip((i, j), places, strict=True))
            try:
                expected = point.value(Derivative(whole, variable), here)
                found = Point(size, {N: size, M: 3, P: 1}, context).value(slope, here)
            except Undefined:
                continue
            assert close(expected, found, 12), (size, places, expected, found)
            compared += 1
    assert compared > 3


@pytest.mark.parametrize("name", SCALAR_RULES)
def test_scalar_rules_agree_with_sympy(name: str) -> None:
    x = tensor("x")
    slope = derivative(apply(name, at(x)), at(x), Context())
    forms = {
        "sigmoid": lambda t: 1 / (1 + sympy.exp(-t)),
        "softplus": lambda t: sympy.log(1 + sympy.exp(t)),
        "relu": lambda t: sympy.Max(t, 0),
        "abs": lambda t: sympy.sqrt(t**2),
        "sign": lambda t: sympy.Integer(1),
        "elsewhere": lambda t: sympy.Integer(0),
        "arctan": sympy.atan,
    }
    t = sympy.Symbol("t", real=True)
    expected = sympy.diff(forms.get(name, getattr(sympy, name, None))(t), t)
    for value in (sympy.Rational(3, 7), sympy.Rational(11, 5)):
        point = Point(0, entries={(x, ()): mpf(value.p) / value.q})
        assert close(point.value(slope), mpf(str(sympy.N(expected.subs(t, value), 40))), 25)


@pytest.mark.parametrize(
    "whole",
    [
        sum_over("j", N, lambda k: multiply(at(X, k), at(X, j))),
        multiply(at(X, i), at(X, j), apply("exp", at(X, i))),
        Power(at(Y, i), at(X, j)),
        power(add(at(X, i), at(Y, j)), 3),
        sum_over("k", N, lambda k: at(X, Affine.of(k) * 2 + i - P)),
        apply("max", at(X, i), multiply(at(X, j), at(X, j))),
        apply("min", at(X, i), at(Y, j)),
        apply(Function("h", True), multiply(at(X, i), at(X, j))),
        Product(k := fresh(index("k", N)), add(at(X, k), at(Y, k))),
        Maximum((k,), ONE, at(X, k)),
        Maximum((k,), negation(delta(k, i)), add(at(X, k), at(Y, j))),
    ],
)
def test_derivatives_are_slopes(whole: Expression) -> None:
    holds(whole, at(X, j))
    holds(whole, at(X, i))


def test_a_bound_index_that_the_variable_uses_is_not_captured() -> None:
    """∂/∂a_j Σ_j a_j² is 2 a_j, also if the binder is the variable's own index."""
    whole = Sum(j, power(at(X, j), 2))
    holds(whole, at(X, j))


def test_definitions_are_followed_and_their_letters_do_not_mix() -> None:
    """Z_ij = X_j Σ_i A_ij, its letters the claim's own."""
    Z = tensor("Z", N, N)
    body = multiply(at(X, j), Sum(i, multiply(at(A, i, j), at(X, i))))
    W = tensor("W", N)
    context = Context().define(Definition(Z, (i, j), body))
    context = context.define(Definition(W, (i,), Sum(j, power(at(Z, j, i), 2))))
    holds(at(W, i), at(X, j), context)
    holds(at(W, Affine.of(i) + 1), at(X, j), context)


def test_the_variable_itself_is_cut() -> None:
    """∂/∂Z perturbs a defined Z as if it were free."""
    Z = tensor("Z", N)
    context = Context().define(Definition(Z, (i,), power(at(X, i), 2)))
    assert derivative(at(X, i), at(Z, j), context) == ZERO
    assert derivative(multiply(at(Z, i), at(X, i)), at(Z, i), context) == at(X, i)


def test_a_tie_by_symmetry_is_no_kink() -> None:
    """max over k ≠ l of X_k + X_l: each pair is there twice, its derivative is not doubled."""
    k, m = fresh(index("k", N)), fresh(index("l", N))
    whole = Maximum((k, m), negation(delta(k, m)), add(at(X, k), at(X, m)))
    holds(whole, at(X, j))


def test_second_derivatives() -> None:
    inner = Derivative(sum_over("k", N, lambda k: power(at(X, k), 3)), at(X, i))
    nested = expand_derivatives(Derivative(inner, at(X, j)), Context())
    expected = multiply(delta(i, j), at(X, i))
    point = Point(3, {N: 3})
    for places in itertools.product(range(3), repeat=2):
        here = dict(zip((i, j), places, strict=True))
        assert close(point.value(nested, here), 6 * point.value(expected, here))


@pytest.mark.parametrize("name", ["softmax", "layernorm", "conv2d"])
def test_layers(name: str) -> None:
    layer = LAYERS[name]()
    for _, reading in layer.claims():
        point = Point(4, context=layer.context, largest=2)
        here = dict.fromkeys(reading.indices, 0)
        expanded = expand_derivatives(reading.left, reading.context)
        assert close(point.value(reading.left, here), point.value(expanded, here), 12)


def test_an_unknown_function_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownFunction, match="zeta"):
        derivative(apply("zeta", at(X, i)), at(X, i), Context())


def test_differences_can_tell() -> None:
    """The twin: a wrong derivative is seen."""
    point = Point(2, {N: 2})
    slope = point.value(Derivative(power(at(X, i), 2), at(X, i)), {i: 1})
    wrong = point.value(at(X, i), {i: 1})
    assert not close(slope, wrong, 12)
    assert close(slope, 2 * wrong, 12)
