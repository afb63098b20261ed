r"""A page that uses another's result: `$\operatorname{softmax}$ as in [softmax](softmax.md)`, and
then `P_{nst} = \operatorname{softmax}(Z_n)_{st}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from derivcheck import syntax
from derivcheck.derivation import Derivation, UsedPage
from derivcheck.elaboration.fault import Fault, unsupported
from derivcheck.elaboration.instances import Instance, is_restricted, letters_for
from derivcheck.elaboration.names import array_name, declared_name, subscript_items
from derivcheck.elaboration.scope import PageMeaning
from derivcheck.elaboration.state import PageState, Same
from derivcheck.expression import (
    Affine,
    Context,
    Definition,
    Derivative,
    Domain,
    Entry,
    Index,
    Parameter,
    Tensor,
    Use,
    parameters,
    tensors,
    walk,
)
from derivcheck.source import Span
from derivcheck.syntax import Node

LINK = re.compile(r"\s*as\s+(?:in|on)\s+(?:the\s+page\s+)?\[[^\]]*\]\((?:\./)?([^()\s]+)\.md\)")
"""What follows a function's name where a page says that it is another page's function."""


class PageNotUsable(Exception):
    """No such page can be used here: `code`, `reason` and `help` are those of the fault."""

    def __init__(self, code: str, reason: str, help: str) -> None:
        super().__init__(reason)
        self.code, self.reason, self.help = code, reason, help


Pages = Callable[[str], UsedPage]
"""Finds and reads the page of a name; raises `PageNotUsable`."""


def no_pages(name: str) -> UsedPage:
    """For a text that stands beside no others."""
    raise PageNotUsable(
        "no-page", f"there is no page {name}.md beside this text", "check a file beside it"
    )


def used_function(
    page: PageState, node: Node
) -> tuple[Derivation, syntax.Call, Node | None] | None:
    """The page, the call and its subscripts, where a right side is a used page's function."""
    match node:
        case syntax.Scripted(syntax.Call() as call, subscript, None, 0):
            pass
        case syntax.Call() as call:
            subscript = None
        case syntax.Multiplication((syntax.Symbol(name), bracket), ("",)):
            subscript = None
            if isinstance(bracket, syntax.Scripted) and bracket.superscript is None:
                bracket, subscript = bracket.base, bracket.subscript
            if not isinstance(bracket, syntax.Group) or bracket.open != "(":
                return None
            inside = bracket.body
            arguments = inside.items if isinstance(inside, syntax.Sequence) else (inside,)
            call = syntax.Call(name, arguments, None, None, True, node.span)
        case _:
            return None
    known = page.known(call.name, call.span)
    if known is None or not isinstance(known.meaning, PageMeaning):
        return None
    return known.meaning.derivation, call, subscript


class UseReader:
    """Reads one equation that defines a tensor as a used page's function of others."""

    def __init__(self, page: PageState, same: Same) -> None:
        self.page = page
        self.same = same

    def define(
        self,
        tensor: Tensor,
        indices: tuple[Index, ...],
        function: tuple[Derivation, syntax.Call, Node | None],
    ) -> Definition:
        """The definition of `tensor[indices]`; the used page's intermediates are defined with it.

        `Fault` where the shapes do not fit, or the used page supposes what is not known here.
        """
        used, call, subscript = function
        _usable(used, call.span)
        (output,) = used.outputs
        own = subscript_items(subscript, output.rank) if subscript is not None else ()
        if len(own) != output.rank:
            raise Fault(
                "rank-mismatch",
                f"{call.name} has {output.rank} axes, here it has {len(own)} subscripts",
                call.span,
                f"write as many subscripts after {call.name}(…)",
            )
        if len(indices) != tensor.rank:
            raise unsupported("these subscripts of a used page's result", call.span, "use letters")
        spelled = tuple(index.name for index in indices)
        split = len(spelled) - len(own)
        if tuple(_letter(item) for item in own) != spelled[split:]:
            raise unsupported(
                "subscripts in another order than on the left",
                call.span,
                f"end the left side's subscripts with those of {call.name}(…)",
            )
        if len(call.arguments) != len(used.inputs):
            names = ", ".join(tensor.name for tensor in used.inputs)
            raise Fault(
                "rank-mismatch",
                f"{call.name} is a function of {names}: {len(used.inputs)} arguments, here it has "
                f"{len(call.arguments)}",
                call.span,
                "give every input of the page, in the order in which it declares them",
            )
        leading = indices[:split]
        arguments = [
            self._argument(node, theirs, leading)
            for node, theirs in zip(call.arguments, used.inputs, strict=True)
        ]
        if {place for _, lead in arguments for place in lead} != set(range(split)):
            raise Fault(
                "unequal-free-indices",
                f"an index of {tensor.name} is on no argument and not after {call.name}(…)",
                call.span,
                "use every index of the left side once",
            )
        sizes = self._sizes(used, call, arguments)
        self._fit(output, indices[split:], sizes, call)
        use = Use(
            used.name,
            tensor,
            split,
            tuple(argument for argument, _ in arguments),
            tuple(lead for _, lead in arguments),
            frozenset(),
        )
        letters = letters_for(used, spelled[split:], spelled[:split])
        instance = Instance(used, use, leading, sizes, letters)
        use = replace(use, private=instance.private())
        instance = replace(instance, use=use)
        self._suppositions(used, call, instance)
        *between, last = instance.definitions()
        for definition in between:
            self.page.context = self.page.context.define(definition)
        self.page.instances[tensor] = instance
        return last

    # --- arguments --------------------------------------------------------------------------------

    def _argument(
        self, node: Node, theirs: Tensor, leading: Sequence[Index]
    ) -> tuple[Tensor, tuple[int, ...]]:
        """The tensor of this page in place of an input, and where its leading indices come from."""
        name = declared_name(node)
        tensor = self.page.scope.tensor(name) if name else None
        items: tuple[Node, ...] = ()
        if tensor is None and isinstance(node, syntax.Scripted):
            bare = array_name(node)
            tensor = self.page.scope.tensor(bare) if bare else None
            items = subscript_items(node.subscript, None)
        if tensor is None:
            raise unsupported(
                "an argument that is no declared or defined array",
                node.span,
                "give the argument a name of its own first",
            )
        if tensor.rank - len(items) != theirs.rank:
            raise Fault(
                "rank-mismatch",
                f"{theirs.name} has {theirs.rank} axes there, {tensor.name} has "
                f"{tensor.rank - len(items)} left here",
                node.span,
                "write the other axes as subscripts of the argument",
            )
        names = [index.name for index in leading]
        lead: list[int] = []
        for item, extent in zip(items, tensor.extents, strict=False):
            letter = _letter(item)
            if letter not in names or names.index(letter) in lead:
                raise unsupported(
                    "this subscript of an argument", item.span, "use letters of the left side"
                )
            place = names.index(letter)
            if not self.page.sizes.unify(leading[place].extent, extent):
                raise _mismatch(letter, tensor, item.span)
            lead.append(place)
        # What is declared of a tensor that is defined is a claim that nobody judges.
        domain = Domain() if tensor in self.page.context.definitions else tensor.domain
        if not _lies_in(domain, theirs.domain):
            raise Fault(
                "unmet-condition",
                f"{theirs.name} has a domain there that nothing gives {tensor.name} here",
                node.span,
                f"declare for {tensor.name} what the used page declares for {theirs.name}",
            )
        symmetric = {(first + len(lead), second + len(lead)) for first, second in theirs.symmetric}
        if symmetric - set(tensor.symmetric):
            raise Fault(
                "unmet-condition",
                f"{theirs.name} is symmetric there, and nothing says so of {tensor.name}",
                node.span,
                f"declare {tensor.name} as symmetric",
            )
        return tensor, tuple(lead)

    def _sizes(
        self,
        used: Derivation,
        call: syntax.Call,
        arguments: Sequence[tuple[Tensor, tuple[int, ...]]],
    ) -> dict[Parameter, Affine]:
        """The used page's extents in this page's, from the shapes of the arguments."""
        sizes: dict[Parameter, Affine] = {}
        composite: list[tuple[Affine, Affine, Tensor, Span]] = []
        for node, (argument, lead), theirs in zip(
            call.arguments, arguments, used.inputs, strict=True
        ):
            for extent, here in zip(theirs.extents, argument.extents[len(lead) :], strict=True):
                parameter = extent.atom
                if isinstance(parameter, Parameter) and parameter not in sizes:
                    sizes[parameter] = here
                else:
                    composite.append((extent, here, argument, node.span))
        needed = _parameters(used)
        if not needed <= sizes.keys():
            raise unsupported(
                f"a page whose sizes its arguments do not tell ({used.name})",
                call.span,
                "write its formulas out",
            )
        for extent, here, argument, span in composite:
            if not self.page.sizes.unify(extent.substitute({**sizes}), here):
                raise _mismatch("", argument, span)
        return sizes

    def _fit(
        self,
        output: Tensor,
        indices: Sequence[Index],
        sizes: dict[Parameter, Affine],
        call: syntax.Call,
    ) -> None:
        for index, extent in zip(indices, output.extents, strict=True):
            if not self.page.sizes.unify(index.extent, extent.substitute({**sizes})):
                raise Fault(
                    "extent-mismatch",
                    f"the index {index.name} runs over another extent than {call.name} has here",
                    call.span,
                    "use another letter, or arguments of other shapes",
                )

    def _suppositions(self, used: Derivation, call: syntax.Call, instance: Instance) -> None:
        """What the used page supposes must follow from what this page supposes."""
        settle = self.page.sizes.settle
        *between, _ = instance.definitions()
        context = self.page.context
        for definition in between:
            context = context.define(definition)
        here: Context = self.page.sizes.context(context)
        for hypothesis in instance.hypotheses():
            if not self.same(settle(hypothesis.left), settle(hypothesis.right), here):
                raise Fault(
                    "unmet-condition",
                    f"{used.name} supposes ${hypothesis.text}$, which does not follow here",
                    call.span,
                    "suppose the same of the argument",
                )


def _usable(used: Derivation, span: Span) -> None:
    """Pages with one output, of inputs whose shapes tell every size, can be used."""
    if len(used.outputs) != 1:
        raise unsupported(
            f"a page with {len(used.outputs)} outputs ({used.name})", span, "use a page with one"
        )
    known = used.context.definitions
    for hypothesis in used.context.hypotheses:
        supposed = (*tensors(hypothesis.left), *tensors(hypothesis.right))
        if any(tensor not in known and tensor not in used.inputs for tensor in supposed):
            raise unsupported(
                f"a page that supposes something of its cotangents ({used.name})",
                span,
                "write its formulas out",
            )
    for tensor, definition in known.items():
        if definition.recurs_along is not None:
            raise unsupported(f"a page with a recurrence ({used.name})", span, "write it out")
        if any(isinstance(node, Derivative) for node in walk(definition.body)) and (
            used.context.depends(used.outputs[0], tensor)
        ):
            raise unsupported(f"a page that differentiates ({used.name})", span, "write it out")
        if is_restricted(tensor) and used.context.depends(used.outputs[0], tensor):
            raise unsupported(
                f"a page that declares a domain for what it defines ({used.name})",
                span,
                "write its formulas out",
            )


def _parameters(used: Derivation) -> set[Parameter]:
    """Every symbolic integer that the output and the gradients of a page depend on."""
    bodies = [definition.body for definition in used.context.definitions.values()]
    bodies.extend(form.body for form in used.gradients.values())
    for hypothesis in used.context.hypotheses:
        bodies.extend((hypothesis.left, hypothesis.right))
    bodies.extend(Entry(tensor, ()) for tensor in (*used.inputs, *used.context.definitions))
    return {parameter for body in bodies for parameter in parameters(body)}


def _letter(node: Node) -> str:
    return node.name if isinstance(node, syntax.Symbol) and not node.word else ""


def _mismatch(letter: str, tensor: Tensor, span: Span) -> Fault:
    which = f"the index {letter}" if letter else "an axis"
    return Fault(
        "extent-mismatch",
        f"{which} of {tensor.name} has another extent than its partner",
        span,
        "use arrays whose shapes fit the used page",
    )


def _lies_in(inner: Domain, outer: Domain) -> bool:
    """Whether every number of one domain is in the other."""
    if outer.values:
        return bool(inner.values) and set(inner.values) <= set(outer.values)
    if outer.integer and not (
        inner.integer or (inner.values and all(v.denominator == 1 for v in inner.values))
    ):
        return False
    lower = min(inner.values) if inner.values else inner.lower
    upper = max(inner.values) if inner.values else inner.upper
    strict_lower = inner.strict_lower and not inner.values
    strict_upper = inner.strict_upper and not inner.values
    if outer.lower is not None and (
        lower is None
        or lower < outer.lower
        or (lower == outer.lower and outer.strict_lower and not strict_lower)
    ):
        return False
    if outer.upper is not None and (
        upper is None
        or upper > outer.upper
        or (upper == outer.upper and outer.strict_upper and not strict_upper)
    ):
        return False
    return all(
        point in inner.excluded
        or (bool(inner.values) and point not in inner.values)
        or (lower is not None and (point < lower or (point == lower and strict_lower)))
        or (upper is not None and (point > upper or (point == upper and strict_upper)))
        for point in outer.excluded
    )
