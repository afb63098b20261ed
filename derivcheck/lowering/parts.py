"""A composed program part by part: what its parts hand to each other, seen and replaced.

A part is what stands between two seams (`Derivation.seams`). A program that hands out the seams
computes as it did before; one that takes them computes every part from what it is given, so that
the error of a part is told from that of the parts before it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from derivcheck.expression import FOREIGN, Tensor
from derivcheck.lowering.array import Ratio, Recur, Variable
from derivcheck.lowering.program import Program, Routine
from derivcheck.lowering.sharing import Assignment


@dataclass(frozen=True)
class Parts:
    """A composed program in two forms, which give the same results in the same order.

    `observed` has the program's own arithmetic and gives more: behind the outputs those of the
    `arrays` that its forward pass computes, behind the gradients those of its pullback. `separate`
    takes as much more, behind the inputs and behind the cotangents: in place of a seam the array
    itself, and for an array that a used page names inside of a part a factor, by which it is
    multiplied before anything uses it.
    """

    arrays: tuple[Tensor, ...]
    observed: Program
    separate: Program


def parts(program: Program, seams: Collection[Tensor]) -> Parts:
    """The arrays are the seams and what used pages name, but for what a loop computes by steps."""
    routines = (program.forward, program.pullback)
    ahead, back = (_Arrays.of(routine, seams, _mark(program)) for routine in routines)
    shapes = {each.name: tuple(i.extent for i in each.value.axes) for each in ahead.all + back.all}
    observed = replace(
        program,
        outputs=(*program.outputs, *ahead.names),
        forward=ahead.observed(),
        pullback=back.observed(),
        shapes={**shapes, **program.shapes},
    )
    separate = replace(
        observed,
        inputs=(*program.inputs, *ahead.given),
        outputs=ahead.renamed(observed.outputs),
        cotangents=(*program.cotangents, *back.given),
        forward=ahead.separate(),
        pullback=back.separate(),
        shapes={
            **observed.shapes,
            **{name + ahead.mark: shape for name, shape in shapes.items()},
        },
    )
    arrays = tuple(each.tensor for each in ahead.all + back.all if each.tensor is not None)
    return Parts(arrays, observed, separate)


def _mark(program: Program) -> str:
    """What makes a new name of an old one."""
    routines = (program.forward, program.pullback)
    taken = {*program.numbers.values(), *(name for each in routines for name in each.arguments)}
    taken.update(assignment.name for each in routines for assignment in each.body)
    mark = "_"
    while any(name + mark in taken for name in taken):
        mark += "_"
    return mark


@dataclass(frozen=True)
class _Arrays:
    """The arrays of a routine that are seen and replaced: `inside` those that are no seams."""

    routine: Routine
    all: tuple[Assignment, ...]
    inside: frozenset[str]
    mark: str

    @classmethod
    def of(cls, routine: Routine, seams: Collection[Tensor], mark: str) -> _Arrays:
        found = [
            each
            for each in routine.body
            if each.tensor is not None
            and (each.tensor in seams or each.tensor.scope.startswith(FOREIGN))
            and not isinstance(each.value, Recur)
        ]
        inside = frozenset(each.name for each in found if each.tensor not in seams)
        return cls(routine, tuple(found), inside, mark)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.all)

    @property
    def given(self) -> tuple[str, ...]:
        """What is taken: a seam by its name, a factor by the name of its array and the mark."""
        return tuple(n + self.mark if n in self.inside else n for n in self.names)

    def renamed(self, names: Sequence[str]) -> tuple[str, ...]:
        """A seam that is computed anew has a mark, since its name is that of the given one."""
        seams = {*self.names} - self.inside
        return tuple(name + self.mark if name in seams else name for name in names)

    def observed(self) -> Routine:
        return replace(self.routine, results=(*self.routine.results, *self.names))

    def separate(self) -> Routine:
        observed = self.observed()
        return replace(
            observed,
            arguments=(*observed.arguments, *self.given),
            body=tuple(map(self._separated, observed.body)),
            results=self.renamed(observed.results),
        )

    def _separated(self, assignment: Assignment) -> Assignment:
        if assignment.name in self.inside:
            axes = assignment.value.axes
            factor = Variable(axes, assignment.name + self.mark)
            value = Ratio(axes, Fraction(1), (assignment.value, factor), ())
            return replace(assignment, value=value)
        (name,) = self.renamed([assignment.name])
        return replace(assignment, name=name)
