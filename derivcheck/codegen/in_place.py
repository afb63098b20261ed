"""Statements that write into arrays which are there already: `+=`, and `out=`.

NumPy makes a new array for every operation. Here a value has one: the first operation makes it, or
it is that of a value which nothing reads any more; the operations after it write into it. Only the
arrays that count are treated so: those with two axes or more, or vectors where there are no others.

Arguments and results belong to the caller, and a view belongs to what it is a view of: none of them
is ever written into. Arrays are of floating types by the contract of generated code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from derivcheck.lowering.array import (
    Array,
    Axes,
    Call,
    Cast,
    Constant,
    Contract,
    Fold,
    Raised,
    Ratio,
    Reduce,
    Softmax,
    Total,
    Variable,
    Where,
)
from derivcheck.lowering.sharing import Assignment
from derivcheck.lowering.traversal import is_number, operands, replace_operands, walk


@dataclass(frozen=True)
class Step:
    """`target = value`; where `memory` names an array, the value is written into that one.

    Such a value is one operation, with `Variable(…, memory)` among its operands.
    """

    target: str
    value: Array
    memory: str = ""


@dataclass(frozen=True)
class _Chain:
    """A value made in one array: `origin` fills it, then each operation writes over `_HOLE`.

    The origin is an operation that makes an array, or a variable that is given up for its memory.
    """

    origin: Array
    operations: tuple[Array, ...] = ()

    def then(self, *operations: Array) -> _Chain:
        return replace(self, operations=(*self.operations, *operations))


_HOLE = ""
_ONE = Fraction(1)
_ELEMENTWISE = frozenset(
    {"exp", "log", "sqrt", "tanh", "sin", "cos", "sinh", "cosh", "arctan", "erf", "abs", "sign"}
    | {"relu", "softplus", "sigmoid", "expm1", "log1p", "max", "min"}
)
"""Functions whose code takes `out`."""


def steps(
    body: Sequence[Assignment], results: Collection[str], rank: int
) -> Iterator[tuple[Assignment, tuple[Step, ...]]]:
    """Each assignment with the steps that stand for it; arrays below `rank` axes as they are."""
    own = _own(body) - set(results)
    later = [_names(assignment.value) for assignment in body]
    for place, assignment in enumerate(body):
        read = set[str]().union(*later[place + 1 :])
        before = {earlier.name for earlier in body[:place]}
        spare = (own & before) - read
        yield assignment, _steps(assignment, spare, rank)


def _own(body: Iterable[Assignment]) -> set[str]:
    """The names of floating arrays that no other name shares its memory with."""
    found: set[str] = set()
    shared: set[str] = set()
    for assignment in body:
        if _is_new(assignment.value):
            found.add(assignment.name)
        else:
            shared |= _names(assignment.value)
    return found - shared


def _names(array: Array) -> set[str]:
    return {node.name for node in walk(array) if isinstance(node, Variable)}


def _steps(assignment: Assignment, spare: Collection[str], rank: int) -> tuple[Step, ...]:
    name, value = assignment.name, assignment.value
    chain = _chain(value, spare) if len(value.axes) >= rank else None
    if chain is not None and isinstance(chain.origin, Variable):
        given_up = chain.origin.name
        # The first operation has read its operands when it writes; those after it come too late.
        if any(given_up in _names(operation) for operation in chain.operations[1:]):
            return _steps(assignment, set(spare) - {given_up}, rank)
    if chain is None or not chain.operations:
        return (Step(name, value),)
    found: list[Step] = []
    memory = name
    if isinstance(chain.origin, Variable):
        memory = chain.origin.name
    else:
        found.append(Step(name, chain.origin))
    for operation in chain.operations:
        before, whole = _operands_first(operation, value, set(spare) - {memory})
        found = [*before, *found]
        found.append(Step(name, _filled(whole, memory), memory))
        memory = name
    return tuple(found)


def _operands_first(
    operation: Array, value: Array, spare: Collection[str]
) -> tuple[list[Step], Array]:
    """Steps that turn given-up arrays into operands which nothing but they go into; the operation
    on what they have become."""
    found: list[Step] = []

    def made(part: Array) -> Array:
        chain = _chain(part, spare) if part.axes == operation.axes else None
        if chain is None or not isinstance(chain.origin, Variable) or not chain.operations:
            return part
        given_up = chain.origin
        if [node for node in walk(value) if isinstance(node, Variable)].count(given_up) > 1:
            return part
        found.extend(
            Step(given_up.name, _filled(each, given_up.name), given_up.name)
            for each in chain.operations
        )
        return given_up

    return found, replace_operands(operation, made)


def _filled(operation: Array, memory: str) -> Array:
    def fill(part: Array) -> Array:
        return Variable(part.axes, memory) if _is_hole(part) else part

    return replace_operands(operation, fill)


def _is_hole(array: Array) -> bool:
    return isinstance(array, Variable) and array.name == _HOLE


def _is_new(array: Array) -> bool:
    """Whether computing the array makes a new one of a floating type."""
    if not array.axes or not _is_floating(array):
        return False
    return isinstance(
        array,
        Total | Ratio | Raised | Call | Softmax | Contract | Reduce | Fold | Where | Cast,
    )


def _is_floating(array: Array) -> bool:
    match array:
        case Variable() | Cast():
            return True
        case Where(_, _, value, otherwise):
            return _is_floating(value) or (otherwise is not None and _is_floating(otherwise))
        case Total() | Ratio() | Raised() | Call() | Softmax() | Contract() | Reduce() | Fold():
            return any(map(_is_floating, operands(array)))
        case _:
            return False


# --- one value ----------------------------------------------------------------------------------


def _chain(array: Array, spare: Collection[str]) -> _Chain | None:
    """How the array comes about in one array; None where it must not be written into."""
    if isinstance(array, Variable):
        return _Chain(array) if array.name in spare else None
    if not _is_new(array):
        return None
    match array:
        case Total():
            return _sum(array, spare)
        case Ratio():
            return _product(array, spare)
        case Raised(axes, base, Constant(_, exponent)) if exponent == 2:
            return _after(array, base, Raised(axes, _hole(axes), Constant((), exponent)), spare)
        case Call(axes, function, (first, *rest)) if function in _ELEMENTWISE:
            if all(map(is_number, rest)):
                return _after(array, first, replace(array, arguments=(_hole(axes), *rest)), spare)
        case Where(axes, mask, value, _, True):
            return _after(array, value, Ratio(axes, _ONE, (_hole(axes), mask), ()), spare)
        case Softmax(axes, _, _, operand):
            return _after(array, operand, replace(array, operand=_hole(axes)), spare)
        case _:
            pass
    return _Chain(array)


def _hole(axes: Axes) -> Variable:
    return Variable(axes, _HOLE)


def _after(array: Array, operand: Array, operation: Array, spare: Collection[str]) -> _Chain:
    """The operation on the operand's own array if it has one, else the array as a new one."""
    inner = _chain(operand, spare) if operand.axes == array.axes else None
    return _Chain(array) if inner is None else inner.then(operation)


def _longest(
    parts: Sequence[Array], axes: Axes, spare: Collection[str]
) -> tuple[int, _Chain] | None:
    """The part in whose array most of the work is done already, and how it comes about.

    Between equals one whose array exists.
    """
    chains = [_chain(part, spare) if part.axes == axes else None for part in parts]
    found = [(place, chain) for place, chain in enumerate(chains) if chain is not None]

    def work(item: tuple[int, _Chain]) -> tuple[int, bool]:
        _, chain = item
        return len(chain.operations), isinstance(chain.origin, Variable)

    return max(found, key=work, default=None)


def _sum(array: Total, spare: Collection[str]) -> _Chain:
    axes, terms = array.axes, list(array.terms)
    hole = _hole(axes)
    found = _longest([term for _, term in terms], axes, spare)
    if found is None:
        first = _enough([term for _, term in terms], axes)
        chain = _Chain(replace(array, terms=tuple(terms[:first])))
        terms = terms[first:]
    else:
        place, chain = found
        sign, _ = terms.pop(place)
        if sign < 0:
            positive = next((term for sign, term in terms if sign > 0), None)
            if positive is None:
                chain = chain.then(Ratio(axes, _ONE, (hole, Constant((), -_ONE)), ()))
            else:
                terms.remove((1, positive))
                chain = chain.then(Total(axes, ((1, positive), (-1, hole))))
    return chain.then(*(Total(axes, ((1, hole), term)) for term in terms))


def _product(array: Ratio, spare: Collection[str]) -> _Chain:
    """Factors with fewer axes are multiplied with each other before they meet the array."""
    axes, above, below = array.axes, list(array.numerators), list(array.denominators)
    hole = _hole(axes)
    upper, lower = _longest(above, axes, spare), _longest(below, axes, spare)
    if upper is not None:
        del above[upper[0]]
        factors, divisors = _gathered(axes, array.coefficient, above, below)
        chain = upper[1]
    elif lower is not None:
        del below[lower[0]]
        factors, divisors = _gathered(axes, array.coefficient, above, below)
        chain = lower[1].then(Ratio(axes, _ONE, tuple(factors[:1]), (hole,)))
        del factors[:1]
    else:
        factors, divisors = _gathered(axes, array.coefficient, above, below)
        chain = _Chain(_begun(array, factors, divisors))
    return chain.then(
        *(Ratio(axes, _ONE, (hole, factor), ()) for factor in factors),
        *(Ratio(axes, _ONE, (hole,), (divisor,)) for divisor in divisors),
    )


def _gathered(
    axes: Axes, coefficient: Fraction, above: Sequence[Array], below: Sequence[Array]
) -> tuple[list[Array], list[Array]]:
    """Factors and divisors, those together in one that have not all axes between them."""
    groups: list[tuple[list[Array], list[Array]]] = []
    factors: list[Array] = []
    divisors: list[Array] = []
    parts = [(part, 0) for part in above] + [(part, 1) for part in below]
    for part, side in sorted(parts, key=lambda item: len(item[0].axes)):
        if set(part.axes) == set(axes):
            (factors, divisors)[side].append(part)
            continue
        fitting = (g for g in groups if _joint(axes, [*g[0], *g[1], part]) != axes)
        group = next(fitting, None)
        if group is None:
            groups.append(group := ([], []))
        group[side].append(part)
    small: list[Array] = []
    for numerators, denominators in groups:
        letters = _joint(axes, [*numerators, *denominators])
        if numerators or coefficient != 1:
            small.append(
                _whole(Ratio(letters, coefficient, tuple(numerators), tuple(denominators)))
            )
        else:
            divisors.insert(0, _whole(Ratio(letters, _ONE, tuple(denominators), ())))
        coefficient = _ONE
    if coefficient.numerator == 1 != coefficient.denominator and not _is_short(coefficient):
        divisors.insert(0, Constant((), 1 / coefficient))
    elif coefficient != 1:
        small.insert(0, Constant((), coefficient))
    return [*small, *factors], divisors


def _begun(array: Ratio, factors: list[Array], divisors: list[Array]) -> Array:
    """The first operation of a product, which makes the array; takes its operands off the lists."""
    axes = array.axes
    base = next((part for part in factors if set(part.axes) == set(axes)), None)
    if base is not None:
        factors.remove(base)
        if not factors:
            return Ratio(axes, _ONE, (base,), (divisors.pop(0),)) if divisors else array
        match factors.pop(0):
            case Ratio((), coefficient, numerators, denominators):
                return Ratio(axes, coefficient, (*numerators, base), denominators)
            case Constant(_, value):
                return Ratio(axes, value, (base,), ())
            case partner:
                operands = (base, partner) if partner.axes == axes else (partner, base)
                return Ratio(axes, _ONE, operands, ())
    base = next((part for part in divisors if set(part.axes) == set(axes)), None)
    if base is not None:
        divisors.remove(base)
        partner = tuple(factors[:1])
        del factors[:1]
        return Ratio(axes, _ONE, partner, (base,))
    factors.clear()
    divisors.clear()
    return array


def _joint(axes: Axes, parts: Sequence[Array]) -> Axes:
    letters = {index for part in parts for index in part.axes}
    return tuple(index for index in axes if index in letters)


def _whole(ratio: Ratio) -> Array:
    """The ratio, as its only factor where it has one."""
    alone = ratio.coefficient == 1 and len(ratio.numerators) == 1 and not ratio.denominators
    return ratio.numerators[0] if alone else ratio


def _enough(terms: Sequence[Array], axes: Axes) -> int:
    """How many of the terms it takes, two at least, until their sum has all axes."""
    return next((n for n in range(2, len(terms)) if _joint(axes, terms[:n]) == axes), len(terms))


def _is_short(value: Fraction) -> bool:
    """Whether the value is exact as a decimal of a few digits."""
    return Fraction(repr(float(value))) == value and len(repr(float(value))) <= 8
