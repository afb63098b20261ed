"""Entries of few values, as a declared set has them: powers that are lower powers."""

from __future__ import annotations

from derivcheck.normal_form.atoms import Number, Variable


def boolean(atom: Variable) -> bool:
    """Whether an entry is 0 or 1."""
    return atom.tensor.domain.values == (0, 1)


def lowered(atom: Variable, exponent: Number) -> Number:
    """The least exponent with the same power, of what is 0 or 1, or −1 or 1."""
    if exponent.denominator == 1 and atom.tensor.domain.values == (-1, 1):
        return exponent % 2
    return 1 if exponent > 0 and boolean(atom) else exponent


def membership(atom: Variable) -> str:
    """What a power was lowered by, as evidence says it."""
    return f"{atom.tensor.name} ∈ {{{', '.join(map(str, atom.tensor.domain.values))}}}"
