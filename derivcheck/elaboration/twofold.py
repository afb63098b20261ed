r"""Letters with two meanings on one page: `L = \frac{1}{N} \sum_i L_i`, or sizes N and `N_k`.

The array is then called `{L}`, which is written as L, and everything with subscripts is about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from derivcheck import syntax
from derivcheck.elaboration.names import declared_name, nodes, parts, subscript_items
from derivcheck.syntax import Node, Statement


def twofold(statements: Sequence[Statement]) -> frozenset[str]:
    """The letters that are a number or a size alone, and an array with subscripts.

    A letter is both where an equation says that it is a sum of its own entries, which a bold or
    declared one is not as an array, and where a page defines entries of what is a size elsewhere.
    """
    sizes: set[str] = set()
    entries: set[str] = set()
    sums: set[str] = set()
    declared: set[str] = set()
    for statement in statements:
        signs = [relation.sign for relation in statement.relations]
        if signs[:1] == [r"\in"]:
            declared.update(_declared(statement.sides[0]))
        for before, side in zip(("", *signs), statement.sides, strict=True):
            sizes.update(_sizes(side, in_set=before == r"\in"))
        if signs and signs[0] in ("=", ":=", r"\equiv"):
            left, *others = statement.sides
            if (name := _bare(left)) is not None and any(_adds_up(name, each) for each in others):
                sums.add(name)
            match left:
                case syntax.Scripted(syntax.Symbol(name), _, None) if _letters(left):
                    entries.add(name)
                case _:
                    pass
    return frozenset((sums | (sizes & entries)) - declared)


def _bare(left: Node) -> str | None:
    match left:
        case syntax.Symbol(name, bold=False) | syntax.Multiplication(
            (syntax.Symbol(name, bold=False), syntax.Group("(")), ("",)
        ):
            return name
        case _:
            return None


def _declared(side: Node) -> Iterator[str]:
    for item in side.items if isinstance(side, syntax.Sequence) else (side,):
        if (name := declared_name(item)) is not None:
            yield name


def _sizes(side: Node, *, in_set: bool) -> Iterator[str]:
    """What bounds a sum, or stands in the shape of a declaration."""
    for node in nodes(side):
        match node:
            case syntax.BigOperator(upper=syntax.Symbol(name)):
                yield name
            case syntax.Scripted(_, _, shape) if in_set and shape is not None:
                yield from (part.name for part in nodes(shape) if isinstance(part, syntax.Symbol))
            case _:
                pass


def _letters(node: syntax.Scripted) -> list[str]:
    """The letters of subscripts that are letters all."""
    items = subscript_items(node.subscript, None)
    names = [item.name for item in items if isinstance(item, syntax.Symbol) and not item.word]
    return names if len(names) == len(items) else []


def _adds_up(name: str, node: Node, bound: frozenset[str] = frozenset()) -> bool:
    """Whether a sum over a letter is around an entry of this name at that letter."""
    match node:
        case syntax.BigOperator("sum", letters):
            bound |= {letter.name for letter in letters}
        case syntax.Scripted(syntax.Symbol(base), _, None) if base == name:
            return not bound.isdisjoint(_letters(node))
        case _:
            pass
    return any(_adds_up(name, part, bound) for part in parts(node))
