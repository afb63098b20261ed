"""Index expressions: small immutable trees with a value for every size.

Semantics, which every room that evaluates or rewrites must keep:

* every axis and every index counts from 0 inside the program; a page's own base is a matter of
  reading and printing;
* an `Entry` *zero-extends*: outside the axis its value is 0, and the definition of a defined tensor
  is not evaluated there;
* `Delta`, `Guard` and `Positive` are 0 or 1; a product in which one of them is 0 **is** 0, whatever
  the other factors are, defined or not;
* `Derivative` is total: through every definition between operand and variable.

Every binder (`Sum`, `Product`, `Maximum`) carries an `Index` of its own identity, made by `fresh`.
Trees are built through the constructor functions (`add`, `multiply`, `power`, …), which keep a node
tidy when it is made (no nested sums, no unit factors) and never move or merge what the author wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from itertools import count
from typing import TypeAlias

# --- integers: extents, statics and subscripts --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter:
    """A symbolic integer: an extent, a stride, a padding. `minimum` is 1 or 0."""

    name: str
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class Index:
    """An index letter and the extent it runs over: 0 ≤ index < extent.

    `serial` is 0 for the free indices of a claim, which are told apart by name and extent, and a
    fresh number for a binder; it gives identity, never an order. `base` (0 or 1) is what the page
    counts from, for printing only.
    """

    name: str
    extent: Affine
    serial: int = 0
    base: int = field(default=0, compare=False)


Atom: TypeAlias = Parameter | Index
Term: TypeAlias = tuple[Atom, ...]
"""A product of atoms, sorted by `atom_key`; the empty product is 1."""

_serials = count(1)


def fresh(index: Index, extent: Affine | None = None) -> Index:
    """A binder like `index` with an identity of its own."""
    return Index(index.name, index.extent if extent is None else extent, next(_serials), index.base)


def atom_key(atom: Atom) -> tuple[int, str, int]:
    """An order within one term; it depends on serials only between indices of one name."""
    if isinstance(atom, Parameter):
        return (0, atom.name, atom.minimum)
    return (1, atom.name, atom.serial)


@dataclass(frozen=True, slots=True)
class Affine:
    """An integer polynomial in parameters and indices, affine in the indices where it subscripts.

    `terms` maps products of atoms to non-zero integers and is sorted, so that equal polynomials
    are equal objects.
    """

    terms: tuple[tuple[Term, int], ...] = ()

    @staticmethod
    def of(value: AffineLike) -> Affine:
        if isinstance(value, Affine):
            return value
        if isinstance(value, int):
            return Affine((((), value),)) if value else Affine()
        return Affine((((value,), 1),))

    @staticmethod
    def collect(terms: Iterable[tuple[Term, int]]) -> Affine:
        """The polynomial with these terms, like ones merged."""
        total: dict[Term, int] = {}
        for term, coefficient in terms:
            total[term] = total.get(term, 0) + coefficient
        kept = [(term, c) for term, c in total.items() if c]
        kept.sort(key=lambda item: (len(item[0]), tuple(map(atom_key, item[0]))))
        return Affine(tuple(kept))

    def __add__(self, other: AffineLike) -> Affine:
        return Affine.collect((*self.terms, *Affine.of(other).terms))

    def __neg__(self) -> Affine:
        return Affine(tuple((term, -c) for term, c in self.terms))

    def __sub__(self, other: AffineLike) -> Affine:
        return self + -Affine.of(other)

    def __mul__(self, other: AffineLike) -> Affine:
        return Affine.collect(
            (tuple(sorted(a + b, key=atom_key)), c * d)
            for a, c in self.terms
            for b, d in Affine.of(other).terms
        )

    @property
    def constant(self) -> int | None:
        """The value, if it depends on nothing."""
        if not self.terms:
            return 0
        (term, coefficient), *rest = self.terms
        return coefficient if not term and not rest else None

    @property
    def atom(self) -> Atom | None:
        """The atom, if the polynomial is one with coefficient 1."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and len(self.terms[0][0]) == 1:
            return self.terms[0][0][0]
        return None

    @property
    def index(self) -> Index | None:
        """The index, if the polynomial is a bare one."""
        atom = self.atom
        return atom if isinstance(atom, Index) else None

    def atoms(self) -> Iterator[Atom]:
        """Every atom that occurs, with repetitions, not looking into extents."""
        for term, _ in self.terms:
            yield from term

    def indices(self) -> Iterator[Index]:
        return (atom for atom in self.atoms() if isinstance(atom, Index))

    def coefficient(self, atom: Atom) -> Affine:
        """The cofactor of the first power of `atom`, as a polynomial in the other atoms."""
        return Affine.collect(
            (_without(term, atom), c) for term, c in self.terms if term.count(atom) == 1
        )

    def substitute(self, values: Mapping[Atom, Affine]) -> Affine:
        if not any(atom in values for atom in self.atoms()):
            return self
        total = Affine()
        for term, coefficient in self.terms:
            product = Affine.of(coefficient)
            for atom in term:
                product = product * values.get(atom, Affine.of(atom))
            total = total + product
        return total

    def evaluate(self, values: Mapping[Atom, int]) -> int:
        """The integer at a point; a `KeyError` names an atom without a value."""
        total = 0
        for term, coefficient in self.terms:
            for atom in term:
                coefficient *= values[atom]
            total += coefficient
        return total


AffineLike: TypeAlias = "Affine | Parameter | Index | int"


def _without(term: Term, atom: Atom) -> Term:
    position = term.index(atom)
    return term[:position] + term[position + 1 :]


# --- tensors ------------------------------------------------------------------------------------


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
        return self.lower is not None and (self.lower > 0 or (self.lower == 0 and self.strict_lower))

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
    (in sections of their own) differ in `scope`.
    """

    name: str
    extents: tuple[Affine, ...] = ()
    domain: Domain = Domain()
    symmetric: tuple[tuple[int, int], ...] = ()
    scope: str = ""

    @property
    def rank(self) -> int:
        return len(self.extents)


# --- expressions --------------------------------------------------------------------------------


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
    (one argument), max min (two). floor occurs in extents only. sqrt is a power.
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


# --- constructors -------------------------------------------------------------------------------


def rational(value: Fraction | int) -> Rational:
    return Rational(Fraction(value))


def number(value: AffineLike) -> Expression:
    """An integer polynomial as a number; a constant becomes a `Rational`."""
    affine = Affine.of(value)
    constant = affine.constant
    return Count(affine) if constant is None else rational(constant)


def add(*terms: Expression) -> Expression:
    """The sum, nested sums flattened and zeros left out."""
    flat: list[Expression] = []
    for term in terms:
        flat.extend(term.terms if isinstance(term, Add) else (term,))
    flat = [term for term in flat if term != ZERO]
    if not flat:
        return ZERO
    return flat[0] if len(flat) == 1 else Add(tuple(flat))


def multiply(*factors: Expression) -> Expression:
    """The product, nested products flattened, ones left out; a zero factor makes it 0."""
    flat: list[Expression] = []
    for factor in factors:
        flat.extend(factor.factors if isinstance(factor, Multiply) else (factor,))
    flat = [factor for factor in flat if factor != ONE]
    if ZERO in flat:
        return ZERO
    if not flat:
        return ONE
    return flat[0] if len(flat) == 1 else Multiply(tuple(flat))


def negate(expression: Expression) -> Expression:
    if isinstance(expression, Rational):
        return Rational(-expression.value)
    return multiply(MINUS_ONE, expression)


def subtract(left: Expression, right: Expression) -> Expression:
    return add(left, negate(right))


def power(base: Expression, exponent: Expression | Fraction | int) -> Expression:
    if isinstance(exponent, int | Fraction):
        exponent = rational(exponent)
    if exponent == ONE:
        return base
    return Power(base, exponent)


def divide(numerator: Expression, denominator: Expression) -> Expression:
    return multiply(numerator, power(denominator, -1))


def square_root(radicand: Expression) -> Expression:
    return Power(radicand, Rational(Fraction(1, 2)))


def delta(left: AffineLike, right: AffineLike) -> Expression:
    """A Kronecker delta; δ(i, i) is 1 and δ of two different constants is 0."""
    left, right = Affine.of(left), Affine.of(right)
    difference = (left - right).constant
    if difference is None:
        return Delta(left, right)
    return ZERO if difference else ONE


def guard(value: AffineLike) -> Expression:
    value = Affine.of(value)
    constant = value.constant
    if constant is None:
        return Guard(value)
    return ONE if constant >= 0 else ZERO


def within(value: AffineLike, extent: AffineLike) -> Expression:
    """1 where 0 ≤ value < extent."""
    value = Affine.of(value)
    return multiply(guard(value), guard(Affine.of(extent) - value - 1))


def negation(condition: Expression) -> Expression:
    """1 − condition, for a condition that is 0 or 1."""
    return subtract(ONE, condition)


def apply(name: str | Function, *arguments: Expression) -> Expression:
    function = Function(name) if isinstance(name, str) else name
    return Apply(function, arguments)


def total(indices: Iterable[Index], body: Expression) -> Expression:
    """Σ over all the indices, the first outermost."""
    for index in reversed(tuple(indices)):
        body = Sum(index, body)
    return body


# --- traversal ----------------------------------------------------------------------------------


def children(expression: Expression) -> tuple[Expression, ...]:
    match expression:
        case Add(terms):
            return terms
        case Multiply(factors):
            return factors
        case Power(base, exponent):
            return (base, exponent)
        case Sum(_, body) | Product(_, body):
            return (body,)
        case Maximum(_, where, body):
            return (where, body)
        case Apply(_, arguments):
            return arguments
        case Positive(argument):
            return (argument,)
        case Derivative(operand, variable):
            return (operand, variable)
        case _:
            return ()


def walk(expression: Expression) -> Iterator[Expression]:
    """Every node, parents first, without recursion."""
    stack = [expression]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def affines(expression: Expression) -> tuple[Affine, ...]:
    """The integer polynomials that stand directly in this node (not in its children)."""
    match expression:
        case Entry(_, subscripts):
            return subscripts
        case Delta(left, right):
            return (left, right)
        case Guard(value) | Count(value):
            return (value,)
        case _:
            return ()


def binders(expression: Expression) -> tuple[Index, ...]:
    """The indices that this node itself binds."""
    match expression:
        case Sum(index, _) | Product(index, _):
            return (index,)
        case Maximum(indices, _, _):
            return indices
        case _:
            return ()


def rebuild(
    expression: Expression,
    child: Callable[[Expression], Expression],
    affine: Callable[[Affine], Affine] = lambda value: value,
) -> Expression:
    """The same node over mapped children and mapped integer polynomials; binders stay."""
    match expression:
        case Add(terms):
            return add(*map(child, terms))
        case Multiply(factors):
            return multiply(*map(child, factors))
        case Power(base, exponent):
            return power(child(base), child(exponent))
        case Sum(index, body):
            return Sum(index, child(body))
        case Product(index, body):
            return Product(index, child(body))
        case Maximum(indices, where, body):
            return Maximum(indices, child(where), child(body))
        case Apply(function, arguments):
            return Apply(function, tuple(map(child, arguments)))
        case Positive(argument):
            return Positive(child(argument))
        case Derivative(operand, variable):
            mapped = rebuild(variable, child, affine)
            assert isinstance(mapped, Entry)
            return Derivative(child(operand), mapped)
        case Entry(tensor, subscripts):
            return Entry(tensor, tuple(map(affine, subscripts)))
        case Delta(left, right):
            return delta(affine(left), affine(right))
        case Guard(value):
            return guard(affine(value))
        case Count(value):
            return number(affine(value))
        case Rational():
            return expression


def substitute(expression: Expression, values: Mapping[Index, Affine]) -> Expression:
    """Replace free indices; every binder on the way gets a fresh identity, so nothing is captured."""
    if not values:
        return expression
    bound = binders(expression)
    if bound:
        renamed = {index: fresh(index, index.extent.substitute(dict(values))) for index in bound}
        values = {**values, **{old: Affine.of(new) for old, new in renamed.items()}}
        expression = _with_binders(expression, renamed)
    return rebuild(
        expression,
        lambda child: substitute(child, values),
        lambda affine: affine.substitute(dict(values)),
    )


def _with_binders(expression: Expression, renamed: Mapping[Index, Index]) -> Expression:
    match expression:
        case Sum(index, body):
            return Sum(renamed[index], body)
        case Product(index, body):
            return Product(renamed[index], body)
        case Maximum(indices, where, body):
            return Maximum(tuple(renamed[index] for index in indices), where, body)
        case _:
            return expression


def free_indices(expression: Expression) -> tuple[Index, ...]:
    """The free indices, each once, in the order of their first occurrence."""
    found: dict[Index, None] = {}
    _collect_free(expression, frozenset(), found)
    return tuple(found)


def _collect_free(expression: Expression, bound: frozenset[Index], found: dict[Index, None]) -> None:
    for affine in affines(expression):
        for index in affine.indices():
            if index not in bound:
                found.setdefault(index)
    for index in binders(expression):
        for atom in index.extent.indices():
            if atom not in bound:
                found.setdefault(atom)
    bound = bound | frozenset(binders(expression))
    for part in children(expression):
        _collect_free(part, bound, found)


def tensors(expression: Expression) -> tuple[Tensor, ...]:
    """The tensors that occur, each once, in the order of their first occurrence."""
    return tuple(dict.fromkeys(n.tensor for n in walk(expression) if isinstance(n, Entry)))


def parameters(expression: Expression) -> tuple[Parameter, ...]:
    """The symbolic integers on which the value depends: subscripts, binders' and tensors' extents."""
    found: dict[Parameter, None] = {}
    for node in walk(expression):
        sizes = [*affines(node), *(index.extent for index in binders(node))]
        if isinstance(node, Entry):
            sizes.extend(node.tensor.extents)
        for size in sizes:
            for atom in size.atoms():
                if isinstance(atom, Parameter):
                    found.setdefault(atom)
                else:
                    found.update(dict.fromkeys(_extent_parameters(atom.extent)))
    return tuple(found)


@cache
def _extent_parameters(extent: Affine) -> tuple[Parameter, ...]:
    return tuple(dict.fromkeys(a for a in extent.atoms() if isinstance(a, Parameter)))


# --- definitions and what is known --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Definition:
    """`tensor[indices] = body`, one index for every axis, in the order of the axes."""

    tensor: Tensor
    indices: tuple[Index, ...]
    body: Expression

    def at(self, subscripts: tuple[Affine, ...]) -> Expression:
        """The body at these subscripts, its binders fresh; zero extension is the caller's."""
        return substitute(self.body, dict(zip(self.indices, subscripts, strict=True)))


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """`left = right` for all values of its free indices; declared, never proved."""

    left: Expression
    right: Expression
    text: str


@dataclass(frozen=True)
class Context:
    """What a link may rest on: the definitions and hypotheses that are in scope."""

    definitions: Mapping[Tensor, Definition] = field(default_factory=dict[Tensor, Definition])
    hypotheses: tuple[Hypothesis, ...] = ()

    def define(self, definition: Definition) -> Context:
        return replace(self, definitions={**self.definitions, definition.tensor: definition})

    def unfold(self, entry: Entry) -> Expression | None:
        """The definition of a defined tensor at these subscripts, guarded where they may leave it."""
        definition = self.definitions.get(entry.tensor)
        if definition is None:
            return None
        guards = [
            within(subscript, extent)
            for subscript, extent in zip(entry.subscripts, entry.tensor.extents, strict=True)
            if (index := subscript.index) is None or index.extent != extent
        ]
        return multiply(*guards, definition.at(entry.subscripts))

    def depends(self, tensor: Tensor, on: Tensor) -> bool:
        """Whether `tensor` is `on` or is defined through it."""
        seen: set[Tensor] = set()
        stack = [tensor]
        while stack:
            current = stack.pop()
            if current == on:
                return True
            if current not in seen:
                seen.add(current)
                definition = self.definitions.get(current)
                stack.extend(tensors(definition.body) if definition else ())
        return False
