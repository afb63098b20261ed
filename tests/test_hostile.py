"""Hostile pages: a diagnostic each, no traceback, bounded time and memory."""

from __future__ import annotations

import resource
import time

import pytest

from derivcheck.checker import check_source
from derivcheck.diagnostic import DocumentError
from derivcheck.source import Source

REAL = r"$x \in \mathbb{R}$ "
SECONDS = 5.0

PAGES = {
    "brackets": "$" + "(" * 10_000 + "x" + ")" * 10_000 + " = x$",
    "braces": "$" + "{" * 10_000 + "x" + "}" * 10_000 + " = x$",
    "left": "$" + r"\left(" * 3000 + "x = 1$",
    "fractions": "$x = " + r"\frac{1}{" * 3000 + "x" + "}" * 3000 + "$",
    "roots": "$x > 0$ $" + r"\sqrt{" * 500 + "x" + "}" * 500 + " = x$",
    "subscripts": "$x" + "_{a" * 2000 + "}" * 2000 + "= 1$",
    "environments": "$$" + r"\begin{aligned}" * 3000 + "x = 1" + r"\end{aligned}" * 3000 + "$$",
    "sums": "$$" + "".join(rf"\sum_{{k_{{{n}}}}}" for n in range(60)) + "1 = 1$$",
    "terms": REAL + "$1000 x = " + " + ".join(["x"] * 1000) + "$",
    "factors": REAL + "$x^{150} = " + " ".join(f"(x+{n})" for n in range(150)) + "$",
    "long formula": REAL + "$x = " + "x + " * 60_000 + "x$",
    "long line": REAL + "word " * 100_000 + " $x = x$",
    "macros": r"$\newcommand{\a}{\b\b}\newcommand{\b}{\c\c}\newcommand{\c}{\a\a} \a = 1$",
    "digits": REAL + "$x = " + "1" * 20_000 + " x$ and $x = 0." + "1" * 20_000 + "x$",
    "exponent of ten": "$x = 1e999999999$",
    "power": REAL + r"$x^{1000000000} = x$ and $2^{1000000000} = 3$ and $(x+1)^{10^9} = 1$",
    "tower": r"$10^{10^{10}} = 3$, $10^{10^{10^{10}}} > 3$ and $x = 9^{9^{9^{9}}}$",
    "exponential": r"$\exp(10^{30}) = 2$ and $e^{e^{e^{e^{e^{10}}}}} = 1$",
    "binomial": r"$a, b, c, d \in \mathbb{R}$ $(a+b+c+d)^{100} = a$",
    "sum of a billion": (
        r"$$s = \sum_{k=1}^{1000000000} x_k$$ $$\frac{\partial s}{\partial x_1} = 1$$"
        r"$$\sum_{k=1}^{1000000000} k = 3$$"
    ),
    "axis of a billion": (
        r"$x \in \mathbb{R}^{1000000000 \times 1000000000}$, $s = \sum_{kl} x_{kl}^2$. "
        r"$\frac{\partial s}{\partial x_{kl}} = x_{kl}$"
    ),
    "cases": REAL
    + r"$x = \begin{cases}"
    + r"\\".join(f"x & x > {n}" for n in range(500))
    + r"\end{cases}$",
    "primes": "$f" + "'" * 5000 + "(x) = 1$",
    "unsupported": r"$\oint x = \bigcup y$ and $a \otimes b = c$",
    "circle": "$a := b + 1$. $b := a - 1$.",
    "two shapes": r"$a \in \mathbb{R}^N$, $a \in \mathbb{R}^{N \times M}$.",
    "two extents": r"$a \in \mathbb{R}^N$, $b \in \mathbb{R}^M$. $\sum_i a_i b_i = 0$",
    "sections": "\n\n".join("#" * (1 + n % 6) + f" H{n}" for n in range(3000)) + "\n\n$1 = 2$",
    "equations": REAL + "\n\n" + "\n\n".join(["$x = x$"] * 1000),
    "unclosed brace": r"$$ \frac{1}{2 = x $$",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_hostile_page_is_answered(name: str) -> None:
    began = time.process_time()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    checked = check_source(Source("page.md", PAGES[name]))
    assert time.process_time() - began < SECONDS
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 600_000  # kibibytes on Linux
    # Nothing is passed over in silence.
    assert checked.diagnostics or any(each.judgement for each in checked.judged)


def test_an_unreadable_formula_with_an_equality_is_an_item() -> None:
    for name in ("long formula", "macros"):
        checked = check_source(Source("page.md", PAGES[name]))
        codes = [each.judgement.code for each in checked.judged if each.judgement]
        assert codes == ["unsupported"]


def test_a_formula_that_is_never_closed() -> None:
    with pytest.raises(DocumentError) as caught:
        check_source(Source("page.md", "text\n\n$$ x = 1"))
    assert caught.value.diagnostic.code == "unclosed-math"


def test_one_claim_that_needs_too_much_does_not_stop_the_next() -> None:
    page = r"$x \in \mathbb{R}$ $10^{10^{10}} = 3$ and $x + x = 2x$ and $x = 2x$"
    checked = check_source(Source("page.md", page))
    verdicts = [each.judgement.verdict.value for each in checked.judged if each.judgement]
    assert verdicts[1:] == ["proved", "refuted"]
