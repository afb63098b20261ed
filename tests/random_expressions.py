"""Random index expressions for property tests, over a vector, a matrix, scalars and definitions."""

from fractions import Fraction

from hypothesis import strategies as st

from derivcheck.expression import (
    Affine,
    Context,
    Count,
    Definition,
    Delta,
    Derivative,
    Domain,
    Entry,
    Guard,
    Index,
    Maximum,
    Parameter,
    Positive,
    Product,
    Sum,
    Tensor,
    add,
    apply,
    fresh,
    multiply,
    power,
    rational,
    within,
)

N, M = Parameter("N"), Parameter("M")
DECLARED = Domain(declared=True)
POSITIVE = Domain(lower=Fraction(0), strict_lower=True, declared=True)

x = Tensor("x", (Affine.of(N),), DECLARED)
A = Tensor("A", (Affine.of(N), Affine.of(M)), DECLARED)
a = Tensor("a", (), DECLARED)
b = Tensor("b", (), POSITIVE)
z = Tensor("z", (Affine.of(N),))

i, j = Index("i", Affine.of(N)), Index("j", Affine.of(M))


def at(tensor, *subscripts):
    return Entry(tensor, tuple(map(Affine.of, subscripts)))


_k = fresh(i)
CONTEXT = Context(
    {z: Definition(z, (_k,), add(apply("tanh", at(x, _k)), multiply(at(a), at(x, _k))))}
)
"""z_k = tanh x_k + a x_k."""

SMOOTH = ("exp", "tanh", "sigmoid", "softplus", "sin", "cos", "sinh", "arctan", "erf")
KINKED = ("relu", "abs", "sign")


def _subscript(draw, tensor_axis, scope):
    fitting = [index for index in scope if index.extent == tensor_axis]
    if fitting and draw(st.integers(0, 3)):
        index = draw(st.sampled_from(fitting))
        # One in a few leaves the axis, so that zero extension shows.
        return Affine.of(index) + draw(st.sampled_from((0, 0, 0, 1, -1)))
    return Affine.of(draw(st.integers(0, 1)))


@st.composite
def expressions(draw, depth=3, scope=(i, j), *, smooth=False):
    """An expression whose free indices are among `scope`; `smooth` leaves the kinks out."""

    def below(inner=scope):
        return draw(expressions(depth - 1, inner, smooth=smooth))

    leaves = ("number", "entry", "entry", "entry")
    inner = ("add", "add", "multiply", "multiply", "power", "root", "apply", "sum", "delta")
    kinks = () if smooth else ("kink", "positive", "maximum", "choice")
    kind = draw(st.sampled_from(leaves if depth == 0 else (*leaves, *inner, *inner, *kinks)))
    match kind:
        case "number":
            return rational(draw(st.fractions(-2, 2, max_denominator=6)))
        case "entry":
            tensor = draw(st.sampled_from((x, A, a, b, z)))
            return at(tensor, *(_subscript(draw, extent, scope) for extent in tensor.extents))
        case "add":
            return add(below(), below())
        case "multiply":
            return multiply(below(), below())
        case "power":
            return power(below(), draw(st.sampled_from((2, 3, -1, -2))))
        case "root":
            exponent = draw(st.sampled_from((Fraction(1, 2), Fraction(-1, 2), Fraction(1, 3))))
            return power(add(power(below(), 2), at(b)), exponent)
        case "apply":
            return apply(draw(st.sampled_from(SMOOTH)), below())
        case "sum":
            index = fresh(draw(st.sampled_from((i, j))))
            binder = draw(st.sampled_from((Sum, Sum, Product)))
            return binder(index, below((*scope, index)))
        case "delta":
            left = draw(st.sampled_from(scope))
            condition = draw(
                st.sampled_from((Delta(Affine.of(left), Affine.of(1)), Guard(Affine.of(left) - 1)))
            )
            return multiply(condition, below())
        case "kink":
            return apply(draw(st.sampled_from(KINKED)), below())
        case "positive":
            return multiply(Positive(below()), below())
        case "maximum":
            index = fresh(draw(st.sampled_from((i, j))))
            inside = within(Affine.of(index), index.extent - 1)
            guarded = add(inside, Delta(Affine.of(index), Affine.of(0)))
            return Maximum((index,), guarded, below((*scope, index)))
        case _:
            return apply(draw(st.sampled_from(("max", "min"))), below(), below())


@st.composite
def derivatives(draw, depth=3):
    """A first or second derivative of a smooth expression by an entry."""
    operand = draw(expressions(depth, smooth=True))
    for _ in range(draw(st.integers(1, 2))):
        tensor = draw(st.sampled_from((x, a, b, z, A)))
        place = [_subscript(draw, extent, (i, j)) for extent in tensor.extents]
        operand = Derivative(operand, at(tensor, *place))
    return operand


SIZE = Count(Affine.of(N))
