r"""Evaluation bars: `\left. \frac{df}{dx} \right|_{x=0}` is df/dx where x = 0.

An equality of such values holds if its sides are equal wherever x = 0; so the bar is a condition of
the link, and x must not stand outside of bars, where it would be any number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from derivcheck import syntax
from derivcheck.elaboration.fault import unsupported
from derivcheck.elaboration.names import declared_name, label, parts
from derivcheck.elaboration.supposing import Condition
from derivcheck.syntax import Node, Statement


def place(node: Node) -> syntax.Chain | None:
    """What holds at the end of a bar; None for anything else."""
    match node:
        case syntax.Scripted(syntax.Group("."), syntax.Chain(_, ("=",)) as chain):
            return chain
        case _:
            return None


def places(sides: Sequence[Node]) -> tuple[Condition, ...]:
    """The condition that the bars of a link are, none without a bar; raises `Fault`."""
    found: dict[str, syntax.Chain] = {}
    for side in sides:
        for chain in _bars(side):
            found.setdefault("=".join(map(label, chain.sides)), chain)
    if not found:
        return ()
    first, *others = found.values()
    if others:
        raise unsupported("bars at different places", others[0].span, "give each value a name")
    variable, value = first.sides
    name = declared_name(variable)
    if name is None or any(declared_name(node) == name for node in _beyond(value)):
        raise unsupported("a bar without a symbol", first.span, "write |_{x = …}")
    if any(declared_name(node) == name for side in sides for node in _beyond(side)):
        raise unsupported(
            f"{name} inside and outside of a bar",
            first.span,
            f"write the value of {name} outside, or another letter",
        )
    signs = (syntax.Relation("=", first.span),)
    return (Condition(Statement(first.sides, signs, first.span)),)


def _bars(node: Node) -> Iterator[syntax.Chain]:
    if (chain := place(node)) is not None:
        yield chain
    for part in parts(node):
        yield from _bars(part)


def _beyond(node: Node) -> Iterator[Node]:
    r"""Every node outside of bars, but no variable of a derivative: the bar at the end of
    `\frac{d}{dx} \sum_i f_i |_{x=0}` is one of the derivative."""
    if place(node) is not None:
        return
    yield node
    variables = [v for v, _ in node.variables] if isinstance(node, syntax.DerivativeOf) else []
    for part in parts(node):
        if part not in variables:
            yield from _beyond(part)
