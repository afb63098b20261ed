"""The integers of a program: what each is called, and which argument's shape gives it away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from derivcheck.derivation import Derivation
from derivcheck.expression import Affine, Expression, Parameter, parameters
from derivcheck.lowering.naming import Names


@dataclass(frozen=True)
class Extent:
    """An integer that a routine needs: (an axis of an argument − rest) / slope, or a formula."""

    parameter: Parameter
    argument: str | None
    axis: int
    formula: Expression | None = None
    slope: Affine = Affine.of(1)  # noqa: RUF009
    rest: Affine = Affine()  # noqa: RUF009


def numbers_of(derivation: Derivation, names: Names) -> dict[Parameter, str]:
    """A name for every integer of the page, statics first."""
    found: dict[Parameter, None] = dict.fromkeys(derivation.statics)
    for tensor in (*derivation.inputs, *derivation.context.definitions):
        for extent in tensor.extents:
            found.update(dict.fromkeys(a for a in extent.atoms() if isinstance(a, Parameter)))
    bodies = [definition.body for definition in derivation.context.definitions.values()]
    bodies.extend(closed.body for closed in derivation.gradients.values())
    for body in (*bodies, *derivation.extents.values()):
        found.update(dict.fromkeys(parameters(body)))
    return {parameter: names.symbol(parameter.name, "_size") for parameter in found}


def extents_of(
    needed: Iterable[Parameter],
    sources: Sequence[tuple[str, tuple[Affine, ...]]],
    derivation: Derivation,
) -> tuple[list[Extent], list[Parameter]]:
    """Where each integer comes from, in an order in which it can be computed; and what is left."""
    found: dict[Parameter, Extent] = {}
    missing: list[Parameter] = []
    given = set(derivation.statics)

    def determined(parameter: Parameter, pending: frozenset[Parameter]) -> bool:
        """Whether the integer is known or can be computed, without those whose turn it is."""
        if parameter in found or parameter in given:
            return True
        if parameter in pending:
            return False
        for name, extents in sources:
            for axis, extent in enumerate(extents):
                if extent.atom == parameter:
                    found[parameter] = Extent(parameter, name, axis)
                    return True
        pending = pending | {parameter}
        if parameter in derivation.extents:
            formula = derivation.extents[parameter]
            for other in parameters(formula):
                visit(other, pending)
            found[parameter] = Extent(parameter, None, 0, formula)
            return True
        for name, extents in sources:
            for axis, extent in enumerate(extents):
                slope = extent.coefficient(parameter)
                rest = extent - Affine.of(parameter) * slope
                atoms = (*rest.atoms(), *slope.atoms())
                if slope.terms and all(
                    isinstance(other, Parameter) and determined(other, pending) for other in atoms
                ):
                    found[parameter] = Extent(parameter, name, axis, None, slope, rest)
                    return True
        return False

    def visit(parameter: Parameter, pending: frozenset[Parameter] = frozenset()) -> None:
        if not determined(parameter, pending):
            missing.append(parameter)
            given.add(parameter)

    for parameter in needed:
        visit(parameter)
    return list(found.values()), missing
