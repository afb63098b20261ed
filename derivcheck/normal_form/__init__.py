"""Normal forms of index expressions: one map of monomials for all ways to write a value.

`normalise` reads an expression; two expressions with one key are equal for every size wherever both
are defined. The converse does not hold: forms that differ may be equal.
"""

from __future__ import annotations

from derivcheck.expression import Context, Expression
from derivcheck.normal_form.atoms import NormalForm
from derivcheck.normal_form.linear import (
    subtracted,
)
from derivcheck.normal_form.mirrored import Mirrored
from derivcheck.normal_form.session import BudgetExceeded, Unprovable
from derivcheck.normal_form.writing import expression

__all__ = [
    "BudgetExceeded",
    "NormalForm",
    "Normaliser",
    "Unprovable",
    "expression",
    "normalise",
    "subtracted",
]

Normaliser = Mirrored
"""One session with every operation."""


def normalise(
    expression: Expression,
    context: Context | None = None,
    *,
    off_kinks: bool = False,
    budget: int = 100_000,
) -> NormalForm:
    """The normal form, definitions kept as names. Raises `Unprovable` (`BudgetExceeded`)."""
    session = Normaliser(context or Context(), off_kinks, budget)
    return session.settled(session.read(expression))
