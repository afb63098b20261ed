"""Names that are sizes by where they stand: in a declared shape, or as a factor of such a size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from derivcheck import syntax
from derivcheck.elaboration.names import declared_name, parts
from derivcheck.syntax import Statement


def sizes_in_shapes(statements: Iterable[Statement]) -> set[str]:
    r"""The names in `X \in \mathbb{R}^{N \times D}`, which are sizes wherever the page defines
    them."""
    return {name for statement in statements for name in _in_shape(statement)}


def _in_shape(statement: Statement) -> Iterator[str]:
    if [relation.sign for relation in statement.relations] != [r"\in"]:
        return
    members = statement.sides[1]
    if isinstance(members, syntax.Scripted) and members.superscript is not None:
        for node in (members.superscript, *parts(members.superscript)):
            if (name := declared_name(node)) is not None:
                yield name


def products_of_sizes(statements: Iterable[Statement]) -> Iterator[tuple[str, set[str]]]:
    """`M = HD`: a capital and the capitals whose product it is."""
    for statement in statements:
        match statement.sides:
            case (syntax.Symbol(whole), syntax.Multiplication(factors)) if statement.equates:
                names = {part.name for part in factors if isinstance(part, syntax.Symbol)}
                if len(names) == len(factors) and all(map(is_size_letter, (whole, *names))):
                    yield whole, names
            case _:
                pass


def is_size_letter(name: str) -> bool:
    """Whether a name looks like a size: a capital, calligraphic or not."""
    return (len(name) == 1 and name.isupper()) or name.startswith(r"\mathcal{")
