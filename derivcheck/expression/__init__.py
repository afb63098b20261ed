"""Index expressions: small immutable trees with a value for every size.

Semantics, which every room that evaluates or rewrites must keep:

* every axis and every index counts from 0 inside the program; a page's own base is a matter of
  reading and printing;
* an `Entry` *zero-extends*: outside the axis its value is 0, and the definition of a defined tensor
  is not evaluated there;
* `Delta`, `Guard` and `Positive` are 0 or 1; a product in which one of them is 0 **is** 0, whatever
  the other factors are, defined or not;
* what stands in a sum and does not depend on its index must be defined even where the sum is empty
  or its conditions fail: Σ_{j ≠ i} 1/(N − 1) has no value at N = 1, like (1/(N − 1)) Σ_{j ≠ i} 1;
* `Derivative` is total: through every definition between operand and variable.

Every binder (`Sum`, `Product`, `Maximum`) carries an `Index` of its own identity, made by `fresh`.
Trees are built through the constructor functions (`add`, `multiply`, `power`, …), which keep a node
tidy when it is made (no nested sums, no unit factors) and never move or merge what the author
wrote.
"""

from derivcheck.expression.constructors import (
    ELSEWHERE,
    PI,
    add,
    apply,
    delta,
    divide,
    elsewhere,
    guard,
    multiply,
    negate,
    negation,
    number,
    power,
    rational,
    square_root,
    subtract,
    total,
    within,
)
from derivcheck.expression.context import (
    Conjecture,
    Context,
    Definition,
    Hypothesis,
    foundations,
    rests_on,
)
from derivcheck.expression.index_maps import composed, composition, digits, placed, size
from derivcheck.expression.integers import (
    Affine,
    AffineLike,
    Atom,
    Index,
    Parameter,
    Term,
    atom_key,
    fresh,
)
from derivcheck.expression.nodes import (
    MINUS_ONE,
    ONE,
    ZERO,
    Add,
    Apply,
    Count,
    Delta,
    Derivative,
    Domain,
    Entry,
    Expression,
    Function,
    Guard,
    Maximum,
    Multiply,
    Positive,
    Power,
    Product,
    Rational,
    Sum,
    Tensor,
)
from derivcheck.expression.recursion import (
    Disorder,
    Equation,
    Shifts,
    circle,
    direction,
    equations,
    shifts,
)
from derivcheck.expression.traversal import (
    affines,
    binders,
    children,
    free_indices,
    parameters,
    rebuild,
    substitute,
    tensors,
    walk,
)
from derivcheck.expression.uses import FOREIGN, Theorem, Use
from derivcheck.expression.vector_jacobian import (
    VectorJacobian,
    at,
    in_closed_form,
    vector_jacobian,
    vector_jacobians,
)

__all__ = [
    "ELSEWHERE",
    "FOREIGN",
    "MINUS_ONE",
    "ONE",
    "PI",
    "ZERO",
    "Add",
    "Affine",
    "AffineLike",
    "Apply",
    "Atom",
    "Conjecture",
    "Context",
    "Count",
    "Definition",
    "Delta",
    "Derivative",
    "Disorder",
    "Domain",
    "Entry",
    "Equation",
    "Expression",
    "Function",
    "Guard",
    "Hypothesis",
    "Index",
    "Maximum",
    "Multiply",
    "Parameter",
    "Positive",
    "Power",
    "Product",
    "Rational",
    "Shifts",
    "Sum",
    "Tensor",
    "Term",
    "Theorem",
    "Use",
    "VectorJacobian",
    "add",
    "affines",
    "apply",
    "at",
    "atom_key",
    "binders",
    "children",
    "circle",
    "composed",
    "composition",
    "delta",
    "digits",
    "direction",
    "divide",
    "elsewhere",
    "equations",
    "foundations",
    "free_indices",
    "fresh",
    "guard",
    "in_closed_form",
    "multiply",
    "negate",
    "negation",
    "number",
    "parameters",
    "placed",
    "power",
    "rational",
    "rebuild",
    "rests_on",
    "shifts",
    "size",
    "square_root",
    "substitute",
    "subtract",
    "tensors",
    "total",
    "vector_jacobian",
    "vector_jacobians",
    "walk",
    "within",
]
