"""Recurrences: what is established by induction, and what must not be."""

import pytest

from derivcheck.calculus import EndlessDerivative, derivative
from derivcheck.checker import check_source
from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Conjecture,
    Context,
    Definition,
    Disorder,
    Entry,
    Index,
    Parameter,
    Tensor,
    add,
    circle,
    delta,
    direction,
    divide,
    equations,
    guard,
    multiply,
    power,
    rational,
    shifts,
)
from derivcheck.induction import established
from derivcheck.proof import prove
from derivcheck.source import Source
from derivcheck.verdict import Verdict

T = Parameter("T")
AXIS = Affine.of(T) + 1
A, B = Tensor("a"), Tensor("b")
P, Q, R = Tensor("p", (AXIS,)), Tensor("q", (AXIS,)), Tensor("r", (AXIS,))
t = Index("t", AXIS)


def at(tensor, place=t, shift=0):
    return Entry(tensor, (Affine.of(place) + shift,))


def recurrence(tensor, base, step):
    body = add(
        multiply(delta(Affine.of(t), Affine()), base), multiply(guard(Affine.of(t) - 1), step)
    )
    return Definition(tensor, (t,), body, recurs_along=0)


def context(*definitions, claims=()):
    return Context(
        {d.tensor: d for d in definitions},
        conjectures=tuple(
            Conjecture(left, right, f"claim {n}") for n, (left, right) in enumerate(claims)
        ),
    )


STAYS_A = recurrence(P, Entry(A), at(P, shift=-1))
STAYS_B = recurrence(Q, Entry(B), at(Q, shift=-1))


def claimed(*claims, definitions=(STAYS_A, STAYS_B)):
    return {
        tensor.name
        for tensor in established(context(*definitions, claims=claims), off_kinks=False).lemmas
    }


def test_a_claim_that_satisfies_base_case_and_step_is_established():
    assert claimed((at(P), Entry(A))) == {"p"}


def test_a_claim_that_fails_gives_way_to_the_next_about_its_tensor():
    assert claimed((at(P), Entry(B)), (at(P), Entry(A))) == {"p"}


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ([(at(P), Entry(B))], "the base case fails"),
        ([(at(P), multiply(rational(2), Entry(A)))], "the base case fails"),
        ([(at(P), at(P))], "it stands on itself"),
        ([(at(P), at(Q)), (at(Q), at(P))], "they stand on each other"),
        ([(at(P), at(P, shift=-1))], "it stands on itself at another step"),
        (
            [(at(P), divide(multiply(Entry(A), Entry(B)), Entry(B)))],
            "it is not defined where b = 0",
        ),
        ([(Entry(P, (Affine(),)), Entry(A))], "it is about one entry"),
    ],
)
def test_what_is_not_established(claims, why):
    assert claimed(*claims) == set(), why


def test_a_definition_in_between_hides_no_circle():
    through = Definition(R, (t,), add(at(P), Entry(B)))
    assert claimed((at(P), at(R)), definitions=(STAYS_A, through)) == set()


def test_a_claim_for_a_part_of_the_axis_says_nothing_of_the_rest():
    later = Index("t", Affine.of(T))
    odd = recurrence(P, Entry(A), Entry(B))  # p_0 = a, p_t = b
    known = established(context(odd, claims=[(at(P, later, 1), Entry(B))]), off_kinks=False).context
    for place, value, closes in ((0, A, True), (0, B, False)):
        sides = Reading(Entry(P, (Affine.of(place),)), Entry(value), (), known)
        assert prove(sides, off_kinks=False).closed is closes


def test_coupled_claims_fall_together():
    # p_t = q_{t-1}, q_t = p_{t-1}: with both bases a they stay a.
    crossed = (
        recurrence(P, Entry(A), at(Q, shift=-1)),
        recurrence(Q, Entry(A), at(P, shift=-1)),
    )
    assert claimed((at(P), Entry(A)), (at(Q), Entry(A)), definitions=crossed) == {"p", "q"}
    assert claimed((at(P), Entry(A)), (at(Q), Entry(B)), definitions=crossed) == set()
    other = (crossed[0], recurrence(Q, Entry(B), at(P, shift=-1)))
    assert claimed((at(P), Entry(A)), (at(Q), Entry(A)), definitions=other) == set()


# --- what a recurrence is -------------------------------------------------------------------------


def test_direction_is_that_of_every_way_round():
    forwards = context(
        recurrence(P, Entry(A), at(Q, shift=-2)), Definition(Q, (t,), at(P, shift=1))
    )
    assert circle(forwards.definitions, P) == (P, Q)
    assert direction(forwards.definitions, (P, Q)) == 1
    found = shifts(forwards.definitions, (P, Q))
    assert found.nearest[P, P] == -1
    assert found.rests(Q, P, 1)
    assert not found.rests(P, P, 0)


@pytest.mark.parametrize(
    "step",
    [at(P), add(at(P, shift=-1), at(P, shift=1)), Entry(P, (Affine(),)), Entry(P, (AXIS - t,))],
)
def test_what_does_not_go_step_by_step_is_no_recurrence(step):
    definitions = context(recurrence(P, Entry(A), step)).definitions
    with pytest.raises(Disorder):
        direction(definitions, circle(definitions, P))


def test_equations_are_the_cases_with_their_own_ranges():
    base, step = equations(recurrence(P, Entry(A), power(at(P, shift=-1), 2)))
    assert (base.indices, base.entry, base.value) == ((), Entry(P, (Affine(),)), Entry(A))
    (index,) = step.indices
    assert index.extent == Affine.of(T)
    assert step.entry == at(P, index, 1)
    assert step.value == power(at(P, index), 2)


def test_a_derivative_over_fixed_steps_is_taken_and_over_any_number_is_not():
    squares = context(recurrence(P, Entry(A), power(at(P, shift=-1), 2)))
    slope = derivative(at(P), at(P, shift=-1), squares)
    sides = Reading(slope, multiply(rational(2), at(P, shift=-1)), (t,), squares)
    assert prove(sides, off_kinks=False).closed
    s = Index("s", AXIS)
    for variable in (Entry(A), at(P, s)):
        with pytest.raises(EndlessDerivative):
            derivative(at(P), variable, squares)


# --- on a page ------------------------------------------------------------------------------------

PAGE = r"""
- $x \in \mathbb{R}^T$ and $u, z \in \mathbb{R}$, for $t = 1, \dots, T$
- output $y \in \mathbb{R}^T$ with $\bar{y}_t := \partial L / \partial y_t$

$$
\begin{aligned}
h_0 &= z \\
h_t &= \tanh(x_t + u h_{t-1}) \\
y_t &= h_t \\
\delta_{T+1} &:= 0 \\
\delta_t &:= \bar{y}_t + \delta_{t+1} (1 - h_{t+1}^2) u
\end{aligned}
$$

$$
\begin{aligned}
CLAIM
\frac{\partial L}{\partial u} &= \sum_t \delta_t (1 - h_t^2) h_{t-1}
\end{aligned}
$$
"""


def test_the_judgement_says_on_what_induction_it_rests():
    claim = r"\frac{\partial L}{\partial h_t} &= \delta_t \\"
    checked = check_source(Source("page.md", PAGE.replace("CLAIM", claim)))
    for judged in [each.judgement for each in checked.judged if each.judgement]:
        assert judged.verdict is Verdict.PROVED
        assert judged.message == "proved for every size, by induction on t"
        assert judged.inductions == (
            r"by induction on t: \frac{\partial L}{\partial h_t} = \delta_t",
        )


def test_nothing_is_supposed_that_the_page_does_not_claim():
    checked = check_source(Source("page.md", PAGE.replace("CLAIM", "")))
    (judged,) = [each.judgement for each in checked.judged if each.judgement]
    assert judged.verdict is Verdict.AGREES
