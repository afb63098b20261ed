r"""Losses of which the page says nothing but that its outputs lead to them: `L := Σ Ȳ·Y`.

Such a loss is any function of the outputs, and everything that is claimed of its gradients is
claimed for every value of the cotangents Ȳ. Each has cotangents of its own: ∂L/∂x and ∂J/∂x are two
things. A page may call ∂L/∂Y by a name before it has said what Y is; from where it has, the name
stands for the cotangent of an output, or for the derivative.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from derivcheck.elaboration.names import looks_like_gradient
from derivcheck.elaboration.state import PageState
from derivcheck.expression import (
    Affine,
    Context,
    Definition,
    Derivative,
    Entry,
    Expression,
    Index,
    Tensor,
    add,
    fresh,
    multiply,
    tensors,
    total,
    walk,
)
from derivcheck.source import Span

NAMELESS = "cotangent"
"""The scope of an output's cotangent for which the page has no name."""


def names_of_gradients(state: PageState) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """What the page calls ∂L/∂Y for a loss that it left open there; L; and Y."""
    for tensor, definition in (*state.aliases.items(), *state.left_open.items()):
        match definition.body:
            case Derivative(Entry(loss, ()), Entry(variable, _)):
                yield tensor, loss, state.sizes.current(variable)
            case _:
                pass


def open_loss(state: PageState) -> Tensor | None:
    """The loss that is left open, of several the first of which a gradient has a name."""
    losses = [loss for loss in state.losses if state.is_open(loss)]
    named = [loss for _, loss, _ in names_of_gradients(state)]
    return next((loss for loss in losses if loss in named), losses[0] if losses else None)


def output_tensors(state: PageState, loss: Tensor | None) -> tuple[Tensor, ...]:
    """The declared outputs that are defined, or the last definition that no other one uses.

    With the latter come those before it in its section whose gradient has a name. What is defined
    through the gradients of the loss, as an update is, is no output while there is another.
    """
    declared = tuple(
        tensor
        for name in state.outputs
        if (tensor := state.scope.tensor(name)) is not None and tensor in state.context.definitions
    )
    if declared:
        return declared
    definitions = state.context.definitions
    used = {tensor for definition in definitions.values() for tensor in tensors(definition.body)}
    sinks = [
        tensor
        for tensor in definitions
        if tensor not in used
        and not looks_like_gradient(tensor.name)
        and state.scope.tensor(tensor.name) == tensor
        and not any(isinstance(node, Derivative) for node in walk(definitions[tensor].body))
    ]
    if loss is not None:
        sinks = [tensor for tensor in sinks if not _follows(state, tensor, loss)] or sinks
    named = {variable for _, _, variable in names_of_gradients(state)}
    section = [state.section_of(tensor) for tensor in sinks[-1:]]
    beside = [t for t in sinks[:-1] if t in named and [state.section_of(t)] == section]
    return (*beside, *sinks[-1:])


def inputs(state: PageState) -> Iterator[Tensor]:
    """Declared tensors that nothing defines, then those that definitions use undeclared.

    A symbol that is declared for a claim's sake, on which no output rests, is none.
    """
    excluded = {*state.context.definitions, *state.losses, *state.aliases}
    excluded.update(state.incoming.values())
    outputs = output_tensors(state, open_loss(state))
    founding = state.context.foundations(*outputs)
    used = [
        tensor
        for definition in state.context.definitions.values()
        for tensor in tensors(definition.body)
    ]
    seen: set[Tensor] = set()
    for tensor in (*state.inputs, *used):
        if tensor not in excluded and tensor not in seen:
            seen.add(tensor)
            if tensor in founding or not outputs:
                yield tensor


def _follows(state: PageState, tensor: Tensor, loss: Tensor) -> bool:
    """Whether a tensor is defined through a gradient of the loss."""
    foundations = state.context.foundations(tensor)
    if any(name in foundations and of == loss for name, of, _ in names_of_gradients(state)):
        return True
    definitions = state.context.definitions
    bodies = (definitions[each].body for each in foundations if each in definitions)
    gradients = (node for body in bodies for node in walk(body) if isinstance(node, Derivative))
    return any(loss in tensors(node.operand) for node in gradients)


def is_fed(state: PageState, loss: Tensor) -> bool:
    """Whether outputs lead to this loss, as far as the page has been read."""
    return bool(cotangents(state, loss))


def left_open(state: PageState, loss: Tensor, variable: Tensor, span: Span) -> Tensor:
    """The array that stands for ∂loss/∂variable while nothing is known of the one or the other."""
    for tensor, of, by in names_of_gradients(state):
        if tensor in state.left_open and (of, by) == (loss, state.sizes.current(variable)):
            return tensor
    name = rf"\partial {loss.name}/\partial {variable.name}"
    tensor = state.new_tensor(name, variable.extents, span)
    letters = tuple(fresh(Index("i", extent)) for extent in variable.extents)
    entry = Entry(variable, tuple(map(Affine.of, letters)))
    state.left_open[tensor] = Definition(tensor, letters, Derivative(Entry(loss), entry))
    return tensor


def link_context(state: PageState) -> Context:
    """The definitions in force here, with those of open losses and of what their gradients are
    called."""
    context = state.context
    named: set[Tensor] = set()
    for loss in state.losses:
        if not state.is_open(loss):
            continue
        found = cotangents(state, loss)
        named.update(found.values())
        terms = [_paired(state, output, cotangent) for output, cotangent in found.items()]
        if terms:
            context = context.define(Definition(loss, (), add(*terms)))
        alone = {(loss, o): c for o, c in found.items() if _alone(state, o, found)}
        context = replace(context, incoming={**context.incoming, **alone})
    for tensor, loss, variable in names_of_gradients(state):
        if tensor in named or not context.depends(loss, variable) or context.depends(loss, tensor):
            continue
        meaning = state.aliases.get(tensor) or state.left_open[tensor]
        context = context.define(meaning)
    return context


def _paired(state: PageState, output: Tensor, cotangent: Tensor) -> Expression:
    """Σ Ȳ·Y."""
    letters = (index.name for index in state.context.definitions[output].indices)
    indices = tuple(fresh(Index(n, e)) for n, e in zip(letters, output.extents, strict=True))
    subscripts = tuple(map(Affine.of, indices))
    return total(indices, multiply(Entry(cotangent, subscripts), Entry(output, subscripts)))


def cotangents(state: PageState, loss: Tensor) -> dict[Tensor, Tensor]:
    """The tensor that stands for the incoming cotangent of each output that the loss is of."""
    outputs = output_tensors(state, loss)
    chosen = open_loss(state)
    found: dict[Tensor, Tensor] = {}
    for output in outputs:
        if not state.outputs and _follows(state, output, loss):
            continue
        cotangent = state.incoming.get(output.name) if loss == chosen else None
        if cotangent is None and _alone(state, output, outputs):
            cotangent = next(_called(state, output, loss), None)
        found[output] = cotangent or Tensor(
            rf"\partial {loss.name}/\partial {output.name}", output.extents, scope=NAMELESS
        )
    return found


def _called(state: PageState, output: Tensor, loss: Tensor) -> Iterator[Tensor]:
    """The names of ∂loss/∂output; one from before the output was known must mean this output."""
    for tensor, of, variable in names_of_gradients(state):
        meant = variable == output or (tensor in state.aliases and variable.name == output.name)
        if of == loss and meant and not state.context.depends(output, tensor):
            yield tensor


def _alone(state: PageState, output: Tensor, outputs: Iterable[Tensor]) -> bool:
    """Whether no other output depends on this one, so that its cotangent is all that comes."""
    return not any(other != output and state.context.depends(other, output) for other in outputs)
