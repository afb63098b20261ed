r"""Counterexamples: a point of the declared domain at which a ball around left − right excludes 0.

`refute` may fail to find one; what it returns is certain. Float64 plays no part in the decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy

from derivcheck.derivation import Link, Reading
from derivcheck.expression import Domain, Expression, Parameter, Tensor
from derivcheck.refutation.edges import beside_kinks
from derivcheck.refutation.natural import (
    FRACTION,
    NONNEGATIVE,
    natural_domain,
    natural_function,
    undeclared,
    unrestricted,
)
from derivcheck.refutation.printing import counterexample
from derivcheck.refutation.search import Budget, Contest, Separation, separation
from derivcheck.refutation.shrinking import shrink, unmoved
from derivcheck.verdict import Counterexample
from derivcheck.witnesses.trial import NO_DOMAINS, NO_EXTENTS

__all__ = ["DEFAULT_BUDGET", "Refutation", "refute"]

DEFAULT_BUDGET = 200_000
"""Sum terms and tensor entries that one search may visit: some seconds where a claim is true."""

_SHRINKING = 100_000
_BRIEF = 2
_BESIDE_KINKS = 50_000
_NATURAL = 100_000
_UNKNOWN_REDRAWN = 4


@dataclass(frozen=True)
class Refutation:
    r"""A certain disagreement, and what speaks against convicting for it.

    `natural_domain` names a domain that nothing declares and on which the link was seen to hold
    (`x > 0`; `h = sigmoid` for an abstract function): then declare it. `rests_on_unknown` says that
    the difference moves with `link.unknown` tensors. For `\ne` the counterexample proves the link.
    """

    counterexample: Counterexample
    natural_domain: str = ""
    rests_on_unknown: bool = False


def refute(
    link: Link,
    reading: Reading,
    *,
    seed: int = 0,
    budget: int = DEFAULT_BUDGET,
    definitions: Mapping[Parameter, Expression] = NO_EXTENTS,
    difference: Expression | None = None,
    briefly: bool = False,
) -> Refutation | None:
    r"""The smallest counterexample found to one reading of a link, or None.

    Extents run from 1 to 5 and values over small integers and multiples of 1/16 inside the declared
    domains and hypotheses; off the kinks if `link.off_kinks`; a point at which a side is undefined
    is passed over. `definitions` gives the parameters that the page computes from others,
    `difference` what a proof left of left − right: a hint. The search is deterministic in `seed`
    and bounded by `budget` evaluation steps; `briefly` it finds the same or nothing, at the first
    few points alone, where nearly all that is false shows it.
    """
    contest = Contest(link, reading, definitions, seed=seed, difference=difference)
    loose = undeclared(contest)
    most = _BRIEF if briefly else None
    found: Separation | None = None
    natural = ""
    domains: Mapping[Tensor, Domain] = NO_DOMAINS
    if loose:
        # A failure inside every natural domain convicts whatever the author had in mind.
        inside = Budget(max(budget // 4, 1))
        domains = dict.fromkeys(loose, FRACTION)
        found = separation(contest, [seed, 0], inside, domains, most)
        domains = NO_DOMAINS if found is None else dict.fromkeys(loose, NONNEGATIVE)
    elif briefly:
        found = separation(contest, [seed, 0], Budget(budget), most=most)
    if found is None and briefly:
        return None
    if found is None:
        found = separation(contest, [seed, 0], Budget(budget))
        if found is None:
            # Logarithms of many entries have a value at few points of the whole line.
            inside = Budget(max(budget // 4, 1))
            domains = dict.fromkeys(unrestricted(contest), FRACTION)
            found = separation(contest, [seed, 5], inside, domains) if domains else None
        if found is None:
            domains = NO_DOMAINS
            found = beside_kinks(contest, seed, Budget(_BESIDE_KINKS), domains)
        if found is None:
            return None
        if loose:
            natural = natural_domain(contest, loose, seed, _NATURAL)
    natural = natural or natural_function(link, reading, definitions, seed, _NATURAL)
    small = shrink(contest, found, seed, Budget(_SHRINKING), domains)
    shown = [t for t in contest.inputs if t not in small.irrelevant]
    return Refutation(
        counterexample(small.separation, shown, contest.sides.parameters),
        natural,
        _rests_on(link.unknown, contest, small.separation, seed),
    )


def _rests_on(unknown: tuple[Tensor, ...], contest: Contest, found: Separation, seed: int) -> bool:
    """Whether other values of the unknown tensors move the difference."""
    tensors = tuple(t for t in unknown if t in contest.inputs)
    if not tensors:
        return False
    generator = numpy.random.default_rng([seed, 4])
    budget = Budget(_SHRINKING)
    return not all(
        unmoved(contest, found, tensors, generator, budget, NO_DOMAINS, difference=True)
        for _ in range(_UNKNOWN_REDRAWN)
    )
