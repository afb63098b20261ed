"""One attempt at a proof: both sides in normal form, definitions unfolded as far as it takes."""

from __future__ import annotations

from dataclasses import dataclass, field

from derivcheck.calculus import UnknownFunction, expand_derivatives
from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Derivative,
    Disorder,
    Expression,
    Hypothesis,
    Tensor,
    circle,
    free_indices,
    walk,
)
from derivcheck.normal_form import NormalForm, Normaliser, Unprovable, subtracted
from derivcheck.normal_form.atoms import (
    Sign,
    Summation,
    Variable,
    parts,
    tensor_key,
)
from derivcheck.normal_form.digits import Digits, digits_of
from derivcheck.normal_form.facts import Inequality, inequality


def attempted(
    reading: Reading,
    off_kinks: bool,
    steps: int,
    positive: frozenset[str] = frozenset(),
    expand_ranges: bool = False,
) -> Attempt:
    """What a number of rewriting steps makes of the difference of the two sides."""
    digits = digits_of(reading)
    session = Normaliser(
        digits.context(reading.context),
        off_kinks,
        steps,
        supposed_positive=positive,
        expand_ranges=expand_ranges,
    )
    attempt = Attempt(session, reading, digits)
    try:
        attempt.run()
    except (Unprovable, UnknownFunction) as fault:
        attempt.fault = str(fault)
    except RecursionError:
        attempt.fault = "nested too deep"
    return attempt


@dataclass
class Attempt:
    """`closed` says that the difference vanished; else `fault` or what is left of it says why not.

    `unfolded` are the tensors that were replaced by their definitions.
    """

    session: Normaliser
    reading: Reading
    digits: Digits
    closed: bool = False
    difference: NormalForm | None = None
    fault: str = ""
    unused: list[str] = field(default_factory=list[str])
    unfolded: dict[Tensor, None] = field(default_factory=dict[Tensor, None])

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
            self.unfolded[tensor] = None
            session.only = self._leading(tensor, current)
            current = session.settled(session.rewrite(current, {}, tensor))
            session.only = None
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
        context = self.reading.context
        # A recurrence is unfolded once: its entries come back one step further.
        order = {
            tensor: n
            for n, tensor in enumerate(context.definitions)
            if tensor not in context.recurrent or tensor not in self.unfolded
        }
        outside = [t for t in _plain_tensors(form) if t in order]
        keys = form.tensors
        anywhere = [t for t in order if tensor_key(t) in keys]
        candidates = outside or anywhere
        return max(candidates, key=lambda tensor: order[tensor], default=None)

    def _leading(self, tensor: Tensor, form: NormalForm) -> tuple[int, Affine] | None:
        """The place of the entries of a recurrence that rest on its other entries in the form, if
        they are so many steps apart: what they rest on is there already."""
        definitions = self.reading.context.definitions
        axis = definitions[tensor].recurs_along
        if axis is None:
            return None
        try:
            sign = direction(definitions, circle(definitions, tensor))
        except Disorder:
            return None
        found = [
            v.subscripts[axis] for atom in form.atoms() for v in entries(atom) if v.tensor == tensor
        ]
        steps = [(place - found[0]).constant for place in found]
        known = [sign * step for step in steps if step is not None]
        if len(known) < len(steps):
            return None
        return axis, found[known.index(max(known))]

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
