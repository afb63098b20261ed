"""Derivatives: of what, and with respect to which entry."""

from __future__ import annotations

from collections.abc import Sequence

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.matrices import implicit
from derivcheck.elaboration.open_losses import is_fed, left_open
from derivcheck.elaboration.scope import AbstractMeaning
from derivcheck.elaboration.side_reader import SideReader
from derivcheck.expression import Apply, Derivative, Entry, Expression, apply, tensors
from derivcheck.source import Span
from derivcheck.syntax import Node


def derivative(
    reader: SideReader,
    symbol: str,
    operand: Node,
    variables: Sequence[tuple[Node, int]],
    span: Span,
) -> Expression:
    if symbol == r"\nabla" and len(variables) != 1:
        raise unsupported(r"\nabla without a variable", span, r"write \nabla_x, or ∂/∂x")
    reader.has_derivative = True
    if reader.bare_rank(operand) and any(reader.bare_rank(node) for node, _ in variables):
        raise Fault(
            "rank-mismatch",
            "the derivative of an array by an array has the axes of both",
            span,
            "write the subscripts of both: ∂Y_{mn}/∂X_{ij}",
        )
    with reader.letters.in_variable():
        entries = [(differentiation_entry(reader, node), order) for node, order in variables]
    value = differentiated(reader, operand, entries[-1][0])
    if value is None:
        return _cotangent_of(reader, operand, entries, span)
    for entry, order in reversed(entries):
        for _ in range(order):
            value = Derivative(value, entry)
    return value


def differentiated(reader: SideReader, node: Node, variable: Entry) -> Expression | None:
    """What is differentiated; None for an open loss that nothing on the page leads to.

    A lone unknown symbol is the loss, and the bare name of a function is that function of the
    variable.
    """
    if isinstance(node, syntax.Symbol):
        function = reader.page.function(node.name, node.span)
        if isinstance(function, AbstractMeaning):
            reader.choices.pick(f"∂{node.name}/∂ is the derivative of {node.name} at the variable")
            return Apply(function.function, (variable,))
        if function is None and node.name == r"\sigma" and _is_function(reader, node):
            reader.choices.pick(r"∂σ/∂ is the derivative of the sigmoid at the variable")
            return apply("sigmoid", variable)
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
    inputs = {
        tensor
        for definition in reader.page.context.definitions.values()
        for tensor in tensors(definition.body)
    }
    for tensor in tensors(value):
        if (
            tensor != variable.tensor
            and tensor not in reader.page.context.definitions
            and tensor not in reader.page.inputs
            and tensor not in inputs
            and not tensor.scope.startswith("argument of")
        ):
            raise Fault(
                "no-definition",
                f"{tensor.name} may depend on {variable.tensor.name}, and nothing says how",
                span,
                f"define {tensor.name} before this line, or declare it as an input",
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
