"""Proof by cases: what is left of a difference may turn on the sign of an expression.

At each point, and at each value of a claim's own indices, an expression in these indices is
positive, 0 or negative; what closes in every case closes. A case says something of one expression
at one place and nothing of other values of its indices, so the claim's indices get names that no
hypothesis and no definition has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from derivcheck.attempt import Attempt, Case, attempted
from derivcheck.derivation import Reading
from derivcheck.expression import Affine, Context, Index, free_indices, number, substitute
from derivcheck.normal_form import NormalForm, Unprovable, expression
from derivcheck.normal_form.atoms import Variable
from derivcheck.normal_form.facts import NEGATIVE, POSITIVE, ZERO

_MOST_SIGNS = 6
"""How many signs one case may fix."""
_MARK = "\u2063"
"""Ends the name of an index here; it prints as nothing, and no letter of LaTeX is like it."""


NO_VALUES: Mapping[Index, Affine] = {}


@dataclass(frozen=True)
class ByCases:
    """The attempts that were made, those that closed and those that were split.

    `closed` says that every case closed; `steps` are those of all attempts, more than were given
    where they ran out.
    """

    closed: bool
    attempts: tuple[Attempt, ...]
    steps: int

    @property
    def assumptions(self) -> tuple[str, ...]:
        facts = (fact for attempt in self.attempts for fact in attempt.session.assumptions)
        return tuple(dict.fromkeys(fact.replace(_MARK, "") for fact in facts))


def by_cases(whole: Attempt, off_kinks: bool, steps: int, calculus: Context) -> ByCases:
    """The cases of an attempt that stayed open, with so many steps for all of them.

    Where sums over one axis are left, which are equal if their summands are, the cases are those of
    the summands.
    """
    try:
        inside = None if whole.fault else whole.summand()
    except Unprovable:  # out of steps
        inside = None
    if inside is None:
        reading, values = _marked(whole.reading)
    else:
        body, index = inside
        indices = (*whole.reading.indices, index)
        summand = replace(whole.reading, left=expression(body), right=number(0), indices=indices)
        reading, _ = _marked(summand)
        whole = attempted(reading, off_kinks, steps, calculus=calculus)
        values = NO_VALUES
    made: list[Attempt] = []
    spent = 0
    pending = _split(whole, (), values)
    closed = bool(pending)
    while pending and closed:
        cases = pending.pop()
        attempt = attempted(reading, off_kinks, steps - spent, calculus=calculus, cases=cases)
        spent += attempt.session.steps
        made.append(attempt)
        if not attempt.closed:
            split = _split(attempt, cases, NO_VALUES)
            closed = bool(split)
            pending.extend(split)
    return ByCases(closed, tuple(made), spent)


def _split(
    attempt: Attempt, cases: tuple[Case, ...], values: Mapping[Index, Affine]
) -> list[tuple[Case, ...]]:
    """The cases into which one falls whose attempt stayed open; none where nothing tells which."""
    if attempt.fault or attempt.digits.digits or len(cases) == _MOST_SIGNS:
        return []
    try:
        point = attempt.turning_point()
        if point is None:
            return []
        masks = _masks(point, attempt.at_kink(point))
    except Unprovable:  # out of steps
        return []
    argument = substitute(expression(point), values)
    return [(*cases, Case(argument, mask)) for mask in masks]


def _masks(point: NormalForm, kink: bool) -> tuple[int, ...]:
    """The signs of the cases: an entry that is 0 can be left out, a sum that is 0 cannot; and of
    kinks nothing is claimed."""
    if kink:
        return (POSITIVE, NEGATIVE)
    ((factors, _), *others) = point.terms.items()
    match factors:
        case ((Variable(), 1),) if not others:
            return (POSITIVE, ZERO, NEGATIVE)
        case _:
            return (POSITIVE, ZERO | NEGATIVE)


def _marked(reading: Reading) -> tuple[Reading, Mapping[Index, Affine]]:
    """The same claim in indices of its own, and these."""
    free = {*free_indices(reading.left), *free_indices(reading.right), *reading.indices}
    marked = {index: replace(index, name=index.name + _MARK) for index in free}
    values = {index: Affine.of(new) for index, new in marked.items()}
    claim = replace(
        reading,
        left=substitute(reading.left, values),
        right=substitute(reading.right, values),
        indices=tuple(marked[index] for index in reading.indices),
    )
    return claim, values
