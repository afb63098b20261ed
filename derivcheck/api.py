"""Derivations in Python: load or build one, judge it, take its gradients as SymPy, LaTeX or
code."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from derivcheck import codegen, notation, registry
from derivcheck.checked import Checked
from derivcheck.checker import check_derivation, read_derivation
from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.document import load_source
from derivcheck.expression import Expression, Tensor
from derivcheck.lowering import Program, lower
from derivcheck.source import Source

if TYPE_CHECKING:
    import sympy

Backend = Literal["numpy", "jax"]

_NO_PAGE = Source("<python>", "")


def load(name: str) -> LoadedDerivation:
    """The registered derivation of this name.

    Raises `registry.UnknownName`, which names the nearest ones.

    >>> from derivcheck import load
    >>> layernorm = load("layernorm")
    >>> [tensor.name for tensor in layernorm.inputs]
    ['X', '\\\\gamma', '\\\\beta', '\\\\epsilon']
    """
    return _loaded(registry.source(name))


def read(path: str | Path) -> LoadedDerivation:
    """The derivation on a page of your own; raises `diagnostic.DocumentError` if it is
    unreadable."""
    return _loaded(load_source(path))


def _loaded(source: Source) -> LoadedDerivation:
    return LoadedDerivation(read_derivation(source), source)


@dataclass(frozen=True)
class LoadedDerivation:
    """A derivation with what can be done with it.

    Made by `load`, by `read`, or around a `Derivation` built from SymPy objects by
    `exchange.derivation_from_sympy`.
    """

    derivation: Derivation
    source: Source = _NO_PAGE

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """The tensors that nothing defines, in the page's order."""
        return self.derivation.inputs

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return self.derivation.outputs

    def check(self, *, seed: int = 0) -> Checked:
        """Judge every equality."""
        return check_derivation(self.derivation, self.source, seed=seed)

    def gradient(self, name: str) -> Gradient:
        """The closed form of ∂L/∂name; `name` is the LaTeX name or its Python identifier.

        Raises `KeyError` with the names that have one.
        """
        for tensor, form in self.derivation.gradients.items():
            if name in (tensor.name, notation.identifier(tensor.name)):
                return Gradient(form, self.derivation)
        known = ", ".join(notation.identifier(t.name) for t in self.derivation.gradients)
        raise KeyError(f"no gradient in closed form for {name!r}; there are: {known}")

    @cached_property
    def program(self) -> Program:
        """The forward pass and the pullback as array programs."""
        return lower(self.derivation)

    def code(self, backend: Backend = "numpy", *, wanted: Collection[str] | None = None) -> str:
        """The generated source of `forward` and `pullback`.

        `wanted` names the inputs whose gradients are asked for (by default all that have one):
        what training needs of a loss is not the gradient of its targets. Raises `KeyError` with
        the names that there are.

        >>> from derivcheck import load
        >>> "T_bar" in load("softmax_cross_entropy").code(wanted=["X"])
        False
        """
        program = self.program if wanted is None else lower(self.derivation, wanted=wanted)
        return codegen.source(program, backend)

    def forward(self, *inputs: Any, backend: Backend = "numpy", **statics: int) -> Any:
        """(outputs, residuals) of the generated forward pass."""
        return codegen.load(self.program, backend).forward(*inputs, **statics)

    def pullback(
        self, residuals: Any, cotangents: Any, *, backend: Backend = "numpy", **statics: int
    ) -> Any:
        """The gradients, in the order of `derivation.gradients`, from residuals and cotangents."""
        return codegen.load(self.program, backend).pullback(residuals, cotangents, **statics)


@dataclass(frozen=True)
class Gradient:
    """One gradient in closed form."""

    form: ClosedForm
    derivation: Derivation

    @property
    def expression(self) -> Expression:
        return self.form.body

    @property
    def sympy(self) -> sympy.Expr:
        """The right side as a SymPy expression (`Sum`, `Indexed`, `KroneckerDelta`)."""
        from derivcheck.exchange import to_sympy  # SymPy is loaded only where it is asked for

        return to_sympy(self.form.body)

    def latex(self) -> str:
        """The right side as LaTeX that derivcheck reads back."""
        return notation.latex(self.form.body, self.form.indices)

    def lambdify(self, backend: Backend = "numpy") -> Callable[..., Any]:
        """The closed form as a function of arrays; see `codegen.lambdify_closed_form`."""
        return codegen.lambdify_closed_form(self.form, self.derivation, backend)
