"""Arrays that the page says are symmetric: `A_{ij} = A_{ji}`, “a symmetric matrix $A$”.

Only of an array that no equation defines; of a defined one it is a claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from derivcheck import syntax
from derivcheck.elaboration.names import alone_in_prose, declared_name, subscript_items
from derivcheck.source import Source
from derivcheck.syntax import Statement

_BEFORE = re.compile(
    r"(?<!\bif )(?<!\bfor )(?<!\bfor a )(?<!\bwhen )(?<!\bnot )(?<!non-)(?<!skew-)(?<!anti-)"
    r"\bsymmetric(?:[\s,]+[a-z-]+){0,3}\s+\$?\s*$",
    re.IGNORECASE,
)
_AFTER = re.compile(r"\s*\$?,?\s*(?:is|be|are)\s+(?:an?\s+)?(?:(?:real|square)\s+)?symmetric\b")
_CONDITIONAL = re.compile(r"\b(?:if|when|whenever|unless|for)\s+\$?\s*$", re.IGNORECASE)


def symmetric_names(statements: Iterable[Statement], source: Source) -> set[str]:
    """The names of arrays that are symmetric in their two axes."""
    found: set[str] = set()
    defined: set[str] = set()
    for statement in statements:
        if (name := symmetry(statement)) is not None:
            found.add(name)
        elif (alone := alone_in_prose(statement, source)) is not None:
            name, before, after = alone
            is_so = _AFTER.match(after) and not _CONDITIONAL.search(before)
            if is_so or _BEFORE.search(before):
                found.add(name)
        elif statement.relations and statement.relations[0].sign in ("=", ":=", r"\equiv"):
            match statement.sides[0]:
                case syntax.Scripted(base, _, superscript, primes, span):
                    bare = syntax.Scripted(base, None, superscript, primes, span)
                    defined.add(declared_name(bare) or "")
                case side:
                    defined.add(declared_name(side) or "")
    return found - defined


def symmetry(statement: Statement) -> str | None:
    """The name A of a statement `A_{ij} = A_{ji}`."""
    if [relation.sign for relation in statement.relations] != ["="]:
        return None
    match statement.sides:
        case (syntax.Scripted(syntax.Symbol(name), left, None, 0), syntax.Scripted(base, right)):
            same = isinstance(base, syntax.Symbol) and base.name == name
            first, second = (
                [item.name for item in subscript_items(side, 2) if isinstance(item, syntax.Symbol)]
                for side in (left, right)
            )
            swapped = len(first) == 2 and first == second[::-1] and first[0] != first[1]
            return name if same and swapped else None
        case _:
            return None
