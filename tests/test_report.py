"""Reports: what stands in them, what must not, and how they are replaced."""

import json
import os
import re
from dataclasses import replace

import pytest
from judged_pages import FAULTY, SECOND, SOUND, UNREAD, WITNESSES

from derivcheck import registry, report
from derivcheck.checked import Judged
from derivcheck.checker import run_derivation
from derivcheck.verdict import Evidence, Judgement, Outcome, Verdict


def test_a_report_without_closed_forms(snapshot):
    assert report.page(SOUND) == snapshot


def test_a_report_of_a_faulty_page(snapshot):
    assert report.page(FAULTY) == snapshot


def test_an_unread_page_is_reported_as_a_failure():
    text = report.page(UNREAD)
    assert "**FAIL** · no claim was judged" in text
    assert "`binary`: this is no text" in text


def test_pages_print_bounds_and_no_measurements():
    text = report.page(SOUND)
    assert "| autodiff | ≤ 1e-12: met | ≤ 1e-12: met | independent |" in text
    assert "| finite differences | within its own bound: met | inconclusive |" in text
    assert not re.search(r"\d\.\d+e-\d", text)
    assert "/" not in text.replace("</", "").replace("../", "").replace("derivations/", "")


def test_measurements_change_no_byte_of_the_page():
    other = tuple(
        replace(each, error=None if each.error is None else each.error * 1.7) for each in WITNESSES
    )
    assert report.page(replace(SOUND, evidence=other)) == report.page(SOUND)


def test_the_worst_observation_of_a_trial_is_the_one_shown():
    failed = Evidence("autodiff", Outcome.FAILED, 0.5, 1e-12, WITNESSES[0].trial)
    text = report.page(replace(SOUND, evidence=(*WITNESSES, failed)))
    assert "| autodiff | ≤ 1e-12: failed | ≤ 1e-12: met |" in text


def test_mathematics_cannot_break_a_table():
    hostile = Judgement(Verdict.PROVED, "proved", "", assumptions=("|x| < 1 <b>", "a\n\n# b"))
    latex = r"\|x\| = |x| ` $"
    item = replace(SECOND, latex=latex, whole=SECOND.span)
    text = report.page(replace(SOUND, judged=(Judged(item, hostile),)))
    (row,) = [line for line in text.splitlines() if r"\Vert" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert "<b>" not in row


def test_a_condition_in_latex_is_rendered():
    proved = Judgement(Verdict.PROVED, "proved", "", assumptions=(r"\epsilon > 0", "M ≥ 1"))
    text = report.page(replace(SOUND, judged=(Judged(SECOND, proved),)))
    assert r"| proved | $`\epsilon > 0`$; M ≥ 1 |" in text


def test_reports_and_index_are_written(tmp_path):
    written = report.write_reports([FAULTY, SOUND], tmp_path / "new" / "reports")
    assert [path.name for path in written] == [
        "centring.md",
        "centring.json",
        "sound.md",
        "sound.json",
        "index.md",
    ]
    assert sorted(path.name for path in written[0].parent.iterdir()) == sorted(
        path.name for path in written
    )
    assert json.loads(written[1].read_text())["documents"][0]["verdict"] == "refuted"
    index = written[-1].read_text()
    assert "| [centring](centring.md) | **FAIL** | none | 3 claims: 1 proved, 1 " in index
    assert "| [sound](sound.md) | **PASS** |" in index


def test_the_index_is_grouped_in_the_order_of_the_registry(tmp_path):
    """A report without a tag, or of an earlier version, stands last."""
    for name, tags in (("a", ("loss",)), ("b", ()), ("c", ("linear", "loss")), ("d", ("loss",))):
        page = replace(SOUND, source=replace(SOUND.source, path=f"{name}.md"), tags=tags)
        report.write_reports([page], tmp_path)
    index = (tmp_path / "index.md").read_text()
    found = re.findall(r"^## (.*)|^\| \[(.)\]", index, re.MULTILINE)
    assert [heading or name for heading, name in found] == [
        *("Linear", "c", "Loss", "a", "d", "Other", "b")
    ]


def test_index_keeps_the_rows_of_earlier_runs(tmp_path):
    report.write_reports([FAULTY], tmp_path)
    report.write_reports([SOUND], tmp_path)
    both = (tmp_path / "index.md").read_bytes()
    report.write_reports([SOUND, FAULTY], tmp_path)
    assert (tmp_path / "index.md").read_bytes() == both
    assert both.count(b"](") == 2


def test_a_report_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    report.write_reports([SOUND], tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(type(tmp_path), "replace", full)
    with pytest.raises(OSError, match="No space"):
        report.write_reports([replace(SOUND, seed=8)], tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_report_says_how_to_replay_it():
    assert "derivcheck run sound --trials 2 --seed 7\n" in report.page(SOUND)
    assert "--seed 7 --dtype float32\n" in report.page(replace(SOUND, dtype="float32"))


def test_a_registered_page_gives_the_same_bytes_twice():
    """Closed forms, claims, evidence and code: nothing depends on the run."""
    first, second = (report.page(run_derivation(registry.source("tanh"))) for _ in range(2))
    assert first == second
    assert "**PASS**" in first
    assert "```math\n\\frac{\\partial L}" in first
    assert "<summary>NumPy</summary>" in first
    assert "def pullback(" in first
    assert "independent" in first
