"""Closed forms to array programs: `forward` and `pullback` of a derivation."""

from derivcheck.lowering.extents import Extent
from derivcheck.lowering.parts import Parts, parts
from derivcheck.lowering.program import (
    FormulaProgram,
    Program,
    Routine,
    lower,
    lower_closed_form,
)
from derivcheck.lowering.sharing import Assignment
from derivcheck.lowering.translation import LoweringError

__all__ = [
    "Assignment",
    "Extent",
    "FormulaProgram",
    "LoweringError",
    "Parts",
    "Program",
    "Routine",
    "lower",
    "lower_closed_form",
    "parts",
]
