"""Extents: which symbolic integers expressions rest on, and assignments of integers to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

import numpy

from derivcheck.expression import (
    Affine,
    Atom,
    Context,
    Count,
    Expression,
    Hypothesis,
    Parameter,
    Tensor,
    parameters,
    tensors,
)
from derivcheck.witnesses.scalar_evaluation import Scope, Unevaluable, evaluate

NO_EXTENTS: Mapping[Parameter, Expression] = {}


def integer(affine: Affine, extents: Mapping[Parameter, int]) -> int:
    """The value of a polynomial in parameters; a `KeyError` names one without a value."""
    values: dict[Atom, int] = {**extents}
    return affine.evaluate(values)


def parameters_of(expressions: Iterable[Expression], context: Context) -> tuple[Parameter, ...]:
    """The symbolic integers on which the expressions rest, looking through definitions."""
    found: dict[Parameter, None] = {}
    seen: set[Tensor] = set()
    stack = list(expressions)[::-1]
    while stack:
        expression = stack.pop()
        found.update(dict.fromkeys(parameters(expression)))
        for tensor in tensors(expression):
            definition = context.definitions.get(tensor)
            if definition is not None and tensor not in seen:
                seen.add(tensor)
                stack.append(definition.body)
    return tuple(found)


def parameters_needed(
    expressions: Iterable[Expression],
    context: Context,
    definitions: Mapping[Parameter, Expression],
    sizes: Iterable[Affine] = (),
) -> tuple[Parameter, ...]:
    """All symbolic integers that a point must fix for these expressions and sizes.

    Looks through definitions of tensors and of parameters, and takes in the parameters that a
    hypothesis between integers (`M = H \\cdot D`) ties to one of them.
    """
    found = dict.fromkeys(parameters_of(expressions, context))
    found.update(dict.fromkeys(a for s in sizes for a in s.atoms() if isinstance(a, Parameter)))
    integral = [
        {*parameters(h.left), *parameters(h.right)}
        for h in context.hypotheses
        if not tensors(h.left) and not tensors(h.right)
    ]
    while True:
        known = set(found)
        for parameter in tuple(found):
            if parameter in definitions:
                found.update(dict.fromkeys(parameters(definitions[parameter])))
        for tied in integral:
            if tied & known:
                found.update(dict.fromkeys(sorted(tied, key=lambda p: (p.name, p.minimum))))
        if len(found) == len(known):
            return tuple(found)


def evaluate_extent(expression: Expression, extents: Mapping[Parameter, int]) -> int:
    """The integer value of an extent's definition, `\\lfloor (H + 2p - R)/u \\rfloor + 1`.

    Raises `ValueError` where it is no integer or rests on anything but these parameters.
    """
    try:
        value = evaluate(expression, Scope(dict(extents)))
    except Unevaluable as error:
        raise ValueError(str(error)) from error
    if isinstance(value, float) or value.denominator != 1:
        raise ValueError(f"not an integer: {value}")
    return int(value)


def complete_extents(
    chosen: Mapping[Parameter, int],
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    hypotheses: Sequence[Hypothesis] = (),
) -> dict[Parameter, int] | None:
    """The chosen extents with the defined ones added, or None where a minimum or hypothesis fails.

    A hypothesis between integers alone (`M = H \\cdot D`) defines the parameter that stands alone.
    """
    equations = dict(definitions)
    integral = [h for h in hypotheses if not tensors(h.left) and not tensors(h.right)]
    for hypothesis in integral:
        for alone, other in (
            (hypothesis.left, hypothesis.right),
            (hypothesis.right, hypothesis.left),
        ):
            atom = alone.value.atom if isinstance(alone, Count) else None
            if isinstance(atom, Parameter) and atom not in parameters(other):
                equations.setdefault(atom, other)
                break
    extents = {p: n for p, n in chosen.items() if p not in equations}
    pending = dict(equations)
    while ready := [p for p, e in pending.items() if all(q in extents for q in parameters(e))]:
        for parameter in ready:
            try:
                extents[parameter] = evaluate_extent(pending.pop(parameter), extents)
            except ValueError:
                return None
    if any(n < p.minimum for p, n in extents.items()):
        return None
    scope = Scope(dict(extents))
    for hypothesis in integral:
        try:
            if evaluate(hypothesis.left, scope) != evaluate(hypothesis.right, scope):
                return None
        except Unevaluable:
            # It rests on parameters that this link does not have.
            continue
    return extents


def determined(
    definitions: Mapping[Parameter, Expression], hypotheses: Sequence[Hypothesis]
) -> tuple[Parameter, ...]:
    """The parameters that `complete_extents` computes, so that nobody need choose them."""
    found = dict.fromkeys(definitions)
    for hypothesis in hypotheses:
        if tensors(hypothesis.left) or tensors(hypothesis.right):
            continue
        for alone, other in (
            (hypothesis.left, hypothesis.right),
            (hypothesis.right, hypothesis.left),
        ):
            atom = alone.value.atom if isinstance(alone, Count) else None
            if isinstance(atom, Parameter) and atom not in parameters(other):
                found.setdefault(atom)
                break
    return tuple(found)


def shape(tensor: Tensor, extents: Mapping[Parameter, int]) -> tuple[int, ...]:
    """The extents of the axes as integers; a `KeyError` names a parameter without a value."""
    return tuple(integer(extent, extents) for extent in tensor.extents)


_PRIMES = (2, 3, 5, 7, 11, 13)
_STATICS = (1, 2, 3)
_DRAWS = 400
"""Tuples of extents that each assignment is chosen from."""


def trial_extents(
    extents: Sequence[Parameter],
    tensors: Sequence[Tensor],
    generator: numpy.random.Generator,
    *,
    statics: Sequence[Parameter] = (),
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    hypotheses: Sequence[Hypothesis] = (),
    count: int = 3,
    entries: int = 20_000,
) -> list[dict[Parameter, int]]:
    """`count` different assignments, each complete, with at most `entries` entries in all tensors.

    Within one assignment the extents are pairwise different primes as far as `entries` lets them,
    so that swapped axes are seen; one assignment has the first extent (the batch) equal to 1 where
    it may be, and one that is not the first has strides above 1 and paddings above 0 where that is
    possible. Fewer are returned only where the constraints leave fewer.
    """
    known = determined(definitions, hypotheses)
    static = [p for p in dict.fromkeys(statics) if p not in known]
    sizes = [p for p in dict.fromkeys(extents) if p not in known and p not in static]
    found: list[dict[Parameter, int]] = []
    for attempt in range(count):
        last = attempt == count - 1 and count > 1
        best: tuple[tuple[int, int, int, int], dict[Parameter, int]] | None = None
        for batch in [True] * (_DRAWS if last else 0) + [False] * _DRAWS:
            if last and not batch and best is not None:
                break
            chosen = _draw_extents(sizes, static, generator, batch=batch, wide=attempt > 0)
            complete = complete_extents(chosen, definitions, hypotheses)
            if complete is None or complete in found:
                continue
            total = sum(prod(shape(t, complete)) for t in tensors)
            if total > entries or any(n < 1 for t in tensors for n in shape(t, complete)):
                continue
            plain = sum(attempt > 0 and complete[p] <= max(1, p.minimum) for p in static)
            repeated = len(sizes) - len({complete[p] for p in sizes})
            narrow = sum(complete[p] < 2 for p in definitions if p in complete)
            score = (repeated, narrow, plain, total)
            if best is None or score < best[0]:
                best = (score, complete)
        if best is not None:
            found.append(best[1])
    return found


def _draw_extents(
    sizes: Sequence[Parameter],
    statics: Sequence[Parameter],
    generator: numpy.random.Generator,
    *,
    batch: bool,
    wide: bool,
) -> dict[Parameter, int]:
    pool = _PRIMES if len(sizes) <= len(_PRIMES) else (*_PRIMES, 17, 19, 23, 29, 31)
    # Small primes are tried most; the constraints may ask for larger ones.
    reach = min(len(pool), max(len(sizes), 3) + int(generator.integers(0, 3)))
    picked = generator.permutation(reach)
    chosen = {p: pool[int(picked[n % reach])] for n, p in enumerate(sizes)}
    if batch and sizes:
        chosen[sizes[0]] = 1
    for parameter in statics:
        least = parameter.minimum + (1 if wide else 0)
        chosen[parameter] = max(least, int(generator.choice(_STATICS)))
        if parameter.minimum == 0:
            chosen[parameter] = int(generator.integers(1 if wide else 0, 3))
    return chosen


_SIZE_DRAWS = 100
"""Tuples of extents that `generic_extents` chooses from; with few parameters most repeat."""


def generic_extents(
    parameters: Sequence[Parameter],
    tensors: Sequence[Tensor],
    generator: numpy.random.Generator,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    hypotheses: Sequence[Hypothesis] = (),
    *,
    count: int = 3,
) -> list[dict[Parameter, int]]:
    """Up to `count` complete assignments of small integers that hide as little as possible.

    Extents above 1 and different from each other are preferred, then few entries.
    """
    known = determined(definitions, hypotheses)
    free = [p for p in dict.fromkeys(parameters) if p not in known]
    drawn: dict[tuple[int, ...], tuple[tuple[int, int, int], dict[Parameter, int]]] = {}
    # The pattern 2 3 2 3 … and its mirror image come first: they suit nearly every claim.
    patterns = [tuple(2 + (place + turn) % 2 for place in range(len(free))) for turn in (0, 1)]
    choices = generator.choice((1, 2, 2, 3, 3, 4, 5), (_SIZE_DRAWS, len(free)))
    patterns += [tuple(map(int, row)) for row in choices]
    for values in dict.fromkeys(patterns):
        chosen = {p: n - 1 if p.minimum == 0 else n for p, n in zip(free, values, strict=True)}
        complete = complete_extents(chosen, definitions, hypotheses)
        if complete is None or any(n < 1 for t in tensors for n in shape(t, complete)):
            continue
        flat = sum(complete[p] < 1 + p.minimum for p in complete)
        # Two values for up to two extents, then as many more as small integers allow.
        repeated = max(min(len(complete), 3) - len(set(complete.values())), 0)
        entries = sum(prod(shape(t, complete)) for t in tensors)
        drawn.setdefault(tuple(complete.values()), ((flat, repeated, entries), complete))
    ranked = sorted(drawn.values(), key=lambda item: (item[0], tuple(item[1].values())))
    return [complete for _, complete in ranked[:count]]


_MAGNITUDE = 8


def related_extents(
    parameters: Sequence[Parameter],
    generator: numpy.random.Generator,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    hypotheses: Sequence[Hypothesis] = (),
    *,
    count: int,
) -> Iterator[dict[Parameter, int]]:
    """Complete assignments for claims about integers alone: small ones, some of any magnitude up to
    10^8, and some next to a multiple of another, which is where a floor jumps."""
    known = determined(definitions, hypotheses)
    free = [p for p in dict.fromkeys(parameters) if p not in known]
    for _ in range(count):
        chosen: dict[Parameter, int] = {}
        for place in generator.permutation(len(free)):
            kind = int(generator.integers(0, 4))
            value = int(generator.integers(0, 8))
            if kind == 1:
                value = int(10 ** generator.uniform(0, _MAGNITUDE))
            elif kind > 1 and chosen:
                other = list(chosen.values())[int(generator.integers(0, len(chosen)))]
                value = other * int(generator.integers(1, 4)) + int(generator.integers(-1, 2))
            parameter = free[int(place)]
            chosen[parameter] = max(value, parameter.minimum)
        complete = complete_extents({p: chosen[p] for p in free}, definitions, hypotheses)
        if complete is not None:
            yield complete


def small_extents(
    parameters: Sequence[Parameter],
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    hypotheses: Sequence[Hypothesis] = (),
    *,
    largest: int = 5,
    limit: int = 200,
) -> Iterator[dict[Parameter, int]]:
    """Complete assignments with every chosen parameter ≤ `largest`, in order of increasing total.

    At most `limit` of them; within one total the order is lexicographic in the parameters' order.
    """
    known = determined(definitions, hypotheses)
    free = [p for p in dict.fromkeys(parameters) if p not in known]
    yielded = 0
    least = sum(p.minimum for p in free)
    tried = 0
    for total in range(least, largest * len(free) + 1):
        for chosen in _compositions(free, total, largest):
            tried += 1
            complete = complete_extents(chosen, definitions, hypotheses)
            if complete is not None:
                yield complete
                yielded += 1
            if yielded >= limit or tried >= 50 * limit:
                return


def _compositions(
    free: Sequence[Parameter], total: int, largest: int
) -> Iterator[dict[Parameter, int]]:
    if not free:
        if total == 0:
            yield {}
        return
    first, rest = free[0], free[1:]
    least = sum(p.minimum for p in rest)
    for value in range(first.minimum, min(largest, total - least) + 1):
        for remaining in _compositions(rest, total - value, largest):
            yield {first: value, **remaining}
