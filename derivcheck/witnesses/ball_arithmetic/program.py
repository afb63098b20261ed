"""Expressions compiled against a context, to be enclosed at many points.

Compilation turns every node into a closure over a slot for each index and parameter; what a node
rests on (indices, tensors through definitions) is worked out once, so that a run can remember sums,
definitions and derivatives by the values that matter and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from derivcheck.expression import (
    MINUS_ONE,
    Add,
    Affine,
    Apply,
    Atom,
    Context,
    Count,
    Delta,
    Derivative,
    Entry,
    Expression,
    Guard,
    Index,
    Maximum,
    Multiply,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    binders,
    children,
    tensors,
    walk,
)
from derivcheck.witnesses.ball_arithmetic import closures
from derivcheck.witnesses.ball_arithmetic.abstract_functions import StandIns
from derivcheck.witnesses.ball_arithmetic.dual_ball import (
    ONE,
    ZERO,
    BudgetExceeded,
    add,
    multiply,
)
from derivcheck.witnesses.ball_arithmetic.run import DEEPEST, Array, Evaluate, Node, Whole

BENT = ("abs", "relu", "sign")
"""Functions of one argument with a kink at 0, where they are 0."""


class Program:
    """Compiles expressions of one context.

    `off_kinks` puts exact kinks off limits even where nothing is differentiated; `mirrored` makes a
    derivative by an entry of a symmetric tensor perturb both mirrored entries.
    """

    def __init__(
        self,
        context: Context,
        *,
        off_kinks: bool = False,
        mirrored: bool = False,
        stand_ins: StandIns | None = None,
    ) -> None:
        self.context = context
        self.off_kinks = off_kinks
        self.mirrored = mirrored
        self.stand_ins = stand_ins or StandIns()
        self.slots: dict[Atom, int] = {}
        self.arrays: list[Array] = []
        self.memos = 0
        self._numbers: dict[Tensor, int] = {}
        self._partials: dict[Tensor, bool] = {}
        # By identity: hashing a tree costs more than compiling it. The tree is kept alive beside.
        self._nodes: dict[int, tuple[Expression, Node]] = {}

    def compile(self, expression: Expression) -> Node:
        """The node of an expression; `BudgetExceeded` where it is nested too deeply."""
        for part in _inside_out(expression):
            if id(part) not in self._nodes:
                self._nodes[id(part)] = (part, self._compile(part))
        return self._nodes[id(expression)][1]

    def array(self, tensor: Tensor) -> int:
        """The number of a tensor; what it rests on is found through the definitions."""
        if tensor not in self._numbers:
            new = [other for other in self._closure(tensor) if other not in self._numbers]
            for other in new:
                self._numbers[other] = len(self.arrays)
                extents = tuple(self.affine(extent) for extent in other.extents)
                self.arrays.append(Array(other, extents))
            for other in new:
                reached = self._closure(other)
                array = self.arrays[self._numbers[other]]
                array.rests_on = frozenset(self._numbers[t] for t in reached)
                inputs = [t for t in reached if t not in self.context.definitions]
                array.continuous = any(not (t.domain.values or t.domain.integer) for t in inputs)
        return self._numbers[tensor]

    def body(self, number: int) -> tuple[tuple[int, ...], Node] | None:
        """The index slots and the compiled body of a defined tensor."""
        array = self.arrays[number]
        definition = self.context.definitions.get(array.tensor)
        if array.body is None and definition is not None:
            slots = tuple(self.slot(index) for index in definition.indices)
            array.body = (slots, self.compile(definition.body))
        return array.body

    def slot(self, atom: Atom) -> int:
        return self.slots.setdefault(atom, len(self.slots))

    def affine(self, value: Affine) -> Whole:
        """The polynomial as a function of the slots."""
        constant = value.constant
        if constant is not None:
            return lambda slots: constant
        if value.atom is not None:
            only = self.slot(value.atom)
            return lambda slots: slots[only]
        terms = [(c, [self.slot(atom) for atom in term]) for term, c in value.terms]

        def polynomial(slots: list[int]) -> int:
            total = 0
            for coefficient, atoms in terms:
                for atom in atoms:
                    coefficient *= slots[atom]
                total += coefficient
            return total

        return polynomial

    def _closure(self, tensor: Tensor) -> tuple[Tensor, ...]:
        reached: dict[Tensor, None] = {}
        stack = [tensor]
        while stack:
            current = stack.pop()
            if current not in reached:
                reached[current] = None
                definition = self.context.definitions.get(current)
                if definition is not None:
                    stack.extend(tensors(definition.body))
        return tuple(reached)

    def _memo(self) -> int:
        self.memos += 1
        return self.memos - 1

    def _slots_of(self, *values: Affine) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.slot(i) for value in values for i in value.indices()))

    # --- one node -----------------------------------------------------------------------------

    def _compile(self, expression: Expression) -> Node:
        parts = [self._nodes[id(part)][1] for part in children(expression)]
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > DEEPEST:
            raise BudgetExceeded("nested too deeply")
        slots = tuple(dict.fromkeys(slot for part in parts for slot in part.slots))
        rests_on = frozenset[int]().union(*(part.rests_on for part in parts))
        continuous = any(part.continuous for part in parts)
        constant = False
        conditional = False
        polynomial = any(part.conditional for part in parts) and all(
            part.conditional or part.constant for part in parts
        )
        match expression:
            case Rational(value):
                evaluate = closures.constant(value)
                constant = True
            case Count(value):
                evaluate = closures.count(self.affine(value))
                slots = self._slots_of(value)
            case Entry(tensor, subscripts):
                number = self.array(tensor)
                evaluate = closures.entry(number, [self.affine(s) for s in subscripts])
                slots = self._slots_of(*subscripts)
                rests_on = self.arrays[number].rests_on
                continuous = self.arrays[number].continuous
            case Delta(left, right):
                evaluate = closures.delta(self.affine(left - right))
                slots = self._slots_of(left, right)
                conditional = True
            case Guard(value):
                evaluate = closures.guard(self.affine(value))
                slots = self._slots_of(value)
                conditional = True
            case Positive(argument):
                kinks = self.off_kinks and continuous
                sides = _compared(argument)
                if sides is None:
                    evaluate = closures.positive(parts[0], kinks)
                else:
                    left, right = (self._nodes[id(side)][1] for side in sides)
                    evaluate = closures.exceeds(left, right, kinks)
                conditional = True
            case Add():
                evaluate = closures.add([part.evaluate for part in parts])
                conditional = polynomial
            case Multiply(factors):
                evaluate = closures.multiply(factors, parts)
                conditional = polynomial
            case Power(_, exponent):
                evaluate = closures.power(parts, exponent)
                conditional = parts[0].conditional and _natural(exponent)
            case Apply(function, arguments):
                kinks = self.off_kinks and continuous
                sides = _compared(arguments[0]) if function.name in BENT else None
                if function.abstract or function.order:
                    evaluate = closures.abstract(expression, parts, self.stand_ins)
                elif sides is None:
                    evaluate = closures.apply(function.name, parts, kinks)
                else:
                    left, right = (self._nodes[id(side)][1] for side in sides)
                    evaluate = closures.bent(function.name, left, right, kinks)
            case Sum(index, body) | Product(index, body):
                apart = list(self._apart(body, {self.slot(index)}))
                slots = self._without((index,), slots)
                known = (slots, rests_on, self._memo())
                fold = (ZERO, add) if isinstance(expression, Sum) else (ONE, multiply)
                evaluate = closures.fold(
                    self.slot(index), self.affine(index.extent), parts[0], fold, apart, known
                )
            case Maximum(indices, _, _):
                slots = self._without(indices, slots)
                known = (slots, rests_on, self._memo())
                over = [(self.slot(index), self.affine(index.extent)) for index in indices]
                evaluate = closures.maximum(over, parts, self.off_kinks and continuous, known)
            case Derivative(_, variable):
                known = (slots, rests_on, self._memo())
                pairs = variable.tensor.symmetric if self.mirrored else ()
                subscripts = [self.affine(s) for s in variable.subscripts]
                number = self.array(variable.tensor)
                evaluate = closures.derivative(parts[0], number, subscripts, pairs, known)
        return Node(evaluate, slots, rests_on, depth, constant, conditional, continuous)

    def _apart(self, expression: Expression, bound: set[int]) -> Iterator[Evaluate]:
        """The largest parts that depend on none of these indices and may have no value.

        What a product holds of them stays together, so that its conditions still guard the rest.
        """
        node = self._nodes[id(expression)][1]
        if bound.isdisjoint(node.slots):
            if self._partial(expression):
                yield node.evaluate
            return
        inside: Sequence[Expression] = children(expression)
        if isinstance(expression, Multiply):
            fixed = [f for f in inside if bound.isdisjoint(self._nodes[id(f)][1].slots)]
            if any(map(self._partial, fixed)):
                yield closures.multiply(fixed, [self._nodes[id(f)][1] for f in fixed])
            inside = [f for f in inside if f not in fixed]
        if isinstance(expression, Sum | Product):
            slot, extent = self.slot(expression.index), expression.index.extent
            if bound.isdisjoint(self._slots_of(extent)):
                parts = list(self._apart(expression.body, bound))
                if parts:
                    yield closures.each(slot, self.affine(extent), parts)
                return
        inner = bound | {self.slot(index) for index in binders(expression)}
        for part in inside:
            yield from self._apart(part, inner)

    def _partial(self, expression: Expression) -> bool:
        """Whether a division, a root or a logarithm in it may have no value."""
        for node in walk(expression):
            match node:
                case Power(_, exponent) if not _natural(exponent):
                    return True
                case Apply(function, _) if function.name == "log":
                    return True
                case Entry(tensor, _) if tensor in self.context.definitions:
                    if tensor not in self._partials:
                        self._partials[tensor] = False  # a definition in a circle says nothing
                        body = self.context.definitions[tensor].body
                        self._partials[tensor] = self._partial(body)
                    if self._partials[tensor]:
                        return True
                case _:
                    pass
        return False

    def _without(self, bound: tuple[Index, ...], slots: tuple[int, ...]) -> tuple[int, ...]:
        inner = {self.slot(index) for index in bound}
        kept = [slot for slot in slots if slot not in inner]
        extents = self._slots_of(*(index.extent for index in bound))
        return tuple(dict.fromkeys((*kept, *extents)))


def _inside_out(expression: Expression) -> Iterator[Expression]:
    """Every node, children first, without recursion."""
    stack = [(expression, False)]
    while stack:
        node, expanded = stack.pop()
        if expanded:
            yield node
        else:
            stack.append((node, True))
            stack.extend((child, False) for child in reversed(children(node)))


def _compared(argument: Expression) -> tuple[Expression, Expression] | None:
    """a and b, for a − b or −(b − a)."""
    match argument:
        case Add((left, Multiply((minus, right)))) if minus == MINUS_ONE:
            return left, right
        case Multiply((minus, Add((left, Multiply((sign, right)))))) if minus == sign == MINUS_ONE:
            return right, left
        case _:
            return None


def _natural(exponent: Expression) -> bool:
    return isinstance(exponent, Rational) and exponent.value.denominator == 1 and exponent.value > 0
