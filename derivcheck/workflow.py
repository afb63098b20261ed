"""Diagnostics as workflow commands, which GitHub shows beside the lines of a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.findings import findings, tally

if TYPE_CHECKING:
    from derivcheck.checked import Checked
    from derivcheck.source import Source

_LEVEL = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def commands(results: Sequence[Checked]) -> str:
    """One command a diagnostic, then a plain gate line for each document."""
    lines = [_command(each.source, found) for each in results for found in findings(each)]
    lines.extend(
        f"{'PASS' if each.passed else 'FAIL'}  {_plain(each.source.path)}  {tally(each)}"
        for each in results
    )
    return "".join(f"{line}\n" for line in lines)


def _command(source: Source, diagnostic: Diagnostic) -> str:
    start, end = source.position(diagnostic.span.start), source.position(diagnostic.span.end)
    properties = {
        "file": source.path,
        "line": str(start.line),
        "endLine": str(end.line),
        "col": str(start.column),
        # GitHub reads columns only where both ends are on one line.
        "endColumn": str(end.column) if end.line == start.line else "",
        "title": f"derivcheck: {diagnostic.code}",
    }
    listed = ",".join(f"{k}={v.translate(_PROPERTY)}" for k, v in properties.items() if v)
    parts = [diagnostic.message, *(f"{label}: {note}" for label, note in diagnostic.notes)]
    if diagnostic.help:
        parts.append(f"help: {diagnostic.help}")
    return f"::{_LEVEL[diagnostic.severity]} {listed}::{_joined(parts)}"


def _joined(parts: Sequence[str]) -> str:
    return "\n".join(parts).translate(_DATA)


def _plain(path: str) -> str:
    """A path that begins no command of its own."""
    return " ".join(path.split())
