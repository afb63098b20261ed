"""How an expression is laid out in one line of mathematics, whatever the alphabet.

`Printer` decides signs, fractions and brackets; a style (`styles.py`) says how each of them looks.
Terms and factors are printed in the order in which they stand, so nothing is moved.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from fractions import Fraction
from typing import NamedTuple

from derivcheck.expression import (
    ELSEWHERE,
    ONE,
    Add,
    Affine,
    Apply,
    Atom,
    Count,
    Delta,
    Derivative,
    Entry,
    Expression,
    Function,
    Guard,
    Index,
    Maximum,
    Multiply,
    Parameter,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Term,
    multiply,
    power,
    tensors,
    walk,
)
from derivcheck.notation.circle import with_pi
from derivcheck.notation.inequalities import inequality
from derivcheck.notation.letters import bases, choose, extent_is_plain, reserved


class Level(IntEnum):
    """How tightly a piece holds together, from a bare sum to a symbol."""

    SUM = 0
    OPEN = 1
    """A product that runs on to the right (Σ_k …): fine as a last factor only."""
    PRODUCT = 2
    FACTOR = 3
    ATOM = 4


class Piece(NamedTuple):
    text: str
    level: Level


@dataclass
class Group:
    """Neighbouring factors over one denominator."""

    above: list[Expression] = field(default_factory=list[Expression])
    below: list[Expression] = field(default_factory=list[Expression])


class Printer(ABC):
    """Prints one expression; `indices` are further free indices that binders must not be called."""

    minus: str
    equal: str = "="
    less: str = "<"
    at_most: str
    at_least: str

    def __init__(self, expression: Expression, indices: Iterable[Index] = ()) -> None:
        self.expression = with_pi(expression)
        indices = tuple(indices)
        self.reserved = reserved(expression, indices)
        self.bases = bases(expression)
        self.counted = {index: index.base for index in indices}
        self.letters: dict[Index, str] = {}
        names = {tensor.name for tensor in tensors(expression)}
        self.names = frozenset(names)
        functions = {n.function.name for n in walk(expression) if isinstance(n, Apply)}
        self.sigma_is_free = r"\sigma" not in names | functions and "σ" not in names
        self.delta_is_free = r"\delta" not in names
        self.e_is_free = "e" not in names and "e" not in self.reserved

    def print(self) -> str:
        return self.show(self.expression).text

    # --- what a style says ------------------------------------------------------------------------

    @abstractmethod
    def name(self, name: str) -> str: ...

    @abstractmethod
    def entry(self, name: str, subscripts: Sequence[str]) -> Piece: ...

    @abstractmethod
    def join(self, factors: Sequence[str]) -> str:
        """Factors side by side; a numeral that follows something gets a dot."""

    @abstractmethod
    def groups(self, groups: Sequence[Group]) -> Piece:
        """A product of groups, of which at least one is a fraction or there are several."""

    @abstractmethod
    def bracket(self, text: str) -> str: ...

    @abstractmethod
    def root(self, radicand: Expression) -> Piece: ...

    @abstractmethod
    def raised(self, base: Expression, exponent: Expression) -> Piece: ...

    @abstractmethod
    def exponential(self, argument: Expression) -> Piece: ...

    @abstractmethod
    def big(self, kind: str, script: str, body: str) -> str:
        """`kind` is sum, prod or max; `script` stands below it."""

    @abstractmethod
    def bounds(self, letter: str, lower: str, upper: str) -> str: ...

    @abstractmethod
    def delta(self, sides: Sequence[str]) -> str: ...

    @abstractmethod
    def call(self, function: Function, arguments: Sequence[Expression]) -> Piece: ...

    @abstractmethod
    def derivative(self, operand: Piece, variables: Sequence[str]) -> Piece: ...

    @abstractmethod
    def rational(self, value: Fraction) -> Piece:
        """A number ≥ 0."""

    @abstractmethod
    def product_of_atoms(self, atoms: Sequence[str]) -> str:
        """A product inside a subscript or a size: `ut`."""

    # --- expressions ------------------------------------------------------------------------------

    def show(self, expression: Expression) -> Piece:
        match expression:
            case Add(terms):
                return self.addition(terms)
            case Multiply() | Rational() | Power():
                negative, magnitude = split_sign(expression)
                piece = self.unsigned(magnitude)
                if not negative:
                    return piece
                return Piece(self.minus + self.fit(piece, Level.OPEN), Level.SUM)
            case _:
                return self.unsigned(expression)

    def at(self, expression: Expression, level: Level) -> str:
        """The text, bracketed where it holds less tightly than `level`."""
        return self.fit(self.show(expression), level)

    def fit(self, piece: Piece, level: Level) -> str:
        return piece.text if piece.level >= level else self.bracket(piece.text)

    def addition(self, terms: Sequence[Expression]) -> Piece:
        written: list[str] = []
        for term in terms:
            if isinstance(term, Apply) and term.function == ELSEWHERE:
                continue  # what is printed has the cases, and nothing outside them
            negative, magnitude = split_sign(term)
            body = self.fit(self.unsigned(magnitude), Level.OPEN)
            if written:
                written.append(f" {self.minus} " if negative else " + ")
            elif negative:
                written.append(self.minus)
            written.append(body)
        return Piece("".join(written), Level.SUM)

    def unsigned(self, expression: Expression) -> Piece:
        match expression:
            case Add(terms):
                return self.addition(terms)
            case Rational(value):
                return self.rational(value)
            case Count(value):
                return self.count(self.printed(value))
            case Entry(tensor, subscripts):
                return self.entry(tensor.name, self.subscripts(expression, subscripts))
            case Delta(left, right):
                return Piece(self.kronecker(left, right), Level.ATOM)
            case Guard(value):
                return Piece(f"[{self.inequality(value)}]", Level.ATOM)
            case Positive(argument):
                left, relation, right = inequality(argument)
                sides = (self.show(left).text, self.show(right).text)
                sign = self.less if relation == "<" else ">"
                return Piece(f"[{sides[0]} {sign} {sides[1]}]", Level.ATOM)
            case Multiply(factors):
                return self.product(factors)
            case Power(base, exponent):
                return self.power(base, exponent)
            case Sum(index, body):
                return self.operator("sum", (index,), ONE, body)
            case Product(index, body):
                return self.operator("prod", (index,), ONE, body)
            case Maximum(indices, where, body):
                return self.operator("max", indices, where, body)
            case Apply(Function("exp"), (argument,)) if self.e_is_free:
                return self.exponential(argument)
            case Apply(function, arguments):
                return self.call(function, arguments)
            case Derivative():
                return self.total_derivative(expression)

    def power(self, base: Expression, exponent: Expression) -> Piece:
        if is_denominator(Power(base, exponent)):
            return self.groups((Group(below=[Power(base, exponent)]),))
        if exponent == Rational(Fraction(1, 2)):
            return self.root(base)
        return self.raised(base, exponent)

    def product(self, factors: Sequence[Expression]) -> Piece:
        groups = grouped(factors)
        if len(groups) == 1 and not groups[0].below:
            return self.factors(groups[0].above)
        return self.groups(groups)

    def factors(self, factors: Sequence[Expression]) -> Piece:
        """Factors without a denominator."""
        if len(factors) == 1:
            return self.show(factors[0])
        parts: list[str] = []
        position = 0
        level = Level.PRODUCT
        while position < len(factors):
            factor = factors[position]
            following = factors[position + 1] if position + 1 < len(factors) else None
            interval = self.interval(factor, following)
            last = position == len(factors) - 1
            if interval:
                parts.append(interval)
                position += 2
                continue
            piece = self.show(factor)
            if last and parts and piece.level == Level.OPEN:
                level = Level.OPEN
                parts.append(piece.text)
            else:
                parts.append(self.fit(piece, Level.FACTOR))
            position += 1
        if len(parts) == 1:
            return Piece(parts[0], Level.ATOM)
        return Piece(self.join(parts), level)

    def interval(self, first: Expression, second: Expression | None) -> str:
        """`[0 ≤ v < N]` for the two guards of a value inside an axis, else nothing."""
        if not isinstance(first, Guard) or not isinstance(second, Guard):
            return ""
        extent = first.value + second.value + 1
        if any(True for _ in extent.indices()) or not any(True for _ in first.value.indices()):
            return ""
        value, size = self.printed(first.value), self.integer(extent)
        return f"[0 {self.at_most} {self.integer(value)} {self.less} {size}]"

    def operator(
        self, kind: str, indices: Sequence[Index], where: Expression, body: Expression
    ) -> Piece:
        outer = dict(self.letters)
        scripts: list[str] = []
        for index in indices:
            taken = self.reserved | set(self.letters.values())
            letter = index.name if index.name not in taken else choose(index.name, taken)
            self.letters[index] = letter
            shown = self.name(letter)
            base = self.base(index)
            if extent_is_plain(index, body) and not base:
                scripts.append(shown)
            else:
                size = self.printed(index.extent)
                upper = self.integer(size + (base - 1), compact=True)
                scripts.append(self.bounds(shown, str(base), upper))
        script = ",".join(scripts)
        if where != ONE and not stays_inside(where, body):
            script = f"{script}: {self.show(where).text}"
        text = self.big(kind, script, self.at(body, Level.OPEN))
        self.letters = outer
        return Piece(text, Level.OPEN)

    def total_derivative(self, expression: Derivative) -> Piece:
        """Nested derivatives are one fraction: ∂²L/∂a∂b for ∂/∂a of ∂L/∂b."""
        variables: list[str] = []
        operand: Expression = expression
        while isinstance(operand, Derivative):
            variables.append(self.show(operand.variable).text)
            operand = operand.operand
        return self.derivative(self.show(operand), variables)

    # --- integers ---------------------------------------------------------------------------------

    def printed(self, value: Affine) -> Affine:
        """In the letters of the page: an index that counts from 1 is its letter − 1."""
        shifted: dict[Atom, Affine] = {
            index: Affine.of(index) - base
            for index in value.indices()
            if (base := self.base(index))
        }
        return value.substitute(shifted)

    def base(self, index: Index) -> int:
        """What a letter counts from: a free one of the claim as it does there."""
        return self.counted.get(index, index.base)

    def subscripts(self, entry: Entry, subscripts: Sequence[Affine]) -> list[str]:
        shown: list[str] = []
        extents, counted = entry.tensor.extents, entry.tensor.counted
        for place, (subscript, extent) in enumerate(zip(subscripts, extents, strict=True)):
            own = [self.base(index) for index in subscript.indices()]
            base = max(own) if own else self.bases.get(extent, 0)
            base = counted[place] if counted else base
            shown.append(self.integer(self.printed(subscript) + base, compact=True))
        return shown

    def kronecker(self, left: Affine, right: Affine) -> str:
        letters = (index for side in (left, right) for index in side.indices())
        base = max(map(self.base, letters), default=0)
        sides = [self.integer(self.printed(side) + base, compact=True) for side in (left, right)]
        if self.delta_is_free:
            return self.delta(sides)
        return f"[{sides[0]} {self.equal} {sides[1]}]"

    def inequality(self, value: Affine) -> str:
        """`value ≥ 0` with every term on the side where it is positive, indices on the left."""
        value = self.printed(value)
        above = Affine(tuple((term, c) for term, c in value.terms if c > 0))
        below = Affine(tuple((term, -c) for term, c in value.terms if c < 0))
        strict = below.terms[:1] == (((), 1),) and len(below.terms) > 1
        if strict:
            below = below - 1
        if any(True for _ in below.indices()) and not any(True for _ in above.indices()):
            sign = self.less if strict else self.at_most
            return f"{self.integer(below)} {sign} {self.integer(above)}"
        sign = ">" if strict else self.at_least
        return f"{self.integer(above)} {sign} {self.integer(below)}"

    def count(self, value: Affine) -> Piece:
        text = self.integer(value)
        if value.atom is not None:
            return Piece(text, Level.ATOM)
        return Piece(text, Level.PRODUCT if len(value.terms) == 1 else Level.SUM)

    def integer(self, value: Affine, *, compact: bool = False) -> str:
        """The polynomial, indices first, positive terms first; `compact` as in a subscript."""

        def order(item: tuple[Term, int]) -> tuple[bool, bool, int]:
            term, coefficient = item
            has_index = any(isinstance(atom, Index) for atom in term)
            return (coefficient < 0, not has_index, -len(term))

        space = "" if compact else " "
        written = ""
        for term, coefficient in sorted(value.terms, key=order):
            letters_first = sorted(term, key=lambda atom: isinstance(atom, Parameter))
            body = self.product_of_atoms([self.atom(atom) for atom in letters_first])
            size = abs(coefficient)
            body = body if size == 1 and term else f"{size}{body}"
            if written:
                sign = self.minus if coefficient < 0 else "+"
                written += f"{space}{sign}{space}{body}"
            else:
                written = (self.minus if coefficient < 0 else "") + body
        return written or "0"

    def atom(self, atom: Atom) -> str:
        if isinstance(atom, Parameter):
            return self.name(atom.name)
        return self.name(self.letters.get(atom, atom.name))


def split_sign(expression: Expression) -> tuple[bool, Expression]:
    """Whether a term is negative by its leading number, and what remains."""
    match expression:
        case Rational(value) if value < 0:
            return True, Rational(-value)
        case Multiply((Rational(value), *rest)) if value < 0:
            remainder = multiply(*rest) if value == -1 else multiply(Rational(-value), *rest)
            return True, remainder
        case _:
            return False, expression


def is_denominator(factor: Expression) -> bool:
    match factor:
        case Power(_, Rational(value)):
            return value < 0
        case _:
            return False


def denominator(factor: Power) -> Expression:
    """b^{-e} turned over: b^e."""
    assert isinstance(factor.exponent, Rational)
    return power(factor.base, -factor.exponent.value)


def grouped(factors: Sequence[Expression]) -> list[Group]:
    """Each run of denominators joins the factors before it."""
    groups = [Group()]
    for factor in factors:
        fraction = factor.value if isinstance(factor, Rational) else Fraction(1)
        if fraction.denominator != 1 and fraction > 0:
            if groups[-1].above or groups[-1].below:
                groups.append(Group())
            groups[-1].below.append(Rational(Fraction(fraction.denominator)))
            if fraction.numerator != 1:
                groups[-1].above.append(Rational(Fraction(fraction.numerator)))
        elif is_denominator(factor):
            groups[-1].below.append(factor)
        else:
            if groups[-1].below:
                groups.append(Group())
            groups[-1].above.append(factor)
    return groups


def below_line(group: Group) -> list[Expression]:
    """The factors under the line, with positive exponents."""
    return [
        denominator(f) if isinstance(f, Power) and is_denominator(f) else f for f in group.below
    ]


def stays_inside(where: Expression, body: Expression) -> bool:
    """Whether the condition only says that the entries of the body are within their axes.

    A maximum over a window ranges over the entries in range anyway, so a page need not say it.
    """
    conditions = where.factors if isinstance(where, Multiply) else (where,)
    inside: set[Affine] = set()
    for node in walk(body):
        if isinstance(node, Entry):
            for subscript, extent in zip(node.subscripts, node.tensor.extents, strict=True):
                inside.update((subscript, extent - subscript - 1))
    return all(isinstance(c, Guard) and c.value in inside for c in conditions)
