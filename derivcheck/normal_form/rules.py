"""Hypotheses as rewriting rules, and where one applies."""

from __future__ import annotations

from dataclasses import dataclass

from derivcheck.expression import Affine, Hypothesis, Index
from derivcheck.normal_form.atoms import Atom, NormalForm, Summation, Variable
from derivcheck.normal_form.integers import nonnegative


@dataclass(frozen=True)
class Rule:
    """A hypothesis as a rewriting rule: `atom`, at any values of its free indices, is `value`."""

    atom: Atom
    value: NormalForm
    hypothesis: Hypothesis


def matches(pattern: Atom, atom: Atom) -> list[dict[Index, Affine]]:
    """Values of the pattern's free indices, as one entry of each tensor in the two suggests."""
    found: list[dict[Index, Affine]] = []
    for ours in _entries(pattern):
        bare = [subscript.index for subscript in ours.subscripts]
        if not all(index in bare for index in pattern.free):
            continue
        for theirs in _entries(atom):
            if theirs.tensor == ours.tensor:
                pairs = zip(bare, theirs.subscripts, strict=True)
                values = {i: value for i, value in pairs if i and i in pattern.free}
                if all(_in_reach(i, value, ours) for i, value in values.items()):
                    found.append(values)
    return found


def _in_reach(index: Index, value: Affine, entry: Variable) -> bool:
    """Whether the pattern speaks of this value of its index, wherever the entry is not 0."""
    axes = zip(entry.subscripts, entry.tensor.extents, strict=True)
    if any(subscript.index == index and index.extent == extent for subscript, extent in axes):
        return True
    return nonnegative(value) and nonnegative(index.extent - value - 1)


def _entries(atom: Atom) -> list[Variable]:
    match atom:
        case Variable():
            return [atom]
        case Summation(factors=factors):
            return [entry for inner, _ in factors for entry in _entries(inner)]
        case _:
            return []
