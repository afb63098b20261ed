"""Edits of an expression that usually make it wrong: the mistakes people make, by machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from derivcheck.expression import (
    ONE,
    Add,
    Affine,
    Apply,
    Count,
    Entry,
    Expression,
    Index,
    Maximum,
    Multiply,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    add,
    apply,
    multiply,
    negate,
    power,
    rational,
    substitute,
    subtract,
)


def mutants(
    expression: Expression, indices: tuple[Index, ...], tensors: tuple[Tensor, ...]
) -> Iterator[tuple[str, Expression]]:
    """Every single edit: its name and the edited expression."""
    yield from _everywhere(expression, lambda whole: whole, indices, tensors)


def _everywhere(
    node: Expression,
    around: Callable[[Expression], Expression],
    indices: tuple[Index, ...],
    tensors: tuple[Tensor, ...],
) -> Iterator[tuple[str, Expression]]:
    for name, edited in _here(node, indices, tensors):
        yield name, around(edited)
    match node:
        case Add(terms):
            for n, term in enumerate(terms):
                yield from _everywhere(
                    term,
                    lambda x, n=n: around(add(*terms[:n], x, *terms[n + 1 :])),
                    indices,
                    tensors,
                )
        case Multiply(factors):
            for n, factor in enumerate(factors):
                yield from _everywhere(
                    factor,
                    lambda x, n=n: around(multiply(*factors[:n], x, *factors[n + 1 :])),
                    indices,
                    tensors,
                )
        case Power(base, exponent):
            yield from _everywhere(base, lambda x: around(Power(x, exponent)), indices, tensors)
        case Sum(index, body):
            inner = (*indices, index)
            yield from _everywhere(body, lambda x: around(Sum(index, x)), inner, tensors)
        case Product(index, body):
            inner = (*indices, index)
            yield from _everywhere(body, lambda x: around(Product(index, x)), inner, tensors)
        case Apply(function, (argument,)):
            yield from _everywhere(
                argument, lambda x: around(Apply(function, (x,))), indices, tensors
            )
        case Positive(argument):
            yield from _everywhere(argument, lambda x: around(Positive(x)), indices, tensors)
        case Maximum(bound, where, body):
            inner = (*indices, *bound)
            yield from _everywhere(body, lambda x: around(Maximum(bound, where, x)), inner, tensors)
        case _:
            pass


def _here(
    node: Expression, indices: tuple[Index, ...], tensors: tuple[Tensor, ...]
) -> Iterator[tuple[str, Expression]]:
    yield "sign", negate(node)
    yield "factor 2", multiply(rational(2), node)
    yield "coefficient", multiply(rational(Fraction(1_000_001, 1_000_000)), node)
    if isinstance(node, Rational):
        yield "plus one", rational(node.value + 1)
    if isinstance(node, Add):
        for n in range(len(node.terms)):
            yield f"term {n} dropped", add(*node.terms[:n], *node.terms[n + 1 :])
            yield (
                f"term {n} turned",
                add(*node.terms[:n], negate(node.terms[n]), *node.terms[n + 1 :]),
            )
    if isinstance(node, Multiply):
        for n in range(len(node.factors)):
            yield f"factor {n} dropped", multiply(*node.factors[:n], *node.factors[n + 1 :])
    if isinstance(node, Sum):
        yield "divided by the extent", multiply(power(Count(node.index.extent), -1), node)
        for index in indices:
            if index.extent == node.index.extent:
                body = _renamed(node.body, node.index, index)
                yield f"sum over {node.index.name} dropped", body
    if isinstance(node, Power) and isinstance(node.exponent, Rational):
        yield "exponent + 1", power(node.base, node.exponent.value + 1)
        yield "exponent turned", power(node.base, -node.exponent.value)
        yield "exponent doubled", power(node.base, 2 * node.exponent.value)
        yield "power dropped", node.base
    if isinstance(node, Entry):
        yield "squared", power(node, 2)
        yield "one minus", subtract(ONE, node)
        yield "exp", apply("exp", node)
        yield from _other_entries(node, indices, tensors)


def _other_entries(
    node: Entry, indices: tuple[Index, ...], tensors: tuple[Tensor, ...]
) -> Iterator[tuple[str, Expression]]:
    for n, subscript in enumerate(node.subscripts):
        for index in indices:
            if index.extent == node.tensor.extents[n] and subscript != Affine.of(index):
                changed = (*node.subscripts[:n], Affine.of(index), *node.subscripts[n + 1 :])
                yield f"index {index.name} at {n}", Entry(node.tensor, changed)
        shifted = (*node.subscripts[:n], subscript + 1, *node.subscripts[n + 1 :])
        yield f"shifted at {n}", Entry(node.tensor, shifted)
    if node.tensor.rank == 2 and node.tensor.extents[0] == node.tensor.extents[1]:
        yield "transposed", Entry(node.tensor, node.subscripts[::-1])
    for other in tensors:
        if other != node.tensor and other.extents == node.tensor.extents:
            yield f"{other.name} for {node.tensor.name}", Entry(other, node.subscripts)


def _renamed(expression: Expression, old: Index, new: Index) -> Expression:
    return substitute(expression, {old: Affine.of(new)})
