"""Named functions on their arguments."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import TypeGuard

from derivcheck import syntax
from derivcheck.elaboration.described import with_a_dot
from derivcheck.elaboration.fault import Fault, unread, unsupported
from derivcheck.elaboration.matrices import TRACES, trace
from derivcheck.elaboration.names import declared_name, label, nodes, subscript_items
from derivcheck.elaboration.naming import raised
from derivcheck.elaboration.scope import (
    AbstractMeaning,
    FunctionMeaning,
    PageMeaning,
    Scope,
    TensorMeaning,
)
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.elaboration.state import PageState
from derivcheck.expression import (
    Affine,
    Derivative,
    Entry,
    Expression,
    Index,
    Sum,
    Tensor,
    apply,
    divide,
    free_indices,
    fresh,
    rebuild,
    square_root,
    substitute,
    subtract,
    tensors,
)
from derivcheck.source import Source, Span
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
    argument: Node,
    right: Node,
    read: Callable[[Node], Expression],
) -> FunctionMeaning:
    """What `name(argument) = right` defines; raises `Fault`, also where that is no formula in the
    argument alone."""
    if any(declared_name(node) == name for node in nodes(right)):
        raise unread(name, right.span, "write what it is, not in terms of itself")
    if not isinstance(argument, syntax.Symbol):
        place, body = read(argument), read(right)
        variable = Tensor("x", (), scope=f"argument of {name}")
        if isinstance(place, Entry):
            body = replace_places(body, place, Entry(variable))
        if not isinstance(place, Entry) or free_indices(body) or place.tensor in tensors(body):
            text = f"{name} of something else than {label(argument)}"
            raise unsupported(text, right.span, f"give it a subscript, or write {name}(x)")
        return FunctionMeaning(variable, body)
    variable = scope.tensor(argument.name)
    if variable is not None and not variable.rank:
        return FunctionMeaning(variable, read(right))
    variable = Tensor(argument.name, (), scope=f"argument of {name}")
    with scope.meaning(argument.name, TensorMeaning(variable), argument.span):
        body = read(right)
    return FunctionMeaning(variable, body)


def replace_places(expression: Expression, place: Entry, value: Expression) -> Expression:
    """The expression with one entry of an array replaced by a value."""
    if expression == place:
        return value
    return rebuild(expression, lambda child: replace_places(child, place, value))


def stated_functions(
    statements: Sequence[Statement], running: Collection[str], source: Source
) -> tuple[dict[str, tuple[syntax.Symbol, Node]], dict[str, Span]]:
    r"""Argument and right side of each function of a number, by the first statement that says what
    it is; and where the page says what others are, at an entry `f(x_i)` or as `f(\cdot)`.

    A subscript belongs to a function's name, `f_c(x) = c + x`, if it is one of nothing else.
    """
    found: dict[str, tuple[syntax.Symbol, Node]] = {}
    others: dict[str, Span] = {}
    for statement in statements:
        if statement.equates:
            for name in with_a_dot(statement, source):
                others.setdefault(name, statement.span)
        match statement.sides:
            case (syntax.Multiplication((head, syntax.Group("(", _, argument)), ("",)), right, *_):
                name = _function_name(head, right, running)
            case _:
                continue
        if name is None or not statement.equates:
            continue
        inside = [declared_name(node) for node in nodes(right)]
        if isinstance(argument, syntax.Symbol):
            if name not in inside:
                found.setdefault(name, (argument, right))
        elif is_at_entry(name, argument, right):
            others.setdefault(name, statement.span)
    return found, {name: span for name, span in others.items() if name not in found}


def _function_name(head: Node, right: Node, running: Collection[str]) -> str | None:
    match head:
        case syntax.Symbol(name):
            return name
        case syntax.Scripted(syntax.Symbol(), subscript, superscript, 0) if (
            superscript is None or isinstance(superscript, syntax.Group)
        ):
            parts = nodes(subscript) if subscript is not None else ()
            letters = {p.name for p in parts if isinstance(p, syntax.Symbol) and not p.word}
            under = (n.subscript for n in nodes(right) if isinstance(n, syntax.Scripted))
            used = {p.name for s in under if s for p in nodes(s) if isinstance(p, syntax.Symbol)}
            return declared_name(head) if letters.isdisjoint({*used, *running}) else None
        case _:
            return None


def labels_alone(statements: Sequence[Statement], functions: Collection[str]) -> set[str]:
    """The letters that are part of functions' names, and stand under nothing else."""
    labels: set[str] = set()
    others: set[str] = set()
    for node in (n for s in statements for side in s.sides for n in nodes(side)):
        if isinstance(node, syntax.Scripted) and node.subscript is not None:
            part_of_name = declared_name(replace(node, primes=0)) in functions
            under = nodes(node.subscript)
            letters = {part.name for part in under if isinstance(part, syntax.Symbol)}
            (labels if part_of_name else others).update(letters)
    return labels - others


def is_at_entry(name: str, argument: Node, right: Node) -> bool:
    r"""Whether `f(x_i) = 3 x_i` says what f is: in terms of the entry, and not of itself."""
    if not isinstance(argument, syntax.Scripted) or argument.subscript is None:
        return False
    if name == r"\sigma" or name.lower() in FUNCTIONS:
        return False
    inside = {declared_name(node) for node in nodes(right)}
    return name not in inside and declared_name(argument) in inside


def known_function(
    reader: SideReader, name: str, span: Span
) -> FunctionMeaning | AbstractMeaning | None:
    """The function of this name, though a later line says what it is; None for a new one.

    Raises `Fault` where the page says what it is, but not so that it could be read.
    """
    page = reader.page
    function, stated = page.function(name, span), page.functions.get(name)
    if stated is not None and not isinstance(function, FunctionMeaning):
        between = sorted((span.start, stated[1].span.start))
        if any(between[0] < heading < between[1] for heading in page.headings):
            # What it is in another section it may be here, or not.
            said = f"{name} is what line {page.source.position(stated[1].span.start).line} says"
            if reader.choices.pick_once(f"function {name}", "", said) == 0:
                return function
            function = None
    if function is not None:
        return function
    if stated is not None:
        before = page.scope.snapshot()
        try:
            return function_of(page.scope, name, *stated, reader.value)
        except Fault:
            raise unread(name, span, _line(page, stated[1].span)) from None
        finally:
            page.scope.restore(before)
    if there := page.introduced.get(name):
        raise unread(name, span, _line(page, there))
    return None


def _line(page: PageState, span: Span) -> str:
    return f"see line {page.source.position(span.start).line}"


def at_arguments(reader: SideReader, name: syntax.Symbol, arguments: Node) -> Expression:
    """What the page defines as `h(x)`, at other arguments: all that it comes from, with these in
    the place of x."""
    page, context = reader.page, reader.page.context
    variables, places = items_of(page.arguments[name.name]), items_of(arguments)
    elsewhere = unsupported(f"{name.name} at other arguments", name.span, "write its formula out")
    if len(variables) != len(places):
        raise elsewhere
    given: dict[Tensor, tuple[tuple[Index, ...], Expression]] = {}
    for variable, node in zip(variables, places, strict=True):
        tensor = page.scope.tensor(label(variable))
        if tensor is None:
            raise elsewhere
        indices = tuple(fresh(Index("i", extent)) for extent in tensor.extents)
        given[tensor] = indices, reader.entries_at(node, indices)

    def placed(expression: Expression) -> Expression:
        match expression:
            case Entry(tensor, subscripts) if tensor in given:
                indices, value = given[tensor]
                return substitute(value, dict(zip(indices, subscripts, strict=True)))
            case Entry(tensor) if any(context.depends(tensor, each) for each in given):
                if (unfolded := context.unfold(expression)) is None:
                    raise elsewhere  # another page's function is not known in its parts
                return placed(unfolded)
            case Derivative() if not given.keys().isdisjoint(tensors(expression)):
                raise unsupported("a derivative at other arguments", name.span, "give it a name")
            case _:
                return rebuild(expression, placed)

    return placed(reader.value(name))


def check_applied(
    reader: SideReader, factors: Sequence[Node], operators: Sequence[str], position: int
) -> None:
    """Raise for what is no product though it looks like one: `f \\circ g` of functions, and
    `f_\\theta(x)` where nothing says what that is."""
    node = factors[position]
    if position and operators[position - 1] == r"\circ":
        named = [each.name for each in (factors[position - 1], node) if _is_symbol(each)]
        if any(reader.page.function(name, node.span) for name in named):
            raise unsupported("a composition of functions", node.span, "write f(g(x))")
    applied = position + 1 < len(factors) and operators[position] == ""
    if applied and isinstance(factors[position + 1], syntax.Group):
        match node:
            case syntax.Scripted(syntax.Symbol(base), syntax.Symbol() as of, None) if (
                base in "fghpq"
                and (of.word or of.name.startswith("\\"))
                and reader.page.scope.lookup(declared_name(node) or "") is None
                and reader.page.scope.lookup(base) is None
            ):
                raise unsupported(f"{label(node)} at an argument", node.span, "say what it is")
            case _:
                pass


def _is_symbol(node: Node) -> TypeGuard[syntax.Symbol]:
    return isinstance(node, syntax.Symbol)


def items_of(arguments: Node) -> tuple[Node, ...]:
    return arguments.items if isinstance(arguments, syntax.Sequence) else (arguments,)


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
