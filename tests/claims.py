"""A few layers' gradients as claims, written as expressions: true ones, to be held or broken."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from derivcheck.derivation import Link, Reading
from derivcheck.expression import (
    Affine,
    Context,
    Definition,
    Derivative,
    Domain,
    Entry,
    Expression,
    Index,
    Parameter,
    Positive,
    Sum,
    Tensor,
    add,
    apply,
    divide,
    fresh,
    multiply,
    negate,
    number,
    power,
    square_root,
    subtract,
    total,
)

S, M, D = (Parameter(name) for name in "SMD")
POSITIVE = Domain(lower=Fraction(0), strict_lower=True, declared=True)
REALS = Domain(declared=True)


def array(name: str, *extents: Parameter | Affine | int, domain: Domain = REALS) -> Tensor:
    return Tensor(name, tuple(map(Affine.of, extents)), domain)


def entry(of: Tensor, *subscripts: Affine | Index | int) -> Entry:
    return Entry(of, tuple(map(Affine.of, subscripts)))


def summed(name: str, extent: Parameter | int, body: Callable[[Index], Expression]) -> Expression:
    bound = fresh(Index(name, Affine.of(extent)))
    return Sum(bound, body(bound))


def defined(context: Context, of: Tensor, body: Callable[..., Expression]) -> Context:
    indices = tuple(fresh(Index("abcd"[n], extent)) for n, extent in enumerate(of.extents))
    return context.define(Definition(of, indices, body(*indices)))


def link(reading: Reading, relation: str = "=", **options: object) -> Link:
    """A link with this one reading, off the kinks unless told otherwise."""
    return Link(relation, (reading,), **{"off_kinks": True, **options})


X, Y, Z = array("X", S, M), array("Y", S, M), array(r"\bar{Y}", S, M)
L = array("L")
s, j = Index("s", Affine.of(S)), Index("j", Affine.of(M))


def _loss(context: Context) -> Context:
    """L := Σ_sj Ȳ_sj Y_sj."""
    a, b = fresh(s), fresh(j)
    return defined(context, L, lambda: total((a, b), multiply(entry(Z, a, b), entry(Y, a, b))))


def _claim(variable: Tensor, right: Expression, context: Context, *indices: Index) -> Reading:
    return Reading(Derivative(entry(L), entry(variable, *indices)), right, indices, context)


def relu() -> dict[str, Reading]:
    context = _loss(defined(Context(), Y, lambda a, b: apply("relu", entry(X, a, b))))
    return {"X": _claim(X, multiply(entry(Z, s, j), Positive(entry(X, s, j))), context, s, j)}


def linear() -> dict[str, Reading]:
    V, W = array("V", S, D), array("W", D, M)
    d = Index("d", Affine.of(D))
    context = defined(
        Context(),
        Y,
        lambda a, b: summed("d", D, lambda c: multiply(entry(V, a, c), entry(W, c, b))),
    )
    context = _loss(context)
    by_v = summed("m", M, lambda m: multiply(entry(Z, s, m), entry(W, d, m)))
    by_w = summed("t", S, lambda t: multiply(entry(Z, t, j), entry(V, t, d)))
    return {"V": _claim(V, by_v, context, s, d), "W": _claim(W, by_w, context, d, j)}


def softmax() -> dict[str, Reading]:
    def body(a: Index, b: Index) -> Expression:
        whole = summed("k", M, lambda k: apply("exp", entry(X, a, k)))
        return divide(apply("exp", entry(X, a, b)), whole)

    context = _loss(defined(Context(), Y, body))
    mean = summed("l", M, lambda m: multiply(entry(Z, s, m), entry(Y, s, m)))
    right = multiply(entry(Y, s, j), subtract(entry(Z, s, j), mean))
    return {"X": _claim(X, right, context, s, j)}


def layernorm() -> dict[str, Reading]:
    mu, variance, hat = array(r"\mu", S), array(r"\sigma^2", S), array(r"\hat{X}", S, M)
    gamma, beta, epsilon = array(r"\gamma", M), array(r"\beta", M), array("e", domain=POSITIVE)

    def spread(a: Affine | Index, exponent: Fraction = Fraction(-1, 2)) -> Expression:
        return power(add(entry(variance, a), entry(epsilon)), exponent)

    def centred(a: Index, b: Index) -> Expression:
        return subtract(entry(X, a, b), entry(mu, a))

    def mean(body: Callable[[Index], Expression]) -> Expression:
        return divide(summed("k", M, body), number(M))

    context = defined(Context(), mu, lambda a: mean(lambda k: entry(X, a, k)))
    context = defined(context, variance, lambda a: mean(lambda k: power(centred(a, k), 2)))
    context = defined(context, hat, lambda a, b: multiply(centred(a, b), spread(a)))
    context = defined(
        context, Y, lambda a, b: add(multiply(entry(gamma, b), entry(hat, a, b)), entry(beta, b))
    )
    context = _loss(context)

    def scaled(k: Index) -> Expression:
        return multiply(entry(gamma, k), entry(Z, s, k))

    inner = add(
        scaled(j),
        negate(mean(scaled)),
        negate(multiply(entry(hat, s, j), mean(lambda k: multiply(scaled(k), entry(hat, s, k))))),
    )
    by_gamma = summed("t", S, lambda t: multiply(entry(Z, t, j), entry(hat, t, j)))
    return {
        "X": _claim(X, multiply(spread(s), inner), context, s, j),
        "gamma": _claim(gamma, by_gamma, context, j),
        "beta": _claim(beta, summed("t", S, lambda t: entry(Z, t, j)), context, j),
    }


def norm() -> dict[str, Reading]:
    """∂/∂v_m of the length of v, which is not differentiable at 0."""
    v = array("v", M)
    length = square_root(summed("k", M, lambda k: power(entry(v, k), 2)))
    again = square_root(summed("l", M, lambda k: power(entry(v, k), 2)))
    right = divide(entry(v, j), again)
    return {"v": Reading(Derivative(length, entry(v, j)), right, (j,), Context())}


LAYERS: dict[str, Callable[[], dict[str, Reading]]] = {
    "relu": relu,
    "linear": linear,
    "softmax": softmax,
    "layernorm": layernorm,
    "norm": norm,
}

CLAIMS: dict[str, Reading] = {
    f"{name} {variable}": reading
    for name, layer in LAYERS.items()
    for variable, reading in layer().items()
}
"""Every claim by `layer variable`, all of them true."""
