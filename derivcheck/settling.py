"""Declarations that would settle a link: what would be proved if the page said a little more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction

from derivcheck.derivation import Reading
from derivcheck.expression import (
    Apply,
    Conjecture,
    Context,
    Derivative,
    Domain,
    Entry,
    Expression,
    Function,
    Hypothesis,
    Power,
    Rational,
    Tensor,
    rebuild,
    tensors,
    walk,
)
from derivcheck.notation import unicode_name
from derivcheck.proof import prove

_MOST_TENSORS = 3


def settling_declaration(reading: Reading, *, off_kinks: bool) -> str:
    """`x > 0`, if the link is proved once the page declares it; else nothing.

    Tried for the tensors under logarithms and roots, which is where a missing sign keeps true
    rules from being used.
    """
    candidates = tuple(_under_roots(reading))[:_MOST_TENSORS]
    if not candidates:
        return ""
    positive = {t: replace(t, domain=_positive(t.domain)) for t in candidates}
    if not prove(_renamed(reading, positive), off_kinks=off_kinks).closed:
        return ""
    return ", ".join(f"{unicode_name(tensor.name)} > 0" for tensor in candidates)


def _positive(domain: Domain) -> Domain:
    return replace(domain, lower=Fraction(0), strict_lower=True, declared=True)


def _under_roots(reading: Reading) -> Iterator[Tensor]:
    seen: set[Tensor] = set()
    for side in (reading.left, reading.right):
        for node in walk(side):
            inner: tuple[Expression, ...] = ()
            match node:
                case Apply(Function("log"), arguments):
                    inner = arguments
                case Power(base, Rational(exponent)) if exponent.denominator != 1:
                    inner = (base,)
                case _:
                    pass
            for tensor in (t for part in inner for t in tensors(part)):
                free = tensor not in reading.context.definitions
                if free and not tensor.domain.positive and tensor not in seen:
                    seen.add(tensor)
                    yield tensor


def _renamed(reading: Reading, tensors_: Mapping[Tensor, Tensor]) -> Reading:
    """The reading with tensors replaced throughout, in what it rests on too."""

    def of(expression: Expression) -> Expression:
        match expression:
            case Entry(tensor, subscripts):
                return Entry(tensors_.get(tensor, tensor), subscripts)
            case Derivative(operand, Entry(tensor, subscripts)):
                return Derivative(of(operand), Entry(tensors_.get(tensor, tensor), subscripts))
            case _:
                return rebuild(expression, of)

    context = Context(
        {
            tensor: replace(definition, body=of(definition.body))
            for tensor, definition in reading.context.definitions.items()
        },
        tuple(Hypothesis(of(h.left), of(h.right), h.text) for h in reading.context.hypotheses),
        tuple(Conjecture(of(c.left), of(c.right), c.text) for c in reading.context.conjectures),
    )
    return replace(reading, left=of(reading.left), right=of(reading.right), context=context)
