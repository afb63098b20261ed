"""Machine edits of the claims of a page: wrong ones (mutants) and true rewritings (their twins).

Every edit is a splice into the page's text, so that a mutant goes through the whole house: reader,
elaboration, proof, refutation. Whether a mutant really differs is for `oracle.differs` to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derivcheck import syntax
from derivcheck.elaboration.names import nodes
from derivcheck.source import Span
from derivcheck.syntax import Node


@dataclass(frozen=True)
class Edit:
    """Replace the text of `span` by `text`; `name` says what kind of edit it is."""

    name: str
    span: Span
    text: str

    def apply(self, page: str) -> str:
        return page[: self.span.start] + self.text + page[self.span.end :]


SLIGHTLY_MORE = r"\frac{1000001}{1000000}"
"""Not a decimal, which on a side without symbols would count as rounded."""


@dataclass(frozen=True)
class Neighbours:
    """What the page offers in place of something: symbols by rank and shape, and extents."""

    symbols: dict[str, tuple[str, ...]]
    extents: tuple[str, ...]


def mutants(page: str, side: Node, neighbours: Neighbours) -> Iterator[Edit]:
    """All distinct applicable wrong edits of one side of an equality."""
    seen: set[tuple[Span, str]] = set()
    for edit in _mutants(page, side, neighbours):
        key = (edit.span, edit.text)
        if key not in seen and page[edit.span.start : edit.span.end] != edit.text:
            seen.add(key)
            yield edit


def _text(page: str, node: Node) -> str:
    return page[node.span.start : node.span.end]


def _mutants(page: str, side: Node, neighbours: Neighbours) -> Iterator[Edit]:
    whole = _text(page, side)
    yield Edit("sign", side.span, rf"-\left( {whole} \right)")
    yield Edit("factor 2", side.span, rf"2 \left( {whole} \right)")
    yield Edit("coefficient", side.span, rf"{SLIGHTLY_MORE} \left( {whole} \right)")
    for extent in neighbours.extents:
        yield Edit("1/N", side.span, rf"\frac{{1}}{{{extent}}} \left( {whole} \right)")
    letters = _subscript_letters(side)
    for letter in letters:
        yield Edit("sum added", side.span, rf"\sum_{{{letter}}} \left( {whole} \right)")
    for node in nodes(side):
        if not _inside_variable(side, node):
            yield from _node_edits(page, node, neighbours)


def _node_edits(page: str, node: Node, neighbours: Neighbours) -> Iterator[Edit]:
    match node:
        case syntax.Addition(terms) if len(terms) > 1:
            for position, (sign, term) in enumerate(terms):
                flipped = [
                    (("-" if s == "+" else "+") if n == position else s, t)
                    for n, (s, t) in enumerate(terms)
                ]
                yield Edit("sign of a term", node.span, _sum(page, flipped))
                kept = [pair for n, pair in enumerate(terms) if n != position]
                yield Edit("term dropped", node.span, _sum(page, kept))
                yield Edit("term added", node.span, _sum(page, [*terms, (sign, term)]))
                text = _text(page, term)
                yield Edit("coefficient of a term", term.span, f"{SLIGHTLY_MORE} {text}")
        case syntax.BigOperator("sum", _, _, _, _, body):
            yield Edit("sum dropped", node.span, _text(page, body))
        case syntax.Scripted(base, subscript, superscript, primes):
            yield from _script_edits(page, node, base, subscript, superscript, primes, neighbours)
        case syntax.Root(radicand, None):
            yield Edit("exponent", node.span, rf"\left( {_text(page, radicand)} \right)")
            if isinstance(radicand, syntax.Addition) and len(radicand.terms) > 1:
                *first, (sign, last) = radicand.terms
                root = rf"\left( \sqrt{{{_sum(page, first)}}} {sign} {_text(page, last)} \right)"
                yield Edit("ε moved", node.span, root)
        case syntax.Fraction(numerator, denominator):
            yield Edit("factor dropped", node.span, rf"\left( {_text(page, numerator)} \right)")
            yield Edit(
                "exponent",
                node.span,
                rf"\frac{{{_text(page, numerator)}}}"
                rf"{{\left( {_text(page, denominator)} \right)^2}}",
            )
        case _:
            pass


def _script_edits(
    page: str,
    node: syntax.Scripted,
    base: Node,
    subscript: Node | None,
    superscript: Node | None,
    primes: int,
    neighbours: Neighbours,
) -> Iterator[Edit]:
    if isinstance(superscript, syntax.Numeral) and superscript.text.isdigit():
        yield Edit("exponent", superscript.span, str(int(superscript.text) + 1))
    if not isinstance(base, syntax.Symbol):
        return
    if subscript is not None:
        items = _items(subscript)
        if len(items) == 2 and all(isinstance(item, syntax.Symbol) for item in items):
            first, second = (_text(page, item) for item in items)
            between = page[items[0].span.end : items[1].span.start]
            span = items[0].span | items[1].span
            yield Edit("indices swapped", span, f"{second}{between or ' '}{first}")
    if superscript is None and subscript is not None:
        name = base.name + "'" * primes
        for other in neighbours.symbols.get(name, ()):
            yield Edit(
                "neighbour",
                Span(node.span.start, subscript.span.start),
                f"{other}_{{"
                if page[subscript.span.start - 1 : subscript.span.start] == "{"
                else f"{other}_",
            )


def _items(subscript: Node) -> tuple[Node, ...]:
    match subscript:
        case syntax.Sequence(items):
            return items
        case syntax.Multiplication(factors, operators) if not any(operators):
            return factors
        case _:
            return (subscript,)


def _sum(page: str, terms: list[tuple[str, Node]]) -> str:
    text = " ".join(f"{sign} {_text(page, term)}" for sign, term in terms)
    return text.removeprefix("+ ")


def _subscript_letters(side: Node) -> tuple[str, ...]:
    found: dict[str, None] = {}
    bound = {
        letter.name
        for n in nodes(side)
        if isinstance(n, syntax.BigOperator)
        for letter in n.letters
    }
    for node in nodes(side):
        if isinstance(node, syntax.Scripted) and node.subscript is not None:
            for part in _items(node.subscript):
                if isinstance(part, syntax.Symbol) and not part.word and part.name not in bound:
                    found.setdefault(part.name)
    return tuple(found)


def _inside_variable(side: Node, node: Node) -> bool:
    """Edits inside ∂/∂(…) make other claims, not wrong ones of the same shape."""
    for parent in nodes(side):
        if isinstance(parent, syntax.DerivativeOf):
            for variable, _ in parent.variables:
                if any(part is node for part in nodes(variable)):
                    return True
    return False


# --- true rewritings ------------------------------------------------------------------------------


def rewritings(page: str, side: Node) -> Iterator[Edit]:
    """Edits that keep the value: what they give must never be refuted."""
    taken = {n.name for n in nodes(side) if isinstance(n, syntax.Symbol)}
    spare = next(letter for letter in "zywxv" if letter not in taken)
    yield Edit("bracketed", side.span, rf"\left( {_text(page, side)} \right)")
    yield Edit("zero added", side.span, rf"{_text(page, side)} + 0")
    for node in nodes(side):
        match node:
            case syntax.Addition(terms) if len(terms) > 1:
                yield Edit("terms reordered", node.span, _sum(page, list(reversed(terms))))
            case syntax.BigOperator("sum", (letter,), None, None, None, body):
                renamed = _renamed(page, node, letter.name, spare)
                yield Edit("dummy renamed", node.span, renamed)
                inner = _unbracketed(body)
                if isinstance(inner, syntax.Addition) and len(inner.terms) > 1:
                    parts = " ".join(
                        rf"{sign} \sum_{{{letter.name}}} {_text(page, term)}"
                        for sign, term in inner.terms
                    )
                    yield Edit(
                        "sum split", node.span, rf"\left( {parts.removeprefix('+ ')} \right)"
                    )
            case syntax.Scripted(
                syntax.Group("(", _, syntax.Addition((first, second))),
                None,
                syntax.Numeral("2"),
                0,
            ):
                (s, a), (t, b) = first, second
                a_text, b_text = _text(page, a), _text(page, b)
                sign = "+" if s == t else "-"
                square = (
                    rf"\left( \left( {a_text} \right)^2 {sign} 2 \left( {a_text} \right)"
                    rf"\left( {b_text} \right) + \left( {b_text} \right)^2 \right)"
                )
                yield Edit("square expanded", node.span, square)
            case syntax.Multiplication(factors, operators) if not any(operators) and not any(
                isinstance(f, syntax.BigOperator | syntax.DerivativeOf | syntax.Group)
                for f in factors
            ):
                turned = " ".join(rf"\left( {_text(page, f)} \right)" for f in reversed(factors))
                if not _is_subscript(side, node):
                    yield Edit("factors reordered", node.span, turned)
            case syntax.Root(radicand, None):
                yield Edit(
                    "root as power", node.span, rf"\left( {_text(page, radicand)} \right)^{{1/2}}"
                )
            case _:
                pass


def _unbracketed(node: Node) -> Node:
    return node.body if isinstance(node, syntax.Group) and node.open == "(" else node


def _is_subscript(side: Node, node: Node) -> bool:
    return any(
        part is node
        for parent in nodes(side)
        if isinstance(parent, syntax.Scripted)
        for script in (parent.subscript, parent.superscript)
        if script is not None
        for part in nodes(script)
    )


def _renamed(page: str, node: Node, old: str, new: str) -> str:
    """The text of a node with a letter renamed everywhere in it."""
    spans = sorted(
        {
            p.span
            for p in nodes(node)
            if isinstance(p, syntax.Symbol) and p.name == old and not p.word
        }
    )
    text, position = "", node.span.start
    for span in spans:
        text += page[position : span.start] + new
        position = span.end
    return text + page[position : node.span.end]
