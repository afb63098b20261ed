"""Pages that use pages: what is inserted, what a proof rests on, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy
import pytest
from rich.console import Console

from derivcheck import api, links, outcome_json, registry, report, terminal
from derivcheck.checked import Checked, exit_status
from derivcheck.checker import check_source
from derivcheck.document import load_source
from derivcheck.verdict import Verdict

SQUARES = r"""# Squares

- $X \in \mathbb{R}^{S \times K}$; output $Y \in \mathbb{R}^{S \times K}$ with cotangent
  $\bar{Y}_{sk} := \partial L / \partial Y_{sk}$

$$
\begin{aligned}
Y_{sk} &= X_{sk}^2 \\
\frac{\partial L}{\partial X_{sk}} &= 2 X_{sk} \bar{Y}_{sk}
\end{aligned}
$$
"""

USER = r"""# A user of squares

- $Z \in \mathbb{R}^{S \times K}$, $f$ as in [squares](squares.md)
- output $A \in \mathbb{R}^{S \times K}$; its cotangent is
  $\bar{A}_{sk} := \partial L / \partial A_{sk}$

$$
A_{sk} = f(Z)_{sk}
$$

$$
\frac{\partial L}{\partial Z_{sk}}
  = \sum_t \sum_l \bar{A}_{tl} \frac{\partial A_{tl}}{\partial Z_{sk}}
$$
"""


def checked(folder: Path, text: str, **pages: str) -> Checked:
    """The judgement of a page beside others."""
    for name, page in pages.items():
        (folder / f"{name}.md").write_text(page, encoding="utf-8")
    path = folder / "user.md"
    path.write_text(text, encoding="utf-8")
    return check_source(load_source(path), strict=True)


def codes(found: Checked) -> list[str]:
    faults = [each.item.fault.code for each in found.judged if each.item.fault is not None]
    return faults + [each.judgement.code for each in found.judged if each.judgement is not None]


def test_a_proof_names_the_gradient_that_it_rests_on(tmp_path):
    found = checked(tmp_path, USER, squares=SQUARES)
    (claim,) = [each.judgement for each in found.judged if each.judgement is not None]
    assert claim.verdict is Verdict.PROVED
    assert claim.rests_on == (("squares", "X"),)
    assert found.passed
    assert [(page.name, page.passed) for page in found.uses] == [("squares", True)]


def test_it_is_said_in_the_terminal_in_json_and_in_the_report(tmp_path):
    found = checked(tmp_path, USER, squares=SQUARES)
    out = Console(width=100, record=True, file=io.StringIO())
    terminal.show(out, [found])
    assert "rests on squares (∂L/∂X)" in out.export_text()
    (document,) = json.loads(outcome_json.dumps([found]))["documents"]
    assert document["uses"] == [
        {
            "name": "squares",
            "verdict": "proved",
            "passed": True,
        }
    ]
    assert [item["rests_on"] for item in document["items"] if item["rests_on"]] == [
        [{"page": "squares", "gradient": "X"}]
    ]
    assert "rests on squares (∂L/∂X)" in report.page(found)


def test_nothing_rests_on_a_page_that_is_refuted(tmp_path):
    wrong = SQUARES.replace("2 X_{sk} \\bar", "3 X_{sk} \\bar")
    text = USER + "\n$$ \\frac{\\partial L}{\\partial Z_{sk}} = 3 Z_{sk} \\bar{A}_{sk} $$\n"
    found = checked(tmp_path, text, squares=wrong)
    verdicts = [each.judgement.verdict for each in found.judged if each.judgement is not None]
    # What the wrong page says is refuted here as well, whatever it would be called there.
    assert verdicts == [Verdict.UNDECIDED, Verdict.UNDECIDED, Verdict.REFUTED]
    assert codes(found)[:2] == ["used-page", "used-page"]
    assert not found.passed


def test_nothing_rests_on_a_page_that_is_open(tmp_path):
    open_page = SQUARES + "\n$$ Y_{sk} \\le X_{sk}^2 + 1 $$\n"
    found = checked(tmp_path, USER, squares=open_page)
    assert codes(found) == ["used-page", "used-page"]
    assert exit_status([found], strict=True) == 3


def test_nothing_rests_on_a_gradient_that_another_page_does_not_prove(tmp_path):
    """Without a gradient there is no theorem: the formulas are unfolded, and nothing is named."""
    gradient = r"\frac{\partial L}{\partial X_{sk}} &= 2 X_{sk} \bar{Y}_{sk}"
    bare = SQUARES.replace(gradient, "Y_{sk} &= X_{sk} X_{sk}")
    assert bare != SQUARES
    found = checked(tmp_path, USER, squares=bare)
    (claim,) = [each.judgement for each in found.judged if each.judgement is not None]
    assert (claim.verdict, claim.rests_on) == (Verdict.PROVED, ())


def test_pages_in_a_circle_are_refused(tmp_path):
    back = SQUARES.replace("# Squares", "# Squares\n\n$g$ as in [user](user.md)")
    found = checked(tmp_path, USER, squares=back)
    assert not found.passed
    assert "used-page" in codes(found)
    assert [(page.name, page.passed) for page in found.uses] == [("squares", False)]


def test_a_page_cannot_use_itself(tmp_path):
    found = checked(tmp_path, USER.replace("squares.md", "user.md"))
    assert codes(found)[0] == "circular-use"


@pytest.mark.parametrize("link", ["nowhere.md", "../squares.md", "/squares.md", "sub/squares.md"])
def test_only_pages_beside_the_page_are_found(tmp_path, link):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "squares.md").write_text(SQUARES)
    inner = tmp_path / "here"
    inner.mkdir()
    (tmp_path / "squares.md").write_text(SQUARES)
    found = checked(inner, USER.replace("squares.md", link))
    assert codes(found)[0] == "no-page"
    assert not found.uses


def test_standard_input_stands_beside_no_page():
    from derivcheck.source import Source

    found = check_source(Source("<stdin>", USER))
    assert codes(found)[0] == "no-page"


ARGUMENTS = {
    r"f(Z)_{k s}": "unsupported",
    r"f(Z)_s": "rank-mismatch",
    r"f(Z, Z)_{sk}": "rank-mismatch",
    r"f(2 Z)_{sk}": "unsupported",
    r"f(z)_{sk}": "rank-mismatch",
    r"f(C_k)_{sk}": "unsupported",
    r"f(W)_{sk}": "extent-mismatch",
    r"1 + f(Z)_{sk}": "unsupported",
}


@pytest.mark.parametrize("right", ARGUMENTS)
def test_a_use_that_does_not_fit_is_a_fault(tmp_path, right):
    text = USER.replace(
        r"$Z \in",
        r"$z, C \in \mathbb{R}^{S \times K \times K}$, $W \in \mathbb{R}^{K \times S}$, $Z \in",
    )
    found = checked(tmp_path, text.replace("f(Z)_{sk}", right), squares=SQUARES)
    assert codes(found)[0] == ARGUMENTS[right]


ROOTS = r"""# Roots of weighted rows

- $X \in \mathbb{R}_{>0}^{S \times K}$, $T \in \mathbb{R}^{S \times K}$ with $\sum_k T_{sk} = 1$
- output $Y \in \mathbb{R}^{S}$ with cotangent $\bar{Y}_s := \partial L / \partial Y_s$

$$
\begin{aligned}
Y_s &= \sum_k T_{sk} (\sqrt{X_{sk}} + 1) \\
\frac{\partial L}{\partial X_{sk}} &= \frac{T_{sk} \bar{Y}_s}{2 \sqrt{X_{sk}}}
\end{aligned}
$$

$$ Y_s = 1 + \sum_k T_{sk} \sqrt{X_{sk}} $$
"""


def rooted(declarations: str, *, definition: str = "") -> str:
    return rf"""# A user of roots

{declarations}, and $\operatorname{{roots}}$ as in [roots](roots.md). The output is
$A \in \mathbb{{R}}^{{S}}$, its cotangent $\bar{{A}}_s := \partial L / \partial A_s$.

{definition}

$$ A_s = \operatorname{{roots}}(Z, P)_s $$

$$
\frac{{\partial L}}{{\partial Z_{{sk}}}}
  = \sum_t \bar{{A}}_t \frac{{\partial A_t}}{{\partial Z_{{sk}}}}
$$
"""


POSITIVE = r"Let $Z \in \mathbb{R}_{>0}^{S \times K}$"
WEIGHTS = r"$P \in \mathbb{R}^{S \times K}$ with $\sum_k P_{sk} = 1$"


def test_what_the_used_page_supposes_is_supposed_here(tmp_path):
    found = checked(tmp_path, rooted(f"{POSITIVE}, {WEIGHTS}"), roots=ROOTS)
    assert found.passed, codes(found)


def test_a_domain_must_be_declared_here_too(tmp_path):
    anywhere = POSITIVE.replace("_{>0}", "")
    found = checked(tmp_path, rooted(f"{anywhere}, {WEIGHTS}"), roots=ROOTS)
    assert codes(found)[0] == "unmet-condition"


def test_a_hypothesis_must_follow_here(tmp_path):
    other = WEIGHTS.replace("= 1", "= 2")
    found = checked(tmp_path, rooted(f"{POSITIVE}, {other}"), roots=ROOTS)
    assert codes(found)[0] == "unmet-condition"


def test_what_is_declared_of_a_defined_array_is_no_domain(tmp_path):
    """`Z > 0` beside `Z := X` for any X is a claim that nobody judges."""
    defined = rooted(
        rf"{POSITIVE}, $X \in \mathbb{{R}}^{{S \times K}}$, {WEIGHTS}",
        definition=r"$$ Z_{sk} := X_{sk} $$",
    )
    found = checked(tmp_path, defined, roots=ROOTS)
    assert codes(found)[0] == "unmet-condition"


def test_a_domain_that_turns_out_to_be_of_a_defined_array_gives_no_theorem(tmp_path):
    late = rooted(rf"{POSITIVE}, $X \in \mathbb{{R}}^{{S \times K}}$, {WEIGHTS}")
    late = late.replace("$$\n\\frac", "$$ Z_{sk} := X_{sk} $$\n\n$$\n\\frac")
    assert ":= X_{sk}" in late
    found = checked(tmp_path, late, roots=ROOTS)
    assert all(not each.judgement.rests_on for each in found.judged if each.judgement)


@pytest.mark.parametrize(
    "cotangent",
    [
        r"cotangent $\bar{Y} \in \mathbb{R}_{>0}^{S \times K}$",
        r"cotangent $\bar{Y} \in \mathbb{R}^{S \times K}$, where $\sum_k \bar{Y}_{sk} = 0$",
    ],
)
def test_a_page_that_supposes_something_of_its_cotangent_gives_no_theorem(tmp_path, cotangent):
    """What it says of the gradient holds for some cotangents only, and here it may be any."""
    special = SQUARES.replace(
        "cotangent\n  $\\bar{Y}_{sk} := \\partial L / \\partial Y_{sk}$", f"incoming {cotangent}"
    )
    assert special != SQUARES
    found = checked(tmp_path, USER, squares=special)
    assert all(not each.judgement.rests_on for each in found.judged if each.judgement)


def test_names_and_letters_are_not_captured(tmp_path):
    """The used page's μ and its letters are its own, even where this page has the same."""
    centred = r"""# Centred rows

- $X \in \mathbb{R}^{S \times M}$; output $Y \in \mathbb{R}^{S \times M}$ with cotangent
  $\bar{Y}_{sj} := \partial L / \partial Y_{sj}$

$$
\begin{aligned}
\mu_s &= \frac{1}{M} \sum_j X_{sj} \\
Y_{sj} &= X_{sj} - \mu_s \\
\frac{\partial L}{\partial X_{sj}} &= \bar{Y}_{sj} - \frac{1}{M} \sum_k \bar{Y}_{sk}
\end{aligned}
$$
"""
    user = r"""# Centred for every j

- $X \in \mathbb{R}^{J \times K \times S}$, $\mu \in \mathbb{R}^{K}$,
  $\operatorname{centred}$ as in [centred](centred.md)
- output $A \in \mathbb{R}^{J \times K \times S}$ with cotangent
  $\bar{A}_{jks} := \partial L / \partial A_{jks}$

$$
\begin{aligned}
B_{jks} &= X_{jks} + \mu_k \\
A_{jks} &= \operatorname{centred}(B_j)_{ks} \\
A_{jks} &= X_{jks} - \frac{1}{S} \sum_t X_{jkt} \\
\frac{\partial L}{\partial B_{jks}}
  &= \sum_l \sum_t \bar{A}_{jlt} \frac{\partial A_{jlt}}{\partial B_{jks}}
\end{aligned}
$$
"""
    found = checked(tmp_path, user, centred=centred)
    assert found.passed, codes(found)


def test_the_code_computes_the_used_page(tmp_path):
    checked(tmp_path, USER, squares=SQUARES)
    layer = api.read(tmp_path / "user.md")
    Z = numpy.array([[1.0, -2.0]])
    (A,), residuals = layer.forward(Z)
    (gradient,) = layer.pullback(residuals, (numpy.array([[1.0, 10.0]]),))
    assert A.tolist() == [[1.0, 4.0]]
    assert gradient.tolist() == [[2.0, -40.0]]


def test_linked_pages_are_known_without_reading_mathematics(tmp_path):
    checked(tmp_path, USER, squares=SQUARES)
    names = [Path(page.path).stem for page in links.linked(load_source(tmp_path / "user.md"))]
    assert names == ["squares"]
    uses = {Path(page.path).stem for page in links.linked(registry.source("attention"))}
    assert "softmax" in uses


def test_attention_rests_on_softmax():
    layer = api.load("attention")
    assert set(layer.derivation.uses) == {"softmax"}
    found = layer.check()
    resting = [each.judgement.rests_on for each in found.judged if each.judgement]
    assert (("softmax", "X"),) in resting
