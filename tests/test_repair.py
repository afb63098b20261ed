"""A single slip is undone by the first edit that is proved; nothing unproved is ever suggested."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claims import CLAIMS, array, entry, summed

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Context,
    Derivative,
    Index,
    Parameter,
    add,
    apply,
    multiply,
    negate,
    number,
    power,
    rational,
)
from derivcheck.repair import first_proved, repairs
from derivcheck.verdict import Outcome
from derivcheck.witnesses.ball_arithmetic import ball_evidence

N = Parameter("N")
v, w = array("v", N), array("w", N)
n = Index("n", Affine.of(N))


def agrees(reading: Reading) -> bool:
    """Agreement at many points, in the place of the prover: these tests rest on one room."""
    evidence = ball_evidence(reading, off_kinks=True, points=6, seed=99)
    return evidence.outcome is Outcome.MET


def repaired(claim: Reading, right) -> str:
    found = first_proved(replace(claim, right=right), agrees)
    return "" if found is None else found.text


SQUARES = Reading(
    Derivative(summed("k", N, lambda k: multiply(power(entry(v, k), 2), entry(w, k))), entry(v, n)),
    multiply(rational(2), entry(v, n), entry(w, n)),
    (n,),
    Context(),
)
"""∂/∂v_n Σ_k v_k² w_k = 2 v_n w_n."""


@pytest.mark.parametrize(
    ("right", "text"),
    [
        (multiply(rational(-2), entry(v, n), entry(w, n)), "the sign of the right side"),
        (multiply(entry(v, n), entry(w, n)), "a factor 2 is put in front"),
        (multiply(rational(2), number(N), entry(v, n), entry(w, n)), "a factor 1/N"),
        (multiply(rational(2), power(entry(v, n), 2), entry(w, n)), "exponent"),
        (multiply(rational(2), entry(w, n), entry(w, n)), "w_n is replaced by v_n"),
        (
            add(multiply(rational(2), entry(v, n), entry(w, n)), apply("exp", entry(w, n))),
            "is left out",
        ),
        (summed("k", N, lambda k: multiply(rational(2), entry(v, k), entry(w, k))), "sum over k"),
        (multiply(rational(2), entry(v, 0), entry(w, n)), ""),
    ],
)
def test_one_slip_is_undone(right, text):
    found = repaired(SQUARES, right)
    assert (text in found) if text else not found


def test_the_sign_of_one_term_is_named():
    claim = CLAIMS["softmax X"]
    first, second = claim.right.factors[1].terms
    mean = multiply(*second.factors[1:])
    assert second == negate(mean)
    wrong = multiply(claim.right.factors[0], add(first, mean))
    assert repaired(claim, wrong).startswith("the sign of Σ_l")


def test_an_index_is_exchanged():
    total = summed("k", N, lambda k: multiply(entry(v, k), entry(w, k)))
    wrong = summed("k", N, lambda k: multiply(entry(v, k), entry(w, n)))
    claim = Reading(multiply(total, entry(v, n)), multiply(wrong, entry(v, n)), (n,), Context())
    found = first_proved(claim, agrees)
    assert found is not None
    assert found.text == "w_n is replaced by w_k"


def test_a_missing_sum_is_put_back():
    single = Reading(summed("k", N, lambda k: entry(v, k)), entry(v, n), (n,), Context())
    assert first_proved(single, agrees).text == "v_n is summed over n"


def test_the_one_term_that_is_missing_can_be_added():
    lost = multiply(apply("exp", entry(w, n)), entry(v, n))
    wrong = replace(SQUARES, left=add(SQUARES.left, lost))
    assert first_proved(wrong, agrees) is None
    found = first_proved(wrong, agrees, difference=lost)
    assert found is not None
    assert found.text.endswith("is added")


def test_only_what_is_proved_is_suggested_and_only_candidates_that_agree_are_tried():
    wrong = replace(SQUARES, right=negate(SQUARES.right))
    asked: list[Reading] = []

    def never(reading: Reading) -> bool:
        asked.append(reading)
        return False

    assert first_proved(wrong, never) is None
    assert 0 < len(asked) < 10
    assert all(agrees(reading) for reading in asked)


def test_the_budget_ends_the_search():
    wrong = replace(SQUARES, right=negate(SQUARES.right))
    assert first_proved(wrong, agrees, 0) is None
    assert first_proved(wrong, agrees, 1) is not None


def test_edits_come_in_a_fixed_order_and_leave_the_reading_alone():
    claim = CLAIMS["layernorm X"]
    first, again = ([repair.text for repair in repairs(claim)] for _ in range(2))
    assert first == again
    assert first[0] == "the sign of the right side is changed"
    assert len(first) > 50
    assert agrees(claim)
