"""The two sides of a pair: forward pass and pullback together, as functions without arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax_baselines
import numpy_baselines
from workloads import Workload

from derivcheck.codegen import load
from derivcheck.witnesses.reference import load_reference

Results = tuple[tuple[Any, ...], tuple[Any, ...]]
"""Outputs and gradients."""


@dataclass(frozen=True)
class Side:
    """One side; `bytes` of a compiled one is what XLA says that it needs beside its arguments."""

    run: Callable[[], Results]
    bytes: int | None = None


def of_numpy(work: Workload) -> tuple[Side, Side]:
    """The code written by hand, and the generated code."""
    return _plain(numpy_baselines.BASELINES[work.page], work), _plain(
        load(work.program, "numpy"), work
    )


def of_jax(work: Workload, *, reference: str = "baseline") -> tuple[Side, Side]:
    """`jax.vjp` of a plain forward pass, and the generated pair, both compiled as one function.

    `reference` is `baseline`, the one written here, or `page`, the page's own Reference.
    """
    if reference == "baseline":
        forward = jax_baselines.BASELINES[work.page]
    else:
        assert work.reference is not None, f"{work.page} has no Reference"
        forward = load_reference(work.reference, allowed=True)
    functions = load(work.program, "jax")

    def by_autodiff(inputs: tuple[Any, ...], cotangents: tuple[Any, ...]) -> Results:
        def of_differentiated(*varied: Any) -> tuple[Any, ...]:
            arguments = list(inputs)
            for place, value in zip(work.differentiated, varied, strict=True):
                arguments[place] = value
            return tuple(forward(*arguments, **work.statics))

        outputs, pull = jax.vjp(of_differentiated, *(inputs[n] for n in work.differentiated))
        return outputs, pull(cotangents)

    def by_pullback(inputs: tuple[Any, ...], cotangents: tuple[Any, ...]) -> Results:
        outputs, residuals = functions.forward(*inputs, **work.statics)
        return outputs, functions.pullback(residuals, cotangents, **work.statics)

    return _compiled(by_autodiff, work), _compiled(by_pullback, work)


def _plain(functions: Any, work: Workload) -> Side:
    def run() -> Results:
        outputs, residuals = functions.forward(*work.inputs, **work.statics)
        return outputs, functions.pullback(residuals, work.cotangents, **work.statics)

    return Side(run)


def _compiled(both: Callable[..., Results], work: Workload) -> Side:
    arguments = jax.device_put((work.inputs, work.cotangents))
    program = jax.jit(both).lower(*arguments).compile()
    needs = program.memory_analysis()
    return Side(
        lambda: jax.block_until_ready(program(*arguments)),
        needs.temp_size_in_bytes + needs.output_size_in_bytes,
    )
