"""Constructors of arrays: axes joined in the order of a scope, constants folded, products sorted.

A `scope` lists the indices at hand, the wanted axes of the result first; every result has its axes
in that order, so that neighbours in a program rarely need transposing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from derivcheck.expression import Affine, Index
from derivcheck.lowering.array import (
    ONE,
    Arrange,
    Array,
    Axes,
    Call,
    Cast,
    Compare,
    Constant,
    Contract,
    Every,
    Lattice,
    Not,
    Raised,
    Ratio,
    Reduce,
    Size,
    Total,
    Variable,
    Where,
)
from derivcheck.lowering.traversal import is_number, replace_operands

_OF_NUMBERS = frozenset(
    {"exp", "log", "sqrt", "tanh", "sin", "cos", "sinh", "cosh", "arctan", "erf"}
    | {"abs", "max", "min", "pi", "expm1", "log1p"}
)
"""Functions that Python's `math` has, so that numbers stay numbers."""


def joined(scope: Axes, *parts: Sequence[Index]) -> Axes:
    """Every index of the parts, once, ordered like the first part that has them all, or the scope.

    A value so has one order of axes wherever it is used, and is recognised when it is met again.
    """
    wanted = {index for part in parts for index in part}
    for part in parts:
        whole = tuple(part)
        if len(whole) == len(wanted):
            return whole
    return tuple(sorted(wanted, key=scope.index))


def constant(value: Fraction | int) -> Constant:
    return Constant((), Fraction(value))


def lattice(scope: Axes, value: Affine) -> Size | Lattice:
    """The integers of an affine expression; a `Size` where no index occurs in it."""
    axes = tuple(sorted(set(value.indices()), key=scope.index))
    return Lattice(axes, value) if axes else Size((), value)


def cast(array: Array) -> Array:
    return Cast(array.axes, array)


def call(scope: Axes, function: str, *arguments: Array) -> Array:
    if function not in _OF_NUMBERS and all(map(is_number, arguments)):
        arguments = (cast(arguments[0]), *arguments[1:])
    return Call(joined(scope, *(a.axes for a in arguments)), function, arguments)


def add(scope: Axes, terms: Iterable[Array]) -> Array:
    """The sum; negative coefficients become signs."""
    signed: list[tuple[int, Array]] = []
    offset = Fraction(0)
    for term in terms:
        match term:
            case Constant(_, value):
                offset += value
            case Total(_, inner):
                signed.extend(inner)
            case Ratio(axes, coefficient, numerators, denominators) if coefficient < 0:
                positive = Ratio(axes, -coefficient, numerators, denominators)
                signed.append((-1, _unwrapped(positive)))
            case _:
                signed.append((1, term))
    offset = _without_cancelling(signed, offset)
    if offset:
        sign = 1 if offset > 0 else -1
        # A leading constant reads best where the first term is subtracted: 1 − x.
        place = 0 if signed and signed[0][0] < 0 else len(signed)
        signed.insert(place, (sign, constant(abs(offset))))
    if not signed:
        return constant(0)
    if len(signed) == 1 and signed[0][0] == 1:
        return signed[0][1]
    if len(signed) == 1:
        return multiply(scope, [constant(-1), signed[0][1]])
    if signed[0][0] < 0:
        leading = next((i for i, (sign, _) in enumerate(signed) if sign > 0), None)
        if leading is not None:
            signed.insert(0, signed.pop(leading))
    return Total(joined(scope, *(term.axes for _, term in signed)), tuple(signed))


def _without_cancelling(signed: list[tuple[int, Array]], offset: Fraction) -> Fraction:
    """Puts e^x − 1 as `expm1`, which keeps its digits near 0, into the terms; the offset left."""
    for place, (sign, term) in enumerate(signed):
        match term:
            case Call(axes, "exp", arguments) if sign == -offset and not is_number(term):
                signed[place] = (sign, Call(axes, "expm1", arguments))
                return Fraction(0)
            case _:
                pass
    return offset


def logarithm(scope: Axes, argument: Array, safe: Callable[[Array], Array]) -> Array:
    """log(argument), log(1 ± x) by `log1p`; `safe` guards what is taken the logarithm of."""
    match argument:
        case Total(_, terms) if (1, ONE) in terms and not is_number(argument):
            rest = add(scope, _signed(scope, [term for term in terms if term != (1, ONE)]))
            return call(scope, "log1p", safe(rest))
        case _:
            return call(scope, "log", safe(argument))


def _signed(scope: Axes, terms: Iterable[tuple[int, Array]]) -> Iterable[Array]:
    return (term if sign > 0 else multiply(scope, [constant(-1), term]) for sign, term in terms)


def multiply(scope: Axes, factors: Iterable[Array]) -> Array:
    """The product, elementwise."""
    return divide(scope, factors, ())


def divide(scope: Axes, numerators: Iterable[Array], denominators: Iterable[Array]) -> Array:
    """Π numerators / Π denominators, elementwise; operands of lower rank stand first."""
    coefficient = Fraction(1)
    above: list[Array] = []
    below: list[Array] = []
    stack = [(factor, True) for factor in numerators] + [(factor, False) for factor in denominators]
    for factor, upper in stack:
        match factor:
            case Constant(_, value) if upper or value:
                coefficient = coefficient * value if upper else coefficient / value
            case Ratio(_, inner, over, under):
                coefficient = coefficient * inner if upper else coefficient / inner
                (above if upper else below).extend(over)
                (below if upper else above).extend(under)
            case _:
                (above if upper else below).append(factor)
    if coefficient == 0:
        return constant(0)
    for factor in tuple(below):
        if factor in above:  # M / M, which pushing sums inwards leaves behind
            if not isinstance(factor, Size):
                continue
            above.remove(factor)
            below.remove(factor)
    above, below = _means(above, below)
    if not below and (chosen := _distributed(scope, coefficient, above)) is not None:
        return chosen
    if coefficient < 0:
        coefficient, above = _signs_cancelled(coefficient, above)
    above.sort(key=lambda factor: len(factor.axes))
    below.sort(key=lambda factor: len(factor.axes))
    axes = joined(scope, *(factor.axes for factor in (*above, *below)))
    return _unwrapped(Ratio(axes, coefficient, tuple(above), tuple(below)))


def _distributed(scope: Axes, coefficient: Fraction, factors: Sequence[Array]) -> Array | None:
    """A variable times a choice with a number in it is a choice: x · (1 or a) is x or a · x."""
    if coefficient != 1 or len(factors) != 2:
        return None
    for one, other in (factors, factors[::-1]):
        match one:
            case Where(_, mask, value, otherwise) if (
                isinstance(other, Variable)
                and otherwise is not None
                and set(one.axes) <= set(other.axes)
                and (is_number(value) or is_number(otherwise) or isinstance(value, Cast))
            ):
                first = value.operand if isinstance(value, Cast) else value
                if not (is_number(first) or is_number(otherwise)):
                    continue
                sides = (multiply(scope, [side, other]) for side in (first, otherwise))
                return where(scope, mask, *sides)
            case _:
                pass
    return None


def _signs_cancelled(
    coefficient: Fraction, factors: Sequence[Array]
) -> tuple[Fraction, list[Array]]:
    """−(−a − b) as a + b, also under a sum or a mean."""
    for place, factor in enumerate(factors):
        inside = factor.operand if isinstance(factor, Reduce) else factor
        linear = not isinstance(factor, Reduce) or factor.operation in ("sum", "mean")
        if linear and isinstance(inside, Total) and all(sign < 0 for sign, _ in inside.terms):
            positive: Array = replace(inside, terms=tuple((1, term) for _, term in inside.terms))
            if isinstance(factor, Reduce):
                positive = replace(factor, operand=positive)
            return -coefficient, [*factors[:place], positive, *factors[place + 1 :]]
    return coefficient, list(factors)


def _unwrapped(ratio: Ratio) -> Array:
    if not ratio.numerators and not ratio.denominators:
        return constant(ratio.coefficient)
    if ratio.coefficient == 1 and len(ratio.numerators) == 1 and not ratio.denominators:
        return ratio.numerators[0]
    return ratio


def _means(above: list[Array], below: list[Array]) -> tuple[list[Array], list[Array]]:
    """A sum over axes, divided by all their extents, is a mean."""
    for position, factor in enumerate(above):
        if isinstance(factor, Reduce) and factor.operation == "sum":
            extents: list[Array] = [Size((), index.extent) for index in factor.over]
            rest = list(below)
            for extent in extents:
                if extent not in rest:
                    break
                rest.remove(extent)
            else:
                mean = Reduce(factor.axes, "mean", factor.over, factor.operand)
                return [*above[:position], mean, *above[position + 1 :]], rest
    return above, below


def raise_to(scope: Axes, base: Array, exponent: Array) -> Array:
    """base^exponent; negative exponents become denominators and halves become roots."""
    if isinstance(exponent, Constant):
        value = exponent.value
        if value < 0:
            return divide(scope, (), [raise_to(scope, base, constant(-value))])
        if value == 0:
            return constant(1)
        if value == 1:
            return base
        if isinstance(base, Constant) and value.denominator == 1:
            return constant(base.value**value.numerator)
        if value == Fraction(1, 2):
            return call(scope, "sqrt", base)
        if value == 3 and isinstance(base, Variable):  # NumPy's `**3` is a slow general power
            return multiply(scope, [base] * 3)
    return Raised(joined(scope, base.axes, exponent.axes), base, exponent)


def every(scope: Axes, masks: Sequence[Array]) -> Array:
    flat: list[Array] = []
    for mask in masks:
        parts = mask.operands if isinstance(mask, Every) else (mask,)
        flat.extend(part for part in parts if part not in flat)
    flat = _equalities(scope, flat)
    if len(flat) == 1:
        return flat[0]
    return Every(joined(scope, *(mask.axes for mask in flat)), tuple(flat))


def _equalities(scope: Axes, masks: Sequence[Array]) -> list[Array]:
    """The masks with a = b for: neither a > b nor b > a."""
    pending = list(masks)
    for mask in masks:
        match mask:
            case Not(_, Compare(_, ">", left, right)):
                converse = invert(compare(scope, ">", right, left))
                below = invert(compare(scope, "<", left, right))
                other = next((each for each in (converse, below) if each in pending), None)
                if other is not None and mask in pending:
                    pending.remove(other)
                    pending[pending.index(mask)] = compare(scope, "==", left, right)
            case _:
                pass
    return pending


def invert(mask: Array) -> Array:
    return mask.operand if isinstance(mask, Not) else Not(mask.axes, mask)


def compare(scope: Axes, relation: str, left: Array, right: Array) -> Array:
    return Compare(joined(scope, left.axes, right.axes), relation, left, right)


def where(
    scope: Axes, mask: Array, value: Array, otherwise: Array | None, *, finite: bool = False
) -> Array:
    """A choice by a mask that is not itself negated; −∞ where there is no other value.

    `finite` says that the value is finite also where the mask does not hold.
    """
    if isinstance(mask, Not) and otherwise is not None:
        mask, value, otherwise = mask.operand, otherwise, value
    sides = (value,) if otherwise is None else (value, otherwise)
    if all(map(is_number, sides)):
        value = cast(value)  # two Python numbers would make an array of the default type
    axes = joined(scope, mask.axes, *(side.axes for side in sides))
    product = finite and otherwise == constant(0) and not is_number(value)
    return Where(axes, mask, value, otherwise, product)


def guarded(scope: Axes, argument: Array, under: Array) -> Array:
    """The argument where the mask holds; elsewhere some number at which functions are defined."""
    match under:
        case Compare(_, ">", left, Constant(_, value)) if left == argument and value >= 0:
            return call(scope, "max", argument, constant(value))
        case Not(_, Compare(_, ">", left, Constant(_, value))) if left == argument and value <= 0:
            return call(scope, "min", argument, constant(value))
        case _:
            return where(scope, under, argument, ONE)


def reduce(scope: Axes, operation: str, over: Collection[Index], operand: Array) -> Array:
    """A reduction; axes that the operand lacks must be none of `over`."""
    kept = tuple(index for index in operand.axes if index not in over)
    gone = tuple(index for index in operand.axes if index in over)
    return Reduce(kept, operation, gone, operand) if gone else operand


def oriented(array: Array, axes: Axes) -> Array:
    """The array with its axes in this order, transposed and repeated only where that must be."""
    turned = _turned(array, axes)
    return turned if turned.axes == axes else Arrange(axes, turned)


def straightened(array: Array, axes: Axes) -> Array:
    """The array, and what it is computed from elementwise, with the axes in this order."""
    turned = _turned(array, axes)
    if isinstance(turned, Total | Ratio | Raised | Call | Where | Cast):
        return replace_operands(turned, lambda part: straightened(part, axes))
    return turned


def _turned(array: Array, axes: Axes) -> Array:
    own = tuple(index for index in axes if index in array.axes)
    if own == array.axes:
        return array
    match array:
        case Contract(_, left, right):
            return Contract(own, left, right)
        case Total() | Ratio() | Raised() | Call() | Where() | Cast():
            return replace(replace_operands(array, lambda part: _turned(part, own)), axes=own)
        case _:
            return array


def contract(scope: Axes, factors: Sequence[Array], over: Collection[Index]) -> Array:
    """Σ_over Π factors, pair by pair, the pair with the smallest joint space first.

    Between equals one with the same axes: what is left is more often a product of matrices.
    """
    pending = list(factors)
    left_over = set(over)
    match pending:
        case [Raised(axes, base, Constant(_, exponent))] if exponent == 2 and left_over & set(axes):
            # A sum of squares needs no array of squares.
            pending = [base, base]
        case _:
            pass
    if len(pending) > 2 and len({frozenset(factor.axes) for factor in pending}) == 1:
        return reduce(scope, "sum", over, multiply(scope, pending))
    while True:
        for position, factor in enumerate(pending):
            others = {i for n, other in enumerate(pending) if n != position for i in other.axes}
            alone = [i for i in factor.axes if i in left_over and i not in others]
            if alone:
                pending[position] = reduce(scope, "sum", alone, factor)
                left_over -= set(alone)
        if len(pending) == 1 or not left_over:
            return multiply(scope, pending)
        first, second = min(combinations(range(len(pending)), 2), key=_cost(pending, left_over))
        right, left = pending.pop(second), pending.pop(first)
        elsewhere = {index for other in pending for index in other.axes}
        both = set(left.axes) & set(right.axes)
        gone = {index for index in both if index in left_over and index not in elsewhere}
        left_over -= gone
        pending.insert(first, _pair(scope, left, right, gone))


def _cost(
    pending: Sequence[Array], over: Collection[Index]
) -> Callable[[tuple[int, int]], tuple[int, int, bool]]:
    def cost(pair: tuple[int, int]) -> tuple[int, int, bool]:
        left, right = (set(pending[place].axes) for place in pair)
        elsewhere = {i for n, other in enumerate(pending) if n not in pair for i in other.axes}
        gone = {index for index in left | right if index in over and index not in elsewhere}
        return (len(left | right), len((left | right) - gone), left != right)

    return cost


def _pair(scope: Axes, left: Array, right: Array, gone: Collection[Index]) -> Array:
    if not gone:
        return multiply(scope, [left, right])
    kept = [tuple(i for i in side.axes if i not in gone) for side in (left, right)]
    whole = tuple(dict.fromkeys((*kept[0], *kept[1])))
    # The order of an operand that has every letter of the result needs no transposing later.
    axes = next((own for own in kept if len(own) == len(whole)), whole)
    return Contract(axes, left, right)
