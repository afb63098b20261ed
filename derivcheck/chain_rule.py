"""The chain rule backwards, one step: ∂L/∂X through the tensors that X is used in directly.

∂L/∂X = Σ_T Σ_t ∂L/∂T_t · ∂T_t/∂X, where ∂T/∂X is that of T's own formula. What the page calls
∂L/∂T keeps its name, and what another page computes is differentiated by that page's theorem. So a
claim about a long forward pass becomes one about the few lines around X, which is how it is derived
by hand. It is an identity; nothing is assumed but the theorems that are named in the result.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from derivcheck.calculus import derivative
from derivcheck.derivation import Reading
from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Context,
    Derivative,
    Entry,
    Expression,
    Tensor,
    Theorem,
    add,
    at,
    fresh,
    multiply,
    rebuild,
    tensors,
    total,
    vector_jacobian,
    walk,
)

_MOST_PATHS = 64


@dataclass(frozen=True)
class Step:
    """A reading that says the same of names, and the theorems of used pages that it rests on."""

    reading: Reading
    theorems: tuple[Theorem, ...]


def one_step(reading: Reading) -> tuple[Step, ...]:
    """The reading with every ∂L/∂T taken one step back or by its name; none where that is nothing
    new.

    Names of cotangents have no definitions in it: what is proved holds whatever they are.
    """
    context = reading.context
    names = context.cotangent_names()
    if not names and not context.theorems:
        return ()
    opaque = {
        tensor: definition
        for tensor, definition in context.definitions.items()
        if tensor not in names.values()
    }
    steps: list[Step] = []
    named, stepped = _Backwards.named, _Backwards.stepped
    for first, second in ((named, named), (stepped, named), (named, stepped)):
        backwards = _Backwards(context, names)
        try:
            left, right = first(backwards, reading.left), second(backwards, reading.right)
        except _Unsuitable:
            continue
        if (left, right) == _sides(reading):
            continue
        told = replace(
            reading, left=left, right=right, context=replace(context, definitions=opaque)
        )
        if all(step.reading != told for step in steps):
            steps.append(Step(told, tuple(backwards.theorems)))
    return tuple(steps)


def _sides(reading: Reading) -> tuple[Expression, Expression]:
    return reading.left, reading.right


class _Unsuitable(Exception):
    """The chain rule is no help here: a recurrence, a derivative in a formula, too many paths."""


@dataclass
class _Backwards:
    context: Context
    names: dict[tuple[Tensor, Tensor], Tensor]
    theorems: dict[Theorem, None] = field(default_factory=dict[Theorem, None])
    meanings: dict[Tensor, tuple[Tensor, Tensor]] = field(init=False)
    open: list[Tensor] = field(default_factory=list[Tensor])
    paths: int = 0

    def __post_init__(self) -> None:
        self.meanings = {name: meant for meant, name in self.names.items()}

    def named(self, expression: Expression) -> Expression:
        """Every ∂L/∂T by its name, or a step back; products with a used page's Jacobian in closed
        form."""
        match expression:
            case Derivative(Entry(loss, ()), Entry(tensor, _)) if (loss, tensor) in self.names:
                product = None
            case _:
                product = vector_jacobian(expression, self.context)
        if product is not None:
            theorem = self.context.theorem(
                product.use.output, product.cotangent, product.variable.tensor
            )
            if theorem is not None:
                self.theorems[theorem] = None
                return at(theorem, product.variable.subscripts)
        match expression:
            case Derivative(Entry(loss, ()), Entry(tensor, subscripts)) if self._is_loss(loss):
                name = self.names.get((loss, tensor))
                if name is not None and self._inside(subscripts, tensor):
                    return Entry(name, subscripts)
                return self._total(loss, tensor, subscripts)
            case Derivative():
                return expression
            case _:
                return rebuild(expression, self.named)

    def stepped(self, expression: Expression) -> Expression:
        """The same, but a ∂L/∂T that is the whole expression, or its name, takes a step back."""
        match expression:
            case Derivative(Entry(loss, ()), Entry(tensor, subscripts)) if self._is_loss(loss):
                return self._total(loss, tensor, subscripts)
            case Entry(name, subscripts) if name in self.meanings:
                return self._total(*self.meanings[name], subscripts)
            case _:
                return self.named(expression)

    def _is_loss(self, tensor: Tensor) -> bool:
        return tensor in self.context.definitions

    def _inside(self, subscripts: tuple[Affine, ...], tensor: Tensor) -> bool:
        return all(
            (index := subscript.index) is not None and index.extent == extent
            for subscript, extent in zip(subscripts, tensor.extents, strict=True)
        )

    def _total(self, loss: Tensor, variable: Tensor, subscripts: tuple[Affine, ...]) -> Expression:
        """∂loss/∂variable[subscripts], through what uses the variable directly."""
        self.paths += 1
        own = self.context.definitions.get(variable)
        if variable in self.open or self.paths > _MOST_PATHS:
            raise _Unsuitable
        if own is not None and own.recurs_along is not None:
            raise _Unsuitable  # an entry hands its gradient on to other entries of itself
        if variable == loss:
            return ONE
        self.open.append(variable)
        terms: list[Expression] = []
        done: set[Tensor] = set()
        for tensor, definition in self.context.definitions.items():
            if variable not in tensors(definition.body) or not self.context.depends(loss, tensor):
                continue
            output = self._used_by(tensor, variable)
            if output is not None:
                if output in done:
                    continue
                theorem = self._theorem(loss, output, variable)
                if theorem is not None:
                    done.add(output)
                    self.theorems[theorem] = None
                    terms.append(at(theorem, subscripts))
                    continue
            derived = any(isinstance(node, Derivative) for node in walk(definition.body))
            if derived or definition.recurs_along is not None:
                raise _Unsuitable
            indices = tuple(map(fresh, definition.indices))
            places = tuple(map(Affine.of, indices))
            slope = derivative(definition.at(places), Entry(variable, subscripts), Context())
            if slope != ZERO:
                terms.append(total(indices, multiply(self._cotangent(loss, tensor, places), slope)))
        self.open.pop()
        return add(*terms)

    def _cotangent(self, loss: Tensor, tensor: Tensor, places: tuple[Affine, ...]) -> Expression:
        name = self.names.get((loss, tensor))
        return Entry(name, places) if name is not None else self._total(loss, tensor, places)

    def _used_by(self, tensor: Tensor, variable: Tensor) -> Tensor | None:
        """The output of the use to which a definition belongs that the variable is an argument
        of."""
        for output, use in self.context.uses.items():
            if variable in use.arguments and (tensor == output or tensor in use.private):
                return output
        return None

    def _theorem(self, loss: Tensor, output: Tensor, variable: Tensor) -> Theorem | None:
        if loss == output:
            return self.context.theorem(output, None, variable)
        name = self.names.get((loss, output))
        return None if name is None else self.context.theorem(output, name, variable)
