"""What a document means by the marks on its letters, as it shows by how it uses them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from derivcheck import syntax


@dataclass(frozen=True)
class Numbered:
    """What an array with numbers in brackets above is called, and whether they number vectors."""

    name: str
    vectors: bool = False


@dataclass(frozen=True)
class Usage:
    r"""How a document spells.

    `differentials` are the names `dX` of one symbol that it calls gradients by; `twofold` the
    letters that mean something else with subscripts: L_i is then an entry of `{L}`. `vectors` are
    bold letters that are a vector alone, `\mathbf{x}`, and one of several with a subscript: then
    `\mathbf{x}_n` and its entry x_{ni} are of `{x}`, and x_i is one of `\mathbf{x}`. `numbered` are
    the arrays whose superscripts in brackets are indices: the x of `\sum_i x_j^{(i)}`, which is an
    entry x_{ij}.
    """

    differentials: Collection[str] = ()
    twofold: Collection[str] = ()
    vectors: Collection[str] = ()
    numbered: Mapping[str, Numbered] = field(default_factory=dict[str, Numbered])

    def __bool__(self) -> bool:
        return bool(self.differentials or self.twofold or self.vectors or self.numbered)

    def named(self, node: syntax.Scripted) -> syntax.Scripted:
        """The array with the subscripts and under the name that it has here."""
        base = node.base
        if not isinstance(base, syntax.Symbol):
            return node
        subscript = node.subscript
        if subscript is None or not _indexes(subscript):
            several = False
        elif base.name in self.vectors:
            several = base.bold or len(_items(subscript)) > 1
        else:
            several = base.name in self.twofold
        if several:
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
        found = self.numbered.get(layer) or self.numbered.get(base.name)
        if found is None:
            return node
        items = () if under is None or layer in self.numbered else _items(under)
        subscript = syntax.Sequence((number, *items), node.span) if items else number
        base = replace(base, name=found.name, bold=base.bold or (found.vectors and not items))
        return replace(node, base=base, subscript=subscript, superscript=above)


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


def _indexes(subscript: syntax.Node) -> bool:
    """Whether a subscript is no label: not a word."""
    return not (isinstance(subscript, syntax.Symbol) and subscript.word)
