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
THING = (
    r"(?:(?:row|column)s?|vectors?|matri(?:x|ces)|arrays?|weights?|labels?|targets?|inputs?|outputs?"
    r"|features?|data|entries|variables?|probabilit(?:y|ies)|coordinates?|directions?)"
)
_IS = (
    r"(?:(?:and|which|that|all|both|its?|whose|an?|the|of|also|assumed|to|be|having|with|has|have)"
    r"\s+)*"
)
_OTHERS = r"(?:\$?\s*(?:,|and)\s*\$[^$]+)*"


def phrases(kind: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What stands directly before a symbol, and directly behind it, if it is said to be so."""
    before = rf"\b{kind}(?:\s+{THING}){{0,3}}\s+\$?\s*$"
    after = (
        rf"{_OTHERS}\$?[\s,:(]*{_IS}(?:(?:{THING}\s+)?(?:is|are|be)\s+)?{_IS}"
        rf"(?:{kind})(?![\w-])(?!\s+(?:by|of|on|for|over)\b)"
    )
    return re.compile(before, re.IGNORECASE), re.compile(after, re.IGNORECASE)


_BEFORE, _AFTER = phrases(
    rf"(?:{_KIND}|{_SUM}|(?<=is\s|re\s|\sa\s)(?:distributions?|projections?))"
)


def spoken_of(statement: Statement) -> tuple[str, ...]:
    """The symbols that stand alone in prose, or are declared there."""
    if [relation.sign for relation in statement.relations] not in ([], [r"\in"]):
        return ()
    side = statement.sides[0]
    items = side.items if isinstance(side, syntax.Sequence) else (side,)
    return tuple(name for item in items if (name := declared_name(item)) is not None)


def qualified_names(statements: Iterable[Statement], source: Source) -> set[str]:
    """The names of symbols, alone in prose or declared there, that are said to be special."""
    found: set[str] = set()
    for statement in statements:
        if names := spoken_of(statement):
            before, after = around(statement.span, source)
            if _BEFORE.search(before) or _AFTER.match(after):
                found.update(names)
    return found
