"""One attempt at a proof: both sides in normal form, definitions unfolded as far as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from derivcheck.calculus import UnknownFunction, expand_derivatives
from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Context,
    Derivative,
    Disorder,
    Expression,
    Hypothesis,
    Index,
    Tensor,
    circle,
    free_indices,
    shifts,
    walk,
)
from derivcheck.normal_form import NormalForm, Normaliser, Unprovable, subtracted
from derivcheck.normal_form.atoms import (
    Atom,
    Sign,
    Summation,
    Variable,
    parts,
    tensor_key,
    variables,
)
from derivcheck.normal_form.digits import Digits, digits_of
from derivcheck.normal_form.facts import Inequality, inequality
from derivcheck.normal_form.linear import added, scaled
from derivcheck.normal_form.session import Working

WITHIN = "\u2064"
"""Ends the name of an index that was bound; it prints as nothing, and no letter is like it."""
_PLACES = 2
"""At how many places a recurrence is unfolded, entries all over the axis counting for as many."""


def attempted_twice(
    reading: Reading, off_kinks: bool, steps: int, calculus: Context | None = None
) -> tuple[Attempt, int]:
    """The attempt that closed, or the first one; and the steps of the longer one.

    Derivatives are taken in the context `calculus`, where that is another one than the reading's.
    """
    attempt = attempted(reading, off_kinks, steps, calculus=calculus)
    spent = attempt.session.steps
    if not attempt.closed and not attempt.fault and attempt.has_ranges():
        # [e ≥ 0] + [e < 0] = 1 multiplies terms, so it is kept for the end.
        again = attempted(reading, off_kinks, steps, expand_ranges=True, calculus=calculus)
        spent = max(spent, again.session.steps)
        attempt = again if again.closed else attempt
    return attempt, spent


def attempted(
    reading: Reading,
    off_kinks: bool,
    steps: int,
    positive: frozenset[str] = frozenset(),
    expand_ranges: bool = False,
    calculus: Context | None = None,
    cases: tuple[Case, ...] = (),
) -> Attempt:
    """What a number of rewriting steps makes of the difference of the two sides, where the signs
    of some expressions in the reading's own indices are those of the cases."""
    digits = digits_of(reading)
    session = Normaliser(
        digits.context(reading.context),
        off_kinks,
        steps,
        supposed_positive=positive,
        expand_ranges=expand_ranges,
    )
    attempt = Attempt(session, reading, digits, calculus or reading.context, cases)
    try:
        attempt.run()
    except (Unprovable, UnknownFunction) as fault:
        attempt.fault = str(fault)
    except RecursionError:
        attempt.fault = "nested too deep"
    return attempt


@dataclass(frozen=True)
class Case:
    """The argument has one of these signs, at the point and at the indices in question."""

    argument: Expression
    mask: int


@dataclass
class Attempt:
    """`closed` says that the difference vanished; else `fault` or what is left of it says why not.

    `unfolded` are the tensors that were replaced by their definitions, with how often.
    """

    session: Normaliser
    reading: Reading
    digits: Digits
    calculus: Context
    cases: tuple[Case, ...] = ()
    closed: bool = False
    difference: NormalForm | None = None
    left_over: NormalForm | None = None
    """What did not vanish with everything unfolded; `difference` is the shortest form before."""
    fault: str = ""
    stages: list[NormalForm] = field(default_factory=list[NormalForm])
    """The difference, from one definition that was unfolded to the next."""
    unused: list[str] = field(default_factory=list[str])
    unfolded: dict[Tensor, int] = field(default_factory=dict[Tensor, int])

    def unused_hypothesis(self) -> str:
        """Which declared hypothesis could not be turned into a rewriting rule."""
        if not self.unused:
            return ""
        return f"the hypothesis {self.unused[0]} cannot be used for rewriting"

    def has_ranges(self) -> bool:
        """Whether a guard, or a sum over part of an axis, is left in what did not vanish."""
        return any(
            form is not None and self.session.misplaced(form)
            for form in (self.difference, self.left_over)
        )

    def turning_point(self) -> NormalForm | None:
        """The simplest form without indicators whose sign what is left turns on, if there is one
        that stands outside all binders; in the names that it had at first."""
        found = self._arguments(self.left_over or NormalForm({}))
        point = min(found, key=lambda form: (len(form.terms), form.key), default=None)
        for stage in self.stages if point is not None else ():
            for argument in self._arguments(stage):
                *_, unfolded = self._unfoldings(argument)
                if unfolded == point:
                    return argument
                if scaled(unfolded, -1) == point:
                    return scaled(argument, -1)
        return point

    def _arguments(self, form: NormalForm) -> list[NormalForm]:
        """What its indicators outside all binders are of, without those of other indicators."""
        own = {*free_indices(self.reading.left), *free_indices(self.reading.right)}
        found: dict[str, NormalForm] = {}
        for atom in _within(form):
            if isinstance(atom, Sign) and atom.free <= own:
                argument = atom.argument
                if not any(isinstance(inner, Sign) for inner in _within(argument)):
                    found[argument.key] = argument
        return list(found.values())

    def _unfoldings(self, form: NormalForm) -> Iterator[NormalForm]:
        """The form, and what has its sign with one definition more unfolded each time."""
        session, context = self.session, self.reading.context
        yield form
        while (tensor := self._next_definition(form)) and tensor not in context.recurrent:
            form = session.without_signed_content(
                session.settled(session.rewrite(form, {}, tensor))
            )
            yield form

    def summand(self) -> tuple[NormalForm, Index] | None:
        """What is left as one sum over an index, and that, if all of it are sums over one axis."""
        session = self.session
        terms: list[NormalForm] = []
        shared: Index | None = None
        for monomial, coefficient in (self.left_over or NormalForm({})).terms.items():
            sums = [(atom, k) for atom, k in monomial if isinstance(atom, Summation)]
            match sums:
                case [(Summation(indices=(index,), factors=factors) as atom, 1)]:
                    pass
                case _:
                    return None
            shared = shared or Index(f"{index.name}{WITHIN}", index.extent)
            if index.extent != shared.extent:
                return None
            rest = NormalForm({tuple(f for f in monomial if f[0] is not atom): coefficient})
            body = session.transform(NormalForm({factors: 1}), {index: Affine.of(shared)})
            terms.append(session.multiply(rest, body))
        return (added(terms), shared) if shared is not None else None

    def at_kink(self, form: NormalForm) -> bool:
        """Whether the form is 0 at kinks only, which are noted to be left out then."""
        left_out = self.session.off_kinks and self.session.generic(form)
        if left_out:
            self.session.assume_off_kink(form)
        return left_out

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
            self.stages.append(current)
            tensor = self._next_definition(current)
            if tensor is None:
                return
            tensor, session.only = self._topmost(tensor, current)
            places = 1 if session.only is not None else _PLACES
            self.unfolded[tensor] = self.unfolded.get(tensor, 0) + places
            current = session.settled(session.rewrite(current, {}, tensor))
            session.only = None
        self.closed = True

    def _expanded(self) -> tuple[Expression, Expression]:
        """Both sides without derivatives, their indices taken apart into digits."""
        reading = self.reading
        left = expand_derivatives(reading.left, self.calculus)
        right = expand_derivatives(reading.right, self.calculus)
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
        if form and self.session.expand_ranges:
            form = self.session.settled(self.session.restated(form))
        if not form:
            return True
        reduced = self.session.reduced(self.session.folded(form))
        self.left_over = reduced
        if self.difference is None or len(reduced.terms) < len(self.difference.terms):
            self.difference = reduced
        return not reduced or not self.session.cleared(reduced)

    def _next_definition(self, form: NormalForm) -> Tensor | None:
        """The last-defined tensor outside functions and roots, else the last-defined of all."""
        definitions = self.reading.context.definitions
        order = {tensor: n for n, tensor in enumerate(definitions) if self._may_unfold(tensor)}
        outside = [t for t in _plain_tensors(form) if t in order]
        keys = form.tensors
        anywhere = [t for t in order if tensor_key(t) in keys]
        candidates = outside or anywhere
        return max(candidates, key=lambda tensor: order[tensor], default=None)

    def _may_unfold(self, tensor: Tensor) -> bool:
        """A recurrence is unfolded at few places: its entries come back one step further."""
        recurs = tensor in self.reading.context.recurrent
        return not recurs or self.unfolded.get(tensor, 0) < _PLACES

    def _topmost(
        self, tensor: Tensor, form: NormalForm
    ) -> tuple[Tensor, tuple[int, Affine] | None]:
        """Of the entries that recur with this one those on which no other one in the form rests,
        as an axis and a place on it: they are unfolded alone, until they meet the others.

        None for all entries, where the form has some that are not so many steps apart, or stand
        under a sum, whose index has no place.
        """
        definitions = self.reading.context.definitions
        members = circle(definitions, tensor)
        try:
            known = shifts(definitions, members) if members else None
        except Disorder:  # an adjoint, of whose entries a sum selects the next one
            known = None
        if known is None:
            return tensor, self._first(tensor, form)
        found = dict.fromkeys(
            (entry.tensor, entry.subscripts[known.axes[entry.tensor]])
            for atom in form.atoms()
            for entry in variables(atom)
            if entry.tensor in known.axes and self._may_unfold(entry.tensor)
        )
        for above, place in found:
            others = [(t, (place - there).constant) for t, there in found]
            summed = any(isinstance(index, Working) for index in place.indices())
            if summed or any(steps is None for _, steps in others):
                return tensor, None
            if not any(
                (other, steps) != (above, 0) and known.rests(other, above, steps or 0)
                for other, steps in others
            ):
                return above, (known.axes[above], place)
        return tensor, None

    def _first(self, tensor: Tensor, form: NormalForm) -> tuple[int, Affine] | None:
        """The first of an adjoint's entries in the form, whose step leads to the later ones."""
        axis = self.reading.context.definitions[tensor].recurs_along
        if axis is None or tensor not in self.session.context.adjoints.values():
            return None
        places = dict.fromkeys(
            entry.subscripts[axis]
            for atom in form.atoms()
            for entry in variables(atom)
            if entry.tensor == tensor
        )
        for place in places:
            steps = [(other - place).constant for other in places]
            summed = any(isinstance(index, Working) for index in place.indices())
            if not summed and len(steps) > 1 and all(s is not None and s >= 0 for s in steps):
                return axis, place
        return None

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
        for case in self.cases:
            for form in self._unfoldings(self.session.read(case.argument)):
                self.session.suppose_case(form, case.mask)


def _within(form: NormalForm) -> Iterator[Atom]:
    """All atoms of a form, at any depth."""
    stack = list(form.atoms())
    while stack:
        atom = stack.pop()
        yield atom
        stack.extend(parts(atom))


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
