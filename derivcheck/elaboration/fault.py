"""Why a piece of a page has no meaning, with its place."""

from __future__ import annotations

from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.source import Span


class Fault(Exception):
    """A stretch that is ill-formed, not understood, or whose meaning is left open by the page."""

    def __init__(self, code: str, message: str, span: Span, help: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.span = span
        self.help = help

    def diagnostic(self, severity: Severity = Severity.ERROR) -> Diagnostic:
        return Diagnostic(severity, self.code, self.message, self.span, help=self.help)


def unsupported(construct: str, span: Span, help: str) -> Fault:
    """The reader knows the notation but elaboration has no meaning for it here."""
    return Fault("unsupported", f"not understood: {construct}", span, help)


def unread(name: str, span: Span, reason: str) -> Fault:
    """A name is used of which the definition was not understood; `reason` says where that is."""
    message = f"this depends on {name}, whose definition was not understood"
    return Fault("depends-on-unread", message, span, reason)


def is_a_size(name: str, span: Span) -> Fault:
    """The letter of a size stands where only what has other values can."""
    text = f"{name} is a size on this page, and this is none"
    return Fault("redefinition", text, span, "give one of them another letter")
