"""Brute force with mpmath at 50 digits: do the two sides of a reading differ?

It shares nothing with the prover or the ball evaluator: sums are loops, derivatives are central
differences of the operand with one entry moved, definitions are evaluated entry by entry. Only
`trial.sample` is common ground, and it draws points rather than computing with them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product

import numpy
from mpmath import mp, mpf
from numpy.typing import NDArray

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Add,
    Affine,
    Apply,
    Context,
    Count,
    Delta,
    Derivative,
    Entry,
    Expression,
    Function,
    Guard,
    Index,
    Maximum,
    Multiply,
    Parameter,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    binders,
    parameters,
    tensors,
    walk,
)
from derivcheck.verdict import Counterexample
from derivcheck.witnesses.trial import (
    NO_EXTENTS,
    REACH,
    Point,
    complete_extents,
    contains,
    inputs_of,
    parameters_needed,
    sample,
)

DIGITS = 50
STEP = mpf(10) ** -9
"""Of the central differences of order 4: truncation near 1e-36, cancellation near 1e-41."""

TURN = mpf(10) ** -3
"""By how much a slope may change within a step: where it bends it jumps, elsewhere it creeps."""

DISTINCT = mpf(10) ** -14
"""Relative distance above which two sides count as different: far above every error here."""

NOTHING = mpf(10) ** -40
"""What cancellation may leave of 0; nobody takes a logarithm or a reciprocal of it."""

SIZES = 4
BENT_SIZES = 48
"""Of a reading with kinks, whose sides may differ between two of them only."""
INTEGRAL_SIZES = 400
"""Of a reading of sizes alone."""
TRIES = 5
"""For each of these, where at most both sides are 0 or one has no value."""
THRESHOLD = 1000
CHOICES = 7
"""Values of the free indices for one size at which a side is not 0, or both are at `SPARSE`."""
SPARSE = 120
NUDGE = Fraction(1, 2**27)
NUDGES = 128
"""Where sides have kinks, values that are equal at first are moved apart, each up by its own number
of nudges, of so many or as many as there are values: the kinks of a wrong side lie near those of
the right one. The steps of the central differences are smaller still."""
BENDING = frozenset({"abs", "max", "min", "relu", "sign"})


class Undefined(Exception):
    """No value at this point."""


def differs(
    reading: Reading,
    seed: int = 0,
    *,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
) -> bool | None:
    """Whether the sides differ at some of the points tried; None if at none of them both sides were
    defined and one of them was not 0."""
    generator = numpy.random.default_rng([seed, 1729])
    context = reading.context
    sides = (reading.left, reading.right)
    inputs = inputs_of(sides, context)
    parameters = parameters_needed(
        sides, context, definitions, [index.extent for index in reading.indices]
    )
    telling = 0
    bent = _bends(sides, context)
    integral = not (inputs or reading.indices) and not any(
        list(binders(n)) for side in sides for n in walk(side)
    )
    wanted = INTEGRAL_SIZES if integral else BENT_SIZES if bent else SIZES
    far = _far(sides, context)
    tried = 0
    with mp.workdps(DIGITS):
        for extents in _sizes(
            parameters, context, definitions, generator, TRIES * wanted, large=integral
        ):
            if telling == wanted:
                break
            tried += 1
            if bent and tried % 2:
                point = sample(inputs, extents, context, generator, grid=1, reach=1)
                point = point and _nudged(point, context, generator)
            else:
                reach = far if tried % 4 == 2 else REACH
                point = sample(inputs, extents, context, generator, reach=reach)
            if point is None:
                continue
            present = 0
            values = {
                tensor: {
                    place: mpf(array[place].numerator) / array[place].denominator
                    for place in numpy.ndindex(array.shape)
                }
                for tensor, array in point.exact.items()
            }
            for indices in _choices(reading.indices, extents, generator):
                world = World(context, extents, values)
                try:
                    left = world.value(reading.left, indices)
                    right = world.value(reading.right, indices)
                except (Undefined, ZeroDivisionError, OverflowError, ValueError):
                    continue
                scale = max(abs(left), abs(right), mpf(10) ** -12)
                if abs(left - right) > DISTINCT * scale:
                    return True
                # What a difference quotient leaves of 0 tells as little as 0.
                present += max(abs(left), abs(right)) > DISTINCT * scale
                if present == CHOICES:
                    break
            # Where a window meets nothing both sides are 0, and another size has to tell.
            telling += present > 0
    return False if telling else None


def differs_at(reading: Reading, found: Counterexample) -> bool | None:
    """Whether the sides differ at a point that somebody names; None if one has no value there.

    Kinks of a wrong side may be so near to those of the right one that no draw falls between.
    """
    sides, context = (reading.left, reading.right), reading.context
    # A point names what matters; all else may be 0.
    values: dict[Tensor, Mapping[tuple[int, ...], mpf]] = {
        tensor: defaultdict(
            mpf,
            {
                place: mpf(number.numerator) / number.denominator
                for place, number in _numbers(found.values.get(tensor.name, []))
            },
        )
        for tensor in inputs_of(sides, context)
    }
    known = {
        parameter: found.extents[parameter.name]
        for side in _everything(sides, context)
        for parameter in parameters(side)
        if parameter.name in found.extents
    }
    known |= {p: found.extents[p.name] for t in values for e in t.extents for p in _atoms(e)}
    indices = {i: found.indices[i.name] - i.base for i in reading.indices}
    with mp.workdps(DIGITS):
        world = World(context, known, values)
        try:
            left, right = (world.value(side, indices) for side in sides)
        except (Undefined, KeyError, ZeroDivisionError, OverflowError, ValueError):
            return None
        return bool(abs(left - right) > DISTINCT * max(abs(left), abs(right), mpf(10) ** -12))


def _numbers(
    value: object, place: tuple[int, ...] = ()
) -> Iterator[tuple[tuple[int, ...], Fraction]]:
    if isinstance(value, list):
        for position, part in enumerate(value):
            yield from _numbers(part, (*place, position))
    else:
        yield place, Fraction(str(value))


def _atoms(extent: Affine) -> list[Parameter]:
    return [atom for atom in extent.atoms() if isinstance(atom, Parameter)]


def _far(sides: Iterable[Expression], context: Context) -> int:
    """Twice the largest constant: values on both sides of each threshold. Larger ones are no
    thresholds but numerators."""
    constants = [
        abs(node.value)
        for expression in _everything(sides, context)
        for node in walk(expression)
        if isinstance(node, Rational) and abs(node.value) <= THRESHOLD
    ]
    return max(REACH, 2 * math.ceil(max(constants, default=Fraction(0))))


def _nudged(point: Point, context: Context, generator: numpy.random.Generator) -> Point:
    """The point with its real entries moved a little, where no hypothesis ties them."""
    tied = {t for h in context.hypotheses for side in (h.left, h.right) for t in tensors(side)}
    values = sum(array.size for array in point.exact.values())
    steps = iter([int(n) + 1 for n in generator.permutation(max(NUDGES, values))])
    moved: dict[Tensor, NDArray[numpy.object_]] = {}
    for tensor, array in point.exact.items():
        domain = tensor.domain
        if tensor in tied or domain.values or domain.integer or tensor.symmetric:
            continue
        changed = array.copy()
        for place in numpy.ndindex(array.shape):
            nudged = array[place] + next(steps) * NUDGE
            changed[place] = nudged if contains(domain, nudged) else array[place]
        moved[tensor] = changed
    return Point.of(point.extents, {**point.exact, **moved})


def _bends(sides: Iterable[Expression], context: Context) -> bool:
    """Whether a side, or a definition behind it, has a kink."""
    return any(
        isinstance(node, Positive | Maximum)
        or (isinstance(node, Apply) and node.function.name in BENDING)
        for expression in _everything(sides, context)
        for node in walk(expression)
    )


def _everything(sides: Iterable[Expression], context: Context) -> list[Expression]:
    """The sides, and the definitions behind them."""
    sides = tuple(sides)
    behind = {t for side in sides for used in tensors(side) for t in context.foundations(used)}
    return [*sides, *(d.body for t, d in context.definitions.items() if t in behind)]


def _sizes(
    parameters: tuple[Parameter, ...],
    context: Context,
    definitions: Mapping[Parameter, Expression],
    generator: numpy.random.Generator,
    most: int,
    *,
    large: bool = False,
) -> Iterator[dict[Parameter, int]]:
    """Sizes from 1 to 4, the first of them 2 and 3 throughout, then 3 and 2; up to 10⁸ if `large`.

    Where nothing but sizes is compared, a small relative difference shows only there.
    """
    found = 0
    for attempt in range(2 * most):
        if attempt < 2:
            sizes = [2 + (place + attempt) % 2 for place in range(len(parameters))]
        else:
            choices = (2, 3) if attempt < SIZES else (1, 2, 2, 3, 3, 4)
            sizes = [int(n) for n in generator.choice(choices, len(parameters))]
            if large and attempt % 2:
                sizes = [int(10**power) for power in generator.uniform(0, 8, len(parameters))]
        chosen = {p: n - (p.minimum == 0) for p, n in zip(parameters, sizes, strict=True)}
        complete = complete_extents(chosen, definitions, context.hypotheses)
        if complete is not None:
            yield complete
            found += 1
        if found == most:
            return


def _choices(
    free: tuple[Index, ...], extents: Mapping[Parameter, int], generator: numpy.random.Generator
) -> list[dict[Index, int]]:
    """All of them equal first, for the deltas' sake, then any at random."""
    ranges = [range(_whole(index.extent, extents, {})) for index in free]
    everything = [dict(zip(free, values, strict=True)) for values in product(*ranges)]
    equal = [each for each in everything if len(set(each.values())) <= 1][:2]
    some = generator.permutation(len(everything))[:SPARSE]
    return [*equal, *(everything[int(n)] for n in some)]


def _whole(value: Affine, extents: Mapping[Parameter, int], indices: Mapping[Index, int]) -> int:
    return value.evaluate({**extents, **indices})


Place = tuple[Tensor, tuple[int, ...]]


@dataclass
class World:
    """Everything that has a value: sizes, inputs, and the entries that a derivative has moved."""

    context: Context
    extents: Mapping[Parameter, int]
    inputs: Mapping[Tensor, Mapping[tuple[int, ...], mpf]]
    moved: tuple[tuple[Place, mpf], ...] = ()
    memo: dict[tuple[Place, tuple[tuple[Place, mpf], ...]], mpf] = field(default_factory=dict)

    def value(self, expression: Expression, indices: Mapping[Index, int]) -> mpf:
        match expression:
            case Rational(number):
                return mpf(number.numerator) / number.denominator
            case Count(affine):
                return mpf(self.whole(affine, indices))
            case Entry(tensor, subscripts):
                return self.entry(tensor, tuple(self.whole(s, indices) for s in subscripts))
            case Delta(left, right):
                return mpf(self.whole(left, indices) == self.whole(right, indices))
            case Guard(affine):
                return mpf(self.whole(affine, indices) >= 0)
            case Positive(argument):
                return mpf(self.value(argument, indices) > 0)
            case Add(terms):
                return mp.fsum(self.value(term, indices) for term in terms)
            case Multiply(factors):
                return self.product(factors, indices)
            case Power(base, exponent):
                return _power(self.value(base, indices), self.value(exponent, indices))
            case Apply(function, arguments):
                return _apply(function, [self.value(a, indices) for a in arguments])
            case Sum(index, body):
                return mp.fsum(self.value(body, i) for i in self.over((index,), indices))
            case Product(index, body):
                return mp.fprod(self.value(body, i) for i in self.over((index,), indices))
            case Maximum(bound, where, body):
                inside = [i for i in self.over(bound, indices) if self.value(where, i) != 0]
                if not inside:
                    raise Undefined("a maximum over nothing")
                return max(self.value(body, i) for i in inside)
            case Derivative(operand, variable):
                place = tuple(self.whole(s, indices) for s in variable.subscripts)
                return self.slope(operand, (variable.tensor, place), indices)

    def whole(self, affine: Affine, indices: Mapping[Index, int]) -> int:
        return _whole(affine, self.extents, indices)

    def over(
        self, bound: tuple[Index, ...], indices: Mapping[Index, int]
    ) -> Iterator[dict[Index, int]]:
        ranges = [range(self.whole(index.extent, indices)) for index in bound]
        for values in product(*ranges):
            yield {**indices, **dict(zip(bound, values, strict=True))}

    def product(self, factors: tuple[Expression, ...], indices: Mapping[Index, int]) -> mpf:
        """Conditions first: where one of them is 0 the rest need not be defined."""
        conditions = [f for f in factors if _is_condition(f)]
        result = mpf(1)
        for condition in conditions:
            result *= self.value(condition, indices)
            if result == 0:
                return result
        for factor in factors:
            if not _is_condition(factor):
                result *= self.value(factor, indices)
        return result

    def entry(self, tensor: Tensor, place: tuple[int, ...]) -> mpf:
        sizes = [self.whole(extent, {}) for extent in tensor.extents]
        if not all(0 <= n < size for n, size in zip(place, sizes, strict=True)):
            return mpf(0)
        if tensor in self.inputs:
            value = self.inputs[tensor][place]
        else:
            value = self.defined(tensor, place)
        return value + sum(amount for key, amount in self.moved if key == (tensor, place))

    def defined(self, tensor: Tensor, place: tuple[int, ...]) -> mpf:
        # An entry that was moved is a variable: its own definition does not see the move.
        others = tuple(move for move in self.moved if move[0] != (tensor, place))
        key = ((tensor, place), others)
        if key not in self.memo:
            definition = self.context.definitions.get(tensor)
            if definition is None:
                raise Undefined(tensor.name)
            inner = World(self.context, self.extents, self.inputs, others, self.memo)
            at = dict(zip(definition.indices, place, strict=True))
            self.memo[key] = inner.value(definition.body, at)
        return self.memo[key]

    def slope(self, operand: Expression, variable: Place, indices: Mapping[Index, int]) -> mpf:
        """The central difference of order 4 in one entry; raises `Undefined` across a kink."""

        def moved(steps: int) -> mpf:
            moves = (*self.moved, (variable, steps * STEP))
            return World(self.context, self.extents, self.inputs, moves).value(operand, indices)

        farthest = moved(-2), moved(2)
        found = (farthest[0] - 8 * moved(-1) + 8 * moved(1) - farthest[1]) / (12 * STEP)
        turn = (sum(farthest) - 2 * moved(0)) / (2 * STEP)
        if abs(turn) > TURN * max(abs(found), 1):
            raise Undefined("a kink")
        return found


def _is_condition(expression: Expression) -> bool:
    """A delta, a guard, [x > 0], or one minus such a thing."""
    match expression:
        case Delta() | Guard() | Positive():
            return True
        case Add(terms):
            return any(not isinstance(t, Rational) for t in terms) and all(
                isinstance(t, Rational) or _is_condition(t) for t in terms
            )
        case Multiply(factors):
            return any(not isinstance(f, Rational) for f in factors) and all(
                isinstance(f, Rational) or _is_condition(f) for f in factors
            )
        case _:
            return False


def _power(base: mpf, exponent: mpf) -> mpf:
    if exponent == int(exponent):
        if abs(base) < NOTHING and exponent < 0:
            raise Undefined("a division by 0")
        return base ** int(exponent)
    if abs(base) < NOTHING:
        base = mpf(0)
    if base < 0 or (base == 0 and exponent < 0):
        raise Undefined("a root of a negative number")
    return base**exponent


def _apply(function: Function, arguments: list[mpf]) -> mpf:
    if function.abstract:
        return _abstract(function, arguments)
    match function.name, arguments:
        case "log", [x] if x < NOTHING:
            raise Undefined("a logarithm")
        case "elsewhere", [x] if abs(x) > NOTHING:
            raise Undefined("outside all cases")
        case "elsewhere", [_]:
            return mpf(0)
        case "sigmoid", [x]:
            return 1 / (1 + mp.exp(-x))
        case "softplus", [x]:
            return mp.log(1 + mp.exp(x))
        case "relu", [x]:
            return max(x, mpf(0))
        case "abs", [x]:
            return abs(x)
        case "sign", [x]:
            return mpf(mp.sign(x))
        case "arctan", [x]:
            return mp.atan(x)
        case "floor", [x]:
            # What rounding takes off a whole number is no reason to go down by one.
            return mp.floor(x + NOTHING)
        case "max", [x, y]:
            return max(x, y)
        case "min", [x, y]:
            return min(x, y)
        case ("exp" | "log" | "tanh" | "sin" | "cos" | "sinh" | "cosh" | "erf") as name, [x]:
            return getattr(mp, name)(x)
        case _:
            raise Undefined(f"the function {function.name}")


def _abstract(function: Function, arguments: list[mpf]) -> mpf:
    """Waves whose frequencies come from the name, so that every derivative is known."""
    first, last = function.name.encode()[0], function.name.encode()[-1]
    total = mpf(0)
    for number, x in enumerate(arguments):
        frequency = mpf(3 + first % 5 + number) / 4
        phase = mpf(last % 7 + 1) / 5 + function.order * mp.pi / 2
        total += frequency**function.order * mp.sin(frequency * x + phase)
        total += mpf(1) / 2**function.order * mp.exp(x / 2)
    if len(arguments) > 1:
        total += mp.sin(mp.fsum(arguments))
    return total
