"""`derivcheck list`: groups in one order, nothing lost, lines that fit."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from derivcheck import listing, registry
from derivcheck.cli import app
from derivcheck.registry import GROUPS, Summary

SECONDARY = {"sampling"}


def listed(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["list", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_first_tag_of_every_page_is_a_group_and_the_others_are_known() -> None:
    known = {*GROUPS, *SECONDARY}
    for name in registry.names():
        tags = registry.summary(name).tags
        assert tags, name
        assert tags[0] in GROUPS, (name, tags)
        assert set(tags) <= known, (name, tags)
        assert len(set(tags)) == len(tags), (name, tags)


def test_every_name_stands_once_under_its_group_with_its_sentence() -> None:
    group = ""
    seen: list[str] = []
    for line in listed().splitlines():
        if line.startswith("  "):
            name, sentence = line.split(maxsplit=1)
            seen.append(name)
            summary = registry.summary(name)
            assert (summary.group, summary.sentence) == (group, sentence)
        elif line:
            group = line
    assert sorted(seen) == list(registry.names())


def test_groups_stand_in_the_order_of_the_registry() -> None:
    headings = [line for line in listed().splitlines() if line and not line.startswith(" ")]
    assert headings == [group for group in GROUPS if group in headings]


def test_a_tag_selects_and_an_unknown_one_names_those_there_are() -> None:
    found = listed("--tag", "second order")
    assert "softmax_jacobian" in found
    assert "layernorm" not in found
    result = CliRunner().invoke(app, ["list", "--tag", "recurent"])
    assert result.exit_code == 2
    assert "there are: activation," in result.stderr
    assert "recurrent" in result.stderr


def test_a_tag_that_no_group_has_is_listed_after_the_groups() -> None:
    pages = [
        Summary("z", "Z", "Last.", ("zebra",)),
        Summary("a", "A", "", ()),
        Summary("tanh", "Tangent", "", ("activation",)),
    ]
    assert [(group, [p.name for p in each]) for group, each in listing.groups(pages)] == [
        ("activation", ["tanh"]),
        ("other", ["a"]),
        ("zebra", ["z"]),
    ]
    assert ("  tanh  Tangent", False) in listing.lines(pages, None)


@pytest.mark.parametrize("width", [30, 60, 200])
def test_lines_are_cut_at_a_word_to_fit_the_terminal(width: int) -> None:
    page = Summary(
        "conv", "C", "Slides a bank of small kernels, far apart, over images.", ("loss",)
    )
    _, (line, heading) = listing.lines([page], width)
    assert not heading
    assert len(line) <= width
    assert line.endswith("images." if width == 200 else "…")
    assert ",…" not in line


def test_a_pipe_gets_no_control_codes() -> None:
    assert "\x1b" not in listed()


def test_the_list_is_instant() -> None:
    """The promise is 0.1 s; the best of several, since machines are shared."""
    command = [sys.executable, "-m", "derivcheck", "list"]
    bare = [sys.executable, "-c", "pass"]

    def seconds(arguments: list[str]) -> float:
        began = time.perf_counter()
        subprocess.run(arguments, check=True, capture_output=True)
        return time.perf_counter() - began

    best = min(seconds(command) - seconds(bare) for _ in range(7))
    assert best < 0.2
