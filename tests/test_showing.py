"""`derivcheck show NAME`: the sheet of a derivation, on a terminal and in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from typer.testing import CliRunner

from derivcheck import load, registry, terminal
from derivcheck.checker import read_derivation
from derivcheck.cli import app
from derivcheck.expression import FOREIGN, tensors
from derivcheck.judging import judge
from derivcheck.showing import Sheet, equation, sheet
from derivcheck.source import Source
from derivcheck.verdict import Verdict


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


def test_every_axis_is_counted_as_the_page_counts_it() -> None:
    """States from 0, inputs from 1: what the page calls h_{t-1} is called so."""
    rows = dict(row for section in sheet(load("rnn").derivation).sections for row in section.rows)
    assert rows["a_tsj"] == "Σ_m W_jm x_tsm + Σ_k U_jk h_{t−1,s,k} + b_j"
    assert rows["h_tsj"] == "δ_{t,0} z_sj + [t ≥ 1] tanh(a_tsj)"
    assert rows["ā_tsj"] == "[t ≤ T] h̄_tsj (1 − h_tsj²)"
    assert rows["∂L/∂z_sk"] == "Σ_j ā_{1,s,j} U_jk"
    assert rows["∂L/∂U_jk"] == "Σ_{t=1..T} Σ_s ā_tsj h_{t−1,s,k}"


WITH_GRADIENTS = [n for n in registry.names() if "\n## Gradient" in registry.source(n).text]


@pytest.mark.parametrize("name", WITH_GRADIENTS)
def test_what_is_shown_of_a_page_is_proved_on_that_page(name: str) -> None:
    """Printed closed forms mean what they meant, read as further lines of their page."""
    page, derivation = registry.source(name), load(name).derivation
    forms = [
        form
        for form in derivation.gradients.values()
        # What only a used page calls by a name means nothing on this one.
        if not any(tensor.scope.startswith(FOREIGN) for tensor in tensors(form.body))
    ]
    assert forms or derivation.uses
    shown = "".join(f"\n$$\n{equation(form, 'latex')}\n$$\n" for form in forms)
    # Before the notes: what these say of a case is true of theirs alone.
    at = page.text.index("\n## Reference")
    again = read_derivation(Source(page.path, page.text[:at] + shown + page.text[at:]))
    claims = [item for item in again.items if at < item.span.start < at + len(shown)]
    assert len(claims) == len(forms)
    for item in claims:
        assert item.link is not None
        judgement = judge(item.link, seed=0, definitions=again.extents).judgement
        assert judgement.verdict is Verdict.PROVED, (item.latex, judgement.message)
