"""The verdict of one link, from its readings: proof, enclosure at a point, refutation, repair.

*Charity may acquit, never convict*: a link is proved if one admissible reading is, refuted only if
every admissible reading is.
"""

from __future__ import annotations

from dataclasses import dataclass

from derivcheck.derivation import Link, Reading
from derivcheck.diagnostic import Diagnostic
from derivcheck.expression import parameters, subtract, tensors
from derivcheck.notation import text, unicode_name
from derivcheck.proof import Proof, prove
from derivcheck.refutation import Refutation, refute
from derivcheck.repair import first_proved
from derivcheck.verdict import Evidence, Judgement, Outcome, Verdict
from derivcheck.witnesses.ball_arithmetic import ball_evidence

FAULTS = {
    "unequal-free-indices": Verdict.ILL_FORMED,
    "index-bound-and-free": Verdict.ILL_FORMED,
    "rank-mismatch": Verdict.ILL_FORMED,
    "extent-mismatch": Verdict.ILL_FORMED,
    "mixed-bases": Verdict.ILL_FORMED,
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


def fault_judgement(fault: Diagnostic) -> Judgement:
    verdict = FAULTS.get(fault.code, Verdict.UNDECIDED)
    return Judgement(verdict, fault.code, fault.message, help=fault.help)


def judge(link: Link, *, seed: int) -> Ruling:
    """The verdict of a link that was read; a fault's verdict otherwise."""
    if link.fault is not None:
        return Ruling(fault_judgement(link.fault))
    if any(tolerance is not None for tolerance in link.tolerance) or link.relation not in (
        "=",
        r"\ne",
    ):
        return Ruling(_by_enclosure(link, seed))
    proofs: list[Proof] = []
    for reading in link.readings:
        proof = prove(reading, off_kinks=link.off_kinks)
        proofs.append(proof)
        if proof.closed:
            return _proved(link, reading, proof, seed)
    return Ruling(_not_proved(link, proofs, seed))


def _proved(link: Link, reading: Reading, proof: Proof, seed: int) -> Ruling:
    """A closed proof still needs one point of the domain at which both sides are defined and agree."""
    evidence = ball_evidence(reading, seed=seed, off_kinks=link.off_kinks)
    note = reading.note if reading.caution else ""
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
        judgement = Judgement(
            Verdict.REFUTED, "refuted", "the two sides are equal for every size", reading=note
        )
        return Ruling(judgement)
    message = f"proved, if {note}" if note else "proved for every size"
    judgement = Judgement(
        Verdict.PROVED,
        "reading" if note else "proved",
        message,
        reading=note,
        assumptions=proof.assumptions,
        evidence=(evidence,),
    )
    return Ruling(judgement)


def _not_proved(link: Link, proofs: list[Proof], seed: int) -> Judgement:
    refutations = [refute(link, reading, seed=seed) for reading in link.readings]
    first = refutations[0]
    if link.relation == r"\ne":
        if first is not None:
            return Judgement(
                Verdict.PROVED,
                "proved",
                "the sides differ at the point shown",
                counterexample=first.counterexample,
            )
    elif all(refutation is not None for refutation in refutations) and first is not None:
        return _refuted(link, first, proofs[0])
    survivors = [
        reading.note for reading, r in zip(link.readings, refutations, strict=True) if r is None
    ]
    if first is not None and survivors and link.relation == "=":
        return Judgement(
            Verdict.UNDECIDED,
            "ambiguous",
            f"it fails as written, but may hold if {survivors[0]}",
            reading=survivors[0],
            help="write the reading that is meant",
        )
    return _undecided(link, proofs[0], seed)


def _undecided(link: Link, proof: Proof, seed: int) -> Judgement:
    """The proof did not close and no counterexample was found: agreement at points, or a reason."""
    evidence = ball_evidence(link.readings[0], seed=seed, off_kinks=link.off_kinks, points=5)
    difference = text(proof.difference) if proof.difference is not None else ""
    if evidence.outcome is Outcome.MET and link.relation == "=" and not proof.declare:
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
        f"not decided: {proof.reason}",
        difference=difference,
        help=proof.declare,
        evidence=(evidence,),
    )


def _refuted(link: Link, refutation: Refutation, proof: Proof) -> Judgement:
    """A counterexample convicts, unless it rests on what the page leaves open."""
    if link.unknown:
        names = ", ".join(unicode_name(tensor.name) for tensor in link.unknown)
        return Judgement(
            Verdict.UNDECIDED,
            "unknown-symbol",
            f"it does not hold for arbitrary {names}, of which the page says nothing",
            counterexample=refutation.counterexample,
            help=f"define or declare {names} before this line",
        )
    if refutation.natural_domain:
        return Judgement(
            Verdict.UNDECIDED,
            "natural-domain",
            f"it fails only outside {refutation.natural_domain}",
            counterexample=refutation.counterexample,
            help=f"declare {refutation.natural_domain}",
        )
    reading = link.readings[0]
    repair = first_proved(reading, lambda r: prove(r, off_kinks=link.off_kinks).closed)
    difference = proof.difference or subtract(reading.left, reading.right)
    return Judgement(
        Verdict.REFUTED,
        "refuted",
        "this equality does not hold",
        difference=text(difference),
        counterexample=refutation.counterexample,
        suggestion=repair.text if repair is not None else "",
    )


def _by_enclosure(link: Link, seed: int) -> Judgement:
    """Decimals and inequalities: a counterexample refutes; only a statement at a point is proved."""
    reading = link.readings[0]
    refutation = refute(link, reading, seed=seed)
    if refutation is not None:
        return _refuted(link, refutation, Proof(False, "", (), 0, None))
    evidence: Evidence = ball_evidence(
        reading,
        seed=seed,
        relation=link.relation,
        tolerance=link.tolerance,
        off_kinks=link.off_kinks,
    )
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
