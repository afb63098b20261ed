"""A separation as a reader checks it: exact inputs, and both sides to digits that are right."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import numpy
from flint import arb, ctx

from derivcheck.expression import Parameter, Tensor
from derivcheck.refutation.search import Separation
from derivcheck.verdict import Counterexample
from derivcheck.witnesses.trial import Exact, entry

_PLACES = 3
_MOST_PLACES = 30
_PLAIN_UP_TO = 10**6
_LARGEST = arb(10) ** 1000
"""Beyond this a value is printed by its leading digits alone, and never written out."""


def counterexample(
    separation: Separation, tensors: Sequence[Tensor], parameters: Sequence[Parameter]
) -> Counterexample:
    """The separation in the page's names: only these tensors' values and these parameters."""
    point = separation.point
    enclosures = separation.enclosures
    left, right = _two_decimals(enclosures.left, enclosures.right, enclosures.precision)
    return Counterexample(
        extents={p.name: point.extents[p] for p in parameters if p in point.extents},
        indices={i.name: value + i.base for i, value in separation.indices.items()},
        values={t.name: nested(point.exact[t]) for t in tensors},
        left=left,
        right=right,
    )


def nested(array: Exact) -> object:
    """Nested lists of exact decimals, or fractions where there is none; a scalar is one text."""
    texts = numpy.empty(array.shape, dtype=object)
    for position in numpy.ndindex(array.shape):
        texts[position] = exact_text(entry(array, position))
    return texts.tolist()


def exact_text(value: Fraction) -> str:
    """`2`, `-0.0625`, `1/3`.

    >>> exact_text(Fraction(-1, 16)), exact_text(Fraction(1, 3))
    ('-0.0625', '1/3')
    """
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return str(value)
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    return _fixed(value, places) if places else str(value.numerator)


def _two_decimals(left: arb, right: arb, precision: int) -> tuple[str, str]:
    """Both values with as many digits as tell them apart, at least three after the point."""
    if any(abs(value) > _LARGEST or 0 < abs(value) < 1 / _LARGEST for value in (left, right)):
        return left.str(8, radius=False), right.str(8, radius=False)
    bounds = [_bounds(side, precision) for side in (left, right)]
    scale = max(abs(edge) for side in bounds for edge in side)
    if scale < _PLAIN_UP_TO and (scale == 0 or scale >= Fraction(1, 1000)):
        for places in range(_PLACES, _MOST_PLACES):
            texts = [_rounded(side, places) for side in bounds]
            if None not in texts and texts[0] != texts[1]:
                return str(texts[0]), str(texts[1])
    return _scientific(bounds[0], bounds[1]), _scientific(bounds[1], bounds[0])


def _bounds(value: arb, precision: int) -> tuple[Fraction, Fraction]:
    with ctx.workprec(precision + 64):
        return _fraction(value.lower()), _fraction(value.upper())


def _fraction(value: arb) -> Fraction:
    mantissa, exponent = value.man_exp()
    shift = int(exponent)
    return Fraction(int(mantissa)) * (Fraction(2) ** shift)


def _rounded(bounds: tuple[Fraction, Fraction], places: int) -> str | None:
    """The decimal to which every number between the bounds rounds, if there is one."""
    low, high = (_round(edge, places) for edge in bounds)
    if low == high:
        return _fixed(low, places)
    # The bounds straddle a rounding boundary, or the value lies on one: take the nearer text.
    middle = (bounds[0] + bounds[1]) / 2
    narrow = (bounds[1] - bounds[0]) * 10**places < Fraction(1, 1000)
    return _fixed(_round(middle, places), places) if narrow else None


def _round(value: Fraction, places: int) -> Fraction:
    return Fraction(round(value * 10**places), 10**places)


def _fixed(value: Fraction, places: int) -> str:
    units = round(abs(value) * 10**places)
    digits = str(units).rjust(places + 1, "0")
    sign = "-" if value < 0 and units else ""
    whole, rest = digits[: len(digits) - places], digits[len(digits) - places :]
    return f"{sign}{whole}.{rest}" if places else f"{sign}{whole}"


def _scientific(bounds: tuple[Fraction, Fraction], other: tuple[Fraction, Fraction]) -> str:
    """One digit before the point, as many after it as tell the value from the other one."""
    middle, rival = ((low + high) / 2 for low, high in (bounds, other))
    if middle == 0:
        return "0.000"
    for digits in range(_PLACES, _MOST_PLACES):
        text, against = (_exponential(value, digits) for value in (middle, rival))
        if text != against:
            return text
    return _exponential(middle, _MOST_PLACES)


def _exponential(value: Fraction, digits: int) -> str:
    if value == 0:
        return "0"
    exponent = 0
    size = abs(value)
    # The exponent from the lengths of the integers, so that no float overflows.
    exponent = len(str(size.numerator)) - len(str(size.denominator))
    if size < Fraction(10) ** exponent:
        exponent -= 1
    scaled = round(size / Fraction(10) ** exponent * 10**digits)
    if scaled >= 10 ** (digits + 1):
        exponent += 1
        scaled = round(size / Fraction(10) ** exponent * 10**digits)
    text = str(Decimal(scaled).scaleb(-digits))
    return f"{'-' if value < 0 else ''}{text}e{exponent:+03d}"
