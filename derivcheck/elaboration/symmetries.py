"""Arrays that the page says are symmetric: `A_{ij} = A_{ji}`, “a symmetric matrix $A$”.

Only of an array that no equation defines; of a defined one it is a claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from derivcheck import syntax
from derivcheck.elaboration.names import around, array_name, subscript_items
from derivcheck.elaboration.properties import spoken_of
from derivcheck.source import Source
from derivcheck.syntax import Statement

_KINDS = r"(?:real|square|positive|negative|definite|semi-?definite)"
_BEFORE = re.compile(
    r"(?<!\bif )(?<!\bif a )(?<!\bfor )(?<!\bfor a )(?<!\bwhen )(?<!\bnot )(?<!\bno )"
    rf"(?<!non-)(?<!skew-)(?<!anti-)\bsymmetric(?:[\s,]+(?:{_KINDS}|matri(?:x|ces)|arrays?))*\s+\$?\s*$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    rf"\s*\$?[\s,:(]*(?:(?:is|be|are)\s+)?(?:an?\s+|the\s+)?(?:{_KINDS}[\s,]+(?:and\s+)?)*symmetric\b"
    r"(?!\s+(?:or\b|up to\b|parts?\b|apart\b|only\b|if\b|when\b|except\b))",
    re.IGNORECASE,
)
_UNREAL = re.compile(r"\$?\s*(?:would|were|could|might|may)\b", re.IGNORECASE)
_SAYS_SO = re.compile(
    r"\b(?:symmetr\w*|with|where|assum\w*|suppos\w*|such that|satisf\w*|given|let|since|because|as"
    r"|so|i\.e\.,?|that is,?|means)\b[^.;!?]*$",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\b(?:if|when|whenever|unless|for|not|wrong|false|no|never|would|cannot)\b[^.;!?]*$",
    re.IGNORECASE,
)
_CONDITIONAL = re.compile(r"\b(?:if|when|whenever|unless|for)\s+\$?\s*$", re.IGNORECASE)


def symmetric_names(statements: Iterable[Statement], source: Source) -> set[str]:
    """The names of arrays that are symmetric in their two axes."""
    found: set[str] = set()
    defined: set[str] = set()
    for statement in statements:
        if (name := symmetry(statement)) is not None:
            before, _ = around(statement.span, source)
            if _SAYS_SO.search(before) and not _DENIES.search(before):
                found.add(name)
        elif statement.equates:
            defined.add(array_name(statement.sides[0]) or "")
        elif names := spoken_of(statement):
            before, after = around(statement.span, source)
            is_so = _AFTER.match(after) and not _CONDITIONAL.search(before)
            if is_so or (_BEFORE.search(before) and not _UNREAL.match(after)):
                found.update(names)
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
