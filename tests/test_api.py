"""Derivations in Python, from a page and from SymPy objects."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
import sympy

import derivcheck
from derivcheck import api, registry
from derivcheck.api import LoadedDerivation
from derivcheck.exchange import derivation_from_sympy, source_of
from derivcheck.verdict import Verdict


@pytest.fixture(scope="module")
def layernorm() -> LoadedDerivation:
    return derivcheck.load("layernorm")


def arrays() -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(0)
    return (
        generator.normal(size=(3, 5)),
        generator.normal(size=5),
        generator.normal(size=5),
        np.float64(0.25),
    )


def test_the_package_offers_what_its_docstring_names() -> None:
    assert set(derivcheck.__all__) == {"Gradient", "LoadedDerivation", "load", "read"}
    assert derivcheck.load is api.load
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = derivcheck.nothing


def test_an_unknown_name_names_its_neighbours() -> None:
    with pytest.raises(registry.UnknownName) as caught:
        derivcheck.load("layernrom")
    assert caught.value.nearest[0] == "layernorm"


def test_check_judges_every_claim(layernorm: LoadedDerivation) -> None:
    checked = layernorm.check()
    assert checked.verdict is Verdict.PROVED
    assert checked.passed


def test_a_gradient_by_either_of_its_names(layernorm: LoadedDerivation) -> None:
    assert layernorm.gradient(r"\gamma").form == layernorm.gradient("gamma").form
    with pytest.raises(KeyError, match="there are: X, gamma, beta, epsilon"):
        layernorm.gradient("delta")


def test_a_gradient_as_sympy_and_latex(layernorm: LoadedDerivation) -> None:
    gradient = layernorm.gradient("beta")
    assert isinstance(gradient.sympy, sympy.Sum)
    assert gradient.latex() == r"\sum_{s} \bar{Y}_{sj}"


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_forward_and_pullback_agree_with_finite_differences(
    layernorm: LoadedDerivation, backend: api.Backend
) -> None:
    X, gamma, beta, epsilon = arrays()
    Y_bar = np.cos(np.arange(15.0)).reshape(3, 5)

    def loss(x: np.ndarray) -> float:
        (Y,), _ = layernorm.forward(x, gamma, beta, epsilon)
        return float((Y_bar * Y).sum())

    _, residuals = layernorm.forward(X, gamma, beta, epsilon, backend=backend)
    X_bar = np.asarray(layernorm.pullback(residuals, (Y_bar,), backend=backend)[0])
    step = np.zeros_like(X)
    step[1, 2] = 1e-6
    slope = (loss(X + step) - loss(X - step)) / 2e-6
    # JAX computes in float32 unless told otherwise.
    assert X_bar[1, 2] == pytest.approx(slope, rel=1e-7 if backend == "numpy" else 1e-4)


def test_a_closed_form_as_a_function(layernorm: LoadedDerivation) -> None:
    beta_bar = layernorm.gradient("beta").lambdify("numpy")
    Y_bar = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(beta_bar(Y_bar), Y_bar.sum(axis=0))


def test_a_page_of_ones_own(tmp_path: Path) -> None:
    page = tmp_path / "square.md"
    page.write_text("$y = x^2$ and so $\\frac{dy}{dx} = 3x$.", encoding="utf-8")
    checked = derivcheck.read(page).check()
    assert checked.verdict is Verdict.REFUTED


@pytest.mark.parametrize(("factor", "verdict"), [(2, Verdict.PROVED), (3, Verdict.REFUTED)])
def test_a_derivation_built_from_sympy(factor: int, verdict: Verdict) -> None:
    M = sympy.Symbol("M", integer=True, positive=True)
    j, k = sympy.symbols("j k", cls=sympy.Idx)
    x = sympy.IndexedBase("x", shape=(M,))
    y = sympy.Symbol("y")
    y_bar = sympy.Symbol("y_bar")
    derivation = derivation_from_sympy(
        "squares",
        inputs=[x],
        outputs=[y],
        definitions=[sympy.Eq(y, sympy.Sum(x[k] ** 2, (k, 0, M - 1)))],
        gradients={x[j]: factor * y_bar * x[j]},
        cotangents={y: y_bar},
    )
    assert LoadedDerivation(derivation, source_of(derivation)).check().verdict is verdict


def test_the_docstrings_examples_hold() -> None:
    results = doctest.testmod(api)
    assert results.attempted > 0
    assert results.failed == 0
