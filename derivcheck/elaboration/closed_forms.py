"""The gradients that a page states in closed form, and the definitions that they rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from derivcheck.derivation import ClosedForm, Item
from derivcheck.expression import (
    Affine,
    Context,
    Definition,
    Derivative,
    Entry,
    Expression,
    Index,
    Tensor,
    digits,
    foundations,
    in_closed_form,
    placed,
    size,
    tensors,
    walk,
)


@dataclass(frozen=True)
class ClosedForms:
    """`gradients` by input, `between` by the name of an intermediate's cotangent; in `context` the
    latter are defined by their closed forms."""

    gradients: Mapping[Tensor, ClosedForm]
    between: Mapping[Tensor, ClosedForm]
    context: Context


def closed_forms(
    items: Sequence[Item],
    inputs: Collection[Tensor],
    losses: Collection[Tensor],
    own: Context,
    context: Context,
) -> ClosedForms:
    """The first claim `∂L/∂x = …` for every x whose right side has no derivative left.

    x is an input, or an intermediate whose gradient has a name. `own` are the page's definitions,
    `context` has those of the used pages' gradients too: where a right side is a vector–Jacobian
    product of what a used page computes, that page's closed form stands for it.
    """
    names = context.cotangent_names()
    found: dict[Tensor, ClosedForm] = {}
    named: dict[Tensor, ClosedForm] = {}
    for position, item in enumerate(items):
        link = item.link
        if link is None or not link.readings or link.relation != "=":
            continue
        reading = link.readings[0]
        if any(each not in context.hypotheses for each in reading.context.hypotheses):
            continue  # it is claimed under a condition of its own
        match reading.left:
            case Derivative(Entry(loss, ()), Entry(variable, subscripts)) if loss in losses and (
                variable in inputs or (loss, variable) in names
            ):
                body = _written_out(reading.right, reading.context)
                axes = _whole_axes(variable, subscripts)
                if axes is None or _differentiates(body):
                    continue
                indices, body = placed(axes, body)
                form = ClosedForm(variable, variable.along(indices), body, position, loss)
                if variable in inputs:
                    found.setdefault(variable, form)
                if (loss, variable) in names:
                    named.setdefault(names[loss, variable], form)
            case _:
                pass
    defined = {
        tensor: replace(each, body=_written_out(each.body, context))
        for tensor, each in context.definitions.items()
    }
    between: dict[Tensor, ClosedForm] = {}
    for name, form in named.items():
        if name in defined and name not in foundations(defined, tensors(form.body)):
            defined[name] = Definition(name, form.indices, form.body)
            if form.variable not in inputs:
                between[name] = form
    gradients = {tensor: found[tensor] for tensor in inputs if tensor in found}
    wanted = [*own.definitions, *(t for form in gradients.values() for t in tensors(form.body))]
    needed = foundations(defined, wanted)
    kept = {tensor: each for tensor, each in defined.items() if tensor in needed}
    if context.theorems:
        kept = _in_order(kept)
    return ClosedForms(gradients, between, replace(context, definitions=kept))


def _written_out(expression: Expression, context: Context) -> Expression:
    """With the closed forms of used pages; a lone entry of their gradients by its definition."""
    body, theorems = in_closed_form(expression, context)
    stated = {gradient for theorem in theorems for gradient in theorem.gradients}
    if isinstance(body, Entry) and body.tensor in stated:
        return context.definitions[body.tensor].at(body.subscripts)
    return body


def _whole_axes(
    tensor: Tensor, subscripts: tuple[Affine, ...]
) -> tuple[tuple[Index, ...], ...] | None:
    """The digits of every subscript, if together they take every entry of the tensor once."""
    axes = tuple(parts for s in subscripts if (parts := digits(s)) is not None)
    letters = [letter for parts in axes for letter in parts]
    full = [
        len(parts) == 1 or size(parts) == e for parts, e in zip(axes, tensor.extents, strict=False)
    ]
    whole = len(axes) == tensor.rank and len(set(letters)) == len(letters) and all(full)
    return axes if whole else None


def _differentiates(expression: Expression) -> bool:
    return any(isinstance(node, Derivative) for node in walk(expression))


def _in_order(definitions: Mapping[Tensor, Definition]) -> dict[Tensor, Definition]:
    """The definitions, each after those that it rests on."""
    ordered: dict[Tensor, Definition] = {}
    for tensor in definitions:
        pending = [tensor]
        while pending:
            definition = definitions[pending[-1]]
            missing = [
                t
                for t in tensors(definition.body)
                if t in definitions and t not in ordered and t not in pending
            ]
            pending.extend(missing[:1])
            if not missing:
                ordered[definition.tensor] = definition
                pending.pop()
    return ordered
