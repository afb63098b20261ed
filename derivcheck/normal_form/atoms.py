"""What a normal form is made of: atoms, monomials, and the text that makes equal ones the same.

A normal form is a map from monomials to rationals, a monomial a product of atoms to rational
powers. Atoms that mean the same are written the same by `text`: bound indices get labels from a
canonical order (colour refinement, then individualisation), so that text is blind to the letters
of binders and to the order of terms. A `Session` interns atoms by their text and compares them by
identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import TypeAlias

from derivcheck.expression import Affine, Function, Index, Parameter, Tensor

Number: TypeAlias = "int | Fraction"
Names: TypeAlias = Mapping[Index, str]

_NO_NAMES: Names = {}
_LEAVES = 24
"""Orders tried for indices that refinement cannot tell apart; past that, equal sums may differ."""


@dataclass(eq=False, slots=True)
class Atom:
    """`key` is the text with no index renamed; `free` the indices not bound inside.

    `tensors` are the keys of the tensors that occur in it.
    """

    key: str = field(init=False, default="")
    free: frozenset[Index] = field(init=False, default=frozenset())
    tensors: frozenset[str] = field(init=False, default=frozenset())


Monomial: TypeAlias = tuple[tuple[Atom, Number], ...]
"""Atoms with their exponents, sorted by key; the empty product is 1."""


class NormalForm:
    """Σ coefficient · monomial, no coefficient 0; compared by its canonical text."""

    __slots__ = ("_key", "terms")

    def __init__(self, terms: dict[Monomial, Number]) -> None:
        self.terms = terms
        self._key = ""

    @property
    def key(self) -> str:
        """The canonical text; the same for equal forms of different sessions."""
        if not self._key:
            self._key = form_text(self, _NO_NAMES)
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NormalForm) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __repr__(self) -> str:
        return f"NormalForm({self.key})"

    def atoms(self) -> Iterable[Atom]:
        return (atom for monomial in self.terms for atom, _ in monomial)

    @property
    def free(self) -> frozenset[Index]:
        return frozenset[Index]().union(*(atom.free for atom in self.atoms()))

    @property
    def tensors(self) -> frozenset[str]:
        return frozenset[str]().union(*(atom.tensors for atom in self.atoms()))

    @property
    def number(self) -> Number | None:
        """The value, if it is a rational number."""
        if not self.terms:
            return 0
        if len(self.terms) == 1 and () in self.terms:
            return self.terms[()]
        return None


@dataclass(eq=False, slots=True)
class Integer(Atom):
    """A parameter or the value of an index, as a number."""

    value: Parameter | Index


@dataclass(eq=False, slots=True)
class Prime(Atom):
    """A prime number, under an exponent between 0 and 1."""

    value: int


@dataclass(eq=False, slots=True)
class Variable(Atom):
    """An entry of a tensor; guards for a subscript that may leave the axis stand beside it."""

    tensor: Tensor
    subscripts: tuple[Affine, ...]


@dataclass(eq=False, slots=True)
class Equal(Atom):
    """1 where the difference is 0, else 0."""

    difference: Affine


@dataclass(eq=False, slots=True)
class NonNegative(Atom):
    """1 where value ≥ 0, else 0."""

    value: Affine


@dataclass(eq=False, slots=True)
class Sign(Atom):
    """1 where the argument is > 0, else 0."""

    argument: NormalForm


@dataclass(eq=False, slots=True)
class Exponential(Atom):
    """e^monomial; a coefficient of the monomial is the exponent of the atom."""

    exponent: Monomial


@dataclass(eq=False, slots=True)
class Summation(Atom):
    """Σ over the indices, which share factors: one connected component."""

    indices: tuple[Index, ...]
    factors: Monomial


@dataclass(eq=False, slots=True)
class Root(Atom):
    """A base that is not one product of powers, under a negative or fractional exponent.

    `primitive` says that nothing more can be pulled out of it even under an integer exponent.
    """

    base: NormalForm
    primitive: bool


@dataclass(eq=False, slots=True)
class Scalar(Atom):
    """A scalar function that nothing simplifies."""

    function: Function
    arguments: tuple[NormalForm, ...]


@dataclass(eq=False, slots=True)
class Extremum(Atom):
    """The largest body over the indices at which `where` is 1."""

    indices: tuple[Index, ...]
    where: NormalForm
    body: NormalForm


@dataclass(eq=False, slots=True)
class Repeated(Atom):
    """Π over the index."""

    index: Index
    body: NormalForm


@dataclass(eq=False, slots=True)
class Tower(Atom):
    """base^exponent with an exponent that is no number and a base not known positive."""

    base: NormalForm
    exponent: NormalForm


INDICATORS = (Equal, NonNegative, Sign)
"""Atoms with the values 0 and 1: idempotent for positive exponents, and absorbing at 0."""


def parts(atom: Atom) -> list[Atom]:
    """The atoms that an atom is made of, one level down."""
    match atom:
        case Summation(factors=monomial) | Exponential(exponent=monomial):
            return [inner for inner, _ in monomial]
        case Sign(argument=form) | Root(base=form) | Repeated(body=form):
            return list(form.atoms())
        case Scalar(arguments=forms):
            return [inner for form in forms for inner in form.atoms()]
        case Extremum(where=first, body=second) | Tower(base=first, exponent=second):
            return [*first.atoms(), *second.atoms()]
        case _:
            return []


def variables(atom: Atom) -> Iterator[Variable]:
    """Every entry in an atom, inside functions too."""
    if isinstance(atom, Variable):
        yield atom
    for inner in parts(atom):
        yield from variables(inner)


# --- text ---------------------------------------------------------------------------------------


def text(atom: Atom, names: Names) -> str:
    """The atom in canonical text, the free indices in `names` under their labels there."""
    if atom.key and (not names or atom.free.isdisjoint(names)):
        return atom.key
    return _text(atom, names)


def _text(atom: Atom, names: Names) -> str:
    # The first letter orders kinds: in a denominator the leading term is the most complex.
    match atom:
        case Integer(value=value):
            return f"a{atom_text(value, names)}"
        case Prime(value=value):
            return f"b{value}"
        case Variable(tensor=tensor, subscripts=subscripts):
            return f"e{tensor_key(tensor)}[{_subscripts(tensor, subscripts, names)}]"
        case Equal(difference=difference):
            return f"d{min(affine_text(difference, names), affine_text(-difference, names))}"
        case NonNegative(value=value):
            return f"c{affine_text(value, names)}"
        case Sign(argument=argument):
            return f"f{{{form_text(argument, names)}}}"
        case Scalar(function=function, arguments=arguments):
            inside = ";".join(form_text(argument, names) for argument in arguments)
            abstract = f"'{function.order}" if function.abstract else ""
            return f"g{function.name}{abstract}({inside})"
        case Tower(base=base, exponent=exponent):
            return f"h{{{form_text(base, names)}}}^{{{form_text(exponent, names)}}}"
        case Repeated(index=index, body=body):
            return f"i{bound_text((index,), (form_part(body),), names)[1]}"
        case Extremum(indices=indices, where=where, body=body):
            return f"j{bound_text(indices, (form_part(where), form_part(body)), names)[1]}"
        case Root(base=base):
            return f"k{{{form_text(base, names)}}}"
        case Summation(indices=indices, factors=factors):
            return f"l{bound_text(indices, tuple(map(factor_part, factors)), names, True)[1]}"
        case Exponential(exponent=exponent):
            return f"m{{{monomial_text(exponent, names)}}}"
        case _:
            raise TypeError(type(atom).__name__)


def form_text(form: NormalForm, names: Names) -> str:
    return "+".join(sorted(f"{c}{monomial_text(m, names)}" for m, c in form.terms.items()))


def monomial_text(monomial: Monomial, names: Names) -> str:
    return "".join(sorted(factor_text(atom, exponent, names) for atom, exponent in monomial))


def factor_text(atom: Atom, exponent: Number, names: Names) -> str:
    written = text(atom, names)
    return f"·{written}" if exponent == 1 else f"·{written}^{exponent}"


def tensor_key(tensor: Tensor) -> str:
    """The tensor's name, told apart by scope; unique within a page."""
    return f"{tensor.name}@{tensor.scope}" if tensor.scope else tensor.name


def _subscripts(tensor: Tensor, subscripts: tuple[Affine, ...], names: Names) -> str:
    texts = [affine_text(subscript, names) for subscript in subscripts]
    if tensor.symmetric:
        # Swaps sort the axes of each orbit; as many rounds as axes reach the sorted order.
        for _ in texts:
            for first, second in tensor.symmetric:
                low, high = min(first, second), max(first, second)
                if texts[high] < texts[low]:
                    texts[low], texts[high] = texts[high], texts[low]
    return ",".join(texts)


def affine_text(affine: Affine, names: Names) -> str:
    if not names or not any(atom in names for atom in affine.atoms()):
        return _plain_affine_text(affine)
    return _affine_text(affine, names)


@lru_cache(maxsize=1 << 14)
def _plain_affine_text(affine: Affine) -> str:
    return _affine_text(affine, _NO_NAMES)


def _affine_text(affine: Affine, names: Names) -> str:
    terms: list[str] = []
    for term, coefficient in affine.terms:
        product = ".".join(sorted(atom_text(atom, names) for atom in term))
        terms.append(product if coefficient == 1 and product else f"{coefficient}.{product}")
    return "&".join(sorted(terms))


def atom_text(atom: Parameter | Index, names: Names) -> str:
    if isinstance(atom, Parameter):
        return atom.name if atom.minimum == 1 else f"{atom.name}~{atom.minimum}"
    label = names.get(atom)
    if label is not None:
        return label
    if atom.serial == 0:
        return f"{atom.name}:{affine_text(atom.extent, _NO_NAMES)}:"
    return f"#{atom.serial}"


# --- canonical order of bound indices -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """Something that stands under a binder: its free indices and how to write it."""

    free: frozenset[Index]
    write: Callable[[Names], str]


def factor_part(factor: tuple[Atom, Number]) -> Part:
    atom, exponent = factor
    return Part(atom.free, lambda names: factor_text(atom, exponent, names))


def form_part(form: NormalForm) -> Part:
    return Part(form.free, lambda names: form_text(form, names))


def bound_text(
    indices: tuple[Index, ...], parts: Sequence[Part], names: Names, commute: bool = False
) -> tuple[tuple[Index, ...], str]:
    """The binder in canonical text, and its indices in the order of their labels.

    `commute` says that the order of the parts means nothing.
    """

    def write(order: tuple[Index, ...]) -> str:
        labels = {**names, **{i: f"%{len(names) + n}" for n, i in enumerate(order)}}
        written = [part.write(labels) for part in parts]
        if commute:
            written.sort()
        sizes = ",".join(affine_text(index.extent, names) for index in order)
        # The first label is part of the text: labels alone do not say which binder they belong to.
        return f"({len(names)}:{sizes}){{{'|'.join(written)}}}"

    if len(indices) == 1:
        return indices, write(indices)
    start = {index: f"?{affine_text(index.extent, names)}" for index in indices}
    best: tuple[str, tuple[Index, ...]] | None = None
    for order in _orders(_refine(start, parts, names), parts, names, [_LEAVES]):
        candidate = (write(order), order)
        if best is None or candidate[0] < best[0]:
            best = candidate
    assert best is not None
    return best[1], best[0]


def _refine(colours: dict[Index, str], parts: Sequence[Part], names: Names) -> dict[Index, str]:
    """Split colours by what surrounds each index until no more can be told apart."""
    while True:
        count = len(set(colours.values()))
        if count == len(colours):
            return colours
        signatures: dict[Index, tuple[str, ...]] = {}
        for index in colours:
            marked = {**names, **colours, index: "!"}
            around = sorted(part.write(marked) for part in parts if index in part.free)
            signatures[index] = (colours[index], *around)
        ranks = {signature: n for n, signature in enumerate(sorted(set(signatures.values())))}
        if len(ranks) == count:
            return colours
        colours = {index: f"?{ranks[signatures[index]]:03}" for index in colours}


def _orders(
    colours: dict[Index, str], parts: Sequence[Part], names: Names, budget: list[int]
) -> Iterable[tuple[Index, ...]]:
    """The orders that refinement leaves open, twins skipped, at most the budget."""
    classes: dict[str, list[Index]] = {}
    for index, colour in colours.items():
        classes.setdefault(colour, []).append(index)
    tied = next((members for _, members in sorted(classes.items()) if len(members) > 1), None)
    if tied is None:
        budget[0] -= 1
        yield tuple(sorted(colours, key=lambda index: colours[index]))
        return
    first = tied[0]
    for member in tied:
        if budget[0] <= 0 or (member is not first and _twins(first, member, parts, names)):
            continue
        chosen = {**colours, member: f"{colours[member]}<"}
        yield from _orders(_refine(chosen, parts, names), parts, names, budget)


def _twins(first: Index, second: Index, parts: Sequence[Part], names: Names) -> bool:
    """Whether swapping two indices changes nothing, so that one of them stands for both."""
    touched = [part for part in parts if first in part.free or second in part.free]
    there = {**names, first: "!1", second: "!2"}
    back = {**names, first: "!2", second: "!1"}
    return sorted(part.write(there) for part in touched) == sorted(
        part.write(back) for part in touched
    )
