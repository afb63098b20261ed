"""Another page's mathematics on this page's tensors: its definitions, and what it has proved.

Nothing is captured: every binder gets an identity of its own, and the other page's intermediates
become tensors that no name of this page reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.expression import (
    FOREIGN,
    Affine,
    Atom,
    Definition,
    Derivative,
    Domain,
    Entry,
    Expression,
    Hypothesis,
    Index,
    Maximum,
    Parameter,
    Product,
    Sum,
    Tensor,
    Theorem,
    Use,
    fresh,
    multiply,
    rebuild,
    tensors,
    total,
    walk,
)

_SPARE_LETTERS = "stuvwijklmnpqr"

Place = tuple[Tensor, tuple[int, ...]]
"""The tensor of this page that stands for one of the used page, and which of the leading axes of
the use its own leading axes are."""


@dataclass(frozen=True)
class Instance:
    """One use of a page: `sizes` are its parameters here, `letters` its index letters.

    `leading` are the letters and extents of the use's leading axes.
    """

    page: Derivation
    use: Use
    leading: tuple[Index, ...]
    sizes: Mapping[Parameter, Affine]
    letters: Mapping[str, str]

    # --- the forward pass -------------------------------------------------------------------------

    def definitions(self) -> tuple[Definition, ...]:
        """Those that the output rests on, in the used page's order, the output's last."""
        (output,) = self.page.outputs
        places = self._places()
        known = self.page.context.definitions
        ordered = [tensor for tensor in known if tensor in places and tensor != output]
        return tuple(self._definition(tensor, places) for tensor in (*ordered, output))

    def restricted(self) -> tuple[Tensor, ...]:
        """The arguments that the used page supposes to lie in some set, or to be symmetric."""
        slots = zip(self.page.inputs, self.use.arguments, strict=True)
        return tuple(ours for theirs, ours in slots if is_restricted(theirs))

    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """What the used page supposes, of this page's tensors."""
        places = self._places()
        found: list[Hypothesis] = []
        for hypothesis in self.page.context.hypotheses:
            reached = (*tensors(hypothesis.left), *tensors(hypothesis.right))
            missing = [t for t in reached if t not in places]
            places |= {t: self._private(t) for t in self._closure(missing) if t not in places}
            transfer = self._transfer(places)
            left, right = transfer.of(hypothesis.left), transfer.of(hypothesis.right)
            found.append(Hypothesis(left, right, hypothesis.text))
        return tuple(found)

    # --- its gradients ----------------------------------------------------------------------------

    def theorems(
        self, cotangent: Tensor | None
    ) -> tuple[tuple[Definition, ...], tuple[Theorem, ...]]:
        """The closed forms for this cotangent of the output, as definitions, and what they equal.

        For an instance whose extents are found. None for an argument of which the used page has no
        closed form.
        """
        if not all(map(_at_least, self.sizes.values(), (p.minimum for p in self.sizes))):
            return (), ()
        (output,) = self.page.outputs
        use = self.use
        places = self._places()
        incoming = self.page.cotangents.get(output)
        if incoming is not None and (cotangent is None or is_restricted(incoming)):
            return (), ()
        every = tuple(range(use.leading))
        if incoming is not None and cotangent is not None:
            places[incoming] = (cotangent, every)
        forms = [self.page.gradients.get(tensor) for tensor in self.page.inputs]
        wanted = [tensor for form in forms if form is not None for tensor in tensors(form.body)]
        between = [tensor for tensor in self._closure(wanted) if tensor not in places]
        known = self.page.context.definitions
        if any(isinstance(n, Derivative) for t in between for n in walk(known[t].body)):
            return (), ()  # a named cotangent for which the page has no closed form
        places |= {tensor: self._private(tensor, cotangent) for tensor in between}
        found = [self._definition(tensor, places) for tensor in between]
        gradients: dict[Tensor, list[Tensor] | None] = {}
        for slot, form in enumerate(forms):
            argument = use.arguments[slot]
            listed = gradients.setdefault(argument, [])
            if (
                form is None
                or listed is None
                or not self._states_gradient(form, output)
                or not self._within(form.body, places)
            ):
                gradients[argument] = None
                continue
            definition = self._gradient(form, slot, cotangent, places)
            found.append(definition)
            listed.append(definition.tensor)
        theorems = tuple(
            Theorem(use, cotangent, argument, tuple(listed), self._names(argument))
            for argument, listed in gradients.items()
            if listed
        )
        return tuple(found), theorems

    def _names(self, argument: Tensor) -> tuple[str, ...]:
        """What the used page calls the inputs for which this argument stands."""
        slots = zip(self.page.inputs, self.use.arguments, strict=True)
        return tuple(theirs.name for theirs, ours in slots if ours == argument)

    def _within(self, expression: Expression, places: Mapping[Tensor, Place]) -> bool:
        return all(tensor in places for tensor in tensors(expression))

    def _states_gradient(self, form: ClosedForm, output: Tensor) -> bool:
        """Whether the claim differentiates the open loss, or an output that is the loss itself."""
        link = self.page.items[form.item].link
        assert link is not None
        left = link.readings[0].left
        assert isinstance(left, Derivative)
        assert isinstance(left.operand, Entry)
        supposed = link.readings[0].context.hypotheses
        loss = left.operand.tensor
        is_output = loss == output and output not in self.page.cotangents
        leads_to_output = (loss, output) in self.page.context.incoming
        return (is_output or leads_to_output) and all(
            hypothesis in self.page.context.hypotheses for hypothesis in supposed
        )

    def _gradient(
        self,
        form: ClosedForm,
        slot: int,
        cotangent: Tensor | None,
        places: Mapping[Tensor, Place],
    ) -> Definition:
        """The closed form for one argument, summed over the leading axes that it does not have."""
        use, transfer = self.use, self._transfer(places)
        own = tuple(map(transfer.index, form.indices))
        body = transfer.of(form.body)
        (output,) = self.page.outputs
        if output not in self.page.cotangents and cotangent is not None:
            body = multiply(Entry(cotangent, tuple(map(Affine.of, transfer.leading))), body)
        lead = tuple(transfer.leading[place] for place in use.leads[slot])
        rest = tuple(index for index in transfer.leading if index not in lead)
        argument = use.arguments[slot]
        tensor = Tensor(
            rf"\bar{{{argument.name}}}^{{{use.output.name}}}",
            argument.extents,
            scope=f"{self._scope(cotangent)}.{slot}",
        )
        return Definition(tensor, (*lead, *own), total(rest, body))

    # --- tensors ----------------------------------------------------------------------------------

    def _places(self) -> dict[Tensor, Place]:
        """Where the inputs, the output and the intermediates of the used page are here."""
        use = self.use
        (output,) = self.page.outputs
        every = tuple(range(use.leading))
        places: dict[Tensor, Place] = {
            tensor: (argument, lead)
            for tensor, argument, lead in zip(
                self.page.inputs, use.arguments, use.leads, strict=True
            )
        }
        places[output] = (use.output, every)
        for tensor in self._closure([output]):
            if tensor != output:
                places[tensor] = self._private(tensor)
        return places

    def _closure(self, wanted: Iterable[Tensor]) -> list[Tensor]:
        """The defined tensors among these, and those that their definitions rest on, in order."""
        context = self.page.context
        reached = context.foundations(*wanted)
        return [tensor for tensor in context.definitions if tensor in reached]

    def private(self) -> frozenset[Tensor]:
        (output,) = self.page.outputs
        places = self._places()
        return frozenset(
            places[tensor][0] for tensor in self._closure([output]) if tensor != output
        )

    def _private(self, tensor: Tensor, cotangent: Tensor | None = None) -> Place:
        name = rf"{tensor.name}^{{{self.use.output.name}}}"
        sizes = _Transfer(self.leading, {}, self.sizes, self.letters)
        extents = (*(i.extent for i in self.leading), *map(sizes.size, tensor.extents))
        scope = f"{self._scope(cotangent)}:{tensor.scope}"
        return Tensor(name, extents, scope=scope), tuple(range(len(self.leading)))

    def _scope(self, cotangent: Tensor | None) -> str:
        output = self.use.output
        scope = f"{FOREIGN}{self.page.name} in {output.name} {output.scope}"
        return scope if cotangent is None else f"{scope} by {cotangent.name} {cotangent.scope}"

    def _definition(self, tensor: Tensor, places: Mapping[Tensor, Place]) -> Definition:
        definition = self.page.context.definitions[tensor]
        transfer = self._transfer(places)
        indices = (*transfer.leading, *map(transfer.index, definition.indices))
        return Definition(places[tensor][0], indices, transfer.of(definition.body))

    def _transfer(self, places: Mapping[Tensor, Place]) -> _Transfer:
        return _Transfer(tuple(map(fresh, self.leading)), places, self.sizes, self.letters)


@dataclass
class _Transfer:
    """Carries expressions of the used page over, for one value of the leading indices."""

    leading: tuple[Index, ...]
    places: Mapping[Tensor, Place]
    sizes: Mapping[Parameter, Affine]
    letters: Mapping[str, str]
    indices: dict[Index, Index] = field(default_factory=dict[Index, Index])

    def of(self, expression: Expression) -> Expression:
        match expression:
            case Sum(index, body):
                return Sum(self.index(index), self.of(body))
            case Product(index, body):
                return Product(self.index(index), self.of(body))
            case Maximum(indices, where, body):
                bound = tuple(map(self.index, indices))
                return Maximum(bound, self.of(where), self.of(body))
            case Entry(tensor, subscripts):
                place, lead = self.places[tensor]
                front = (Affine.of(self.leading[axis]) for axis in lead)
                return Entry(place, (*front, *map(self.size, subscripts)))
            case Derivative(operand, variable):
                carried = self.of(variable)
                assert isinstance(carried, Entry)
                return Derivative(self.of(operand), carried)
            case _:
                return rebuild(expression, self.of, self.size)

    def index(self, index: Index) -> Index:
        carried = self.indices.get(index)
        if carried is None:
            letter = self.letters.get(index.name, index.name)
            carried = fresh(Index(letter, self.size(index.extent)))
            self.indices[index] = carried
        return carried

    def size(self, value: Affine) -> Affine:
        values: dict[Atom, Affine] = {
            atom: Affine.of(self.index(atom)) if isinstance(atom, Index) else self.sizes[atom]
            for atom in value.atoms()
        }
        return value.substitute(values)


def is_restricted(tensor: Tensor) -> bool:
    """Whether a page says more of a tensor than its shape."""
    return replace(tensor.domain, declared=False) != Domain() or bool(tensor.symmetric)


def _at_least(size: Affine, minimum: int) -> bool:
    """Whether an extent of this page is as large as one of the used page must be."""
    return (
        all(coefficient > 0 for _, coefficient in size.terms)
        and sum(
            coefficient
            for term, coefficient in size.terms
            if all(isinstance(atom, Parameter) and atom.minimum >= 1 for atom in term)
        )
        >= minimum
    )


def letters_for(page: Derivation, own: tuple[str, ...], leading: tuple[str, ...]) -> dict[str, str]:
    """This page's letters for those of the output, and others for what they would collide with."""
    (output,) = page.outputs
    definition = page.context.definitions[output]
    found = {index.name: letter for index, letter in zip(definition.indices, own, strict=True)}
    theirs = {
        index.name
        for definition in page.context.definitions.values()
        for index in definition.indices
    }
    taken = {*own, *leading}
    spare = (c for c in _SPARE_LETTERS if c not in taken and c not in theirs)
    for letter in (*sorted(theirs), *_SPARE_LETTERS):
        if letter not in found and letter in taken:
            found[letter] = next(spare, letter)
    return found
