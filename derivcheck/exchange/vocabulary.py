"""What the names in SymPy expressions mean: extents, tensors, indices, and what axes count from."""

# SymPy ships no types for most of what is read here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import sympy
from sympy.tensor.indexed import Idx, Indexed, IndexedBase

from derivcheck.exchange.exporting import parameter_symbol, symbol_names
from derivcheck.exchange.special import Largest
from derivcheck.expression import Affine, Domain, Index, Parameter, Tensor
from derivcheck.notation.names import GREEK


class ExchangeError(ValueError):
    """A SymPy object that the index language has no counterpart for; the message names it."""


def canonical(name: str) -> str:
    r"""The canonical LaTeX of a SymPy name: the inverse of `notation.identifier` where it has one.

    >>> [canonical(n) for n in ("gamma", "X_hat", "sigma_squared", "W_f", "c_prime", "Y")]
    ['\\gamma', '\\hat{X}', '\\sigma^2', 'W_{f}', "c'", 'Y']
    """
    for suffix, shape in _SUFFIXES.items():
        if name.endswith(suffix) and len(name) > len(suffix):
            return shape.format(canonical(name.removesuffix(suffix)))
    stem, _, label = name.rstrip("_").partition("_")
    if stem in GREEK:
        stem = "\\" + stem
    return f"{stem}_{{{label}}}" if label else stem


_SUFFIXES = {
    "_hat": r"\hat{{{}}}",
    "_bar": r"\bar{{{}}}",
    "_tilde": r"\tilde{{{}}}",
    "_dot": r"\dot{{{}}}",
    "_prime": "{}'",
    "_squared": "{}^2",
}


class Vocabulary:
    """Tensors and extents of a whole derivation; free indices of one statement at a time."""

    def __init__(
        self, symbols: Iterable[Tensor | Parameter | Index] = (), *, base: int | None = None
    ) -> None:
        self.base = base
        self.tensors: dict[str, Tensor] = {}
        self.parameters: dict[str, Parameter] = {}
        self.free: dict[str, Index] = {}
        self.bases: dict[Affine, int] = {}
        known = tuple(symbols)
        for tensor, name in symbol_names(s for s in known if isinstance(s, Tensor)).items():
            self.tensors[name] = tensor
            for extent in tensor.extents:
                self._learn(extent)
        for symbol in known:
            if isinstance(symbol, Parameter):
                self.parameters[parameter_symbol(symbol).name] = symbol
            elif isinstance(symbol, Index):
                self.free[symbol.name] = symbol
                self._learn(symbol.extent)
        self.declared = dict(self.free)

    def _learn(self, extent: Affine) -> None:
        for atom in extent.atoms():
            if isinstance(atom, Parameter):
                self.parameters.setdefault(parameter_symbol(atom).name, atom)

    def survey(self, *expressions: Any) -> None:
        """Learn the names of one statement; its free indices take the place of the last one's."""
        self.free = dict(self.declared)
        nodes = [node for e in expressions for node in sympy.preorder_traversal(e)]
        for node in nodes:
            if isinstance(node, IndexedBase):
                self.tensor(node)
        limits = [limit for node in nodes for limit in limits_of(node)]
        indices = {str(symbol) for symbol, _, _ in limits}
        for node in nodes:
            if isinstance(node, Indexed):
                indices.update(str(s) for s in node.indices if isinstance(s, sympy.Symbol | Idx))
        for _, lower, upper in limits:
            self._note_parameters(upper - lower, indices)
        for _, lower, upper in limits:
            self._note_base(lower, upper, indices)
        for expression in expressions:
            for entry, bound in entries(expression):
                self._note_free_indices(entry, bound)

    def tensor(self, base: IndexedBase) -> Tensor:
        name = str(base.label)
        if name in self.tensors:
            return self.tensors[name]
        if base.shape is None:
            raise ExchangeError(f"{name} has no shape: make it IndexedBase({name!r}, shape=(…))")
        for extent in base.shape:
            self._note_parameters(sympy.sympify(extent), set())
        extents = tuple(self.polynomial(extent, {}) for extent in base.shape)
        self.tensors[name] = Tensor(canonical(name), extents, domain(base))
        return self.tensors[name]

    def scalar(self, symbol: Any) -> Tensor:
        name = str(symbol)
        if name not in self.tensors:
            self.tensors[name] = Tensor(canonical(name), (), domain(symbol))
        return self.tensors[name]

    def _note_parameters(self, size: Any, indices: set[str]) -> None:
        for symbol in sorted(size.free_symbols, key=str):
            if symbol.name not in self.parameters and symbol.name not in indices:
                minimum = 0 if symbol.is_nonnegative and not symbol.is_positive else 1
                self.parameters[symbol.name] = Parameter(canonical(symbol.name), minimum)

    def _note_base(self, lower: Any, upper: Any, indices: set[str]) -> None:
        if lower not in (0, 1) or indices & {symbol.name for symbol in upper.free_symbols}:
            return
        extent = self.polynomial(upper - lower + 1, {})
        if self.bases.setdefault(extent, int(lower)) != int(lower):
            raise ExchangeError(f"the axis of extent {upper - lower + 1} counts from both 0 and 1")

    def _note_free_indices(self, entry: Any, bound: frozenset[str]) -> None:
        tensor = self.tensor(entry.base)
        if len(entry.indices) != tensor.rank:
            raise ExchangeError(f"{entry} has {len(entry.indices)} subscripts, not {tensor.rank}")
        for subscript, extent in zip(entry.indices, tensor.extents, strict=True):
            name = str(subscript)
            if not isinstance(subscript, sympy.Symbol | Idx) or name in bound:
                continue
            if name in self.parameters:
                continue
            index = Index(canonical(name), extent, 0, self.axis_base(extent))
            if self.free.setdefault(name, index).extent != extent:
                raise ExchangeError(f"the index {name} stands on axes of different extents")

    def axis_base(self, extent: Affine) -> int:
        """What an axis counts from: as its sums say, or else as the caller did."""
        return self.bases.get(extent, self.base or 0)

    def polynomial(self, value: Any, bound: dict[str, Affine]) -> Affine:
        """An integer polynomial; an index stands for the letter's value on the page."""
        value = sympy.expand(value)
        if isinstance(value, sympy.Integer):
            return Affine.of(int(value))
        if isinstance(value, sympy.Symbol | Idx):
            return self._integer(str(value), bound)
        if isinstance(value, sympy.Add):
            result = Affine()
            for term in value.args:
                result = result + self.polynomial(term, bound)
            return result
        if isinstance(value, sympy.Mul):
            result = Affine.of(1)
            for factor in value.args:
                result = result * self.polynomial(factor, bound)
            return result
        if isinstance(value, sympy.Pow) and isinstance(value.exp, sympy.Integer) and value.exp > 0:
            result = Affine.of(1)
            for _ in range(int(value.exp)):
                result = result * self.polynomial(value.base, bound)
            return result
        raise ExchangeError(f"{value} is no integer polynomial, so it can be no subscript or size")

    def _integer(self, name: str, bound: dict[str, Affine]) -> Affine:
        if name in bound:
            return bound[name]
        if name in self.parameters:
            return Affine.of(self.parameters[name])
        if name in self.free:
            index = self.free[name]
            return Affine.of(index) + index.base
        raise ExchangeError(f"the extent of the index {name} is not known: let it stand on an axis")


def limits_of(node: Any) -> list[Any]:
    """The limits of a binder, innermost first; of anything else none."""
    return list(node.limits) if isinstance(node, sympy.Sum | sympy.Product | Largest) else []


def entries(node: Any, bound: frozenset[str] = frozenset()) -> Iterator[tuple[Any, frozenset[str]]]:
    """Every `Indexed`, with the names that sums bind around it."""
    if isinstance(node, Indexed):
        yield node, bound
    limits = limits_of(node)
    if limits:
        yield from entries(node.args[0], bound | {str(symbol) for symbol, _, _ in limits})
        return
    for part in node.args:
        yield from entries(part, bound)


def domain(symbol: Any) -> Domain:
    """The domain that a symbol's assumptions declare."""
    if symbol.is_positive:
        return Domain(lower=Fraction(0), strict_lower=True, declared=True)
    if symbol.is_nonnegative:
        return Domain(lower=Fraction(0), declared=True)
    if symbol.is_negative:
        return Domain(upper=Fraction(0), strict_upper=True, declared=True)
    if symbol.is_nonzero:
        return Domain(excluded=(Fraction(0),), declared=True)
    return Domain()
