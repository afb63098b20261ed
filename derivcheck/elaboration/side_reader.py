"""What the parts of elaboration that read one side of an equation ask of each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from derivcheck.elaboration.choices import Choices
from derivcheck.elaboration.integers import IntegerReader, Letters
from derivcheck.elaboration.state import PageState
from derivcheck.expression import Expression, Index
from derivcheck.syntax import Node


class SideReader(Protocol):
    """Reads syntax as expressions, with the page, the statement's letters and open choices.

    `implicit` are the indices of an equation between whole arrays, once one was met; `indexed` says
    that index letters stand in the statement, so that a bare array is no whole-array equation.
    """

    page: PageState
    letters: Letters
    integers: IntegerReader
    choices: Choices
    indexed: bool
    implicit: tuple[Index, ...] | None
    has_derivative: bool
    guessed: str | None

    def value(self, node: Node) -> Expression:
        """The number that this syntax stands for."""
        ...

    def entries_of(self, body: Node, subscripts: Sequence[Node]) -> Expression:
        """`[A]_{ij}`: the whole-array expression A at these subscripts."""
        ...

    def entries_at(self, body: Node, indices: tuple[Index, ...]) -> Expression:
        """An expression in whole arrays, at these indices."""
        ...

    def product(self, factors: Sequence[Node], operators: Sequence[str]) -> Expression:
        """The product of these factors."""
        ...

    def applies(self, factors: Sequence[Node], operators: Sequence[str], position: int) -> bool:
        """Whether the factor here is a function and the bracket after it its argument."""
        ...

    def note_function(self, name: str, argument: Node) -> None:
        """Note how a function of a matrix is read."""
        ...

    def bare_rank(self, node: Node) -> int:
        """The number of axes of what stands without subscripts here; 0 for a scalar."""
        ...
