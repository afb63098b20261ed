r"""Both sides of a reading at one point: whether their enclosures violate the relation.

Relations are `=`, `\ne`, `\approx`, `<`, `>`, `\le`, `\ge` in LaTeX's spellings. Only a *certain*
violation counts; enclosures that overlap violate nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy
from flint import arb, ctx

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Context,
    Derivative,
    Entry,
    Expression,
    Hypothesis,
    Index,
    Parameter,
    Tensor,
    tensors,
    walk,
)
from derivcheck.witnesses.ball_arithmetic.abstract_functions import StandIns
from derivcheck.witnesses.ball_arithmetic.dual_ball import (
    BudgetExceeded,
    Inconclusive,
    NoValue,
    Undefined,
    ball,
)
from derivcheck.witnesses.ball_arithmetic.program import Program
from derivcheck.witnesses.ball_arithmetic.run import DEFAULT_BUDGET, Run
from derivcheck.witnesses.extents import integer, parameters_needed
from derivcheck.witnesses.trial import (
    NO_EXTENTS,
    Point,
    concerns,
    hypothesis_indices,
    inputs_of,
    shape,
    tied_hypotheses,
)

PRECISION = 128
"""Bits at first: balls of radius about 10⁻³⁶ cost hardly more than floats in Python."""

HIGHEST_PRECISION = 1024

Tolerance = tuple[Expression | None, Expression | None]
NO_TOLERANCE: Tolerance = (None, None)

_NOT_EQUAL = {r"\ne", r"\neq", "≠", "!="}
_EQUAL = {"=", r"\equiv", ":=", "≡"}
_ABOUT = {r"\approx", "≈", r"\simeq", r"\doteq"}
_LESS = {"<", r"\lt"}
_GREATER = {">", r"\gt"}
_AT_MOST = {r"\le", r"\leq", "≤", r"\leqslant"}
_AT_LEAST = {r"\ge", r"\geq", "≥", r"\geqslant"}


@dataclass(frozen=True, slots=True, eq=False)
class Enclosures:
    """Balls around both sides; `slack` is how far a printed decimal may be off."""

    left: arb
    right: arb
    slack: arb | None
    precision: int

    def separated(self) -> bool:
        """Whether the sides certainly differ, by more than the slack."""
        with ctx.workprec(self.precision):
            distance = abs(self.left - self.right)
            return bool(distance > (self.slack if self.slack is not None else 0))

    def violate(self, relation: str) -> bool:
        r"""Whether the relation certainly fails: never `\ne`, and `\approx` only with a slack."""
        if relation in _EQUAL:
            return self.separated()
        if relation in _ABOUT:
            return self.slack is not None and self.separated()
        with ctx.workprec(self.precision):
            slack = self.slack if self.slack is not None else arb(0)
            excess = self.left - self.right
            if relation in _LESS:
                return bool(excess >= slack)
            if relation in _AT_MOST:
                return bool(excess > slack)
            if relation in _GREATER:
                return bool(-excess >= slack)
            if relation in _AT_LEAST:
                return bool(-excess > slack)
        return False

    def settle(self, relation: str) -> bool:
        r"""Whether this point decides the relation against the page, or proves a `\ne`."""
        if relation in _NOT_EQUAL:
            return self.separated()
        return self.violate(relation)

    def certain(self, relation: str) -> bool:
        """Whether an inequality, or a decimal's agreement, certainly holds here."""
        opposite = {**dict.fromkeys(_LESS, r"\ge"), **dict.fromkeys(_AT_MOST, ">")}
        opposite |= {**dict.fromkeys(_GREATER, r"\le"), **dict.fromkeys(_AT_LEAST, "<")}
        if relation in _NOT_EQUAL:
            return self.separated()
        if relation in opposite:
            return self.violate(opposite[relation])
        with ctx.workprec(self.precision):
            return self.slack is not None and bool(abs(self.left - self.right) <= self.slack)

    def vanish(self) -> bool:
        """Whether both sides are exactly 0, as where deltas meet nothing."""
        return self.left == 0 and self.right == 0

    def difference(self) -> float:
        """An upper bound of |left − right|, relative to the larger side unless both are tiny."""
        with ctx.workprec(self.precision):
            larger = abs(self.left).max(abs(self.right)).mid()
            distance = abs(self.left - self.right).upper()
            tiny = arb(2) ** (-self.precision // 4)
            return float((distance / larger if larger > tiny else distance).upper())


class Sides:
    """The two sides of a reading, compiled; `inputs` and `parameters` are what a point must have.

    `definitions` are those of parameters that the page defines (an output's height). A derivative
    by an entry of a symmetric tensor has two conventions: `mirrored` perturbs both mirrored
    entries.
    """

    def __init__(
        self,
        reading: Reading,
        *,
        off_kinks: bool = False,
        tolerance: Tolerance = NO_TOLERANCE,
        definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
        stand_ins: StandIns | None = None,
        mirrored: bool = False,
    ) -> None:
        self.reading = reading
        self.definitions = definitions
        self.program = Program(
            reading.context, off_kinks=off_kinks, mirrored=mirrored, stand_ins=stand_ins
        )
        self.sides = (reading.left, reading.right)
        self.tolerance = tolerance
        context = reading.context
        self.inputs = inputs_of(self.sides, context)
        self.hypotheses = tied_hypotheses(self.sides, context)
        self.parameters = parameters_needed(
            [*self.sides, *(side for h in self.hypotheses for side in (h.left, h.right))],
            context,
            definitions,
            [index.extent for index in reading.indices],
        )
        self.least = _least_extents(self.sides, context)

    def mirrors(self) -> bool:
        """Whether a derivative by an entry of a symmetric tensor occurs."""
        bodies = (d.body for d in self.reading.context.definitions.values())
        return any(
            isinstance(node, Derivative) and node.variable.tensor.symmetric
            for expression in (*self.sides, *bodies)
            for node in walk(expression)
        )

    def at(self, point: Point, budget: int = DEFAULT_BUDGET) -> SidesAt:
        return SidesAt(self, point, budget)


def _least_extents(sides: Sequence[Expression], context: Context) -> dict[Affine, int]:
    """What each axis must at least have for the entries that numbers single out to exist."""
    least: dict[Affine, int] = {}
    waiting, reached = list(sides), set[Tensor]()
    while waiting:
        for node in walk(waiting.pop()):
            if not isinstance(node, Entry):
                continue
            for subscript, extent in zip(node.subscripts, node.tensor.extents, strict=True):
                number = subscript.constant
                if number is not None and number >= 0 and extent.constant is None:
                    least[extent] = max(least.get(extent, 0), number + 1)
            definition = context.definitions.get(node.tensor)
            if definition is not None and node.tensor not in reached:
                reached.add(node.tensor)
                waiting.append(definition.body)
    return least


class SidesAt:
    """A reading's sides at one point; runs are kept, so that further indices cost little."""

    def __init__(self, sides: Sides, point: Point, budget: int) -> None:
        self._sides = sides
        self._runs: dict[int, Run] = {}
        self._first = budget
        self._enclosed = self._present = 0
        self.point = point

    @property
    def spent(self) -> int:
        """The work done so far."""
        return sum(self._first - max(run.work, 0) for run in self._runs.values())

    @property
    def vanish(self) -> bool:
        """Whether both sides were exactly 0 wherever they were enclosed, and were somewhere."""
        return self._enclosed > 0 and not self._present

    def enclose(self, indices: Mapping[Index, int], *, relation: str = "=") -> Enclosures:
        """Both sides, as precise as it takes to decide or to see that they overlap tightly.

        Raises `Undefined`, `Inconclusive` or `BudgetExceeded`.
        """
        precision = PRECISION
        while True:
            last = precision * 2 > HIGHEST_PRECISION
            try:
                enclosures = self._enclose(indices, precision)
            except Inconclusive:
                if last:
                    raise
            else:
                decided = enclosures.settle(relation) or enclosures.certain(relation)
                if last or decided or enclosures.difference() < 2.0 ** (-precision // 2):
                    self._enclosed += 1
                    self._present += not enclosures.vanish()
                    return enclosures
            precision *= 2

    def _enclose(self, indices: Mapping[Index, int], precision: int) -> Enclosures:
        run = self._run(precision)
        program = self._sides.program
        left, right = (run.enclose(program.compile(s), indices) for s in self._sides.sides)
        slack = None
        for tolerance in self._sides.tolerance:
            if tolerance is not None:
                half = run.enclose(program.compile(tolerance), indices)
                with ctx.workprec(precision):
                    slack = half if slack is None else slack + half
        return Enclosures(left, right, slack, precision)

    def _run(self, precision: int) -> Run:
        if precision not in self._runs:
            program = self._sides.program
            self._runs[precision] = Run(program, self.point, precision, self._first)
        return self._runs[precision]

    def indices(self, generator: numpy.random.Generator, limit: int) -> Iterator[dict[Index, int]]:
        """Values of the free indices: all of them if at most `limit`, else a random choice."""
        free = self._sides.reading.indices
        sizes = [integer(index.extent, self.point.extents) for index in free]
        count = 1
        for size in sizes:
            count *= max(size, 0)
        if count <= limit:
            for values in product(*map(range, sizes)):
                yield dict(zip(free, values, strict=True))
            return
        seen: set[tuple[int, ...]] = set()
        while len(seen) < limit:
            values = tuple(int(generator.integers(0, size)) for size in sizes)
            if values not in seen:
                seen.add(values)
                yield dict(zip(free, values, strict=True))

    def named(self, place: Mapping[Index, int]) -> tuple[Mapping[Index, int], ...]:
        """The values of the free indices there, if it has them all and there are any."""
        free = self._sides.reading.indices
        if not free or any(index not in place for index in free):
            return ()
        return ({index: place[index] for index in free},)

    def lies_in_domain(self) -> bool:
        """Whether hypotheses and the declared domains of *defined* tensors hold, as far as seen.

        An entry that is written with a number, x_3, is there: an axis too short for it is outside.
        False wherever a ball leaves it open: nothing is concluded from a doubtful point.
        """
        if any(
            integer(extent, self.point.extents) < least
            for extent, least in self._sides.least.items()
            if set(extent.atoms()) <= self.point.extents.keys()
        ):
            return False
        try:
            return all(map(self._holds, self._sides.hypotheses)) and all(
                self._within(tensor) for tensor in self._constrained()
            )
        except NoValue:
            return False

    def _constrained(self) -> Sequence[Tensor]:
        context = self._sides.reading.context
        reached: dict[Tensor, None] = {}
        stack = [t for side in self._sides.sides for t in tensors(side)]
        while stack:
            tensor = stack.pop()
            if tensor in reached:
                continue
            reached[tensor] = None
            if tensor in context.definitions:
                stack.extend(tensors(context.definitions[tensor].body))
        return [t for t in reached if t in context.definitions and t.domain.declared]

    def _holds(self, hypothesis: Hypothesis) -> bool:
        if not concerns(hypothesis, self.point, self._sides.reading.context):
            return True
        program, run = self._sides.program, self._run(PRECISION)
        left, right = program.compile(hypothesis.left), program.compile(hypothesis.right)
        for indices in islice(hypothesis_indices(hypothesis, self.point.extents), 200):
            if not run.enclose(left, indices).overlaps(run.enclose(right, indices)):
                return False
        return True

    def _within(self, tensor: Tensor) -> bool:
        domain = tensor.domain
        bounds = (domain.lower, domain.upper)
        if not (domain.values or domain.excluded or domain.integer or bounds != (None, None)):
            return True
        run = self._run(PRECISION)
        number = self._sides.program.array(tensor)
        for place in islice(product(*map(range, shape(tensor, self.point.extents))), 200):
            value = run.enclose_entry(number, place)
            with ctx.workprec(PRECISION):
                low = None if domain.lower is None else value - ball(domain.lower)
                high = None if domain.upper is None else ball(domain.upper) - value
                for room, strict in ((low, domain.strict_lower), (high, domain.strict_upper)):
                    if room is not None and not (room > 0 or (not strict and room >= 0)):
                        return False
                if any(value.overlaps(ball(point)) for point in domain.excluded):
                    return False
                if domain.values and not any(value.overlaps(ball(v)) for v in domain.values):
                    return False
                if domain.integer and not value.contains_integer():
                    return False
        return True


__all__ = [
    "HIGHEST_PRECISION",
    "NO_TOLERANCE",
    "PRECISION",
    "BudgetExceeded",
    "Enclosures",
    "Sides",
    "SidesAt",
    "Tolerance",
    "Undefined",
]
