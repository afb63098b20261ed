r"""A page of Markdown or LaTeX to blocks of prose and mathematics, every piece with its place.

Mathematics is found first, in the raw text, and masked; Markdown's block structure is read from
what is left, so that `= b` or `+ c` on a line of a formula is neither a heading nor a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from derivcheck import tex
from derivcheck.diagnostic import Diagnostic, DocumentError, Severity
from derivcheck.math_regions import Region, UnclosedMath, math_regions
from derivcheck.source import Source, Span

MATH_LANGUAGES = frozenset({"math", "latex-math", "katex"})
LONGEST_FRONT_MATTER = 65_536
LARGEST_PAGE = 16 * 2**20
"""Bytes; nobody writes so much, but a path may name anything."""

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_QUOTE = re.compile(r"[ \t]*((?:>[ \t]?)*)")
_BEGINNING = Span(0, 0)
_A_PAGE = "a page is Markdown or LaTeX with mathematics, in UTF-8"
# A private character: Markdown gives it no meaning.
_MASK = "\ue000"


@dataclass(frozen=True, slots=True)
class Prose:
    """Words as written, Markdown's marks included; line breaks are kept, quotation marks `>` are
    not."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Math:
    """One piece of mathematics without its delimiters; `latex` is as long as its span.

    It equals the source there, but for the `>` of a block quote, which are blanks.
    """

    latex: str
    display: bool
    span: Span


Part: TypeAlias = Prose | Math


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` is 1 to 6."""

    level: int
    parts: tuple[Part, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, an item of a list or a cell of a table; never empty.

    `item` says whether it is the first of an item of a list, `cell` the place in its row, from 0,
    of a table's cell.
    """

    parts: tuple[Part, ...]
    span: Span
    item: bool = False
    cell: int | None = None

    @property
    def prose(self) -> str:
        """Its words, without the mathematics between them."""
        return "".join(part.text for part in self.parts if isinstance(part, Prose))


@dataclass(frozen=True, slots=True)
class Code:
    """A fenced or indented block; `language` is the first word of the fence, in lower case."""

    language: str
    text: str
    span: Span


Block: TypeAlias = Heading | Paragraph | Code


@dataclass(frozen=True)
class Document:
    """`front_matter` is empty where the page has none; blocks are in reading order.

    `preamble` is what LaTeX source says before its first page, macros among it.
    """

    source: Source
    front_matter: Mapping[str, object]
    blocks: tuple[Block, ...]
    preamble: str = ""

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of the front matter."""
        tags = self.front_matter.get("tags")
        return tuple(map(str, cast("list[object]", tags))) if isinstance(tags, list) else ()


def sentence(blocks: Sequence[Block]) -> Iterator[Paragraph]:
    """The first of these paragraphs, and those in which its last sentence goes on: displays, and
    text that begins with a small letter."""
    for number, block in enumerate(blocks):
        if not isinstance(block, Paragraph) or (number and block.item):
            return
        words = block.prose.strip()
        if number and words and not words[:1].islower():
            return
        yield block


def load_source(path: str | Path) -> Source:
    """The text of a file, with `\\n` line ends and without a byte order mark.

    Raises DocumentError with the code `unreadable`, `binary`, `invalid-utf8` or `empty`.
    """
    name = str(path)
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_PAGE + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _fault(Source(name, ""), "unreadable", f"cannot read this file: {reason}") from error
    if data.startswith(_UTF_16):
        raise _fault(
            Source(name, ""),
            "invalid-utf8",
            "this is text in UTF-16",
            help="save the file as UTF-8",
        )
    if b"\0" in data[:8192]:
        raise _fault(Source(name, ""), "binary", "this is a binary file, not text", help=_A_PAGE)
    if len(data) > LARGEST_PAGE:
        raise _fault(
            Source(name, ""),
            "unreadable",
            f"this file has more than {LARGEST_PAGE // 2**20} MiB",
            help="give the page alone, or split it",
        )
    if Path(path).suffix == ".ipynb":
        raise _fault(
            Source(name, ""),
            "unreadable",
            "this is a notebook, not a page",
            help="`jupyter nbconvert --to markdown` makes a page of it",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace").replace("\r\n", "\n")
        raise _fault(
            Source(name, before + "\N{REPLACEMENT CHARACTER}"),
            "invalid-utf8",
            f"byte {error.start} (0x{data[error.start]:02x}) is not UTF-8",
            Span(len(before), len(before) + 1),
            "save the file as UTF-8",
        ) from error
    source = Source(name, text.replace("\r\n", "\n").replace("\r", "\n"))
    if not source.text.strip():
        raise _fault(source, "empty", "this page is empty", help=_A_PAGE)
    return source


def read_document(source: Source) -> Document:
    r"""The blocks of a page.

    Mathematics is `$…$`, `$$…$$`, `\(…\)`, `\[…\]`, `` $`…`$ ``, fenced ```` ```math ```` and raw
    `\begin{align}…\end{align}`; never inside code, and `$5 and $6` is money. A file whose name ends
    in `.tex` is LaTeX, see `tex.as_markdown`.

    Raises DocumentError with the code `unclosed-math` (a `$$` without its partner) or
    `front-matter` (YAML that cannot be read, or is no mapping).
    """
    text = source.text.replace("\r\n", " \n").replace("\r", " ")
    front_matter: Mapping[str, object] = {}
    start, preamble, is_tex = 0, "", tex.is_tex(source.path)
    if is_tex:
        front_matter = {"title": tex.title(text)}
        text, preamble = tex.as_markdown(text), tex.preamble(text)
    else:
        front_matter, start = _front_matter(source, text)
    try:
        regions = math_regions(text, start, indented_code=not is_tex)
    except UnclosedMath as unclosed:
        raise _fault(
            source,
            "unclosed-math",
            "this $$ is never closed",
            Span(unclosed.offset, unclosed.offset + 2),
            "close it with $$, or write \\$ for a dollar sign",
        ) from unclosed
    blocks = _Blocks(source, text, regions).read(start, indented_code=not is_tex)
    return Document(source, front_matter, blocks, preamble)


def _fault(
    source: Source, code: str, message: str, span: Span = _BEGINNING, help: str = ""
) -> DocumentError:
    return DocumentError(source, Diagnostic(Severity.ERROR, code, message, span, help=help))


def _front_matter(source: Source, text: str) -> tuple[Mapping[str, object], int]:
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, 0
    content = match[1] or ""
    if len(content) > LONGEST_FRONT_MATTER:
        raise _fault(source, "front-matter", "the front matter is too long", Span(0, 3))
    try:
        values: object = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
        at = match.start(1) + (mark.index if mark is not None else 0)
        problem = error.problem if isinstance(error, yaml.MarkedYAMLError) else None
        raise _fault(
            source,
            "front-matter",
            f"the front matter is not YAML: {problem or 'it cannot be read'}",
            Span(min(at, match.end() - 1), min(at + 1, match.end())),
        ) from error
    if values is None:
        return {}, match.end()
    if not isinstance(values, dict):
        # Two rules with words between them, as slides have: no front matter at all.
        if isinstance(values, str):
            return {}, 0
        raise _fault(
            source,
            "front-matter",
            "the front matter is not a mapping",
            Span(match.start(1), match.end(1)),
        )
    mapping = cast("dict[object, object]", values)
    return {str(key): value for key, value in mapping.items()}, match.end()


class _Blocks:
    """Reads block structure from the masked text and puts the mathematics back."""

    def __init__(self, source: Source, text: str, regions: list[Region]) -> None:
        self.text, self.regions = text, regions
        self.lines = source.line_starts
        self.next_region = 0

    def read(self, start: int, *, indented_code: bool) -> tuple[Block, ...]:
        pieces: list[str] = []
        at = start
        for region in self.regions:
            pieces.append(self.text[at : region.start])
            masked = self.text[region.start : region.end]
            pieces.append(re.sub(r"[^\n]", _MASK, masked))
            at = region.end
        pieces.append(self.text[at:])
        # Front matter becomes blank lines, so that line numbers stay.
        masked = "\n" * self.text.count("\n", 0, start) + "".join(pieces)
        self.masked = masked.split("\n")
        markdown = MarkdownIt("commonmark").enable("table").disable(["html_block", "reference"])
        if not indented_code:
            markdown.disable("code")
        tokens: list[Token] = []
        markdown.block.parse(masked.replace("\0", "\ufffd"), markdown, {}, tokens)
        return tuple(self._blocks(tokens, self.text.count("\n", 0, start), start))

    def _blocks(self, tokens: list[Token], first_line: int, start: int) -> list[Block]:
        blocks: list[Block] = []
        self.shift = start - self.lines[first_line]
        level = 0
        row: tuple[int, int] = (-1, 0)
        item, cell = False, None
        for token in tokens:
            if token.type == "heading_open":
                level = int(token.tag[1])
            elif token.type == "heading_close":
                level = 0
            elif token.type == "list_item_open":
                item = True
            elif token.type == "tr_open" and token.map:
                row = (token.map[0], 0)
                cell = None
            elif token.type in {"th_open", "td_open"}:
                cell = 0 if cell is None else cell + 1
            elif token.type == "table_close":
                cell = None
            elif token.type == "inline" and token.content.strip():
                lines = token.map or [row[0], row[0] + 1]
                after = row[1] if lines[0] == row[0] else 0
                places = self._places(token.content, lines[0], after, heading=level > 0)
                if lines[0] == row[0] and places:
                    row = (row[0], places[-1][1] - self.lines[lines[0]])
                blocks.extend(self._inline(places, level, item, cell))
                item = False
            elif token.type in {"fence", "code_block"} and token.map:
                block = self._code(token, token.map[0], token.map[1])
                if block is not None:
                    blocks.append(block)
        return blocks

    def _places(self, content: str, first: int, after: int, heading: bool) -> list[tuple[int, int]]:
        """Where each line of an inline token's content stands in the source."""
        places: list[tuple[int, int]] = []
        for number, line in enumerate(content.split("\n"), first):
            stripped = line.strip()
            if not stripped or number >= len(self.masked):
                continue
            whole = self.masked[number]
            if after or heading or "|" in whole:
                column = whole.find(stripped, after)
                if column < 0:
                    # In tables `\|` has lost its backslash.
                    stripped = stripped.replace("|", "\\|")
                    column = whole.find(stripped, after)
            else:
                column = whole.rfind(stripped)
            if column >= 0:
                start = self.lines[number] + column
                places.append((start, start + len(stripped)))
        return places

    def _inline(
        self, places: list[tuple[int, int]], level: int, item: bool, cell: int | None
    ) -> list[Block]:
        parts: list[Part] = []
        words: list[str] = []
        begin = end = -1

        def flush() -> None:
            nonlocal begin
            text = "".join(words)
            if text.strip():
                parts.append(Prose(text, Span(begin, end)))
            words.clear()
            begin = -1

        for line_start, line_end in places:
            at = line_start
            if words:
                words.append("\n")
            while at < line_end:
                region = self._region(at)
                stop = line_end if region is None else min(max(region.start, at), line_end)
                if stop > at:
                    begin = at if begin < 0 else begin
                    words.append(self.text[at:stop])
                    end = stop
                    at = stop
                elif region is not None:
                    if region.start == at:
                        flush()
                        parts.append(self._math(region.inner, region.display))
                    at = min(region.end, line_end)
        flush()
        if not parts:
            return []
        span = parts[0].span | parts[-1].span
        if level and not all(isinstance(part, Math) and part.display for part in parts):
            return [Heading(level, tuple(parts), span)]
        return [Paragraph(tuple(parts), span, item, cell)]

    def _region(self, at: int) -> Region | None:
        """The region that covers an offset or comes next after it; offsets only grow."""
        while self.next_region < len(self.regions) and self.regions[self.next_region].end <= at:
            self.next_region += 1
        if self.next_region < len(self.regions):
            return self.regions[self.next_region]
        return None

    def _code(self, token: Token, first: int, last: int) -> Block | None:
        """A block of code; its span covers the lines of its contents."""
        fenced = token.type == "fence"
        if fenced:
            first += 1
            count = token.content.count("\n")
            last = min(last, first + count)
        start = self.lines[first] if first < len(self.lines) else len(self.text)
        end = self.lines[last] if last < len(self.lines) else len(self.text)
        span = Span(start, max(start, end - (1 if self.text[start:end].endswith("\n") else 0)))
        region = self._region(self.lines[token.map[0]]) if token.map else None
        if region is not None and not fenced and region.start < span.start:
            return None  # lines of a formula that the mask left indented
        language = (token.info.split() or [""])[0].lower().strip("{}.")
        if language in MATH_LANGUAGES:
            math = self._math(span, display=True)
            return Paragraph((math,), math.span) if math.latex.strip() else None
        return Code(language, token.content, span)

    def _math(self, span: Span, display: bool) -> Math:
        """The mathematics of a span, with the marks of a block quote blanked."""
        latex = self.text[span.start : span.end]
        if "\n" in latex and ">" in latex:
            line_start = self.text.rfind("\n", 0, span.start) + 1
            quote = _QUOTE.match(self.text, line_start)
            depth = quote[1].count(">") if quote else 0
            if depth:
                marks = re.compile(rf"(?:[ \t]*>){{1,{depth}}}")
                head, *rest = latex.split("\n")
                rest = [
                    marks.sub(lambda m: " " * len(m[0]), line, count=1)
                    if marks.match(line)
                    else line
                    for line in rest
                ]
                latex = "\n".join([head, *rest])
        return Math(latex, display, span)
