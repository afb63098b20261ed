"""From readings to a verdict: charity, natural domains, kinks, repairs."""

from __future__ import annotations

import pytest

from derivcheck.checker import check_source
from derivcheck.source import Source
from derivcheck.verdict import Judgement, Outcome, Verdict

VECTORS = r"- $x \in \mathbb{R}^N$, $a \in \mathbb{R}$, $b > 0$"


def judged(*paragraphs: str) -> Judgement:
    """The judgement of the last claim of a page."""
    checked = check_source(Source("page.md", "\n\n".join(paragraphs)))
    judgements = [each.judgement for each in checked.judged if each.judgement is not None]
    return judgements[-1]


def test_a_proof_shows_a_point_and_what_it_assumed() -> None:
    judgement = judged(VECTORS, r"$$\sqrt{b^2} = b$$")
    assert judgement.verdict is Verdict.PROVED
    assert any("b" in assumption for assumption in judgement.assumptions)
    (evidence,) = judgement.evidence
    assert evidence.outcome is Outcome.MET


def test_a_refutation_shows_a_small_point_and_a_repair() -> None:
    judgement = judged(VECTORS, r"$$\frac{\partial}{\partial x_j} \sum_k x_k^2 = x_j$$")
    assert judgement.verdict is Verdict.REFUTED
    assert judgement.counterexample is not None
    assert judgement.counterexample.extents == {"N": 1}
    assert judgement.difference == "x_j"
    assert "2" in judgement.suggestion


@pytest.mark.parametrize(
    ("formula", "verdict", "code"),
    [
        (r"\frac{a}{a} = 1", Verdict.PROVED, "proved"),
        (r"\frac{1}{a - a} = 1", Verdict.UNDECIDED, "undecided"),
        (r"\log a^2 = 2 \log a", Verdict.UNDECIDED, "natural-domain"),
        (r"\sqrt{a^2} = a", Verdict.REFUTED, "refuted"),
        (r"a \ne a + 1", Verdict.PROVED, "proved"),
        (r"a \ne 2a - a", Verdict.REFUTED, "refuted"),
        (r"a + x_j = x_k", Verdict.ILL_FORMED, "unequal-free-indices"),
        (r"\frac{\partial}{\partial a} a^2 = 2a + q", Verdict.UNDECIDED, "unknown-symbol"),
        (r"1/2a = \frac{1}{2a}", Verdict.PROVED, "reading"),
        (r"1/2a = \frac{a}{3}", Verdict.REFUTED, "refuted"),
        (r"a^2 < 0", Verdict.REFUTED, "refuted"),
        (r"b + a^2 > 0", Verdict.UNDECIDED, "undecided"),
        (r"\log 2 \approx 0.693", Verdict.PROVED, "proved"),
        (r"\log 2 \approx 0.694", Verdict.REFUTED, "refuted"),
        (r"\log 1.5 = 0.4", Verdict.UNDECIDED, "rounded-decimals"),
        (r"\frac{d}{da} |a| = [a > 0] - [a < 0]", Verdict.PROVED, "proved"),
    ],
)
def test_verdict(formula: str, verdict: Verdict, code: str) -> None:
    judgement = judged(VECTORS, f"$${formula}$$")
    assert (judgement.verdict, judgement.code) == (verdict, code)


@pytest.mark.parametrize(
    ("prose", "verdict", "code"),
    [
        ("$k$ is the largest.", Verdict.UNDECIDED, "unclear-index"),
        ("$k$ runs over the entries.", Verdict.ILL_FORMED, "unequal-free-indices"),
        ("$i$ and $k$ run over the entries.", Verdict.ILL_FORMED, "unequal-free-indices"),
        ("$i$ runs over rows, $k$ over entries.", Verdict.ILL_FORMED, "unequal-free-indices"),
    ],
)
def test_a_letter_that_prose_lets_run_is_no_label(prose: str, verdict: Verdict, code: str) -> None:
    """Elsewhere it may be one, and then a lost sum is no fault."""
    lost = r"$$\frac{\partial}{\partial x_j} \sum_i x_i^2 = 2 x_k [j = k]$$"
    judgement = judged(VECTORS, prose + "\n\n" + lost)
    assert (judgement.verdict, judgement.code) == (verdict, code)


def test_a_letter_without_a_range_is_one_too_many_all_the_same() -> None:
    """What it runs over elsewhere convicts nobody; but here nothing binds it at all."""
    elsewhere = r"- $R \in \mathbb{N}$", r"$$c = \sum_{r=0}^{R-1} b^r$$", "## Claim"
    squares = r"\frac{\partial}{\partial x_j} \sum_i x_i^2"
    lost = judged(VECTORS, *elsewhere, rf"$${squares} = 2 x_j \delta_{{rj}}$$")
    assert (lost.verdict, lost.code) == (Verdict.ILL_FORMED, "unequal-free-indices")
    summed = judged(VECTORS, *elsewhere, r"$$\sum_i x_i = \sum_r b^r$$")
    assert (summed.verdict, summed.code) == (Verdict.UNDECIDED, "no-extent")


def test_a_convention_at_a_kink_is_a_subgradient() -> None:
    faulty = judged(VECTORS, r"$$\frac{d}{da} |a| = [a > 0] - [a < 0] + 2 [a \ge 0] [a \le 0]$$")
    assert (faulty.verdict, faulty.code) == (Verdict.UNDECIDED, "no-subgradient")


def test_an_undeclared_domain_convicts_nobody() -> None:
    judgement = judged(r"$$\sqrt{z^2} = z$$")
    assert (judgement.verdict, judgement.code) == (Verdict.UNDECIDED, "natural-domain")
    assert "z" in judgement.help


def test_charity_may_acquit_and_says_so() -> None:
    judgement = judged(
        VECTORS,
        r"$$\mu = \frac{1}{N} \sum_i x_i$$",
        r"$$y_i = x_i - \mu$$",
        r"$$\frac{\partial y_i}{\partial x_i} = 1$$",
    )
    assert judgement.verdict is Verdict.PROVED
    assert judgement.code == "reading"
    assert "held fixed" in judgement.reading


def test_a_reading_that_is_no_letter_convicts_nobody() -> None:
    judgement = judged(
        VECTORS, r"$$Y_{ij} = h(x_i) x_j$$", r"$$\frac{\partial h}{\partial x_i} = 3$$"
    )
    assert (judgement.verdict, judgement.code) == (Verdict.UNDECIDED, "ambiguous")
