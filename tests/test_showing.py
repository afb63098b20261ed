"""`derivcheck show NAME`: the sheet of a derivation, on a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from derivcheck import load, registry, terminal
from derivcheck.cli import app
from derivcheck.showing import Sheet, sheet


def printed(made: Sheet, *, width: int = 0) -> str:
    out = io.StringIO()
    console = terminal.console(out)
    if width:
        console = Console(
            file=out, force_terminal=True, color_system=None, width=width, highlight=False
        )
    terminal.show_sheet(console, made)
    return out.getvalue()


@pytest.mark.parametrize("name", ["layernorm", "conv2d", "lstm_cell_fused", "embedding", "adam"])
def test_sheets(name: str, snapshot: object) -> None:
    assert printed(sheet(load(name).derivation)) == snapshot


def test_a_terminal_gets_long_formulas_continued_under_themselves() -> None:
    lines = printed(sheet(load("layernorm").derivation), width=60).splitlines()
    assert all(cell_len(line) <= 60 for line in lines)
    first = next(place for place, line in enumerate(lines) if "∂L/∂X_sj" in line)
    column = lines[first].index("(1/√")
    assert lines[first + 1].startswith(" " * column)
    assert lines[first + 1][column] != " "


def test_equality_signs_stand_below_each_other() -> None:
    lines = printed(sheet(load("layernorm").derivation)).splitlines()
    start = lines.index("Gradients") + 1
    assert len({cell_len(line[: line.index("=")]) for line in lines[start:]}) == 1


@pytest.mark.parametrize("name", registry.names())
def test_every_page_has_a_sheet(name: str) -> None:
    derivation = load(name).derivation
    made = sheet(derivation)
    headings = [section.heading for section in made.sections]
    assert made.title
    assert ("Inputs" in headings) == bool(derivation.inputs or derivation.statics)
    assert ("Forward" in headings) >= bool(derivation.outputs)
    assert ("Gradients" in headings) == bool(derivation.gradients)
    text = printed(made)
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_show_prints_the_sheet_of_a_page_that_passes() -> None:
    result = CliRunner().invoke(app, ["show", "adam"])
    assert result.exit_code == 0, result.output
    assert "θ'_i = θ_i − η m̂_i/(√v̂_i + ε)" in result.stdout
