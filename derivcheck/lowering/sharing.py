"""Values computed once: which subexpressions get a name, and the assignments that give it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from derivcheck.expression import Tensor
from derivcheck.lowering.array import (
    Arrange,
    Array,
    Axes,
    Call,
    Cast,
    Constant,
    Contract,
    Fold,
    Lattice,
    Not,
    Part,
    Raised,
    Ratio,
    Reduce,
    Size,
    Softmax,
    Unfold,
    Variable,
)
from derivcheck.lowering.building import constant, divide, oriented
from derivcheck.lowering.traversal import Key, is_number, key, operands, replace_operands, walk

_CHEAP_FUNCTIONS = frozenset(["abs", "sign", "relu", "max", "min"])


@dataclass(frozen=True)
class Assignment:
    """`name = value`, with the axes of the value.

    `tensor` and `formula` (one line of Unicode) where the page has the name and says so.
    """

    name: str
    value: Array
    tensor: Tensor | None = None
    formula: str = ""


def occurrences(roots: Iterable[Array]) -> Counter[Key]:
    """How often each value is needed, the parts of a repeated one counted once."""
    counts: Counter[Key] = Counter()

    def visit(array: Array) -> None:
        if isinstance(array, Not):
            visit(array.operand)
        if not _can_be_named(array):
            return
        found = key(array)
        counts[found] += 1
        if counts[found] == 1:
            for part in operands(array):
                visit(part)

    for root in roots:
        visit(root)
    return counts


def repeated(roots: Iterable[Array]) -> frozenset[Key]:
    return frozenset(k for k, count in occurrences(roots).items() if count > 1)


def is_expensive(array: Array) -> bool:
    """Whether the operation itself costs more than reading its result."""
    match array:
        case Call(_, function, _):
            return function not in _CHEAP_FUNCTIONS
        case Reduce() | Contract() | Softmax() | Fold():
            return True
        case Raised(_, _, Constant(_, exponent)):
            return exponent.denominator != 1
        case Raised():
            return True
        case _:
            return False


def maximal(
    roots: Iterable[Array], among: Collection[Key], wanted: Callable[[Array], bool]
) -> Iterable[Key]:
    """The keys `among` those given of the outermost wanted parts of the roots."""
    stack = list(roots)
    while stack:
        array = stack.pop()
        if _can_be_named(array) and is_expensive(array) and wanted(array):
            found = key(array)
            if found in among:
                yield found
                continue
        stack.extend(operands(array))


def scalings_merged(
    roots: Sequence[Assignment], later: Iterable[Assignment], kept: Collection[str]
) -> list[Assignment]:
    """The roots without those that only scale another array by numbers and are read once, as a
    factor of a product: their numbers join its own. `later` reads roots too; those `kept` stay.
    """
    reads = Counter(
        node.name
        for root in (*roots, *later)
        for node in walk(root.value)
        if isinstance(node, Variable)
    )
    found = list(roots)
    for root in roots:
        if root.name in kept or reads[root.name] != 1 or not _scales(root.value):
            continue
        others = [each for each in found if each.name != root.name]
        merged = [replace(each, value=_merged(each.value, root)) for each in others]
        if merged != others:
            found = merged
    return found


def _scales(value: Array) -> bool:
    """Whether the value is an array, as it stands, times and by numbers."""
    if not isinstance(value, Ratio):
        return False
    whole = [part for part in (*value.numerators, *value.denominators) if part.axes]
    match whole:
        case [Variable(axes, _) as array]:
            return axes == value.axes and array in value.numerators
        case _:
            return False


def _merged(array: Array, root: Assignment) -> Array:
    """The root's factors in place of it where it is a factor itself."""
    match array:
        case Ratio(axes, coefficient, numerators, denominators) if root.name in map(
            _name, numerators
        ):
            factors = [
                _over(part.axes, root.value) if _name(part) == root.name else part
                for part in numerators
            ]
            return divide(axes, [constant(coefficient), *factors], denominators)
        case _:
            return replace_operands(array, lambda part: _merged(part, root))


def _name(array: Array) -> str:
    return array.name if isinstance(array, Variable) else ""


def _over(axes: Axes, scaling: Array) -> Array:
    """The scaling of an array over other letters."""
    found = replace_operands(scaling, lambda part: replace(part, axes=axes) if part.axes else part)
    return replace(found, axes=axes)


@dataclass
class Emission:
    """Turns roots into assignments; values in `shared` become variables when first met.

    `known` maps the keys of values computed so far to their variables.
    """

    shared: Collection[Key]
    fresh: Callable[[Array], str]
    known: dict[Key, str] = field(default_factory=dict[Key, str])
    body: list[Assignment] = field(default_factory=list[Assignment])

    def emit(self, root: Assignment) -> None:
        """The root's own assignment, after those of the shared values in it."""
        found = key(root.value)
        if found in self.known:
            value: Array = Variable(root.value.axes, self.known[found])
        else:
            value = replace_operands(root.value, self._value)
        if isinstance(value, Arrange):
            value = oriented(value.operand, value.axes)
        self.body.append(replace(root, value=value))
        if _can_be_named(root.value):
            self.known.setdefault(found, root.name)

    def _value(self, array: Array) -> Array:
        if isinstance(array, Not):  # written where it is used, so that one mask serves both sides
            return replace_operands(array, self._value)
        if not _can_be_named(array):
            return array
        found = key(array)
        if found not in self.known:
            value = replace_operands(array, self._value)
            if found not in self.shared:
                return value
            name = self.fresh(value)
            self.body.append(Assignment(name, value))
            self.known[found] = name
        return Variable(array.axes, self.known[found])


def _can_be_named(array: Array) -> bool:
    if isinstance(array, Constant | Size | Variable | Lattice | Part | Unfold | Not):
        return False
    if isinstance(array, Arrange | Cast) and not is_expensive(operands(array)[0]):
        return _can_be_named(operands(array)[0]) and not is_number(operands(array)[0])
    return not is_number(array)
