"""Outcomes as JSON and back: nothing lost, nothing else accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from judged_pages import FAULTY, SOUND, UNREAD

from derivcheck import registry, transcript
from derivcheck.checked import Checked, Task
from derivcheck.checker import outcome
from derivcheck.transcript import Damaged
from derivcheck.verdict import Evidence, Outcome


@pytest.mark.parametrize("checked", [FAULTY, SOUND, UNREAD], ids=["faulty", "sound", "unread"])
def test_outcomes_come_back_as_they_were(checked: Checked) -> None:
    text = transcript.dumps(checked)
    assert "\n" not in text
    # A link comes back without its readings, and so it was.
    assert transcript.loads(text, checked.source) == checked


@pytest.mark.parametrize("name", ["huber", "embedding", "conv2d"])
def test_a_registered_page_comes_back_with_all_that_is_printed(name: str) -> None:
    source = registry.source(name)
    checked = outcome(source, Task(witnessed=True, trials=1))
    assert checked.evidence
    assert checked.gradients
    assert checked.programs
    assert transcript.loads(transcript.dumps(checked), source) == checked


def test_numbers_that_json_does_not_know_come_back() -> None:
    infinite = Evidence("autodiff", Outcome.FAILED, float("inf"), 1e-12)
    checked = replace(SOUND, evidence=(infinite,))
    assert transcript.loads(transcript.dumps(checked), SOUND.source) == checked


def test_the_page_is_not_written() -> None:
    assert json.dumps(SOUND.source.text)[1:-1] not in transcript.dumps(SOUND)
    assert "notes/sound.md" not in transcript.dumps(SOUND)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(seed="7"),
        lambda d: d.update(seed=True),
        lambda d: d.update(verdict="verified"),
        lambda d: d.update(surprise=1),
        lambda d: d.update(source={"path": "p", "text": ""}),
        lambda d: d.pop("judged"),
        lambda d: d.update(judged={}),
        lambda d: d["judged"].append(None),
        lambda d: d["judged"][1]["judgement"].update(verdict=None),
        lambda d: d["judged"][1]["item"].update(span=[1, 2]),
        lambda d: d["evidence"][0].update(error="small"),
    ],
)
def test_what_has_another_shape_is_damaged(spoil: Callable[[Any], object]) -> None:
    content = json.loads(transcript.dumps(SOUND))
    spoil(content)
    with pytest.raises(Damaged):
        transcript.loads(json.dumps(content), SOUND.source)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "0"])
def test_what_is_no_object_is_damaged(text: str) -> None:
    with pytest.raises(Damaged):
        transcript.loads(text, SOUND.source)


def test_expressions_have_no_place_in_a_transcript() -> None:
    with pytest.raises(TypeError, match="a transcript has no set"):
        transcript.plain({"a": {1, 2}})
