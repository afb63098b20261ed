"""Claims under conditions in words, and names that only look like entries."""

from __future__ import annotations

import pytest

from derivcheck.checker import check_source
from derivcheck.derivation import Kind
from derivcheck.source import Source
from derivcheck.verdict import Judgement

SOFTMAX = "Let $z \\in \\mathbb{R}^K$ and $p_i = \\frac{e^{z_i}}{\\sum_k e^{z_k}}$.\n\n"
JACOBIAN = r"\frac{\partial p_i}{\partial z_j}"
REAL = "Let $x \\in \\mathbb{R}$.\n\n"


def judgements(page: str) -> list[Judgement]:
    """The judgements of a page's claims, in reading order."""
    checked = check_source(Source("page.md", page))
    return [
        judged.judgement
        for judged in checked.judged
        if judged.item.kind is Kind.CLAIM and judged.judgement is not None
    ]


def verdicts(page: str) -> list[str]:
    return [judgement.verdict.value for judgement in judgements(page)]


# --- conditions that are read -------------------------------------------------------------------


@pytest.mark.parametrize(
    "page",
    [
        "For $i = j$, we get\n$$%s$$\nand for $i \\neq j$\n$$%s$$",
        "**Case 1: $i = j$.**\n\n$$%s$$\n\n**Case 2: $i \\ne j$.**\n\n$$%s$$",
        "- When $i = j$: $%s$\n- When $i \\ne j$: $%s$",
        "$%s$ if $i = j$, and $%s$ if $i \\ne j$.",
        "$$%s \\quad (i = j)$$\n$$%s, \\quad i \\ne j$$",
    ],
)
def test_the_two_cases_of_the_softmax_jacobian(page: str) -> None:
    true = (rf"{JACOBIAN} = p_i (1 - p_i)", rf"{JACOBIAN} = -p_i p_j")
    assert verdicts(SOFTMAX + page % true) == ["proved", "proved"]
    swapped = (true[1], true[0])
    assert verdicts(SOFTMAX + page % swapped) == ["refuted", "refuted"]


def test_a_condition_does_not_outlive_its_sentence() -> None:
    page = f"{REAL}We have $\\sqrt{{x^2}} = x$ when $x \\ge 0$.\n\nIn general, $\\sqrt{{x^2}} = x$."
    assert verdicts(page) == ["proved", "refuted"]


def test_opposite_conditions_do_not_meet() -> None:
    page = REAL + "$|x| = x$ if $x > 0$.\n\n$|x| = -x$ if $x < 0$."
    assert verdicts(page) == ["proved", "proved"]


def test_two_conditions_that_words_join_hold_both() -> None:
    page = "Let $x, a \\in \\mathbb{R}^N$, $b > 0$ and $f = \\sum_i (x_i - a_i)^2 b$.\n\n"
    both = "For $a_i = 0$ and $b = 2$,\n\n$$f = %s$$\n\n"
    assert verdicts(page + both % r"2 \sum_i x_i^2") == ["proved"]
    assert verdicts(page + both % r"3 \sum_i x_i^2") == ["refuted"]
    # The first of them alone is not enough, and neither outlives its sentence.
    assert verdicts(page + r"For $a_i = 0$, $f = 2 \sum_i x_i^2$.") == ["refuted"]
    after = both % r"2 \sum_i x_i^2" + r"In general, $f = 2 \sum_i x_i^2$."
    assert verdicts(page + after) == ["proved", "refuted"]


def test_a_condition_that_never_holds_proves_nothing() -> None:
    assert verdicts("Let $x > 0$. Then $|x| = 5$ for $x < 0$.") == ["undecided"]


def test_at_a_point_the_value_is_claimed_and_the_variable_is_not_defined() -> None:
    page = (
        REAL + "Let $f(x) = x^2$. At $x = 3$, $f'(x) = 6$.\n\nAt $x = 3$, $f'(x) = 7$.\n\n$x x = 9$"
    )
    assert verdicts(page) == ["proved", "refuted", "refuted"]


def test_unless_turns_a_condition_round() -> None:
    assert verdicts(REAL + "$|x| = x$ unless $x < 0$.") == ["proved"]
    assert verdicts(REAL + "$|x| = x$ unless $x > 0$.") == ["refuted"]


def test_what_follows_if_is_not_claimed() -> None:
    page = r"Let $x, y \in \mathbb{R}$. If $x = x + 1$ then $x + x = 2x$. If $x = y$, $x^2 = y^2$."
    assert verdicts(page) == ["undecided", "proved"]


def test_all_values_of_an_index_are_no_condition() -> None:
    page = (
        r"Let $x \in \mathbb{R}^N$ and $y_i = x_i^2$ for $i = 1, \ldots, N$. "
        r"Then $y_i = x_i x_i$ for all $i$, and $y_i = x_i^3$ for $i \in \{1, \dots, N\}$."
    )
    assert verdicts(page) == ["proved", "refuted"]


# --- conditions that are not read convict nobody, and define nothing ----------------------------


@pytest.mark.parametrize(
    "claim",
    [
        "If the entries are all positive, $|x| = x$.",
        "Otherwise $|x| = x$.",
        "Let $t \\in \\mathbb{R}^K$.\n\n$$1 - \\sum_k t_k = 0$$\n\nsince $\\sum_k t_k = 1$.",
    ],
)
def test_words_alone_acquit(claim: str) -> None:
    assert set(verdicts(REAL + claim)) == {"undecided"}


def test_what_words_condition_may_still_be_proved() -> None:
    assert verdicts(REAL + "If the sun shines, $x + x = 2x$.") == ["proved"]


def test_a_definition_under_a_condition_is_not_one_everywhere() -> None:
    page = REAL + "$y = x$ if $x > 0$.\n\n$y = x$"
    assert "proved" not in verdicts(page)


def test_a_supposition_is_no_claim() -> None:
    page = r"Let $t \in \mathbb{R}^K$. Suppose $\sum_k t_k = 1$. Then $2 \sum_k t_k = 2$."
    assert verdicts(page) == ["proved"]


def test_where_defines_for_the_line_above_it() -> None:
    page = "Let $x, y \\in \\mathbb{R}$.\n\n$$y^2 = x^2 + 2x + 1$$\n\nwhere $y = x + %d$."
    assert verdicts(page % 1) == ["proved"]
    assert verdicts(page % 2) == ["refuted"]


def test_an_item_of_a_list_qualifies_nothing_before_it() -> None:
    page = REAL + "- Twice:\n\n$$x + x = 3x$$\n\n- %s where $x + x = x^2$."
    assert verdicts(page % "The root is $\\sqrt{x}$")[0] == "refuted"
    for words in ("only", "Only", "This holds for $x$", "It is true of numbers", "For all $x$"):
        assert verdicts(page % words)[0] == "undecided"


# --- names ---------------------------------------------------------------------------------------


def test_numbered_names_are_not_entries_out_of_range() -> None:
    page = "$o_1 = 0.72$, $o_2 = 0.85$. $o_1 + o_2 = 1.57$ and $o_1 + o_2 = 1.58$"
    assert verdicts(page) == ["proved", "refuted"]


def test_an_entry_that_a_number_singles_out_exists() -> None:
    page = r"Let $x \in \mathbb{R}^N$. $\frac{\partial}{\partial x_2} \sum_k x_k = %d$"
    assert verdicts(page % 1)[0] in ("agrees", "undecided", "proved")
    assert verdicts(page % 2) == ["refuted"]


def test_a_lone_capital_below_is_part_of_the_name() -> None:
    page = (
        r"$\mu_B = \frac{1}{m} \sum_{i=1}^m x_i$. $L = \sum_i (x_i - \mu_B)^2$. "
        r"$\frac{\partial L}{\partial \mu_B} = -2 \sum_{i=1}^m (x_i - \mu_B)$"
    )
    assert verdicts(page) == ["proved"]


@pytest.mark.parametrize(
    "line",
    [
        r"L = L_{MSE} + L_{KL}",
        r"w_{new} = w_{original} p_{dropout}",
        r"\mathcal{L} = \mathcal{L}_0 + \lambda",
        r"S_t = \rho S_{t-1} + (1 - \rho) y_t",
        r"O = XW + b_{ij}",
        r"p_{1i} = p_i",
    ],
)
def test_undeclared_shorthand_is_not_ill_formed(line: str) -> None:
    checked = check_source(Source("page.md", f"$${line}$$"))
    found = {judged.judgement.verdict.value for judged in checked.judged if judged.judgement}
    assert not found & {"ill-formed", "refuted"}


def test_a_square_that_is_bounded_is_a_claim() -> None:
    page = r"Let $x \in \mathbb{R}$. $x^2 \ge 0$. $x^2 = x x$. $x^2 + 1 \ge 2x$."
    assert verdicts(page) == ["undecided", "proved", "undecided"]


def test_the_bare_sigmoid_is_a_function() -> None:
    page = REAL + (
        r"$\sigma' = \sigma(1 - \sigma)$. $\sigma'(x) = \sigma(x)(1 - \sigma(x))$. "
        r"$\frac{d\sigma}{dx} = \sigma(x)(1 - \sigma(x))$."
    )
    assert verdicts(page)[-2:] == ["proved", "proved"]


def test_what_a_loss_depends_on_may_be_listed() -> None:
    page = (
        r"Let $\theta \in \mathbb{R}^n$. $J(\theta) = \sum_i \theta_i^2$. "
        r"$\frac{\partial J}{\partial \theta_j} = 2\theta_j$ and "
        r"$\frac{\partial J(\theta)}{\partial \theta_j} = \theta_j$"
    )
    assert verdicts(page) == ["proved", "refuted"]


def test_an_unknown_function_is_no_product() -> None:
    assert "proved" not in verdicts("$p(2x) = 2 p(x)$ and $p(x) = p(y)$.")
    assert "proved" not in verdicts(r"$\mathbb{E}[x^2] = \mathbb{E}[x] x$")


def test_capitals_without_a_shape_commute_only_as_numbers() -> None:
    (judgement,) = judgements("$AB = BA$")
    assert judgement.code == "reading"


def test_a_size_may_be_given() -> None:
    page = (
        r"Let $M = 4$. $\sum_{i=1}^M 1 = 5$. $\frac{\partial}{\partial h_2} \sum_{i=1}^M h_i = 1$"
    )
    found = verdicts(page)
    assert found[0] == "refuted"
    assert found[1] in ("proved", "agrees", "undecided")


def test_logarithms_to_a_base() -> None:
    page = r"Let $p > 0$. $\log_2 8 = 3$, $\log_2 p = \frac{\ln p}{\ln 2}$ and $\log_2 p = \ln p$."
    assert verdicts(page) == ["proved", "proved", "refuted"]
