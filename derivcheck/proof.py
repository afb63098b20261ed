"""Equality for every size.

`prove(…).closed` implies that both sides are equal at every point of the declared domain, for all
extents, wherever both are defined (off the kinks, if asked so). The converse is not promised: an
open proof says only that the rewriting did not close, and `reason` says why. So the procedure may
fail on one side only: it leaves true equalities open, it never closes false ones. A closed proof
may still be vacuous, if the sides are defined nowhere together; whoever asks must show a point at
which they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from derivcheck.attempt import Attempt, attempted, attempted_twice
from derivcheck.cases import by_cases
from derivcheck.chain_rule import one_step
from derivcheck.derivation import Reading
from derivcheck.expression import Expression, Tensor, Theorem, children
from derivcheck.induction import established
from derivcheck.normal_form import NormalForm, expression
from derivcheck.normal_form.atoms import (
    Atom,
    Exponential,
    Root,
    Scalar,
    Sign,
    Summation,
    Tower,
    Variable,
    tensor_key,
)

DEFAULT_STEPS = 12_000
QUICK_STEPS = 3_000
"""What nearly every proof that closes can do with; a first attempt before a counterexample is
looked for."""
_DEEPEST = 200
_MOST_DECLARATIONS = 4


@dataclass(frozen=True)
class Proof:
    """The outcome of one attempt.

    `reason` is empty iff `closed`. `assumptions` are the declared facts and side conditions that
    were used, as text; `inductions` the claims about recurrences that were used, each proved by
    induction. `steps` are those of the longest attempt, more than were given where they
    ran out. `difference` is left − right as far as it was rewritten, for people; None where there
    is none. `rests_on` are the theorems of used pages that it needs.
    """

    closed: bool
    reason: str
    assumptions: tuple[str, ...]
    steps: int
    difference: Expression | None
    inductions: tuple[str, ...] = ()
    rests_on: tuple[Theorem, ...] = ()


def prove(
    reading: Reading, relation: str = "=", *, off_kinks: bool, steps: int = DEFAULT_STEPS
) -> Proof:
    """Try to prove that the two sides are equal; deterministic, within a number of steps.

    Only `=` (and its synonyms) can be proved; any other relation stays open.
    """
    if relation not in ("=", ":=", "\\equiv", "\\approx"):
        return Proof(False, f"only equalities are proved, not {relation}", (), 0, None)
    if _too_deep(reading.left) or _too_deep(reading.right):
        return Proof(False, f"nested more than {_DEEPEST} deep", (), 0, None)
    if not reading.context.uses:
        whole = _unfolded(reading, off_kinks, steps)
        told = None if whole.closed else _step_by_step(reading, off_kinks, steps)
        return told if told is not None and told.closed else whole
    told = _step_by_step(reading, off_kinks, steps)
    # Through the definitions of all pages it is long; a counterexample is the quicker answer.
    if told is not None and (told.closed or steps <= QUICK_STEPS):
        return told
    return _unfolded(reading, off_kinks, steps)


def _step_by_step(reading: Reading, off_kinks: bool, steps: int) -> Proof | None:
    """By the chain rule, what the page names left as names; None where there is nothing to name."""
    nearest: Expression | None = None
    told = one_step(reading)
    for step in told:
        attempt = attempted(step.reading, off_kinks, steps)
        session = attempt.session
        if attempt.closed:
            assumptions = tuple(session.assumptions)
            return Proof(True, "", assumptions, session.steps, None, rests_on=step.theorems)
        if attempt.difference:
            nearest = expression(attempt.difference)
    if not told:
        return None
    return Proof(False, "no step of the chain rule closes it", (), steps + 1, nearest)


def _unfolded(reading: Reading, off_kinks: bool, steps: int) -> Proof:
    """Through all definitions; claims about recurrences by induction."""
    known = established(reading.context, off_kinks=off_kinks)
    reading = replace(reading, context=known.context)
    attempt, spent = attempted_twice(reading, off_kinks, steps, known.without)
    if not attempt.closed and known.lemmas:
        # What is claimed of a single step needs the recurrence itself.
        again, more = attempted_twice(replace(reading, context=known.without), off_kinks, steps)
        attempt, spent = (again if again.closed else attempt), max(spent, more)
        known = replace(known, lemmas={}) if again.closed else known
    session = attempt.session
    cases = None if attempt.closed else by_cases(attempt, off_kinks, steps, known.without)
    made = (attempt, *(cases.attempts if cases is not None else ()))
    spent = max(spent, cases.steps if cases is not None else 0)
    if attempt.closed or (cases is not None and cases.closed):
        lemmas = known.used(dict.fromkeys(tensor for each in made for tensor in each.unfolded))
        own = (*session.assumptions, *(cases.assumptions if cases is not None else ()))
        facts = (*own, *(fact for each in lemmas for fact in each.assumptions))
        inductions = tuple(lemma.text for lemma in lemmas)
        return Proof(True, "", tuple(dict.fromkeys(facts)), spent, None, inductions)
    reason = attempt.fault or attempt.unused_hypothesis()
    if not attempt.fault:
        suggestion = _missing_declaration(attempt, off_kinks, steps)
        reason = suggestion or reason or "the difference of the two sides did not vanish"
    difference = attempt.difference
    written = None if difference is None or not difference else expression(difference)
    return Proof(False, reason, tuple(session.assumptions), spent, written)


def _missing_declaration(attempt: Attempt, off_kinks: bool, steps: int) -> str:
    """What to declare, where the equality holds for positive values of undeclared inputs."""
    if attempt.difference is None:
        return ""
    definitions = attempt.reading.context.definitions
    candidates = sorted(
        {
            tensor
            for tensor in _under_roots(attempt.difference)
            if tensor not in definitions and not tensor.domain.declared
        },
        key=lambda tensor: (tensor.name, tensor.scope),
    )
    trials: list[tuple[Tensor, ...]] = [(tensor,) for tensor in candidates]
    if len(candidates) > 1:
        trials.append(tuple(candidates))
    for trial in trials[:_MOST_DECLARATIONS]:
        keys = frozenset(map(tensor_key, trial))
        if attempted(attempt.reading, off_kinks, steps // 4, keys).closed:
            names = ", ".join(f"{tensor.name} > 0" for tensor in trial)
            return f"holds if {names}: declare {names}"
    return ""


def _under_roots(form: NormalForm) -> list[Tensor]:
    """The tensors on whose sign something depends: under a log, a root, a sign or a power."""
    found: dict[Tensor, None] = {}
    stack: list[tuple[Atom, bool]] = [
        (atom, exponent.denominator != 1) for monomial in form.terms for atom, exponent in monomial
    ]
    while stack:
        atom, inside = stack.pop()
        match atom:
            case Variable(tensor=tensor) if inside:
                found[tensor] = None
            case Summation(factors=factors):
                stack.extend((a, inside or e.denominator != 1) for a, e in factors)
            case Exponential(exponent=monomial):
                stack.extend((a, inside or e.denominator != 1) for a, e in monomial)
            case Root(base=base) | Sign(argument=base) | Tower(base=base):
                stack.extend((a, True) for a in base.atoms())
            case Scalar(arguments=arguments):
                stack.extend((a, True) for argument in arguments for a in argument.atoms())
            case _:
                pass
    return list(found)


def _too_deep(whole: Expression) -> bool:
    level, depth = [whole], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            return True
        level = [child for node in level for child in children(node)]
    return False
