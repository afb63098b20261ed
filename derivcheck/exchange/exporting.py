"""Expressions to SymPy."""

# SymPy ships no types for most of what is built here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy

from derivcheck.exchange.special import big, largest
from derivcheck.expression import (
    Add,
    Affine,
    Apply,
    Atom,
    Count,
    Delta,
    Derivative,
    Entry,
    Expression,
    Function,
    Guard,
    Index,
    Maximum,
    Multiply,
    Parameter,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
    tensors,
)
from derivcheck.notation import identifier
from derivcheck.notation.letters import choose, reserved


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + sympy.exp(-x))


def _softplus(x: Any) -> Any:
    return sympy.log(1 + sympy.exp(x))


def _relu(x: Any) -> Any:
    return sympy.Max(0, x)


def _nowhere(_: Any) -> Any:
    return sympy.Integer(0)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "tanh": sympy.tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "relu": _relu,
    "elsewhere": _nowhere,
    "abs": sympy.Abs,
    "sign": sympy.sign,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "arctan": sympy.atan,
    "erf": sympy.erf,
    "max": sympy.Max,
    "min": sympy.Min,
}


def parameter_symbol(parameter: Parameter) -> Any:
    name = identifier(parameter.name)
    if parameter.minimum >= 1:
        return sympy.Symbol(name, integer=True, positive=True)
    return sympy.Symbol(name, integer=True, nonnegative=True)


def tensor_symbol(tensor: Tensor) -> Any:
    """An `IndexedBase` with its shape, or a `Symbol` for a scalar; assumptions from its domain."""
    return _named(tensor, identifier(tensor.name))


def symbol_names(found: Iterable[Tensor]) -> dict[Tensor, str]:
    """A name of its own for each tensor, in order: two that share an identifier are told apart."""
    names: dict[Tensor, str] = {}
    for tensor in found:
        plain = identifier(tensor.name)
        name, number = plain, 2
        while name in names.values():
            name = f"{plain}_{number}"
            number += 1
        names.setdefault(tensor, name)
    return names


def _named(tensor: Tensor, name: str) -> Any:
    known: dict[str, bool] = {"real": True}
    if tensor.domain.positive:
        known = {"positive": True}
    elif tensor.domain.nonnegative:
        known = {"nonnegative": True}
    if not tensor.extents:
        scalar: Any = sympy.Symbol
        return scalar(name, **known)
    shape = tuple(_Exporter({}, {}, frozenset()).integer(extent) for extent in tensor.extents)
    array: Any = sympy.IndexedBase
    return array(name, shape=shape, **known)


def to_sympy(expression: Expression) -> Any:
    r"""The expression as a `sympy.Expr`, evaluated by nothing that rewrites a binder.

    Entries become `Indexed` (a subscript that may leave its axis is guarded by a `Piecewise` of its
    own), extents positive integer symbols, binders `Sum`, `Product` or `Largest` from 0; names go
    through `notation.identifier`, bound letters that clash are replaced as in print. A derivative's
    operand `L` becomes `L(X)`, a function of the variable's base, because SymPy takes the
    derivative of a plain symbol for 0.

    Do not call `doit`, `simplify` or `subs` on sums: SymPy lets bound indices leak (see `special`).
    """
    names = symbol_names(tensors(expression))
    return _Exporter(names, {}, reserved(expression, ())).convert(expression)


class _Exporter:
    """`letters` are the printed letters of the binders around; `through` the derivatives' bases."""

    def __init__(
        self,
        names: Mapping[Tensor, str],
        letters: Mapping[Index, str],
        taken: frozenset[str],
        through: tuple[Any, ...] = (),
    ) -> None:
        self.names = names
        self.letters = dict(letters)
        self.taken = taken
        self.through = through

    def convert(self, expression: Expression) -> Any:
        match expression:
            case Rational(value):
                return sympy.Rational(value.numerator, value.denominator)
            case Count(value):
                return self.integer(value)
            case Entry():
                return self.entry(expression)
            case Delta(left, right):
                return sympy.KroneckerDelta(self.integer(left), self.integer(right))
            case Guard() | Positive():
                return self.guarded((expression,), ())
            case Add(terms):
                return sympy.Add(*map(self.convert, terms))
            case Multiply(factors):
                guards = [f for f in factors if isinstance(f, Guard | Positive)]
                rest = [f for f in factors if not isinstance(f, Guard | Positive)]
                return self.guarded(guards, rest)
            case Power(base, exponent):
                return sympy.Pow(self.convert(base), self.convert(exponent))
            case Sum(index, body):
                inner, limits = self.inside((index,))
                return big(sympy.Sum, inner.convert(body), limits)
            case Product(index, body):
                inner, limits = self.inside((index,))
                return big(sympy.Product, inner.convert(body), limits)
            case Maximum(indices, where, body):
                inner, limits = self.inside(indices)
                conditions = where.factors if isinstance(where, Multiply) else (where,)
                holds = sympy.And(*map(inner.condition, conditions))
                # The innermost limit first, as everywhere in SymPy.
                return largest(inner.convert(body), holds, limits[::-1])
            case Apply(function, arguments):
                return self.application(function, tuple(map(self.convert, arguments)))
            case Derivative(operand, variable):
                target = self.entry(variable)
                base = getattr(target, "base", target)
                inner = _Exporter(self.names, self.letters, self.taken, (*self.through, base))
                return sympy.Derivative(inner.convert(operand), target, evaluate=False)

    def guarded(self, guards: Sequence[Expression], rest: Sequence[Expression]) -> Any:
        """The product of `rest` where all guards hold, else 0: undefined factors are shielded."""
        value = sympy.Mul(*map(self.convert, rest))
        if not guards:
            return value
        return sympy.Piecewise((value, sympy.And(*map(self.condition, guards))), (0, True))

    def condition(self, expression: Expression) -> Any:
        """A factor that is 0 or 1 as a Boolean."""
        match expression:
            case Guard(value):
                return sympy.Ge(self.integer(value), 0)
            case Positive(argument):
                return sympy.Gt(self.convert(argument), 0)
            case Delta(left, right):
                return sympy.Eq(self.integer(left), self.integer(right))
            case Rational(value):
                return sympy.true if value else sympy.false
            case _:
                return sympy.Ne(self.convert(expression), 0)

    def entry(self, entry: Entry) -> Any:
        name = self.names[entry.tensor]
        symbol = _named(entry.tensor, name)
        subscripts = tuple(map(self.integer, entry.subscripts))
        if self.through and symbol not in self.through:
            arguments = (*self.through, *subscripts)
            return sympy.Function(name, real=True)(*arguments)
        if not subscripts:
            return symbol
        shown = symbol[subscripts]
        outside = [
            sympy.And(sympy.Ge(s, 0), sympy.Lt(s, self.integer(extent)))
            for s, subscript, extent in zip(
                subscripts, entry.subscripts, entry.tensor.extents, strict=True
            )
            if (index := subscript.index) is None or index.extent != extent
        ]
        return sympy.Piecewise((shown, sympy.And(*outside)), (0, True)) if outside else shown

    def application(self, function: Function, arguments: tuple[Any, ...]) -> Any:
        if not function.abstract:
            return FUNCTIONS[function.name](*arguments)
        symbol = sympy.Function(identifier(function.name), real=True)
        if not function.order:
            return symbol(*arguments)
        place = sympy.Symbol("xi", real=True)
        slope = sympy.Derivative(symbol(place), (place, function.order), evaluate=False)
        return sympy.Subs(slope, place, arguments[0])

    def inside(self, indices: Sequence[Index]) -> tuple[_Exporter, list[tuple[Any, Any, Any]]]:
        """The exporter under these binders, and their limits in the order of the binders."""
        inner = _Exporter(self.names, self.letters, self.taken, self.through)
        limits: list[tuple[Any, Any, Any]] = []
        for index in indices:
            upper = inner.integer(index.extent) - 1
            taken = self.taken | set(inner.letters.values())
            inner.letters[index] = choose(index.name, taken)
            limits.append((inner.index_symbol(index), sympy.Integer(0), upper))
        return inner, limits

    def index_symbol(self, index: Index) -> Any:
        name = identifier(self.letters.get(index, index.name))
        return sympy.Symbol(name, integer=True)

    def integer(self, value: Affine) -> Any:
        return sympy.Add(
            *(
                sympy.Mul(coefficient, *(self.atom(atom) for atom in term))
                for term, coefficient in value.terms
            )
        )

    def atom(self, atom: Atom) -> Any:
        return parameter_symbol(atom) if isinstance(atom, Parameter) else self.index_symbol(atom)
