"""Declared inequalities: sizes that differ by at least so much, forms whose sign is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from derivcheck.expression import (
    MINUS_ONE,
    ONE,
    Add,
    Affine,
    Expression,
    Guard,
    Hypothesis,
    Index,
    Multiply,
    Positive,
)
from derivcheck.normal_form.atoms import NormalForm, variables
from derivcheck.normal_form.integers import entailing, nonnegative
from derivcheck.normal_form.linear import scaled
from derivcheck.normal_form.session import Session

NEGATIVE, ZERO, POSITIVE = 1, 2, 4
ANY = NEGATIVE | ZERO | POSITIVE


@dataclass(frozen=True)
class Inequality:
    """The argument has one of these signs, for all values of its free indices."""

    argument: Expression
    mask: int


def inequality(hypothesis: Hypothesis) -> Inequality | Affine | None:
    """What a hypothesis “the Iverson bracket is 1” says; of sizes, what is not negative."""
    if hypothesis.right != ONE:
        return None
    match hypothesis.left:
        case Guard(value) if next(value.indices(), None) is None:
            return value
        case Positive(argument):
            return Inequality(argument, POSITIVE)
        case Add((one, Multiply((minus, Positive(argument))))) if (one, minus) == (ONE, MINUS_ONE):
            return Inequality(argument, NEGATIVE | ZERO)
        case Add((Positive(argument), Positive(Multiply((minus, *_))))) if minus == MINUS_ONE:
            return Inequality(argument, NEGATIVE | POSITIVE)
        case _:
            return None


def opposite(mask: int) -> int:
    return (
        (mask & ZERO) | (POSITIVE if mask & NEGATIVE else 0) | (NEGATIVE if mask & POSITIVE else 0)
    )


@dataclass(frozen=True)
class Fact:
    """A form with one of these signs, at all values of its free indices in their ranges."""

    form: NormalForm
    mask: int
    text: str


@dataclass
class Facts(Session):
    facts: list[Fact] = field(default_factory=list[Fact])
    cases: list[Fact] = field(default_factory=list[Fact])
    """What the case at hand says of single forms: of no other values of their indices."""
    given: list[tuple[Affine, str]] = field(default_factory=list[tuple[Affine, str]])
    """Polynomials in sizes that are not negative, and what says so."""

    def suppose(self, form: NormalForm, mask: int, text: str) -> None:
        """Know the sign of a form, and of its opposite."""
        self.facts.append(Fact(form, mask, text))
        self.facts.append(Fact(scaled(form, -1), opposite(mask), text))

    def suppose_case(self, form: NormalForm, mask: int) -> None:
        """Know the sign of this form alone, and of its opposite."""
        self.cases.append(Fact(form, mask, ""))
        self.cases.append(Fact(scaled(form, -1), opposite(mask), ""))

    def suppose_size(self, value: Affine, text: str) -> None:
        """Know that an integer polynomial is not negative."""
        self.given.append((value, text))

    def nonnegative(self, value: Affine) -> bool:
        """Whether value ≥ 0 follows from ranges, minima and what is declared of sizes."""
        if not self.given:
            return nonnegative(value)
        used = entailing(value, tuple(each for each, _ in self.given))
        for each, text in self.given:
            if used is not None and each in used:
                self.assume(text)
        return used is not None

    def declared_sign(self, form: NormalForm) -> int:
        """The signs that the facts leave the form."""
        mask = ANY
        for fact in self.facts:
            if len(fact.form.terms) != len(form.terms) or fact.form.tensors != form.tensors:
                continue
            for values in self._instances_of(fact.form, form):
                if self._placed_at(fact, values) == form:
                    self.assume(fact.text)
                    mask &= fact.mask
                    break
        return mask

    def _placed_at(self, fact: Fact, values: dict[Index, Affine]) -> NormalForm:
        """The fact's form at these values of its indices, without looking at facts again."""
        facts, self.facts = self.facts, []
        try:
            return self.transform(fact.form, values)
        finally:
            self.facts = facts

    def _instances_of(self, pattern: NormalForm, form: NormalForm) -> Iterator[dict[Index, Affine]]:
        """Values in range of the pattern's free indices, as one entry of each suggests."""
        if not pattern.free:
            yield {}
            return
        theirs = [entry for atom in form.atoms() for entry in variables(atom)]
        for ours in dict.fromkeys(e for atom in pattern.atoms() for e in variables(atom)):
            bare = [subscript.index for subscript in ours.subscripts]
            for entry in dict.fromkeys(theirs):
                if entry.tensor != ours.tensor or not pattern.free <= set(bare):
                    continue
                values = {
                    index: value
                    for index, value in zip(bare, entry.subscripts, strict=True)
                    if index is not None and index in pattern.free
                }
                if all(map(self._in_range_of, values, values.values())):
                    yield values

    def _in_range_of(self, index: Index, value: Affine) -> bool:
        other = value.index
        if other is not None and other.extent == index.extent:
            return True
        return self.nonnegative(value) and self.nonnegative(index.extent - value - 1)
