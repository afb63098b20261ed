"""Syntax and declarations -> index expressions: what every equation of a page means."""

from derivcheck.elaboration.page import elaborate
from derivcheck.elaboration.state import Same
from derivcheck.elaboration.uses import PageNotUsable, Pages

__all__ = ["PageNotUsable", "Pages", "Same", "elaborate"]
