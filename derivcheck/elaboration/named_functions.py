"""Readings in which a function that no equation defines is the one by whose name prose calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice, product

from derivcheck.derivation import Reading
from derivcheck.elaboration.described import Descriptions
from derivcheck.expression import (
    Affine,
    Apply,
    Context,
    Definition,
    Derivative,
    Entry,
    Expression,
    Hypothesis,
    Tensor,
    apply,
    free_indices,
    rebuild,
    tensors,
    walk,
)
from derivcheck.notation import unicode_name

_MOST = 4

_PHRASES = {
    "relu": "the rectifier",
    "tanh": "tanh",
    "exp": "the exponential function",
    "log": "the natural logarithm",
    "sin": "the sine",
    "cos": "the cosine",
    "sinh": "the hyperbolic sine",
    "cosh": "the hyperbolic cosine",
    "abs": "the absolute value",
    "erf": "the error function",
}


def unexplained(reading: Reading) -> tuple[str, ...]:
    """The abstract functions on which a reading rests, through definitions too."""
    context = reading.context
    reached = context.foundations(*tensors(reading.left), *tensors(reading.right))
    bodies = [d.body for tensor, d in context.definitions.items() if tensor in reached]
    return tuple(
        dict.fromkeys(
            node.function.name
            for expression in (reading.left, reading.right, *bodies)
            for node in walk(expression)
            if isinstance(node, Apply) and node.function.abstract
        )
    )


def named(reading: Reading, descriptions: Descriptions) -> Iterator[Reading]:
    """The reading with each function of which prose has names replaced by one of those."""
    options = {name: descriptions.of(name) for name in unexplained(reading)}
    options = {name: names for name, names in options.items() if names}
    if not options:
        return
    for chosen in islice(product(*options.values()), _MOST):
        yield _Replacing(reading, dict(zip(options, chosen, strict=True))).reading()


class _Replacing:
    def __init__(self, reading: Reading, functions: Mapping[str, str]) -> None:
        self.before = reading
        self.functions = functions
        self.arguments: list[Definition] = []
        self.numbers = count()

    def reading(self) -> Reading:
        said = (
            f"{unicode_name(name)} is {_PHRASES.get(function, f'the {function}')}"
            for name, function in self.functions.items()
        )
        left, right = self.of(self.before.left), self.of(self.before.right)
        context = self._context(self.before.context)
        for argument in self.arguments:
            context = context.define(argument)
        note = "; ".join(filter(None, (self.before.note, *said)))
        return replace(
            self.before, left=left, right=right, context=context, note=note, caution=True
        )

    def _context(self, context: Context) -> Context:
        return replace(
            context,
            definitions={
                tensor: replace(definition, body=self.of(definition.body))
                for tensor, definition in context.definitions.items()
            },
            hypotheses=tuple(
                Hypothesis(self.of(h.left), self.of(h.right), h.text) for h in context.hypotheses
            ),
        )

    def of(self, expression: Expression) -> Expression:
        match expression:
            case Apply(function, (argument,)) if (
                function.abstract and function.name in self.functions
            ):
                argument = self.of(argument)
                name, variable = self.functions[function.name], argument
                if function.order:
                    variable = self._variable(argument)
                value = variable if name == "identity" else apply(name, variable)
                for _ in range(function.order):
                    assert isinstance(variable, Entry)
                    value = Derivative(value, variable)
                return value
            case _:
                return rebuild(expression, self.of)

    def _variable(self, argument: Expression) -> Entry:
        """An entry that is the argument, so that one can differentiate by it."""
        if isinstance(argument, Entry):
            return argument
        indices = free_indices(argument)
        extents = tuple(index.extent for index in indices)
        tensor = Tensor("u", extents, scope=f"argument {next(self.numbers)}")
        self.arguments.append(Definition(tensor, indices, argument))
        return Entry(tensor, tuple(map(Affine.of, indices)))
