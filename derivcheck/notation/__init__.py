r"""Names and the printing of expressions: for Python, for the terminal, for a page.

>>> from derivcheck.expression import Entry, Index, Parameter, Sum, Affine, Tensor, divide, number
>>> M = Affine.of(Parameter("M"))
>>> k = Index("k", M, serial=1)
>>> mean = divide(Sum(k, Entry(Tensor(r"\hat{x}", (M,)), (Affine.of(k),))), number(M))
>>> text(mean)
'(1/M) · Σ_k x̂_k'
>>> latex(mean)
'\\frac{\\sum_{k} \\hat{x}_{k}}{M}'
"""

from collections.abc import Iterable

from derivcheck.expression import Expression, Index
from derivcheck.notation.inequalities import inequality
from derivcheck.notation.names import identifier, identifiers, latex_name, unicode_name
from derivcheck.notation.styles import Latex, Text

__all__ = [
    "identifier",
    "identifiers",
    "inequality",
    "latex",
    "latex_name",
    "text",
    "unicode_name",
]


def text(expression: Expression, indices: Iterable[Index] = ()) -> str:
    """One line of Unicode for a terminal.

    Bound letters that clash with a free one (of the expression, or of `indices`, the free indices
    of the claim in which it stands) or with an outer binder's are replaced by the next of their
    family. Indices print in the page's own base.
    """
    return Text(expression, indices).print()


def latex(expression: Expression, indices: Iterable[Index] = ()) -> str:
    """LaTeX without delimiters, which GitHub renders and the page reader reads back."""
    return Latex(expression, indices).print()
