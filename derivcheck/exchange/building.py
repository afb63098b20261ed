"""A `Derivation` from SymPy objects, without a page."""

# SymPy ships no types for most of what is read here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sympy
from sympy.tensor.indexed import Idx

from derivcheck.derivation import ClosedForm, Derivation, Item, Kind, Link, Reading
from derivcheck.exchange.importing import Importer
from derivcheck.exchange.vocabulary import ExchangeError, Vocabulary
from derivcheck.expression import (
    Affine,
    Context,
    Definition,
    Derivative,
    Entry,
    Expression,
    Hypothesis,
    Index,
    Parameter,
    Tensor,
    add,
    free_indices,
    fresh,
    multiply,
    tensors,
    total,
)
from derivcheck.notation import latex, text
from derivcheck.source import Source, Span

LOSS = Tensor("L", scope="loss")
"""In a scope of its own, so that a tensor of the user's may be called L."""


def derivation_from_sympy(
    name: str,
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    definitions: Sequence[Any],
    gradients: Mapping[Any, Any],
    *,
    cotangents: Mapping[Any, Any] | None = None,
    hypotheses: Sequence[Any] = (),
    statics: Sequence[Any] = (),
    title: str = "",
    base: int | None = None,
) -> Derivation:
    r"""The derivation with this forward pass, and a claim for every stated gradient.

    `inputs` and `outputs` are `IndexedBase`s with a shape, or `Symbol`s for scalars; assumptions
    (`positive=True`) declare their domains. `definitions` are `Eq(Y[s, j], …)` in the order of the
    forward pass, with bare distinct indices on the left. `gradients` maps an entry `X[s, j]` to the
    right side of ∂L/∂X_sj, where the loss L := Σ Ȳ·Y is left open and `cotangents` maps each output
    to the `IndexedBase` that stands for Ȳ (by default its name with `_bar`). `hypotheses` are `Eq`s
    that may be used and are not judged; `statics` are the integer symbols that no input's shape
    determines. Spans point into the text of `source_of(derivation)`.

    Raises `ExchangeError` for what has no counterpart in the index language.

    A linear layer without bias, and its gradient with respect to the weights:

    >>> from sympy import Eq, IndexedBase, Sum, symbols
    >>> S, N, M = symbols("S N M", integer=True, positive=True)
    >>> s, i, j = symbols("s i j", integer=True)
    >>> X, W = IndexedBase("X", shape=(S, N)), IndexedBase("W", shape=(N, M))
    >>> Y, Y_bar = IndexedBase("Y", shape=(S, M)), IndexedBase("Y_bar", shape=(S, M))
    >>> linear = derivation_from_sympy(
    ...     "linear",
    ...     inputs=[X, W],
    ...     outputs=[Y],
    ...     definitions=[Eq(Y[s, j], Sum(X[s, i] * W[i, j], (i, 0, N - 1)))],
    ...     gradients={
    ...         X[s, i]: Sum(Y_bar[s, j] * W[i, j], (j, 0, M - 1)),
    ...         W[i, j]: Sum(X[s, i] * Y_bar[s, j], (s, 0, S - 1)),
    ...     },
    ... )
    >>> [tensor.name for tensor in linear.gradients]
    ['X', 'W']
    >>> print(source_of(linear).text)
    Y_{sj} = \sum_{i} W_{ij} X_{si}
    \frac{\partial L}{\partial X_{si}} = \sum_{j} W_{ij} \bar{Y}_{sj}
    \frac{\partial L}{\partial W_{ij}} = \sum_{s} X_{si} \bar{Y}_{sj}
    """
    builder = _Builder(base)
    for statement in (*definitions, *hypotheses):
        if not isinstance(statement, sympy.Eq):
            raise ExchangeError(f"an equation Eq(left, right) was needed, not {statement}")
    given = [builder.tensor(symbol) for symbol in inputs]
    results = [builder.tensor(symbol) for symbol in outputs]
    paired = builder.cotangents(outputs, cotangents or {})
    for equation in definitions:
        builder.define(equation.lhs, equation.rhs)
    for equation in hypotheses:
        builder.assume(equation.lhs, equation.rhs)
    builder.leave_loss_open(paired)
    forms = builder.claims(gradients)
    unread = [t for t in results if t not in builder.context.definitions]
    if unread:
        raise ExchangeError(f"the output {unread[0].name} has no definition")
    used = [
        t
        for d in builder.context.definitions.values()
        for t in tensors(d.body)
        if t not in builder.context.definitions and t not in paired.values()
    ]
    return Derivation(
        name=name,
        title=title or name,
        summary="",
        inputs=tuple(dict.fromkeys((*given, *used))),
        outputs=tuple(results),
        cotangents=paired,
        context=builder.context,
        statics=tuple(builder.parameter(symbol) for symbol in statics),
        gradients=forms,
        items=tuple(builder.items),
    )


def source_of(derivation: Derivation) -> Source:
    """The text that the spans of a derivation built from SymPy point into: one equation a line."""
    lines = [
        _line(item, derivation.context, position) for position, item in enumerate(derivation.items)
    ]
    return Source(f"<sympy {derivation.name}>", "\n".join(lines))


def _line(item: Item, context: Context, position: int) -> str:
    if item.link is not None:
        reading = item.link.readings[0]
        return f"{latex(reading.left, reading.indices)} = {item.latex}"
    definition = tuple(context.definitions.values())[position]
    return f"{latex(_left(definition))} = {item.latex}"


def _left(definition: Definition) -> Entry:
    return Entry(definition.tensor, tuple(map(Affine.of, definition.indices)))


class _Builder:
    """The names, the context and the items of one derivation while it is built."""

    def __init__(self, base: int | None) -> None:
        self.vocabulary = Vocabulary(base=base)
        self.importer = Importer(self.vocabulary)
        self.context = Context()
        self.items: list[Item] = []
        self.offset = 0

    def tensor(self, symbol: Any) -> Tensor:
        if isinstance(symbol, sympy.IndexedBase):
            return self.vocabulary.tensor(symbol)
        return self.vocabulary.scalar(symbol)

    def parameter(self, symbol: Any) -> Parameter:
        name = str(symbol)
        if name not in self.vocabulary.parameters:
            raise ExchangeError(f"the static {name} is used nowhere")
        return self.vocabulary.parameters[name]

    def cotangents(self, outputs: Iterable[Any], named: Mapping[Any, Any]) -> dict[Tensor, Tensor]:
        found: dict[Tensor, Tensor] = {}
        for output in outputs:
            tensor = self.tensor(output)
            symbol = named.get(output)
            if symbol is None:
                label = f"{output}_bar"
                symbol = (
                    sympy.IndexedBase(label, shape=output.shape)
                    if tensor.extents
                    else sympy.Symbol(label)
                )
            found[tensor] = self.tensor(symbol)
            if found[tensor].extents != tensor.extents:
                raise ExchangeError(f"{output} and its cotangent {symbol} differ in shape")
        return found

    def define(self, left: Any, right: Any) -> None:
        indices, entry, body = self._sides(left, right)
        if len(set(indices)) != entry.tensor.rank:
            raise ExchangeError(f"the left side of a definition has bare distinct indices: {left}")
        if entry.tensor in self.context.definitions:
            raise ExchangeError(f"{left} is defined twice")
        definition = Definition(entry.tensor, indices, body)
        self.context = self.context.define(definition)
        self._note(Kind.DEFINITION, latex(_left(definition)), latex(body, indices))

    def assume(self, left: Any, right: Any) -> None:
        self.vocabulary.survey(left, right)
        sides = self.importer.convert(left), self.importer.convert(right)
        written = f"{text(sides[0])} = {text(sides[1])}"
        hypothesis = Hypothesis(*sides, written)
        known = (*self.context.hypotheses, hypothesis)
        self.context = Context(self.context.definitions, known)

    def leave_loss_open(self, cotangents: Mapping[Tensor, Tensor]) -> None:
        """L := Σ over outputs and entries of Ȳ·Y, with Ȳ independent."""
        terms: list[Expression] = []
        for output, cotangent in cotangents.items():
            definition = self.context.definitions.get(output)
            letters = definition.indices if definition else ()
            indices = tuple(map(fresh, letters))
            subscripts = tuple(map(Affine.of, indices))
            product = multiply(Entry(cotangent, subscripts), Entry(output, subscripts))
            terms.append(total(indices, product))
        self.context = self.context.define(Definition(LOSS, (), add(*terms)))

    def claims(self, gradients: Mapping[Any, Any]) -> dict[Tensor, ClosedForm]:
        forms: dict[Tensor, ClosedForm] = {}
        for entry, body in gradients.items():
            indices, variable, right = self._sides(entry, body)
            loose = [index.name for index in free_indices(right) if index not in indices]
            if loose:
                raise ExchangeError(f"{loose[0]} is free on the right side of the gradient {entry}")
            left = Derivative(Entry(LOSS), variable)
            reading = Reading(left, right, indices, self.context)
            if len(set(indices)) == variable.tensor.rank:
                forms[variable.tensor] = ClosedForm(
                    variable.tensor, indices, right, len(self.items)
                )
            link = Link("=", (reading,), off_kinks=True)
            self._note(Kind.CLAIM, latex(left, indices), latex(right, indices), link)
        return forms

    def _sides(self, left: Any, right: Any) -> tuple[tuple[Index, ...], Entry, Expression]:
        """The entry on the left with its bare indices, and the right side, under one survey."""
        left, right = sympy.sympify(left, strict=True), sympy.sympify(right, strict=True)
        if not isinstance(left, sympy.Indexed | sympy.Symbol | Idx):
            raise ExchangeError(f"an entry X[s, j] or a scalar symbol was needed, not {left}")
        self.vocabulary.survey(left, right)
        entry = self.importer.convert(left)
        if not isinstance(entry, Entry):
            raise ExchangeError(f"an entry X[s, j] or a scalar symbol was needed, not {left}")
        indices = tuple(i for s in entry.subscripts if (i := s.index) is not None)
        return indices, entry, self.importer.convert(right)

    def _note(self, kind: Kind, left: str, right: str, link: Link | None = None) -> None:
        start = self.offset + len(left) + len(" = ")
        span = Span(start, start + len(right))
        whole = Span(self.offset, span.end)
        self.items.append(Item(kind, span, whole, right, link))
        self.offset = span.end + 1
