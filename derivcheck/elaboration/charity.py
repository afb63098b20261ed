"""Readings that may acquit a link and never convict it: what an author may have left unsaid."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Context,
    Definition,
    Derivative,
    Entry,
    Expression,
    Index,
    Tensor,
    multiply,
    rebuild,
    tensors,
    walk,
    within,
)


def charitable(reading: Reading, losses: Collection[Tensor]) -> Iterator[Reading]:
    """The further readings of a link, from its plain one."""
    for further in (held(reading, losses), on_its_axes(reading)):
        if further is not None:
            yield further


def on_its_axes(reading: Reading) -> Reading | None:
    """The reading for those indices alone at which every subscript stays on its axis.

    `v_{i+1} - v_i = x_{i+1}` zero-extends by the rules of a page, and so fails at the last i, where
    most authors mean it to claim nothing. Subscripts that a sum runs over are not restricted: there
    zero extension is what a padded convolution means. It acquits nothing: the rule is plain.
    """
    free = set(reading.indices)
    guards: dict[Expression, None] = {}
    for side in (reading.left, reading.right):
        for node in walk(side):
            if isinstance(node, Entry):
                for subscript, extent in zip(node.subscripts, node.tensor.extents, strict=True):
                    letters = set(subscript.indices())
                    if letters and letters <= free and subscript.index is None:
                        guards.setdefault(within(subscript, extent))
    if not guards:
        return None
    inside = multiply(*guards)
    note = "every subscript has to stay on its axis"
    return replace(
        reading,
        left=multiply(inside, reading.left),
        right=multiply(inside, reading.right),
        note="; ".join(filter(None, (reading.note, note))),
        caution=True,
        acquits=False,
    )


def held(reading: Reading, losses: Collection[Tensor]) -> Reading | None:
    """The reading in which every derivative of a defined tensor holds the intermediates fixed.

    X in the tensor's own definition becomes a copy X°, defined as X; a derivative with respect to
    X° perturbs the copy alone, so intermediates, which are defined through X, stay as they are.
    """
    context = [reading.context]

    def hold(expression: Expression) -> Expression:
        if isinstance(expression, Derivative) and not _is_loss(expression.operand, losses):
            held = _hold_derivative(expression, context)
            if held is not None:
                return held
        return rebuild(expression, hold)

    left, right = hold(reading.left), hold(reading.right)
    if (left, right) == (reading.left, reading.right):
        return None
    note = "intermediate quantities are held fixed in the partial derivatives"
    return replace(
        reading,
        left=left,
        right=right,
        context=context[0],
        note="; ".join(filter(None, (reading.note, note))),
        caution=True,
    )


def _is_loss(operand: Expression, losses: Collection[Tensor]) -> bool:
    return isinstance(operand, Entry) and operand.tensor in losses


def _hold_derivative(expression: Derivative, context: list[Context]) -> Expression | None:
    operand, variable = expression.operand, expression.variable
    if not isinstance(operand, Entry):
        return None
    definition = context[0].definitions.get(operand.tensor)
    target = variable.tensor
    if operand.tensor in context[0].uses:
        return None  # the intermediates of a used page have no names here that one could hold
    if definition is None or operand.tensor == target:
        return None
    direct = tensors(definition.body)
    through = [
        tensor for tensor in direct if tensor != target and context[0].depends(tensor, target)
    ]
    if not through or any(isinstance(node, Derivative) for node in walk(definition.body)):
        return None
    if not operand.subscripts and target not in direct:
        return None
    copy = replace(target, name=rf"{target.name}", scope=f"{target.scope}°")
    unfolded = context[0].unfold(operand)
    assert unfolded is not None
    if copy not in context[0].definitions:
        indices = tuple(
            Index(letter, extent)
            for letter, extent in zip("abcdefgh", target.extents, strict=False)
        )
        subscripts = tuple(Affine.of(index) for index in indices)
        context[0] = context[0].define(Definition(copy, indices, Entry(target, subscripts)))
    return Derivative(multiply(_renamed(unfolded, target, copy)), Entry(copy, variable.subscripts))


def _renamed(expression: Expression, old: Tensor, new: Tensor) -> Expression:
    if isinstance(expression, Entry) and expression.tensor == old:
        return Entry(new, expression.subscripts)
    return rebuild(expression, lambda child: _renamed(child, old, new))
