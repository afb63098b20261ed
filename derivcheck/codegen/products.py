"""Programs for NumPy, which computes what is written: products that two values need, taken once.

Σ_j (Ȳ·X̂) γ is Σ_j (γ·Ȳ) X̂ where γ·Ȳ has to be computed too. XLA computes both out of their
factors and keeps neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from derivcheck.lowering import Program, Routine
from derivcheck.lowering.array import Array, Axes, Contract, Ratio
from derivcheck.lowering.building import constant, multiply
from derivcheck.lowering.naming import Names
from derivcheck.lowering.sharing import Emission, occurrences, repeated
from derivcheck.lowering.traversal import Key, key, replace_operands


def products_met(program: Program) -> Program:
    """The program with contractions paired for a product that is there anyway."""
    names = program.names()
    return replace(
        program, forward=_met(program.forward, names), pullback=_met(program.pullback, names)
    )


def _met(routine: Routine, names: Names) -> Routine:
    present = occurrences(assignment.value for assignment in routine.body)

    def visit(array: Array) -> Array:
        array = replace_operands(array, visit)
        match array:
            case Contract(axes, left, right):
                return next(_better_paired(axes, left, right, present), array)
            case _:
                return array

    body = [replace(each, value=visit(each.value)) for each in routine.body]
    if body == list(routine.body):
        return routine
    emission = Emission(repeated(each.value for each in body), names.value)
    for each in body:
        emission.emit(each)
    return replace(routine, body=tuple(emission.body))


def _better_paired(
    axes: Axes, left: Array, right: Array, present: Mapping[Key, int]
) -> Iterator[Array]:
    """The same contraction with a present product in it, if its own product is of no other use."""
    for product, third in ((left, right), (right, left)):
        if not isinstance(product, Ratio) or product.denominators or present[key(product)] > 1:
            continue
        scope = tuple(dict.fromkeys((*product.axes, *third.axes)))
        for place, other in enumerate(product.numerators):
            rest = [n for k, n in enumerate(product.numerators) if k != place]
            instead = multiply(scope, [constant(product.coefficient), *rest, third])
            if present[key(instead)] and set(instead.axes) >= set(product.axes):
                yield Contract(axes, instead, other)
