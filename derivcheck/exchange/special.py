"""What SymPy lacks or gets wrong when it constructs: binders made as they are meant.

SymPy 1.14 folds a `Piecewise` out of a `Sum` when the sum is constructed, and lets the bound index
leak on the way (`Sum(2*Sum(Piecewise((x[k], k > 0), (0, True)), (k, …)), (s, …))`). `big` makes the
node without that rewriting; `doit`, `simplify` and `subs` on the result may still run into it.
"""

# SymPy ships no types for its constructors.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy.concrete.expr_with_limits import ExprWithLimits


class Largest(ExprWithLimits):
    """`Largest(body, condition, (k, 0, M - 1), …)`: the maximum over the indices where it holds.

    SymPy has `Max` of finitely many arguments only. The body and its condition are one `Tuple`.
    """

    @property
    def body(self) -> Any:
        return self.args[0].args[0]

    @property
    def condition(self) -> Any:
        return self.args[0].args[1]


def big(kind: type[Any], body: Any, limits: Sequence[tuple[Any, Any, Any]]) -> Any:
    """A `Sum`, `Product` or `Largest` over (symbol, lower, upper), the innermost first."""
    node = sympy.Expr.__new__(kind, body, *(sympy.Tuple(*limit) for limit in limits))
    node.is_commutative = True
    return node


def largest(body: Any, condition: Any, limits: Sequence[tuple[Any, Any, Any]]) -> Any:
    return big(Largest, sympy.Tuple(body, condition), limits)
