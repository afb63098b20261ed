r"""LaTeX source is read as a page: what is no page is blank, and every place stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from derivcheck import tex
from derivcheck.checker import check_source
from derivcheck.document import Heading, Math, Paragraph, Prose, read_document
from derivcheck.excerpt import headings
from derivcheck.source import Source
from derivcheck.verdict import Verdict

NOTES = r"""\documentclass{article} % $a = b$
\newcommand{\R}{\mathbb{R}}
\newcommand{\pd}[2]{\frac{\partial #1}{\partial #2}}
\title{Softmax, \emph{by hand}}
\begin{document}
\section{Forward}\label{sec:forward}
Here ``logits'' $x \in \R^{S \times K}$ become ``probabilities'', 50\% of~them:
% the old version: $p = x$
\begin{equation}
    p_{sk} = \frac{e^{x_{sk}}}{\sum_j e^{x_{sj}}} \label{eq:p}
\end{equation}

    Then, indented, $\sum_k p_{sk} = 1$.
  \subsection*{Backward}
\begin{itemize}
  \item with $\bar{p}_{sk} := \pd{L}{p_{sk}}$ from above
\end{itemize}
\begin{align*}
  \pd{L}{x_{sk}} &= p_{sk} \bigl( \bar p_{sk} - \sum_j \bar p_{sj} p_{sj} \bigr) \\ % right
    &= p_{sk} \bar p_{sk} + p_{sk} \sum_j \bar p_{sj} p_{sj} \nonumber
\end{align*}
\begin{verbatim}
$1 = 2$
\end{verbatim}
As in \verb|$3 = 4$|.
\end{document}
$5 = 6$
"""


def verdicts(text: str, path: str = "notes.tex") -> list[tuple[int, str]]:
    source = Source(path, text)
    checked = check_source(source)
    return [
        (source.position(each.item.span.start).line, each.judgement.verdict.value)
        for each in checked.judged
        if each.judgement is not None
    ]


def test_a_note_is_judged_at_its_own_lines():
    assert verdicts(NOTES) == [(13, "proved"), (19, "proved"), (20, "refuted")]


def test_the_same_text_under_a_name_of_markdown_is_another_page():
    """The twin: read as Markdown the indented line is code, and its claim would be passed over."""
    assert (13, "proved") not in verdicts(NOTES, "notes.md")


def test_title_headings_and_items():
    document = read_document(Source("notes.tex", NOTES))
    assert document.front_matter == {"title": r"Softmax, \emph{by hand}"}
    found = [(each.level, each.parts[0]) for each in document.blocks if isinstance(each, Heading)]
    named = [(level, part.text) for level, part in found if isinstance(part, Prose)]
    assert named == [(2, "Forward"), (3, "Backward")]
    assert headings(Source("notes.tex", NOTES)) == ((6, "Forward"), (14, "Backward"))
    assert any(isinstance(each, Paragraph) and each.item for each in document.blocks)


def test_every_formula_stands_where_it_is_said_to():
    source = Source("notes.tex", NOTES)
    parts = [
        part
        for block in read_document(source).blocks
        if not isinstance(block, Heading) and isinstance(block, Paragraph)
        for part in block.parts
        if isinstance(part, Math)
    ]
    assert len(parts) == 5
    for part in parts:
        written = source.slice(part.span)
        assert part.latex.split() == tex.as_markdown(written).split() or "%" in written


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.tex", True), ("a.TEX", True), ("a.ltx", True), ("a.md", False), ("tex", False)],
)
def test_the_name_says_which_language(name, expected):
    assert tex.is_tex(name) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a % b", "a    "),
        (r"50\% of $x$", r"50\% of $x$"),
        (r"x \\% y", r"x \\   "),
        ("\\section{A $x$ {b}}", "##       A $x$ {b} "),
        ("\\section{A} and on", "\\section{A} and on"),
        (r"\verb|%| $x$", r"         $x$"),
        ("% \\begin{verbatim}\n$x$", "                  \n$x$"),
        ("``a''", "''a''"),
        ("\\begin{verbatim}\n$x$", "                \n   "),
    ],
)
def test_as_markdown(text, expected):
    assert tex.as_markdown(text) == expected


def test_a_part_of_a_document_may_define_macros_anywhere():
    text = "Let $x \\in \\R$.\n\n\\newcommand{\\R}{\\mathbb{R}}\n\n\\[ x + x = 2 x \\]\n"
    assert verdicts(text) == [(5, Verdict.PROVED.value)]


@given(
    st.lists(
        st.sampled_from(
            [
                *("}", "%", "\n", "\\", "$x$", "`", "~", " ", "é", "|"),
                *(r"\section{", r"\begin{verbatim}", r"\end{verbatim}", r"\verb|", r"\item"),
                *(r"\begin{document}", r"\end{document}"),
            ]
        ),
        max_size=30,
    )
)
def test_lengths_and_lines_stay(pieces):
    text = "".join(pieces)
    read = tex.as_markdown(text)
    assert len(read) == len(text)
    assert [at for at, c in enumerate(read) if c == "\n"] == [
        at for at, c in enumerate(text) if c == "\n"
    ]
    read_document(Source("page.tex", text))
