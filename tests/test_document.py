"""Markdown pages: blocks, mathematics with exact places, code that is none, and pages beyond
reading."""

import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivcheck.diagnostic import DocumentError
from derivcheck.document import (
    Code,
    Document,
    Heading,
    Math,
    Paragraph,
    Prose,
    load_source,
    read_document,
)
from derivcheck.source import Source


def read(text: str) -> Document:
    return read_document(Source("page.md", text))


def maths(text: str) -> list[str]:
    return [part.latex for part in pieces(read(text))]


def pieces(document: Document) -> list[Math]:
    return [
        part
        for block in document.blocks
        if not isinstance(block, Code)
        for part in block.parts
        if isinstance(part, Math)
    ]


def fault(text: str) -> tuple[str, str]:
    """The code of the error, and the text under its caret."""
    with pytest.raises(DocumentError) as caught:
        read(text)
    diagnostic = caught.value.diagnostic
    return diagnostic.code, text[diagnostic.span.start : diagnostic.span.end]


MATHS = {
    "a $x$ b $y_i$": ["x", "y_i"],
    "$ x = y $": [" x = y "],
    "$$x$$": ["x"],
    "$$\nx\n$$": ["\nx\n"],
    "text\n$$\na\n= b\n$$\nmore": ["\na\n= b\n"],
    "RULE: $$a\n= b$$ end": ["a\n= b"],
    "$$\na\n+ b\n- c\n# d\n$$": ["\na\n+ b\n- c\n# d\n"],
    "$$\na\n\n= b\n$$": ["\na\n\n= b\n"],
    "- $$a$$": ["a"],
    "- item\n\n  $$\n  a\n  $$\n\n  more $b$": ["\n  a\n  ", "b"],
    "- $$\\v\na = b$$": ["\\v\na = b"],
    "1. $a$\n2. $b$": ["a", "b"],
    "| a | b |\n|---|---|\n| $|x|$ | $y$ |": ["|x|", "y"],
    r"\(a\) and \[b\]": ["a"],
    "\\[\na = b\n\\]": ["\na = b\n"],
    r"see \[a = b\]": ["a = b"],
    r"an \[escaped\] bracket": [],
    "$`a_i`$": ["a_i"],
    "```math\na = b\n```": ["a = b"],
    "```latex-math\na\n```": ["a"],
    "\\begin{equation}\na\n\\end{equation}": ["\\begin{equation}\na\n\\end{equation}"],
    "so \\begin{align*}a &= b\\end{align*} holds": ["\\begin{align*}a &= b\\end{align*}"],
    "$$\\begin{aligned}a &= b\\end{aligned}$$": ["\\begin{aligned}a &= b\\end{aligned}"],
    "# Title $x$": ["x"],
    "Title $x$\n=====": ["x"],
    "**bold $x$** and _$y$_": ["x", "y"],
    r"$a \text{ costs \$5 } b$": [r"a \text{ costs \$5 } b"],
    "> $a$": ["a"],
    "<div>\n$a$\n</div>": ["a"],
    # none at all
    "it costs $5 and $6": [],
    "between $5, or $7.50.": [],
    r"\$x\$": [],
    r"\\$x$": ["x"],
    "`$x$` and ``$y` $``": [],
    "```\n$x$\n```": [],
    "~~~\n$$\n~~~": [],
    "```python\nf'$x$'\n```": [],
    "- a\n  ```\n  $$\n  ```": [],
    "a\n\n    $x$": [],
    "<!-- $x$ -->": [],
    "<pre>$x$</pre>": [],
    "a $ b": [],
    "$a\n\nb$": [],
    "$5 and then $x_i$": ["x_i"],
    "`unclosed and $x$": ["x"],
    "$a$$b$": ["a", "b"],
    "a $5 or $$b$$": ["b"],
}


@pytest.mark.parametrize("text", MATHS)
def test_mathematics(text: str) -> None:
    assert maths(text) == MATHS[text]


@pytest.mark.parametrize("text", MATHS)
def test_places_are_exact(text: str) -> None:
    check_places(read("lead\n\n" + text + "\n\ntail $z$"))


def check_places(document: Document) -> None:
    text = document.source.text
    parts = [
        part for block in document.blocks if not isinstance(block, Code) for part in block.parts
    ]
    for before, after in pairwise(parts):
        assert before.span.end <= after.span.start
    for part in parts:
        inside = text[part.span.start : part.span.end]
        if isinstance(part, Math):
            assert len(part.latex) == len(inside)
            assert part.latex == inside or ">" in inside
        else:
            assert part.text.strip()
            assert part.text.split("\n")[0] in inside


def test_a_block_quote_keeps_lengths_and_loses_its_marks() -> None:
    text = "> so\n> $$\n> a\n> > b\n> $$\n> and $c$"
    document = read(text)
    display, inline = pieces(document)
    assert display.latex == "\n  a\n  > b\n  "
    assert text[display.span.start : display.span.end] == "\n> a\n> > b\n> "
    assert inline.latex == "c"
    prose = document.blocks[0]
    assert isinstance(prose, Paragraph)
    assert [part.text for part in prose.parts if isinstance(part, Prose)] == ["so\n", "and "]


def test_a_relation_at_the_start_of_a_line_is_no_quotation() -> None:
    assert maths("$$\na\n> b\n$$") == ["\na\n> b\n"]


def test_blocks_in_reading_order() -> None:
    text = (
        "# One\n\nA $a$\nb.\n\n## Two $b$ ##\n\n- item $c$\n- item\n\n"
        "```python title\n# no heading\nx = 1\n```\n\nSetext\n---\n"
    )
    document = read(text)
    shape = [
        (type(block).__name__, text[block.span.start : block.span.end]) for block in document.blocks
    ]
    assert shape == [
        ("Heading", "One"),
        ("Paragraph", "A $a$\nb."),
        ("Heading", "Two $b"),
        ("Paragraph", "item $c"),
        ("Paragraph", "item"),
        ("Code", "# no heading\nx = 1"),
        ("Heading", "Setext"),
    ]
    assert [b.level for b in document.blocks if isinstance(b, Heading)] == [1, 2, 2]
    (code,) = (block for block in document.blocks if isinstance(block, Code))
    assert (code.language, code.text) == ("python", "# no heading\nx = 1\n")


def test_a_formula_above_a_rule_is_no_heading() -> None:
    (block,) = read("$$\na = b\n$$\n---\n").blocks
    assert isinstance(block, Paragraph)


def test_lines_and_columns_survive_windows_line_ends_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_bytes("\ufeff# T\r\n\r\nso $x$\r\n$$\r\na\r\n$$\r\n".encode())
    source = load_source(path)
    document = read_document(source)
    check_places(document)
    assert [source.position(part.span.start) for part in pieces(document)] == [(3, 5), (4, 3)]


def test_carriage_returns_in_a_source_keep_their_offsets() -> None:
    text = "# T\r\n\r\nso $x$\r\n"
    (part,) = pieces(read(text))
    assert text[part.span.start : part.span.end] == "x"


# Front matter


def test_front_matter() -> None:
    document = read("---\ntitle: Layer $norm$\ntags: [a, b]\n---\n# Title $x$\n")
    assert document.front_matter == {"title": "Layer $norm$", "tags": ["a", "b"]}
    assert maths("---\ntitle: $x$\n---\n$y$") == ["y"]
    check_places(document)


def test_slides_between_rules_have_no_front_matter() -> None:
    document = read("---\nA slide with $x$\n---\n")
    assert document.front_matter == {}
    assert [part.latex for part in pieces(document)] == ["x"]


def test_bad_front_matter_is_one_fault_at_its_place() -> None:
    assert fault("---\ntitle: [a\n---\n$x$")[0] == "front-matter"
    assert fault("---\n- a\n- b\n---\n") == ("front-matter", "- a\n- b\n")
    assert fault("---\n" + "[" * 20_000 + "\n---\n")[0] == "front-matter"
    assert fault("---\ndate: 2001-99-99\n---\n")[0] == "front-matter"


def test_front_matter_makes_no_python_objects() -> None:
    code, _ = fault("---\nx: !!python/object/apply:os.getcwd []\n---\n")
    assert code == "front-matter"


# Pages beyond reading


def test_an_unclosed_display_is_a_fault_at_its_opening() -> None:
    text = "a\n\n$$ x\n\n# Next\n\n$$ y $$\n"
    assert fault(text) == ("unclosed-math", "$$")
    with pytest.raises(DocumentError) as caught:
        read(text)
    assert caught.value.diagnostic.span.start == 3
    assert fault("$$x$$ and $$") == ("unclosed-math", "$$")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\x89PNG\r\n\0\0", "binary"),
        (b"# Title\n\nna\xefve $x$", "invalid-utf8"),
    ],
)
def test_files_that_are_no_text(tmp_path: Path, data: bytes, code: str) -> None:
    path = tmp_path / "page.md"
    path.write_bytes(data)
    with pytest.raises(DocumentError) as caught:
        load_source(path)
    assert caught.value.diagnostic.code == code
    assert caught.value.source.path == str(path)


def test_an_invalid_byte_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_bytes(b"# Title\r\n\r\nna\xefve")
    with pytest.raises(DocumentError) as caught:
        load_source(path)
    error = caught.value
    assert error.source.position(error.diagnostic.span.start) == (3, 3)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.md", "a\0b"):
        with pytest.raises(DocumentError) as caught:
            load_source(path)
        assert caught.value.diagnostic.code == "unreadable"


# Adversarial input


@pytest.mark.parametrize(
    "text",
    [
        "$" * 10**6,
        "$$ " * 100_001,
        "$a " * 100_000,
        "`" * 10**6,
        "".join("`" * n + " " for n in range(700)),
        ">" * 10**6,
        ">" * 5_000 + "$x$",
        "[" * 10**6,
        r"\(" * 100_000,
        r"\[" * 100_000,
        r"\begin{align}" * 20_000,
        "- " * 100_000,
        "<!--" * 100_000,
        "word $x$ " * 20_000,
        "$$\n" + "a = b \\\\\n" * 20_000 + "$$",
    ],
    ids=lambda text: text[:12],
)
def test_hostile_pages_end(text: str) -> None:
    began = time.process_time()
    check_read_or_refused(text)
    assert time.process_time() - began < 20


def check_read_or_refused(text: str) -> None:
    try:
        document = read(text)
    except DocumentError as error:
        diagnostic = error.diagnostic
    else:
        check_places(document)
        return
    assert diagnostic.code in {"unclosed-math", "front-matter"}
    assert diagnostic.span.end <= len(text)


lines = st.lists(
    st.sampled_from(
        [
            *[
                "$x$",
                "$$",
                "$",
                "a",
                "- b",
                "> c",
                "# d",
                "```",
                "```math",
                "",
                "    e",
                "| a | b |",
            ],
            *["|-|-|", r"\[", r"\]", r"\begin{align}", r"\end{align}", "`", "---", "===", "1. f"],
            *["$5", "`$y$`", "<!--", "-->", "\\$", "\\", "x $a$ y $$b$$", ">> $z$", "\t"],
        ]
    ),
    max_size=12,
)


@given(st.one_of(lines.map("\n".join), lines.map(" ".join), st.text(max_size=80)))
def test_any_page_is_read_or_one_fault(text: str) -> None:
    check_read_or_refused(text)
