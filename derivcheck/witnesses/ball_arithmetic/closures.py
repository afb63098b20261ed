"""The closures that expressions compile to, one for each kind of node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from typing import TypeAlias

from flint import arb

from derivcheck.expression import (
    Apply,
    Delta,
    Expression,
    Guard,
    Multiply,
    Positive,
    Power,
    Rational,
)
from derivcheck.witnesses.ball_arithmetic import dual_ball
from derivcheck.witnesses.ball_arithmetic.abstract_functions import StandIns
from derivcheck.witnesses.ball_arithmetic.dual_ball import (
    ONE,
    ZERO,
    Inconclusive,
    NoValue,
    Undefined,
    Value,
    ball,
    general_power,
    largest,
    real,
    sign,
    tangent,
    vanishes,
)
from derivcheck.witnesses.ball_arithmetic.run import Evaluate, Node, Place, Run, Whole

Known: TypeAlias = tuple[tuple[int, ...], frozenset[int], int]
"""How a closure remembers: free slots, tensors, and the number of its memo."""


def constant(value: Fraction) -> Evaluate:
    if value.denominator == 1:
        exact = arb(int(value)) if abs(value) < 2**50 else None
        if exact is not None:
            return lambda run: exact
    # Rounded at the run's precision, so made anew.
    return lambda run: ball(value)


def count(value: Whole) -> Evaluate:
    return lambda run: arb(value(run.slots))


def entry(number: int, subscripts: list[Whole]) -> Evaluate:
    match subscripts:
        case [one]:
            return lambda run: run.entry(number, (one(run.slots),))
        case [one, two]:
            return lambda run: run.entry(number, (one(run.slots), two(run.slots)))
        case _:
            return lambda run: run.entry(number, tuple([s(run.slots) for s in subscripts]))


def delta(difference: Whole) -> Evaluate:
    return lambda run: ZERO if difference(run.slots) else ONE


def guard(value: Whole) -> Evaluate:
    return lambda run: ONE if value(run.slots) >= 0 else ZERO


def positive(argument: Node, off_kinks: bool) -> Evaluate:
    inner = argument.evaluate
    return lambda run: ONE if sign(inner(run), off_kinks=off_kinks) > 0 else ZERO


def exceeds(left: Node, right: Node, off_kinks: bool) -> Evaluate:
    """[left > right]."""

    def compare(difference: Value) -> Value:
        return ONE if sign(difference, off_kinks=off_kinks) > 0 else ZERO

    return _of_difference(left, right, compare)


def bent(name: str, left: Node, right: Node, off_kinks: bool) -> Evaluate:
    """A function with a kink at 0 and the value 0 there, of left − right."""
    return _of_difference(
        left, right, lambda difference: dual_ball.apply(name, difference, off_kinks=off_kinks)
    )


def _of_difference(left: Node, right: Node, function: Callable[[Value], Value]) -> Evaluate:
    """A function that is 0 at 0, of left − right. Where both are one entry (x_k, and the maximum
    that it is) their difference is 0 all around the point: that is no kink."""
    first, second = left.evaluate, right.evaluate

    def evaluate(run: Run) -> Value:
        above, below = first(run), second(run)
        return ZERO if _one(above, below) else function(dual_ball.subtract(above, below))

    return evaluate


def _one(left: Value, right: Value) -> bool:
    """Whether two values are that of one entry: a run computes each once."""
    # The constants are shared by values that have nothing to do with each other.
    return left is right and left is not ZERO and left is not ONE


def add(terms: list[Evaluate]) -> Evaluate:
    def evaluate(run: Run) -> Value:
        total = terms[0](run)
        for term in terms[1:]:
            total = dual_ball.add(total, term(run))
        return total

    return evaluate


def multiply(factors: Sequence[Expression], parts: list[Node]) -> Evaluate:
    # Integer conditions first: they cost nothing and may spare what is undefined.
    plain = [p.evaluate for p, f in zip(parts, factors, strict=True) if _integral(f)]
    conditions = [
        p.evaluate
        for p, f in zip(parts, factors, strict=True)
        if p.conditional and not _integral(f)
    ]
    # [c]/[c] is 0/0 where c fails: a reciprocal of conditions is no factor that they guard.
    strict = [p for p, f in zip(parts, factors, strict=True) if _reciprocal(f)]
    others = [p.evaluate for p in parts if not p.conditional and p not in strict]

    def evaluate(run: Run) -> Value:
        quotient: Value = ONE
        for part in strict:
            quotient = dual_ball.multiply(quotient, part.evaluate(run))
        for condition in plain:
            if condition(run) is ZERO:
                return ZERO
        result = quotient
        failed: NoValue | None = None
        for condition in conditions:
            try:
                value = condition(run)
            except (Undefined, Inconclusive) as error:
                # Another condition may still make the product 0.
                failed = failed or error
                continue
            if vanishes(value):
                return ZERO
            result = dual_ball.multiply(result, value)
        if failed is not None:
            raise failed
        for other in others:
            result = dual_ball.multiply(result, other(run))
        return result

    return evaluate


def _reciprocal(expression: Expression) -> bool:
    """A negative power of conditions alone."""
    match expression:
        case Power(base, Rational(exponent)) if exponent < 0:
            factors = base.factors if isinstance(base, Multiply) else (base,)
            return all(isinstance(factor, Delta | Guard | Positive) for factor in factors)
        case _:
            return False


def _integral(expression: Expression) -> bool:
    return isinstance(expression, Delta | Guard)


def power(parts: list[Node], exponent: Expression) -> Evaluate:
    base, above = parts[0].evaluate, parts[1].evaluate
    if isinstance(exponent, Rational):
        constant = exponent.value
        return lambda run: dual_ball.power(base(run), constant)
    return lambda run: general_power(base(run), above(run))


def apply(name: str, parts: list[Node], off_kinks: bool) -> Evaluate:
    arguments = [part.evaluate for part in parts]
    if len(arguments) == 1:
        inner = arguments[0]
        return lambda run: dual_ball.apply(name, inner(run), off_kinks=off_kinks)
    return lambda run: dual_ball.apply(name, *[a(run) for a in arguments], off_kinks=off_kinks)


def abstract(expression: Apply, parts: list[Node], stand_ins: StandIns) -> Evaluate:
    arguments = [part.evaluate for part in parts]
    function = expression.function
    return lambda run: stand_ins.value(function, [a(run) for a in arguments])


def fold(
    slot: int,
    extent: Whole,
    body: Node,
    fold: tuple[arb, Callable[[Value, Value], Value]],
    apart: list[Evaluate],
    known: Known,
) -> Evaluate:
    """`apart` are the parts of the body that do not vary: they must exist even where the body is
    evaluated nowhere, or not to the end, as if they stood before the sum."""
    free, rests_on, number = known
    start, combine = fold
    inner = body.evaluate

    def evaluate(run: Run) -> Value:
        key = run.key(free, rests_on)
        found = run.memos[number].get(key)
        if found is not None:
            return found
        for part in apart:
            part(run)
        slots = run.slots
        size = extent(slots)
        run.spend(size)
        saved = slots[slot]
        result: Value = start
        try:
            for value in range(size):
                slots[slot] = value
                result = combine(result, inner(run))
        finally:
            slots[slot] = saved
        run.memos[number][key] = result
        return result

    return evaluate


def each(slot: int, extent: Whole, parts: list[Evaluate]) -> Evaluate:
    """Evaluates the parts at every value of an index, to see that they exist."""

    def evaluate(run: Run) -> Value:
        slots = run.slots
        size = extent(slots)
        run.spend(size)
        saved = slots[slot]
        try:
            for value in range(size):
                slots[slot] = value
                for part in parts:
                    part(run)
        finally:
            slots[slot] = saved
        return ONE

    return evaluate


def maximum(
    over: list[tuple[int, Whole]], parts: list[Node], off_kinks: bool, known: Known
) -> Evaluate:
    free, rests_on, number = known
    where, body = parts[0].evaluate, parts[1].evaluate

    def evaluate(run: Run) -> Value:
        key = run.key(free, rests_on)
        found = run.memos[number].get(key)
        if found is not None:
            return found
        slots = run.slots
        saved = [slots[slot] for slot, _ in over]
        candidates: list[Value] = []
        sizes = [extent(slots) for _, extent in over]
        try:
            for values in product(*map(range, sizes)):
                run.spend(1)
                for (slot, _), value in zip(over, values, strict=True):
                    slots[slot] = value
                inside = real(where(run))
                if inside.is_zero():
                    continue
                if inside.contains(0):
                    raise Inconclusive("a condition that may be 0")
                candidates.append(body(run))
        finally:
            for (slot, _), value in zip(over, saved, strict=True):
                slots[slot] = value
        result = run.memos[number][key] = largest(candidates, off_kinks=off_kinks)
        return result

    return evaluate


def derivative(
    operand: Node,
    tensor: int,
    subscripts: list[Whole],
    pairs: tuple[tuple[int, int], ...],
    known: Known,
) -> Evaluate:
    free, rests_on, number = known
    inner = operand.evaluate

    def evaluate(run: Run) -> Value:
        key = run.key(free, rests_on)
        found = run.memos[number].get(key)
        if found is not None:
            return found
        place = tuple([subscript(run.slots) for subscript in subscripts])
        places = dict.fromkeys((place, *(_swapped(place, pair) for pair in pairs)))
        outer = run.seeds
        level = 1 + max((seed[0] for seed in outer), default=0)
        run.seeds = (*outer, (level, tensor, tuple(places)))
        try:
            value = tangent(inner(run), level)
        finally:
            run.seeds = outer
        run.memos[number][key] = value
        return value

    return evaluate


def _swapped(place: Place, pair: tuple[int, int]) -> Place:
    swapped = list(place)
    swapped[pair[0]], swapped[pair[1]] = place[pair[1]], place[pair[0]]
    return tuple(swapped)
