"""Generated source as functions."""

from __future__ import annotations

import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from derivcheck.codegen.module import formula_source, source
from derivcheck.codegen.printing import Backend
from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.lowering import Program, lower_closed_form


@dataclass(frozen=True)
class Compiled:
    """A program's functions, with the source they were compiled from.

    `layer` is the pair wrapped in `jax.custom_vjp`, for JAX only. Of a page that claims no gradient
    `pullback` gives none, and there is no `layer`.
    """

    forward: Callable[..., tuple[tuple[object, ...], tuple[object, ...]]]
    pullback: Callable[..., tuple[object, ...]]
    layer: Callable[..., object] | None
    source: str


def load(program: Program, backend: Backend) -> Compiled:
    """The functions of a program; imports JAX only for the backend "jax"."""
    text = source(program, backend)
    names = _executed(text, f"<derivcheck {program.name} {backend}>")
    return Compiled(
        cast("Callable[..., tuple[tuple[object, ...], tuple[object, ...]]]", names["forward"]),
        cast("Callable[..., tuple[object, ...]]", names.get("pullback", _no_gradients)),
        cast("Callable[..., object] | None", names.get("layer")),
        text,
    )


def _no_gradients(residuals: object, cotangents: object, **statics: int) -> tuple[object, ...]:
    return ()


def lambdify_closed_form(
    closed_form: ClosedForm, derivation: Derivation, backend: Backend
) -> Callable[..., object]:
    """One closed form as a function of the tensors that occur in it.

    Positional arguments: inputs in the page's order, defined tensors in the order of their
    definitions, cotangents; keyword-only: the statics that it uses, and extents that no argument's
    shape determines. Raises `LoweringError`.
    """
    program = lower_closed_form(closed_form, derivation)
    text = formula_source(program, backend)
    name = f"<derivcheck {program.name} {program.routine.results[0]} {backend}>"
    return cast("Callable[..., object]", _executed(text, name)["gradient"])


def _executed(text: str, name: str) -> dict[str, object]:
    names: dict[str, object] = {"__name__": "derivcheck_generated"}
    # The one place that runs generated text: every identifier in it comes from our own table and
    # every operation from our own printer; no text of a document reaches it outside a docstring,
    # from which quotes and backslashes are taken.
    exec(compile(text, name, "exec"), names)  # noqa: S102
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    return names
