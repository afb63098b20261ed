"""Named functions on their arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from derivcheck import syntax
from derivcheck.elaboration.fault import unsupported
from derivcheck.elaboration.matrices import TRACES, trace
from derivcheck.elaboration.names import label, nodes, subscript_items
from derivcheck.elaboration.naming import raised
from derivcheck.elaboration.scope import FunctionMeaning, PageMeaning, Scope, TensorMeaning
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import (
    Affine,
    Entry,
    Expression,
    Index,
    Sum,
    Tensor,
    apply,
    divide,
    fresh,
    rebuild,
    square_root,
    subtract,
)
from derivcheck.syntax import Node, Statement

FUNCTIONS = {
    "exp": "exp",
    "log": "log",
    "ln": "log",
    "tanh": "tanh",
    "sinh": "sinh",
    "cosh": "cosh",
    "sin": "sin",
    "cos": "cos",
    "arctan": "arctan",
    "erf": "erf",
    "relu": "relu",
    "sigmoid": "sigmoid",
    "softplus": "softplus",
    "sign": "sign",
    "sgn": "sign",
    "abs": "abs",
}
"""Scalar functions by the names that pages write, in lower case."""

_OF_MATRICES = frozenset({"exp", "log", "ln", "sin", "cos"})
"""What is also a function of square matrices, other than that of their entries."""

ROW_FUNCTIONS = frozenset({"softmax", "log_softmax", "logsoftmax", "log-softmax"})


def replace_entries(expression: Expression, tensor: Tensor, value: Expression) -> Expression:
    """The expression with a scalar tensor replaced by a value (no binder of `expression` is in
    it)."""
    if isinstance(expression, Entry) and expression.tensor == tensor:
        return value
    return rebuild(expression, lambda child: replace_entries(child, tensor, value))


def function_of(
    scope: Scope,
    name: str,
    argument: syntax.Symbol,
    right: Node,
    read: Callable[[Node], Expression],
) -> FunctionMeaning:
    """What `name(argument) = right` defines."""
    variable = scope.tensor(argument.name)
    if variable is not None and not variable.rank:
        return FunctionMeaning(variable, read(right))
    variable = Tensor(argument.name, (), scope=f"argument of {name}")
    outer = scope.lookup(argument.name)
    scope.add(argument.name, TensorMeaning(variable), argument.span)
    body = read(right)
    if outer is not None:
        scope.add(argument.name, outer.meaning, outer.span, defined=outer.defined)
    return FunctionMeaning(variable, body)


def stated_functions(statements: Sequence[Statement]) -> dict[str, tuple[syntax.Symbol, Node]]:
    """Argument and right side of each function that one statement alone says what it is."""
    found: dict[str, list[tuple[syntax.Symbol, Node]]] = {}
    for statement in statements:
        match statement.sides:
            case (
                syntax.Multiplication(
                    (syntax.Symbol(name), syntax.Group("(", _, syntax.Symbol() as argument)), ("",)
                ),
                right,
                *_,
            ) if statement.equates and not any(
                isinstance(node, syntax.Symbol) and node.name == name for node in nodes(right)
            ):
                found.setdefault(name, []).append((argument, right))
            case _:
                pass
    return {name: stated[0] for name, stated in found.items() if len(stated) == 1}


def call(reader: SideReader, node: syntax.Call) -> Expression:
    name = node.name.lower()
    known = reader.page.known(node.name, node.span)
    if known is not None and isinstance(known.meaning, PageMeaning):
        raise unsupported(
            f"{node.name}, which another page defines, inside a formula",
            node.span,
            f"give its result a name: A_{{ij}} = {node.name}(X)_{{ij}}",
        )
    if name in ROW_FUNCTIONS:
        return raised(reader, row_function(reader, name, node), node.superscript)
    if node.name in TRACES and known is None and len(node.arguments) == 1:
        return raised(reader, trace(reader, node.arguments[0]), node.superscript)
    if name in ("max", "min"):
        if node.subscript is not None or len(node.arguments) < 2:
            raise unsupported(f"{name} of one argument", node.span, rf"write \{name}_k x_k")
        value, *others = map(reader.value, node.arguments)
        for other in others:
            value = apply(name, value, other)
        return raised(reader, value, node.superscript)
    if name == "log" and len(node.arguments) == 1 and isinstance(node.subscript, syntax.Numeral):
        logarithm = apply("log", reader.value(node.arguments[0]))
        base = apply("log", reader.value(node.subscript))
        return raised(reader, divide(logarithm, base), node.superscript)
    meaning = reader.page.function(node.name, node.span)
    if len(node.arguments) != 1 or node.subscript is not None:
        raise unsupported(f"{node.name} with these arguments", node.span, "write its formula out")
    argument = reader.value(node.arguments[0])
    if isinstance(meaning, FunctionMeaning):
        value = replace_entries(meaning.body, meaning.variable, argument)
    elif name == "sqrt":
        value = square_root(argument)
    elif name in FUNCTIONS:
        value = apply(FUNCTIONS[name], argument)
        if name in _OF_MATRICES:
            reader.note_function(node.name, node.arguments[0])
    else:
        raise unsupported(f"the function {node.name}", node.span, "define it on the page first")
    if node.superscript is not None and label(node.superscript) == "-1":
        raise unsupported("an inverse function", node.span, "write 1/f(x), or the inverse's name")
    return raised(reader, value, node.superscript)


def row_function(reader: SideReader, name: str, node: syntax.Call) -> Expression:
    """softmax and log-softmax along the last axis of a whole array."""
    if len(node.arguments) != 1:
        raise unsupported(f"{name} of several arguments", node.span, "write its formula out")
    (argument,) = node.arguments

    def entries(last: Index | None = None) -> Expression:
        if node.subscript is None:
            value = reader.value(argument)
        else:
            value = reader.entries_of(argument, subscript_items(node.subscript, None))
        match value:
            case Entry(tensor, (*front, _)):
                return value if last is None else Entry(tensor, (*front, Affine.of(last)))
            case _:
                raise unsupported(
                    f"{name} of an expression", node.span, f"name the array: {name}(X)_{{sj}}"
                )

    entry = entries()
    assert isinstance(entry, Entry)
    bound = fresh(Index("k", entry.tensor.extents[-1]))
    normaliser = Sum(bound, apply("exp", entries(bound)))
    if name == "softmax":
        return divide(apply("exp", entry), normaliser)
    return subtract(entry, apply("log", normaliser))
