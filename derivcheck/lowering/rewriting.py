"""Index expressions made ready for arrays: deltas eliminated, sums pushed inwards.

Every rewriting here keeps the value, entry by entry, where the expression is defined.
"""

from __future__ import annotations

from collections.abc import Mapping

from derivcheck.expression import (
    ELSEWHERE,
    MINUS_ONE,
    ONE,
    ZERO,
    Add,
    Affine,
    Apply,
    Count,
    Delta,
    Derivative,
    Entry,
    Expression,
    Guard,
    Index,
    Maximum,
    Multiply,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    add,
    apply,
    free_indices,
    fresh,
    guard,
    multiply,
    negation,
    number,
    rebuild,
    substitute,
    tensors,
)
from derivcheck.lowering.bounds import surely_nonnegative

_TOTAL_FUNCTIONS = frozenset(
    [
        "tanh",
        "sigmoid",
        "softplus",
        "relu",
        "abs",
        "sign",
        "sin",
        "cos",
        "arctan",
        "erf",
        "max",
        "min",
    ]
)


def simplify(expression: Expression) -> Expression:
    """The same value with fewer and smaller sums."""
    match expression:
        case Sum(index, body):
            index, body, mask = _rectangular(index, body)
            return _sum(index, simplify(multiply(mask, body)))
        case Product(index, body):
            index, body, mask = _rectangular(index, body)
            guarded = body if mask == ONE else add(multiply(mask, body), negation(mask))
            return Product(index, simplify(guarded))
        case Maximum(indices, where, body):
            for old in indices:
                new, body, mask = _rectangular(old, body)
                where = multiply(mask, substitute(where, {old: Affine.of(new)}))
                indices = tuple(new if index == old else index for index in indices)
            return Maximum(indices, simplify(where), simplify(body))
        case Guard(value) if surely_nonnegative(value):
            return ONE
        case Power(Delta() | Guard() | Positive() as mask, Rational(exponent)) if exponent > 0:
            return simplify(mask)
        case _:
            return rebuild(expression, simplify)


def is_finite(expression: Expression, finite_entry: Mapping[str, bool] | None = None) -> bool:
    """Whether the value is finite wherever the entries are: no division, logarithm or exponential.

    `finite_entry` names tensors whose entries need not be finite.
    """
    match expression:
        case Rational() | Count() | Delta() | Guard() | Positive():
            return True
        case Entry(tensor, _):
            return finite_entry is None or finite_entry.get(tensor.name, True)
        case Add(parts) | Multiply(parts):
            return all(is_finite(part, finite_entry) for part in parts)
        case Sum(_, body) | Product(_, body):
            return is_finite(body, finite_entry)
        case Power(Count(value), Rational()) if surely_nonnegative(value - 1):
            return True
        case Power(base, Rational(exponent)):
            whole = exponent.denominator == 1 and exponent >= 0
            return whole and is_finite(base, finite_entry)
        case Apply(function, arguments) if function == ELSEWHERE:
            return all(is_finite(part, finite_entry) for part in arguments)
        case Apply(function, arguments):
            known = function.name in _TOTAL_FUNCTIONS and not function.abstract
            return known and all(is_finite(part, finite_entry) for part in arguments)
        case Maximum() | Power() | Derivative():
            return False


def is_mask(expression: Expression) -> bool:
    """Whether the value is 0 or 1 by its form."""
    match expression:
        case Delta() | Guard() | Positive():
            return True
        case Multiply(factors):
            return all(map(is_mask, factors))
        case _:
            return negated(expression) is not None


def negated(expression: Expression) -> Expression | None:
    """The mask m of an expression 1 − m."""
    match expression:
        case Add((first, Multiply((sign, *mask)))) if first == ONE and sign == MINUS_ONE:
            inside = multiply(*mask)
            return inside if is_mask(inside) else None
        case _:
            return None


def factors_of(expression: Expression) -> tuple[Expression, ...]:
    return expression.factors if isinstance(expression, Multiply) else (expression,)


def _rectangular(index: Index, body: Expression) -> tuple[Index, Expression, Expression]:
    """An equal binder whose extent holds no index (Σ_{j ≤ i}), and the mask that this takes."""
    extent = index.extent
    while (outer := next(extent.indices(), None)) is not None:
        rising = surely_nonnegative(extent.coefficient(outer))
        extent = extent.substitute({outer: outer.extent - 1 if rising else Affine()})
    if extent == index.extent:
        return index, body, ONE
    wide = fresh(index, extent)
    mask = guard(index.extent - wide - 1)
    return wide, substitute(body, {index: Affine.of(wide)}), mask


def _sum(index: Index, body: Expression) -> Expression:
    """Σ_index body, for a simplified body."""
    if index not in free_indices(body):
        extent = number(index.extent)
        if not surely_nonnegative(index.extent):
            extent = apply("max", extent, ZERO)
        return multiply(extent, body)
    if isinstance(body, Add):
        apart = [term for term in body.terms if _splits(term, index)]
        if apart:
            together = add(*(term for term in body.terms if term not in apart))
            return add(*(_sum(index, term) for term in apart), _sum(index, together))
        return Sum(index, body)
    factors = factors_of(body)
    for position, factor in enumerate(factors):
        rest = (*factors[:position], *factors[position + 1 :])
        if isinstance(factor, Delta):
            value = _solve(factor, index)
            if value is not None:
                return _at(rest, index, value)
        if isinstance(factor, Add) and any(
            isinstance(part, Delta) and _solve(part, index) is not None
            for term in factor.terms
            for part in factors_of(term)
        ):
            return add(*(_sum(index, multiply(term, *rest)) for term in factor.terms))
    outside = [factor for factor in factors if index not in free_indices(factor)]
    inside = [factor for factor in factors if index in free_indices(factor)]
    return multiply(*outside, Sum(index, multiply(*inside)))


def _splits(term: Expression, index: Index) -> bool:
    """Whether a term is better summed by itself: a delta, a constant, a contraction, or something
    with a coefficient, which another sum may have with another. A number stays: e^x − 1 keeps its
    digits only as a whole."""
    if isinstance(term, Rational):
        return False
    factors = factors_of(term)
    if any(isinstance(factor, Delta) and _solve(factor, index) is not None for factor in factors):
        return True
    free = [set(free_indices(factor)) for factor in factors]
    if any(not indices and tuple(tensors(f)) for f, indices in zip(factors, free, strict=True)):
        return True
    match [factor for factor in factors if index in free_indices(factor)]:
        case [Power(Entry(), Rational(exponent))] if exponent == 2:  # the tensor with itself
            return True
        case _:
            pass
    if not any(index in indices for indices in free):
        return True
    union = set[Index]().union(*free)
    return sum(index in indices for indices in free) > 1 and union not in free


def _solve(equation: Delta, index: Index) -> Affine | None:
    """The value of `index` at which left = right, where the index has a unit coefficient."""
    difference = equation.left - equation.right
    slope = difference.coefficient(index).constant
    if slope not in (1, -1):
        return None
    rest = difference - Affine.of(index) * slope
    return None if index in rest.indices() else rest * -slope


def _at(factors: tuple[Expression, ...], index: Index, value: Affine) -> Expression:
    """Π factors at index = value, 0 where that value is out of the index's range."""
    product = multiply(*(substitute(factor, {index: value}) for factor in factors))
    bare = value.index
    if bare is not None and bare.extent == index.extent:
        return simplify(product)
    extends = any(
        isinstance(factor, Entry)
        and any(
            subscript.index == index and extent == index.extent
            for subscript, extent in zip(factor.subscripts, factor.tensor.extents, strict=True)
        )
        for factor in factors
    )
    if extends and is_finite(product):
        return simplify(product)
    conditions = (value, index.extent - value - 1)
    needed = [guard(part) for part in conditions if not surely_nonnegative(part)]
    return simplify(multiply(*needed, product))
