"""Loops of recurrences: in NumPy over arrays made beforehand, in JAX as `lax.scan`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from derivcheck.codegen.in_place import Step
from derivcheck.codegen.printing import Printer
from derivcheck.codegen.text import (
    ATOM,
    INDENT,
    SUM,
    collected,
    fits,
    plain,
    tuple_text,
    unpacked,
)
from derivcheck.expression import Affine
from derivcheck.lowering.array import Array, Filled, Loop

Written = Callable[[Printer, Step], Iterator[str]]
"""The lines of one assignment, too long ones split."""


def lines(
    loop: Loop,
    wanted: Collection[str],
    shapes: Mapping[str, tuple[Affine, ...]],
    printer: Printer,
    written: Written,
) -> Iterator[str]:
    """The lines of a loop that leaves the `wanted` of its arrays behind."""
    if printer.backend == "jax":
        yield from _scan(loop, wanted, shapes, printer, written)
    else:
        carried = {part.array for part in loop.slices if part.carried}
        yield from _filling(loop, {*wanted, *carried}, printer, written)


def _filling(
    loop: Loop, kept: Collection[str], printer: Printer, written: Written
) -> Iterator[str]:
    own = {filled.name for filled in loop.filled}
    spelling: dict[str, str] = {}
    for part in loop.slices:
        if part.array in kept or part.array not in own:
            place = f"{loop.letter} + {part.place}" if part.place else loop.letter
            spelling[part.name] = f"{part.array}[{place}]"
    for filled in loop.filled:
        if filled.name in kept:
            made = "zeros" if filled.first is not None and filled.start is None else "empty"
            shape = _shape(filled.extents, printer)
            yield f"{INDENT}{filled.name} = {printer.np}.{made}({shape}, dtype)"
            if filled.first is not None and filled.start is not None:
                target = f"{filled.name}[{printer.size(filled.first).text}]"
                yield from written(printer, Step(target, filled.start))
    steps = f"range({printer.size(loop.count).text})"
    steps = f"reversed({steps})" if loop.backwards else steps
    yield f"{INDENT}for {loop.letter} in {steps}:"
    inner = replace(printer, spelling=spelling)
    for step in loop.steps:
        yield from _commented(step.formula)
        target = spelling.get(step.name, step.name)
        for line in written(inner, Step(target, step.value)):
            yield f"{INDENT}{line}"


def _scan(
    loop: Loop,
    wanted: Collection[str],
    shapes: Mapping[str, tuple[Affine, ...]],
    printer: Printer,
    written: Written,
) -> Iterator[str]:
    filled = {each.name: each for each in loop.filled}
    carried = [part for part in loop.slices if part.carried]
    inputs = [part for part in loop.slices if part.array not in filled]
    left = [each for each in loop.filled if each.name in wanted]
    now = {
        part.array: part.name
        for part in loop.slices
        if part.array in filled and part.place == filled[part.array].place
    }
    parameters = (
        _parameter([part.name for part in carried], "carry"),
        _parameter([part.name for part in inputs], "inputs"),
    )
    yield f"{INDENT}def step({parameters[0]}, {parameters[1]}):"
    for names, parameter in zip((carried, inputs), parameters, strict=True):
        if len(names) > 1:
            yield from _deeper(unpacked([part.name for part in names], parameter))
    for step in loop.steps:
        yield from _commented(step.formula)
        yield from _deeper(written(printer, Step(step.name, step.value)))
    following = [now[part.array] for part in carried]
    kept = [now[each.name] for each in left]
    line = f"{INDENT * 2}return {_bundle(following)}, {_bundle(kept)}"
    if fits(line):
        yield line
    else:
        yield from _deeper(_together("carry", following))
        yield from _deeper(_together("filled", kept))
        yield f"{INDENT * 2}return carry, filled"
    yield ""
    starts = [_start(filled[part.array], printer) for part in carried]
    sources = [_source(part.array, part.place, loop, shapes, printer) for part in inputs]
    last = [] if sources else [f"length={printer.size(loop.count).text}"]
    last += ["reverse=True"] if loop.backwards else []
    results = [each.name for each in left]
    arguments = ", ".join(["step", _bundle(starts), _bundle(sources), *last])
    line = f"{INDENT}_, {_bundle(results)} = jax.lax.scan({arguments})"
    if fits(line):
        yield line
    else:
        yield from _together("starts", starts)
        yield from _together("inputs", sources)
        target = results[0] if len(results) == 1 else "filled"
        arguments = ", ".join(["step", "starts", "inputs", *last])
        yield f"{INDENT}_, {target} = jax.lax.scan({arguments})"
        if len(results) > 1:
            yield from unpacked(results, "filled")
    for each in left:
        if each.first is not None:
            yield f"{INDENT}{each.name} = {_completed(each, loop, printer)}"


def _deeper(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"{INDENT}{line}"


def _together(target: str, items: Sequence[str]) -> list[str]:
    if len(items) > 1:
        return collected(target, items)
    return [f"{INDENT}{target} = {_bundle(items)}"]


def _commented(formula: str) -> Iterator[str]:
    comment = f"{INDENT * 2}# {plain(formula)}"
    if formula and fits(comment):
        yield comment


def _parameter(names: Sequence[str], together: str) -> str:
    return names[0] if len(names) == 1 else together if names else "_"


def _bundle(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else tuple_text(items) if items else "None"


def _shape(extents: Sequence[Affine], printer: Printer) -> str:
    return tuple_text([printer.size(extent).text for extent in extents])


def _start(filled: Filled, printer: Printer) -> str:
    if filled.start is not None:
        return printer.code(filled.start).text
    return f"jnp.zeros({_shape(filled.extents[1:], printer)}, dtype)"


def _source(
    name: str,
    place: int,
    loop: Loop,
    shapes: Mapping[str, tuple[Affine, ...]],
    printer: Printer,
) -> str:
    if not place and shapes[name][0] == loop.count:
        return name
    start = str(place) if place else ""
    end = loop.count + place
    last = "" if end == shapes[name][0] else printer.size(end).at(SUM)
    return f"{name}[{start}:{last}]"


def _completed(filled: Filled, loop: Loop, printer: Printer) -> str:
    """The array with its base case in front, or behind where the loop runs backwards."""
    if filled.start is None:
        sides = "(0, 1)" if loop.backwards else "(1, 0)"
        rest = ", (0, 0)" * (len(filled.extents) - 1)
        return f"jnp.pad({filled.name}, ({sides}{rest or ','}))"
    start = f"{printer.code(filled.start).at(ATOM)}[None]"
    parts = (filled.name, start) if loop.backwards else (start, filled.name)
    return f"jnp.concatenate([{', '.join(parts)}])"


def values(loop: Loop) -> Iterator[tuple[str, Array]]:
    """The names that a step gives, with what they are."""
    for step in loop.steps:
        yield step.name, step.value
