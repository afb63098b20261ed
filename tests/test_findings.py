"""What is said of a judged page, and how loudly."""

from dataclasses import replace

from judged_pages import FAULTY, SECOND, SOUND, UNDECIDED, UNREAD

from derivcheck.checked import Judged
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.findings import array, findings, tally
from derivcheck.verdict import Judgement, Outcome, Verdict


def test_findings_stand_in_the_order_of_the_page_and_proved_claims_are_silent():
    assert [(each.severity, each.code) for each in findings(FAULTY)] == [
        (Severity.ERROR, "refuted"),
        (Severity.WARNING, "natural-domain"),
    ]


def test_notes_say_difference_point_and_repair():
    notes = dict(findings(FAULTY)[0].notes)
    assert notes["counterexample"] == "S=1 M=2  Ȳ=[[1 0]]  s=0 j=0:   left 0.5   right 1"
    assert notes["left − right"].startswith("−(1/M)")
    assert notes["proved if"]


def test_a_point_that_does_not_convict_is_not_called_a_counterexample():
    point = FAULTY.judged[2].judgement.counterexample
    undecided = replace(UNDECIDED, counterexample=point)
    checked = replace(FAULTY, judged=(Judged(SECOND, undecided),))
    assert [label for label, _ in findings(checked)[0].notes] == ["differs at"]


def test_reading_is_said_once():
    said = Diagnostic(Severity.WARNING, "reading", "judged under a reading", SECOND.span)
    proved = Judgement(Verdict.PROVED, "reading", "proved, if …", reading="σ is a factor")
    checked = replace(FAULTY, judged=(Judged(SECOND, proved),), diagnostics=(said,))
    assert findings(checked) == (said,)
    undecided = replace(UNDECIDED, reading="σ is a factor")
    checked = replace(checked, judged=(Judged(SECOND, undecided),))
    assert [each.code for each in findings(checked)] == ["natural-domain"]


def test_fault_of_an_item_without_judgement_is_reported():
    fault = Diagnostic(Severity.ERROR, "unsupported", "not understood: \\oint", SECOND.span)
    checked = replace(FAULTY, judged=(Judged(replace(SECOND, fault=fault), None),))
    assert findings(checked) == (fault,)


def test_a_witness_that_disagrees_is_loud():
    failed = replace(SOUND.evidence[0], outcome=Outcome.FAILED, error=0.25, note="worst for X")
    (said,) = findings(replace(SOUND, evidence=(*SOUND.evidence, failed)))
    assert (said.severity, said.code) == (Severity.ERROR, "witness-disagrees")
    observed = "S=2 M=3 seed=0; error 0.25, bound 1e-12; worst for X"
    assert said.notes == (("autodiff", observed),)
    (said,) = findings(replace(SOUND, evidence=(failed,), contradicted=True))
    assert said.code == "proof-contradicted"


def test_tally():
    assert tally(FAULTY) == "3 claims: 1 proved, 1 undecided, 1 refuted"
    assert tally(SOUND) == "1 claim: 1 proved"
    assert tally(UNREAD) == "no claim was judged"
    failed = replace(SOUND.evidence[0], outcome=Outcome.FAILED)
    assert tally(replace(SOUND, evidence=(failed,))).endswith("; a witness disagrees")


def test_arrays_read_as_a_person_writes_them():
    assert array([["0", "1/2"], ["1", "0"]]) == "[[0 1/2] [1 0]]"
    assert array("3") == "3"
