"""One-to-one index maps: the subscript (cH + i)W + j and its digits c, i, j.

A subscript is *mixed-radix* if its letters are digits: each one's coefficient is the product of the
extents of those below it, the lowest has coefficient 1. Then every number from 0 to the product of
all the extents is taken exactly once (Knuth, The Art of Computer Programming, volume 2, section
4.1). A tensor that is defined at such a subscript, y_{n,(cH+i)W+j} = X_{ncij}, is held as

    y_{nk} = Σ_c Σ_i Σ_j δ(k, (cH + i)W + j) X_{ncij},

which every room understands; `placed` writes that, and `composed` finds it again.
"""

from __future__ import annotations

from collections.abc import Sequence

from derivcheck.expression.constructors import delta, multiply, total
from derivcheck.expression.integers import Affine, Index, fresh
from derivcheck.expression.nodes import Delta, Expression, Multiply, Sum
from derivcheck.expression.traversal import free_indices, substitute


def digits(value: Affine) -> tuple[Index, ...] | None:
    """The digits of a mixed-radix subscript, the highest first; None of any other integer.

    A bare index is its own only digit.
    """
    left = dict.fromkeys(value.indices())
    weight = Affine.of(1)
    found: list[Index] = []
    rest = value
    while left:
        digit = next((i for i in left if value.coefficient(i) == weight), None)
        if digit is None or any(True for _ in digit.extent.indices()):
            return None
        del left[digit]
        found.append(digit)
        rest = rest - Affine.of(digit) * weight
        weight = weight * digit.extent
    return None if rest.terms or not found else tuple(reversed(found))


def size(digits: Sequence[Index]) -> Affine:
    """How many values digits of these extents have together."""
    whole = Affine.of(1)
    for digit in digits:
        whole = whole * digit.extent
    return whole


def composition(digits: Sequence[Index]) -> Affine:
    """The mixed-radix subscript with these digits, the highest first."""
    value = Affine()
    for digit in digits:
        value = value * digit.extent + digit
    return value


def placed(
    axes: Sequence[tuple[Index, ...]], body: Expression
) -> tuple[tuple[Index, ...], Expression]:
    """Bare indices for the axes of tensor[composition, …] = body, and the body in terms of them.

    `axes` are the digits of each axis, the highest first; no letter occurs twice. The equation then
    says what each entry of the tensor is, and says it once.
    """
    indices: list[Index] = []
    for parts in reversed(axes):
        whole = parts[0]
        if len(parts) > 1:
            whole = Index("".join(part.name for part in parts), size(parts), base=parts[-1].base)
            bound = {part: fresh(part) for part in parts}
            values = {part: Affine.of(new) for part, new in bound.items()}
            chosen = delta(whole, composition(tuple(bound.values())))
            body = total(bound.values(), multiply(chosen, substitute(body, values)))
        indices.append(whole)
    return tuple(reversed(indices)), body


def composed(indices: Sequence[Index], body: Expression) -> tuple[tuple[Affine, ...], Expression]:
    """The inverse of `placed`: subscripts for the axes, and the body in terms of their letters."""
    subscripts: list[Affine] = []
    for index in indices:
        found = _map(index, body)
        if found is None:
            subscripts.append(Affine.of(index))
        else:
            subscript, body = found
            subscripts.append(subscript)
    return tuple(subscripts), body


def _map(index: Index, body: Expression) -> tuple[Affine, Expression] | None:
    """The subscript and the rest of Σ_c Σ_i … δ(index, subscript) · rest."""
    bound: list[Index] = []
    while isinstance(body, Sum):
        bound.append(body.index)
        body = body.body
    first, *others = body.factors if isinstance(body, Multiply) else (body,)
    match first:
        case Delta(left, right) if left.index == index:
            parts = digits(right)
            whole = parts is not None and len(parts) > 1 and size(parts) == index.extent
            rest = multiply(*others)
            if whole and parts is not None and list(parts) == bound[: len(parts)]:
                rest = total(bound[len(parts) :], rest)
                return None if index in free_indices(rest) else (right, rest)
            return None
        case _:
            return None
