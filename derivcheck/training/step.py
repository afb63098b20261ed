"""One step of training as a pure function, the same for both backends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy

from derivcheck.training.arrays import Array, Backend, Dtype, compiled, library
from derivcheck.training.model import Batch, Model, Nodes, Outcome, Parameters, Recipe, State, Term
from derivcheck.training.optimisers import Moments
from derivcheck.training.passes import Pass
from derivcheck.training.tape import Tape, Watch

Losses = Mapping[str, Array]
Gradients = Callable[[Parameters, State, Batch], tuple[Losses, Parameters, State]]
"""(parameters, state, batch) to (losses, the gradient of every parameter, next state)."""


@dataclass(frozen=True)
class Position:
    """Where a run stands: all that the next step depends on, but for the seed."""

    parameters: Parameters
    moments: Moments
    state: State


def penalties(apply: Pass, parameters: Nodes, recipe: Recipe, prefix: str) -> tuple[Term, ...]:
    """The pages of the regularisers on the weights; biases and scales, of one axis, are free."""
    terms: list[Term] = []
    for page, strength in (("l2_regulariser", recipe.l2), ("l1_regulariser", recipe.l1)):
        for name, node in parameters.items() if strength else ():
            if len(node.shape) > 1 and name.startswith(prefix):
                flat = apply.reshape(node, (-1,))
                terms.append(Term(apply(page, flat, strength)))
    return tuple(terms)


def regularised(model: Model, apply: Pass, parameters: Nodes, batch: Nodes) -> Outcome:
    """The model's own outcome with the recipe's regularisers among the terms."""
    outcome = model.forward(apply, parameters, batch, model.recipe)
    losses = {
        objective: (
            *terms,
            *penalties(apply, parameters, model.recipe, model.objectives[objective]),
        )
        for objective, terms in outcome.losses.items()
    }
    return Outcome(losses, outcome.outputs)


def total(terms: Sequence[Term]) -> Array:
    """The number that the terms add up to."""
    parts = [_weighted(term.weight, term.node.value) for term in terms]
    whole = parts[0]
    for part in parts[1:]:
        whole = whole + part
    return whole


def _weighted(weight: float, value: Array) -> Array:
    entries = value if value.ndim == 0 else value.sum()
    return entries if weight == 1.0 else weight * entries


def from_pullbacks(model: Model, backend: Backend, watch: Watch | None = None) -> Gradients:
    """Gradients by the registry's pairs, composed."""
    xp: Any = library(backend)

    def gradients(
        parameters: Parameters, state: State, batch: Batch
    ) -> tuple[Losses, Parameters, State]:
        tape = Tape(backend, state, watch=watch)
        nodes = {name: tape.leaf(v, name, active=True) for name, v in parameters.items()}
        given = {name: tape.leaf(value) for name, value in batch.items()}
        outcome = regularised(model, tape, nodes, given)
        found: dict[str, Array] = {}
        for objective, terms in outcome.losses.items():
            prefix = model.objectives[objective]
            wanted = [node for name, node in nodes.items() if name.startswith(prefix)]
            seeds = [(t.node, xp.full(t.node.shape, t.weight, t.node.value.dtype)) for t in terms]
            for node, bar in zip(wanted, tape.pullback(seeds, wanted), strict=True):
                found[node.name] = xp.zeros_like(node.value) if bar is None else bar
        losses = {objective: total(terms) for objective, terms in outcome.losses.items()}
        return losses, found, {**state, **tape.kept}

    return gradients


def computed_in(dtype: Dtype, gradients: Gradients) -> Gradients:
    """The same in bfloat16 if that is asked for: parameters and batch are rounded on the way in,
    and what comes out is as wide as what it belongs to. The state is not: it adds up over steps.

    Only JAX computes in bfloat16.
    """
    if dtype != "bfloat16":
        return gradients
    xp: Any = library("jax")

    def narrow(arrays: Batch) -> Batch:
        return {
            name: xp.asarray(value, xp.bfloat16) if value.dtype.kind == "f" else value
            for name, value in arrays.items()
        }

    def rounded(
        parameters: Parameters, state: State, batch: Batch
    ) -> tuple[Losses, Parameters, State]:
        losses, found, after = gradients(narrow(parameters), state, narrow(batch))
        return (
            {name: loss.astype("float32") for name, loss in losses.items()},
            {name: value.astype(parameters[name].dtype) for name, value in found.items()},
            {name: value.astype(state[name].dtype) for name, value in after.items()},
        )

    return rounded


def norm(gradients: Parameters, backend: Backend) -> Array:
    """The Euclidean norm of all gradients together."""
    xp: Any = library(backend)
    squares = [xp.vdot(g, g) for g in gradients.values()]
    return xp.sqrt(sum(squares[1:], squares[0]))


Step = Callable[[Position, Batch, Array, Array], tuple[Position, Losses, Array]]
"""(position, batch, number of the step counted from 1, learning rate) to (position afterwards,
losses, norm of the gradient)."""


def make_step(model: Model, backend: Backend, gradients: Gradients) -> Step:
    """Gradients, clipping by norm, update; jitted as a whole for JAX."""
    recipe = model.recipe
    xp: Any = library(backend)

    def step(
        position: Position, batch: Batch, number: Array, rate: Array
    ) -> tuple[Position, Losses, Array]:
        losses, found, state = gradients(position.parameters, position.state, batch)
        length = norm(found, backend)
        if recipe.clip is not None:
            factor = recipe.clip / xp.maximum(length, recipe.clip)
            found = {name: factor * gradient for name, gradient in found.items()}
        parameters, moments = recipe.optimiser.update(
            backend, position.parameters, found, position.moments, rate, number
        )
        return Position(parameters, moments, state), losses, length

    if backend == "numpy":
        return step

    def flat(position: Any, batch: Batch, number: Array, rate: Array) -> Any:
        after, losses, length = step(Position(*position), batch, number, rate)
        return (after.parameters, after.moments, after.state), losses, length

    jitted = compiled(flat, backend)

    def in_jax(
        position: Position, batch: Batch, number: Array, rate: Array
    ) -> tuple[Position, Losses, Array]:
        given = (position.parameters, position.moments, position.state)
        after, losses, length = jitted(given, batch, number, rate)
        return Position(*after), losses, length

    return in_jax


def finite(losses: Losses, length: Array) -> bool:
    """No loss and no gradient is infinite or undefined."""
    return bool(numpy.isfinite(float(length))) and all(
        numpy.isfinite(float(loss)) for loss in losses.values()
    )
