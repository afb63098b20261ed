"""What a page's items mean once it has been read to its end: extents found, later lines known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from derivcheck.derivation import Item, Link, Reading
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.elaboration.charity import charitable
from derivcheck.elaboration.instances import Instance
from derivcheck.elaboration.named_functions import named, unexplained
from derivcheck.elaboration.open_losses import (
    NAMELESS,
    link_context,
    names_of_gradients,
)
from derivcheck.elaboration.state import PageState
from derivcheck.expression import (
    Affine,
    Conjecture,
    Context,
    Definition,
    Derivative,
    Entry,
    Expression,
    Index,
    Tensor,
    Theorem,
    binders,
    vector_jacobians,
    walk,
)
from derivcheck.expression import tensors as tensors_of


class Settling:
    """Replaces placeholders in items; contexts are shared between links, and definitions between
    contexts, so each is settled once."""

    def __init__(self, state: PageState) -> None:
        self.state = state
        self.losses = set(map(state.sizes.tensor, state.losses))
        self.contexts: dict[int, tuple[Context, Context]] = {}
        self.definitions: dict[int, tuple[Definition, Definition]] = {}
        self.instances = {
            instance.use.output: instance
            for instance in map(self._instance, state.instances.values())
        }
        self.stated: dict[
            tuple[Tensor, Tensor | None], tuple[tuple[Definition, ...], tuple[Theorem, ...]]
        ] = {}

    def context(self, context: Context) -> Context:
        kept = self.contexts.get(id(context))
        if kept is None:
            settled = map(self.definition, context.definitions.values())
            definitions = {d.tensor: d for d in settled}
            kept = (
                context,
                replace(
                    self.state.sizes.context(replace(context, definitions={})),
                    definitions=definitions,
                    uses={o: i.use for o, i in self.instances.items() if o in definitions},
                ),
            )
            self.contexts[id(context)] = kept
        return kept[1]

    def conjectured(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """The items with what the page claims of its recurrences made known to all of them."""
        if not self.state.pieces:
            return tuple(items)
        conjectures = tuple(
            Conjecture(reading.left, reading.right, text)
            for item in items
            if item.link is not None and item.link.relation == "=" and item.link.readings
            for reading in item.link.readings[:1]
            for text in [" ".join(self.state.source.slice(item.whole).replace("&", "").split())]
            if _is_about_an_entry(reading.left)
        )
        made: dict[int, Context] = {}

        def known(reading: Reading) -> Reading:
            context = reading.context
            if id(context) not in made:
                made[id(context)] = replace(context, conjectures=conjectures)
            return replace(reading, context=made[id(context)])

        return tuple(
            item
            if item.link is None
            else replace(
                item,
                link=replace(
                    item.link,
                    readings=tuple(map(known, item.link.readings)),
                    occasion=item.link.occasion and known(item.link.occasion),
                ),
            )
            for item in items
        )

    def definition(self, definition: Definition) -> Definition:
        kept = self.definitions.get(id(definition))
        if kept is None:
            kept = (definition, self.state.sizes.definition(definition))
            self.definitions[id(definition)] = kept
        return kept[1]

    def item(self, item: Item) -> Item:
        if item.link is None:
            return item
        sizes = self.state.sizes
        written = item.link.readings
        borrowed = _first_index(written, sizes.borrowed)
        readings = tuple(map(self.reading, written))
        loose = _first_binder(readings, sizes.undetermined)
        if loose is not None:
            fault = Diagnostic(
                Severity.ERROR,
                "no-extent",
                f"nothing says what {loose.name} runs over",
                item.span,
                help=rf"write the bounds, \sum_{{{loose.name}=1}}^{{N}}",
            )
            return replace(item, link=Link(item.link.relation, (), fault=fault))
        later = self.later(readings[0]) if readings else None
        if later is not None:
            readings = (*readings, later)
        if readings:
            known = [r for each in readings for r in named(each, self.state.descriptions)]
            readings = (*readings, *known, *charitable(readings[0], self.losses))
        overtaken = self.overtaken(readings[0]) if readings else ()
        special = self.state.descriptions.special
        qualified = any(not special.isdisjoint(unexplained(r)) for r in readings[:1])
        unknown = (*map(sizes.tensor, item.link.unknown), *overtaken)
        occasion = self.reading(item.link.occasion) if item.link.occasion else None
        link = replace(
            item.link,
            readings=readings,
            unknown=unknown,
            conditional=item.link.conditional or qualified,
            occasion=occasion,
            borrowed=borrowed and sizes.index(borrowed),
        )
        return replace(item, link=link)

    def overtaken(self, reading: Reading) -> Iterator[Tensor]:
        """What is called ∂L/∂Y where this is not said yet, or no longer; and the cotangent of an
        output that has no name beside outputs that have one. They convict nobody."""
        state, context = self.state, reading.context
        used = [*tensors_of(reading.left), *tensors_of(reading.right)]
        reached = context.foundations(*used)
        known = {*context.definitions, *context.incoming.values()}
        for name, loss, variable in names_of_gradients(state):
            tensor = state.sizes.tensor(name)
            if tensor in reached and tensor not in known and self._is_said(name, loss, variable):
                yield tensor
        nameless = [c for c in context.incoming.values() if c.scope == NAMELESS]
        several = len({loss for loss, _ in context.incoming}) > 1
        if len(nameless) < len(context.incoming) and (several or not state.outputs):
            yield from nameless

    def _is_said(self, name: Tensor, loss: Tensor, variable: Tensor) -> bool:
        """Whether some line of the page gives the name a meaning."""
        defined = {tensor.name for tensor in self.state.context.definitions}
        by_name = name in self.state.aliases or variable.name in defined or loss.name in defined
        return by_name or self.state.sizes.tensor(name) in self._named_at_the_end

    @cached_property
    def _named_at_the_end(self) -> set[Tensor]:
        context = self.context(link_context(self.state))
        return {*context.definitions, *context.incoming.values()}

    def later(self, reading: Reading) -> Reading | None:
        """The reading in which symbols mean what a later line says (“…, where y = x + 1”)."""
        known = self.context(self.state.context).definitions
        context = reading.context
        waiting = [*tensors_of(reading.left), *tensors_of(reading.right)]
        names: list[str] = []
        while waiting:
            tensor = waiting.pop()
            definition = known.get(tensor)
            if tensor in context.definitions or definition is None:
                continue
            context = context.define(definition)
            names.append(tensor.name)
            waiting.extend(tensors_of(definition.body))
        if not names:
            return None
        note = f"{', '.join(sorted(names))} is what a later line defines"
        note = "; ".join(filter(None, (reading.note, note)))
        return replace(reading, context=context, note=note, caution=True)

    def reading(self, reading: Reading) -> Reading:
        sizes = self.state.sizes
        left, right = sizes.settle(reading.left), sizes.settle(reading.right)
        context = self.context(reading.context)
        return replace(
            reading,
            left=left,
            right=right,
            indices=tuple(map(sizes.index, reading.indices)),
            context=self.with_theorems(context, (left, right)),
        )

    # --- used pages -------------------------------------------------------------------------------

    def with_theorems(self, context: Context, sides: Iterable[Expression] = ()) -> Context:
        """The context with what used pages say for the cotangents that it and the sides name."""
        if not context.uses:
            return context
        bodies = [definition.body for definition in context.definitions.values()]
        written = [
            (product.use.output, product.cotangent)
            for body in (*bodies, *sides)
            for product in vector_jacobians(body, context)
        ]
        named = [
            (tensor, cotangent)
            for (_, tensor), cotangent in context.cotangent_names().items()
            if tensor in context.uses and tensor.extents == cotangent.extents
        ]
        definitions, theorems = dict(context.definitions), [*context.theorems]
        alone = [(tensor, None) for tensor in context.uses if tensor.rank == 0]
        for output, cotangent in dict.fromkeys((*named, *written, *alone)):
            if any(t in context.definitions for t in self.instances[output].restricted()):
                continue
            defined, stated = self._stated(output, cotangent)
            definitions.update({each.tensor: each for each in defined})
            theorems.extend(stated)
        return replace(context, definitions=definitions, theorems=tuple(theorems))

    def _stated(
        self, output: Tensor, cotangent: Tensor | None
    ) -> tuple[tuple[Definition, ...], tuple[Theorem, ...]]:
        found = self.stated.get((output, cotangent))
        if found is None:
            found = self.instances[output].theorems(cotangent)
            self.stated[output, cotangent] = found
        return found

    def _instance(self, instance: Instance) -> Instance:
        sizes = self.state.sizes
        use = replace(
            instance.use,
            output=sizes.tensor(instance.use.output),
            arguments=tuple(map(sizes.tensor, instance.use.arguments)),
            private=frozenset(map(sizes.tensor, instance.use.private)),
        )
        return replace(
            instance,
            use=use,
            leading=tuple(map(sizes.index, instance.leading)),
            sizes={p: sizes.size(size) for p, size in instance.sizes.items()},
        )


def _is_about_an_entry(expression: Expression) -> bool:
    match expression:
        case Entry() | Derivative(Entry(_, ()), Entry()):
            return True
        case _:
            return False


def _first_index(readings: Iterable[Reading], wanted: Callable[[Affine], bool]) -> Index | None:
    """The first index, free or bound, with such an extent."""
    return next((i for r in readings for i in (*r.indices, *_bound(r)) if wanted(i.extent)), None)


def _first_binder(readings: Iterable[Reading], loose: set[Affine]) -> Index | None:
    """A bound index that sits on no axis and has no bounds: its sum has no value."""
    return next((i for r in readings if loose for i in _bound(r) if i.extent in loose), None)


def _bound(reading: Reading) -> Iterator[Index]:
    for side in (reading.left, reading.right):
        for node in walk(side):
            yield from binders(node)
