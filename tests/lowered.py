"""Layers and single expressions as lowered programs, beside their values entry by entry."""

from __future__ import annotations

from functools import cache, partial

import jax
import numpy as np
from brute_force import BruteForce
from expression_layers import LAYERS, Layer, index, tensor

from derivcheck.codegen import Backend, Compiled, load
from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.expression import (
    ONE,
    Affine,
    Context,
    Definition,
    Expression,
    Index,
    Parameter,
    Tensor,
    add,
    apply,
    divide,
    fresh,
    number,
)
from derivcheck.lowering import Program, lower

BACKENDS: tuple[Backend, ...] = ("numpy", "jax")


def derivation_of(layer: Layer) -> Derivation:
    """What elaboration would make of a page with this layer."""
    return Derivation(
        name=layer.name,
        title=layer.name.replace("_", " ").capitalize(),
        summary="",
        inputs=tuple(layer.inputs),
        outputs=tuple(layer.outputs) or (layer.loss,),
        cotangents=layer.cotangents,
        context=layer.context,
        statics=tuple(layer.statics),
        extents=_output_sizes(layer),
        gradients={
            variable: ClosedForm(variable, indices, body, 0)
            for variable, (indices, body) in layer.gradients.items()
        },
    )


def _output_sizes(layer: Layer) -> dict[Parameter, Expression]:
    """T = ⌊(I + 2p − R) / u⌋ + 1 for a convolution."""
    if not layer.name.startswith("conv2d"):
        return {}
    X, W, _ = layer.inputs
    (output,) = layer.outputs
    u, p = layer.statics
    sizes: dict[Parameter, Expression] = {}
    for axis in (2, 3):
        span = number(X.extents[axis] + Affine.of(p) * 2 - W.extents[axis])
        atom = output.extents[axis].atom
        assert isinstance(atom, Parameter)
        sizes[atom] = add(apply("floor", divide(span, number(u))), ONE)
    return sizes


@cache
def derivation(name: str) -> Derivation:
    return derivation_of(LAYERS[name]())


@cache
def program(name: str) -> Program:
    return lower(derivation(name))


@cache
def compiled(name: str, backend: Backend) -> Compiled:
    return load(program(name), backend)


CONVOLUTIONS = ({"u": 2, "p": 1}, {"u": 1, "p": 0}, {"u": 3, "p": 2})
SIZES = {"S": 3, "M": 5, "K": 4, "N": 2, "H": 3, "D": 7, "C": 3, "F": 2, "I": 5, "J": 4, "R": 3}
SIZES |= {"Q": 2, "T": 5, "V": 2}


def sizes_of(page: Derivation, **statics: int) -> dict[Parameter, int]:
    """Pairwise different small sizes; a convolution's outputs from the rest."""
    found: dict[Parameter, int] = {}
    tensors = (*page.inputs, *page.context.definitions)
    for each in tensors:
        for extent in each.extents:
            found.update({a: SIZES[a.name] for a in extent.atoms() if isinstance(a, Parameter)})
    found.update({parameter: statics[parameter.name] for parameter in page.statics})
    oracle = BruteForce(found)
    for parameter, formula in page.extents.items():
        floored = formula.terms[0].arguments[0]
        found[parameter] = int(np.floor(oracle.value(floored, {}) + 1e-9)) + 1
    return found


def values_of(page: Derivation, sizes: dict[Parameter, int], seed: int = 0) -> BruteForce:
    """Inputs and cotangents of mixed signs, positive where the page says so."""
    generator = np.random.default_rng(seed)
    oracle = BruteForce(sizes)
    for each in (*page.inputs, *page.cotangents.values()):
        shape = tuple(oracle.integer(extent, {}) for extent in each.extents)
        values = generator.normal(size=shape)
        oracle.arrays[each] = np.abs(values) + 0.5 if each.domain.positive else values
    return oracle


def run(name: str, backend: Backend, oracle: BruteForce, dtype: type = np.float64, **statics: int):
    """Outputs and gradients of the generated code."""
    page, functions = derivation(name), compiled(name, backend)
    inputs = [np.asarray(oracle.arrays[t], dtype) for t in page.inputs]
    cotangents = tuple(np.asarray(oracle.arrays[t], dtype) for t in page.cotangents.values())
    cotangents = cotangents or (np.asarray(1.0, dtype),)

    def both(inputs, cotangents):
        outputs, residuals = functions.forward(*inputs, **statics)
        return outputs, functions.pullback(residuals, cotangents, **statics)

    outputs, gradients = (jax.jit(both) if backend == "jax" else both)(inputs, cotangents)
    return outputs, gradients, cotangents


M, N, P = Parameter("M"), Parameter("N"), Parameter("p", 0)
A, B, V, W = tensor("A", M, N), tensor("B", N, M), tensor("v", M), tensor("w", N)
INPUTS = (A, B, V, W)
ROW, COLUMN = index("i", M), index("j", N)


def single(body: Expression, *indices: Index, definitions: tuple[Definition, ...] = ()):
    """A page that defines Y by one expression over these indices."""
    output = Tensor("Y", tuple(i.extent for i in indices))
    context = Context()
    for definition in (*definitions, Definition(output, indices, body)):
        context = context.define(definition)
    cotangents = {output: Tensor(r"\bar{Y}", output.extents)}
    return Derivation("page", "Page", "", INPUTS, (output,), cotangents, context, statics=(P,))


def check(body: Expression, *indices: Index, definitions: tuple[Definition, ...] = ()) -> None:
    """Both backends give what the loops give, wherever that is finite; JAX, which compiles every
    operation for every shape, at one size."""
    page = single(body, *indices, definitions=definitions)
    lowered = lower(page)
    for m, n, p, seed in ((3, 5, 1, 0), (1, 2, 0, 1), (4, 3, 3, 2)):
        oracle = values_of(page, {M: m, N: n, P: p}, seed)
        wanted = oracle.tensor(page, page.outputs[0])
        inputs = [oracle.arrays[t] for t in INPUTS]
        for backend in BACKENDS if seed == 0 else ("numpy",):
            forward = partial(load(lowered, backend).forward, p=p)
            with jax.enable_x64(True), np.errstate(all="ignore"):
                (found,), _ = (jax.jit(forward) if backend == "jax" else forward)(*inputs)
            assert np.shape(found) == wanted.shape, backend
            finite = np.isfinite(wanted)
            close = np.isclose(np.asarray(found), wanted, rtol=1e-9, atol=1e-9)
            assert close[finite].all(), (backend, load(lowered, backend).source)


def bound(name: str, extent: Affine | Parameter) -> Index:
    return fresh(index(name, extent))
