"""What a document means by the marks on its letters, as it shows by how it uses them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from derivcheck import syntax


@dataclass(frozen=True)
class Usage:
    r"""How a document spells.

    `differentials` are the names `dX` of one symbol that it calls gradients by; `twofold` the
    letters that mean something else with subscripts: L_i is then an entry of `{L}`. `numbered` are
    the arrays whose superscripts in brackets are indices, with the names that these get: the x of
    `\sum_i x_j^{(i)}`, which is an entry x_{ij}.
    """

    differentials: Collection[str] = ()
    twofold: Collection[str] = ()
    numbered: Mapping[str, str] = field(default_factory=dict[str, str])

    def __bool__(self) -> bool:
        return bool(self.differentials or self.twofold or self.numbered)

    def named(self, node: syntax.Scripted) -> syntax.Scripted:
        """The array with the subscripts and under the name that it has here."""
        base = node.base
        if not isinstance(base, syntax.Symbol):
            return node
        if base.name in self.twofold and _indexes(node.subscript):
            base = replace(base, name=f"{{{base.name}}}")
        elif (found := number_above(node.superscript)) is not None:
            return self._numbered(node, base, *found)
        return replace(node, base=base)

    def _numbered(
        self,
        node: syntax.Scripted,
        base: syntax.Symbol,
        number: syntax.Node,
        above: syntax.Node | None,
    ) -> syntax.Scripted:
        under = node.subscript
        layer = f"{base.name}_{{{under.text}}}" if isinstance(under, syntax.Numeral) else ""
        name = self.numbered.get(layer) or self.numbered.get(base.name)
        if name is None:
            return node
        items = () if under is None or layer in self.numbered else _items(under)
        subscript = syntax.Sequence((number, *items), node.span) if items else number
        return replace(node, base=replace(base, name=name), subscript=subscript, superscript=above)


def number_above(above: syntax.Node | None) -> tuple[syntax.Node, syntax.Node | None] | None:
    r"""i of the superscripts `(i)` and `(i)\top`, and what else stands there; None for others."""
    match above:
        case syntax.Group("(" | r"\langle", _, body):
            return body, None
        case syntax.Multiplication((syntax.Group("(" | r"\langle", _, body), other), ("",)):
            return body, other
        case syntax.Multiplication((other, syntax.Group("(" | r"\langle", _, body)), ("",)):
            return body, other
        case _:
            return None


def _items(subscript: syntax.Node) -> tuple[syntax.Node, ...]:
    match subscript:
        case syntax.Sequence(items):
            return items
        case syntax.Multiplication(factors, operators) if not any(operators):
            return factors
        case _:
            return (subscript,)


def _indexes(subscript: syntax.Node | None) -> bool:
    """Whether a subscript is no label: not a word."""
    return subscript is not None and not (isinstance(subscript, syntax.Symbol) and subscript.word)
