"""Natural domains: whether a link fails only where an undeclared variable is not positive, …

If nothing declares a domain, an author may mean x > 0, |x| < 1 or x ≠ 0; and by an unexplained
activation `h` perhaps a named one. A link that holds there convicts nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from derivcheck.derivation import Link, Reading
from derivcheck.expression import Apply, Domain, Expression, Parameter, Tensor, walk
from derivcheck.refutation.search import Budget, Contest, separation

POSITIVE = Domain(lower=Fraction(0), strict_lower=True)
UNIT = Domain(lower=Fraction(-1), upper=Fraction(1), strict_lower=True, strict_upper=True)
NONZERO = Domain(excluded=(Fraction(0),))
FRACTION = Domain(lower=Fraction(0), upper=Fraction(1), strict_lower=True, strict_upper=True)
"""Inside all three: a failure here is a failure on every natural domain."""

NONNEGATIVE = Domain(lower=Fraction(0))

ACTIVATIONS = ("sigmoid", "tanh", "softplus")
"""Not the rectifier: f f' = f and f'² = f' hold of it, which are lost and doubled factors."""

_ENOUGH = 6
"""Comparisons that must have been made before a link is said to hold on a natural domain."""


@dataclass(frozen=True)
class _Natural:
    domain: Domain
    text: str


# The weakest first: it is the least to ask of a page.
_NATURAL = (
    _Natural(NONZERO, r"{} \ne 0"),
    _Natural(POSITIVE, "{} > 0"),
    _Natural(UNIT, "|{}| < 1"),
)


def undeclared(contest: Contest) -> tuple[Tensor, ...]:
    """The inputs of which an author may mean less than any number; no cotangent is one."""
    cotangents = set(contest.reading.context.incoming.values())
    return tuple(t for t in contest.inputs if not t.domain.declared and t not in cotangents)


def unrestricted(contest: Contest) -> tuple[Tensor, ...]:
    """The inputs that are declared to be any real numbers."""
    return tuple(t for t in contest.inputs if t.domain == Domain(declared=True))


def natural_domain(contest: Contest, tensors: Sequence[Tensor], seed: int, budget: int) -> str:
    """The first natural domain on which the link holds at every point tried, or ''."""
    for natural in _NATURAL:
        if not _holds(contest, dict.fromkeys(tensors, natural.domain), seed, budget):
            continue
        needed = list(tensors)
        for tensor in tensors:
            fewer = [t for t in needed if t != tensor]
            if fewer and _holds(contest, dict.fromkeys(fewer, natural.domain), seed, budget):
                needed = fewer
        return ", ".join(natural.text.format(tensor.name) for tensor in needed)
    return ""


def _holds(contest: Contest, domains: Mapping[Tensor, Domain], seed: int, steps: int) -> bool:
    budget = Budget(steps)
    return separation(contest, [seed, 2], budget, domains) is None and budget.decided >= _ENOUGH


def natural_function(
    link: Link,
    reading: Reading,
    definitions: Mapping[Parameter, Expression],
    seed: int,
    steps: int,
) -> str:
    """The activation for which the link holds at every point tried, as `h = sigmoid`, or ''.

    `h'(x) = h(x)(1 - h(x))` is true of the logistic function, and a page may have said so in prose.
    """
    names = dict.fromkeys(
        node.function.name
        for expression in _expressions(reading)
        for node in walk(expression)
        if isinstance(node, Apply) and node.function.abstract
    )
    for activation in ACTIVATIONS if names else ():
        contest = Contest(link, reading, definitions, named=dict.fromkeys(names, activation))
        if _holds(contest, {}, seed, steps):
            return ", ".join(f"{name} = {activation}" for name in names)
    return ""


def _expressions(reading: Reading) -> Sequence[Expression]:
    bodies = [definition.body for definition in reading.context.definitions.values()]
    return [reading.left, reading.right, *bodies]
