"""The same model for JAX to differentiate: the pages' own Reference blocks, composed.

This is what training is held against, and no part of it: nothing here is reached unless autodiff is
asked for.
"""

# JAX types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.layer import page
from derivcheck.training.model import Batch, Model, Parameters, State
from derivcheck.training.passes import Body, Move, Node, Pass
from derivcheck.training.step import Gradients, Losses, regularised, total
from derivcheck.witnesses.array_trial import Forward
from derivcheck.witnesses.reference import load_reference


@cache
def reference(name: str) -> Forward:
    """The Reference block of a registered page as a function."""
    code = page(name).derivation.reference
    if code is None:
        raise ValueError(f"the page {name} has no Reference block to hold training against")
    return load_reference(code, allowed=True)


@dataclass(eq=False)
class ReferencePass(Pass):
    """Reference blocks in place of generated code; nothing is remembered."""

    def leaf(self, value: Array, name: str = "", *, active: bool = False) -> Node:
        return Node(value, name=name, active=active)

    def apply(
        self, page: str, inputs: tuple[Node, ...], statics: Mapping[str, int]
    ) -> tuple[Node, ...]:
        values = [each.value for each in inputs]
        return tuple(map(Node, reference(page)(*values, **statics)))

    def move(self, label: str, inputs: Sequence[Node], there: Move, back: Move) -> tuple[Node, ...]:
        return tuple(map(Node, there(tuple(each.value for each in inputs))))

    def scan(
        self, body: Body, carried: Sequence[Node], sequence: Sequence[Node]
    ) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
        def step(values: tuple[Array, ...], entries: tuple[Array, ...]) -> Any:
            ends, shown = body(self, tuple(map(Node, values)), tuple(map(Node, entries)))
            return tuple(n.value for n in ends), tuple(n.value for n in shown)

        before = tuple(node.value for node in carried)
        after, outputs = jax.lax.scan(step, before, tuple(node.value for node in sequence))
        return tuple(map(Node, after)), tuple(map(Node, outputs))


def from_autodiff(model: Model) -> Gradients:
    """Gradients by `jax.value_and_grad`, each objective for its own parameters."""

    def gradients(
        parameters: Parameters, state: State, batch: Batch
    ) -> tuple[Losses, Parameters, State]:
        losses: dict[str, Array] = {}
        found: dict[str, Array] = {}
        kept: State = {}
        for objective, prefix in model.objectives.items():
            chosen = {n: v for n, v in parameters.items() if n.startswith(prefix)}

            def loss(
                varied: Parameters, objective: str = objective
            ) -> tuple[Array, tuple[State, Losses]]:
                apply = ReferencePass("jax", state)
                nodes = {n: Node(v, name=n) for n, v in {**parameters, **varied}.items()}
                given = {n: Node(v) for n, v in batch.items()}
                outcome = regularised(model, apply, nodes, given)
                return total(outcome.losses[objective]), ({**state, **apply.kept}, {})

            (value, (kept, _)), of_objective = jax.value_and_grad(loss, has_aux=True)(chosen)
            losses[objective] = value
            found |= of_objective
        return losses, found, kept

    return gradients


def scaled_differences(
    found: Parameters, expected: Parameters, scales: Mapping[str, float] | None = None
) -> Mapping[str, float]:
    """For each parameter the largest difference, over the largest entry of what is expected, or
    over its scale in `scales` where that is larger.

    The scale is that of the parameter's own gradient. One that is 0 but for rounding (the bias of
    attention's keys) has none, so no scale is smaller than a thousandth of the largest of all.
    """
    sizes = {
        name: float(numpy.abs(numpy.asarray(value, numpy.float64)).max(initial=0.0))
        for name, value in expected.items()
    }
    for name, scale in (scales or {}).items():
        sizes[name] = max(sizes[name], scale)
    largest = max(sizes.values(), default=0.0)
    return {
        name: _difference(found[name], value) / max(sizes[name], largest * 1e-3, 1e-300)
        for name, value in expected.items()
    }


def _difference(found: Array, expected: Array) -> float:
    gap = numpy.asarray(found, numpy.float64) - numpy.asarray(expected, numpy.float64)
    return float(numpy.abs(gap).max(initial=0.0))
