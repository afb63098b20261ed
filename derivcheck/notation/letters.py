"""Letters for bound indices, and what an axis counts from: what must be settled before printing."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterable, Iterator

from derivcheck.expression import (
    Affine,
    Entry,
    Expression,
    Index,
    affines,
    binders,
    digits,
    free_indices,
    parameters,
    size,
    tensors,
    walk,
)

_FAMILIES = (
    "ijklmn",
    "pqrstuvw",
    "abcdgh",
    (r"\alpha", r"\beta", r"\gamma", r"\lambda", r"\mu", r"\nu", r"\rho", r"\tau"),
)


def candidates(letter: str) -> Iterator[str]:
    """The letter itself, the rest of its family from it onwards, other families, then primes."""
    yield letter
    for family in _FAMILIES:
        if letter in family:
            place = family.index(letter)
            yield from family[place + 1 :]
            yield from family[:place]
    for family in _FAMILIES[:3]:
        yield from family
    yield from string.ascii_lowercase
    marked = letter
    while True:
        marked += "'"
        yield marked


def choose(letter: str, taken: Collection[str]) -> str:
    """The first candidate that is not taken."""
    return next(candidate for candidate in candidates(letter) if candidate not in taken)


def reserved(expression: Expression, indices: Iterable[Index]) -> frozenset[str]:
    """What no binder may be called: free letters here or in the claim, and all other names."""
    free = {index.name for index in (*free_indices(expression), *indices)}
    sizes = {parameter.name for parameter in parameters(expression)}
    return frozenset(free | sizes | {tensor.name for tensor in tensors(expression)})


def bases(expression: Expression) -> dict[Affine, int]:
    """What the axes of each extent count from, as the indices that run over them say."""
    found: dict[Affine, int] = {}
    for node in walk(expression):
        met = [*binders(node), *(index for value in affines(node) for index in value.indices())]
        for index in met:
            found[index.extent] = max(index.base, found.get(index.extent, 0))
    return found


def extent_is_plain(index: Index, body: Expression) -> bool:
    """Whether a reader can tell the extent: the index stands bare on an axis of that extent, or as
    a digit of a subscript that fills its axis."""
    return any(
        index in parts and size(parts) == extent
        for node in walk(body)
        if isinstance(node, Entry)
        for subscript, extent in zip(node.subscripts, node.tensor.extents, strict=True)
        if (parts := digits(subscript)) is not None
    )
