"""A page's own reference: when it runs, what it must look like, and whether it is independent."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy
import pytest
from layers import LAYERS, arrays, trial

from derivcheck.verdict import Outcome
from derivcheck.witnesses.duality import probes
from derivcheck.witnesses.reference import (
    ReferenceFault,
    agreement,
    check_signature,
    independence,
    load_reference,
    observe,
    tampering,
)

CODE = """
import jax.numpy as jnp

def forward(x, *, n):
    return jnp.sum(x ** n)
"""


def test_code_runs_only_where_it_is_allowed() -> None:
    with pytest.raises(ReferenceFault) as fault:
        load_reference("raise SystemExit('it ran')", allowed=False)
    assert "--allow-code" in fault.value.help
    forward = load_reference(CODE, allowed=True)
    (result,) = forward(numpy.array([1.0, 2.0]), n=2)
    assert float(numpy.asarray(result)) == 5.0


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def forward(x:\n", "does not run: SyntaxError"),
        ("import nothing_of_this_name", "does not run: ModuleNotFoundError"),
        ("def backward(x): return x", "defines no function forward"),
        ("forward = 3", "defines no function forward"),
    ],
)
def test_code_that_cannot_be_used_is_named(code: str, message: str) -> None:
    with pytest.raises(ReferenceFault, match=message):
        load_reference(code, allowed=True)


def test_code_that_fails_later_is_named() -> None:
    forward = load_reference("def forward(x): return x @ x.nonsense", allowed=True)
    with pytest.raises(ReferenceFault, match="fails: AttributeError"):
        forward(numpy.ones(3))


def test_the_signature_is_the_page_s() -> None:
    forward = load_reference(CODE, allowed=True)
    check_signature(forward, ["x"], ["n"])
    for inputs, statics in ((["y"], ["n"]), (["x", "y"], ["n"]), (["x"], []), (["x", "n"], [])):
        with pytest.raises(ReferenceFault, match=r"forward\(x, \*, n\)"):
            check_signature(forward, inputs, statics)


@pytest.mark.parametrize("name", LAYERS)
def test_the_forward_pass_agrees_with_its_reference(name: str) -> None:
    layer = LAYERS[name]()
    observation = observe(layer.reference, layer.trial, probes(layer.trial))
    outputs = layer.forward(*layer.trial.inputs, **layer.trial.statics)
    assert agreement(observation, outputs, layer.trial).outcome is Outcome.MET
    wrong = [numpy.array(output) for output in outputs]
    wrong[0].reshape(-1)[0] += 1e-9 * numpy.max(numpy.abs(wrong[0]))
    assert agreement(observation, wrong, layer.trial).outcome is Outcome.FAILED
    assert all(output.dtype == numpy.float64 for output in observation.outputs)


def test_observing_leaves_jax_in_single_precision() -> None:
    layer = LAYERS["softmax"]()
    before = jnp.ones(1).dtype
    observe(layer.reference, layer.trial, ())
    assert jnp.ones(1).dtype == before


def test_outputs_of_another_shape_are_named() -> None:
    layer = LAYERS["softmax"]()
    with pytest.raises(ReferenceFault, match="returns shapes"):
        observe(lambda x: (jnp.sum(x),), layer.trial, ())


@jax.custom_vjp
def _own(x: Any) -> Any:
    return x * x


_own.defvjp(lambda x: (x * x, x), lambda x, y_bar: (3 * x * y_bar,))


@pytest.mark.parametrize(
    ("forward", "names"),
    [
        (lambda x: (x * x,), ()),
        (lambda x: (jnp.where(x > 0, x, 0.0),), ()),
        (lambda x: (_own(x),), ("custom_vjp_call",)),
        (lambda x: (jax.jit(_own)(x),), ("custom_vjp_call",)),
        (lambda x: (jax.nn.relu(x),), ("custom_jvp_call",)),
        (lambda x: (x * jax.lax.stop_gradient(x),), ("stop_gradient",)),
        (
            lambda x: (jax.lax.cond(True, jax.lax.stop_gradient, lambda y: y, x),),
            ("stop_gradient",),
        ),
    ],
)
def test_derivatives_that_somebody_wrote_are_found(forward: Any, names: tuple[str, ...]) -> None:
    x, y_bar = arrays(1, (4,), (4,))
    here = trial((x,), (y_bar,), (0,), ("x",))
    assert tampering(forward, here) == names
    assert independence(forward, here).startswith("not independent" if names else "independent")
