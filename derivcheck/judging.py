"""The verdict of one link, from its readings: proof, enclosure at a point, refutation, repair.

*Charity may acquit, never convict*: a link is proved if one admissible reading is, refuted only if
every admissible reading is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from derivcheck.calculus import UnknownFunction, expand_derivatives
from derivcheck.derivation import Link, Reading
from derivcheck.diagnostic import Diagnostic
from derivcheck.expression import (
    Count,
    Expression,
    Parameter,
    free_indices,
    parameters,
    subtract,
    tensors,
)
from derivcheck.normal_form import Unprovable, expression, normalise
from derivcheck.notation import text, unicode_name
from derivcheck.proof import QUICK_STEPS, Proof, prove
from derivcheck.refutation import Refutation, refute
from derivcheck.repair import first_proved
from derivcheck.settling import settling_declaration
from derivcheck.verdict import Evidence, Judgement, Outcome, Verdict
from derivcheck.witnesses.ball_arithmetic import agreement, ball_evidence
from derivcheck.witnesses.kinks import no_subgradient
from derivcheck.witnesses.trial import NO_EXTENTS

FAULTS = {
    "unequal-free-indices": Verdict.ILL_FORMED,
    "index-bound-and-free": Verdict.ILL_FORMED,
    "rank-mismatch": Verdict.ILL_FORMED,
    "extent-mismatch": Verdict.ILL_FORMED,
    "mixed-bases": Verdict.ILL_FORMED,
    "not-one-to-one": Verdict.ILL_FORMED,
    "redefinition": Verdict.ILL_FORMED,
    "circular-definition": Verdict.ILL_FORMED,
    "unsupported": Verdict.UNSUPPORTED,
}
"""The verdict for what elaboration could not turn into a link; every other fault is undecided."""


@dataclass(frozen=True)
class Ruling:
    """A judgement, and whether a witness contradicts the proof (our own defect)."""

    judgement: Judgement
    contradicted: bool = False


@dataclass(frozen=True)
class _Points:
    """Where the numerical witnesses of a link look."""

    seed: int
    definitions: Mapping[Parameter, Expression]

    def enclosed(self, link: Link, reading: Reading) -> Evidence:
        return ball_evidence(
            reading,
            "=" if link.relation == r"\ne" else link.relation,
            off_kinks=link.off_kinks,
            tolerance=link.tolerance,
            definitions=self.definitions,
            seed=self.seed,
        )

    def agreeing(self, link: Link, reading: Reading, difference: Expression | None) -> Evidence:
        return agreement(
            reading,
            off_kinks=link.off_kinks,
            definitions=self.definitions,
            seed=self.seed,
            difference=difference,
        )

    def refuted(
        self,
        link: Link,
        reading: Reading,
        difference: Expression | None = None,
        *,
        briefly: bool = False,
    ) -> Refutation | None:
        return refute(
            link,
            reading,
            seed=self.seed,
            definitions=self.definitions,
            difference=difference,
            briefly=briefly,
        )

    def occurs(self, link: Link, occasion: Reading) -> bool:
        """Whether the condition holds anywhere in the domain: whether “it is 0” can be refuted."""
        absent = replace(link, relation="=", readings=(occasion,), tolerance=(None, None))
        return self.refuted(absent, occasion) is not None


def fault_judgement(fault: Diagnostic) -> Judgement:
    verdict = FAULTS.get(fault.code, Verdict.UNDECIDED)
    return Judgement(verdict, fault.code, fault.message, help=fault.help)


def judge(
    link: Link, *, seed: int, definitions: Mapping[Parameter, Expression] = NO_EXTENTS
) -> Ruling:
    """The verdict of a link that was read; a fault's verdict otherwise.

    `definitions` gives the parameters that the page computes from others (an output size).
    """
    if link.fault is not None:
        return Ruling(fault_judgement(link.fault))
    points = _Points(seed, definitions)
    if link.occasion is not None and not points.occurs(link, link.occasion):
        judgement = Judgement(
            Verdict.UNDECIDED,
            "vacuous",
            "no point was found at which the condition of this claim holds",
            help="check the condition against the domains that the page declares",
        )
        return Ruling(judgement)
    if link.relation not in ("=", r"\ne", r"\approx"):
        return Ruling(_by_enclosure(link, points))
    proofs: list[Proof] = []
    differences: dict[int, Expression | None] = {}
    refutations: dict[int, Refutation | None] = {}
    for place, reading in enumerate(link.readings):
        if not reading.acquits:
            continue
        proof = _quick(link, reading)
        if proof.steps > QUICK_STEPS:
            # What is false shows it at a point before it has used up all the steps.
            at_once = points.refuted(link, reading, proof.difference, briefly=True)
            if at_once is not None:
                refutations[place] = at_once
            else:
                proof = prove(reading, off_kinks=link.off_kinks)
        proofs.append(proof)
        differences[place] = proof.difference
        if proof.closed:
            return _proved(link, reading, proof, points)
    if link.rounded:
        judgement = Judgement(
            Verdict.UNDECIDED,
            "rounded-decimals",
            "decimals stand inside a side without symbols, and nothing says how exact they are",
            help="write fractions, or the value as a decimal alone on its side",
        )
        return Ruling(judgement)
    if link.relation == r"\approx" or any(t is not None for t in link.tolerance):
        return Ruling(_by_enclosure(link, points))
    for place, reading in enumerate(link.readings):
        if place not in refutations:
            refutations[place] = points.refuted(link, reading, differences.get(place))
    found = [refutations[place] for place in range(len(link.readings))]
    return Ruling(_not_proved(link, proofs, found, points))


def _quick(link: Link, reading: Reading) -> Proof:
    return prove(reading, off_kinks=link.off_kinks, steps=QUICK_STEPS)


def _proved(link: Link, reading: Reading, proof: Proof, points: _Points) -> Ruling:
    """A closed proof still needs one point of the domain at which both sides are defined and
    agree."""
    evidence = points.enclosed(link, reading)
    notes = (reading.note if reading.caution else "", reading.granted)
    note = "; ".join(filter(None, notes))
    if evidence.outcome is Outcome.FAILED:
        judgement = Judgement(
            Verdict.UNDECIDED,
            "proof-contradicted",
            "a proof closed, but interval arithmetic separates the sides: a defect of derivcheck",
            reading=note,
            evidence=(evidence,),
        )
        return Ruling(judgement, contradicted=True)
    if evidence.outcome is not Outcome.MET:
        judgement = Judgement(
            Verdict.UNDECIDED,
            "vacuous",
            "no point of the declared domain was found at which both sides are defined",
            reading=note,
            help="check the domains and hypotheses that the page declares",
            evidence=(evidence,),
        )
        return Ruling(judgement)
    if link.relation == r"\ne":
        equal = "the two sides are equal for every size"
        judgement = (
            Judgement(Verdict.UNDECIDED, "ambiguous", f"{equal}, if {note}", reading=note)
            if note
            else Judgement(Verdict.REFUTED, "refuted", equal)
        )
        return Ruling(judgement)
    wrong = no_subgradient(reading, seed=points.seed, definitions=points.definitions)
    if link.off_kinks and wrong:
        judgement = Judgement(
            Verdict.UNDECIDED,
            "no-subgradient",
            f"proved off the kinks, but the right side is {wrong}",
            reading=note,
            assumptions=proof.assumptions,
            help="give the derivative a value between the slopes on both sides",
            evidence=(evidence,),
        )
        return Ruling(judgement)
    plain = "proved for every size" if link.occasion is None else "proved where its condition holds"
    if proof.inductions:
        letters = dict.fromkeys(text.partition(":")[0] for text in proof.inductions)
        plain = f"{plain}, {' and '.join(letters)}"
    message = f"proved, if {note}" if note else plain
    judgement = Judgement(
        Verdict.PROVED,
        "reading" if note else "proved",
        message,
        reading=note,
        assumptions=proof.assumptions,
        evidence=(evidence,),
        inductions=proof.inductions,
        rests_on=tuple(
            dict.fromkeys(
                (theorem.use.page, claim) for theorem in proof.rests_on for claim in theorem.claims
            )
        ),
    )
    return Ruling(judgement)


def _not_proved(
    link: Link, proofs: list[Proof], refutations: list[Refutation | None], points: _Points
) -> Judgement:
    first = refutations[0]
    if link.relation == r"\ne":
        if first is not None and not link.conditional:
            return Judgement(
                Verdict.PROVED,
                "proved",
                "the sides differ at the point shown",
                counterexample=first.counterexample,
            )
    elif (
        first is not None
        and all(refutation is not None for refutation in refutations)
        and not all(reading.caution for reading in link.readings)
    ):
        # Where the last reading fails the plain one fails too, and it is the better point.
        shown = first if link.readings[-1].acquits else refutations[-1]
        return _refuted(link, shown or first, proofs[0], points)
    survivors = [
        reading.note for reading, r in zip(link.readings, refutations, strict=True) if r is None
    ]
    if first is not None and link.relation == "=":
        open_reading = survivors[0] if survivors else link.readings[0].note
        return Judgement(
            Verdict.UNDECIDED,
            "ambiguous",
            f"it fails as written, but no counterexample was found if {open_reading}"
            if survivors
            else f"it fails if {open_reading}, which may not be what is meant",
            reading=open_reading,
            help="write the reading that is meant",
        )
    return _undecided(link, proofs[0], points)


def _undecided(link: Link, proof: Proof, points: _Points) -> Judgement:
    """The proof did not close and no counterexample was found: agreement at points, or a reason."""
    declaration = settling_declaration(link.readings[0], off_kinks=link.off_kinks)
    if declaration and link.relation == "=":
        return Judgement(
            Verdict.UNDECIDED,
            "natural-domain",
            f"it is proved only where {declaration}, which nothing declares",
            help=f"declare {declaration}",
        )
    reading = link.readings[0]
    plain = link.relation == "="
    evidence = (
        points.agreeing(link, reading, proof.difference)
        if plain
        else points.enclosed(link, reading)
    )
    difference = text(proof.difference) if proof.difference is not None else ""
    if evidence.outcome is Outcome.MET and plain:
        return Judgement(
            Verdict.AGREES,
            "agrees",
            f"the proof did not close ({proof.reason}); the sides agree at every point tried",
            difference=difference,
            assumptions=proof.assumptions,
            evidence=(evidence,),
        )
    return Judgement(
        Verdict.UNDECIDED,
        "undecided",
        f"not decided: {proof.reason}" + (f"; {evidence.note}" if plain and evidence.note else ""),
        difference=difference,
        evidence=(evidence,),
    )


def _refuted(link: Link, refutation: Refutation, proof: Proof, points: _Points) -> Judgement:
    """A counterexample convicts, unless it rests on what the page leaves open."""
    if link.conditional:
        return Judgement(
            Verdict.UNDECIDED,
            "conditional",
            "it does not always hold, and it is claimed under a condition that was not read",
            counterexample=refutation.counterexample,
            help="write the condition as cases, an Iverson bracket or a declared domain",
        )
    reading = link.readings[0]
    stray = [i.name for i in free_indices(reading.right) if i not in free_indices(reading.left)]
    # A letter that no sum of this line binds is one too many whatever it runs over.
    too_many = bool(stray and free_indices(reading.left))
    if link.borrowed is not None and not (too_many and link.borrowed.name in stray):
        letter, runs = link.borrowed.name, text(Count(link.borrowed.extent))
        return Judgement(
            Verdict.UNDECIDED,
            "no-extent",
            f"it fails if {letter} runs over {runs} places as elsewhere, which nothing here says",
            counterexample=refutation.counterexample,
            help=rf"write the bounds, or “for {letter} = 1, …, {runs}”",
        )
    if refutation.natural_domain:
        return Judgement(
            Verdict.UNDECIDED,
            "natural-domain",
            f"it fails only outside {refutation.natural_domain}",
            counterexample=refutation.counterexample,
            help=f"declare {refutation.natural_domain}",
        )
    if link.unknown and refutation.rests_on_unknown:
        names = ", ".join(unicode_name(tensor.name) for tensor in link.unknown)
        return Judgement(
            Verdict.UNDECIDED,
            "unknown-symbol",
            f"it does not hold for arbitrary {names}, of which the page says nothing",
            counterexample=refutation.counterexample,
            help=f"define or declare {names} before this line",
        )
    if stray and set(stray) <= set(link.standing):
        return Judgement(
            Verdict.UNDECIDED,
            "unclear-index",
            f"it does not hold for every {stray[0]}, and nothing says which one is meant",
            counterexample=refutation.counterexample,
            help=rf"declare the one place {stray[0]} \in \{{1, \dots, N\}}",
        )
    if too_many:
        return Judgement(
            Verdict.ILL_FORMED,
            "unequal-free-indices",
            f"{stray[0]} is free on the right side only, and the right side depends on it",
            counterexample=refutation.counterexample,
            help=f"sum over {stray[0]}, or give the left side the index",
        )
    repair = first_proved(
        reading,
        lambda r: _quick(link, r).closed,
        difference=proof.difference,
        definitions=points.definitions,
        seed=points.seed,
    )
    difference = proof.difference or subtract(reading.left, reading.right)
    if repair is not None:
        # The repaired side equals the left one and stands in the page's own names.
        difference = _tidied(subtract(repair.right, reading.right), link, reading) or difference
    return Judgement(
        Verdict.REFUTED,
        "refuted",
        "this equality does not hold",
        difference=text(difference),
        counterexample=refutation.counterexample,
        suggestion=repair.text if repair is not None else "",
    )


def _tidied(difference: Expression, link: Link, reading: Reading) -> Expression | None:
    """The expression in normal form, its definitions left as names; None if that fails."""
    try:
        form = normalise(
            expand_derivatives(difference, reading.context),
            reading.context,
            off_kinks=link.off_kinks,
        )
    except (Unprovable, UnknownFunction):
        return None
    return expression(form) if form else None


def _by_enclosure(link: Link, points: _Points) -> Judgement:
    """Decimals and inequalities: a counterexample refutes; only a statement at a point is
    proved."""
    reading = link.readings[0]
    refutation = points.refuted(link, reading)
    if refutation is not None:
        return _refuted(link, refutation, Proof(False, "", (), 0, None), points)
    evidence = points.enclosed(link, reading)
    if evidence.outcome is Outcome.MET and not reading.indices and not _depends(reading):
        return Judgement(Verdict.PROVED, "proved", "the enclosures say so", evidence=(evidence,))
    return Judgement(
        Verdict.UNDECIDED,
        "undecided",
        "not decided: it holds at the points tried, and only equalities are proved for every size",
        evidence=(evidence,),
    )


def _depends(reading: Reading) -> bool:
    return any(tensors(side) or parameters(side) for side in (reading.left, reading.right))
