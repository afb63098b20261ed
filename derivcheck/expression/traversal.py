"""Walking, rebuilding and substituting; what is free and what occurs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache

from derivcheck.expression.constructors import add, delta, guard, multiply, number, power
from derivcheck.expression.integers import Affine, Index, Parameter, fresh
from derivcheck.expression.nodes import (
    Add,
    Apply,
    Count,
    Delta,
    Derivative,
    Entry,
    Expression,
    Guard,
    Maximum,
    Multiply,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
)


def children(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Add(terms):
            return terms
        case Multiply(factors):
            return factors
        case Power(base, exponent):
            return (base, exponent)
        case Sum(_, body) | Product(_, body):
            return (body,)
        case Maximum(_, where, body):
            return (where, body)
        case Apply(_, arguments):
            return arguments
        case Positive(argument):
            return (argument,)
        case Derivative(operand, variable):
            return (operand, variable)
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node, parents first, without recursion."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def affines(expression: Expression) -> tuple[Affine, ...]:
    """The integer polynomials that stand directly in this node (not in its children)."""
    match expression:
        case Entry(_, subscripts):
            return subscripts
        case Delta(left, right):
            return (left, right)
        case Guard(value) | Count(value):
            return (value,)
        case _:
            return ()


def binders(expression: Expression) -> tuple[Index, ...]:
    """The indices that this node itself binds."""
    match expression:
        case Sum(index, _) | Product(index, _):
            return (index,)
        case Maximum(indices, _, _):
            return indices
        case _:
            return ()


def rebuild(
    expression: Expression,
    child: Callable[[Expression], Expression],
    affine: Callable[[Affine], Affine] = lambda value: value,
) -> Expression:
    """The same node over mapped children and mapped integer polynomials; binders stay."""
    match expression:
        case Add(terms):
            return add(*map(child, terms))
        case Multiply(factors):
            return multiply(*map(child, factors))
        case Power(base, exponent):
            return power(child(base), child(exponent))
        case Sum(index, body):
            return Sum(index, child(body))
        case Product(index, body):
            return Product(index, child(body))
        case Maximum(indices, where, body):
            return Maximum(indices, child(where), child(body))
        case Apply(function, arguments):
            return Apply(function, tuple(map(child, arguments)))
        case Positive(argument):
            return Positive(child(argument))
        case Derivative(operand, variable):
            mapped = rebuild(variable, child, affine)
            assert isinstance(mapped, Entry)
            return Derivative(child(operand), mapped)
        case Entry(tensor, subscripts):
            return Entry(tensor, tuple(map(affine, subscripts)))
        case Delta(left, right):
            return delta(affine(left), affine(right))
        case Guard(value):
            return guard(affine(value))
        case Count(value):
            return number(affine(value))
        case Rational():
            return expression


def substitute(expression: Expression, values: Mapping[Index, Affine]) -> Expression:
    """Replace free indices; every binder on the way gets a fresh identity, so nothing is
    captured."""
    if not values:
        return expression
    bound = binders(expression)
    if bound:
        renamed = {index: fresh(index, index.extent.substitute(values)) for index in bound}
        values = {**values, **{old: Affine.of(new) for old, new in renamed.items()}}
        expression = _with_binders(expression, renamed)
    return rebuild(
        expression,
        lambda child: substitute(child, values),
        lambda affine: affine.substitute(values),
    )


def _with_binders(expression: Expression, renamed: Mapping[Index, Index]) -> Expression:
    match expression:
        case Sum(index, body):
            return Sum(renamed[index], body)
        case Product(index, body):
            return Product(renamed[index], body)
        case Maximum(indices, where, body):
            return Maximum(tuple(renamed[index] for index in indices), where, body)
        case _:
            return expression


def free_indices(expression: Expression) -> tuple[Index, ...]:
    """The free indices, each once, in the order of their first occurrence."""
    found: dict[Index, None] = {}
    _collect_free(expression, frozenset(), found)
    return tuple(found)


def _collect_free(
    expression: Expression, bound: frozenset[Index], found: dict[Index, None]
) -> None:
    for affine in affines(expression):
        for index in affine.indices():
            if index not in bound:
                found.setdefault(index)
    for index in binders(expression):
        for atom in index.extent.indices():
            if atom not in bound:
                found.setdefault(atom)
    bound = bound | frozenset(binders(expression))
    for part in children(expression):
        _collect_free(part, bound, found)


def tensors(expression: Expression) -> tuple[Tensor, ...]:
    """The tensors that occur, each once, in the order of their first occurrence."""
    return tuple(dict.fromkeys(n.tensor for n in walk(expression) if isinstance(n, Entry)))


def parameters(expression: Expression) -> tuple[Parameter, ...]:
    """The symbolic integers on which the value depends: subscripts, binders' and tensors'
    extents."""
    found: dict[Parameter, None] = {}
    for node in walk(expression):
        sizes = [*affines(node), *(index.extent for index in binders(node))]
        if isinstance(node, Entry):
            sizes.extend(node.tensor.extents)
        for size in sizes:
            for atom in size.atoms():
                if isinstance(atom, Parameter):
                    found.setdefault(atom)
                else:
                    found.update(dict.fromkeys(_extent_parameters(atom.extent)))
    return tuple(found)


@cache
def _extent_parameters(extent: Affine) -> tuple[Parameter, ...]:
    return tuple(dict.fromkeys(a for a in extent.atoms() if isinstance(a, Parameter)))
