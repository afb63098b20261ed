"""The order of the stages, the page's verdict and the exit status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from derivcheck import registry
from derivcheck.checked import Checked, exit_status
from derivcheck.checker import check_derivation, check_source, read_derivation, run_derivation
from derivcheck.source import Source
from derivcheck.verdict import Evidence, Outcome, Verdict

PROVED = "$2 + 2 = 4$"
REFUTED = "$2 + 2 = 5$"
ILL_FORMED = r"$x \in \mathbb{R}^N$ and $\sum_i x_i + x_i = 0$"
UNSUPPORTED = r"$2 = \begin{bmatrix} 2 \end{bmatrix}$"
UNDECIDED = r"$x \in \mathbb{R}$ and $\log x^2 = 2 \log x$"


def checked(*paragraphs: str, strict: bool = False) -> Checked:
    return check_source(Source("page.md", "\n\n".join(paragraphs)), strict=strict)


@pytest.mark.parametrize(
    ("paragraphs", "verdict", "lenient", "strict"),
    [
        ((PROVED,), Verdict.PROVED, 0, 0),
        ((PROVED, UNDECIDED), Verdict.UNDECIDED, 0, 3),
        ((PROVED, UNSUPPORTED), Verdict.UNSUPPORTED, 0, 3),
        ((UNSUPPORTED,), Verdict.UNSUPPORTED, 3, 3),
        ((PROVED, ILL_FORMED), Verdict.ILL_FORMED, 1, 1),
        ((PROVED, REFUTED, UNDECIDED), Verdict.REFUTED, 1, 1),
        (("Nothing is claimed here.",), None, 3, 3),
    ],
)
def test_the_worst_claim_is_the_pages(
    paragraphs: tuple[str, ...], verdict: Verdict | None, lenient: int, strict: int
) -> None:
    result = checked(*paragraphs)
    assert result.verdict is verdict
    assert exit_status([result], strict=False) == lenient
    assert exit_status([result], strict=True) == strict


def test_the_first_status_that_applies() -> None:
    fine, wrong = checked(PROVED), checked(REFUTED)
    assert exit_status([fine, wrong], strict=False) == 1
    assert exit_status([fine, wrong, replace(fine, contradicted=True)], strict=False) == 70
    assert exit_status([], strict=False) == 3


def test_a_page_without_claims_says_so() -> None:
    (diagnostic,) = checked("Nothing.").diagnostics
    assert diagnostic.code == "nothing-judged"


def test_run_holds_closed_forms_against_witnesses() -> None:
    result = run_derivation(registry.source("bias"))
    assert result.passed
    assert {evidence.witness for evidence in result.evidence} >= {
        "autodiff",
        "duality",
        "finite differences",
    }
    assert all(evidence.outcome is Outcome.MET for evidence in result.evidence)
    assert not result.missing


def test_a_witness_that_disagrees_with_a_proof_is_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    def disagree(*_: object, **__: object) -> tuple[Evidence, ...]:
        return (Evidence("autodiff", Outcome.FAILED, 1.0, 1e-12, "S=2"),)

    monkeypatch.setattr("derivcheck.witnesses.panel.witness", disagree)
    result = run_derivation(registry.source("bias"))
    assert result.contradicted
    assert exit_status([result], strict=True) == 70


def test_numerics_do_not_contradict_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    def imprecise(*_: object, **__: object) -> tuple[Evidence, ...]:
        return (Evidence("precision", Outcome.FAILED, 1.0, 1e-5, "S=2"),)

    monkeypatch.setattr("derivcheck.witnesses.panel.witness", imprecise)
    result = run_derivation(registry.source("bias"))
    assert not result.contradicted
    assert exit_status([result], strict=True) == 1


@pytest.mark.parametrize("name", registry.names())
def test_every_claim_of_the_registry_is_proved(name: str) -> None:
    source = registry.source(name)
    derivation = read_derivation(source)
    result = check_derivation(derivation, source, strict=True)
    if derivation.gradients:  # a page of an update or of a variance claims no gradient
        smooth = {t for t in derivation.inputs if not t.domain.values}
        assert smooth <= set(derivation.gradients)
    assert result.verdict is Verdict.PROVED
    assert result.passed  # no gradient is less than proved
