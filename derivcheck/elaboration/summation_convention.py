"""The summation convention, for pages that say that they use it: W_ij x_j is Σ_j W_ij x_j.

In each term a letter that stands under two symbols is summed. Brackets, arguments of functions, and
what is divided by or differentiated are terms of their own. Without a word about it the convention
is never assumed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from derivcheck import syntax
from derivcheck.elaboration.names import subscript_items
from derivcheck.syntax import Node, Statement

_SAYS = re.compile(
    r"\bsummation\s+convention|\beinstein(?:'s)?\s+(?:convention|summation|notation)"
    r"|\brepeated\s+(?:ind(?:ices|exes|ex)|subscripts?|letters?)\s+(?:is|are)\s+"
    r"(?:(?!(?:not|never)\b)\w+\s+)?summed"
    r"|\bsum(?:med|s|ming|mation)?\s+over\s+(?:all\s+)?repeated",
    re.IGNORECASE,
)
_DENIES = re.compile(
    r"\b(?:not|never|no|without|don't|nor)\b[^.]{0,60}\b(?:convention|repeated|einstein)"
    r"|\b(?:einstein(?:'s)?|summation)\s+(?:convention|notation)\s+"
    r"(?:would\b|is\s+(?:not|never|nowhere|(?:\w+\s+)?avoided)\b)",
    re.IGNORECASE,
)


def is_said(prose: str) -> bool:
    """Whether a page says that it sums over repeated letters."""
    return _SAYS.search(prose) is not None and _DENIES.search(prose) is None


def with_sums(statement: Statement) -> Statement:
    """The statement with the sums that the convention leaves out."""
    if not any(relation.sign in ("=", ":=", r"\equiv") for relation in statement.relations):
        return statement
    return replace(statement, sides=tuple(_term(side)[0] for side in statement.sides))


def _term(node: Node) -> tuple[Node, Counter[str]]:
    """A term with its repeated letters summed, and how often each other letter stands in it."""
    if isinstance(node, syntax.Addition):
        parts = [_term(term) for _, term in node.terms]
        signs = [sign for sign, _ in node.terms]
        terms = tuple(zip(signs, (part for part, _ in parts), strict=True))
        return replace(node, terms=terms), _either([letters for _, letters in parts])
    inside, letters = _factor(node)
    for letter in [name for name, count in letters.items() if count == 2]:
        bound = (syntax.Symbol(letter, node.span),)
        inside = syntax.BigOperator("sum", bound, None, None, None, inside, node.span)
        del letters[letter]
    return inside, letters


def _factor(node: Node) -> tuple[Node, Counter[str]]:
    """A factor, its brackets with the sums in them, and its letters."""
    match node:
        case syntax.Scripted(base, subscript, superscript):
            inside, letters = _factor(base)
            raised, _ = (None, None) if superscript is None else _term(superscript)
            items = subscript_items(subscript, None)
            names = [i.name for i in items if isinstance(i, syntax.Symbol) and not i.word]
            return replace(node, base=inside, superscript=raised), letters + Counter(names)
        case syntax.Multiplication(factors):
            parts = [_factor(factor) for factor in factors]
            return replace(node, factors=tuple(part for part, _ in parts)), _both(parts)
        case syntax.Fraction(numerator, denominator):
            parts = [_factor(numerator), _term(denominator)]
            return replace(node, numerator=parts[0][0], denominator=parts[1][0]), _both(parts)
        case syntax.DerivativeOf(operand=operand, variables=variables):
            found = [] if operand is None else [_term(operand)]
            letters = _both([*found, *(_factor(variable) for variable, _ in variables)])
            return (replace(node, operand=found[0][0]) if found else node), letters
        case syntax.Group(body=body):
            inside, letters = _term(body)
            return replace(node, body=inside), letters
        case syntax.Root(radicand):
            inside, letters = _term(radicand)
            return replace(node, radicand=inside), letters
        case syntax.Call(arguments=arguments):
            parts = [_term(argument) for argument in arguments]
            return replace(node, arguments=tuple(part for part, _ in parts)), _both(parts)
        case syntax.Addition():
            return _term(node)
        case syntax.BigOperator(letters=bound, body=body):
            inside, letters = _factor(body)
            for each in bound:
                letters.pop(each.name, None)
            return replace(node, body=inside), letters
        case _:
            return node, Counter()


def _both(parts: Sequence[tuple[Node, Counter[str]]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for _, letters in parts:
        total += letters
    return total


def _either(parts: Sequence[Counter[str]]) -> Counter[str]:
    most: Counter[str] = Counter()
    for letters in parts:
        most |= letters
    return most
