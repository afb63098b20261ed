"""Definitions, hypotheses, and what a link may rest on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from derivcheck.expression.constructors import multiply, within
from derivcheck.expression.integers import Affine, Index
from derivcheck.expression.nodes import (
    Derivative,
    Entry,
    Expression,
    Guard,
    Multiply,
    Tensor,
)
from derivcheck.expression.traversal import substitute, tensors
from derivcheck.expression.uses import Theorem, Use


@dataclass(frozen=True, slots=True)
class Definition:
    """`tensor[indices] = body`, one index for every axis, in the order of the axes.

    A definition by recurrence says along which axis: its body then uses other entries of the same
    tensor, directly or through other definitions, and is a sum of cases that exclude each other,
    each a product of deltas and guards with the value in this case.
    """

    tensor: Tensor
    indices: tuple[Index, ...]
    body: Expression
    recurs_along: int | None = None

    def at(self, subscripts: tuple[Affine, ...]) -> Expression:
        """The body at these subscripts, its binders fresh; zero extension is the caller's."""
        return substitute(self.body, dict(zip(self.indices, subscripts, strict=True)))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`left = right` for all values of its free indices; declared, never proved."""

    left: Expression
    right: Expression
    text: str


@dataclass(frozen=True, slots=True)
class Conjecture:
    """What the page claims of a recurrence, `left = right`: to be proved by induction before
    anything may rest on it.

    The left side is an entry of a tensor that is defined by recurrence, or the derivative of a
    scalar by such an entry.
    """

    left: Expression
    right: Expression
    text: str


@dataclass(frozen=True)
class Context:
    """What a link may rest on: the definitions and hypotheses that are in scope.

    `conjectures` are known to nobody: proofs try them. `adjoints` maps a scalar and a tensor that
    is defined by recurrence to the derivative of one by the other, a recurrence as well.
    `uses` are the uses of other pages, by their output; `theorems` what those pages say of them.
    `incoming` names, for a loss that the page leaves open, the cotangent of an output.
    """

    definitions: Mapping[Tensor, Definition] = field(default_factory=dict[Tensor, Definition])
    hypotheses: tuple[Hypothesis, ...] = ()
    conjectures: tuple[Conjecture, ...] = ()
    adjoints: Mapping[tuple[Tensor, Tensor], Tensor] = field(
        default_factory=dict[tuple[Tensor, Tensor], Tensor]
    )
    uses: Mapping[Tensor, Use] = field(default_factory=dict[Tensor, Use])
    theorems: tuple[Theorem, ...] = ()
    incoming: Mapping[tuple[Tensor, Tensor], Tensor] = field(
        default_factory=dict[tuple[Tensor, Tensor], Tensor]
    )

    def define(self, definition: Definition) -> Context:
        return replace(self, definitions={**self.definitions, definition.tensor: definition})

    def theorem(self, output: Tensor, cotangent: Tensor | None, argument: Tensor) -> Theorem | None:
        """What a used page says of Σ cotangent · ∂output/∂argument, if it says anything."""
        for theorem in self.theorems:
            if (theorem.use.output, theorem.cotangent, theorem.argument) == (
                output,
                cotangent,
                argument,
            ):
                return theorem
        return None

    def cotangent_names(self) -> dict[tuple[Tensor, Tensor], Tensor]:
        """What is called ∂L/∂T, by loss and tensor: by definition, or as an output's cotangent."""
        found: dict[tuple[Tensor, Tensor], Tensor] = {}
        for tensor, definition in self.definitions.items():
            match definition.body:
                case Derivative(Entry(loss, ()), Entry(variable, subscripts)) if (
                    subscripts == tuple(map(Affine.of, definition.indices))
                ):
                    found.setdefault((loss, variable), tensor)
                case _:
                    pass
        return {**found, **self.incoming}

    def unfold(self, entry: Entry) -> Expression | None:
        """The definition of a defined tensor at these subscripts, guarded where they may leave
        it."""
        definition = self.definitions.get(entry.tensor)
        if definition is None:
            return None
        guards = [
            within(subscript, extent)
            for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True)
            if (index := subscript.index) is None or index.extent != extent
        ]
        return multiply(*guards, definition.at(entry.subscripts))

    def support(self, tensor: Tensor, subscripts: tuple[Affine, ...]) -> list[Affine]:
        """What is ≥ 0 wherever the entry of a recurrence is not 0: where its base case is 0, the
        guards of its step."""
        definition = self.definitions.get(tensor)
        if definition is None or definition.recurs_along is None:
            return []
        body = definition.body
        values = dict(zip(definition.indices, subscripts, strict=True))
        factors = body.factors if isinstance(body, Multiply) else ()
        return [f.value.substitute(values) for f in factors if isinstance(f, Guard)]

    def depends(self, tensor: Tensor, on: Tensor) -> bool:
        """Whether `tensor` is `on` or is defined through it."""
        return tensor == on or on in rests_on(self.definitions, tensor)

    def foundations(self, *wanted: Tensor) -> frozenset[Tensor]:
        """These tensors themselves, and all that they are defined through."""
        return foundations(self.definitions, wanted)

    @cached_property
    def recursive(self) -> frozenset[Tensor]:
        """The tensors that are defined through other entries of themselves."""
        if all(definition.recurs_along is None for definition in self.definitions.values()):
            return frozenset()
        return frozenset(t for t in self.definitions if t in rests_on(self.definitions, t))

    @cached_property
    def recurrent(self) -> frozenset[Tensor]:
        """The tensors that are defined by recurrence: every circle goes through one of them."""
        return frozenset(
            tensor
            for tensor, definition in self.definitions.items()
            if definition.recurs_along is not None
        )


def rests_on(definitions: Mapping[Tensor, Definition], tensor: Tensor) -> frozenset[Tensor]:
    """The tensors on which the definition of this one rests: itself only if it recurs."""
    definition = definitions.get(tensor)
    return foundations(definitions, tensors(definition.body) if definition else ())


def foundations(
    definitions: Mapping[Tensor, Definition], wanted: Iterable[Tensor]
) -> frozenset[Tensor]:
    """These tensors, and all on which their definitions rest."""
    found: set[Tensor] = set()
    stack = list(wanted)
    while stack:
        tensor = stack.pop()
        if tensor not in found:
            found.add(tensor)
            definition = definitions.get(tensor)
            stack.extend(tensors(definition.body) if definition else ())
    return frozenset(found)
