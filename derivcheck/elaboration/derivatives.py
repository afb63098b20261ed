"""Derivatives: of what, and with respect to which entry."""

from __future__ import annotations

from collections.abc import Sequence

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault, is_a_size, unsupported
from derivcheck.elaboration.matrices import Jacobian, implicit, jacobian, variable_of
from derivcheck.elaboration.names import is_transpose
from derivcheck.elaboration.open_losses import is_fed, left_open
from derivcheck.elaboration.scope import AbstractMeaning, FunctionMeaning, ParameterMeaning
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import (
    Apply,
    Derivative,
    Entry,
    Expression,
    Function,
    Tensor,
    apply,
    tensors,
)
from derivcheck.source import Span
from derivcheck.syntax import Node


def derivative(
    reader: SideReader,
    symbol: str,
    operand: Node,
    variables: Sequence[tuple[Node, int]],
    span: Span,
) -> Expression:
    if symbol.startswith(r"\nabla"):
        variables = variables or variable_of(reader, operand)
        if len(variables) != 1:
            raise unsupported(rf"{symbol} without a variable", span, rf"write {symbol}_x, or ∂/∂x")
    reader.has_derivative = True
    of = jacobian(reader, operand, variables)
    if of is not Jacobian.NONE or symbol == r"\nabla^2":
        return _in_two_axes(reader, symbol, operand, variables[0][0], of, span)
    if _whole(reader, operand) and any(reader.bare_rank(node) for node, _ in variables):
        raise Fault(
            "rank-mismatch",
            "the derivative of an array by an array has the axes of both",
            span,
            "write the subscripts of both: ∂Y_{mn}/∂X_{ij}",
        )
    order = sum(times for _, times in variables)
    if order > 1 and any(reader.bare_rank(node) for node, _ in variables):
        raise unsupported(
            "a second derivative by whole arrays", span, "write the subscripts of both variables"
        )
    with reader.letters.in_variable():
        entries = [(differentiation_entry(reader, node), order) for node, order in variables]
    value = differentiated(reader, operand, entries[-1][0])
    if value is None:
        return _cotangent_of(reader, operand, entries, span)
    _note_apart(reader, value, entries[-1][0].tensor)
    for entry, order in reversed(entries):
        for _ in range(order):
            value = Derivative(value, entry)
    return value


def _note_apart(reader: SideReader, value: Expression, variable: Tensor) -> None:
    """A derivative by what the page computes from the same inputs, but not on the way: 0 to the
    letter, though the page may mean to take the new name for the input."""
    context = reader.page.context
    if variable not in context.definitions:
        return
    of = set(tensors(value))
    if any(each == variable or context.depends(each, variable) for each in of):
        return
    below = context.foundations(*of)
    inputs = [base for base in context.foundations(variable) if base not in context.definitions]
    # Only what is computed from nothing else can stand for a part of what is differentiated.
    if inputs and below.issuperset(inputs):
        reader.choices.pick(f"nothing that is differentiated here depends on {variable.name}")


def _whole(reader: SideReader, operand: Node) -> bool:
    """Whether an array that is no vector stands alone as the operand."""
    return reader.bare_rank(operand) > 1


def _in_two_axes(
    reader: SideReader, symbol: str, operand: Node, variable: Node, of: Jacobian, span: Span
) -> Expression:
    """The Jacobian of a vector by a vector, or the Hessian of a number, at the equation's
    indices."""
    fresh = reader.implicit is None
    row, column = implicit(reader, 2, span)
    if of is Jacobian.TRANSPOSED and fresh:
        # The letters keep the axes that they have in the other layout.
        reader.implicit = column, row
    elif of is Jacobian.TRANSPOSED:
        row, column = column, row
    operand, variable = map(_upright, (operand, variable))
    with reader.letters.in_variable():
        entry = reader.entries_at(variable, (column,))
        other = reader.entries_at(variable, (row,)) if symbol == r"\nabla^2" else None
    if not isinstance(entry, Entry) or not isinstance(other, Entry | None):
        raise unsupported("a derivative with respect to this", variable.span, "name the vector")
    if other is None:
        value = reader.entries_at(operand, (row,))
        _defined(reader, value, entry, operand.span)
        return Derivative(value, entry)
    value = differentiated(reader, operand, entry)
    if value is None:
        raise unsupported("a second derivative of an open loss", span, "define the loss")
    return Derivative(Derivative(value, entry), other)


def _upright(node: Node) -> Node:
    r"""`x` of `x^\top`, as in ∂y/∂x^⊤."""
    match node:
        case syntax.Scripted(base, None, superscript, 0) if superscript and is_transpose(
            superscript
        ):
            return base
        case _:
            return node


def differentiated(reader: SideReader, node: Node, variable: Entry) -> Expression | None:
    """What is differentiated; None for an open loss that nothing on the page leads to.

    A lone unknown symbol is the loss, and the bare name of a function is that function of the
    variable.
    """
    if isinstance(node, syntax.Symbol):
        if isinstance(reader.page.meaning(node.name, node.span), ParameterMeaning):
            raise is_a_size(node.name, node.span)
        function = reader.page.function(node.name, node.span)
        if isinstance(function, AbstractMeaning):
            reader.choices.pick(f"∂{node.name}/∂ is the derivative of {node.name} at the variable")
            return Apply(function.function, (variable,))
        if function is None and node.name == r"\sigma" and _is_function(reader, node):
            reader.choices.pick(r"∂σ/∂ is the derivative of the sigmoid at the variable")
            known = apply("sigmoid", variable)
            abstract = Apply(Function(node.name, abstract=True), (variable,))
            return known if reader.page.descriptions.logistic else abstract
    if (
        isinstance(node, syntax.Symbol)
        and reader.page.meaning(node.name, node.span) is None
        and reader.page.scope.lookup(f"{node.name}^2") is None
    ):
        if node.name in "fgh":
            raise Fault(
                "no-definition",
                f"{node.name} has no formula and no argument here",
                node.span,
                f"write {node.name}(x), or define {node.name}",
            )
        loss = reader.page.new_tensor(node.name, (), node.span)
        reader.page.losses[loss] = None
    value = reader.value(node)
    match value:
        case Entry(loss, ()) if loss in reader.page.inputs and (
            loss != variable.tensor and loss.name in reader.page.only_differentiated
        ):
            reader.page.losses[loss] = None
        case _:
            pass
    if isinstance(value, Entry) and reader.page.is_open(value.tensor):
        if not reader.page.outputs and not is_fed(reader.page, value.tensor):
            return None
    else:
        _defined(reader, value, variable, node.span)
    return value


def _is_function(reader: SideReader, node: syntax.Symbol) -> bool:
    """Whether the page applies this symbol to arguments and says nothing else of it."""
    unsaid = all(reader.page.scope.lookup(name) is None for name in (node.name, f"{node.name}^2"))
    return unsaid and node.name in reader.page.applied


def _defined(reader: SideReader, value: Expression, variable: Entry, span: Span) -> None:
    """A symbol of which the page says nothing may depend on the variable in any way."""
    bodies = [definition.body for definition in reader.page.context.definitions.values()]
    # A function depends on its argument, and on nothing else.
    meanings = reader.page.scope.meanings()
    bodies += [meaning.body for meaning in meanings if isinstance(meaning, FunctionMeaning)]
    inputs = {tensor for body in bodies for tensor in tensors(body)}
    unsaid = reader.page.only_differentiated
    for tensor in tensors(value):
        if (
            tensor != variable.tensor
            and tensor not in reader.page.context.definitions
            and tensor not in inputs
            and (tensor not in reader.page.inputs or tensor.name in unsaid)
            and not tensor.scope.startswith("argument of")
        ):
            declare = "" if tensor in reader.page.inputs else ", or declare it as an input"
            raise Fault(
                "no-definition",
                f"{tensor.name} may depend on {variable.tensor.name}, and nothing says how",
                span,
                f"define {tensor.name} before this line{declare}",
            )


def _laid_out(reader: SideReader, node: Node) -> Expression:
    """The variable; of a derivative by a whole matrix, some write the transposed matrix."""
    if reader.bare_rank(node) != 2:
        return reader.value(node)
    note = "derivatives by a matrix are laid out transposed"
    if reader.choices.pick_once("layout", "", note) == 0:
        return reader.value(node)
    if reader.implicit is None:
        # The letters keep the axes that they have in the other layout.
        reader.implicit = implicit(reader, 2, node.span)[::-1]
    return reader.entries_at(node, reader.implicit[::-1])


def _cotangent_of(
    reader: SideReader, operand: Node, entries: Sequence[tuple[Entry, int]], span: Span
) -> Expression:
    """∂L/∂Y_{sj} where the page leaves both L and Y open: an array of its own."""
    ((entry, order),) = entries if len(entries) == 1 else ((entries[0][0], 2),)
    if order != 1:
        raise Fault(
            "no-definition",
            "a second derivative of a loss that the page leaves open",
            span,
            "define the loss",
        )
    loss = reader.value(operand)
    assert isinstance(loss, Entry)
    tensor = left_open(reader.page, loss.tensor, entry.tensor, span)
    return Entry(tensor, entry.subscripts)


def differentiation_entry(reader: SideReader, node: Node) -> Entry:
    value = _laid_out(reader, node)
    if not isinstance(value, Entry):
        raise unsupported(
            "a derivative with respect to this",
            node.span,
            "differentiate by an entry, ∂/∂X_{ij}",
        )
    return value
