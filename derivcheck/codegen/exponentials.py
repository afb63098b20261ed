"""Programs for XLA, which computes equal parts of one function once: exponentials taken alike.

A softmax takes those of its logarithm. Where the forward pass has the logarithm it has the softmax
too, and the pullback need not take the exponential of what was a logarithm. NumPy would compute
both from the start, and would have to keep both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from derivcheck.lowering import Assignment, Program
from derivcheck.lowering.array import Array, Call, Softmax, Variable
from derivcheck.lowering.naming import Names
from derivcheck.lowering.traversal import replace_operands, walk


def calls(program: Program, function: str) -> bool:
    """Whether the straight-line code of either direction calls this scalar function."""
    return any(
        isinstance(node, Call) and node.function == function
        for assignment in (*program.forward.body, *program.pullback.body)
        for node in walk(assignment.value)
    )


def softmaxes_ahead(program: Program) -> Program:
    """The program with every softmax in the forward pass that has its logarithm."""
    logarithms = {
        assignment.name: assignment.value
        for assignment in program.forward.body
        if isinstance(assignment.value, Softmax) and assignment.value.logarithm
    }
    moving = _Moving(logarithms, program.names())
    body = [kept for assignment in program.pullback.body for kept in moving.assignment(assignment)]
    if not moving.ahead:
        return program
    return _with(program, moving, body)


@dataclass
class _Moving:
    """The pullback read from top to bottom; `ahead` are softmaxes by their logarithms' names."""

    logarithms: dict[str, Softmax]
    names: Names
    ahead: dict[str, Assignment] = field(default_factory=dict[str, Assignment])

    def assignment(self, assignment: Assignment) -> tuple[Assignment, ...]:
        """What is left of it in the pullback: nothing of one that only names the softmax."""
        name = self._of(assignment.value)
        if name is not None and name not in self.ahead:
            self.ahead[name] = replace(assignment, value=self._softmax(name))
            return ()
        return (replace(assignment, value=self._value(assignment.value)),)

    def _value(self, array: Array) -> Array:
        name = self._of(array)
        if name is None:
            return replace_operands(array, self._value)
        if name not in self.ahead:
            softmax = self._softmax(name)
            self.ahead[name] = Assignment(self.names.value(softmax), softmax)
        return Variable(array.axes, self.ahead[name].name)

    def _of(self, array: Array) -> str | None:
        """The name of the log-softmax that an array is the exponential of."""
        match array:
            case Call(_, "exp", (Variable(_, name),)) if name in self.logarithms:
                return name
            case _:
                return None

    def _softmax(self, name: str) -> Softmax:
        return replace(self.logarithms[name], logarithm=False)


def _with(program: Program, moving: _Moving, pullback: Sequence[Assignment]) -> Program:
    """The softmaxes are kept for this pullback, instead of their logarithms if it has no use for
    them."""
    used = {
        node.name
        for assignment in pullback
        for node in walk(assignment.value)
        if isinstance(node, Variable)
    }
    ahead = {name: softmax.name for name, softmax in moving.ahead.items()}
    instead = {name: softmax for name, softmax in ahead.items() if name not in used}
    residuals = tuple(
        kept
        for name in program.residuals
        for kept in (name, ahead.get(name))
        if kept is not None and kept not in instead
    )
    extents = (
        replace(extent, argument=instead.get(extent.argument or "", extent.argument))
        for extent in program.pullback.extents
    )
    shapes = {ahead[name]: program.shapes[name] for name in ahead}
    return replace(
        program,
        residuals=residuals,
        forward=replace(program.forward, body=tuple(_forward(program.forward.body, moving))),
        pullback=replace(
            program.pullback,
            arguments=(*residuals, *program.cotangents),
            body=tuple(pullback),
            extents=tuple(extents),
        ),
        shapes={**program.shapes, **shapes},
    )


def _forward(body: Iterable[Assignment], moving: _Moving) -> Iterator[Assignment]:
    """Each softmax behind its logarithm; both are of one named array."""
    for assignment in body:
        softmax = moving.ahead.get(assignment.name)
        if softmax is None:
            yield assignment
            continue
        operand = moving.logarithms[assignment.name].operand
        if not isinstance(operand, Variable):
            name = moving.names.value(operand)
            yield Assignment(name, operand)
            operand = Variable(operand.axes, name)
        for each in (assignment, softmax):
            assert isinstance(each.value, Softmax)
            yield replace(each, value=replace(each.value, operand=operand))
