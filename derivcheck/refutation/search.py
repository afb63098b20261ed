"""The search for a point at which the enclosures of both sides settle a relation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy

from derivcheck.derivation import Link, Reading
from derivcheck.expression import Domain, Expression, Index, Parameter, Tensor, subtract
from derivcheck.witnesses.ball_arithmetic import (
    BudgetExceeded,
    Enclosures,
    NoValue,
    Sides,
    SidesAt,
    StandIns,
)
from derivcheck.witnesses.extents import generic_extents, related_extents, small_extents
from derivcheck.witnesses.presence import Site, Sizes, sites, terms
from derivcheck.witnesses.scalar_evaluation import NO_INDICES
from derivcheck.witnesses.trial import (
    NO_DOMAINS,
    REACH,
    REFUTATION_GRID,
    Point,
    far_reach,
    sample,
)

_GENERIC = 3
_SMALL = 12
"""Small sizes that are tried; more where that is not enough for each size to be 2 once."""
_INDICES = 8
"""At how many values of the free indices a point is tried where some side is not 0."""
_SPARSE = 625
"""The same where both sides are 0 at all of those."""
_PRESENT = 48
"""Sites of terms that are tried."""
_AGAIN = 60
"""How often sizes that have been tried are tried again, with other values."""
_RELATED = 300
_RUN_SHARE = 8
"""No single point may take more than this fraction of what is left of the budget."""


@dataclass(frozen=True, eq=False)
class Separation:
    """A point of the domain and values of the free indices at which the relation is settled."""

    point: Point
    indices: Mapping[Index, int]
    enclosures: Enclosures


@dataclass
class Budget:
    """Evaluation steps that are left; `decided` counts the index values that gave a comparison."""

    left: int
    decided: int = 0

    @property
    def spent(self) -> bool:
        return self.left <= 0


class Contest:
    """A link's reading prepared for many points, under every convention that might acquit it.

    Where an entry of a symmetric tensor is differentiated by, both conventions (entries independent
    or mirrored) must be separated before a point counts. `difference` is left − right as far as it
    was rewritten: it orders the search.
    """

    def __init__(
        self,
        link: Link,
        reading: Reading,
        definitions: Mapping[Parameter, Expression],
        *,
        seed: int = 0,
        named: Mapping[str, str] | None = None,
        difference: Expression | None = None,
    ) -> None:
        self.relation = link.relation
        self.reach = far_reach((reading.left, reading.right), reading.context)
        self.costly: list[Mapping[Parameter, int]] = []
        self.seed = seed
        self.difference = difference or subtract(reading.left, reading.right)
        self.reading = reading
        self.definitions = definitions

        def compiled(mirrored: bool) -> Sides:
            return Sides(
                reading,
                off_kinks=link.off_kinks,
                tolerance=link.tolerance,
                definitions=definitions,
                stand_ins=StandIns(seed, named),
                mirrored=mirrored,
            )

        self.sides = compiled(False)
        self._mirrored = compiled(True) if self.sides.mirrors() else None

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return self.sides.inputs

    def at(
        self,
        point: Point,
        budget: Budget,
        generator: numpy.random.Generator | None = None,
        indices: Mapping[Index, int] | None = None,
        first: Mapping[Index, int] = NO_INDICES,
    ) -> Separation | None:
        """The first separation at this point: at the given indices, else at some of all, `first`
        before others if it has them all."""
        share = max(budget.left // _RUN_SHARE, 1)
        sides = self.sides.at(point, share)
        mirrored = self._mirrored.at(point, share) if self._mirrored is not None else None
        try:
            for chosen in self._choices(sides, generator, indices, first):
                enclosures = self._settled(sides, chosen, budget)
                if enclosures is None:
                    continue
                if mirrored is not None and self._settled(mirrored, chosen, budget) is None:
                    continue
                if not sides.lies_in_domain():
                    return None
                return Separation(point, chosen, enclosures)
        except BudgetExceeded:
            # This point costs too much; a smaller one may still do.
            self.costly.append(point.extents)
            return None
        finally:
            budget.left -= sides.spent + 1 + (mirrored.spent if mirrored is not None else 0)
        return None

    def _choices(
        self,
        sides: SidesAt,
        generator: numpy.random.Generator | None,
        indices: Mapping[Index, int] | None,
        first: Mapping[Index, int],
    ) -> Iterator[Mapping[Index, int]]:
        """The given indices; else a few, and many more while both sides are 0 (deltas that meet
        nothing)."""
        if indices is not None:
            yield indices
            return
        yield from sides.named(first)
        assert generator is not None
        yield from list(sides.indices(generator, _INDICES))
        if sides.vanish:
            for chosen in list(sides.indices(generator, _SPARSE)):
                yield chosen
                if not sides.vanish:
                    return

    def _settled(
        self, sides: SidesAt, indices: Mapping[Index, int], budget: Budget
    ) -> Enclosures | None:
        try:
            enclosures = sides.enclose(indices, relation=self.relation)
        except BudgetExceeded:
            raise
        except NoValue:
            return None
        budget.decided += 1
        return enclosures if enclosures.settle(self.relation) else None

    def sites(self, generator: numpy.random.Generator) -> Iterator[Site]:
        """Extents to try, one for each point: telling ones first, then small ones; then those at
        which each term of the difference is there at all, with its place."""
        hypotheses = self.reading.context.hypotheses
        parameters = self.sides.parameters
        generic = generic_extents(
            parameters, self.inputs, generator, self.definitions, hypotheses, count=_GENERIC
        )
        few = max(_SMALL, 1 + len(parameters))
        small = [extents for extents in self.small_sizes(few) if extents not in generic]
        plain = [Site(extents, {}) for extents in (*generic, *generic, *small)]
        yield from plain
        yield from islice(self._present(), _PRESENT)
        if self.inputs:
            # An odd number, so that each has its turn with small integers.
            yield from islice(cycle(plain[1 - len(plain) % 2 :]), _AGAIN)
            return
        # Integers alone: a second look at the same ones would show nothing new.
        for extents in related_extents(
            parameters,
            numpy.random.default_rng([self.seed, 7]),
            self.definitions,
            hypotheses,
            count=_RELATED,
        ):
            yield Site(extents, {})

    def _present(self) -> Iterator[Site]:
        """Sites of each term of the difference by turns."""
        generator = numpy.random.default_rng([self.seed, 6])
        sizes = Sizes(self.sides.parameters, self.definitions, self.reading.context.hypotheses)
        each = [sites(term, sizes, generator) for term in terms(self.difference)]
        while each:
            for found in tuple(each):
                site = next(found, None)
                if site is None:
                    each.remove(found)
                else:
                    yield site

    def small_sizes(self, limit: int) -> Iterator[dict[Parameter, int]]:
        hypotheses = self.reading.context.hypotheses
        yield from small_extents(self.sides.parameters, self.definitions, hypotheses, limit=limit)


def separation(
    contest: Contest,
    seed: Sequence[int],
    budget: Budget,
    domains: Mapping[Tensor, Domain] = NO_DOMAINS,
    most: int | None = None,
) -> Separation | None:
    """The first point found at which the relation is settled, `most` of them tried, or None."""
    generator = numpy.random.default_rng(seed)
    for number, site in enumerate(islice(contest.sites(generator), most)):
        if budget.spent:
            return None
        if site.extents in contest.costly:
            continue
        # Every other point has small integers: they reach special cases such as 0 and 1.
        grid = REFUTATION_GRID if number % 2 == 0 else 1
        far = contest.reach if number % 3 == 2 else REACH
        point = _sampled(contest, site.extents, generator, grid, domains, far)
        if point is None:
            continue
        found = contest.at(point, budget, generator, first=site.indices)
        if found is not None:
            return found
    return None


def _sampled(
    contest: Contest,
    extents: Mapping[Parameter, int],
    generator: numpy.random.Generator,
    grid: int,
    domains: Mapping[Tensor, Domain],
    reach: int,
) -> Point | None:
    """A point; three attempts, since a hypothesis may reject one."""
    attempts = (
        sample(
            contest.inputs,
            extents,
            contest.reading.context,
            generator,
            grid=grid,
            domains=domains,
            reach=reach,
        )
        for _ in range(3)
    )
    return next((point for point in islice(attempts, 3) if point is not None), None)
