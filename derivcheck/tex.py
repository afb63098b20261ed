r"""LaTeX source as the Markdown that `document` reads: the same length, so that places stay.

What is no page (the preamble, comments, verbatim text) becomes blanks; `\section{Forward}` becomes
a heading, `\item` an item of a list. Mathematics is left as it stands.
"""

from __future__ import annotations

import re
from pathlib import PurePath

_ENDINGS = frozenset({".tex", ".ltx", ".latex"})
_LEVELS = ("chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph")

_UNSEEN = re.compile(
    r"\\begin\{(verbatim|lstlisting|minted|comment)(\*?)\}.*?(?:\\end\{\1\2\}|\Z)"
    r"|\\verb\*?([^\w\s])[^\n]*?\3"
    r"|%[^\n]*"
    r"|(?P<escape>\\.)",
    re.DOTALL,
)
_PREAMBLE = re.compile(r"\A.*?\\begin\{document\}", re.DOTALL)
_AFTER = re.compile(r"\\end\{document\}.*\Z", re.DOTALL)
_HEADING = re.compile(
    rf"^[ \t]*\\({'|'.join(_LEVELS)})\*?[ \t]*"
    r"\{((?:[^{}\\]|\\.|\{[^{}]*\})*)\}[ \t]*(?:\\label\{[^{}]*\}[ \t]*)?$",
    re.MULTILINE,
)
_TITLE = re.compile(r"\\title\{((?:[^{}\\]|\\.|\{[^{}]*\})*)\}")
_ITEM = re.compile(r"^([ \t]*)\\item\b", re.MULTILINE)
# Markdown has a meaning for these: ``quotes'' and ties.
_MARKS = str.maketrans("`~", "' ")


def is_tex(path: str) -> bool:
    """Whether a file of this name holds LaTeX."""
    return PurePath(path).suffix.lower() in _ENDINGS


def preamble(text: str) -> str:
    r"""What stands before `\begin{document}`, where macros are defined; a file without it is a part
    of a document, and may define some anywhere."""
    text = _seen(text)
    found = _PREAMBLE.match(text)
    return found[0] if found else text


def title(text: str) -> str:
    r"""The argument of `\title`, empty where there is none."""
    found = _TITLE.search(_seen(text))
    return " ".join(found[1].replace(r"\\", " ").split()) if found else ""


def as_markdown(text: str) -> str:
    """The text as Markdown, every character at its place or replaced by one other."""
    text = _AFTER.sub(_blank, _PREAMBLE.sub(_blank, _seen(text)))
    text = _HEADING.sub(_heading, text)
    return _ITEM.sub(r"\1-    ", text).translate(_MARKS)


def _seen(text: str) -> str:
    """The text without comments and what is verbatim."""
    return _UNSEEN.sub(lambda match: match[0] if match["escape"] else _blank(match), text)


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _heading(match: re.Match[str]) -> str:
    marks = "#" * (_LEVELS.index(match[1]) + 1)
    before, after = match.start(2) - match.start(), match.end() - match.end(2)
    return f"{marks:<{before}}{match[2]}{' ' * after}".replace("\n", " ")
