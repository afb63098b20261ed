"""Claims: both sides of one relation under every admissible reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from derivcheck import syntax
from derivcheck.derivation import Link, Reading
from derivcheck.elaboration.choices import Choices
from derivcheck.elaboration.evaluation import places
from derivcheck.elaboration.fault import Fault
from derivcheck.elaboration.gradient_names import unbound
from derivcheck.elaboration.integers import Letters
from derivcheck.elaboration.label_arrays import over_classes
from derivcheck.elaboration.matrices import agree
from derivcheck.elaboration.names import nodes
from derivcheck.elaboration.open_losses import link_context
from derivcheck.elaboration.scope import FunctionMeaning, TensorMeaning
from derivcheck.elaboration.state import PageState
from derivcheck.elaboration.supposing import Condition
from derivcheck.elaboration.terms import Translator, has_subscripts
from derivcheck.expression import (
    ONE,
    ZERO,
    Affine,
    Entry,
    Expression,
    Hypothesis,
    Index,
    Parameter,
    Tensor,
    free_indices,
    guard,
    multiply,
    negation,
    rational,
    substitute,
    tensors,
)
from derivcheck.syntax import Node, Relation

READINGS = 8
ATTEMPTS = 4 * READINGS
JUDGED = frozenset({"=", ":=", r"\equiv", r"\ne", r"\approx", "<", r"\le", ">", r"\ge"})


class LinkReader:
    def __init__(self, page: PageState, letters: Letters, sides: Sequence[Node]) -> None:
        self.page = page
        self.letters = letters
        indexed = any(has_subscripts(side, page) for side in sides)
        self.translator = Translator(page, letters, indexed=indexed)
        self.translator.indexed = indexed and not agree(self.translator, sides)

    def hypothesis(self, left: Node, sign: str, right: Node) -> Hypothesis:
        """`left = right`, or an inequality as “its Iverson bracket is 1”; raises `Fault`."""
        text = self.page.source.slice(left.span | right.span)
        if sign == "=":
            return Hypothesis(self.translator.side(left), self.translator.side(right), text)
        chain = syntax.Chain((left, right), (sign,), left.span | right.span)
        return Hypothesis(self.translator.condition(chain), ONE, text)

    def link(
        self, left: Node, relation: Relation, right: Node, governed: Sequence[Condition] = ()
    ) -> Link:
        """The link with its readings, under these conditions; a fault instead if it has none."""
        sign = "=" if relation.sign in (":=", r"\equiv") else relation.sign
        self.translator.guessed = None
        try:
            if sign not in JUDGED:
                raise Fault(
                    "unsupported",
                    f"not understood: the relation {relation.sign}",
                    relation.span,
                    "write an equality, ≠, ≈ or an inequality",
                )
            at = places((left, right))
            readings = self._readings(left, right)
        except Fault as fault:
            # What a name was only taken to mean is no fault of the page.
            name = self.translator.guessed
            plain = unbound(name, left.span) if name is not None else fault
            return Link(sign, (), fault=plain.diagnostic())
        read = self._conditions((*governed, *at))
        strict = sign in ("<", ">") and read is not None and read[0] != ONE
        occasion: Reading | None = None
        if read is not None and not strict:
            readings = tuple(found for reading in readings for found in _under(reading, *read))
            if read[0] != ONE:
                first = readings[0]
                indices = _free(read[0], ZERO)
                occasion = replace(first, left=read[0], right=ZERO, indices=indices)
        approximate = sign == r"\approx"
        return Link(
            sign,
            readings,
            off_kinks=self.translator.has_derivative,
            tolerance=(_half_unit(left, approximate), _half_unit(right, approximate)),
            rounded=_is_rounded(left) or _is_rounded(right),
            unknown=self._unknown(readings[0]),
            conditional=read is None or strict or self._is_qualified(readings[0]),
            occasion=occasion,
            standing=self._standing(readings[0]),
        )

    def _conditions(
        self, governed: Sequence[Condition]
    ) -> tuple[Expression, tuple[Hypothesis, ...]] | None:
        """The conditions as a number that is 0 or 1 and as equations; None if one was not read."""
        holds: Expression = ONE
        equations: list[Hypothesis] = []
        for condition in governed:
            if condition.statement is None:
                return None
            sides = condition.statement.sides
            signs = tuple(relation.sign for relation in condition.statement.relations)
            integers = all(map(self.translator.integers.is_integer, sides))
            try:
                if set(signs) == {"="} and not integers:
                    values = map(self.translator.value, sides)
                    *lefts, right = over_classes(self.translator, values)
                    if condition.negated:
                        if len(sides) > 2:
                            return None
                        different = syntax.Chain(sides, (r"\ne",), condition.statement.span)
                        holds = multiply(holds, self.translator.condition(different))
                    else:
                        text = self.page.source.slice(condition.statement.span)
                        equations.extend(Hypothesis(left, right, text) for left in lefts)
                    continue
                chain = syntax.Chain(sides, signs, condition.statement.span)
                value = self.translator.condition(chain)
            except Fault:
                return None
            holds = multiply(holds, negation(value) if condition.negated else value)
        return holds, tuple(equations)

    def _readings(self, left: Node, right: Node) -> tuple[Reading, ...]:
        found: list[Reading] = []
        fault: Fault | None = None
        script: tuple[int, ...] | None = ()
        implicit = self.translator.implicit
        for _ in range(ATTEMPTS):
            if script is None or len(found) == READINGS:
                break
            choices = Choices(script)
            self.translator.choices, self.translator.implicit = choices, implicit
            try:
                sides = self.translator.side(left), self.translator.side(right)
                _check_free(sides, left, right)
            except Fault as error:
                # A meaning that makes no sense is not admissible; the others are.
                fault = fault or error
            else:
                note = "; ".join(dict.fromkeys(choices.notes))
                context = link_context(self.page)
                granted = "; ".join(dict.fromkeys(choices.granted))
                found.append(
                    Reading(
                        *sides, _free(*sides), context, note, caution=bool(note), granted=granted
                    )
                )
            script = choices.following()
        if fault is not None and not found:
            raise fault
        return tuple(found)

    def _standing(self, reading: Reading) -> tuple[str, ...]:
        stray = set(free_indices(reading.right)) - set(free_indices(reading.left))
        names = {index.name for index in stray}
        return tuple(sorted(names & self.page.mentioned))

    def _is_qualified(self, reading: Reading) -> bool:
        """Whether it rests on an array of which words say more than any hypothesis does."""
        if not self.page.qualified:
            return False
        context = reading.context
        written = {t for h in context.hypotheses for t in (*tensors(h.left), *tensors(h.right))}
        reached = context.foundations(*tensors(reading.left), *tensors(reading.right))
        return any(
            tensor.name in self.page.qualified
            and tensor.rank
            and tensor not in context.definitions
            and tensor not in written
            for tensor in reached
        )

    def _unknown(self, reading: Reading) -> tuple[Tensor, ...]:
        """The tensors that nothing declares or defines and no definition uses, and those whose
        definition was not understood.

        Of what a claim spoke first, a later definition that uses it does not make an input: the
        claim may have been meant to say what it is.
        """
        known: set[Tensor] = {*self.page.inputs, *self.page.losses, *self.page.incoming.values()}
        for definition in reading.context.definitions.values():
            known.add(definition.tensor)
            known.update(set(tensors(definition.body)) - self.page.only_claimed)
        variables: set[str] = set()
        for meaning in self.page.scope.meanings():
            if isinstance(meaning, FunctionMeaning):
                variables.add(meaning.variable.name)
                known.update(set(tensors(meaning.body)) - self.page.only_claimed)
        used = (*tensors(reading.left), *tensors(reading.right))
        found = tuple(
            tensor
            for tensor in dict.fromkeys(used)
            if tensor not in known
            and tensor.name not in variables
            and isinstance((k := self.page.scope.lookup(tensor.name)) and k.meaning, TensorMeaning)
        )
        self.page.only_claimed.update(found)
        below = reading.context.foundations(*used)
        misread = sorted(self.page.misread & below, key=lambda tensor: tensor.name)
        return (*found, *(tensor for tensor in misread if tensor not in found))


def _under(
    reading: Reading, holds: Expression, equations: tuple[Hypothesis, ...]
) -> Iterator[Reading]:
    """The readings where the conditions hold: `A = B if C` says that C·A = C·B.

    An equation about a letter of the claim, `x_i + x_j = x_j` where `x_i = 0`, is one about this
    place alone, and so this letter is a number here that does not run. The i of an entry that the
    claim does not have may be any or every one.
    """
    left, right = multiply(holds, reading.left), multiply(holds, reading.right)
    reading = replace(reading, left=left, right=right, indices=_free(left, right))
    every = [e for e in equations if isinstance(e.left, Entry)]
    loose = {i: e for e in every for i in free_indices(e.left) if i not in reading.indices}
    shared = [i for i in reading.indices if any(i in _free(e.left, e.right) for e in equations)]
    yield _supposed(reading, equations, (*shared, *loose))
    if loose:
        text = ", ".join(f"{e.text} for every {index.name}" for index, e in loose.items())
        note = "; ".join(filter(None, (reading.note, text)))
        yield _supposed(replace(reading, note=note, caution=True), equations, shared)


def _supposed(
    reading: Reading, equations: Sequence[Hypothesis], letters: Sequence[Index]
) -> Reading:
    """The reading under equations in which these letters stand for one place each."""
    fixed = {index: Affine.of(Parameter(index.name, 0)) for index in letters}
    left, right = substitute(reading.left, fixed), substitute(reading.right, fixed)
    places = [
        Hypothesis(guard(index.extent - 1 - place), ONE, f"{index.name} is on its axis")
        for index, place in fixed.items()
    ]
    there = [
        replace(e, left=substitute(e.left, fixed), right=substitute(e.right, fixed))
        for e in equations
    ]
    context = replace(reading.context, hypotheses=(*reading.context.hypotheses, *places, *there))
    return replace(reading, left=left, right=right, indices=_free(left, right), context=context)


def _free(left: Expression, right: Expression) -> tuple[Index, ...]:
    return tuple(dict.fromkeys((*free_indices(left), *free_indices(right))))


def _check_free(sides: tuple[Expression, Expression], left: Node, right: Node) -> None:
    """Each side may lack indices on which it does not depend; both lacking some says nothing."""
    first, second = (set(free_indices(side)) for side in sides)
    if first <= second or second <= first:
        return
    only_left = ", ".join(i.name for i in free_indices(sides[0]) if i not in second)
    only_right = ", ".join(i.name for i in free_indices(sides[1]) if i not in first)
    raise Fault(
        "unequal-free-indices",
        f"free indices differ: {only_left} only on the left, {only_right} only on the right",
        right.span,
        "use the same letters on both sides, or sum over the others",
    )


def _half_unit(side: Node, approximate: bool) -> Expression | None:
    """Half a unit of the last digit of a decimal that is a result; None for everything else."""
    match side:
        case syntax.Addition(((_, term),)):
            return _half_unit(term, approximate)
        case syntax.Numeral(text):
            digits = text.partition(".")[2]
            if digits or approximate:
                return rational(Fraction(1, 2 * 10 ** len(digits)))
            return None
        case _:
            return None


def _is_rounded(side: Node) -> bool:
    """Whether decimals stand inside a longer side without symbols: nobody knows their last
    digit."""
    parts = list(nodes(side))
    return (
        len(parts) > 1
        and any(isinstance(p, syntax.Numeral) and "." in p.text for p in parts)
        and not any(isinstance(p, syntax.Symbol | syntax.Scripted) for p in parts)
    )
