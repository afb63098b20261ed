"""All witnesses on one derivation: met for true closed forms, failed for false ones, replayable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import pytest
import sympy
from sympy import Eq, IndexedBase, Sum, exp, symbols

from derivcheck import codegen
from derivcheck.derivation import Derivation
from derivcheck.exchange import derivation_from_sympy
from derivcheck.expression import Expression, Function, apply, multiply, rational
from derivcheck.lowering import Program
from derivcheck.verdict import Evidence, Outcome
from derivcheck.witnesses.array_trial import cotangent_of, trials_of
from derivcheck.witnesses.panel import OF_GRADIENTS, WITNESSES, witness

S, M = symbols("S M", integer=True, positive=True)
s, j, k = symbols("s j k", integer=True)
X, Y, Y_BAR = (IndexedBase(name, shape=(S, M)) for name in ("X", "Y", "Y_bar"))

REFERENCE = """
import jax.numpy as jnp

def forward(X):
    E = jnp.exp(X - jnp.max(X, axis=1, keepdims=True))
    return E / jnp.sum(E, axis=1, keepdims=True)
"""


def softmax(reference: str | None = REFERENCE) -> Derivation:
    built = derivation_from_sympy(
        "softmax",
        inputs=[X],
        outputs=[Y],
        definitions=[Eq(Y[s, j], exp(X[s, j]) / Sum(exp(X[s, k]), (k, 0, M - 1)))],
        gradients={X[s, j]: Y[s, j] * (Y_BAR[s, j] - Sum(Y_BAR[s, k] * Y[s, k], (k, 0, M - 1)))},
    )
    return replace(built, reference=reference)


def with_gradient(derivation: Derivation, change: object) -> Derivation:
    ((tensor, form),) = derivation.gradients.items()
    assert callable(change)
    return replace(derivation, gradients={tensor: replace(form, body=change(form.body))})


@cache
def evidence() -> Sequence[Evidence]:
    return witness(softmax(), trials=2)


def test_true_closed_forms_are_met_by_every_witness() -> None:
    found = evidence()
    assert {each.outcome for each in found} == {Outcome.MET}
    assert [each.witness for each in found[:7]] == list(WITNESSES)
    assert {each.note for each in found if each.witness == "autodiff"} == {"independent"}
    assert len({each.trial for each in found}) == 2


def test_evidence_is_replayable() -> None:
    assert witness(softmax(), trials=2) == evidence()
    assert witness(softmax(), trials=2, seed=1) != evidence()


def wrong_sign(body: Expression) -> Expression:
    return multiply(rational(-1), body)


def twice(body: Expression) -> Expression:
    return multiply(rational(2), body)


@pytest.mark.parametrize("change", [wrong_sign, twice])
def test_a_false_closed_form_fails_where_it_should(change: object) -> None:
    found = witness(with_gradient(softmax(), change), trials=1)
    failed = {each.witness for each in found if each.outcome is Outcome.FAILED}
    assert failed == {"autodiff", "duality", "finite differences"}


def test_a_misread_formula_does_not_agree_with_the_reference() -> None:
    other = REFERENCE.replace("axis=1", "axis=0")
    found = witness(softmax(other), trials=1)
    failed = {each.witness for each in found if each.outcome is Outcome.FAILED}
    assert {"forward pass", "autodiff"} <= failed


def test_without_a_reference_autodiff_is_not_independent() -> None:
    found = witness(softmax(None), trials=1)
    assert {each.outcome for each in found} == {Outcome.MET}
    (note,) = {each.note for each in found if each.witness == "autodiff"}
    assert note.startswith("not independent")


def test_a_page_without_gradients_has_its_forward_pass_witnessed() -> None:
    found = witness(replace(softmax(), gradients={}), trials=3)
    assert {each.witness for each in found} == {each.witness for each in evidence()}
    for each in found:
        claimed = each.witness not in OF_GRADIENTS
        assert each.outcome is (Outcome.MET if claimed else Outcome.SKIPPED)
        assert bool(each.note) != claimed
    other = REFERENCE.replace("axis=1", "axis=0")
    found = witness(replace(softmax(other), gradients={}), trials=1)
    assert {e.witness for e in found if e.outcome is Outcome.FAILED} == {"forward pass"}


def test_without_gradients_and_reference_nothing_is_independent() -> None:
    found = witness(replace(softmax(None), gradients={}), trials=1)
    (note,) = {each.note for each in found if each.witness == "forward pass"}
    assert note.startswith("not independent")


def test_two_printings_that_differ_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    load = codegen.load

    def spoiled(program: Program, backend: Literal["numpy", "jax"]) -> codegen.Compiled:
        compiled = load(program, backend)

        def forward(*inputs: object, **statics: int) -> tuple[Any, Any]:
            (output,), residuals = compiled.forward(*inputs, **statics)
            return (output * (1 + 1e-11),), residuals  # pyright: ignore[reportOperatorIssue]

        return replace(compiled, forward=forward) if backend == "jax" else compiled

    monkeypatch.setattr("derivcheck.witnesses.panel.codegen.load", spoiled)
    found = witness(softmax(), trials=1)
    assert {e.witness for e in found if e.outcome is Outcome.FAILED} == {"JAX program"}


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def forward(Z): return Z", "the page needs"),
        ("def forward(X): return X[0]", "returns shapes"),
        ("def forward(X): raise ValueError('no')", "fails: ValueError: no"),
        ("def forward(X: return X", "does not run"),
    ],
)
def test_a_reference_that_cannot_be_used_is_no_pass_and_no_conviction(
    code: str, message: str
) -> None:
    found = witness(softmax(code), trials=1)
    (fault,) = found
    assert (fault.witness, fault.outcome) == ("reference", Outcome.INCONCLUSIVE)
    assert message in fault.note


def test_what_has_no_array_program_is_skipped() -> None:
    def abstract(body: Expression) -> Expression:
        return apply(Function("h", abstract=True), body)

    found = witness(with_gradient(softmax(), abstract), trials=1)
    assert [each.witness for each in found] == list(WITNESSES)
    assert {each.outcome for each in found} == {Outcome.SKIPPED}


def test_single_precision_and_jax_judge_the_generated_jax_program() -> None:
    found = witness(softmax(), trials=1, dtype="float32")
    assert {each.outcome for each in found} == {Outcome.MET}


def test_trials_have_different_extents_and_both_signs() -> None:
    trials = list(trials_of(softmax(), count=3, seed=0))
    shapes = [trial.inputs[0].shape for trial in trials]
    assert len(set(shapes)) == 3
    assert any(shape[0] == 1 for shape in shapes)
    for trial in trials:
        (cotangent,) = trial.cotangents
        assert cotangent.min() < 0 < cotangent.max()
        assert trial.text.endswith("seed=0")
    again = list(trials_of(softmax(), count=3, seed=0))
    assert all((a.inputs[0] == b.inputs[0]).all() for a, b in zip(trials, again, strict=True))


def test_a_defined_loss_gets_a_cotangent_of_its_own() -> None:
    loss = sympy.Symbol("L")
    built = derivation_from_sympy(
        "square", [X], [loss], [Eq(loss, Sum(X[s, j] ** 2, (j, 0, M - 1), (s, 0, S - 1)))], {}
    )
    (output,) = built.outputs
    stated = replace(built, cotangents={})
    assert cotangent_of(stated, output).extents == ()
    (trial,) = trials_of(stated, count=1, seed=0)
    assert trial.cotangents[0].shape == ()
