"""Points of the declared domain: extents, and exact values for every tensor that nothing defines.

A point is exact: every entry is a rational, and the float64 arrays beside them are what array
programs are fed with (equal to the rationals, except where a domain lists a number such as 1/3).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from math import ceil, e, exp, log, prod
from typing import TypeAlias

import numpy
from numpy.typing import NDArray

from derivcheck.expression import (
    Apply,
    Context,
    Domain,
    Entry,
    Expression,
    Function,
    Hypothesis,
    Index,
    Multiply,
    Parameter,
    Power,
    Rational,
    Sum,
    Tensor,
    children,
    free_indices,
    rational,
    tensors,
)
from derivcheck.witnesses.domain_sampling import (
    GENERIC_GRID,
    REACH,
    REFUTATION_GRID,
    Exact,
    balanced,
    contains,
    draw,
    on_sphere,
    symmetrised,
    with_total,
)
from derivcheck.witnesses.extents import (
    NO_EXTENTS,
    complete_extents,
    evaluate_extent,
    integer,
    parameters_needed,
    parameters_of,
    shape,
    small_extents,
    trial_extents,
)
from derivcheck.witnesses.scalar_evaluation import Scope, Unevaluable, evaluate

__all__ = [
    "GENERIC_GRID",
    "NO_DOMAINS",
    "NO_EXTENTS",
    "REACH",
    "REFUTATION_GRID",
    "Exact",
    "Point",
    "Values",
    "admissible",
    "complete_extents",
    "concerns",
    "contains",
    "entries",
    "entry",
    "evaluate_extent",
    "far_reach",
    "hypothesis_indices",
    "inputs_of",
    "parameters_needed",
    "parameters_of",
    "sample",
    "shape",
    "small_extents",
    "tied_hypotheses",
    "trial_extents",
]

Values: TypeAlias = NDArray[numpy.float64]

NO_DOMAINS: Mapping[Tensor, Domain] = {}


@dataclass(frozen=True, eq=False)
class Point:
    """Integers for the parameters and an array for each sampled tensor, of the tensor's shape.

    `exact` holds the same entries as `Fraction` objects; a point made from float64 arrays alone has
    exactly those numbers.
    """

    extents: Mapping[Parameter, int]
    values: Mapping[Tensor, Values]
    exact: Mapping[Tensor, Exact] = field(default_factory=dict[Tensor, Exact])

    def __post_init__(self) -> None:
        missing = {t: _rationals(v) for t, v in self.values.items() if t not in self.exact}
        if missing:
            object.__setattr__(self, "exact", {**self.exact, **missing})

    @staticmethod
    def of(extents: Mapping[Parameter, int], exact: Mapping[Tensor, Exact]) -> Point:
        return Point(extents, {t: _floats(a) for t, a in exact.items()}, exact)


def _rationals(array: Values) -> Exact:
    result = numpy.empty(numpy.shape(array), dtype=object)
    for position in numpy.ndindex(result.shape):
        result[position] = Fraction(float(array[position]))
    return result


def _floats(array: Exact) -> Values:
    return numpy.asarray(array, dtype=numpy.float64)


def inputs_of(expressions: Iterable[Expression], context: Context) -> tuple[Tensor, ...]:
    """The undefined tensors on which the expressions rest, in the order of first occurrence.

    Looks through definitions, and takes in the tensors that a hypothesis ties to one of them.
    """
    reached, _ = _reached(expressions, context)
    return tuple(t for t in reached if t not in context.definitions)


def tied_hypotheses(expressions: Iterable[Expression], context: Context) -> tuple[Hypothesis, ...]:
    """The hypotheses that speak of a tensor on which the expressions rest."""
    _, tied = _reached(expressions, context)
    return tied


def _through(expressions: Iterable[Expression], context: Context) -> tuple[Tensor, ...]:
    """The tensors of the expressions and of the definitions behind them."""
    reached, _ = _reached(expressions, Context(context.definitions))
    return tuple(reached)


def _reached(
    expressions: Iterable[Expression], context: Context
) -> tuple[dict[Tensor, None], tuple[Hypothesis, ...]]:
    reached: dict[Tensor, None] = {}
    stack = [t for e in expressions for t in tensors(e)][::-1]
    waiting = [(h, _through((h.left, h.right), context)) for h in context.hypotheses]
    tied: list[Hypothesis] = []
    while stack:
        tensor = stack.pop()
        if tensor in reached:
            continue
        reached[tensor] = None
        definition = context.definitions.get(tensor)
        if definition is not None:
            stack.extend(reversed(tensors(definition.body)))
        for hypothesis, others in tuple(waiting):
            if tensor in others:
                waiting.remove((hypothesis, others))
                tied.append(hypothesis)
                stack.extend(reversed(others))
    return reached, tuple(tied)


_FARTHEST = 10**6


def far_reach(expressions: Iterable[Expression], context: Context) -> int:
    """How far values must reach to pass every constant that they may be compared with."""
    expressions = tuple(expressions)
    reached, _ = _reached(expressions, Context(context.definitions))
    bodies = [context.definitions[t].body for t in reached if t in context.definitions]
    constants = [abs(c) for whole in (*expressions, *bodies) for c in _constants(whole)]
    return max(REACH, min(2 * ceil(max(constants, default=Fraction(0))), _FARTHEST))


def _constants(expression: Expression) -> Iterator[Fraction]:
    """The constants that are added, compared or multiplied, powers and quotients of numbers as what
    they are; no exponents of anything else."""
    waiting = [expression]
    while waiting:
        match waiting.pop():
            case Multiply(factors):
                yield prod((n for factor in factors for n in _number(factor)), start=Fraction(1))
                waiting.extend(factor for factor in factors if not _number(factor))
            case factor if found := _number(factor):
                yield from found
            case Power(base, _):
                waiting.append(base)
            case other:
                waiting.extend(children(other))


def _number(factor: Expression) -> tuple[Fraction, ...]:
    """The size of a number, of a number's power and of exp of a number, up to `_FARTHEST`."""
    match factor:
        case Rational(value):
            return (value,)
        case Power(Rational(value), Rational(exponent)) if exponent == -1 and value:
            return (1 / value,)
        case Power(Rational(base), Rational(exponent)) if base:
            return (_power(base, exponent),)
        case Apply(Function("exp", abstract=False), (Rational(exponent),)):
            return (_power(Fraction(e), exponent),)
        case _:
            return ()


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    try:
        return Fraction(min(exp(float(exponent) * log(abs(base))), _FARTHEST))
    except (OverflowError, ValueError):
        return Fraction(_FARTHEST)  # some part of it is no float


def sample(
    tensors: Iterable[Tensor],
    extents: Mapping[Parameter, int],
    context: Context,
    generator: numpy.random.Generator,
    *,
    grid: int = GENERIC_GRID,
    domains: Mapping[Tensor, Domain] = NO_DOMAINS,
    reach: int = REACH,
) -> Point | None:
    """A random point at these extents, or None where a hypothesis or a size cannot be met.

    Every tensor that the context does not define gets entries that are multiples of 1/`grid` inside
    its domain (a finer grid where the domain has no such multiple), equal across symmetric axes,
    and such that the context's hypotheses between these tensors hold exactly. `GENERIC_GRID` means
    generic values: entries near 0 are avoided where the domain allows others. `domains` replaces
    the declared domain of a tensor; of an unbounded one `reach` is the part that is sampled.
    """
    exact: dict[Tensor, Exact] = {}
    for tensor in tensors:
        if tensor in context.definitions or tensor in exact:
            continue
        domain = domains.get(tensor, tensor.domain)
        size = shape(tensor, extents)
        drawn = None if min(size, default=0) < 0 else draw(domain, size, grid, generator, reach)
        if drawn is None:
            return None
        exact[tensor] = symmetrised(drawn, tensor.symmetric)
    for hypothesis in context.hypotheses:
        _impose(hypothesis, exact, extents, grid, generator, domains)
    point = Point.of(dict(extents), exact)
    return point if admissible(point, context, domains) else None


def admissible(
    point: Point, context: Context, domains: Mapping[Tensor, Domain] = NO_DOMAINS
) -> bool:
    """Whether the values lie in their domains and the hypotheses between these tensors hold.

    A hypothesis through a transcendental function is held against float64 only: whoever concludes
    from such a point checks it again with balls.
    """
    for tensor, array in point.exact.items():
        domain = domains.get(tensor, tensor.domain)
        if not all(contains(domain, value) for value in entries(array)):
            return False
        if any(not _equal(array, array.swapaxes(*pair)) for pair in tensor.symmetric):
            return False
    return all(_holds(h, point, context) for h in context.hypotheses if concerns(h, point, context))


def entries(array: Exact) -> list[Fraction]:
    """All entries in C order."""
    return list(array.ravel())


def entry(array: Exact, position: tuple[int, ...]) -> Fraction:
    value: Fraction = array.item(position)
    return value


def _equal(left: Exact, right: Exact) -> bool:
    return left.shape == right.shape and bool(numpy.all(left == right))


def concerns(hypothesis: Hypothesis, point: Point, context: Context) -> bool:
    """Whether the hypothesis says something that this point can be held against."""
    sides = (hypothesis.left, hypothesis.right)
    if any(p not in point.extents for p in parameters_of(sides, context)):
        return False
    rests = tuple(_through(sides, context))
    return bool(rests) and all(t in point.exact for t in rests if t not in context.definitions)


def _holds(hypothesis: Hypothesis, point: Point, context: Context) -> bool:
    scope = Scope(point.extents, point.exact, context.definitions)
    for indices in hypothesis_indices(hypothesis, point.extents):
        try:
            left = evaluate(hypothesis.left, scope, indices)
            right = evaluate(hypothesis.right, scope, indices)
        except Unevaluable:
            return False
        if isinstance(left, float) or isinstance(right, float):
            if not abs(left - right) <= 1e-9 * max(1.0, abs(left)):
                return False
        elif left != right:
            return False
    return True


def hypothesis_indices(
    hypothesis: Hypothesis, extents: Mapping[Parameter, int]
) -> Iterator[dict[Index, int]]:
    """All values of the hypothesis' free indices."""
    free = dict.fromkeys((*free_indices(hypothesis.left), *free_indices(hypothesis.right)))
    ranges = [range(integer(index.extent, extents)) for index in free]
    for values in product(*ranges):
        yield dict(zip(free, values, strict=True))


def _impose(
    hypothesis: Hypothesis,
    exact: dict[Tensor, Exact],
    extents: Mapping[Parameter, int],
    grid: int,
    generator: numpy.random.Generator,
    domains: Mapping[Tensor, Domain],
) -> None:
    """Change the drawn values so that the hypothesis holds, for the shapes that are known.

    Known are Σ over axes of one tensor (or of its squares) = a constant, and an entry = an
    expression in others, both also at single places of further axes; whatever this leaves unmet is
    rejected by `admissible`.
    """
    for side, other in ((hypothesis.left, hypothesis.right), (hypothesis.right, hypothesis.left)):
        summed, body = _strip_sums(side)
        squared = isinstance(body, Power) and body.exponent == rational(2)
        if isinstance(body, Power) and squared:
            body = body.base
        if not isinstance(body, Entry) or body.tensor not in exact:
            continue
        tensor = body.tensor
        places = _places(body, extents, exact[tensor].shape)
        axes = [place for place in places or () if isinstance(place, Index)]
        if places is None or len(set(axes)) != len(axes) or not set(summed) <= set(axes):
            continue
        if tensor in tensors(other):
            continue
        scope = Scope(dict(extents), exact, {})
        array = exact[tensor]
        outer = [index for index in axes if index not in summed]
        for values in product(*(range(integer(index.extent, extents)) for index in outer)):
            fixed = dict(zip(outer, values, strict=True))
            try:
                value = evaluate(other, scope, fixed)
            except Unevaluable:
                return
            if isinstance(value, float):
                return
            target = Fraction(value)
            place = tuple(
                at if isinstance(at, int) else fixed.get(at, slice(None)) for at in places
            )
            if not summed and not squared:
                array[place] = target
                continue
            lengths = [integer(i.extent, extents) for i in axes if i in summed]
            if squared:
                drawn = on_sphere(prod(lengths), target, grid, generator)
            else:
                domain = domains.get(tensor, tensor.domain)
                drawn = with_total(domain, prod(lengths), target, grid, generator)
            if drawn is not None:
                fibre = numpy.array(drawn, dtype=object).reshape(lengths)
                # Means of mirrored entries have the same sum, and stay between them.
                fibre = fibre if outer or squared else balanced(fibre, tensor.symmetric)
                array[place] = fibre if lengths else drawn[0]
        return


def _places(
    body: Entry, extents: Mapping[Parameter, int], size: tuple[int, ...]
) -> tuple[Index | int, ...] | None:
    """The index that runs over each axis, or its one place; None for a part of an axis."""
    found: list[Index | int] = []
    for subscript, extent, length in zip(body.subscripts, body.tensor.extents, size, strict=True):
        index = subscript.index
        if index is not None and index.extent == extent:
            found.append(index)
        elif any(True for _ in subscript.indices()):
            return None
        else:
            try:
                at = integer(subscript, extents)
            except KeyError:
                return None
            if not 0 <= at < length:
                return None
            found.append(at)
    return tuple(found)


def _strip_sums(expression: Expression) -> tuple[tuple[Index, ...], Expression]:
    summed: list[Index] = []
    while isinstance(expression, Sum):
        summed.append(expression.index)
        expression = expression.body
    return tuple(summed), expression
