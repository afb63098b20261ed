"""Syntax and declarations -> index expressions: what every equation of a page means."""

from derivcheck.elaboration.page import elaborate

__all__ = ["elaborate"]
