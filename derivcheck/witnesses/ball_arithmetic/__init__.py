r"""Rigorous enclosures of index expressions at a point, in ball arithmetic (python-flint's Arb).

The evaluator shares nothing with the calculus: derivatives are forward-mode dual numbers over
balls, seeded at the entry that the derivative names and run through the definitions.

    >>> from derivcheck.expression import Context, power, rational
    >>> from derivcheck.witnesses.trial import Point
    >>> enclose(power(rational(2), -1), {}, Point({}, {}), Context(), 64)
    0.500000000000000
"""

from __future__ import annotations

from collections.abc import Mapping

from flint import arb

from derivcheck.expression import Context, Expression, Index
from derivcheck.witnesses.ball_arithmetic.abstract_functions import StandIns
from derivcheck.witnesses.ball_arithmetic.comparison import Enclosures, Sides, SidesAt
from derivcheck.witnesses.ball_arithmetic.dual_ball import (
    BudgetExceeded,
    Inconclusive,
    NoValue,
    Undefined,
)
from derivcheck.witnesses.ball_arithmetic.evidence import agreement, ball_evidence
from derivcheck.witnesses.ball_arithmetic.program import Program
from derivcheck.witnesses.ball_arithmetic.run import DEFAULT_BUDGET, Run
from derivcheck.witnesses.trial import Point

__all__ = [
    "BudgetExceeded",
    "Enclosures",
    "Inconclusive",
    "NoValue",
    "Program",
    "Run",
    "Sides",
    "SidesAt",
    "StandIns",
    "Undefined",
    "agreement",
    "ball_evidence",
    "enclose",
]


def enclose(
    expression: Expression,
    indices: Mapping[Index, int],
    point: Point,
    context: Context,
    precision: int,
    *,
    off_kinks: bool = False,
    budget: int = DEFAULT_BUDGET,
) -> arb:
    """A ball that contains the expression's value, worked out with `precision` bits.

    `indices` are the values of the free indices, counted from 0. Raises `Undefined` (also at a kink
    under a derivative, and at every kink if `off_kinks`), `Inconclusive` where more precision may
    help, and `BudgetExceeded`.
    """
    program = Program(context, off_kinks=off_kinks)
    return Run(program, point, precision, budget).enclose(program.compile(expression), indices)
