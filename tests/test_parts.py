"""Composed programs part by part: the same numbers, and every part rests on what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy
import pytest

from derivcheck import api, codegen
from derivcheck.expression import FOREIGN
from derivcheck.lowering import Parts, Program, parts
from derivcheck.witnesses.array_trial import Trial, as_arrays, trials_of

COMPOSED = ("attention", "mlp", "transformer_block")


@dataclass(frozen=True, eq=False)
class Case:
    """A composed page with a trial; arrays by name, those that it makes on the way too."""

    page: api.LoadedDerivation
    pieces: Parts
    trial: Trial

    def seams(self) -> list[str]:
        seams = {tensor.name for tensor in self.page.derivation.seams}
        return [tensor.name for tensor in self.pieces.arrays if tensor.name in seams]

    def made(self) -> dict[str, Any]:
        """The arrays of the observed program."""
        outputs, gradients = run(self.pieces.observed, self.trial.inputs, self.trial.cotangents)
        program = self.page.program
        ahead, back = outputs[len(program.outputs) :], gradients[len(program.differentiated) :]
        return self._named([*ahead, *back])

    def again(self, **changed: Any) -> dict[str, Any]:
        """The arrays of the program by parts, given those of the observed one."""
        made, seams = self.made(), self.seams()
        given = {n: a if n in seams else numpy.ones_like(a) for n, a in made.items()} | changed
        names, program = list(made), self.page.program
        count = len(self.pieces.separate.inputs) - len(program.inputs)
        inputs = (*self.trial.inputs, *(given[name] for name in names[:count]))
        cotangents = (*self.trial.cotangents, *(given[name] for name in names[count:]))
        outputs, gradients = run(self.pieces.separate, inputs, cotangents)
        ahead, back = outputs[len(program.outputs) :], gradients[len(program.differentiated) :]
        found = self._named([*ahead, *back])
        results = (*outputs[: len(program.outputs)], *gradients[: len(program.differentiated)])
        results_are = [
            f"the result {name}" for name in (*program.outputs, *program.pullback.results)
        ]
        return found | dict(zip(results_are, results, strict=True))

    def _named(self, arrays: list[Any]) -> dict[str, Any]:
        return {t.name: a for t, a in zip(self.pieces.arrays, as_arrays(arrays), strict=True)}


@cache
def case(name: str) -> Case:
    page = api.load(name)
    (trial,) = trials_of(page.derivation, count=1, seed=3)
    return Case(page, parts(page.program, page.derivation.seams), trial)


def run(program: Program, inputs: Any, cotangents: Any) -> tuple[Any, Any]:
    compiled = codegen.load(program, "numpy")
    outputs, residuals = compiled.forward(*inputs)
    return outputs, compiled.pullback(residuals, cotangents)


@pytest.mark.parametrize("name", COMPOSED)
def test_the_observed_program_computes_as_before(name: str) -> None:
    each = case(name)
    whole = run(each.page.program, each.trial.inputs, each.trial.cotangents)
    observed = run(each.pieces.observed, each.trial.inputs, each.trial.cotangents)
    for before, after in zip(whole, observed, strict=True):
        for one, other in zip(before, after[: len(before)], strict=True):
            numpy.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", COMPOSED)
def test_by_parts_it_computes_the_same(name: str) -> None:
    each = case(name)
    outputs, gradients = run(each.page.program, each.trial.inputs, each.trial.cotangents)
    expected = [*each.made().values(), *outputs, *gradients]
    for one, other in zip(each.again().values(), expected, strict=True):
        numpy.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_the_arrays_are_the_seams_and_what_used_pages_name() -> None:
    each = case("transformer_block")
    inside = [tensor for tensor in each.pieces.arrays if tensor.name not in each.seams()]
    assert all(tensor.scope.startswith(FOREIGN) for tensor in inside)
    assert {"Z^{O}", "P^{O}", r"\hat{X}^{A}"} <= {tensor.name for tensor in inside}
    assert {"A", "Q", "O", "R", r"\bar{Q}", r"\bar{R}"} <= set(each.seams())
    assert not parts(api.load("layernorm").program, frozenset()).arrays


def test_a_part_rests_on_the_seam_that_it_is_given_and_others_do_not() -> None:
    each = case("attention")
    before = each.again()
    after = each.again(P=2 * each.made()["P"])
    moved = {name for name in before if not numpy.array_equal(before[name], after[name])}
    assert moved == {r"\bar{Z}", "the result Y", "the result V_bar"}
    numpy.testing.assert_allclose(after["the result Y"], 2 * before["the result Y"])


def test_a_factor_multiplies_what_a_used_page_names_wherever_it_is_used() -> None:
    each = case("transformer_block")
    before = each.again()
    after = each.again(**{"P^{O}": numpy.full_like(each.made()["P^{O}"], 2.0)})
    moved = {name for name in before if not numpy.array_equal(before[name], after[name])}
    assert {"P^{O}", "O", r"\bar{Q}", r"\bar{V}"} <= moved
    assert not {"Z^{O}", "Q", "R", "B", r"\bar{O}", r"\bar{A}", "the result Y"} & moved
    numpy.testing.assert_allclose(after["O"], 2 * before["O"])
