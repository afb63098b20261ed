"""Definitions, hypotheses, and what a link may rest on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from derivcheck.expression.constructors import multiply, within
from derivcheck.expression.integers import Affine, Index
from derivcheck.expression.nodes import Entry, Expression, Tensor
from derivcheck.expression.traversal import substitute, tensors


@dataclass(frozen=True, slots=True)
class Definition:
    """`tensor[indices] = body`, one index for every axis, in the order of the axes."""

    tensor: Tensor
    indices: tuple[Index, ...]
    body: Expression

    def at(self, subscripts: tuple[Affine, ...]) -> Expression:
        """The body at these subscripts, its binders fresh; zero extension is the caller's."""
        return substitute(self.body, dict(zip(self.indices, subscripts, strict=True)))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`left = right` for all values of its free indices; declared, never proved."""

    left: Expression
    right: Expression
    text: str


@dataclass(frozen=True)
class Context:
    """What a link may rest on: the definitions and hypotheses that are in scope."""

    definitions: Mapping[Tensor, Definition] = field(default_factory=dict[Tensor, Definition])
    hypotheses: tuple[Hypothesis, ...] = ()

    def define(self, definition: Definition) -> Context:
        return replace(self, definitions={**self.definitions, definition.tensor: definition})

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

    def depends(self, tensor: Tensor, on: Tensor) -> bool:
        """Whether `tensor` is `on` or is defined through it."""
        return on in self.foundations(tensor)

    def foundations(self, tensor: Tensor) -> Iterator[Tensor]:
        """The tensor itself, and all that it is defined through."""
        seen: set[Tensor] = set()
        stack = [tensor]
        while stack:
            current = stack.pop()
            if current not in seen:
                seen.add(current)
                yield current
                definition = self.definitions.get(current)
                stack.extend(tensors(definition.body) if definition else ())
