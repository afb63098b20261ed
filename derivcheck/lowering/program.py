"""A derivation as a program: `forward` and `pullback`, and the residuals between them.

The steps: definitions and closed forms are rewritten (`rewriting`, `stable`) and translated to
arrays (`translation`); values that occur more than once get a name; forward values that the
pullback uses become residuals.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from derivcheck.derivation import ClosedForm, Derivation
from derivcheck.expression import (
    Affine,
    Derivative,
    Entry,
    Expression,
    Index,
    Parameter,
    Tensor,
    circle,
    composed,
    digits,
    free_indices,
    fresh,
    multiply,
    rebuild,
    tensors,
)
from derivcheck.lowering import recurring, sharing
from derivcheck.lowering.array import Arrange, Array, Call, Loop, Reshape, Softmax, Variable
from derivcheck.lowering.extents import Extent, extents_of, numbers_of
from derivcheck.lowering.naming import Names
from derivcheck.lowering.rewriting import is_finite, simplify
from derivcheck.lowering.sharing import Assignment, Emission, repeated
from derivcheck.lowering.stable import Stabiliser
from derivcheck.lowering.translation import LoweringError, Translation
from derivcheck.lowering.traversal import key, needed_parameters, replace_operands
from derivcheck.lowering.traversal import walk as walk_array
from derivcheck.lowering.windows import Declared
from derivcheck.notation import identifier, text


@dataclass(frozen=True)
class Routine:
    """Straight-line code: arguments and statics in, extents read off, assignments, results out."""

    arguments: tuple[str, ...]
    statics: tuple[Parameter, ...]
    extents: tuple[Extent, ...]
    body: tuple[Assignment, ...]
    results: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """Both directions of a layer.

    `pullback.arguments` are the residuals followed by the cotangents; `residuals` and `cotangents`
    name the two parts. `differentiated` are the inputs that have a gradient, in the order of the
    pullback's results. `numbers` names every extent and static; `shapes` gives the axes of every
    argument and output, for docstrings.
    """

    name: str
    title: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    residuals: tuple[str, ...]
    cotangents: tuple[str, ...]
    differentiated: tuple[str, ...]
    forward: Routine
    pullback: Routine
    numbers: Mapping[Parameter, str]
    shapes: Mapping[str, tuple[Affine, ...]]

    def names(self) -> Names:
        """Names for further values, beside those that the program has."""
        names = Names()
        assigned = (a.name for a in (*self.forward.body, *self.pullback.body))
        taken = (*self.numbers.values(), *self.inputs, *self.cotangents, *assigned)
        for name in dict.fromkeys(taken):
            names.unique(name)
        return names


@dataclass(frozen=True)
class FormulaProgram:
    """One closed form as a function of the tensors in it."""

    name: str
    title: str
    routine: Routine
    numbers: Mapping[Parameter, str]
    shapes: Mapping[str, tuple[Affine, ...]]


def lower(derivation: Derivation, *, wanted: Collection[str] | None = None) -> Program:
    """The program of a page.

    `wanted` names the inputs whose gradients the pullback gives, by their LaTeX names or as
    identifiers; the others count as constants, and nothing is computed or kept for them alone. All
    that have a closed form without it.

    Raises `LoweringError` where a part of it has no array program: an abstract function, a
    definition through itself, a derivative for which the page has no closed form, gradients of a
    loss beside which the page has other outputs. Raises `KeyError` for a wanted gradient that the
    page does not state.
    """
    differentiated = _differentiated(derivation, wanted)
    if differentiated and len(derivation.outputs) > 1 and not derivation.cotangents:
        # A pullback takes a cotangent of every output; those of one loss say nothing of the others.
        names = " and ".join(output.name for output in derivation.outputs)
        raise LoweringError(
            f"the gradients are those of one loss, and the outputs are {names}: "
            "let the loss be the only output, or leave it open"
        )
    return _Assembly(derivation, differentiated).program()


def _differentiated(derivation: Derivation, wanted: Collection[str] | None) -> tuple[Tensor, ...]:
    """The inputs with a gradient, in the page's order, of those that are wanted."""
    stated = [tensor for tensor in derivation.inputs if tensor in derivation.gradients]
    if wanted is None:
        return tuple(stated)
    known = {name: t for t in stated for name in (t.name, identifier(t.name))}
    for name in wanted:
        if name not in known:
            there = ", ".join(identifier(tensor.name) for tensor in stated)
            raise KeyError(f"no gradient in closed form for {name!r}; there are: {there}")
    chosen = {known[name] for name in wanted}
    return tuple(tensor for tensor in stated if tensor in chosen)


def lower_closed_form(closed_form: ClosedForm, derivation: Derivation) -> FormulaProgram:
    """The closed form by itself, as a function of the tensors that occur in it.

    The order of its arguments: inputs in the page's order, then defined tensors in the order of
    their definitions, then cotangents.
    """
    subscripts, body = composed(closed_form.indices, closed_form.body)
    body = simplify(body)
    present = set(tensors(body))
    ordered = dict.fromkeys(
        [*derivation.inputs, *derivation.context.definitions, *derivation.cotangents.values()]
    )
    arguments = [tensor for tensor in ordered if tensor in present]
    arguments.extend(tensor for tensor in tensors(body) if tensor not in ordered)
    names = Names()
    variables = {tensor: names.symbol(tensor.name) for tensor in arguments}
    numbers = numbers_of(derivation, names)
    stable = Stabiliser({}).rewrite(body)
    array = _arranged(
        Translation(variables, sizes=_declared(derivation)), stable, subscripts, closed_form.indices
    )
    result = names.symbol(f"\\bar{{{closed_form.variable.name}}}")
    emission = Emission(repeated([array]), names.value)
    emission.emit(Assignment(result, array, closed_form.variable))
    shapes = {variables[tensor]: tensor.extents for tensor in arguments}
    needed = needed_parameters(assignment.value for assignment in emission.body)
    extents, missing = extents_of(needed, list(shapes.items()), derivation)
    statics = tuple(p for p in derivation.statics if p in needed)
    routine = Routine(
        tuple(variables.values()),
        (*statics, *missing),
        tuple(extents),
        tuple(emission.body),
        (result,),
    )
    return FormulaProgram(derivation.name, derivation.title, routine, numbers, shapes)


class _Assembly:
    """The state of one lowering."""

    def __init__(self, derivation: Derivation, differentiated: Sequence[Tensor]) -> None:
        self.derivation = derivation
        self.differentiated = differentiated
        self.recursive = derivation.context.recursive
        self.definitions = recurring.apart(derivation.context.definitions, self.recursive)
        self.loops: dict[Tensor, Loop] = {}
        self.stabiliser = Stabiliser(self.definitions)
        self.names = Names()
        self.variables: dict[Tensor, str] = {}
        for tensor in derivation.inputs:
            self.variables[tensor] = self.names.symbol(tensor.name)
        self.numbers = numbers_of(derivation, self.names)
        for tensor in (*self.definitions, *derivation.cotangents.values()):
            if tensor not in self.variables:
                self.variables[tensor] = self.names.symbol(tensor.name)
        self.of_name = {name: tensor for tensor, name in self.variables.items()}
        self.cotangents = self._cotangents()
        self.letter = self.names.unique("t") if self.recursive else ""
        self.arrays: dict[Tensor, Array] = {}
        self.open: list[Tensor] = []
        finite = {tensor.name: False for tensor in self.definitions}
        for tensor, definition in self.definitions.items():
            finite[tensor.name] = is_finite(definition.body, finite)
        self.translation = Translation(self.variables, finite, _declared(derivation))

    def program(self) -> Program:
        derivation = self.derivation
        forward: dict[Tensor, None] = {}
        for output in derivation.outputs:
            self._require(output, forward)
        inputs = set(derivation.inputs)
        backward: dict[Tensor, None] = dict(forward)
        gradients = [self._gradient(t) for t in self.differentiated]
        for gradient in gradients:
            self._require_variables(gradient.value, backward)
        # A loop of the forward pass leaves behind what the pullback needs of it.
        ahead = {id(self.loops[tensor]) for tensor in forward if tensor in self.loops}
        forward |= {t: None for t in backward if t in self.loops and id(self.loops[t]) in ahead}
        forward_roots = [self._root(t) for t in forward if t not in inputs]
        between = [
            t for t in backward if t not in forward and t not in inputs and t not in self.cotangents
        ]
        pullback_roots = [*(self._root(t) for t in between), *gradients]
        forward_roots, pullback_roots = _reuse_logarithms(forward_roots, pullback_roots)
        outputs = {self.variables[t] for t in derivation.outputs}
        forward_roots = sharing.scalings_merged(forward_roots, pullback_roots, outputs)

        available = {self.variables[t] for t in (*inputs, *forward)}
        in_forward = sharing.occurrences(root.value for root in forward_roots)
        saved = frozenset(
            sharing.maximal(
                (root.value for root in pullback_roots),
                in_forward,
                lambda array: all(
                    node.name in available
                    for node in walk_array(array)
                    if isinstance(node, Variable)
                ),
            )
        )
        first = Emission(
            frozenset(k for k, count in in_forward.items() if count > 1) | saved, self.names.value
        )
        for root in forward_roots:
            first.emit(root)
        second = Emission(
            repeated(root.value for root in pullback_roots), self.names.value, dict(first.known)
        )
        for root in pullback_roots:
            second.emit(root)
        return self._finished(first.body, second.body, gradients)

    def _finished(
        self,
        forward: Sequence[Assignment],
        pullback: Sequence[Assignment],
        gradients: Sequence[Assignment],
    ) -> Program:
        derivation = self.derivation
        inputs = tuple(self.variables[t] for t in derivation.inputs)
        cotangents = tuple(self.cotangents.values())
        shapes = {self.variables[t]: t.extents for t in derivation.inputs}
        shapes |= {name: tensor.extents for tensor, name in self.cotangents.items()}
        shapes |= {self.variables[t]: t.extents for t in derivation.outputs}
        produced = {a.name: tuple(i.extent for i in a.value.axes) for a in forward}
        shapes = {**produced, **shapes}

        used = {
            node.name
            for assignment in pullback
            for node in walk_array(assignment.value)
            if isinstance(node, Variable)
        }
        residuals = [name for name in (*inputs, *produced) if name in used]
        needed = needed_parameters(a.value for a in pullback)
        sources = [(name, shapes[name]) for name in (*residuals, *cotangents)]
        extents, free = extents_of(needed, sources, derivation)
        for tensor in derivation.inputs:
            # An input whose shape alone is needed is kept whole: a reference costs nothing.
            determined = {atom for extent in tensor.extents for atom in extent.atoms()}
            name = self.variables[tensor]
            if name not in residuals and any(p in determined for p in free):
                residuals.append(name)
                sources.append((name, tensor.extents))
                extents, free = extents_of(needed, sources, derivation)
        statics = derivation.statics
        back = Routine(
            (*residuals, *cotangents),
            (*statics, *free),
            tuple(extents),
            tuple(pullback),
            tuple(gradient.name for gradient in gradients),
        )
        sources = [(name, shapes[name]) for name in inputs]
        extents, free = extents_of(needed_parameters(a.value for a in forward), sources, derivation)
        nameless = [p.name for p in free if p not in self.numbers]
        if nameless:
            raise LoweringError(f"nothing in the page's shapes says what {nameless[0]} is")
        outputs = tuple(self.variables[t] for t in derivation.outputs)
        ahead = Routine(inputs, (*statics, *free), tuple(extents), tuple(forward), outputs)
        return Program(
            name=derivation.name,
            title=derivation.title,
            inputs=inputs,
            outputs=outputs,
            residuals=tuple(residuals),
            cotangents=cotangents,
            differentiated=tuple(self.variables[t] for t in self.differentiated),
            forward=ahead,
            pullback=back,
            numbers=self.numbers,
            shapes=shapes,
        )

    # --- roots ----------------------------------------------------------------------------------

    def _cotangents(self) -> dict[Tensor, str]:
        """The cotangent of every output, in order; a defined loss has one of its own."""
        found: dict[Tensor, str] = {}
        for output in self.derivation.outputs:
            tensor = self.derivation.cotangents.get(output)
            if tensor is None:
                tensor = Tensor(f"\\bar{{{output.name}}}", output.extents, scope="cotangent")
                self.variables[tensor] = self.names.symbol(tensor.name)
                self.of_name[self.variables[tensor]] = tensor
            found[tensor] = self.variables[tensor]
        return found

    def _require(self, tensor: Tensor, order: dict[Tensor, None]) -> None:
        """Puts the definitions that a tensor rests on, and then itself, into the order."""
        if tensor in order or tensor in self.cotangents:
            return
        if tensor not in self.definitions:
            if tensor not in self.derivation.inputs:
                raise LoweringError(f"{tensor.name} is neither an input nor defined")
            order[tensor] = None
            return
        if tensor in self.open:
            raise LoweringError(f"{tensor.name} is defined through itself")
        self.open.append(tensor)
        self._require_variables(self._array(tensor), order)
        self.open.pop()
        order[tensor] = None

    def _require_variables(self, array: Array, order: dict[Tensor, None]) -> None:
        for node in walk_array(array):
            if isinstance(node, Variable):
                self._require(self.of_name[node.name], order)

    def _array(self, tensor: Tensor) -> Array:
        if tensor in self.recursive:
            return self._recurring(tensor)
        if tensor not in self.arrays:
            definition = self.definitions[tensor]
            subscripts, body = composed(definition.indices, definition.body)
            if body is definition.body:
                whole = self.stabiliser.body(tensor)
                if whole is None:
                    raise LoweringError(f"{tensor.name} is defined through itself")
                body = whole
            else:
                body = self.stabiliser.rewrite(simplify(body))
            self.arrays[tensor] = _arranged(
                self.translation, self._closed(body), subscripts, definition.indices
            )
        return self.arrays[tensor]

    def _recurring(self, tensor: Tensor) -> Array:
        if tensor not in self.loops:
            loop = recurring.loop_of(
                tensor,
                self.definitions,
                self.variables,
                self.letter,
                self.names.unique,
                self.names.value,
                self._step,
            )
            for member in circle(self.definitions, tensor):
                self.loops[member] = loop
        axes = tuple(map(fresh, self.definitions[tensor].indices))
        return recurring.array(self.variables[tensor], axes, self.loops[tensor])

    def _step(
        self, value: Expression, axes: tuple[Index, ...], slices: Mapping[Tensor, str]
    ) -> Array:
        translation = replace(self.translation, names={**self.variables, **slices})
        subscripts = tuple(map(Affine.of, axes))
        return _arranged(
            translation, self.stabiliser.rewrite(simplify(self._closed(value))), subscripts, axes
        )

    def _root(self, tensor: Tensor) -> Assignment:
        definition = self.definitions[tensor]
        subscripts, body = composed(definition.indices, definition.body)
        letters = free_indices(left := Entry(tensor, subscripts))
        formula = f"{text(left, letters)} = {text(body, letters)}"
        return Assignment(self.variables[tensor], self._array(tensor), tensor, formula)

    def _gradient(self, variable: Tensor) -> Assignment:
        closed = self.derivation.gradients[variable]
        subscripts, body = composed(closed.indices, closed.body)
        left = Entry(variable, subscripts)
        letters = free_indices(left)
        formula = f"∂{text(Entry(closed.loss))}/∂{text(left, letters)} = {text(body, letters)}"
        for output, cotangent in zip(self.derivation.outputs, self.cotangents, strict=True):
            if output not in self.derivation.cotangents:
                body = multiply(Entry(cotangent), body)
        body = self.stabiliser.rewrite(simplify(self._closed(body)))
        array = _arranged(self.translation, body, subscripts, closed.indices)
        name = self.names.symbol(f"\\bar{{{variable.name}}}")
        return Assignment(name, array, variable, formula)

    def _closed(self, expression: Expression) -> Expression:
        """Derivatives of the loss by an output are that output's cotangent."""
        if isinstance(expression, Derivative):
            cotangent = self.derivation.cotangents.get(expression.variable.tensor)
            others = [t for t in self.derivation.outputs if t != expression.variable.tensor]
            through = any(
                self.derivation.context.depends(other, expression.variable.tensor)
                for other in others
            )
            if cotangent is None or through:
                name = expression.variable.tensor.name
                raise LoweringError(f"the derivative by {name} has no closed form of its own")
            return Entry(cotangent, expression.variable.subscripts)
        return rebuild(expression, self._closed)


def _arranged(
    translation: Translation,
    body: Expression,
    subscripts: tuple[Affine, ...],
    axes: tuple[Index, ...],
) -> Array:
    """What tensor[subscripts] = body says, as an array with exactly these axes.

    A number that stands for an array becomes one; digits of one axis are laid together.
    """
    letters = tuple(letter for subscript in subscripts for letter in digits(subscript) or ())
    array = translation.array(body, letters)
    if array.axes != letters:
        array = Arrange(letters, array)
    return array if letters == axes else Reshape(axes, array)


def _reuse_logarithms(
    forward: list[Assignment], pullback: list[Assignment]
) -> tuple[list[Assignment], list[Assignment]]:
    """A softmax is e^{log-softmax} where the forward pass computes the logarithm and not itself."""
    present = sharing.occurrences(root.value for root in forward)

    def visit(array: Array) -> Array:
        if isinstance(array, Softmax) and not array.logarithm and key(array) not in present:
            logarithm = Softmax(array.axes, array.over, True, array.operand)
            if key(logarithm) in present:
                return Call(array.axes, "exp", (logarithm,))
        return replace_operands(array, visit)

    return forward, [replace(root, value=visit(root.value)) for root in pullback]


def _declared(derivation: Derivation) -> Declared:
    return Declared(frozenset(derivation.extents), derivation.statics)
