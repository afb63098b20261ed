"""Whether a formula after “if”, “for” or “at” restricts a claim, defines, or names a range."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from derivcheck import syntax
from derivcheck.document import Math, Prose
from derivcheck.elaboration.integers import IntegerReader, Letters
from derivcheck.elaboration.names import (
    around,
    array_name,
    declared_name,
    is_constant,
    label,
    names_something,
    nodes,
    subscript_items,
)
from derivcheck.elaboration.scope import FunctionMeaning, ParameterMeaning, TensorMeaning
from derivcheck.elaboration.state import PageState
from derivcheck.elaboration.supposing import Knowledge
from derivcheck.expression import parameters, tensors
from derivcheck.syntax import Node, Statement

_RANGE = re.compile(
    r"\{?(?:[A-Za-z]|\\[a-z]+)\}?\s*=\s*-?\w+(?:\s*[+-]\s*\d+)?\s*"
    r"(?:,\s*(?:-?\w+(?:\s*[+-]\s*\d+)?\s*,\s*)*)?(?:\\[lc]?dots|\.\.)"
)
_ADJOINING = re.compile(
    r"(?:(?<!\\)(?:\\\\)*\\(?:q?quad|[;:,])|[,(])\s*(?:\\(?:q?quad|[;:,!])|[\s({])*$"
)
_RIGHT = re.compile(r"\\(?:implies|Rightarrow|Longrightarrow)(?![A-Za-z])|[⇒⟹]")
_ARROW = re.compile(r"\\(?:iff|impliedby|(?:Long)?[Ll]eft(?:right)?arrow)(?![A-Za-z])|[⇔⟺⇐⟸]")
_SIGN = r"((?:non-?)?(?:positive|negative|zero))\b(?![\s-]+(?:semi-?)?definite)"
_SAID = re.compile(
    rf"\s*,?\s*(?:is|be|to be|are|stays|remains)\s+(?:an?\s+)?(?:\w+ly\s+)?{_SIGN}", re.IGNORECASE
)
_ADJECTIVE = re.compile(rf"\b{_SIGN}\s*$", re.IGNORECASE)
_SIGNS = {
    "positive": ">",
    "negative": "<",
    "nonnegative": r"\ge",
    "nonpositive": r"\le",
    "nonzero": r"\ne",
}
BOUNDS = frozenset({"<", ">", r"\le", r"\ge", r"\ne"})


def is_bound(page: PageState, statement: Statement) -> bool:
    """`ε > 0`, `0 < p < 1`: signs between one symbol that nothing defines and numbers."""
    if not all(relation.sign in BOUNDS for relation in statement.relations):
        return False
    symbols = [side for side in statement.sides if not is_constant(side)]
    if len(symbols) != 1 or len(statement.sides) == len(symbols):
        return False
    (symbol,) = symbols
    items = symbol.items if isinstance(symbol, syntax.Sequence) else (symbol,)
    for item in items:
        name = declared_name(item)
        if name is None:
            return False
        bare = name
        if isinstance(item, syntax.Scripted):
            bare = array_name(item)
            powered = isinstance(item.superscript, syntax.Numeral) and label(item.base)
            if powered and page.scope.lookup(powered) is not None:
                return False  # x² > 0 is a claim, σ² > 0 declares unless σ is known
        for candidate in (name, bare or name):
            tensor = page.scope.tensor(candidate)
            if tensor is not None and tensor in page.context.definitions:
                return False
    return True


def knowledge(page: PageState) -> Knowledge:
    """What a page knows about its statements, as the words around them need it."""
    return Knowledge(
        partial(restricts, page),
        partial(is_instance, page),
        partial(arrow, page),
        partial(adjoins, page),
        partial(spoken, page),
        partial(premise, page),
    )


def spoken(
    page: PageState, statement: Statement, before: str, following: Sequence[Prose | Math]
) -> tuple[Statement, str]:
    """“$x$ is positive”, “for positive $x$” and `x \\in (0, 1)` as relations between numbers, where
    x is declared and nothing defines it; and the words before it without the adjective."""
    named, *members = statement.sides
    known = page.scope.lookup(declared_name(named) or "")
    meaning = known.meaning if known is not None and not known.defined else None
    if not isinstance(meaning, TensorMeaning) or not meaning.declared:
        return statement, before
    after = next((part.text for part in following[:1] if isinstance(part, Prose)), "")
    match statement.relations, members:
        case (), []:
            led, said = _ADJECTIVE.search(before), _SAID.match(after)
            word = led[1] if led is not None else said[1] if said is not None else ""
            sign = _SIGNS.get(word.lower().replace("-", ""))
            if sign is None:
                return statement, before
            zero, relation = syntax.Numeral("0", statement.span), (sign,)
            sides: tuple[Node, ...] = (named, zero)
            before = before[: led.start(1)] if led is not None else before
        case (syntax.Relation(r"\in"),), [syntax.Group("(" | "[" as opening, closing, body)] if (
            isinstance(body, syntax.Sequence) and len(body.items) == 2 and not meaning.tensor.rank
        ):
            low, high = body.items
            ends = ("<" if opening == "(" else r"\le", "<" if closing == ")" else r"\le")
            sides, relation = (low, named, high), ends
            if r"\infty" in label(high):
                sides, relation = sides[:-1], relation[:-1]
            if r"\infty" in label(low):
                sides, relation = sides[1:], relation[1:]
        case _:
            return statement, before
    relations = tuple(syntax.Relation(sign, statement.span) for sign in relation)
    return syntax.Statement(sides, relations, statement.span, statement.words), before


_LET = re.compile(r"\b(?:let|define|denote|write|set)\s*$", re.IGNORECASE)
_FOR_ALL = re.compile(
    r"\$?[\s,]*(?:for\s+(?:all|every|each|any)\b|\(?\s*\$?\\forall)", re.IGNORECASE
)


def is_instance(
    page: PageState, statement: Statement, above: Sequence[Statement] = (), in_prose: bool = False
) -> bool:
    """`τ = 1/2`, `x_i = 0` for a declared symbol that is in use: a definition has it, or a
    statement `above`; `x > 0` where something was claimed of it already. And `p_i = 1/2` in prose
    where another section has a formula for p: no one number takes its place."""
    signs = {relation.sign for relation in statement.relations}
    if signs <= BOUNDS and _is_bound(statement.sides):
        symbols = [side for side in statement.sides if not is_constant(side)]
        return len(symbols) == 1 and _is_claimed(page, symbols[0], above)
    if signs != {"="}:
        return False
    *lefts, right = statement.sides
    return not names_something(right) and all(
        _is_in_use(page, left, above) or (in_prose and _has_formula(page, left)) for left in lefts
    )


def value_at_a_place(page: PageState, statement: Statement, before: str) -> str | None:
    """The array of `y_c = 1` in prose, where nothing says that it is for all c: nobody knows at how
    many places it has the value, and what it has elsewhere."""
    if _LET.search(before):
        return None
    match statement.sides:
        case (syntax.Scripted(syntax.Symbol(), subscript) as left, right) if (
            subscript is not None
            and [relation.sign for relation in statement.relations] == ["="]
            and is_constant(right)
            and not page.is_name(left)
        ):
            items = subscript_items(subscript, None)
            letters = all(isinstance(item, syntax.Symbol) and not item.word for item in items)
            _, after = around(statement.span, page.source)
            if letters and not _FOR_ALL.match(after):
                return array_name(left)
        case _:
            pass
    return None


def _is_claimed(page: PageState, node: Node, above: Sequence[Statement]) -> bool:
    """Whether a claim about this declared symbol stands before: what is said of it now comes too
    late to be part of its declaration."""
    name = array_name(node) or ""
    known = page.scope.lookup(declared_name(node) or name) or page.scope.lookup(name)
    match known.meaning if known is not None else None:
        case TensorMeaning(tensor, declared=True) if tensor.domain.declared:
            return (tensor.name, tensor.scope) in page.claimed or _is_mentioned(name, above)
        case _:
            return False


def _has_formula(page: PageState, node: Node) -> bool:
    """Whether another section defines this array through other ones, step by step or at once."""
    name = array_name(node) or ""
    known = page.scope.lookup(declared_name(node) or name) or page.scope.lookup(name)
    match known.meaning if known is not None and known.section != page.scope.section else None:
        case TensorMeaning(tensor) if tensor in page.context.definitions:
            return bool(tensors(page.context.definitions[tensor].body))
        case _:
            return False


def _is_in_use(page: PageState, node: Node, above: Sequence[Statement]) -> bool:
    name, array = declared_name(node), array_name(node)
    subscript = node.subscript if isinstance(node, syntax.Scripted) else None
    bare = all(
        isinstance(item, syntax.Symbol | syntax.Numeral)
        for item in subscript_items(subscript, None)
    )
    if name is None or not bare or array in page.recurrences:
        return False
    known = page.scope.lookup(name) or page.scope.lookup(array or name)
    if known is None or known.defined:
        return False
    bodies = [definition.body for definition in page.context.definitions.values()]
    match known.meaning:
        case TensorMeaning(tensor, declared=True):
            used = any(tensor in tensors(body) for body in bodies)
        case ParameterMeaning(parameter):
            used = any(parameter in parameters(body) for body in bodies)
        case _:
            return False
    return used or _is_mentioned(array or name, above)


def _is_mentioned(array: str, above: Sequence[Statement]) -> bool:
    return any(
        array_name(part) == array
        for statement in above
        for side in statement.sides
        for part in nodes(side)
    )


def is_range(page: PageState, statement: Statement) -> bool:
    r"""`i = 1, \ldots, N` and `i \in S`: all values of a letter."""
    if _RANGE.match(page.source.text, statement.span.start):
        return True
    first, second = statement.sides[:2]
    signs = tuple(relation.sign for relation in statement.relations)
    if signs in ((r"\le", r"\le"), (r"\le", "<")) and _is_size(page, statement.sides[2]):
        integers = IntegerReader(page, Letters(page, statement.sides))
        return isinstance(first, syntax.Numeral) and integers.is_letter(second)
    ellipsis = isinstance(second, syntax.Unreadable) and second.construct == "ellipsis"
    return ellipsis and signs[0] == r"\in"


def assigns(page: PageState, statement: Statement) -> bool:
    r"""Whether `y \leftarrow \gamma x + \beta` gives a new name its value, and updates none."""
    left, right = statement.sides[:2]
    name, array = declared_name(left), array_name(left)
    known = any(each and page.scope.lookup(each) for each in (name, array))
    return name is not None and not known and array not in map(array_name, nodes(right))


def bracketed(statement: Statement) -> tuple[Statement, tuple[Statement, ...]]:
    r"""`A = B \quad (i \ne j)`: the statement without its conditions in brackets, and those."""
    *sides, last = statement.sides
    kept, chains = _cut(last)
    if not chains:
        return statement, ()
    conditions = (
        syntax.Statement(
            chain.sides,
            tuple(syntax.Relation(sign, chain.span) for sign in chain.relations),
            chain.span,
        )
        for chain in chains
    )
    return syntax.Statement((*sides, kept), statement.relations, statement.span), (*conditions,)


def _cut(side: Node) -> tuple[Node, tuple[syntax.Chain, ...]]:
    """A side without the relations in round brackets that are its last factor."""
    match side:
        case syntax.Addition(terms):
            sign, term = terms[-1]
            kept, chains = _cut(term)
            return syntax.Addition((*terms[:-1], (sign, kept)), side.span), chains
        case syntax.Multiplication((*factors, syntax.Group("(", _, body)), (*operators, "")):
            items = body.items if isinstance(body, syntax.Sequence) else (body,)
            chains = tuple(item for item in items if isinstance(item, syntax.Chain))
            if len(chains) < len(items):
                return side, ()
            if not operators:
                return factors[0], chains
            return syntax.Multiplication(tuple(factors), tuple(operators), side.span), chains
        case _:
            return side, ()


def compares_sizes(page: PageState, statement: Statement) -> bool:
    """Whether only declared sizes and whole numbers are compared."""
    integers = IntegerReader(page, Letters(page, statement.sides))
    symbols = [
        declared_name(node)
        for side in statement.sides
        for node in nodes(side)
        if isinstance(node, syntax.Symbol)
    ]
    return all(map(integers.is_integer, statement.sides)) and all(
        name is not None and page.is_size(name) for name in symbols
    )


def restricts(page: PageState, statement: Statement, words: str) -> bool:
    """Whether this statement after these words is a condition rather than a definition or a range.

    `words` end in one that may lead a condition; they are empty for a statement that follows a
    claim in one piece of mathematics.
    """
    sides = statement.sides
    signs = {relation.sign for relation in statement.relations}
    if r"\in" in signs or is_range(page, statement):
        return False
    integers = IntegerReader(page, Letters(page, sides))
    if all(integers.is_letter(side) or _is_size(page, side) for side in sides):
        return any(map(integers.is_letter, sides))
    word = words.strip(" \t\n:,.*_(").lower()
    if word == "where":
        return signs == {"="} and is_given(page, sides) and not _definable(sides[0])
    if signs <= BOUNDS and word == "":
        return _is_bound(sides) and _known(page, sides) and _adjoins(page, statement)
    if signs <= BOUNDS:
        return not word.startswith("for") or _known(page, sides)
    if word == "":
        return False
    if signs != {"="}:
        return signs <= {r"\to", r"\approx", "="}
    if _is_name(sides[0]) and is_constant(sides[1]):
        return True
    if word in ("at", "as", "on") or word.startswith(("suppose", "assume")):
        return False
    if not _is_name(sides[0]) and not _is_application(sides[0]):
        return True
    plain = all(map(_is_name, sides)) or _is_settled(page, sides)
    return plain and not word.startswith(("for", "once", "while", "provided"))


def arrow(page: PageState, first: Statement, second: Statement) -> str:
    """How one statement is said to follow from the one before it: "right", "both" ways or the
    other way round, or not at all."""
    between = page.source.text[first.span.end : second.span.start]
    return "both" if _ARROW.search(between) else "right" if _RIGHT.search(between) else ""


def adjoins(page: PageState, first: Statement, second: Statement) -> bool:
    """Whether a statement stands on the row of the one before it."""
    return r"\\" not in page.source.text[first.span.end : second.span.start]


def premise(page: PageState, statement: Statement) -> str:
    """What a statement is from which another one is said to follow: a "condition", a "claim" that
    need not hold by itself, or a "definition"."""
    left, *others = statement.sides
    signs = {relation.sign for relation in statement.relations}
    integers = IntegerReader(page, Letters(page, statement.sides))
    if all(integers.is_letter(side) or _is_size(page, side) for side in statement.sides):
        return "condition"
    if signs <= BOUNDS:
        return "condition" if _is_bound(statement.sides) else "claim"
    if signs != {"="} or not _definable(left):
        return "claim"
    if is_constant(others[-1]) and all(map(_is_name, others[:-1])):
        return "condition"
    name = array_name(left)
    known = page.scope.lookup(name) if name is not None else None
    if known is None:
        powered = isinstance(left, syntax.Scripted) and isinstance(left.superscript, syntax.Numeral)
        base = declared_name(left.base) if isinstance(left, syntax.Scripted) else None
        squares = powered and base is not None and page.scope.lookup(base) is not None
        return "claim" if squares else "definition"
    if len(others) == 1 and _is_name(others[0]):
        return "condition"
    meaning = known.meaning
    defined = isinstance(meaning, TensorMeaning) and meaning.tensor in page.context.definitions
    return "claim" if defined else "definition"


def _is_bound(sides: tuple[Node, ...]) -> bool:
    """A name between numbers."""
    return all(is_constant(side) or _is_name(side) for side in sides)


def _adjoins(page: PageState, statement: Statement) -> bool:
    """Whether it stands on the row of the claim before it, after a comma or a wide space."""
    return _ADJOINING.search(page.source.text[: statement.span.start][-80:]) is not None


def _known(page: PageState, sides: tuple[Node, ...]) -> bool:
    """Whether every symbol of a bound means something here already."""
    return all(
        name is None or page.scope.lookup(name) is not None or page.scope.lookup(bare) is not None
        for side in sides
        if not is_constant(side)
        for name, bare in [(declared_name(side), array_name(side) or "")]
    )


def _is_size(page: PageState, node: Node) -> bool:
    """An extent, or a capital letter that nothing has said anything of yet."""
    name = declared_name(node)
    if name is None:
        return False
    known = page.scope.lookup(name)
    if known is None:
        return len(name) == 1 and name.isupper() and name not in page.ranks
    return isinstance(known.meaning, ParameterMeaning)


def _is_settled(page: PageState, sides: tuple[Node, ...]) -> bool:
    """Whether the left side's name is defined already, or stands on the right too."""
    name = declared_name(sides[0])
    known = page.scope.lookup(name) if name is not None else None
    mentioned = any(declared_name(node) == name for node in nodes(sides[1]))
    return mentioned or (known is not None and known.defined)


def is_given(page: PageState, sides: tuple[Node, ...]) -> bool:
    """Whether an equation is about inputs alone: nothing in it is defined or differentiated."""
    for side in sides:
        for node in nodes(side):
            if isinstance(node, syntax.DerivativeOf):
                return False
            name = declared_name(node)
            known = page.scope.lookup(name) if name is not None else None
            if known is not None and isinstance(known.meaning, FunctionMeaning):
                return False
            if (
                known is not None
                and isinstance(known.meaning, TensorMeaning)
                and known.meaning.tensor in page.context.definitions
            ):
                return False
    return True


def _definable(left: Node) -> bool:
    return _is_name(left) or _is_application(left)


def _is_name(node: Node) -> bool:
    return declared_name(node) is not None


def _is_application(node: Node) -> bool:
    """`f(x)`."""
    return isinstance(node, syntax.Call) or (
        isinstance(node, syntax.Multiplication)
        and len(node.factors) == 2
        and isinstance(node.factors[1], syntax.Group)
    )
