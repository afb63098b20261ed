"""A derivation as data: what elaboration makes of a page, and what everyone downstream consumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

from derivcheck.diagnostic import Diagnostic
from derivcheck.expression import Context, Expression, Index, Parameter, Tensor
from derivcheck.source import Source, Span


class Kind(Enum):
    """What an equation of a page is."""

    DECLARATION = "declaration"
    DEFINITION = "definition"
    CLAIM = "claim"


@dataclass(frozen=True)
class Reading:
    """One admissible meaning of a link: both sides, for all values of the free indices.

    `note` says what was read (empty for the plain reading); `caution` marks a reading that deviates
    from the letter of the page and is warned about when it is the one that proves. One that does
    not acquit contradicts a rule of the page: it only keeps the link from being refuted. `granted`
    is what only a proof takes for granted: that matrices are numbers.
    """

    left: Expression
    right: Expression
    indices: tuple[Index, ...]
    context: Context
    note: str = ""
    caution: bool = False
    acquits: bool = True
    granted: str = ""


@dataclass(frozen=True)
class Link:
    r"""One judged relation of a chain: `=`, `\ne`, `\approx`, `<`…

    `readings` has the plain reading first; empty when the link could not be read, and then `fault`
    says why. `tolerance` is the half unit of the last printed digit for a decimal that is a result.
    `rounded` says that decimals stand inside a longer side without symbols, rounded nobody knows
    how. `off_kinks` is set where a derivative occurs. `unknown` are the tensors in it that the page
    neither declares nor defines nor uses in a definition: a failure that depends on them convicts
    nobody. `conditional` says that it is claimed under a condition in words that could not be read:
    no counterexample convicts it. `occasion` is “the condition = 0” for conditions that were read
    (both sides are multiplied by them): where that cannot be refuted the claim says nothing.
    `borrowed` is a letter that sits on no axis here and runs over what it does in another section,
    which convicts nobody. `standing` are the letters, free on the right side only, that run nowhere
    on the page and stand alone in its prose: one place each, for all that is known.
    """

    relation: str
    readings: tuple[Reading, ...]
    off_kinks: bool = False
    tolerance: tuple[Expression | None, Expression | None] = (None, None)
    rounded: bool = False
    unknown: tuple[Tensor, ...] = ()
    fault: Diagnostic | None = None
    conditional: bool = False
    occasion: Reading | None = None
    borrowed: Index | None = None
    standing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Item:
    """One place of a page that says something; `span` begins where a link's right side begins.

    `whole` covers the link from the left side's start; `latex` is the text of the span. `uses` is
    the name of the page whose function is declared here.
    """

    kind: Kind
    span: Span
    whole: Span
    latex: str
    link: Link | None = None
    fault: Diagnostic | None = None
    uses: str = ""


LOSS = Tensor("L")
"""What gradients are of where nothing else is said."""


@dataclass(frozen=True)
class ClosedForm:
    """A gradient of `loss` in closed form: `gradient[indices] = body`, shaped like `variable`.

    `item` is the position in `Derivation.items` of the claim that states it.
    """

    variable: Tensor
    indices: tuple[Index, ...]
    body: Expression
    item: int
    loss: Tensor = LOSS


@dataclass(frozen=True)
class UsedPage:
    """A page that another one uses: its text, which tells it from others, and what it says."""

    source: Source
    derivation: Derivation = field(compare=False)


@dataclass(frozen=True)
class Derivation:
    r"""A page's mathematics.

    `inputs` are the tensors that nothing defines, in the page's order of declaration (parameters of
    the layer included); `statics` are the integers that no input's shape determines (stride,
    padding); `extents` maps a parameter that the page defines (an output size) to its definition.
    `cotangents` maps each output to the tensor that stands for its incoming cotangent, where the
    loss is left open; a loss that the page defines is an output without. `gradients` are by input,
    `between` by the names that the page gives to the cotangents of its intermediates
    (`\bar{A} := ∂L/∂A`); in `context` those are defined by their closed forms. `uses` are the pages
    whose functions this page uses, by their names.
    """

    name: str
    title: str
    summary: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    cotangents: Mapping[Tensor, Tensor]
    context: Context
    statics: tuple[Parameter, ...] = ()
    extents: Mapping[Parameter, Expression] = field(default_factory=dict[Parameter, Expression])
    gradients: Mapping[Tensor, ClosedForm] = field(default_factory=dict[Tensor, ClosedForm])
    between: Mapping[Tensor, ClosedForm] = field(default_factory=dict[Tensor, ClosedForm])
    uses: Mapping[str, UsedPage] = field(default_factory=dict[str, UsedPage])
    items: tuple[Item, ...] = ()
    reference: str | None = None
    tags: tuple[str, ...] = ()
    hints: Mapping[str, object] = field(default_factory=dict[str, object])

    @cached_property
    def seams(self) -> frozenset[Tensor]:
        """What is defined here and handed to a used page, or taken from one: values, cotangents.

        Whatever computes the page from its parts has these as arrays; all else is inside a part.
        """
        found: set[Tensor] = set()
        for use in self.context.uses.values():
            found.update((use.output, *use.arguments))
        found.update([name for name, form in self.between.items() if form.variable in found])
        found.update(t.cotangent for t in self.context.theorems if t.cotangent is not None)
        return frozenset(found & self.context.definitions.keys())
