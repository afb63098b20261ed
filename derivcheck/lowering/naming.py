"""Names of a program: the page's symbols as identifiers, and names for values without a symbol."""

from __future__ import annotations

from collections.abc import Iterator

from derivcheck.lowering.array import (
    Arrange,
    Array,
    Call,
    Cast,
    Compare,
    Constant,
    Contract,
    Every,
    Fold,
    Lattice,
    Not,
    Raised,
    Ratio,
    Reduce,
    Reshape,
    Softmax,
    Stack,
    Take,
    Total,
    Unfold,
    Variable,
    Where,
)
from derivcheck.lowering.traversal import is_number, operands
from derivcheck.notation import identifier

_RESERVED = frozenset(
    {"np", "jnp", "jax", "lax", "math", "partial", "sliding_window_view", "erf", "dtype"}
    | {"forward", "pullback", "layer", "residuals", "cotangents", "gradient", "sigmoid"}
    | {"softmax", "log_softmax", "logsumexp", "unfold", "fold", "sliding", "grouped"}
    | {"where", "softplus", "convolution", "transposed_convolution", "kernel_cotangent"}
    | {"step", "starts", "inputs", "carry", "filled"}
)
"""What generated modules call things themselves."""

_SIDES = {">": "above", "<": "below"}
_SUFFIXES = {"sum": "sum", "mean": "mean", "prod": "product", "max": "max", "logsumexp": "lse"}


class Names:
    """Hands out identifiers, each once; the first that asks for a name gets the plain one."""

    def __init__(self) -> None:
        self._used = set(_RESERVED)
        self._symbols: dict[str, str] = {}

    def symbol(self, latex: str, suffix: str = "") -> str:
        """For a symbol of the page, by its canonical LaTeX name."""
        plain = identifier(latex)
        taken = plain in self._used and bool(suffix)
        return self.unique(f"{plain}{suffix}" if taken else plain)

    def unique(self, wanted: str) -> str:
        chosen, number = wanted, 2
        if wanted in _RESERVED:
            chosen = f"{wanted}_"
        while chosen in self._used:
            chosen, number = f"{wanted}_{number}", number + 1
        self._used.add(chosen)
        return chosen

    def value(self, array: Array) -> str:
        """For an intermediate value: what it is made of, and how."""
        name = "_".join(word for word in _words(array) if word)
        symbol = next(_variables(array), "value")
        symbol = self._symbols.get(symbol, symbol)
        if len(name) > 20 or not name:
            name = f"{symbol}_{_suffix(array)}"
        chosen = self.unique(name)
        self._symbols[chosen] = symbol
        return chosen

    def adopt(self, name: str, array: Array) -> None:
        """Takes note of a value that has been named elsewhere."""
        self._used.add(name)
        symbol = next(_variables(array), name)
        self._symbols[name] = self._symbols.get(symbol, symbol)


def _words(array: Array) -> Iterator[str]:
    match array:
        case Variable(_, name):
            yield name
        case Total(_, terms):
            for place, (sign, term) in enumerate(terms):
                if place or sign < 0:
                    yield "plus" if sign > 0 else "minus"
                yield from _words(term)
        case Ratio(_, _, above, below):
            for part in above:
                yield from _words(part)
            if below:
                yield "mean" if all(map(is_number, below)) else "over"
            for part in below:
                yield from _words(part)
        case Raised(_, operand, _) | Call(_, _, (operand, *_)):
            yield from _base(operand)
            yield _suffix(array)
        case Reduce(_, _, _, operand) | Softmax(_, _, _, operand) | Fold(_, operand, _):
            yield from _base(operand)
            yield _suffix(array)
        case Contract(_, left, right):
            yield from _words(left)
            yield from _words(right)
        case Unfold(_, source, _) | Take(_, source, _) | Reshape(_, source):
            yield from _base(source)
            yield _suffix(array)
        case Where(_, _, value, otherwise) if otherwise is not None and list(_words(otherwise)):
            yield from _words(value)
            yield "or"
            yield from _words(otherwise)
        case Where(_, _, value, _) | Cast(_, value) | Arrange(_, value):
            yield from _words(value)
            yield _suffix(array)
        case Compare(_, relation, left, right) if relation in _SIDES:
            if isinstance(right, Constant):
                yield from _base(left)
                zero = right.value == 0
                yield ("positive" if relation == ">" else "negative") if zero else _SIDES[relation]
            else:
                yield from _base(left)
                yield _SIDES[relation]
                yield from _base(right)
        case Compare() | Every() | Not():
            yield next(_variables(array), "")
            yield "mask"
        case Lattice(_, value):
            letters = [atom.name for atom in value.atoms() if atom.name.isidentifier()]
            yield "_".join(dict.fromkeys(letters))
            yield "index"
        case _:
            match array:
                case _ if not operands(array):
                    yield _number(array)
                case _:
                    yield "value"


def _base(array: Array) -> Iterator[str]:
    """The words of a function's argument: a compound one is called after its first variable."""
    if isinstance(array, Variable | Ratio):
        yield from _words(array)
    else:
        yield next(_variables(array), "value")


def _number(array: Array) -> str:
    value = getattr(array, "value", None)
    text = str(value) if value is not None else ""
    return {"1": "one", "2": "two"}.get(text, "")


def _suffix(array: Array) -> str:
    match array:
        case Reduce(_, operation, _, _):
            return _SUFFIXES[operation]
        case Softmax(_, _, logarithm, _):
            return "log_softmax" if logarithm else "softmax"
        case Call(_, function, _):
            return {"sqrt": "root"}.get(function, function)
        case Raised():
            return "power"
        case Unfold():
            return "windows"
        case Take():
            return "taken"
        case Fold():
            return "folded"
        case Stack():
            return "stack"
        case Reshape(axes, operand):
            return "split" if len(axes) > len(operand.axes) else "merged"
        case Where():
            return "masked"
        case Ratio() | Contract():
            return "product"
        case Total():
            return "total"
        case _:
            return "value"


def _variables(array: Array) -> Iterator[str]:
    stack = [array]
    while stack:
        node = stack.pop()
        if isinstance(node, Variable):
            yield node.name
        stack.extend(reversed(operands(node)))
