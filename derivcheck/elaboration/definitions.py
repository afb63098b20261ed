"""Equations that define: tensors, functions of one variable, extents, and names for cotangents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from derivcheck import syntax
from derivcheck.elaboration import index_maps
from derivcheck.elaboration.evaluation import places
from derivcheck.elaboration.fault import Fault, is_a_size, unread, unsupported
from derivcheck.elaboration.functions import FUNCTIONS, function_of, is_at_entry
from derivcheck.elaboration.gradient_names import is_gradient, unbound
from derivcheck.elaboration.integers import Letters
from derivcheck.elaboration.left_sides import left_side
from derivcheck.elaboration.names import (
    CONSTANTS,
    declared_name,
    has_floor,
    looks_like_gradient,
    names_something,
    nodes,
    parts,
    subscript_items,
)
from derivcheck.elaboration.recurrences import no_base_case
from derivcheck.elaboration.scope import (
    AbstractMeaning,
    Known,
    ParameterMeaning,
    TensorMeaning,
    UnreadMeaning,
)
from derivcheck.elaboration.state import PageState, Same
from derivcheck.elaboration.steps import StepReader, check_circle
from derivcheck.elaboration.terms import Translator
from derivcheck.elaboration.uses import UseReader, used_function
from derivcheck.expression import (
    Affine,
    Apply,
    Definition,
    Derivative,
    Entry,
    Expression,
    Function,
    Index,
    Tensor,
    apply,
    free_indices,
    placed,
    tensors,
    walk,
)
from derivcheck.source import Span
from derivcheck.syntax import Node


class DefinitionReader:
    def __init__(
        self, page: PageState, letters: Letters, translator: Translator, same: Same
    ) -> None:
        self.page = page
        self.letters = letters
        self.translator = translator
        self.same = same
        self.steps = StepReader(page, letters, translator)

    # --- does it define? -------------------------------------------------------------------------

    def name_of(self, left: Node) -> str | None:
        """The name that this left side would define, None if it is no definable form."""
        parsed = left_side(self.page, left, explicit=False)
        return parsed.name if parsed else None

    def defines(self, left: Node, right: Node, explicit: bool) -> bool:
        """Whether an equation with this left side defines, by the rules of the page."""
        parsed = left_side(self.page, left, explicit or is_gradient(right))
        if parsed is None:
            if explicit and not isinstance(left, syntax.DerivativeOf):
                raise Fault(
                    "unsupported",
                    "this left side cannot be defined",
                    left.span,
                    "define a symbol with index letters as subscripts",
                )
            return False
        name, subscripts, argument = parsed.name, parsed.subscripts, parsed.argument
        listed = isinstance(left, syntax.Multiplication) and argument is None
        if listed and any(declared_name(node) == name for node in nodes(right)):
            if self.page.scope.lookup(name) is None:
                raise unread(name, right.span, "write what it is, not in terms of itself")
            return False
        if name in CONSTANTS and not subscripts and not names_something(right):
            return False
        if name.rstrip("'") == r"\sigma" != name and self.page.scope.lookup(r"\sigma") is None:
            raise Fault(
                "unsupported",
                f"not understood: {name} without an argument",
                left.span,
                f"write {name}(x)",
            )
        if argument is None and self.steps.is_piece(name, subscripts):
            return True
        letters = [
            letter
            for item in subscripts
            for letter in index_maps.letters_of(self.page, item) or ("",)
        ]
        bare = "" not in letters and len(set(letters)) == len(letters)
        known = self.page.scope.lookup(name)
        if not explicit and argument is None and self.page.gradient(name) is not None:
            return isinstance(right, syntax.DerivativeOf)
        if known is None and argument is not None and not explicit:
            head = left.factors[0] if isinstance(left, syntax.Multiplication) else left
            if isinstance(head, syntax.Symbol) and self.letters.is_letter(head.name):
                return False
        if argument is not None:
            if isinstance(argument, syntax.Scripted) and not is_at_entry(name, argument, right):
                return False
            again = any(declared_name(node) == name for node in nodes(right))
            if again and known is not None and isinstance(known.meaning, AbstractMeaning):
                return False  # says something of a function that is any
        if explicit:
            misread = isinstance(known.meaning if known else None, UnreadMeaning)
            here = known is not None and known.section == self.page.scope.section
            if known is not None and known.defined and here and not misread:
                raise Fault(
                    "redefinition",
                    f"{name} is defined twice in this section",
                    left.span,
                    "give one of them another name, or write = for a claim",
                )
            return True
        if not bare or (known is None and self.page.scope.lookup(f"{name}^2") is not None):
            return False
        if argument is not None and known is None and name.lower() in FUNCTIONS:
            return False
        if argument is not None and name == r"\sigma" and known is None:
            return not self._is_sigmoid(argument, right)
        if known is not None and not known.defined and self._mentions(right, name):
            return False  # a declared symbol in terms of itself: an identity, not a definition
        if isinstance(known.meaning if known else None, ParameterMeaning):
            assert known is not None
            assert isinstance(known.meaning, ParameterMeaning)
            return known.meaning.parameter not in self.page.extents and not known.defined
        if known is None or not known.defined or isinstance(known.meaning, UnreadMeaning):
            return True
        here = known.section == self.page.scope.section
        if (
            here
            and letters
            and isinstance(known.meaning, TensorMeaning)
            and not known.meaning.letters
        ):
            # It was defined as a whole array; these are the letters of its axes.
            spelled = replace(known.meaning, letters=tuple(letters))
            known = self.page.scope.add(name, spelled, left.span, defined=True)
        if isinstance(known.meaning, TensorMeaning) and (
            # Of a recurrence an equation says what it comes to.
            known.meaning.declared or known.meaning.tensor in self.page.context.recurrent
        ):
            return False
        return known.section != self.page.scope.section or self._only_depends(known)

    def _only_depends(self, known: Known) -> bool:
        """Whether a definition says no more than on what something depends: `y = f(x)`."""
        meaning = known.meaning
        tensor = meaning.tensor if isinstance(meaning, TensorMeaning) else None
        definition = self.page.context.definitions.get(tensor) if tensor is not None else None
        match definition:
            case Definition(_, _, Apply(Function(abstract=True), _)):
                return True
            case _:
                return False

    def _is_sigmoid(self, argument: Node, right: Node) -> bool:
        """σ is the logistic sigmoid unless the page says otherwise."""
        assert isinstance(argument, syntax.Symbol)
        before = self.page.scope.snapshot()
        try:
            value = self.translator.value(argument)
            body = self.translator.side(right)
        except Fault:
            return False
        finally:
            self.page.scope.restore(before)
        return self.same(apply("sigmoid", value), body, self.page.context)

    def _mentions(self, right: Node, name: str) -> bool:
        """Whether the name stands on the right too, of a symbol that was declared."""
        known = self.page.scope.lookup(name)
        meaning = known.meaning if known else None
        declared = isinstance(meaning, TensorMeaning) and meaning.declared
        return declared and any(self.name_of(part) == name for part in self._named(right))

    def _named(self, node: Node) -> Iterator[Node]:
        """Every node, but not the label in a known name: W^{Y} does not mention Y."""
        yield node
        for part in parts(node):
            labelled = isinstance(node, syntax.Scripted) and part is node.superscript
            if labelled and (found := self.name_of(node)) and self.page.scope.lookup(found):
                continue
            yield from self._named(part)

    # --- defining --------------------------------------------------------------------------------

    def define(self, left: Node, right: Node, explicit: bool, *, bound_by_prose: bool) -> bool:
        """Define; false if the equation restates what is already defined, and so is a claim."""
        parsed = left_side(self.page, left, explicit or is_gradient(right))
        assert parsed is not None
        if places((right,)):
            raise unsupported("a definition at one place", right.span, "define it for all values")
        name, items, argument = parsed.name, parsed.subscripts, parsed.argument
        known = self.page.scope.lookup(name)
        named = explicit or bound_by_prose or isinstance(right, syntax.DerivativeOf)
        if not named and known is None and looks_like_gradient(name):
            raise unbound(name, left.span)
        if argument is None and self.steps.is_piece(name, items):
            self.steps.define(name, items, known, right, left.span)
        elif argument is not None:
            self._function(name, argument, right, left.span)
        elif (
            isinstance(known.meaning if known else None, ParameterMeaning)
            or has_floor(right)
            or (known is None and not items and name in self.page.parameter_names)
        ):
            self._extent(name, right, left.span)
        else:
            return self._tensor(name, items, known, left, right)
        return True

    def _function(self, name: str, argument: Node, right: Node, span: Span) -> None:
        meaning = function_of(self.page.scope, name, argument, right, self.translator.side)
        self.page.scope.add(name, meaning, span, defined=True)

    def _extent(self, name: str, right: Node, span: Span) -> None:
        parameter = self.page.parameter(name, span)
        if index_maps.composes(self.page, self.translator.integers, parameter, right):
            return
        value = self.translator.side(right)
        if tensors(value) or free_indices(value):
            raise is_a_size(name, span)
        self.page.extents[parameter] = value
        self.page.scope.add(name, ParameterMeaning(parameter), span, defined=True)

    def _tensor(
        self, name: str, items: tuple[Node, ...], known: Known | None, left: Node, right: Node
    ) -> bool:
        span = left.span
        subscripts = tuple(self._subscript(item, name, n) for n, item in enumerate(items))
        here = known is not None and (known.section == self.page.scope.section or not known.defined)
        tensor: Tensor | None = None
        if here and known is not None and isinstance(known.meaning, TensorMeaning):
            tensor = known.meaning.tensor
            parted = not self.translator.indexed and len(items) < tensor.rank
            if items and tensor.rank != len(items) and not parted:
                raise Fault(
                    "rank-mismatch",
                    f"{name} was declared with {tensor.rank} axes, here it has {len(items)}",
                    span,
                    "use one subscript for each axis",
                )
            self._fit(subscripts, tensor, span)
        elif here and known is not None and isinstance(known.meaning, AbstractMeaning):
            raise Fault("rank-mismatch", f"{name} is used as a function before", span, "rename one")
        function = used_function(self.page, right)
        if function is not None:
            letters = tuple(index for s in subscripts if (index := s.index) is not None)
            if tensor is None:
                spelled = tuple(index.name for index in letters)
                extents = tuple(index.extent for index in letters)
                tensor = self.page.new_tensor(name, extents, span, letters=spelled)
            reader = UseReader(self.page, self.same)
            self._defined(name, reader.define(tensor, letters, function), known, span)
            return True
        left_out = tensor.extents[len(items) :] if tensor is not None else ()
        if not items or not self.translator.indexed:
            self.translator.implicit = self.letters.implicit(left_out) if left_out else None
        if items and _recurs(name, right):
            raise no_base_case(name, span)
        body = self.translator.side(right)
        if (tensor is None or left_out) and self.translator.implicit is not None:
            subscripts = (*subscripts, *map(Affine.of, self.translator.implicit))
            if items:
                self.page.families[name] = len(subscripts)
        if not items and tensor is not None and self._is_number(tensor, body):
            raise Fault(
                "unclear-shape",
                f"{name} had subscripts before, here it is a number",
                span,
                f"declare {name}, or give it subscripts here too",
            )
        incoming = self._incoming(subscripts, body)
        axes = index_maps.axes(self.page, items, subscripts, tensor)
        self._check_letters(name, [letter for axis in axes for letter in axis], body, span)
        indices, body = placed(axes, body)
        spelled = tuple(index.name for index in indices)
        if tensor is None and self.page.scope.lookup(name) is not known:
            raise _circular(name, span)
        if (
            known is not None
            and known.defined
            and not here
            and self._restates(known, indices, body)
        ):
            return False
        if tensor is None:
            tensor = self.page.new_tensor(
                name, tuple(index.extent for index in indices), span, letters=spelled
            )
        definition = Definition(tensor, indices, body)
        check_circle(self.page, self.page.context.define(definition), tensor, span)
        if isinstance(left, syntax.Multiplication) and isinstance(left.factors[1], syntax.Group):
            self.page.arguments[name] = left.factors[1].body
        self._defined(name, definition, known, span, incoming, spelled=bool(items))
        return True

    def _defined(
        self,
        name: str,
        definition: Definition,
        known: Known | None,
        span: Span,
        incoming: tuple[Tensor, Tensor] | None = None,
        *,
        spelled: bool = True,
    ) -> None:
        """The definition is in force from here on; `incoming` are the loss and output of a name for
        ∂loss/∂output, `spelled` says that its letters are written."""
        tensor = definition.tensor
        letters = tuple(index.name for index in definition.indices) if spelled else ()
        meaning = known.meaning if known is not None else None
        declared = (
            isinstance(meaning, TensorMeaning) and meaning.tensor == tensor and meaning.declared
        )
        self.page.scope.add(name, TensorMeaning(tensor, declared, letters), span, defined=True)
        self.page.inputs.pop(tensor, None)
        if incoming is not None:
            loss, output = incoming
            entry = Entry(output, tuple(map(Affine.of, definition.indices)))
            self.page.aliases[tensor] = Definition(
                tensor, definition.indices, Derivative(Entry(loss), entry)
            )
        else:
            self.page.context = self.page.context.define(definition)

    def _is_number(self, tensor: Tensor, body: Expression) -> bool:
        """Whether one number is to stand for a whole array that the page has not declared."""
        says = any(isinstance(node, Entry) for node in walk(body))
        return tensor.rank > 0 and says and not free_indices(body) and not self.page.certain(tensor)

    def _subscript(self, item: Node, name: str, place: int) -> Affine:
        if isinstance(item, syntax.Symbol):
            return Affine.of(self.letters.free(item.name))
        return self.translator.integers.subscript(item, name, place)

    def _fit(self, subscripts: tuple[Affine, ...], tensor: Tensor, span: Span) -> None:
        for subscript, extent in zip(subscripts, tensor.extents, strict=False):
            index = subscript.index
            if index is not None and not self.page.sizes.unify(index.extent, extent):
                raise index_maps.other_extent(f"the index {index.name} runs", tensor.name, span)

    def _restates(self, known: Known, indices: tuple[Index, ...], body: Expression) -> bool:
        """Whether an equation of a later section only says again what is already defined."""
        if not isinstance(known.meaning, TensorMeaning):
            return False
        tensor = known.meaning.tensor
        definition = self.page.context.definitions.get(tensor)
        if definition is None or tensor.rank != len(indices):
            return False
        fitting = zip(indices, tensor.extents, strict=True)
        if not all(self.page.sizes.unify(index.extent, extent) for index, extent in fitting):
            return False
        settle = self.page.sizes.settle
        placed = definition.at(tuple(map(Affine.of, indices)))
        return self.same(settle(placed), settle(body), self.page.sizes.context(self.page.context))

    def _check_letters(
        self, name: str, letters: Sequence[Index], body: Expression, span: Span
    ) -> None:
        stray = [index for index in free_indices(body) if index not in letters]
        if stray:
            letter = stray[0].name
            one_place = not letters and len(stray) == 1 and letter not in self.page.running
            runs = self._sits(stray[0], body) and not one_place
            one = (
                ""
                if not one_place
                else rf", or declare the one place {letter} \in \{{1, \dots, N\}}"
            )
            raise Fault(
                "unequal-free-indices" if runs else "unclear-index",
                f"{letter} is free on the right side only",
                span,
                f"sum over {letter}, or give {name} the subscript{one}",
            )

    def _sits(self, index: Index, body: Expression) -> bool:
        """Whether a letter is an index beyond doubt: it stands on an axis that the page gives."""
        return any(
            isinstance(node, Entry)
            and any(index in subscript.indices() for subscript in node.subscripts)
            and self.page.certain(node.tensor)
            for node in walk(body)
        )

    def _incoming(
        self, subscripts: tuple[Affine, ...], body: Expression
    ) -> tuple[Tensor, Tensor] | None:
        """`Ȳ_sj := ∂L/∂Y_sj` for an output Y and an open loss names the incoming cotangent; L and
        Y."""
        match body:
            case Derivative(Entry(loss, ()), Entry(output, at)) if (
                loss in self.page.losses
                and (output.name in self.page.outputs or not self.page.outputs)
                and at == subscripts
            ):
                return loss, output
            case _:
                return None


def _circular(name: str, span: Span) -> Fault:
    return Fault(
        "circular-definition",
        f"{name} is defined through itself",
        span,
        r"give the new value another name; an update is written with \leftarrow",
    )


def _recurs(name: str, right: Node) -> bool:
    """`S_t = ρ S_{t-1} + …`: the name stands on the right with a shifted subscript."""
    return any(
        isinstance(part, syntax.Scripted)
        and isinstance(part.base, syntax.Symbol)
        and part.base.name + "'" * part.primes == name
        and any(isinstance(item, syntax.Addition) for item in subscript_items(part.subscript, None))
        for part in nodes(right)
    )
