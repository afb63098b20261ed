"""Extents that the page does not declare: placeholders, unification, and settling in the end.

A placeholder is a `Parameter` whose name begins with `?`. Unifying binds placeholders to sizes;
when the page has been read, `settle` replaces them everywhere, and those still open get names of
their own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from derivcheck.elaboration.counting import Counting
from derivcheck.elaboration.scope import Section
from derivcheck.expression import (
    Affine,
    Atom,
    Context,
    Definition,
    Derivative,
    Entry,
    Expression,
    Hypothesis,
    Index,
    Maximum,
    Parameter,
    Product,
    Sum,
    Tensor,
    rebuild,
)


class Sizes:
    """Union-find over placeholders, with the letter that first ran over each as a hint for its
    name."""

    def __init__(self) -> None:
        self._bound: dict[Parameter, Affine] = {}
        self._hints: dict[Parameter, str] = {}
        self._sections: dict[Parameter, Section] = {}
        self._axes: list[Parameter] = []
        self._likely: list[tuple[Affine, Affine, bool]] = []
        self._tensors: dict[Tensor, Tensor] = {}
        self._replaced: dict[Tensor, Tensor] = {}
        self._borrowed: set[Parameter] = set()
        self.section: Section = ()
        """Where the page is being read."""
        self.undetermined: set[Affine] = set()
        self.counting = Counting()
        self.bases: dict[Affine, int] = {}
        """What the page counts an axis from of which `counting` knows nothing, by its extent."""

    def placeholder(self, hint: str, *, axis: bool = False) -> Affine:
        """A size that is not known yet: of an axis, or of what a letter runs over."""
        parameter = Parameter(f"?{len(self._hints)}")
        self._hints[parameter] = hint
        self._sections[parameter] = self.section
        if axis:
            self._axes.append(parameter)
        return Affine.of(parameter)

    def find(self, size: Affine) -> Affine:
        """The size with every bound placeholder replaced."""
        while True:
            values: dict[Atom, Affine] = {
                atom: self._bound[atom]
                for atom in size.atoms()
                if isinstance(atom, Parameter) and atom in self._bound
            }
            if not values:
                return size
            size = size.substitute(values)

    def unify(self, left: Affine, right: Affine) -> bool:
        """Make both equal; false if they are known to be different sizes."""
        left, right = self.find(left), self.find(right)
        if left == right:
            return True
        for open_side, other in ((left, right), (right, left)):
            atom = open_side.atom
            if (
                isinstance(atom, Parameter)
                and atom in self._hints
                and not self._occurs(atom, other)
            ):
                self._bound[atom] = other
                return True
        return self._unify_factor(left, right) or self._unify_factor(right, left)

    def _unify_factor(self, left: Affine, right: Affine) -> bool:
        """The one open factor of a product, from what the product is: ?·D = HD."""
        if len(left.terms) != 1:
            return False
        ((term, number),) = left.terms
        pending = [atom for atom in term if isinstance(atom, Parameter) and atom in self._hints]
        if len(pending) != 1:
            return False
        rest = Affine(((tuple(atom for atom in term if atom != pending[0]), number),))
        quotient = _quotient(right, rest)
        if quotient is None or self._occurs(pending[0], quotient):
            return False
        self._bound[pending[0]] = quotient
        return True

    def compose(self, parameter: Parameter, product: Affine) -> bool:
        """Read a size as a product of others wherever it stands: M as HD; false in a circle."""
        product = self.find(product)
        if parameter in self._bound or self._occurs(parameter, product):
            return self.find(Affine.of(parameter)) == product
        self._bound[parameter] = product
        return True

    def suppose_digits(
        self, subscript: Affine, extent: Affine | None, *, at_once: bool = False
    ) -> None:
        """Letters of hD + d on an axis of HD places run over H and D, if nothing else says so.

        `at_once` does not wait for what the rest of the page says.
        """
        letters = tuple(subscript.indices())
        if len(letters) != len(subscript.terms) or len(letters) < 2:
            return
        weights = sorted(
            ((self.find(subscript.coefficient(index)), index) for index in letters),
            key=lambda pair: (len(pair[0].terms[0][0]), pair[0].terms[0][1]),
        )
        above = [weight for weight, _ in weights[1:]]
        if extent is not None:
            above.append(self.find(extent))
        found = [_quotient(high, low) for (low, _), high in zip(weights, above, strict=False)]
        if weights[0][0] != Affine.of(1) or None in found or Affine.of(1) in found:
            return  # x_{i+k} is a place further on, and no digits
        if any(times < 0 for run in found if run is not None for _, times in run.terms):
            return  # the letters of r - aR count no places
        for (_, index), run in zip(weights, found, strict=False):
            if run is None or not self.open(index.extent):
                continue
            if at_once:
                self.unify(index.extent, run)
            else:
                self.prefer(index.extent, run)

    def _occurs(self, placeholder: Parameter, size: Affine) -> bool:
        """Whether a size hangs on a placeholder, through the extents of its indices too."""
        return any(
            self._occurs(placeholder, self.find(atom.extent))
            if isinstance(atom, Index)
            else atom == placeholder
            for atom in size.atoms()
        )

    def prefer(self, left: Affine, right: Affine, *, sure: bool = True) -> None:
        """Make both equal in the end if nothing else determines one of them (δ_ij); `borrowed` if
        that is not sure."""
        self._likely.append((left, right, sure))

    def determine(self, size: Affine) -> None:
        """Make an open size what it is likely to be now: an axis is to have it."""
        for left, right, _ in self._likely:
            if self.open(size) and self.find(left) == self.find(size):
                self.unify(left, right)

    def replace(self, tensor: Tensor, narrowed: Tensor) -> None:
        """In the end, read `tensor` as `narrowed` (a bound was declared after its first use)."""
        self._replaced[tensor] = narrowed

    def borrowed(self, size: Affine) -> bool:
        """Whether a size is one that a letter has in another section, for want of a better."""
        return any(
            atom in self._borrowed or (atom in self._bound and self.borrowed(self._bound[atom]))
            for atom in size.atoms()
            if isinstance(atom, Parameter)
        )

    def open(self, size: Affine) -> bool:
        atom = self.find(size).atom
        return isinstance(atom, Parameter) and atom in self._hints

    def close(self, taken: Iterable[str]) -> None:
        """Name what is still open after the letters that run over it: N_m for m.

        A letter that sits on no axis takes the extent that it has elsewhere in its section, or else
        on the page, if that is one extent only; from another section it is `borrowed`.
        `undetermined` are the extents of letters for which this fails too.
        """
        for left, right, sure in self._likely:
            for size in (left, right):
                if (
                    self.open(size)
                    and not sure
                    and isinstance(atom := self.find(size).atom, Parameter)
                ):
                    self._borrowed.add(atom)
            if self.open(left) or self.open(right):
                self.unify(left, right)
        axes = {self.find(Affine.of(axis)) for axis in self._axes}
        nearby: dict[tuple[str, Section], set[Affine]] = {}
        elsewhere: dict[str, set[Affine]] = {}
        for parameter, hint in self._hints.items():
            size = self.find(Affine.of(parameter))
            if not self.open(size) or size in axes:
                nearby.setdefault((hint, self._sections[parameter]), set()).add(size)
                elsewhere.setdefault(hint, set()).add(size)
        for parameter, hint in self._hints.items():
            size = self.find(Affine.of(parameter))
            if not self.open(size) or size in axes:
                continue
            here = nearby.get((hint, self._sections[parameter]), set())
            found = here if len(here) == 1 else elsewhere.get(hint, set())
            if len(found) == 1:
                if found is not here and isinstance(size.atom, Parameter):
                    self._borrowed.add(size.atom)
                self.unify(size, *found)
        loose = [
            parameter
            for parameter in self._hints
            if self.open(size := self.find(Affine.of(parameter))) and size not in axes
        ]
        names = set(taken)
        for parameter, hint in self._hints.items():
            if parameter in self._bound:
                continue
            name = f"N_{{{hint}}}"
            while name in names:
                name = name[:-1] + "'}"
            names.add(name)
            named = Parameter(name)
            self._bound[parameter] = Affine.of(named)
        self.undetermined = {self.find(Affine.of(parameter)) for parameter in loose}

    # --- settling: replacing placeholders in what has been built ---------------------------------

    def size(self, value: Affine) -> Affine:
        value = self.find(value)
        settled: dict[Atom, Affine] = {
            index: Affine.of(self.index(index)) for index in value.indices()
        }
        return value.substitute(settled)

    def index(self, index: Index) -> Index:
        extent = self.size(index.extent)
        return Index(index.name, extent, index.serial, self._base(extent))

    def _base(self, extent: Affine) -> int:
        return self.bases.get(extent, self.counting.base)

    def current(self, tensor: Tensor) -> Tensor:
        """What a tensor is since the last declaration of it."""
        while tensor in self._replaced:
            tensor = self._replaced[tensor]
        return tensor

    def tensor(self, tensor: Tensor) -> Tensor:
        tensor = self.current(tensor)
        settled = self._tensors.get(tensor)
        if settled is None or any(self.find(e) != e for e in settled.extents):
            extents = tuple(map(self.size, tensor.extents))
            starts = [self.counting.start(tensor.name, place) for place in range(len(extents))]
            counted = tuple(
                self._base(extent) if start is None else start
                for start, extent in zip(starts, extents, strict=True)
            )
            settled = replace(tensor, extents=extents, counted=counted)
            self._tensors[tensor] = settled
        return settled

    def settle(self, expression: Expression) -> Expression:
        match expression:
            case Sum(index, body):
                return Sum(self.index(index), self.settle(body))
            case Product(index, body):
                return Product(self.index(index), self.settle(body))
            case Maximum(indices, where, body):
                return Maximum(
                    tuple(map(self.index, indices)), self.settle(where), self.settle(body)
                )
            case Entry(tensor, subscripts):
                return Entry(self.tensor(tensor), tuple(map(self.size, subscripts)))
            case Derivative(operand, variable):
                settled = self.settle(variable)
                assert isinstance(settled, Entry)
                return Derivative(self.settle(operand), settled)
            case _:
                return rebuild(expression, self.settle, self.size)

    def definition(self, definition: Definition) -> Definition:
        tensor = self.tensor(definition.tensor)
        indices = tensor.along(map(self.index, definition.indices))
        return Definition(tensor, indices, self.settle(definition.body), definition.recurs_along)

    def context(self, context: Context) -> Context:
        definitions = [self.definition(d) for d in context.definitions.values()]
        return Context(
            {d.tensor: d for d in definitions},
            tuple(
                Hypothesis(self.settle(h.left), self.settle(h.right), h.text)
                for h in context.hypotheses
            ),
            incoming={
                (self.tensor(loss), self.tensor(output)): self.tensor(cotangent)
                for (loss, output), cotangent in context.incoming.items()
            },
        )


def _quotient(dividend: Affine, divisor: Affine) -> Affine | None:
    """The product that times the divisor is the dividend, for products of sizes; None if none
    is."""
    if len(dividend.terms) != 1 or len(divisor.terms) != 1:
        return None
    (whole, number), (factors, by) = dividend.terms[0], divisor.terms[0]
    left = list(whole)
    for factor in factors:
        if factor not in left:
            return None
        left.remove(factor)
    return None if number % by else Affine(((tuple(left), number // by),))


def shape_parameters(inputs: tuple[Tensor, ...]) -> set[Parameter]:
    """The sizes that an input's shape gives away."""
    return {
        atom
        for tensor in inputs
        for extent in tensor.extents
        if isinstance(atom := extent.atom, Parameter)
    }
