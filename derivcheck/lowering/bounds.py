"""What is known of an integer polynomial for every admissible size; False means "not known"."""

from __future__ import annotations

from derivcheck.expression import Affine, Atom, Parameter


def surely_nonnegative(value: Affine) -> bool:
    """Whether `value` ≥ 0 follows from 0 ≤ index < extent and the parameters' minima."""
    for _ in range(8):  # extents of extents; a page's nest is one or two deep
        index = next(value.indices(), None)
        if index is None:
            break
        slope = value.coefficient(index)
        if surely_nonnegative(slope):
            value = value.substitute({index: Affine()})
        elif surely_nonnegative(-slope):
            value = value.substitute({index: index.extent - 1})
        else:
            return False
    else:
        return False
    shifted: dict[Atom, Affine] = {
        parameter: Affine.of(parameter) + parameter.minimum
        for parameter in value.atoms()
        if isinstance(parameter, Parameter)
    }
    return all(coefficient >= 0 for _, coefficient in value.substitute(shifted).terms)


def surely_positive(value: Affine) -> bool:
    return surely_nonnegative(value - 1)
