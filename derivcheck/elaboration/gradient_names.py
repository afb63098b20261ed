r"""Names of gradients: `dW` and `\bar{W}`, and by what a page says of one what all of them are.

A page that writes `dY = \partial L/\partial Y` calls gradients of L so, and its `dW = X^\top dY` is
a claim about ∂L/∂W. That it is, is a reading: under it a claim may be proved, but none is refuted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault
from derivcheck.elaboration.names import array_name, label, nodes, subscript_items
from derivcheck.source import Span
from derivcheck.syntax import Node, Statement

_BAR = re.compile(r"\\bar\{([^{}]+)\}((?:[_^].*)?)")
_D = re.compile(r"d((?:\w|\\.+)(?:[_^].*)?)")

_SAYS = frozenset([r"\in", "<", r"\le", ">", r"\ge"])
_LOSSES = frozenset(
    ["L", "J", "E", "C", r"\ell", r"\mathcal{L}", r"\mathcal{J}", r"\mathcal{E}", "loss", "cost"]
)


def differentials(statements: Sequence[Statement]) -> frozenset[str]:
    """The names `dX` that a page writes, with nothing between the letters.

    They are names where one stands alone on a side of an equation or is declared; then all are,
    unless the page has a `d` of its own.
    """
    every: set[str] = set()
    alone: set[str] = set()
    written = paired = 0
    for statement in statements:
        names = any(each.sign in ("=", ":=", r"\equiv", r"\in") for each in statement.relations)
        for side in statement.sides:
            items = side.items if isinstance(side, syntax.Sequence) else (side,)
            alone.update(name for item in items if names and (name := _differential(item)))
            for node in nodes(side):
                written += isinstance(node, syntax.Symbol) and node.name == "d"
                for name in _pairs(node):
                    every.add(name)
                    paired += 1
    return frozenset(every if alone and written == paired else alone)


def _differential(side: Node) -> str | None:
    match side:
        case syntax.Multiplication((_, _), ("",)):
            return next(_pairs(side), None)
        case _:
            return None


def _pairs(node: Node) -> Iterator[str]:
    """The `dX` among the factors of a product."""
    if not isinstance(node, syntax.Multiplication):
        return
    for first, second in pairwise(node.factors):
        base = second.base if isinstance(second, syntax.Scripted) else second
        adjoining = first.span.end == second.span.start
        named = isinstance(base, syntax.Symbol) and base.name not in ("d", "1") and not base.word
        if isinstance(first, syntax.Symbol) and first.name == "d" and adjoining and named:
            assert isinstance(base, syntax.Symbol)
            yield f"d{base.name}"


def differentiated(name: str) -> tuple[str, str] | None:
    r"""How a gradient is marked, and of what it would be: `dW_{1}` and `\bar{W}_{1}` of `W_{1}`."""
    if found := _BAR.fullmatch(name):
        return r"\bar", found[1] + found[2]
    if found := _D.fullmatch(name):
        return "d", found[1]
    return None


def is_gradient(node: Node) -> bool:
    r"""Whether this is a derivative of a loss, one symbol: `\partial x_i/\partial x_j` is not."""
    match node:
        case syntax.DerivativeOf(_, syntax.Symbol(), ((_, 1),)):
            return True
        case _:
            return False


def unbound(name: str, span: Span) -> Fault:
    return Fault(
        "unbound-gradient-name",
        f"{name} looks like a gradient, but nothing says of what",
        span,
        rf"write {name} := \partial L/\partial …, or “let {name} = …”",
    )


def bound_names(statements: Sequence[Statement]) -> dict[str, tuple[Node, str]]:
    r"""Loss and array of each name that the page binds somewhere, “where `\delta_{ij} = …`”."""
    found: dict[str, tuple[Node, str]] = {}
    for statement in statements:
        match statement.sides:
            case (named, syntax.DerivativeOf(_, syntax.Symbol() as loss, ((variable, 1),)), *_):
                name, array = array_name(named), array_name(variable)
                if name and array and _subscripts(named) == _subscripts(variable):
                    found.setdefault(name, (loss, array))
            case _:
                pass
    return found


def _subscripts(node: Node) -> tuple[str, ...]:
    if not isinstance(node, syntax.Scripted):
        return ()
    return tuple(map(label, subscript_items(node.subscript, None)))


def conventions(statements: Sequence[Statement]) -> dict[str, Node]:
    """The loss whose gradients a mark names, for each mark that the page explains once by ∂L/∂Y."""
    found: dict[str, dict[str, Node]] = {}
    for statement in statements:
        for left, right in pairwise(statement.sides):
            for named, derivative in ((left, right), (right, left)):
                match derivative:
                    case syntax.DerivativeOf(_, syntax.Symbol(loss) as operand, ((variable, 1),)):
                        marked = differentiated(array_name(named) or "")
                        if marked is not None and marked[1] == array_name(variable):
                            found.setdefault(marked[0], {})[loss] = operand
                    case _:
                        pass
    explained = {
        mark: operand
        for mark, losses in found.items()
        if len(losses) == 1
        for operand in losses.values()
    }
    if "d" not in found and (loss := _only_loss(statements)) is not None:
        explained["d"] = loss
    return explained


def only_differentiated(statements: Sequence[Statement]) -> set[str]:
    r"""The names of which the page says no more than `L \in \mathbb{R}`, and what ∂L/∂x is."""
    operands: set[str] = set()
    within: Counter[str] = Counter()
    written: Counter[str] = Counter()
    for statement in statements:
        says = statement.relations[0].sign in _SAYS if statement.relations else True
        sides = statement.sides[1:] if says else statement.sides
        for node in (node for side in sides for node in nodes(side)):
            match node:
                case syntax.Symbol(name):
                    written[name] += 1
                case syntax.DerivativeOf(_, operand, variables):
                    operands.update(_bases(operand))
                    within.update(_bases(operand, *(variable for variable, _ in variables)))
                case _:
                    pass
    return {name for name in operands if within[name] == written[name]}


def _bases(*of: Node | None) -> Iterator[str]:
    for node in of:
        match node:
            case syntax.Symbol(name) | syntax.Scripted(syntax.Symbol(name), _, None):
                yield name
            case _:
                pass


def _only_loss(statements: Sequence[Statement]) -> Node | None:
    """What the `d` of code differentiates where nothing says so: the page's loss, if it has one
    alone, and a loss without a name if it has none."""
    losses = {
        node.operand.name: node.operand
        for statement in statements
        for side in statement.sides
        for node in nodes(side)
        if isinstance(node, syntax.DerivativeOf)
        and isinstance(node.operand, syntax.Symbol)
        and node.operand.name in _LOSSES
    }
    if not losses and statements:
        return syntax.Symbol("loss", statements[0].span, word=True)
    return next(iter(losses.values())) if len(losses) == 1 else None
