"""What is measured: a page at the sizes of small real training, with arrays in its domain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from derivcheck import load
from derivcheck.derivation import Derivation
from derivcheck.expression import Context, Domain, Parameter, Tensor, tensors
from derivcheck.lowering import Program
from derivcheck.notation import identifier
from derivcheck.witnesses.array_trial import cotangent_of
from derivcheck.witnesses.extents import complete_extents, shape
from derivcheck.witnesses.trial import sample

IMAGES = {"N": 32, "C": 16, "F": 32, "H": 32, "W": 32, "R": 3, "Q": 3, "G": 4, "D": 8, "P": 3}
IMAGES |= dict.fromkeys(("u", "p", "d", "u_1", "u_2", "p_1", "p_2", "d_1", "d_2"), 1)
IMAGES |= {"a": 0, "a_1": 0, "a_2": 0}
SEQUENCES = {"N": 32, "B": 32, "S": 64, "T": 64, "D": 64, "E": 64, "M": 256}
ROWS = {"S": 128, "N": 256, "M": 256, "K": 256, "H": 256, "R": 128}
VECTORS = {"N": 65536, "S": 65536, "R": 65536, "K": 256, "t": 3}
OTHERWISE = 4
"""Extents by their names, for pages with an input of four axes, of three, of two, and of one."""

SMALL = {name: 5 + place % 3 for place, name in enumerate("NCFGSTBDEMK")}
SMALL |= {"H": 11, "W": 12, "R": 3, "Q": 2, "u": 2, "p": 1, "d": 2}
PAGES = {
    "linear": {"S": 128},
    "softmax_cross_entropy": {"S": 128},
    "layernorm": {"S": 128},
    "lstm_cell": {"S": 64},
    "bilinear": {"K": 64, "N": 64},
    "lstm_cell_fused": {"H": 256},
    "moving_average": {"N": 64},
    "conv_transpose2d_grouped": {f"{p}_{{{n}}}": int(p != "a") for p in "upda" for n in (1, 2)},
    "groupnorm": {"S": 32, "P": 1024},
    "conv2d_dilated": {"d": 2},
}
"""What a page has of its own."""

SCALE = 0.1
"""Standard deviation of entries: with more, gates saturate and products are subnormal numbers."""


@dataclass(frozen=True)
class Workload:
    """Arrays for one page: inputs in its order, a cotangent for each output, statics by keyword.

    `reference` is the page's own code.
    """

    page: str
    program: Program
    reference: str | None
    sizes: str
    inputs: tuple[Any, ...]
    cotangents: tuple[Any, ...]
    statics: dict[str, int]
    differentiated: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.page} at {self.sizes}"

    def at(self, dtype: str) -> Workload:
        inputs, cotangents = (
            tuple(np.asarray(array, dtype) for array in arrays)
            for arrays in (self.inputs, self.cotangents)
        )
        return replace(self, inputs=inputs, cotangents=cotangents)


@cache
def workload(page: str, *, small: bool = False, **sizes: int) -> Workload:
    """The page at its sizes, `sizes` taking precedence, in float64; always the same arrays."""
    loaded = load(page)
    derivation = loaded.derivation
    extents = _extents(derivation, {**_family(derivation, small), **sizes})
    generator = np.random.default_rng(20)
    arrays = _arrays(derivation, extents, generator)
    chosen = [p for p in extents if p not in derivation.extents]
    return Workload(
        page,
        loaded.program,
        derivation.reference,
        " ".join(f"{identifier(p.name)}={extents[p]}" for p in chosen),
        tuple(arrays[tensor] for tensor in derivation.inputs),
        tuple(arrays[cotangent_of(derivation, output)] for output in derivation.outputs),
        {identifier(p.name): extents[p] for p in derivation.statics},
        tuple(n for n, t in enumerate(derivation.inputs) if t in derivation.gradients),
    )


def _family(derivation: Derivation, small: bool) -> dict[str, int]:
    if small:
        return SMALL
    rank = max(tensor.rank for tensor in derivation.inputs)
    table = {0: VECTORS, 1: VECTORS, 2: ROWS, 3: SEQUENCES}.get(rank, IMAGES)
    if rank == 3 and any(p.name == "u" for p in derivation.statics):
        table = IMAGES
    return {**table, **PAGES.get(derivation.name, {})}


def _extents(derivation: Derivation, sizes: dict[str, int]) -> dict[Parameter, int]:
    found: dict[Parameter, None] = dict.fromkeys(derivation.statics)
    for tensor in (*derivation.inputs, *derivation.outputs):
        for extent in tensor.extents:
            found.update(dict.fromkeys(a for a in extent.atoms() if isinstance(a, Parameter)))
    chosen = {p: sizes.get(p.name, OTHERWISE) for p in found}
    complete = complete_extents(chosen, derivation.extents, derivation.context.hypotheses)
    assert complete is not None, (derivation.name, chosen)
    return complete


def _arrays(
    derivation: Derivation, extents: dict[Parameter, int], generator: np.random.Generator
) -> dict[Tensor, Any]:
    """Entries anywhere in their domains; exact sampling, which is slow, where they are tied."""
    hypotheses = derivation.context.hypotheses
    tied = {t for h in hypotheses for side in (h.left, h.right) for t in tensors(side)}
    special = [t for t in derivation.inputs if t in tied or t.symmetric]
    point = sample(special, extents, Context(hypotheses=hypotheses), generator)
    assert point is not None, derivation.name
    found: dict[Tensor, Any] = dict(point.values)
    cotangents = [cotangent_of(derivation, output) for output in derivation.outputs]
    for tensor in (*derivation.inputs, *cotangents):
        if tensor not in found:
            found[tensor] = _drawn(tensor.domain, shape(tensor, extents), generator)
    return found


def _drawn(domain: Domain, size: tuple[int, ...], generator: np.random.Generator) -> Any:
    if domain.values:
        return generator.choice([float(value) for value in domain.values], size)
    if domain.lower is None and domain.upper is None:
        return (SCALE if size else 1.0) * generator.standard_normal(size)
    low = float(domain.lower if domain.lower is not None else domain.upper - 1)
    high = float(domain.upper if domain.upper is not None else low + 1)
    return low + (high - low) * generator.uniform(0.1, 0.9, size)
