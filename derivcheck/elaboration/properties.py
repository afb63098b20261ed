"""What prose says of an array and nothing else does: “$Q$ is orthogonal”, “the one-hot vector $y$”.

Such words are not read as equations. What fails without them may hold with them, so that nobody is
convicted of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from derivcheck import syntax
from derivcheck.elaboration.names import around, declared_name
from derivcheck.source import Source
from derivcheck.syntax import Statement

_KIND = (
    r"(?:ortho(?:gonal|normal)|unitary|diagonal|(?:upper|lower)[\s-]triangular|projectors?|idempotent"
    r"|(?:skew|anti)-?\s?symmetric|permutation|unit[\s-](?:norm|length|vectors?)|normali[sz]ed"
    r"|one-hot|(?:doubly\s+)?stochastic|cent(?:er|re)d|standardi[sz]ed|(?:zero|unit)[\s-](?:mean|variance))"
)
_SUM = r"sums?\s+(?:up\s+)?to\s+(?:\$?1\$?|\$?0\$?|one|zero)"
_THING = (
    r"(?:(?:row|column)s?|vectors?|matri(?:x|ces)|arrays?|weights?|labels?|targets?|inputs?|outputs?"
    r"|features?|data|entries|variables?|probabilit(?:y|ies)|coordinates?|directions?)"
)
_IS = (
    r"(?:(?:and|which|that|all|both|its?|whose|an?|the|of|also|assumed|to|be|having|with|has|have)"
    r"\s+)*"
)
_OTHERS = r"(?:\$?\s*(?:,|and)\s*\$[^$]+)*"
_AFTER = re.compile(
    rf"{_OTHERS}\$?[\s,:(]*{_IS}(?:(?:{_THING}\s+)?(?:is|are|be)\s+)?{_IS}"
    rf"(?:{_KIND}|{_SUM}|(?<=is\s|re\s|\sa\s)(?:distributions?|projections?))(?![\w-])"
    rf"(?!\s+(?:by|of|on|for|over)\b)",
    re.IGNORECASE,
)
_BEFORE = re.compile(rf"\b{_KIND}(?:\s+{_THING}){{0,3}}\s+\$?\s*$", re.IGNORECASE)


def qualified_names(statements: Iterable[Statement], source: Source) -> set[str]:
    """The names of symbols, alone in prose or declared there, that are said to be special."""
    found: set[str] = set()
    for statement in statements:
        if [relation.sign for relation in statement.relations] in ([], [r"\in"]):
            side = statement.sides[0]
            before, after = around(statement.span, source)
            if _BEFORE.search(before) or _AFTER.match(after):
                items = side.items if isinstance(side, syntax.Sequence) else (side,)
                found |= {name for item in items if (name := declared_name(item)) is not None}
    return found
