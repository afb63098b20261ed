"""What a left side would define: a name with index letters, a function's name, a gradient's."""

from __future__ import annotations

from dataclasses import dataclass

from derivcheck import syntax
from derivcheck.elaboration.matrices import TRACES
from derivcheck.elaboration.names import (
    CONSTANTS,
    is_transpose,
    subscript_items,
    subscripted,
    superscripted,
)
from derivcheck.elaboration.state import PageState
from derivcheck.syntax import Node

_NOT_NAMES = frozenset({r"\partial", r"\nabla", r"\infty"})
_NO_FUNCTIONS = _NOT_NAMES | CONSTANTS


@dataclass(frozen=True)
class LeftSide:
    """A definable left side: `x_{ij}`, or `f(x)` with its argument."""

    name: str
    subscripts: tuple[Node, ...] = ()
    argument: Node | None = None


def left_side(page: PageState, left: Node, explicit: bool) -> LeftSide | None:
    """What this left side would define; None if it is no definable form."""
    match left:
        case syntax.Symbol(name) if name not in _NOT_NAMES and not name.isdigit():
            return LeftSide(name)
        case syntax.Scripted(syntax.Symbol(base), subscript, superscript, primes):
            return _scripted(page, base, subscript, superscript, primes, explicit)
        case syntax.Multiplication(
            (syntax.Symbol(name), syntax.Group("(", _, arguments)), ("",)
        ) if name not in _NO_FUNCTIONS and page.depends_by_name(name, arguments):
            return LeftSide(name)
        case syntax.Multiplication(
            (syntax.Symbol(name), syntax.Group("(", _, syntax.Symbol() as argument)), ("",)
        ) if name not in _NO_FUNCTIONS:
            return LeftSide(name, (), argument)
        case syntax.Multiplication(
            (syntax.Scripted(primes=0) as head, syntax.Group("(", _, arguments)), ("",)
        ) if (name := page.labelled_function(head)) and page.depends_by_name(name, arguments):
            return LeftSide(name)
        case syntax.Multiplication(
            (syntax.Scripted(primes=0) as head, syntax.Group("(", _, syntax.Symbol() as argument)),
            ("",),
        ) if (name := page.labelled_function(head)) is not None:
            return LeftSide(name, (), argument)
        case syntax.Multiplication(
            (syntax.Symbol(name), syntax.Group("(", _, syntax.Scripted() as argument)), ("",)
        ) if name in page.introduced:
            return LeftSide(name, (), argument)
        case syntax.Call(name, (syntax.Symbol() as argument,), None, None, True) if (
            name not in TRACES
        ):
            return LeftSide(name, (), argument)
        case _:
            return None


def _scripted(
    page: PageState,
    base: str,
    subscript: Node | None,
    superscript: Node | None,
    primes: int,
    explicit: bool,
) -> LeftSide | None:
    if base in _NOT_NAMES or base.isdigit() or (base in CONSTANTS and subscript is None):
        return None
    name = base
    if superscript is not None:
        if is_transpose(superscript):
            return None
        known = page.scope.lookup(base + "'" * primes)
        labelled = superscripted(base, superscript)
        if known is not None and page.scope.lookup(labelled) is None:
            return None
        name = labelled
    name += "'" * primes
    if subscript is not None:
        full = subscripted(name, subscript)
        known = page.scope.lookup(name)
        word = isinstance(subscript, syntax.Symbol) and subscript.word
        labelled = page.labels(name, subscript) and (known is None or known.defined)
        if word or labelled or page.scope.lookup(full) is not None:
            return LeftSide(full)
    items = subscript_items(subscript, None)
    kronecker = base == r"\delta" and len(items) == 2 and not explicit
    if kronecker and page.scope.lookup(base) is None:
        return None
    return LeftSide(name, items)
