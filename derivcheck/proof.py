"""Equality for every size.

`prove(…).closed` implies that both sides are equal at every point of the declared domain, for all
extents, wherever both are defined (off the kinks, if asked so). The converse is not promised: an
open proof says only that the rewriting did not close, and `reason` says why. So the procedure may
fail on one side only: it leaves true equalities open, it never closes false ones. A closed proof
may still be vacuous, if the sides are defined nowhere together; whoever asks must show a point at
which they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from derivcheck.calculus import UnknownFunction, expand_derivatives
from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Derivative,
    Expression,
    Hypothesis,
    Tensor,
    children,
    free_indices,
    walk,
)
from derivcheck.normal_form import (
    NormalForm,
    Normaliser,
    Unprovable,
    expression,
    subtracted,
)
from derivcheck.normal_form.atoms import (
    Atom,
    Exponential,
    Root,
    Scalar,
    Sign,
    Summation,
    Tower,
    Variable,
    parts,
    tensor_key,
)
from derivcheck.normal_form.digits import Digits, digits_of
from derivcheck.normal_form.facts import Inequality, inequality

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
    were used, as text. `steps` are those of the longest attempt, more than were given where they
    ran out. `difference` is left − right as far as it was rewritten, for people; None where there
    is none.
    """

    closed: bool
    reason: str
    assumptions: tuple[str, ...]
    steps: int
    difference: Expression | None


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
    attempt = _attempted(reading, off_kinks, steps)
    spent = attempt.session.steps
    if not attempt.closed and not attempt.fault and attempt.has_ranges():
        # [e ≥ 0] + [e < 0] = 1 multiplies terms, so it is kept for the end.
        again = _attempted(reading, off_kinks, steps, expand_ranges=True)
        spent = max(spent, again.session.steps)
        attempt = again if again.closed else attempt
    session = attempt.session
    if attempt.closed:
        return Proof(True, "", tuple(session.assumptions), spent, None)
    reason = attempt.fault or attempt.unused_hypothesis()
    if not attempt.fault:
        suggestion = _missing_declaration(attempt, off_kinks, steps)
        reason = suggestion or reason or "the difference of the two sides did not vanish"
    difference = attempt.difference
    written = None if difference is None or not difference else expression(difference)
    return Proof(False, reason, tuple(session.assumptions), spent, written)


def _attempted(
    reading: Reading,
    off_kinks: bool,
    steps: int,
    positive: frozenset[str] = frozenset(),
    expand_ranges: bool = False,
) -> _Attempt:
    digits = digits_of(reading)
    session = Normaliser(
        digits.context(reading.context),
        off_kinks,
        steps,
        supposed_positive=positive,
        expand_ranges=expand_ranges,
    )
    attempt = _Attempt(session, reading, digits)
    try:
        attempt.run()
    except (Unprovable, UnknownFunction) as fault:
        attempt.fault = str(fault)
    except RecursionError:
        attempt.fault = "nested too deep"
    return attempt


def _missing_declaration(attempt: _Attempt, off_kinks: bool, steps: int) -> str:
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
        if _attempted(attempt.reading, off_kinks, steps // 4, keys).closed:
            names = ", ".join(f"{tensor.name} > 0" for tensor in trial)
            return f"holds if {names}: declare {names}"
    return ""


@dataclass
class _Attempt:
    session: Normaliser
    reading: Reading
    digits: Digits
    closed: bool = False
    difference: NormalForm | None = None
    fault: str = ""
    unused: list[str] = field(default_factory=list[str])

    def unused_hypothesis(self) -> str:
        """Which declared hypothesis could not be turned into a rewriting rule."""
        if not self.unused:
            return ""
        return f"the hypothesis {self.unused[0]} cannot be used for rewriting"

    def has_ranges(self) -> bool:
        """Whether a guard, or a sum over part of an axis, is left in what did not vanish."""
        return self.difference is not None and self.session.misplaced(self.difference)

    def run(self) -> None:
        session, reading = self.session, self.reading
        self._add_hypotheses()
        left, right = map(session.read, self._expanded())
        for side, form in ((reading.left, left), (reading.right, right)):
            if session.off_kinks and any(isinstance(node, Derivative) for node in walk(side)):
                self._name_kinks(form)
        current = session.settled(subtracted(left, right))
        self.difference = current
        # Definitions stay names as long as they can; the last defined is unfolded first.
        while not self._vanishes(current):
            tensor = self._next_definition(current)
            if tensor is None:
                return
            current = session.settled(session.rewrite(current, {}, tensor))
        self.closed = True

    def _expanded(self) -> tuple[Expression, Expression]:
        """Both sides without derivatives, their indices taken apart into digits."""
        reading = self.reading
        left = expand_derivatives(reading.left, reading.context)
        right = expand_derivatives(reading.right, reading.context)
        values = self.digits.free((*free_indices(left), *free_indices(right)))
        return self.digits.expression(left, values), self.digits.expression(right, values)

    def _name_kinks(self, form: NormalForm) -> None:
        """What is differentiated has its kinks where an indicator in the slope jumps."""
        pending = list(dict.fromkeys(form.atoms()))
        while pending:
            atom = pending.pop()
            if isinstance(atom, Sign):
                self.session.assume_off_kink(atom.argument)
            pending.extend(dict.fromkeys(parts(atom)))

    def _vanishes(self, form: NormalForm) -> bool:
        if not form:
            return True
        reduced = self.session.reduced(self.session.folded(form))
        if self.difference is None or len(reduced.terms) < len(self.difference.terms):
            self.difference = reduced
        return not reduced or not self.session.cleared(reduced)

    def _next_definition(self, form: NormalForm) -> Tensor | None:
        """The last-defined tensor outside functions and roots, else the last-defined of all."""
        order = {tensor: n for n, tensor in enumerate(self.reading.context.definitions)}
        outside = [t for t in _plain_tensors(form) if t in order]
        keys = form.tensors
        anywhere = [t for t in order if tensor_key(t) in keys]
        candidates = outside or anywhere
        return max(candidates, key=lambda tensor: order[tensor], default=None)

    def _add_hypotheses(self) -> None:
        equations: list[Hypothesis] = []
        for hypothesis in self.session.context.hypotheses:
            match inequality(hypothesis):
                case Affine() as room:
                    self.session.suppose_size(room, hypothesis.text)
                case Inequality(argument, mask):
                    form = self.session.read(argument)
                    self.session.suppose(form, mask, hypothesis.text)
                case None:
                    equations.append(hypothesis)
        for hypothesis in equations:
            left = self.session.read(hypothesis.left)
            right = self.session.read(hypothesis.right)
            if not self.session.add_rule(hypothesis, left, right):
                self.unused.append(hypothesis.text)


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


def _plain_tensors(form: NormalForm) -> list[Tensor]:
    """The tensors that stand in sums of products, not inside a function or a root."""
    found: dict[Tensor, None] = {}
    stack = list(form.atoms())
    while stack:
        atom = stack.pop()
        if isinstance(atom, Variable):
            found[atom.tensor] = None
        elif isinstance(atom, Summation):
            stack.extend(inner for inner, _ in atom.factors)
    return list(found)


def _too_deep(whole: Expression) -> bool:
    level, depth = [whole], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            return True
        level = [child for node in level for child in children(node)]
    return False
