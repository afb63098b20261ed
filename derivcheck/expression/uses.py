"""One page uses another: whose formulas stand where, and what that page has proved of them."""

from __future__ import annotations

from dataclasses import dataclass

from derivcheck.expression.nodes import Tensor

FOREIGN = "use of "
"""How the scope of a tensor begins that a used page brings along; no name of the page means it."""


@dataclass(frozen=True, slots=True)
class Use:
    """`output` is another page's output, with `arguments` in place of that page's inputs.

    The first `leading` axes of `output` are none of the used page's: for each of their values it
    is the used page's function of slices. `leads` tells, for every argument, which of them its own
    leading axes are. `private` are the used page's intermediates; nothing else mentions them.
    """

    page: str
    output: Tensor
    leading: int
    arguments: tuple[Tensor, ...]
    leads: tuple[tuple[int, ...], ...]
    private: frozenset[Tensor]


@dataclass(frozen=True, slots=True)
class Theorem:
    r"""What the used page says of its gradient: Σ cotangent · ∂output/∂argument, as closed forms.

    The sum runs over all axes of `output`; what is differentiated is the used page's formulas
    alone, every other argument held. It equals the sum of `gradients`, which have the shape of the
    argument: one for each place at which it stands in the use, where the used page calls it as
    `claims` says. A cotangent of None is 1, of a number: then it is ∂output/∂argument itself.
    """

    use: Use
    cotangent: Tensor | None
    argument: Tensor
    gradients: tuple[Tensor, ...]
    claims: tuple[str, ...]
