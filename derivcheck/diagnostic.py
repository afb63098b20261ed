"""A fault in a document: headline, place, notes and help; and the catalogue of codes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from derivcheck.source import Source, Span


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Diagnostic:
    """One message about one place.

    `code` is a key of `explanations.CODES`; `notes` are (label, text) pairs printed under the caret
    in order; `help` says what to write instead, or why.
    """

    severity: Severity
    code: str
    message: str
    span: Span
    notes: tuple[tuple[str, str], ...] = ()
    help: str = ""


class DocumentError(Exception):
    """The document as a whole cannot be read (encoding, unclosed `$$`, no such file)."""

    def __init__(self, source: Source, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.source = source
        self.diagnostic = diagnostic
