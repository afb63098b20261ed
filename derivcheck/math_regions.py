r"""Where mathematics stands in the raw text of a Markdown page: one scan, linear in its length."""

from __future__ import annotations

import re
from dataclasses import dataclass

from derivcheck.source import Span

_ENVIRONMENTS = [
    "equation",
    "align",
    "alignat",
    "flalign",
    "gather",
    "multline",
    "eqnarray",
    "displaymath",
    "math",
    "split",
    "aligned",
    "gathered",
    "alignedat",
]

# What can begin or end mathematics, code, or something that hides both.
_MARK = re.compile(
    r"(?P<fence>^(?:[ \t]*(?:>|[-*+][ \t]|\d{1,9}[.)][ \t]))*[ \t]*(?P<ticks>`{3,}|~{3,})[^\n]*$)"
    r"|(?P<begin>\\begin\{(?P<name>(?:" + "|".join(_ENVIRONMENTS) + r")\*?)\})"
    r"|(?P<bracket>\\\\?[(\[])"
    r"|(?P<escape>\\.)"
    r"|(?P<code>`+)"
    r"|(?P<hidden><!--|<(?:pre|script|style|code)\b)"
    r"|(?P<dollars>\$+)",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
_BLANK_LINE = re.compile(r"\n(?:[ \t]*>)*[ \t]*(?=\n|\Z)")
_CLOSE_DOUBLE = re.compile(r"\\.|\$\$", re.DOTALL)
_CLOSE_SINGLE = re.compile(r"\\.|\$", re.DOTALL)
_STRUCTURE = re.compile(r"\n(?:[ \t]*>)*[ \t]*\n(?:[ \t]*>)*[ \t]*(?:#{1,6}[ \t]|`{3}|~{3})")
_INDENTED = re.compile(r"(?: {4}| {0,3}\t)")
_ITEM = re.compile(r"[ \t]*(?:>[ \t]?)*[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]")
_LOOKS_LIKE_MATH = re.compile(r"[\\^_={}<>]")
_ENDS = {
    "<!--": "-->",
    "<pre": "</pre",
    "<script": "</script",
    "<style": "</style",
    "<code": "</code",
}


@dataclass(frozen=True, slots=True)
class Region:
    """`[start, end)` with its delimiters, `inner` without."""

    start: int
    end: int
    inner: Span
    display: bool


class UnclosedMath(Exception):
    """A `$$` at `offset` has no partner."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


def math_regions(text: str, start: int = 0, *, indented_code: bool = True) -> list[Region]:
    """All mathematics from `start` on but fenced ```` ```math ````, in order, never overlapping.

    `indented_code` says whether lines indented by four can be code. Raises UnclosedMath.
    """
    return _Scan(text, start, _indented_code(text, start) if indented_code else []).run()


class _Scan:
    def __init__(self, text: str, start: int, code: list[Span]) -> None:
        self.text = text
        self.at = start
        self.regions: list[Region] = []
        # What was searched for without success, and up to where: not searched for again.
        self.absent: dict[str, int] = {}
        self.code = code
        self.next_code = 0
        self.paragraph_end = -1

    def run(self) -> list[Region]:
        while match := _MARK.search(self.text, self.at):
            self.at = match.end()
            if (skip := self._in_indented_code(match.start())) is not None:
                self.at = max(self.at, skip)
                continue
            group = match.lastgroup
            if match["fence"] is not None:
                self._fence(match)
            elif match["begin"] is not None:
                self._environment(match)
            elif group == "bracket":
                self._bracket(match)
            elif group == "code":
                self._code(match)
            elif group == "hidden":
                self._hidden(match)
            elif group == "dollars":
                self._dollars(match)
        return self.regions

    def _in_indented_code(self, at: int) -> int | None:
        while self.next_code < len(self.code) and self.code[self.next_code].end <= at:
            self.next_code += 1
        if self.next_code < len(self.code) and self.code[self.next_code].start <= at:
            return self.code[self.next_code].end
        return None

    def _add(self, start: int, inner: tuple[int, int], end: int, display: bool) -> None:
        self.regions.append(Region(start, end, Span(*inner), display))
        self.at = end

    def _limit(self, at: int) -> int:
        """The end of the paragraph that an offset is in."""
        if at >= self.paragraph_end:
            blank = _BLANK_LINE.search(self.text, at)
            self.paragraph_end = len(self.text) if blank is None else blank.start() + 1
        return self.paragraph_end

    def _find(self, wanted: str, at: int, limit: int) -> int:
        """Like `text.find`, remembering failures so that many openers stay linear."""
        if at < self.absent.get(wanted, -1):
            return -1
        found = self.text.find(wanted, at, limit)
        if found < 0:
            self.absent[wanted] = limit
        return found

    def _fence(self, match: re.Match[str]) -> None:
        ticks = match["ticks"]
        if ticks[0] == "`" and "`" in match["fence"].split(ticks, 1)[1].strip("`"):
            self.at = match.start("ticks") + len(ticks)
            return
        key = "fence" + ticks
        close = None
        if match.start() >= self.absent.get(key, -1):
            pattern = re.compile(
                rf"^[ \t>]*{re.escape(ticks[0])}{{{len(ticks)},}}[ \t]*$", re.MULTILINE
            )
            close = pattern.search(self.text, match.end())
        self.at = len(self.text) if close is None else close.end()

    def _environment(self, match: re.Match[str]) -> None:
        close = rf"\end{{{match['name']}}}"
        found = self._find(close, match.end(), len(self.text))
        end = found + len(close) if found >= 0 else self._limit(match.end())
        while end > match.end() and self.text[end - 1].isspace():
            end -= 1
        self._add(match.start(), (match.start(), end), end, display=True)

    def _bracket(self, match: re.Match[str]) -> None:
        opener = match["bracket"]
        close = opener[:-1] + (")" if opener[-1] == "(" else "]")
        display = opener[-1] == "["
        limit = len(self.text) if display else self._limit(match.end())
        found = self._find(close, match.end(), limit)
        if found < 0:
            return
        inner = self.text[match.end() : found]
        line_start = self.text.rfind("\n", 0, match.start()) + 1
        alone = not self.text[line_start : match.start()].strip(" \t>")
        if display and not (
            (alone or _LOOKS_LIKE_MATH.search(inner)) and not _STRUCTURE.search(inner)
        ):
            return
        if inner.strip():
            self._add(match.start(), (match.end(), found), found + len(close), display)

    def _code(self, match: re.Match[str]) -> None:
        ticks = match["code"]
        key = f"{len(ticks)} ticks"
        if match.start() < self.absent.get(key, -1):
            return
        limit = self._limit(match.end())
        for run in re.compile("`+").finditer(self.text, match.end(), limit):
            if len(run[0]) == len(ticks):
                self.at = run.end()
                return
        self.absent[key] = limit

    def _hidden(self, match: re.Match[str]) -> None:
        close = _ENDS[match["hidden"].lower()]
        found = self._find(close, match.end(), len(self.text))
        if found >= 0:
            self.at = found + len(close)

    def _dollars(self, match: re.Match[str]) -> None:
        count = len(match["dollars"])
        if count == 2:
            self._double(match.start())
        elif count == 1:
            self._single(match.start())

    def _double(self, start: int) -> None:
        for close in _CLOSE_DOUBLE.finditer(self.text, start + 2):
            if close[0] != "$$":
                continue
            inner = self.text[start + 2 : close.start()]
            if _STRUCTURE.search(inner):
                break
            if inner.strip():
                self._add(start, (start + 2, close.start()), close.end(), display=True)
            else:
                self.at = close.end()
            return
        raise UnclosedMath(start)

    def _single(self, start: int) -> None:
        limit = self._limit(start + 1)
        if self.text.startswith("$`", start):
            found = self._find("`$", start + 2, limit)
            if found > start + 2:
                self._add(start, (start + 2, found), found + 2, display=False)
                return
        for close in _CLOSE_SINGLE.finditer(self.text, start + 1, limit):
            if close[0] != "$":
                continue
            inner = self.text[start + 1 : close.start()]
            after = self.text[close.end() : close.end() + 1]
            tight = inner == inner.strip() and not after.isdigit()
            # `$a$$b$` is two formulas; the `$$` of `$5 or $$b$$` belongs to the second.
            whole = after != "$" or tight
            if inner.strip() and whole and (tight or _LOOKS_LIKE_MATH.search(inner)):
                self._add(start, (start + 1, close.start()), close.end(), display=False)
            return


def _indented_code(text: str, start: int) -> list[Span]:
    """Lines indented by four after a blank line and outside lists: code, whatever they hold."""
    spans: list[Span] = []
    at = start
    blank, listed, code = True, False, False
    for line in text[start:].split("\n"):
        if not line.strip():
            blank = True
        elif _ITEM.match(line):
            blank, listed, code = False, True, False
        elif _INDENTED.match(line) and not listed and (blank or code):
            if blank and not code:
                spans.append(Span(at, at + len(line)))
            else:
                spans[-1] = Span(spans[-1].start, at + len(line))
            blank, code = False, True
        else:
            if blank and not line[0].isspace():
                listed = False
            blank, code = False, False
        at += len(line) + 1
    return spans
