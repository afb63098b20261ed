"""What holds of recurrences, by induction along their axis.

A claim `h_t = e_t` about a tensor that is defined by recurrence, or `∂L/∂h_t = e_t` about an
adjoint, is established if the right side satisfies the same recurrence: with every entry of the
definition's body replaced by what is claimed of it, the body is e_t, in normal form and for every
t. The entries in the body come before h_t in the order in which the recurrence is computed, which
is checked to be well founded; so the claims hold of every entry if they hold of those before it.
Claims about several tensors are established together, those that fail are dropped, and what is
established may be used like a definition.

Three conditions keep this sound. A right side must not rest on a tensor of which something is
claimed, so that no claim stands on itself. It must be defined everywhere, for what is not defined
at an earlier entry proves nothing about a later one. And a claim for a part of the axis says
nothing of the rest, where the recurrence stays what it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from derivcheck.attempt import attempted_twice
from derivcheck.calculus import UnknownFunction, adjoint_definitions
from derivcheck.derivation import Reading
from derivcheck.expression import (
    Affine,
    Apply,
    Conjecture,
    Context,
    Definition,
    Derivative,
    Disorder,
    Entry,
    Expression,
    Index,
    Power,
    Rational,
    Tensor,
    add,
    circle,
    direction,
    free_indices,
    fresh,
    guard,
    multiply,
    negation,
    rests_on,
    substitute,
    tensors,
    walk,
)
from derivcheck.normal_form import Normaliser
from derivcheck.normal_form.signs import POSITIVE

_KEPT = 8
_STEPS = 12_000


@dataclass(frozen=True)
class Lemma:
    """A claim that is proved by induction: its text, the declared facts that were used, and the
    tensors of the claims that were supposed of earlier entries."""

    text: str
    assumptions: tuple[str, ...]
    supposed: tuple[Tensor, ...]


@dataclass(frozen=True)
class Established:
    """A context in which the established claims are definitions, and each by its tensor; and the
    context without them."""

    context: Context
    without: Context
    lemmas: Mapping[Tensor, Lemma] = field(default_factory=dict[Tensor, Lemma])

    def used(self, unfolded: Iterable[Tensor]) -> tuple[Lemma, ...]:
        """The lemmas about these tensors, and those that were proved together with them."""
        needed: set[Tensor] = set()
        waiting = [tensor for tensor in unfolded if tensor in self.lemmas]
        while waiting:
            tensor = waiting.pop()
            if tensor not in needed:
                needed.add(tensor)
                waiting.extend(t for t in self.lemmas[tensor].supposed if t in self.lemmas)
        return tuple(lemma for tensor, lemma in self.lemmas.items() if tensor in needed)


@dataclass(frozen=True)
class _Claim:
    """`tensor[subscripts] = right` for all values of the indices in the subscripts."""

    tensor: Tensor
    subscripts: tuple[Affine, ...]
    right: Expression
    text: str
    assumptions: tuple[str, ...]
    """Those that rest on the right side's being defined."""


_remembered: OrderedDict[tuple[int, bool], tuple[Context, Established]] = OrderedDict()


def established(context: Context, *, off_kinks: bool) -> Established:
    """What the context's conjectures come to; adjoints are in it, conjectures are gone.

    Deterministic; remembered for a few contexts, since all claims of a page share theirs.
    """
    if not context.recurrent:
        return Established(context, context)
    key = (id(context), off_kinks)
    kept = _remembered.get(key)
    if kept is None or kept[0] is not context:
        kept = _remembered[key] = (context, _established(context, off_kinks))
        if len(_remembered) > _KEPT:
            _remembered.popitem(last=False)
    return kept[1]


def _established(context: Context, off_kinks: bool) -> Established:
    try:
        for tensor in context.recurrent:
            if members := circle(context.definitions, tensor):
                direction(context.definitions, members)
        extended = _with_adjoints(replace(context, conjectures=()))
    except (Disorder, UnknownFunction):
        return Established(context, context)
    waiting: dict[Tensor, list[_Claim]] = {}
    for conjecture in context.conjectures:
        claim = _claim(conjecture, extended)
        if claim is not None:
            waiting.setdefault(claim.tensor, []).append(claim)
    known = extended
    lemmas: dict[Tensor, Lemma] = {}
    for together in _strata(waiting, extended):
        claims, found = _established_together(
            {tensor: waiting[tensor] for tensor in together}, known, off_kinks
        )
        known = _supposing(claims, known)
        lemmas |= found
    return Established(known, extended, lemmas)


def _strata(wanted: Iterable[Tensor], context: Context) -> list[list[Tensor]]:
    """The tensors in the order in which they rest on each other, those of a circle together, and
    the adjoints last of all: what is established of one is known where the next ones are."""
    adjoints = set(context.adjoints.values())
    below = {t: context.foundations(t) for t in wanted if t not in adjoints}
    found: dict[frozenset[Tensor], list[Tensor]] = {}
    for tensor in sorted(below, key=lambda tensor: len(below[tensor])):
        found.setdefault(below[tensor], []).append(tensor)
    return [*found.values(), [tensor for tensor in wanted if tensor in adjoints]]


def _established_together(
    waiting: dict[Tensor, list[_Claim]], context: Context, off_kinks: bool
) -> tuple[list[_Claim], dict[Tensor, Lemma]]:
    """The first claim about each tensor, until it fails and the next one is tried."""
    while True:
        claims = [claims[0] for claims in waiting.values()]
        lemmas = _lemmas(claims, context, off_kinks)
        if len(lemmas) == len(claims):
            return claims, lemmas
        failed = [claim.tensor for claim in claims if claim.tensor not in lemmas]
        # No tensor of the page rests on an adjoint, but a false claim about one takes others along.
        adjoints = set(context.adjoints.values())
        for tensor in [t for t in failed if t not in adjoints] or failed:
            waiting[tensor].pop(0)
        waiting = {tensor: left for tensor, left in waiting.items() if left}


def _lemmas(claims: Sequence[_Claim], context: Context, off_kinks: bool) -> dict[Tensor, Lemma]:
    """Those of the claims that follow from all of them, supposed of earlier entries; none of those
    that stand on what is claimed."""
    independent = _independent(claims, context)
    if len(independent) < len(claims):
        return {claim.tensor: Lemma("", (), ()) for claim in independent}
    supposed = _supposing(claims, context)
    found = ((claim, _by_induction(claim, context, supposed, off_kinks)) for claim in claims)
    return {claim.tensor: lemma for claim, lemma in found if lemma is not None}


def _with_adjoints(context: Context) -> Context:
    """The context with ∂L/∂h as a recurrence, for every scalar L that rests on one."""
    adjoints: dict[tuple[Tensor, Tensor], Tensor] = {}
    definitions = dict(context.definitions)
    for scalar in context.definitions:
        if scalar.rank == 0 and any(context.depends(scalar, t) for t in context.recurrent):
            if scalar in context.recursive:
                continue
            for tensor, definition in adjoint_definitions(scalar, context).items():
                adjoints[scalar, tensor] = definition.tensor
                definitions[definition.tensor] = definition
    return replace(context, definitions=definitions, adjoints=adjoints)


def _claim(conjecture: Conjecture, context: Context) -> _Claim | None:
    """The conjecture as a claim about a tensor; None if it is not of a form that helps."""
    match conjecture.left:
        case Entry(tensor, subscripts):
            pass
        case Derivative(Entry(scalar, ()), Entry(inner, subscripts)) if (
            scalar,
            inner,
        ) in context.adjoints:
            tensor = context.adjoints[scalar, inner]
        case _:
            return None
    definition = context.definitions.get(tensor)
    if definition is None or definition.recurs_along is None:
        return None
    indices: list[Index] = []
    for place, subscript in enumerate(subscripts):
        found = list(subscript.indices())
        shifted = place == definition.recurs_along and len(found) == 1
        if not (subscript.index or (shifted and (subscript - found[0]).constant is not None)):
            return None
        indices.extend(found)
    right = conjecture.right
    if (
        len(set(indices)) < len(indices)
        or not set(free_indices(right)) <= set(indices)
        or any(isinstance(node, Derivative) for node in walk(right))
    ):
        return None
    session = Normaliser(context)
    if not _total(right, session):
        return None
    text = f"by induction on {indices[definition.recurs_along].name}: {conjecture.text}"
    return _Claim(tensor, subscripts, right, text, tuple(session.assumptions))


def _total(expression: Expression, session: Normaliser) -> bool:
    """Whether a value exists everywhere, through all definitions: nothing may be divided by 0."""
    context = session.context
    pending, seen = [expression], set[Tensor]()
    while pending:
        for node in walk(pending.pop()):
            match node:
                case Power(base, exponent):
                    natural = (
                        isinstance(exponent, Rational)
                        and exponent.value.denominator == 1
                        and exponent.value >= 0
                    )
                    if not natural and session.expression_sign(base) != POSITIVE:
                        return False
                case Apply(function, arguments) if function.name == "log":
                    if session.expression_sign(arguments[0]) != POSITIVE:
                        return False
                case Entry(tensor, _) if tensor not in seen:
                    seen.add(tensor)
                    if (definition := context.definitions.get(tensor)) is not None:
                        pending.append(definition.body)
                case _:
                    pass
    return True


def _independent(claims: Sequence[_Claim], context: Context) -> list[_Claim]:
    """The claims whose right sides rest on nothing that a claim is about.

    An adjoint's claim may name a tensor of the page of which something is claimed as well: no
    definition of the page rests on an adjoint.
    """
    adjoints = set(context.adjoints.values())
    own = {claim.tensor for claim in claims} - adjoints
    kept: list[_Claim] = []
    for claim in claims:
        forbidden = adjoints if claim.tensor in adjoints else adjoints | own
        rested = set[Tensor]()
        for tensor in tensors(claim.right):
            rested |= {tensor} | rests_on(context.definitions, tensor)
        if rested.isdisjoint(forbidden):
            kept.append(claim)
    return kept


def _supposing(claims: Sequence[_Claim], context: Context) -> Context:
    """The context in which every claim defines its tensor, where it says something."""
    definitions = dict(context.definitions)
    for claim in claims:
        recurrence = definitions[claim.tensor]
        definitions[claim.tensor], rest = _as_definition(claim, recurrence)
        if rest is not None:
            definitions[rest] = replace(recurrence, tensor=rest)
    return replace(context, definitions=definitions)


def _as_definition(claim: _Claim, recurrence: Definition) -> tuple[Definition, Tensor | None]:
    """The claim as a definition; and the name under which the rest of the axis still recurs."""
    indices = tuple(map(fresh, recurrence.indices))
    here = tuple(map(Affine.of, indices))
    values: dict[Index, Affine] = {}
    inside: list[Expression] = []
    for place, subscript, extent in zip(here, claim.subscripts, claim.tensor.extents, strict=True):
        (index,) = subscript.indices()
        first = subscript - index
        values[index] = place - first
        if first.terms:
            inside.append(guard(place - first))
        if first + index.extent != extent:
            inside.append(guard(first + index.extent - 1 - place))
    body = substitute(claim.right, values)
    if not inside:
        return Definition(claim.tensor, indices, body), None
    where = multiply(*inside)
    rest = replace(claim.tensor, scope=f"{claim.tensor.scope} elsewhere")
    body = add(multiply(where, body), multiply(negation(where), Entry(rest, here)))
    return Definition(claim.tensor, indices, body), rest


def _by_induction(
    claim: _Claim, context: Context, supposed: Context, off_kinks: bool
) -> Lemma | None:
    """The claim, if the recurrence gives it where the entries before are what is claimed."""
    body = context.definitions[claim.tensor].at(claim.subscripts)
    indices = tuple(index for subscript in claim.subscripts for index in subscript.indices())
    attempt, _ = attempted_twice(Reading(body, claim.right, indices, supposed), off_kinks, _STEPS)
    if not attempt.closed:
        return None
    used = dict.fromkeys((*claim.assumptions, *attempt.session.assumptions))
    return Lemma(claim.text, tuple(used), tuple(attempt.unfolded))
