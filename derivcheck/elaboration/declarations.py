"""Declaring statements: `X ∈ ℝ^{S×M}`, `ε > 0`, `T ∈ {0,1}^{S×K}`, `u ∈ ℕ`, and what the prose
says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from derivcheck import syntax
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.integers import IntegerReader, Letters
from derivcheck.elaboration.names import (
    array_name,
    declared_name,
    label,
    subscript_items,
)
from derivcheck.elaboration.scope import ParameterMeaning, TensorMeaning, UnreadMeaning
from derivcheck.elaboration.state import PageState
from derivcheck.expression import (
    ONE,
    Affine,
    Domain,
    Hypothesis,
    Parameter,
    Tensor,
    delta,
    guard,
    negation,
)
from derivcheck.source import Span
from derivcheck.syntax import Node, Statement

_POSITIVE_STATIC = re.compile(
    r"\b(stride|dilation|groups?|heads?|size|numbers?|count|length)\b", re.IGNORECASE
)
_NONNEGATIVE_STATIC = re.compile(r"\bpadding\b", re.IGNORECASE)
OUTPUT = re.compile(r"\boutputs?\b(?:\s+(?:is|are))?[\s:,]*$", re.IGNORECASE)
COTANGENT = re.compile(r"\bcotangents?\b(?:\s+(?:is|are))?[\s:,]*$", re.IGNORECASE)
CONTINUES = re.compile(r"^\s*(?:,|and|,\s*and)?\s*$", re.IGNORECASE)
_WITH = (
    r"\b(?:with|where|such that|so that|satisfying|(?:assume|assuming|given|suppose)(?: that)?)"
    r"(?:\s+(?:each|every|all|for))?"
)
HYPOTHESIS = re.compile(rf"{_WITH}[\s:,]*$", re.IGNORECASE)
_FURTHER = re.compile(rf"{_WITH}(?:\s*\$\s*(?:,\s*)?(?:and)?)+[\s:,]*$", re.IGNORECASE)


@dataclass(frozen=True)
class SetShape:
    """A set such as `ℝ_{>0}^{S×M}`: where entries live, and the extents."""

    domain: Domain
    extents: tuple[Affine, ...]
    integer: bool = False
    minimum: int | None = None
    """The smallest whole number, None where ℕ leaves it open whether that is 0 or 1."""


class DeclarationReader:
    def __init__(self, page: PageState, integers: IntegerReader) -> None:
        self.page = page
        self.integers = integers

    def membership(self, names: Node, members: Node, sentence: str, span: Span) -> list[str]:
        """`a, b ∈ set`: declares every name; returns them."""
        shape = self.set(members)
        items = names.items if isinstance(names, syntax.Sequence) else (names,)
        declared: list[str] = []
        for item in items:
            name = declared_name(item)
            if name is None:
                raise unsupported("what is declared here", item.span, "declare a symbol")
            whole = None if shape.extents else self._whole(item)
            family = self._family(item, shape) if shape.extents else None
            if family is not None:
                name, every = family
                self._declare(name, every, sentence, item.span)
                self.page.families[name] = len(every.extents)
            elif whole is not None:
                name = whole.name
                self._restrict(name, whole, shape.domain, item.span)
            else:
                self._declare(name, shape, sentence, item.span)
            declared.append(name)
        return declared

    def element(self, named: Node, members: Node) -> None:
        """What a named value is an element of is of the same shape; raises `Fault`."""
        shape = self.set(members)
        if shape.integer or shape.domain != Domain(declared=True):
            raise unsupported("a set of some numbers only", members.span, "write an inequality")
        name = declared_name(named)
        tensor = self.page.scope.tensor(name) if name is not None else None
        if tensor is None:
            return
        alike = tensor.rank == len(shape.extents)
        if not alike or not all(map(self.page.sizes.unify, tensor.extents, shape.extents)):
            text = f"{name} has another shape than this"
            raise Fault("extent-mismatch", text, members.span, "write the shape that it has")

    def _family(self, item: Node, shape: SetShape) -> tuple[str, SetShape] | None:
        r"""The array of which `x_n \in \mathbb{R}^D` speaks, and its own set; n is a letter that
        runs."""
        if (letters := self._running(item)) is None:
            return None
        name = array_name(item) or ""
        leading = tuple(self.page.sizes.placeholder(letter, axis=True) for letter in letters)
        return name, replace(shape, extents=(*leading, *shape.extents))

    def _running(self, item: Node) -> list[str] | None:
        """The letters under an array, if all of them run; None if not."""
        if not isinstance(item, syntax.Scripted) or self.page.is_name(item):
            return None
        letters = subscript_items(item.subscript, None)
        names = [letter.name for letter in letters if isinstance(letter, syntax.Symbol)]
        runs = {*self.page.running, *self.page.written}.issuperset(names)
        return names if names and len(names) == len(letters) and runs else None

    def _whole(self, item: Node) -> Tensor | None:
        """The array, made if new, of which `m_i ∈ {0, 1}` speaks: i is a letter that runs."""
        names, name = self._running(item), array_name(item)
        if names is None or name is None:
            return None
        known = self.page.scope.lookup(name)
        if known is None:
            extents = tuple(self.page.sizes.placeholder(n, axis=True) for n in names)
            return self.page.new_tensor(name, extents, item.span)
        meaning = known.meaning
        if isinstance(meaning, TensorMeaning) and not known.defined:
            return meaning.tensor if meaning.tensor.rank == len(names) else None
        return None

    def _declare(self, name: str, shape: SetShape, sentence: str, span: Span) -> None:
        known = self.page.scope.lookup(name)
        if shape.integer and not shape.extents:
            minimum = shape.minimum
            if minimum is None:
                padding = _NONNEGATIVE_STATIC.search(sentence) is not None
                minimum = 1 if _POSITIVE_STATIC.search(sentence) and not padding else 0
            if known is not None and known.section == self.page.scope.section:
                if isinstance(known.meaning, ParameterMeaning):
                    if known.meaning.parameter not in self.page.extents:
                        self.page.statics.setdefault(known.meaning.parameter)
                    return
                raise _redeclared(name, span)
            parameter = Parameter(name, minimum)
            self.page.scope.add(name, ParameterMeaning(parameter), span)
            self.page.statics[parameter] = None
            return
        if known is not None and known.section == self.page.scope.section:
            meaning = known.meaning
            if (
                isinstance(meaning, TensorMeaning)
                and meaning.tensor.rank == len(shape.extents)
                and all(
                    self.page.sizes.unify(a, b)
                    for a, b in zip(meaning.tensor.extents, shape.extents, strict=True)
                )
            ):
                if not meaning.declared:
                    self._restrict(name, meaning.tensor, shape.domain, span)
                return
            if isinstance(meaning, UnreadMeaning):
                return
            if isinstance(meaning, TensorMeaning) and not self.page.certain(meaning.tensor):
                raise Fault(
                    "unclear-shape",
                    f"{name} was used with other axes before this declares them",
                    span,
                    "declare a symbol before its first use",
                )
            raise _redeclared(name, span)
        self.page.families.pop(name, None)
        tensor = self.page.new_tensor(name, shape.extents, span, domain=shape.domain, declared=True)
        self.page.inputs[tensor] = None

    def _restrict(self, name: str, tensor: Tensor, domain: Domain, span: Span) -> None:
        narrowed = replace(tensor, domain=domain)
        self.page.scope.add(name, TensorMeaning(narrowed, True), span)
        self.page.sizes.replace(tensor, narrowed)
        self.page.inputs.pop(tensor, None)
        self.page.inputs[narrowed] = None

    # --- sets ------------------------------------------------------------------------------------

    def set(self, node: Node) -> SetShape:
        match node:
            case syntax.Scripted(base, subscript, superscript, 0):
                shape = self._base_set(base, subscript, node.span)
                if superscript is None:
                    return shape
                if _sign_of(superscript) is not None:
                    return replace(shape, domain=_signed(shape.domain, _sign_of(superscript) or ""))
                return replace(shape, extents=self._extents(superscript))
            case _:
                return self._base_set(node, None, node.span)

    def _base_set(self, node: Node, subscript: Node | None, span: Span) -> SetShape:
        match node:
            case syntax.Symbol(r"\mathbb{R}"):
                domain = Domain(declared=True)
                if subscript is not None:
                    sign = _sign_of(subscript)
                    if sign is None:
                        raise unsupported(
                            "this subscript of ℝ", subscript.span, r"write \mathbb{R}_{>0}"
                        )
                    domain = _signed(domain, sign)
                return SetShape(domain, ())
            case syntax.Symbol(r"\mathbb{N}"):
                sign = "" if subscript is None else (_sign_of(subscript) or label(subscript))
                minimum = 1 if sign in (">0", "+", r"\ge1", "1") else 0 if sign else None
                return SetShape(_integers(minimum or 0), (), True, minimum)
            case syntax.Symbol(r"\mathbb{Z}"):
                sign = "" if subscript is None else (_sign_of(subscript) or "")
                if sign in (">0", "+"):
                    return SetShape(_integers(1), (), True, 1)
                if sign == r"\ge0":
                    return SetShape(_integers(0), (), True, 0)
                return SetShape(Domain(integer=True, declared=True), ())
            case syntax.Group(r"\{", _, syntax.Sequence(items)):
                values = tuple(sorted(_constant(item) for item in items))
                return SetShape(Domain(values=values, declared=True), ())
            case syntax.Group(opening, closing, syntax.Sequence((low, high))) if opening in "([":
                return SetShape(_interval(low, high, opening == "(", closing == ")"), ())
            case _:
                raise unsupported(
                    "this set",
                    span,
                    r"write \mathbb{R}^{S \times M}, \{0,1\}^{…}, (a, b) or \mathbb{N}",
                )

    def _extents(self, node: Node) -> tuple[Affine, ...]:
        match node:
            case syntax.Multiplication(factors, operators) if all(
                operator in (r"\times", "*", r"\cdot") for operator in operators
            ):
                return tuple(map(self.integers.value, factors))
            case syntax.Sequence(items):
                return tuple(map(self.integers.value, items))
            case syntax.Multiplication(factors, operators) if r"\times" in operators:
                groups: list[list[Node]] = [[factors[0]]]
                for operator, factor in zip(operators, factors[1:], strict=True):
                    if operator == r"\times":
                        groups.append([factor])
                    else:
                        groups[-1].append(factor)
                return tuple(self._size_product(group) for group in groups)
            case _:
                return (self.integers.value(node),)

    def _size_product(self, factors: list[Node]) -> Affine:
        product = Affine.of(1)
        for factor in factors:
            product = product * self.integers.value(factor)
        return product

    # --- bounds on a symbol ----------------------------------------------------------------------

    def bound(self, names: Node, sign: str, limit: Node, span: Span) -> list[str]:
        """`ε > 0`, `0 < p`, `x ≠ 0` for symbols that nothing defines; returns the names."""
        value = _constant(limit)
        items = names.items if isinstance(names, syntax.Sequence) else (names,)
        declared: list[str] = []
        for item in items:
            subscripts = ()
            name = declared_name(item)
            known = self.page.scope.lookup(name) if name else None
            if known is None and isinstance(item, syntax.Scripted):
                inner = array_name(item)
                whole = self.page.scope.lookup(inner) if inner is not None else None
                if inner is not None and whole is not None and item.subscript is not None:
                    known, name = whole, inner
                    subscripts = (item.subscript,)
            if name is None:
                raise unsupported("what is declared here", item.span, "declare a symbol")
            if known is None and not subscripts and (whole := self._whole(item)) is not None:
                name, known = whole.name, self.page.scope.lookup(whole.name)
            if known is None and not subscripts:
                tensor = self.page.new_tensor(
                    name, (), item.span, domain=_bounded(Domain(), sign, value), declared=True
                )
                self.page.inputs[tensor] = None
            elif known is not None and isinstance(known.meaning, TensorMeaning):
                tensor = known.meaning.tensor
                narrowed = replace(tensor, domain=_bounded(tensor.domain, sign, value))
                self.page.scope.add(
                    name, replace(known.meaning, tensor=narrowed, declared=True), span
                )
                if narrowed != tensor:
                    self.page.sizes.replace(tensor, narrowed)
                    self.page.inputs = {
                        (narrowed if old == tensor else old): None for old in self.page.inputs
                    }
            elif known is not None and isinstance(known.meaning, ParameterMeaning):
                self._bound_size(name, known.meaning.parameter, sign, value, span)
            else:
                raise unsupported("a bound on this", item.span, "declare the symbol's set first")
            declared.append(name)
        return declared

    def _bound_size(
        self, name: str, parameter: Parameter, sign: str, value: Fraction, span: Span
    ) -> None:
        """`T ≥ 1` is the size's own minimum; any other bound is a hypothesis."""
        if value.denominator != 1:
            raise unsupported("this bound of a size", span, "sizes are whole numbers")
        minimum = int(value) + (sign == ">") if sign in (">", r"\ge") else None
        if minimum in (0, 1):
            changed = Parameter(parameter.name, minimum)
            if changed != parameter:
                self.page.scope.add(name, ParameterMeaning(changed), span)
                self.page.statics.pop(parameter, None)
                self.page.statics[changed] = None
            return
        room = Affine.of(parameter) - int(value)
        conditions = {
            ">": guard(room - 1),
            r"\ge": guard(room),
            "<": guard(-room - 1),
            r"\le": guard(-room),
            r"\ne": negation(delta(parameter, int(value))),
        }
        text = self.page.source.slice(span)
        self.page.suppose(Hypothesis(conditions[sign], ONE, text))


def declare_ahead(page: PageState, statements: Sequence[Statement], paragraph: str) -> None:
    """Declare what a paragraph declares and nothing has spoken of before: “y = W x with x ∈ ℝ^m”.

    What is at fault in a declaration is said where it stands, and so is one with a bound.
    """
    bounded = {
        array_name(side)
        for statement in statements
        if any(relation.sign not in ("=", r"\in") for relation in statement.relations)
        for side in statement.sides
    }
    for statement in statements:
        if [relation.sign for relation in statement.relations] != [r"\in"]:
            continue
        names, members = statement.sides
        items = names.items if isinstance(names, syntax.Sequence) else (names,)
        spoken = [name for item in items if (name := declared_name(item))]
        shaped = isinstance(members, syntax.Scripted) and members.superscript is not None
        if not shaped or len(spoken) < len(items) or any(map(page.scope.lookup, spoken)):
            continue
        if not bounded.isdisjoint(spoken):
            continue
        before = page.scope.snapshot()
        reader = DeclarationReader(page, IntegerReader(page, Letters(page, statement.sides)))
        try:
            reader.membership(names, members, paragraph, statement.span)
        except Fault:
            page.scope.restore(before)


def _redeclared(name: str, span: Span) -> Fault:
    return Fault(
        "rank-mismatch",
        f"{name} is declared with two shapes in one section",
        span,
        "give one of them another name",
    )


def _integers(minimum: int) -> Domain:
    return Domain(lower=Fraction(minimum), integer=True, declared=True)


def _constant(node: Node) -> Fraction:
    match node:
        case syntax.Numeral(text):
            return Fraction(text)
        case syntax.Addition(((sign, term),)):
            return -_constant(term) if sign == "-" else _constant(term)
        case syntax.Fraction(numerator, denominator) if _constant(denominator):
            return _constant(numerator) / _constant(denominator)
        case _:
            raise unsupported("this bound", node.span, "write a number")


def leads_to_hypothesis(sentence: str, *, declares: bool, given: bool) -> bool:
    """Whether a formula after these words is supposed: “with …” in a sentence that declares, or
    “where $q = …$ and …” for a formula in what is given alone."""
    direct = declares and HYPOTHESIS.search(sentence) is not None
    return direct or (given and _FURTHER.search(sentence) is not None)


def _interval(low: Node, high: Node, strict_low: bool, strict_high: bool) -> Domain:
    def end(node: Node) -> Fraction | None:
        return None if r"\infty" in label(node) else _constant(node)

    return Domain(end(low), end(high), strict_low, strict_high, declared=True)


def _sign_of(node: Node) -> str | None:
    r"""`>0`, `\ge0` or `+` of a subscript such as ℝ_{>0}, ℝ_+, None if it is something else."""
    match node:
        case syntax.Symbol("+"):
            return "+"
        case syntax.Chain(sides, (relation,)) if label(sides[-1]) == "0":
            return f"{relation}0"
        case syntax.Unreadable(construct):
            return construct if construct in ("+", "++") else None
        case _:
            return None


def _signed(domain: Domain, sign: str) -> Domain:
    zero = Fraction(0)
    match sign:
        case ">0" | "++":
            return replace(domain, lower=zero, strict_lower=True)
        case r"\ge0" | "+":
            return replace(domain, lower=zero)
        case "<0":
            return replace(domain, upper=zero, strict_upper=True)
        case r"\le0":
            return replace(domain, upper=zero)
        case r"\ne0":
            return replace(domain, excluded=(zero,))
        case _:
            return domain


def _bounded(domain: Domain, sign: str, value: Fraction) -> Domain:
    """The domain with one more bound."""
    domain = replace(domain, declared=True)
    match sign:
        case ">" if domain.lower is None or value >= domain.lower:
            return replace(domain, lower=value, strict_lower=True)
        case r"\ge" if domain.lower is None or value > domain.lower:
            return replace(domain, lower=value, strict_lower=False)
        case "<" if domain.upper is None or value <= domain.upper:
            return replace(domain, upper=value, strict_upper=True)
        case r"\le" if domain.upper is None or value < domain.upper:
            return replace(domain, upper=value, strict_upper=False)
        case r"\ne":
            return replace(domain, excluded=(*domain.excluded, value))
        case _:
            return domain
