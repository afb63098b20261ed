"""Closed forms in the form that somebody asks for: `derivcheck show NAME --as …`."""

from __future__ import annotations

from derivcheck.codegen import source as generated_source
from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.expression import Affine, Entry
from derivcheck.lowering import lower
from derivcheck.notation import latex, text


def closed_forms(derivation: Derivation, form: str) -> str:
    """All gradients in the page's order: `form` is text, latex, sympy (one a line), numpy or jax.

    The last two are a module of source with `forward` and `pullback`; raises `LoweringError` where
    a closed form is no array program.
    """
    if form in ("numpy", "jax"):
        return generated_source(lower(derivation), form).rstrip("\n") + "\n"
    return "".join(f"{equation(each, form)}\n" for each in derivation.gradients.values())


def equation(gradient: ClosedForm, form: str) -> str:
    """`∂L/∂variable = closed form` on one line: `form` is text, latex or sympy."""
    entry = Entry(gradient.variable, tuple(map(Affine.of, gradient.indices)))
    match form:
        case "latex":
            left = rf"\frac{{\partial L}}{{\partial {latex(entry)}}}"
            return f"{left} = {latex(gradient.body, gradient.indices)}"
        case "sympy":
            from derivcheck.exchange import to_sympy  # reports need no SymPy

            return f"Derivative(L, {to_sympy(entry)}) = {to_sympy(gradient.body)}"
        case _:
            return f"∂L/∂{text(entry)} = {text(gradient.body, gradient.indices)}"
