r"""Vector–Jacobian products of what another page computes: `Σ_t \bar{A}_t ∂A_t/∂X_s`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derivcheck.expression.constructors import add
from derivcheck.expression.context import Context
from derivcheck.expression.integers import Affine, Index
from derivcheck.expression.nodes import Derivative, Entry, Expression, Multiply, Sum, Tensor
from derivcheck.expression.traversal import children, rebuild
from derivcheck.expression.uses import Theorem, Use


@dataclass(frozen=True, slots=True)
class VectorJacobian:
    """The sum of `cotangent` times the derivative of the use's output by `variable`.

    A cotangent of None is 1, for an output that is one number.
    """

    use: Use
    cotangent: Tensor | None
    variable: Entry


def vector_jacobian(expression: Expression, context: Context) -> VectorJacobian | None:
    """The product that this node writes, of a use in the context; None if it is anything else.

    A leading axis may be left out of the sum where the variable has the same index there: slices
    do not meet. An argument that depends on the variable makes the derivative another one.
    """
    bound: list[Index] = []
    while isinstance(expression, Sum):
        bound.append(expression.index)
        expression = expression.body
    cotangent: Entry | None = None
    match expression:
        case Multiply((Entry() as cotangent, Derivative(Entry() as output, variable))):
            pass
        case Multiply((Derivative(Entry() as output, variable), Entry() as cotangent)):
            pass
        case Derivative(Entry(_, ()) as output, variable):
            pass
        case _:
            return None
    use = context.uses.get(output.tensor)
    if (
        use is None
        or variable.tensor not in use.arguments
        or (cotangent is not None and not _fit(cotangent, output))
        or any(
            context.depends(other, variable.tensor)
            for other in use.arguments
            if other != variable.tensor
        )
    ):
        return None
    indices = _whole(output)
    named = _whole(variable)
    if indices is None or named is None or len(set(indices)) != len(indices):
        return None
    if not set(bound) <= set(indices) or not set(bound).isdisjoint(named):
        return None
    for position, index in enumerate(indices):
        if index not in bound and not _follows(use, position, index, variable.tensor, named):
            return None
    return VectorJacobian(use, None if cotangent is None else cotangent.tensor, variable)


def _fit(cotangent: Entry, output: Entry) -> bool:
    return (
        cotangent.subscripts == output.subscripts
        and cotangent.tensor.extents == output.tensor.extents
    )


def vector_jacobians(expression: Expression, context: Context) -> Iterator[VectorJacobian]:
    """Every such product in an expression."""
    found = vector_jacobian(expression, context)
    if found is not None:
        yield found
        return
    for part in children(expression):
        yield from vector_jacobians(part, context)


def in_closed_form(
    expression: Expression, context: Context
) -> tuple[Expression, tuple[Theorem, ...]]:
    """The expression with these products by the context's theorems, and the theorems used."""
    used: dict[Theorem, None] = {}

    def visit(node: Expression) -> Expression:
        found = vector_jacobian(node, context)
        if found is not None:
            theorem = context.theorem(found.use.output, found.cotangent, found.variable.tensor)
            if theorem is not None:
                used[theorem] = None
                return at(theorem, found.variable.subscripts)
        return rebuild(node, visit)

    if not context.uses:
        return expression, ()
    return visit(expression), tuple(used)


def at(theorem: Theorem, subscripts: tuple[Affine, ...]) -> Expression:
    """The closed form of the theorem's product at this entry of its argument."""
    return add(*(Entry(gradient, subscripts) for gradient in theorem.gradients))


def _whole(entry: Entry) -> tuple[Index, ...] | None:
    """The indices of an entry, each over its whole axis; None for other subscripts."""
    found: list[Index] = []
    for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True):
        index = subscript.index
        if index is None or index.extent != extent:
            return None
        found.append(index)
    return tuple(found)


def _follows(
    use: Use, position: int, index: Index, argument: Tensor, named: tuple[Index, ...]
) -> bool:
    """Whether the variable has this index on the axis that is the output's leading axis here."""
    return position < use.leading and all(
        position in lead and named[lead.index(position)] == index
        for tensor, lead in zip(use.arguments, use.leads, strict=True)
        if tensor == argument
    )
