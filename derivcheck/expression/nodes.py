"""Tensors, and the nodes of index expressions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeAlias

from derivcheck.expression.integers import Affine, Index


@dataclass(frozen=True, slots=True)
class Domain:
    """Where the entries of a tensor live: an interval, or a finite set of numbers.

    `None` is no bound. `strict_*` says whether the bound itself is excluded. `declared` is false
    where the page says nothing: then a failure outside a *natural* domain is no refutation.
    `excluded` are single points left out (x ≠ 0).
    """

    lower: Fraction | None = None
    upper: Fraction | None = None
    strict_lower: bool = False
    strict_upper: bool = False
    values: tuple[Fraction, ...] = ()
    integer: bool = False
    excluded: tuple[Fraction, ...] = ()
    declared: bool = False

    @property
    def positive(self) -> bool:
        if self.values:
            return min(self.values) > 0
        return self.lower is not None and (
            self.lower > 0 or (self.lower == 0 and self.strict_lower)
        )

    @property
    def nonnegative(self) -> bool:
        if self.values:
            return min(self.values) >= 0
        return self.lower is not None and self.lower >= 0

    @property
    def nonzero(self) -> bool:
        if self.values:
            return 0 not in self.values
        negative = self.upper is not None and (
            self.upper < 0 or (self.upper == 0 and self.strict_upper)
        )
        return self.positive or negative or 0 in self.excluded


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named array; `name` is the canonical LaTeX name (`\\hat{X}`, `W^{f}`, `x'`).

    `symmetric` lists pairs of axes that may be swapped. Two tensors of one page with one name
    (in sections of their own) differ in `scope`. `counted` is what the page counts each axis from,
    for printing only; empty where that is not known.
    """

    name: str
    extents: tuple[Affine, ...] = ()
    domain: Domain = Domain()
    symmetric: tuple[tuple[int, int], ...] = ()
    scope: str = ""
    counted: tuple[int, ...] = field(default=(), compare=False)

    def __hash__(self) -> int:
        # A page has few tensors of one name, and a domain is slow to hash.
        return hash((self.name, self.scope))

    @property
    def rank(self) -> int:
        return len(self.extents)

    def along(self, indices: Iterable[Index]) -> tuple[Index, ...]:
        """Indices, one for each axis, printed as the axes are counted."""
        if not self.counted:
            return tuple(indices)
        return tuple(
            replace(index, base=start) for index, start in zip(indices, self.counted, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Rational:
    value: Fraction


@dataclass(frozen=True, slots=True)
class Count:
    """An integer polynomial used as a number: `1/M` is `power(Count(M), -1)`."""

    value: Affine


@dataclass(frozen=True, slots=True)
class Entry:
    tensor: Tensor
    subscripts: tuple[Affine, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """1 where left = right, else 0."""

    left: Affine
    right: Affine


@dataclass(frozen=True, slots=True)
class Guard:
    """1 where value ≥ 0, else 0."""

    value: Affine


@dataclass(frozen=True, slots=True)
class Positive:
    """1 where the argument is > 0, else 0. Its kink is where the argument is 0."""

    argument: Expression


@dataclass(frozen=True, slots=True)
class Sum:
    index: Index
    body: Expression


@dataclass(frozen=True, slots=True)
class Product:
    index: Index
    body: Expression


@dataclass(frozen=True, slots=True)
class Maximum:
    """The largest body over all values of the indices at which `where` is 1 (not 0)."""

    indices: tuple[Index, ...]
    where: Expression
    body: Expression


@dataclass(frozen=True, slots=True)
class Add:
    terms: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Multiply:
    factors: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Power:
    """base^exponent over the reals: a non-integer exponent needs a base ≥ 0 (> 0 if negative)."""

    base: Expression
    exponent: Expression


@dataclass(frozen=True, slots=True)
class Function:
    """A scalar function by name; an abstract one (`h`) is only known to be smooth.

    `order` counts derivatives of an abstract function: h, h', h''.
    Known names: exp log tanh sigmoid softplus relu abs sign sin cos sinh cosh arctan erf
    (one argument), max min (two). floor is of extents, and of claims about them. sqrt is a power.
    """

    name: str
    abstract: bool = False
    order: int = 0


@dataclass(frozen=True, slots=True)
class Apply:
    function: Function
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Derivative:
    """The total derivative of `operand` with respect to the entry `variable`."""

    operand: Expression
    variable: Entry


Expression: TypeAlias = (
    Rational
    | Count
    | Entry
    | Delta
    | Guard
    | Positive
    | Sum
    | Product
    | Maximum
    | Add
    | Multiply
    | Power
    | Apply
    | Derivative
)

ZERO = Rational(Fraction(0))
ONE = Rational(Fraction(1))
MINUS_ONE = Rational(Fraction(-1))
