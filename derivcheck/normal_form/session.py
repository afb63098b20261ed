"""What one proof shares: interned atoms, what is known, what was assumed, and the step budget."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from derivcheck.expression import Affine, Context, Index, Parameter, Tensor
from derivcheck.normal_form.atoms import (
    Atom,
    Equal,
    Exponential,
    Extremum,
    Integer,
    Monomial,
    NonNegative,
    NormalForm,
    Number,
    Repeated,
    Root,
    Scalar,
    Sign,
    Summation,
    Tower,
    Variable,
    tensor_key,
    text,
)


class Unprovable(Exception):
    """The rewriting met something that proves nothing; the message says what."""


class BudgetExceeded(Unprovable):
    """More rewriting steps than allowed."""


class Working(Index):
    """An index that a session opened: itself and nothing else, which makes it quick to look up."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__


@dataclass
class Session:
    """State of one proof. Subclasses add the operations, which call each other through it."""

    context: Context = field(default_factory=Context)
    off_kinks: bool = False
    budget: int = 100_000
    steps: int = 0
    supposed_positive: frozenset[str] = frozenset()
    expand_ranges: bool = False
    assumptions: dict[str, None] = field(default_factory=dict[str, None])
    _atoms: dict[str, Atom] = field(default_factory=dict[str, Atom])
    _tensors: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    _parameters: dict[str, Parameter] = field(default_factory=dict[str, Parameter])
    _serial: int = 0

    def step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > self.budget:
            raise BudgetExceeded(f"more than {self.budget} rewriting steps")

    def assume(self, fact: str) -> None:
        self.assumptions[fact] = None

    def fresh(self, index: Index, extent: Affine | None = None) -> Index:
        """A bound index of this session; its negative serial is no expression's binder's."""
        self._serial -= 1
        return Working(index.name, extent or index.extent, self._serial, index.base)

    def intern(self, atom: Atom) -> Atom:
        """The session's one atom with this meaning."""
        key = text(atom, {})
        known = self._atoms.get(key)
        if known is not None:
            return known
        atom.key = key
        atom.free, atom.tensors = self._contents(atom)
        self._atoms[key] = atom
        return atom

    def _contents(self, atom: Atom) -> tuple[frozenset[Index], frozenset[str]]:
        match atom:
            case Integer(value=value):
                return _affine_indices((Affine.of(value),)), frozenset()
            case Variable(tensor=tensor, subscripts=subscripts):
                return _affine_indices(subscripts), frozenset((tensor_key(tensor),))
            case Equal(difference=value) | NonNegative(value=value):
                return _affine_indices((value,)), frozenset()
            case Sign(argument=form) | Root(base=form):
                return form.free, form.tensors
            case Scalar(arguments=forms):
                return _union(forms)
            case Tower(base=base, exponent=exponent):
                return _union((base, exponent))
            case Exponential(exponent=monomial):
                return _monomial_contents(monomial)
            case Summation(indices=indices, factors=monomial):
                free, tensors = _monomial_contents(monomial)
                return free - frozenset(indices), tensors
            case Repeated(index=index, body=body):
                return body.free - {index}, body.tensors
            case Extremum(indices=indices, where=where, body=body):
                free, tensors = _union((where, body))
                return free - frozenset(indices), tensors
            case _:
                return frozenset(), frozenset()

    def check_name(self, tensor: Tensor) -> None:
        """Text names a tensor by name and scope; two tensors must not share them."""
        if self._tensors.setdefault(tensor_key(tensor), tensor) != tensor:
            raise Unprovable(f"two different tensors are called {tensor.name}")

    # The operations, in the order of the modules that define them.

    def power(self, base: NormalForm, exponent: Number) -> NormalForm:
        raise AssertionError("arithmetic")

    def sum_over(self, indices: Sequence[Index], body: NormalForm) -> NormalForm:
        raise AssertionError("sums")

    def transform(self, form: NormalForm, values: Mapping[Index, Affine]) -> NormalForm:
        raise AssertionError("rewriting")

    def positive(self, argument: NormalForm) -> NormalForm:
        raise AssertionError("functions")

    def reduced(self, form: NormalForm) -> NormalForm:
        raise AssertionError("denominators")

    def sign(self, form: NormalForm) -> int:
        raise AssertionError("signs")

    def atom_sign(self, atom: Atom) -> int:
        raise AssertionError("signs")


def _affine_indices(values: Iterable[Affine]) -> frozenset[Index]:
    return frozenset(index for value in values for index in value.indices())


def _union(forms: Iterable[NormalForm]) -> tuple[frozenset[Index], frozenset[str]]:
    free: frozenset[Index] = frozenset()
    tensors: frozenset[str] = frozenset()
    for form in forms:
        free |= form.free
        tensors |= form.tensors
    return free, tensors


def _monomial_contents(monomial: Monomial) -> tuple[frozenset[Index], frozenset[str]]:
    free: frozenset[Index] = frozenset()
    tensors: frozenset[str] = frozenset()
    for atom, _ in monomial:
        free |= atom.free
        tensors |= atom.tensors
    return free, tensors
