"""Workflow commands: one a diagnostic, and no text of a document that begins another."""

from dataclasses import replace

from judged_pages import FAULTY, SECOND, SOUND

from derivcheck.checked import Judged
from derivcheck.source import Source
from derivcheck.verdict import Judgement, Verdict
from derivcheck.workflow import commands


def test_a_finding_is_a_command_with_its_place():
    error, warning, gate = commands([FAULTY]).splitlines()
    assert error.startswith(
        "::error file=notes/centring.md,line=16,endLine=16,col=6,endColumn=55,"
        "title=derivcheck%3A refuted::this equality does not hold%0Aleft − right: "
    )
    assert warning.startswith("::warning file=notes/centring.md,line=21,")
    assert gate == "FAIL  notes/centring.md  3 claims: 1 proved, 1 undecided, 1 refuted"


def test_a_sound_page_is_one_gate_line():
    assert commands([SOUND]) == "PASS  notes/sound.md  1 claim: 1 proved\n"


def test_nothing_in_a_document_begins_a_command_of_its_own():
    hostile = Judgement(Verdict.REFUTED, "refuted", "50%\n::set-env name=PATH::/tmp\r")
    source = Source("a,b:c\n::error::.md", FAULTY.source.text)
    text = commands([replace(FAULTY, source=source, judged=(Judged(SECOND, hostile),))])
    assert text.count("\n") == 2
    assert text.startswith("::error file=a%2Cb%3Ac%0A%3A%3Aerror%3A%3A.md,line=16")
    assert "::50%25%0A::set-env name=PATH::/tmp%0D\n" in text
