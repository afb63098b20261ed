"""A claim on one line, and the headings of a page."""

import pytest
from judged_pages import DEFINITION, FIRST, SECOND, SOURCE

from derivcheck.derivation import Item, Kind
from derivcheck.excerpt import heading_of, headings, on_one_line, statement
from derivcheck.source import Source, Span


def test_first_link_of_a_chain_is_shown_whole_and_a_later_row_alone():
    left = r"\frac{\partial L}{\partial X_{sj}} = "
    assert statement(SOURCE, FIRST) == left + r"\bar{Y}_{sj} - \frac{1}{M} \sum_k \bar{Y}_{sk}"
    assert statement(SOURCE, SECOND).startswith(r"= \bar{Y}_{sj} \text")
    assert statement(SOURCE, DEFINITION) == r"Y_{sj} = X_{sj} - \mu_s"


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("a &= b \\\\\n  + c", "a = b + c"),
        (r"a \\[2pt] b", "a b"),
        (r"R \& D", r"R \& D"),
        (
            r"\begin{cases} 1 & x > 0 \\ 0 \end{cases} & y",
            r"\begin{cases} 1 & x > 0 \\ 0 \end{cases} y",
        ),
    ],
)
def test_layout_is_taken_out_and_mathematics_stays(latex, expected):
    assert on_one_line(latex) == expected


def test_a_hostile_claim_is_cut_before_anything_is_searched_in_it():
    text = r"\begin{cases} " * 20_000
    whole = Span(0, len(text))
    item = Item(Kind.CLAIM, whole, whole, text)
    assert len(statement(Source("p.md", text), item)) < 5000


def test_headings_leave_code_and_mathematics_alone():
    text = "# A\n```python\n# no\n```\n$$ x $$\n## B ##\n$$\n# no\n$$\n~~~\n## no\n~~~\n### C\n"
    found = headings(Source("p.md", text))
    assert found == ((1, "A"), (6, "B"), (13, "C"))
    assert heading_of(found, 5) == "A"
    assert heading_of(found, 12) == "B"
    assert heading_of((), 3) == ""
