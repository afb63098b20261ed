"""A loop over time on a tape: unrolled for NumPy, one `lax.scan` there and one back for JAX."""

# JAX types its own functions only in part.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from derivcheck.training.arrays import Array
from derivcheck.training.passes import Body, Node, Pass

if TYPE_CHECKING:
    from derivcheck.training.tape import Tape

Results = tuple[tuple[Node, ...], tuple[Node, ...]]


def unrolled(tape: Pass, body: Body, carried: Sequence[Node], sequence: Sequence[Node]) -> Results:
    """Every step's calls one after another on the same tape."""
    columns = [tape.unstack(each) for each in sequence]
    outputs: list[Sequence[Node]] = []
    for entries in zip(*columns, strict=True):
        carried, shown = body(tape, tuple(carried), entries)
        outputs.append(shown)
    return tuple(carried), tuple(tape.stack(column) for column in zip(*outputs, strict=True))


def compiled(tape: Tape, body: Body, carried: Sequence[Node], sequence: Sequence[Node]) -> Results:
    """One call on the tape whose residuals are those of the body, stacked over time.

    The body is traced once for the way there; on the way back its tape is pulled back step by step,
    last step first, with the gradients of what it captures (the weights) summed as they come.
    """
    import jax  # heavy; this is reached with the backend "jax" only

    traced: list[_Traced] = []

    def there(values: tuple[Array, ...], entries: tuple[Array, ...]) -> Any:
        inner = tape.inner()
        starts = tuple(inner.leaf(value, active=True) for value in values)
        inputs = tuple(
            inner.leaf(value, active=node.active)
            for value, node in zip(entries, sequence, strict=True)
        )
        ends, shown = body(inner, starts, inputs)
        inner.capture((*ends, *shown))
        leaves, structure = jax.tree.flatten([call.residuals for call in inner.calls])
        sources, stacked = _sources(leaves, [n.value for n in inner.captured.values()], entries)
        # lax.scan may trace more than once; what it runs is the last trace.
        traced[:] = [_Traced(inner, starts, inputs, tuple(ends), tuple(shown), sources, structure)]
        values = tuple(node.value for node in ends)
        return values, (tuple(node.value for node in shown), stacked)

    before = tuple(node.value for node in carried)
    series = tuple(node.value for node in sequence)
    after, (outputs, stacked) = jax.lax.scan(there, before, series)
    trace = traced[0]
    captured = tuple(trace.inner.captured.values())
    residuals = (stacked, series, tuple(node.value for node in captured))
    nodes = tape.record(
        "scan", (*carried, *sequence, *captured), (*after, *outputs), residuals, trace.pullback
    )
    return nodes[: len(after)], nodes[len(after) :]


@dataclass(frozen=True, eq=False)
class _Traced:
    """The body's calls, without values: those on its tape are gone when the trace is done."""

    inner: Tape
    starts: tuple[Node, ...]
    inputs: tuple[Node, ...]
    ends: tuple[Node, ...]
    shown: tuple[Node, ...]
    sources: tuple[_Source, ...]
    structure: Any

    def pullback(self, residuals: Any, bars: tuple[Array, ...]) -> Sequence[Array | None]:
        import jax  # heavy; this is reached with the backend "jax" only

        stacked, series, invariant = residuals
        first = len(self.starts)
        captured = tuple(self.inner.captured.values())
        inputs = [node for node in self.inputs if node.active]
        weights = [node for node in captured if node.active]
        asked = [*self.starts, *inputs, *weights]

        def back(carry: Any, slices: Any) -> Any:
            of_ends, sums = carry
            of_shown, saved, entries = slices
            leaves = [each.value(invariant, entries, saved) for each in self.sources]
            seeds = list(zip((*self.ends, *self.shown), (*of_ends, *of_shown), strict=True))
            found = self.inner.pullback(seeds, asked, jax.tree.unflatten(self.structure, leaves))
            filled = tuple(
                jax.numpy.zeros(node.shape, node.value.dtype) if bar is None else bar
                for node, bar in zip(asked, found, strict=True)
            )
            of_starts, rest = filled[:first], filled[first:]
            of_inputs, of_weights = rest[: len(inputs)], rest[len(inputs) :]
            return (of_starts, jax.tree.map(jax.numpy.add, sums, of_weights)), of_inputs

        zeros = tuple(jax.numpy.zeros(node.shape, node.value.dtype) for node in weights)
        (of_starts, of_weights), of_inputs = jax.lax.scan(
            back, (bars[:first], zeros), (bars[first:], stacked, series), reverse=True
        )
        found = iter((*of_inputs, *of_weights))
        rest = (next(found) if node.active else None for node in (*self.inputs, *captured))
        return [*of_starts, *rest]


@dataclass(frozen=True, eq=False)
class _Source:
    """Where the way back finds a residual of the body: among the captured values, the inputs of the
    step, what was stacked, or here, if it is a plain number."""

    room: str
    place: int = 0
    number: Any = None

    def value(
        self, captured: Sequence[Array], entries: Sequence[Array], stacked: Sequence[Array]
    ) -> Any:
        match self.room:
            case "captured":
                return captured[self.place]
            case "entries":
                return entries[self.place]
            case "stacked":
                return stacked[self.place]
            case _:
                return self.number


def _sources(
    leaves: Sequence[Any], captured: Sequence[Array], entries: Sequence[Array]
) -> tuple[tuple[_Source, ...], tuple[Array, ...]]:
    """Where each residual will be found, and those that have to be stacked, each of them once.

    A weight is a residual of most pages. It is the same at every step, so a copy for each would
    cost more than all the rest.
    """
    stacked: list[Array] = []
    sources: list[_Source] = []
    for leaf in leaves:
        if not hasattr(leaf, "shape"):
            sources.append(_Source("number", number=leaf))
            continue
        for room, values in (("captured", captured), ("entries", entries), ("stacked", stacked)):
            place = next((n for n, value in enumerate(values) if value is leaf), None)
            if place is not None:
                sources.append(_Source(room, place))
                break
        else:
            sources.append(_Source("stacked", len(stacked)))
            stacked.append(leaf)
    return tuple(sources), tuple(stacked)
