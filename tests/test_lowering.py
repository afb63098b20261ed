"""Array programs of layers mean what the expressions mean, keep their digits, and save little."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from expression_layers import LAYERS
from lowered import (
    BACKENDS,
    CONVOLUTIONS,
    ROW,
    compiled,
    derivation,
    derivation_of,
    program,
    run,
    sizes_of,
    values_of,
)

from derivcheck.codegen import Backend, load
from derivcheck.expression import (
    fresh,
)
from derivcheck.lowering import LoweringError, lower

CASES = [(name, {}) for name in LAYERS if not name.startswith("conv2d")]
CASES += [("conv2d", statics) for statics in CONVOLUTIONS]
CASES += [("conv2d_by_deltas", CONVOLUTIONS[0])]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "statics"), CASES)
def test_layers_mean_what_their_expressions_mean(
    name: str, statics: dict[str, int], backend: Backend
) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page, **statics))
    with jax.enable_x64(True):
        outputs, gradients, _ = run(name, backend, oracle, **statics)
    for output, found in zip(page.outputs, outputs, strict=True):
        np.testing.assert_allclose(found, oracle.tensor(page, output), rtol=1e-12, atol=1e-13)
    stated = [page.gradients[t] for t in page.inputs if t in page.gradients]
    for closed, found in zip(stated, gradients, strict=True):
        for each in page.context.definitions:
            if each.name != "L" or not page.cotangents:
                oracle.tensor(page, each)
        wanted = oracle.table(closed.body, closed.indices)
        assert np.shape(found) == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("name", "statics"), CASES)
def test_pullbacks_agree_with_autodiff_of_the_forward_pass(
    name: str, statics: dict[str, int]
) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page, **statics), seed=1)
    if name == "softmax_cross_entropy":  # its closed form rests on Σ_k T_sk = 1
        targets = page.inputs[1]
        rows = np.arange(3) % oracle.arrays[targets].shape[1]
        oracle.arrays[targets] = np.eye(oracle.arrays[targets].shape[1])[rows]
    with jax.enable_x64(True):
        _, gradients, cotangents = run(name, "jax", oracle, **statics)
        inputs = [jnp.asarray(oracle.arrays[t]) for t in page.inputs]
        forward = compiled(name, "jax").forward

        @jax.jit
        def derived(inputs, cotangents):
            return jax.vjp(lambda *a: forward(*a, **statics)[0], *inputs)[1](cotangents)

        wanted = derived(inputs, cotangents)
    pairs = [w for t, w in zip(page.inputs, wanted, strict=True) if t in page.gradients]
    for found, derived in zip(gradients, pairs, strict=True):
        np.testing.assert_allclose(found, derived, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "statics", "backend"),
    [*((*case, "numpy") for case in CASES), ("layernorm", {}, "jax"), ("attention", {}, "jax")],
)
def test_single_precision_stays_single(
    name: str, statics: dict[str, int], backend: Backend
) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page, **statics))
    with jax.enable_x64(True):
        outputs, gradients, _ = run(name, backend, oracle, np.float32, **statics)
    for found in (*outputs, *gradients):
        assert np.asarray(found).dtype == np.float32


# --- stable forms -------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "name", ["softmax", "log_softmax", "softmax_cross_entropy", "sigmoid", "tanh", "lstm_cell"]
)
def test_huge_logits_give_the_right_single_precision_results(name: str, backend: Backend) -> None:
    page = derivation(name)
    oracle = values_of(page, sizes_of(page))
    first = page.inputs[0]
    signs = np.sign(oracle.arrays[first])
    oracle.arrays[first] = signs * 1e4 + oracle.arrays[first]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        outputs, gradients, _ = run(name, backend, oracle, np.float32)
    exact = values_of(page, sizes_of(page))
    exact.arrays[first] = np.asarray(oracle.arrays[first], np.float32).astype(float)
    with jax.enable_x64(True):
        wanted, slopes, _ = run(name, "jax", exact)
    for found, truth in zip((*outputs, *gradients), (*wanted, *slopes), strict=True):
        assert np.isfinite(found).all()
        scale = np.abs(truth).max()
        np.testing.assert_allclose(found, truth, rtol=2e-6, atol=1e-6 * max(scale, 1e-6))


@pytest.mark.parametrize("backend", BACKENDS)
def test_vanishing_variance_is_finite_and_right(backend: Backend) -> None:
    page = derivation("layernorm")
    oracle = values_of(page, sizes_of(page))
    X, *_, epsilon = page.inputs
    oracle.arrays[X] = np.full_like(oracle.arrays[X], 3.0)
    oracle.arrays[epsilon] = np.asarray(1e-5)
    outputs, gradients, _ = run("layernorm", backend, oracle, np.float32)
    with jax.enable_x64(True):
        wanted, slopes, _ = run("layernorm", "jax", oracle)
    for found, truth in zip((*outputs, *gradients), (*wanted, *slopes), strict=True):
        np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-4)


# --- what is kept -------------------------------------------------------------------------------


def test_residuals_are_what_the_pullback_uses() -> None:
    kept = {name: program(name).residuals for name in LAYERS}
    assert kept["linear"] == ("X", "W")
    assert kept["softmax"] == ("P",)
    assert kept["sigmoid"] == ("Y",)
    assert kept["layernorm"] == ("gamma", "sigma_squared_root", "X_hat")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["layernorm", "lstm_cell", "attention"])
def test_a_gradient_that_is_not_wanted_costs_nothing(name: str, backend: Backend) -> None:
    page, whole = derivation(name), program(name)
    for wanted in (whole.differentiated[:1], whole.differentiated[-1:], ()):
        part = lower(page, wanted=wanted)
        assert part.differentiated == tuple(wanted)
        assert set(part.residuals) <= set(whole.residuals)
        assert len(part.pullback.body) < len(whole.pullback.body)
        oracle = values_of(page, sizes_of(page))
        inputs = [oracle.arrays[t] for t in page.inputs]
        cotangents = tuple(oracle.arrays[t] for t in page.cotangents.values())
        with jax.enable_x64(True):
            functions = load(part, backend)
            _, residuals = functions.forward(*inputs)
            found = functions.pullback(residuals, cotangents)
            _, gradients, _ = run(name, backend, oracle)
        every = dict(zip(whole.differentiated, gradients, strict=True))
        assert len(found) == len(wanted)
        for each, gradient in zip(wanted, found, strict=True):
            np.testing.assert_allclose(gradient, every[each], rtol=1e-12, atol=1e-13)


def test_constants_of_a_wrapped_pair_get_no_gradient() -> None:
    page = derivation("softmax_cross_entropy")
    layer = load(lower(page, wanted=["X"]), "jax").layer
    assert layer is not None
    oracle = values_of(page, sizes_of(page))
    X, T = (jnp.asarray(oracle.arrays[t]) for t in page.inputs)
    of_X, of_T = jax.grad(layer, argnums=(0, 1))(X, T)
    assert np.any(of_X)
    assert not np.any(of_T)


def test_a_wanted_gradient_is_one_that_the_page_states() -> None:
    page = derivation("layernorm")
    assert lower(page, wanted=[r"\gamma"]) == lower(page, wanted=["gamma"])
    with pytest.raises(KeyError, match="for 'Y'; there are: X, gamma, beta"):
        lower(page, wanted=["Y"])


def test_gradients_of_a_loss_say_nothing_of_other_outputs() -> None:
    page = derivation("softmax_cross_entropy")
    (loss,) = page.outputs
    beside = replace(page, outputs=(loss, next(t for t in page.context.definitions if t.rank)))
    with pytest.raises(LoweringError, match=r"gradients are those of one loss.* L and P:"):
        lower(beside)
    forward = lower(replace(beside, gradients={})).forward
    assert forward.results == ("L", "P")


def test_no_exponential_is_computed_twice() -> None:
    text = compiled("softmax_cross_entropy", "numpy").source
    pullback = text[text.index("def pullback") :]
    assert "softmax(" not in pullback
    assert pullback.count("np.exp(") == 1


def test_lowering_does_not_depend_on_the_order_of_serials() -> None:
    first = load(lower(derivation_of(LAYERS["attention"]())), "numpy").source
    for _ in range(3):
        fresh(ROW)
    assert load(lower(derivation_of(LAYERS["attention"]())), "numpy").source == first
