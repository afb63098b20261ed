"""Diagnostics and the tree of claims on a terminal, or as plain text where there is none.

Rich decides whether there is a terminal (NO_COLOR, pipes); this module never writes a control
code itself, and replaces those that a document contains. Columns are counted in terminal cells, so
that a caret stands under its character after wide and combining ones.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import IO, TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from derivcheck.derivation import Kind
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.excerpt import heading_of, headings, statement
from derivcheck.findings import findings, resting, tally
from derivcheck.source import Source, Span
from derivcheck.verdict import Verdict

if TYPE_CHECKING:
    from derivcheck.checked import Checked, Judged
    from derivcheck.showing import Sheet

PLAIN_WIDTH = 100
_TAB = "    "
_SPINNER_CELLS = 3
_SHOWN_LINES = 3
_SEVERITY_STYLE = {
    Severity.ERROR: "bold red",
    Severity.WARNING: "bold yellow",
    Severity.NOTE: "bold cyan",
}
_MARK = {
    Verdict.REFUTED: ("✗", "bold red"),
    Verdict.ILL_FORMED: ("✗", "bold red"),
    Verdict.UNSUPPORTED: ("?", "yellow"),
    Verdict.UNDECIDED: ("?", "yellow"),
    Verdict.AGREES: ("≈", "cyan"),
    Verdict.PROVED: ("✓", "green"),
}
_VERDICT_CELLS = max(len(verdict.value) for verdict in Verdict)


def console(file: IO[str] | None = None, *, stderr: bool = False) -> Console:
    """A console that interprets nothing in a document's text; 100 columns where none are known."""
    made = Console(file=file, stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = PLAIN_WIDTH
    return made


def printable(text: str) -> str:
    """The text with tabs as four blanks and every control or direction character made visible."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character == "\t":
        return _TAB
    # Escape sequences would reach the terminal; direction marks reorder a line (CVE-2021-42574).
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return "\N{REPLACEMENT CHARACTER}" if hidden else character


def render(source: Source, diagnostic: Diagnostic, width: int = PLAIN_WIDTH) -> Text:
    """One diagnostic in the style of the house, lines of the source cropped to `width` cells."""
    style = _SEVERITY_STYLE[diagnostic.severity]
    place = source.position(diagnostic.span.start)
    text = Text()
    text.append(f"{diagnostic.severity.value}[{diagnostic.code}]", style)
    text.append(f": {printable(diagnostic.message)}\n", "bold")
    quoted = _quoted(source, diagnostic.span)
    gutter = len(str(quoted[-1][0])) if quoted else len(str(place.line))
    text.append(f"{' ' * gutter}--> ", "blue")
    text.append(f"{printable(source.path)}:{place.line}:{place.column}\n")
    if quoted:
        text.append(f"{' ' * gutter} |\n", "blue")
    for number, start, end in quoted:
        shown, before, under = crop(source.line(number), start, end, width - gutter - 3)
        text.append(f"{number:>{gutter}} | ", "blue")
        text.append(f"{shown}\n")
        text.append(f"{' ' * gutter} | ", "blue")
        text.append(f"{' ' * before}{'^' * under}\n", style)
    label_cells = max((cell_len(label) for label, _ in diagnostic.notes), default=0)
    for label, note in diagnostic.notes:
        text.append(f"{' ' * gutter} = ", "blue")
        text.append(f"{label}{' ' * (label_cells - cell_len(label))}  ", "bold")
        text.append(f"{_wrapped(note, gutter + 3 + label_cells + 2, width)}\n")
    if diagnostic.help:
        text.append("help", "bold cyan")
        text.append(f": {_wrapped(diagnostic.help, len('help: '), width)}\n")
    return text


def _wrapped(text: str, indent: int, width: int) -> str:
    """Text that begins at column `indent` and goes on below itself; words are not broken."""
    lines = [
        piece
        for line in text.split("\n")
        for piece in textwrap.wrap(
            printable(line), max(width - indent, 20), break_long_words=False, break_on_hyphens=False
        )
    ]
    return f"\n{' ' * indent}".join(lines)


def _quoted(source: Source, span: Span) -> list[tuple[int, int, int]]:
    """(line number, start, end) of the first lines of a span, without blanks at either end."""
    if not source.text:
        return []
    first, last = source.position(span.start), source.position(max(span.start, span.end - 1))
    quoted: list[tuple[int, int, int]] = []
    for number in range(first.line, last.line + 1):
        line = source.line(number)
        start = first.column - 1 if number == first.line else len(line) - len(line.lstrip())
        end = last.column if number == last.line else len(line.rstrip())
        if line.strip() or number == first.line:
            quoted.append((number, start, max(end, start)))
        if len(quoted) == _SHOWN_LINES:
            break
    return quoted


def crop(line: str, start: int, end: int, width: int) -> tuple[str, int, int]:
    """The part of `line` around `start` that fits `width` cells; cells before and under the span.

    There is always at least one caret, also past the end of the line.
    """
    # A page may be one line of a megabyte: only what could come into view is looked at.
    first, last = max(0, start - 4 * width), min(len(line), start + 4 * width)
    cells = [printable(character) for character in line[first:last]]
    widths = [cell_len(cell) for cell in cells]
    start, end = start - first, end - first
    low, high = 0, len(cells)
    if len(cells) < len(line) or sum(widths) > width:
        low, high = _window(widths, start, width - 2)
    left = "…" if first + low > 0 else ""
    right = "…" if first + high < len(line) else ""
    shown = "".join(cells[low:high])
    before = cell_len(left) + cell_len("".join(cells[low:start]))
    under = cell_len("".join(cells[start : min(end, high)]))
    return f"{left}{shown.rstrip()}{right}", before, max(under, 1)


def _window(widths: list[int], start: int, budget: int) -> tuple[int, int]:
    """The characters that `budget` cells hold: a quarter before `start`, the rest from it on."""
    low = high = start
    before = budget // 4
    while low > 0 and before >= widths[low - 1]:
        low -= 1
        before -= widths[low]
    budget -= sum(widths[low:start])
    while high < len(widths) and budget >= widths[high]:
        budget -= widths[high]
        high += 1
    while low > 0 and budget >= widths[low - 1]:  # room that the end of the line leaves
        low -= 1
        budget -= widths[low]
    while low < start and widths[low] == 0:  # a combining mark without its letter
        low += 1
    return low, high


def tree(checked: Checked) -> Tree:
    """The judged items of a document under its headings, each with its verdict and its line."""
    source = checked.source
    found = headings(source)
    title = Text(printable(source.path), "bold")
    if checked.title:
        title.append(f"  {printable(checked.title)}", "not bold")
    root = Tree(title)
    branches: dict[str, Tree] = {}
    for judged in checked.judged:
        if judged.judgement is None and judged.item.kind is not Kind.CLAIM:
            continue
        line = source.position(judged.item.span.start).line
        section = heading_of(found, line)
        if section == checked.title:
            section = ""  # the page's own heading is the root
        if section not in branches:
            heading = Text(printable(section), "bold blue")
            branches[section] = root.add(heading) if section else root
        leaf = branches[section].add(_leaf(source, judged, line))
        if judged.judgement is not None and judged.judgement.rests_on:
            leaf.add(Text(f"rests on {resting(judged.judgement)}", "dim"))
    return root


def _leaf(source: Source, judged: Judged, line: int) -> Text:
    leaf = Text(no_wrap=True, overflow="ellipsis")
    if judged.judgement is None:
        leaf.append("· not judged", "dim")
        leaf.append(" " * (_VERDICT_CELLS - len("not judged")))
    else:
        verdict = judged.judgement.verdict
        mark, style = _MARK[verdict]
        leaf.append(f"{mark} {verdict.value:<{_VERDICT_CELLS}}", style)
    leaf.append(f"  line {line:<4}  ", "dim")
    if judged.judgement is not None and judged.judgement.inductions:
        leaf.append("by induction  ", "dim")
    leaf.append(printable(statement(source, judged.item)))
    return leaf


def gate_line(label: str, passed: bool, detail: str) -> Text:
    """`PASS  layernorm  12 claims: 12 proved`."""
    text = Text()
    text.append("PASS" if passed else "FAIL", "bold green" if passed else "bold red")
    text.append(f"  {printable(label)}  {detail}")
    return text


def show(out: Console, results: Sequence[Checked], *, trees: bool = True) -> None:
    """All of it: for each document its tree, its diagnostics, its gate; then the run's gate."""
    for checked in results:
        if trees and checked.judged:
            out.print(tree(checked))
            out.print()
        for diagnostic in findings(checked):
            out.print(render(checked.source, diagnostic, out.width), soft_wrap=True)
        gate = gate_line(checked.source.path, checked.passed, tally(checked))
        if checked.cached and out.is_terminal:  # elsewhere the bytes are those of a fresh run
            gate.append("  cached", "dim")
        out.print(gate, soft_wrap=True)
        if len(results) > 1:
            out.print()
    if len(results) > 1:
        out.print(run_gate(results), soft_wrap=True)


def run_gate(results: Iterable[Checked]) -> Text:
    """The gate of several documents: `FAIL  3 pages  2 passed, 1 failed`."""
    gates = [checked.passed for checked in results]
    passed = sum(gates)
    return gate_line(
        f"{len(gates)} pages", all(gates), f"{passed} passed, {len(gates) - passed} failed"
    )


def print_page(out: Console, markdown: str) -> None:
    """A page of ours: rendered on a terminal, as it is written elsewhere."""
    if not out.is_terminal:
        out.print(markdown.rstrip("\n"), soft_wrap=True)
        return
    # Rich's Markdown loads markdown-it and Pygments, which nothing else on this path needs.
    from rich.markdown import Markdown

    out.print(Markdown(markdown))


def show_sheet(out: Console, sheet: Sheet) -> None:
    """A derivation's sheet: columns aligned, long formulas continued below themselves.

    Where there is no terminal every row is one line.
    """
    out.print(Text(printable(sheet.title), "bold"), soft_wrap=True)
    if sheet.sentence:
        shown = _wrapped(sheet.sentence, 0, out.width) if out.is_terminal else sheet.sentence
        out.print(shown, soft_wrap=True)
    for section in sheet.sections:
        out.print()
        out.print(Text(section.heading, "bold blue"))
        left_cells = max(cell_len(left) for left, _ in section.rows)
        for left, right in section.rows:
            row = Text(f"  {printable(left)}{' ' * (left_cells - cell_len(left))} ", "cyan")
            row.append(f"{section.sign} ", "dim")
            shown = _wrapped(right, cell_len(row.plain), out.width) if out.is_terminal else right
            row.append(shown, "not bold default")
            out.print(row, soft_wrap=True)


class Working:
    """Tells a terminal what is being done; silent elsewhere."""

    def __init__(self, out: Console, documents: int) -> None:
        self._status = out.status("") if out.is_terminal else None
        self._width = out.width
        self._documents = documents
        self._finished = 0
        self._at: dict[str, str] = {}

    def __enter__(self) -> Working:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def progress(self, path: str, stage: str, done: int, total: int) -> None:
        """A page is at a stage; without one it is finished."""
        if not stage:
            self._finished += 1
            self._at.pop(path, None)
        else:
            count = f" {done}/{total}" if total else ""
            self._at[path] = f"{printable(PurePath(path).stem)}: {stage}{count}"
        if self._status:
            which = [f"[{self._finished}/{self._documents}]"] if self._documents > 1 else []
            text = Text(" ".join([*which, " · ".join(self._at.values())]))
            text.truncate(self._width - _SPINNER_CELLS, overflow="ellipsis")
            self._status.update(text)
