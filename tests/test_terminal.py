"""How diagnostics and the tree of claims look; what a document cannot do to a terminal."""

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_pages import FAULTY, SECOND, SOUND, SOURCE, UNREAD
from rich.cells import cell_len
from rich.console import Console

from derivcheck import terminal
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.findings import findings
from derivcheck.source import Source, Span


def printed(*results) -> str:
    out = io.StringIO()
    terminal.show(terminal.console(out), list(results))
    return out.getvalue()


def rendered(text: str, span: Span, width: int = 100) -> list[str]:
    diagnostic = Diagnostic(Severity.ERROR, "refuted", "no", span)
    return terminal.render(Source("p.md", text), diagnostic, width).plain.splitlines()


def test_a_faulty_page(snapshot):
    assert printed(FAULTY) == snapshot


def test_several_pages_and_the_gate_of_the_run(snapshot):
    assert printed(FAULTY, UNREAD) == snapshot


def test_plain_output_has_no_control_codes():
    assert "\x1b" not in printed(FAULTY, SOUND, UNREAD)


def test_a_terminal_gets_colours_and_NO_COLOR_takes_them_away(monkeypatch):
    def shown() -> str:
        out = io.StringIO()
        console = Console(file=out, force_terminal=True, color_system="standard", width=100)
        terminal.show(console, [FAULTY])
        return out.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31m" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in shown()


def test_claims_are_never_called_correct_or_verified():
    text = printed(FAULTY, SOUND).lower()
    assert "correct" not in text
    assert "verified" not in text


def test_caret_stands_under_the_right_side():
    (diagnostic,) = [each for each in findings(FAULTY) if each.code == "refuted"]
    lines = terminal.render(SOURCE, diagnostic).plain.splitlines()
    code = next(line for line in lines if "the mean does not matter" in line)
    carets = lines[lines.index(code) + 1]
    start = carets.index("^")
    assert code[start : start + len(SECOND.latex)] == SECOND.latex
    assert carets.count("^") == len(SECOND.latex)


@pytest.mark.parametrize(
    ("before", "cells"),
    [("abc ", 4), ("\t", 4), ("数式 ", 5), ("e\u0301 ", 2), ("\x1b[2J", 4)],
    ids=["ascii", "tab", "wide", "combining", "escape"],
)
def test_caret_counts_cells(before, cells):
    *_, code, carets = rendered(f"{before}x = y", Span(len(before), len(before) + 1))
    assert code.startswith("1 | ")
    assert carets == "  | " + " " * cells + "^"


def test_long_line_is_cropped_around_the_caret():
    text = "a" * 5000 + "WRONG" + "b" * 5000
    *_, code, carets = rendered(text, Span(5000, 5005), width=80)
    assert cell_len(code) <= 80
    start = carets.index("^")
    assert code[start : start + 5] == "WRONG"
    assert code[4] == "…"
    assert code[-1] == "…"


def test_a_line_of_a_megabyte_is_shown_like_any_other():
    text = "\\begin{a}" * 125_000
    *_, code, carets = rendered(text, Span(900_000, 900_009), width=80)
    assert cell_len(code) <= 80
    start = carets.index("^")
    assert code[start : start + 9] == text[900_000:900_009]


def test_span_over_several_lines_shows_the_first_three():
    lines = rendered("a =\n  b\n\n  + c\n  + d\n  + e", Span(4, 24))
    assert [line for line in lines if line[0].isdigit()] == ["2 |   b", "4 |   + c", "5 |   + d"]


def test_place_past_the_end_and_empty_document_still_have_a_caret():
    assert rendered("x", Span(1, 1))[-1] == "  |  ^"
    assert rendered("", Span(0, 0)) == ["error[refuted]: no", " --> p.md:1:1"]


@given(st.text(), st.data(), st.integers(20, 90))
def test_any_text_renders_within_its_width_and_without_control_codes(text, data, width):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    lines = rendered(text, Span(start, end), width)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for line in lines for c in line)
    assert all(cell_len(line) <= width for line in lines[2:])


def test_a_stream_that_cannot_print_greek_does_not_stop_the_tool():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "derivcheck", "explain", "reading"],
        capture_output=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0
    assert b"Traceback" not in done.stderr
