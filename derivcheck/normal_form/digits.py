"""Indices taken apart into digits, wherever a claim rests on a one-to-one index map.

Where (cH + i)W + j stands as a subscript, an index k over an extent CHW takes each value at one
triple of digits: Σ_k f(k) = Σ_c Σ_i Σ_j f((cH + i)W + j), and what holds for all digits holds for
all k. After that every delta compares subscripts digit by digit (`integers.quotient_and_rest`), and
no entry at such a subscript leaves its axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Context,
    Expression,
    Index,
    Maximum,
    Product,
    Sum,
    affines,
    composition,
    digits,
    fresh,
    rebuild,
    size,
    total,
    walk,
)


@dataclass(frozen=True)
class Digits:
    """The extents that are taken apart, each with its digits, the highest first."""

    digits: Mapping[Affine, tuple[Index, ...]] = field(
        default_factory=dict[Affine, tuple[Index, ...]]
    )

    def expression(
        self, expression: Expression, values: Mapping[Index, Affine] | None = None
    ) -> Expression:
        """The same value with every index over such an extent as a number of digits.

        `values` replaces free indices on the way.
        """
        return self._apart(expression, values or {}) if self.digits else expression

    def context(self, context: Context) -> Context:
        """The same definitions and hypotheses; their free indices stay as they are."""
        if not self.digits:
            return context
        return replace(
            context,
            definitions={
                tensor: replace(definition, body=self._apart(definition.body, {}))
                for tensor, definition in context.definitions.items()
            },
            hypotheses=tuple(
                replace(h, left=self._apart(h.left, {}), right=self._apart(h.right, {}))
                for h in context.hypotheses
            ),
        )

    def free(self, indices: tuple[Index, ...]) -> dict[Index, Affine]:
        """Numbers of digits for the free indices of a claim, which is made for all of them."""
        found: dict[Index, Affine] = {}
        for index in indices:
            parts = self._parts(index)
            if parts:
                found[index] = composition(
                    [replace(d, name=f"{index.name}_{n}", serial=0) for n, d in enumerate(parts)]
                )
        return found

    def _parts(self, index: Index) -> tuple[Index, ...]:
        """Fresh digits of an index, themselves taken apart; none if it stays whole."""
        found: list[Index] = []
        for digit in self.digits.get(index.extent, ()):
            found.extend(self._parts(digit) or (fresh(replace(digit, base=index.base)),))
        return tuple(found)

    def _apart(self, expression: Expression, values: Mapping[Index, Affine]) -> Expression:
        match expression:
            case Sum(index, body):
                binders, values = self._binders(index, values)
                return total(binders, self._apart(body, values))
            case Product(index, body):
                binders, values = self._binders(index, values)
                result = self._apart(body, values)
                for binder in reversed(binders):
                    result = Product(binder, result)
                return result
            case Maximum(indices, where, body):
                bound: list[Index] = []
                for index in indices:
                    binders, values = self._binders(index, values)
                    bound.extend(binders)
                return Maximum(tuple(bound), self._apart(where, values), self._apart(body, values))
            case _:
                return rebuild(
                    expression,
                    lambda child: self._apart(child, values),
                    lambda value: value.substitute(values) if values else value,
                )

    def _binders(
        self, index: Index, values: Mapping[Index, Affine]
    ) -> tuple[tuple[Index, ...], Mapping[Index, Affine]]:
        extent = index.extent.substitute(values) if values else index.extent
        if extent != index.extent:
            renamed = fresh(index, extent)
            return (renamed,), {**values, index: Affine.of(renamed)}
        parts = self._parts(index)
        return (parts, {**values, index: composition(parts)}) if parts else ((index,), values)


def digits_of(reading: Reading) -> Digits:
    """The index maps on which a claim rests, its definitions included.

    Of two ways to take one extent apart the finer one is taken, then the one met first.
    """
    found: dict[Affine, tuple[Index, ...]] = {}
    for value in _subscripts(reading):
        parts = digits(value) if len(value.terms) > 1 else None
        if parts is not None and len(parts) > 1:
            whole = size(parts)
            if len(parts) > len(found.get(whole, ())):
                found[whole] = parts
    return Digits(found)


def _subscripts(reading: Reading) -> Iterator[Affine]:
    sides = [reading.left, reading.right]
    sides.extend(definition.body for definition in reading.context.definitions.values())
    for side in sides:
        for node in walk(side):
            yield from affines(node)
