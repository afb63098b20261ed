"""Proofs by cases, attacked: what closes is equal at small integers, ties and zeros included.

A term carries its value along as a plain function of the entries, so that nothing of the house is
asked what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from random import Random

import pytest
from expression_layers import POSITIVE, at, index, sum_over, tensor

from derivcheck.derivation import Reading
from derivcheck.expression import (
    ONE,
    Context,
    Definition,
    Derivative,
    Expression,
    Index,
    Parameter,
    Positive,
    Tensor,
    add,
    apply,
    multiply,
    negate,
    number,
    subtract,
)
from derivcheck.proof import prove

N = Parameter("N")
i, j = index("i", N), index("j", N)
X, Y, D, c = tensor("X", N), tensor("Y", N), tensor("D", N), tensor("c", domain=POSITIVE)
CONTEXT = Context({D: Definition(D, (i,), subtract(at(X, i), at(Y, i)))})

Values = Mapping[str, int]


@dataclass(frozen=True)
class Term:
    expression: Expression
    value: Callable[[Values], int]


LEAVES = (
    Term(at(X, i), lambda v: v["X_i"]),
    Term(at(Y, i), lambda v: v["Y_i"]),
    Term(at(X, j), lambda v: v["X_j"]),
    Term(at(D, i), lambda v: v["X_i"] - v["Y_i"]),
    Term(at(c), lambda v: v["c"]),
    Term(number(0), lambda v: 0),
    Term(ONE, lambda v: 1),
)
POINTS = [
    dict(zip(("X_i", "Y_i", "X_j", "c"), values, strict=True))
    for values in product((-2, -1, 0, 1, 2), (-2, -1, 0, 1, 2), (-1, 0, 1), (1, 2))
]


def plus(a: Term, b: Term) -> Term:
    return Term(add(a.expression, b.expression), lambda v: a.value(v) + b.value(v))


def minus(a: Term) -> Term:
    return Term(negate(a.expression), lambda v: -a.value(v))


def times(a: Term, b: Term) -> Term:
    return Term(multiply(a.expression, b.expression), lambda v: a.value(v) * b.value(v))


def above(a: Term) -> Term:
    return Term(Positive(a.expression), lambda v: int(a.value(v) > 0))


def larger(a: Term, b: Term) -> Term:
    return Term(apply("max", a.expression, b.expression), lambda v: max(a.value(v), b.value(v)))


def smaller(a: Term, b: Term) -> Term:
    return Term(apply("min", a.expression, b.expression), lambda v: min(a.value(v), b.value(v)))


def modulus(a: Term) -> Term:
    return Term(apply("abs", a.expression), lambda v: abs(a.value(v)))


def drawn(random: Random, depth: int) -> Term:
    if depth == 0 or random.random() < 0.2:
        return random.choice(LEAVES)
    first, second = drawn(random, depth - 1), drawn(random, depth - 1)
    match random.randrange(6):
        case 0:
            return larger(first, second)
        case 1:
            return smaller(first, second)
        case 2:
            return modulus(first)
        case 3:
            return plus(first, minus(second))
        case 4:
            return times(first, above(second))
        case _:
            return plus(first, second)


def rewritten(random: Random, a: Term, b: Term) -> tuple[Term, Term]:
    """Two terms for one value, or nearly so: a sign or a tie may be wrong."""
    difference = plus(a, minus(b))
    zero = LEAVES[5]
    pairs = (
        (larger(a, b), plus(b, larger(difference, zero))),
        (smaller(a, b), plus(a, minus(larger(difference, zero)))),
        (larger(a, minus(a)), modulus(a)),
        (plus(larger(a, b), smaller(a, b)), plus(a, b)),
        (modulus(difference), plus(larger(a, b), minus(smaller(a, b)))),
        (times(a, above(b)), plus(a, minus(times(a, above(minus(b)))))),
        (times(b, above(b)), larger(b, zero)),
        (plus(above(b), above(minus(b))), LEAVES[6]),
        (larger(a, b), plus(a, larger(difference, zero))),
        (smaller(larger(a, b), a), a),
        (smaller(larger(a, b), a), b),
    )
    return random.choice(pairs)


def reading(left: Expression, right: Expression) -> Reading:
    return Reading(left, right, (i, j), CONTEXT)


def test_what_closes_by_cases_is_equal_everywhere():
    random = Random(20)
    closed = true = 0
    for _ in range(150):
        left, right = rewritten(random, drawn(random, 2), drawn(random, 2))
        proof = prove(reading(left.expression, right.expression), off_kinks=False, steps=3_000)
        equal = all(left.value(point) == right.value(point) for point in POINTS)
        assert equal or not proof.closed, (left.expression, right.expression)
        closed, true = closed + proof.closed, true + equal
    assert closed >= 0.8 * true > 50


def clipped(entry: Expression) -> Expression:
    return apply("min", apply("max", entry, negate(at(c))), at(c))


@pytest.mark.parametrize(("of", "sign", "holds"), [(X, 1, True), (X, -1, False), (Y, 1, False)])
def test_slopes_by_cases_are_those_off_the_kinks(of: Tensor, sign: int, holds: bool):
    within = multiply(
        Positive(add(at(c), at(X, i))),
        Positive(subtract(at(c), multiply(number(sign), at(X, i)))),
    )
    proof = prove(reading(Derivative(clipped(at(of, i)), at(X, i)), within), off_kinks=True)
    assert proof.closed is holds
    assert any(fact.startswith("off the kinks") for fact in proof.assumptions)


def test_a_sum_is_equal_if_its_summands_are_and_its_index_takes_no_case_with_it():
    def positive_part(t: Index) -> Expression:
        return apply("max", at(X, t), apply("max", number(0), negate(at(X, t))))

    whole = sum_over("s", N, positive_part)
    same = sum_over("s", N, lambda s: apply("abs", at(X, s)))
    assert prove(reading(whole, same), off_kinks=False).closed
    # Where X_i > 0 nothing is known of the other entries.
    known = multiply(Positive(at(X, i)), whole)
    wrong = multiply(Positive(at(X, i)), sum_over("s", N, lambda s: at(X, s)))
    assert not prove(reading(known, wrong), off_kinks=False).closed


@pytest.mark.parametrize("steps", [10, 30, 60, 100, 150, 250])
def test_steps_that_run_out_leave_a_claim_open(steps: int):
    def clipped_part(s: Index) -> Expression:
        return apply("max", at(D, s), apply("min", at(X, s), clipped(at(D, s))))

    left = sum_over("s", N, clipped_part)
    right = sum_over("s", N, lambda s: apply("max", at(D, s), at(Y, s)))
    assert not prove(reading(left, right), off_kinks=False, steps=steps).closed
