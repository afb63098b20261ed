"""SymPy to expressions."""

# SymPy ships no types for most of what is read here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanFalse, BooleanTrue
from sympy.tensor.indexed import Idx, Indexed, IndexedBase

from derivcheck.exchange.special import Largest
from derivcheck.exchange.vocabulary import ExchangeError, Vocabulary, canonical
from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Derivative,
    Entry,
    Expression,
    Function,
    Index,
    Maximum,
    Parameter,
    Positive,
    Product,
    Sum,
    Tensor,
    add,
    apply,
    delta,
    fresh,
    guard,
    multiply,
    negation,
    number,
    power,
    rational,
    subtract,
)

_FUNCTIONS: Mapping[type[Any], str] = {
    sympy.exp: "exp",
    sympy.log: "log",
    sympy.tanh: "tanh",
    sympy.sin: "sin",
    sympy.cos: "cos",
    sympy.sinh: "sinh",
    sympy.cosh: "cosh",
    sympy.atan: "arctan",
    sympy.erf: "erf",
    sympy.Abs: "abs",
    sympy.sign: "sign",
}


def from_sympy(
    expression: Any,
    symbols: Iterable[Tensor | Parameter | Index] = (),
    *,
    base: int | None = None,
) -> Expression:
    """The expression that a SymPy one denotes; only its structure is read, nothing is evaluated.

    `symbols` says what names mean (matched by `notation.identifier`); the rest is inferred: an
    `IndexedBase` with a shape is a tensor, what stands in a shape or bounds a sum is an extent,
    what subscripts an axis is an index of its extent, any other symbol is a scalar. Sums from 0
    to N−1 and from 1 to N are both understood; an axis over which a sum runs from 1 counts from 1
    everywhere, and `base` says what the other axes count from.

    Raises `ExchangeError` for what has no counterpart, a shape or an extent that is not known, an
    index on axes of different extents, or an axis that counts both from 0 and from 1.
    """
    return Importer(Vocabulary(symbols, base=base)).read(expression)


class Importer:
    """Reads expressions over one vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.bound: dict[str, Affine] = {}

    def read(self, expression: Any) -> Expression:
        """One expression, its names surveyed by itself."""
        expression = sympy.sympify(expression, strict=True)
        self.vocabulary.survey(expression)
        return self.convert(expression)

    def affine(self, value: Any) -> Affine:
        return self.vocabulary.polynomial(value, self.bound)

    def subscript(self, value: Any, extent: Affine) -> Affine:
        found = self.affine(value)
        if any(sum(isinstance(atom, Index) for atom in term) > 1 for term, _ in found.terms):
            raise ExchangeError(f"the subscript {value} is not affine in its indices")
        return found - self.vocabulary.axis_base(extent)

    def is_integer(self, value: Any) -> bool:
        """Whether a side of a condition is made of indices and extents only."""
        names = {str(symbol) for symbol in value.free_symbols}
        known = self.bound.keys() | self.vocabulary.parameters.keys() | self.vocabulary.free.keys()
        return names <= known and all(
            isinstance(node, sympy.Integer | sympy.Symbol | Idx | sympy.Add | sympy.Mul)
            for node in sympy.preorder_traversal(value)
        )

    def convert(self, node: Any) -> Expression:
        match node:
            case sympy.Rational():
                return rational(Fraction(int(node.p), int(node.q)))
            case sympy.Float():
                return rational(Fraction(str(node)))
            case Indexed():
                return self.entry(node)
            case Idx() | sympy.Symbol():
                return self.symbol(node)
            case sympy.Add():
                return add(*map(self.convert, node.args))
            case sympy.Mul():
                return multiply(*map(self.convert, node.args))
            case sympy.Pow():
                return power(self.convert(node.base), self.convert(node.exp))
            case sympy.Sum() | sympy.Product() | Largest():
                return self.binder(node, list(node.limits))
            case sympy.KroneckerDelta():
                left, right = (self.affine(side) for side in node.args[:2])
                return delta(left, right)
            case sympy.Piecewise():
                return self.piecewise(node)
            case sympy.Heaviside():
                return Positive(self.convert(node.args[0]))
            case sympy.Max() | sympy.Min():
                name = "max" if isinstance(node, sympy.Max) else "min"
                first, *rest = map(self.convert, node.args)
                for argument in rest:
                    first = apply(name, first, argument)
                return first
            case sympy.Derivative():
                return self.derivative(node)
            case sympy.Subs():
                return self.slope_at(node)
            case AppliedUndef():
                return self.applied(node)
            case sympy.Function() if type(node) in _FUNCTIONS:
                return apply(_FUNCTIONS[type(node)], *map(self.convert, node.args))
            case _ if node is sympy.E:
                return apply("exp", ONE)
            case _:
                kind = type(node).__name__
                raise ExchangeError(f"{kind} has no counterpart in an index expression: {node}")

    def symbol(self, node: Any) -> Expression:
        name = str(node)
        if name in self.bound or name in self.vocabulary.parameters or name in self.vocabulary.free:
            return number(self.affine(node))
        tensor = self.vocabulary.scalar(node)
        if tensor.rank:
            raise ExchangeError(f"{name} stands without its {tensor.rank} subscripts")
        return Entry(tensor)

    def entry(self, node: Any) -> Entry:
        tensor = self.vocabulary.tensor(node.base)
        pairs = zip(node.indices, tensor.extents, strict=True)
        return Entry(tensor, tuple(self.subscript(value, extent) for value, extent in pairs))

    def binder(self, node: Any, limits: list[Any]) -> Expression:
        """SymPy's limits stand innermost first."""
        if isinstance(node, Largest):
            return self.largest(node)
        if not limits:
            return self.convert(node.function)
        index, outer = self.bind(limits[-1])
        body = self.binder(node, limits[:-1])
        self.bound = outer
        return Sum(index, body) if isinstance(node, sympy.Sum) else Product(index, body)

    def largest(self, node: Largest) -> Expression:
        outer = self.bound
        indices = tuple(self.bind(limit)[0] for limit in reversed(node.limits))
        body, where = self.convert(node.body), self.condition(node.condition)
        self.bound = outer
        return Maximum(indices, where, body)

    def bind(self, limit: Any) -> tuple[Index, dict[str, Affine]]:
        """The index of a limit, now bound; and what was bound before, to be put back."""
        symbol, lower, upper = limit
        outer = self.bound
        start = self.affine(lower)
        base = 1 if start.constant == 1 else 0
        extent = self.affine(upper) - start + 1
        index = fresh(Index(canonical(str(symbol)), extent, 0, base))
        self.bound = {**outer, str(symbol): Affine.of(index) + start}
        return index, outer

    def piecewise(self, node: Any) -> Expression:
        """Each piece where its condition holds and no earlier one did."""
        terms: list[Expression] = []
        earlier: Expression = ONE
        for value, holds in node.args:
            condition = self.condition(holds)
            terms.append(multiply(earlier, condition, self.convert(value)))
            earlier = multiply(earlier, negation(condition))
        return add(*terms)

    def condition(self, node: Any) -> Expression:
        match node:
            case BooleanTrue():
                return ONE
            case BooleanFalse():
                return ZERO
            case sympy.And():
                return multiply(*(self.condition(part) for part in sorted(node.args, key=str)))
            case sympy.Or():
                parts = sorted(node.args, key=str)
                return negation(multiply(*(negation(self.condition(part)) for part in parts)))
            case sympy.Not():
                return negation(self.condition(node.args[0]))
            case Relational():
                return self.relation(node)
            case _:
                raise ExchangeError(f"{node} is no condition that an index expression can state")

    def relation(self, node: Any) -> Expression:
        left, right = node.lhs, node.rhs
        if self.is_integer(left) and self.is_integer(right):
            difference = self.affine(left) - self.affine(right)
            match node:
                case sympy.Ge():
                    return guard(difference)
                case sympy.Gt():
                    return guard(difference - 1)
                case sympy.Le():
                    return guard(-difference)
                case sympy.Lt():
                    return guard(-difference - 1)
                case sympy.Eq():
                    return delta(difference, 0)
                case _:
                    return negation(delta(difference, 0))
        difference = subtract(self.convert(left), self.convert(right))
        opposite = subtract(self.convert(right), self.convert(left))
        match node:
            case sympy.Gt():
                return Positive(difference)
            case sympy.Lt():
                return Positive(opposite)
            case sympy.Ge():
                return negation(Positive(opposite))
            case sympy.Le():
                return negation(Positive(difference))
            case _:
                raise ExchangeError(f"equality of real numbers is no condition here: {node}")

    def derivative(self, node: Any) -> Expression:
        place = node.variables[0]
        if isinstance(node.expr, AppliedUndef) and node.expr.args == (place,):
            name = node.expr.func.__name__
            if name not in self.vocabulary.tensors:
                function = Function(canonical(name), abstract=True, order=len(node.variables))
                return apply(function, self.convert(place))
        result = self.convert(node.expr)
        for variable in node.variables:
            entry = self.convert(variable)
            if not isinstance(entry, Entry):
                raise ExchangeError(f"{variable} is no entry that one could differentiate by")
            result = Derivative(result, entry)
        return result

    def slope_at(self, node: Any) -> Expression:
        """`Subs(Derivative(h(xi), (xi, n)), xi, x)` is h⁽ⁿ⁾(x)."""
        slope, places, points = node.args
        if isinstance(slope, sympy.Derivative) and isinstance(slope.expr, AppliedUndef):
            name = canonical(slope.expr.func.__name__)
            function = Function(name, abstract=True, order=len(slope.variables))
            if slope.expr.args == tuple(places) == tuple(dict.fromkeys(slope.variables)):
                return apply(function, self.convert(points[0]))
        raise ExchangeError(f"only a derivative of one abstract function can be taken at: {node}")

    def applied(self, node: AppliedUndef) -> Expression:
        """`L(X, s)` is an entry of the tensor L that depends on X; `h(x)` an abstract function."""
        name = node.func.__name__
        subscripts = [a for a in node.args if not isinstance(a, IndexedBase)]
        through = len(subscripts) < len(node.args)
        if name in self.vocabulary.tensors:
            tensor = self.vocabulary.tensors[name]
            subscripts = subscripts[len(subscripts) - tensor.rank :]
            pairs = zip(subscripts, tensor.extents, strict=True)
            return Entry(tensor, tuple(self.subscript(value, extent) for value, extent in pairs))
        if through:
            if subscripts:
                raise ExchangeError(f"the shape of {name} is not known: name it in `symbols`")
            self.vocabulary.tensors[name] = Tensor(canonical(name))
            return Entry(self.vocabulary.tensors[name])
        function = Function(canonical(name), abstract=True)
        return apply(function, *map(self.convert, node.args))
