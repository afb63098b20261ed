"""The layers as expressions, without a page: inputs, definitions, loss, gradients in closed form.

`LAYERS` maps a name to a `Layer`; `layer.claims()` yields a `Reading` for every input's gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from derivcheck.derivation import Reading
from derivcheck.expression import (
    ONE,
    Affine,
    AffineLike,
    Context,
    Definition,
    Derivative,
    Domain,
    Entry,
    Expression,
    Hypothesis,
    Index,
    Parameter,
    Positive,
    Sum,
    Tensor,
    add,
    apply,
    delta,
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

POSITIVE = Domain(lower=Fraction(0), strict_lower=True, declared=True)
ZERO_ONE = Domain(values=(Fraction(0), Fraction(1)), declared=True)


def tensor(name: str, *extents: AffineLike, domain: Domain | None = None) -> Tensor:
    return Tensor(name, tuple(map(Affine.of, extents)), domain or Domain())


def index(name: str, extent: AffineLike) -> Index:
    """A free index of a claim."""
    return Index(name, Affine.of(extent))


def at(named: Tensor, *subscripts: AffineLike) -> Entry:
    return Entry(named, tuple(map(Affine.of, subscripts)))


def sum_over(name: str, extent: AffineLike, body: Callable[[Index], Expression]) -> Expression:
    """Σ over a fresh index, the body a function of it."""
    bound = fresh(index(name, extent))
    return Sum(bound, body(bound))


def sums(names: str, extents: tuple[AffineLike, ...], body: Callable[..., Expression]):
    """Σ over several fresh indices."""
    bound = [fresh(index(name, e)) for name, e in zip(names, extents, strict=True)]
    return total(bound, body(*bound))


@dataclass
class Layer:
    """A layer in the making; `define` and `gradient` fill it in the order of the page."""

    name: str
    inputs: list[Tensor] = field(default_factory=list)
    outputs: list[Tensor] = field(default_factory=list)
    cotangents: dict[Tensor, Tensor] = field(default_factory=dict)
    statics: list[Parameter] = field(default_factory=list)
    loss: Tensor = field(default_factory=lambda: tensor("L"))
    context: Context = field(default_factory=Context)
    gradients: dict[Tensor, tuple[tuple[Index, ...], Expression]] = field(default_factory=dict)

    def input(self, name: str, *extents: AffineLike, domain: Domain | None = None) -> Tensor:
        made = tensor(name, *extents, domain=domain)
        self.inputs.append(made)
        return made

    def define(
        self, name: str, extents: tuple[AffineLike, ...], body: Callable[..., Expression]
    ) -> Tensor:
        """`name[i0, i1, …] = body(i0, i1, …)`."""
        made = tensor(name, *extents)
        self.define_as(made, body)
        return made

    def define_as(self, made: Tensor, body: Callable[..., Expression]) -> None:
        indices = tuple(fresh(index("ijkl"[n], e)) for n, e in enumerate(made.extents))
        self.context = self.context.define(Definition(made, indices, body(*indices)))

    def open_loss(self, *outputs: Tensor) -> list[Tensor]:
        """L := Σ over outputs and entries of Ȳ·Y; the cotangents, in the order of the outputs."""
        terms: list[Expression] = []
        for output in outputs:
            cotangent = tensor(f"\\bar{{{output.name}}}", *output.extents)
            self.outputs.append(output)
            self.cotangents[output] = cotangent
            indices = [fresh(index("abcd"[n], e)) for n, e in enumerate(output.extents)]
            terms.append(total(indices, multiply(at(cotangent, *indices), at(output, *indices))))
        self.define_as(self.loss, lambda: add(*terms))
        return [self.cotangents[output] for output in outputs]

    def gradient(self, variable: Tensor, letters: str, body: Callable[..., Expression]) -> None:
        indices = tuple(map(index, letters, variable.extents))
        self.gradients[variable] = (indices, body(*indices))

    def hypothesis(self, left: Expression, right: Expression, text: str) -> None:
        self.context = Context(
            self.context.definitions, (*self.context.hypotheses, Hypothesis(left, right, text))
        )

    def claim(self, variable: Tensor, body: Expression | None = None) -> Reading:
        """∂L/∂variable = its closed form, or another body over the same indices."""
        indices, closed = self.gradients[variable]
        left = Derivative(at(self.loss), at(variable, *indices))
        return Reading(left, closed if body is None else body, indices, self.context)

    def claims(self) -> Iterator[tuple[str, Reading]]:
        for variable in self.gradients:
            yield variable.name, self.claim(variable)


S, M, K, N, H, D = (Parameter(name) for name in "SMKNHD")


def exp(argument: Expression) -> Expression:
    return apply("exp", argument)


def linear() -> Layer:
    layer = Layer("linear")
    X, W, b = layer.input("X", N, D), layer.input("W", D, M), layer.input("b", M)
    Y = layer.define(
        "Y",
        (N, M),
        lambda n, m: add(sum_over("d", D, lambda d: multiply(at(X, n, d), at(W, d, m))), at(b, m)),
    )
    (G,) = layer.open_loss(Y)
    layer.gradient(
        X, "nd", lambda n, d: sum_over("m", M, lambda m: multiply(at(G, n, m), at(W, d, m)))
    )
    layer.gradient(
        W, "dm", lambda d, m: sum_over("n", N, lambda n: multiply(at(X, n, d), at(G, n, m)))
    )
    layer.gradient(b, "m", lambda m: sum_over("n", N, lambda n: at(G, n, m)))
    return layer


def bias() -> Layer:
    layer = Layer("bias")
    X, b = layer.input("X", N, M), layer.input("b", M)
    Y = layer.define("Y", (N, M), lambda n, m: add(at(X, n, m), at(b, m)))
    (G,) = layer.open_loss(Y)
    layer.gradient(X, "nm", lambda n, m: at(G, n, m))
    layer.gradient(b, "m", lambda m: sum_over("n", N, lambda n: at(G, n, m)))
    return layer


def activation(name: str) -> Layer:
    layer = Layer(name)
    X = layer.input("X", N, M)
    Y = layer.define("Y", (N, M), lambda n, m: apply(name, at(X, n, m)))
    (G,) = layer.open_loss(Y)
    slopes: dict[str, Callable[[Expression, Expression], Expression]] = {
        "sigmoid": lambda x, y: multiply(y, subtract(ONE, y)),
        "tanh": lambda x, y: subtract(ONE, power(y, 2)),
        "relu": lambda x, y: Positive(x),
    }
    layer.gradient(
        X, "nm", lambda n, m: multiply(at(G, n, m), slopes[name](at(X, n, m), at(Y, n, m)))
    )
    return layer


def _probabilities(layer: Layer, X: Tensor) -> Tensor:
    return layer.define(
        "P",
        (S, K),
        lambda s, k: divide(exp(at(X, s, k)), sum_over("l", K, lambda m: exp(at(X, s, m)))),
    )


def softmax() -> Layer:
    layer = Layer("softmax")
    X = layer.input("X", S, K)
    Y = _probabilities(layer, X)
    (G,) = layer.open_loss(Y)

    def mean(s: Index) -> Expression:
        return sum_over("l", K, lambda m: multiply(at(G, s, m), at(Y, s, m)))

    layer.gradient(X, "sk", lambda s, k: multiply(at(Y, s, k), subtract(at(G, s, k), mean(s))))
    return layer


def log_softmax() -> Layer:
    layer = Layer("log_softmax")
    X = layer.input("X", S, K)
    P = _probabilities(layer, X)

    def log_sum(s: Index) -> Expression:
        return apply("log", sum_over("l", K, lambda m: exp(at(X, s, m))))

    Y = layer.define("Y", (S, K), lambda s, k: subtract(at(X, s, k), log_sum(s)))
    (G,) = layer.open_loss(Y)

    def all_cotangents(s: Index) -> Expression:
        return sum_over("l", K, lambda m: at(G, s, m))

    layer.gradient(
        X, "sk", lambda s, k: subtract(at(G, s, k), multiply(at(P, s, k), all_cotangents(s)))
    )
    return layer


def _entropy(T: Tensor, P: Tensor) -> Expression:
    def term(s: Index, k: Index) -> Expression:
        return multiply(at(T, s, k), apply("log", at(P, s, k)))

    return multiply(negate(power(number(S), -1)), sums("sk", (S, K), term))


def cross_entropy() -> Layer:
    layer = Layer("cross_entropy")
    P, T = layer.input("P", S, K, domain=POSITIVE), layer.input("T", S, K)
    layer.define_as(layer.loss, lambda: _entropy(T, P))
    layer.gradient(
        P, "sk", lambda s, k: negate(divide(at(T, s, k), multiply(number(S), at(P, s, k))))
    )
    layer.gradient(T, "sk", lambda s, k: negate(divide(apply("log", at(P, s, k)), number(S))))
    return layer


def softmax_cross_entropy() -> Layer:
    layer = Layer("softmax_cross_entropy")
    X, T = layer.input("X", S, K), layer.input("T", S, K, domain=ZERO_ONE)
    P = _probabilities(layer, X)
    s = index("s", S)
    layer.hypothesis(sum_over("k", K, lambda k: at(T, s, k)), ONE, "Σ_k T_sk = 1")
    layer.define_as(layer.loss, lambda: _entropy(T, P))
    layer.gradient(X, "sk", lambda s, k: divide(subtract(at(P, s, k), at(T, s, k)), number(S)))
    return layer


def _normalisation(layer: Layer, by_row: bool) -> Layer:
    """Layer norm (mean over each row) or batch norm (mean over each column)."""
    X = layer.input("X", S, M)
    gamma, beta = layer.input("\\gamma", M), layer.input("\\beta", M)
    epsilon = layer.input("\\epsilon", domain=POSITIVE)
    kept, size = (S, M) if by_row else (M, S)

    def x(row: Index, along: Index) -> Entry:
        return at(X, row, along) if by_row else at(X, along, row)

    def mean(body: Callable[[Index], Expression]) -> Expression:
        return multiply(power(number(size), -1), sum_over("k", size, body))

    mu = layer.define("\\mu", (kept,), lambda r: mean(lambda k: x(r, k)))
    variance = layer.define(
        "\\sigma^2", (kept,), lambda r: mean(lambda k: power(subtract(x(r, k), at(mu, r)), 2))
    )

    def row(s: Index, j: Index) -> Index:
        return s if by_row else j

    def scale(s: Index, j: Index) -> Expression:
        return square_root(add(at(variance, row(s, j)), at(epsilon)))

    X_hat = layer.define(
        "\\hat{X}",
        (S, M),
        lambda s, j: divide(subtract(at(X, s, j), at(mu, row(s, j))), scale(s, j)),
    )
    Y = layer.define(
        "Y", (S, M), lambda s, j: add(multiply(at(gamma, j), at(X_hat, s, j)), at(beta, j))
    )
    (G,) = layer.open_loss(Y)

    def weighted(s: Index, j: Index) -> Expression:
        return multiply(at(gamma, j), at(G, s, j))

    def gradient_x(s: Index, j: Index) -> Expression:
        def place(k: Index) -> tuple[Index, Index]:
            return (s, k) if by_row else (k, j)

        plain = mean(lambda k: weighted(*place(k)))
        along = mean(lambda k: multiply(weighted(*place(k)), at(X_hat, *place(k))))
        inside = add(weighted(s, j), negate(plain), negate(multiply(at(X_hat, s, j), along)))
        return multiply(power(scale(s, j), -1), inside)

    layer.gradient(X, "sj", gradient_x)
    layer.gradient(
        gamma,
        "j",
        lambda j: sum_over("s", S, lambda s: multiply(at(G, s, j), at(X_hat, s, j))),
    )
    layer.gradient(beta, "j", lambda j: sum_over("s", S, lambda s: at(G, s, j)))
    return layer


def conv2d() -> Layer:
    """Stride u, padding p: Y[n,f,t,s] = Σ_crq K[f,c,r,q] X[n,c,tu+r−p,su+q−p] + b[f]."""
    layer = Layer("conv2d")
    C, F, height, width, R, Q, T, V = (Parameter(name) for name in "CFIJRQTV")
    u, p = Parameter("u"), Parameter("p", 0)
    layer.statics = [u, p]
    X, W = layer.input("X", N, C, height, width), layer.input("K", F, C, R, Q)
    b = layer.input("b", F)

    def place(outer: Index, inner: Index) -> Affine:
        return Affine.of(outer) * u + inner - p

    def offset(inner: Index, outer: Index) -> Affine:
        return Affine.of(inner) + p - Affine.of(outer) * u

    Y = layer.define(
        "Y",
        (N, F, T, V),
        lambda n, f, t, s: add(
            sums(
                "crq",
                (C, R, Q),
                lambda c, r, q: multiply(at(W, f, c, r, q), at(X, n, c, place(t, r), place(s, q))),
            ),
            at(b, f),
        ),
    )
    (G,) = layer.open_loss(Y)
    layer.gradient(
        X,
        "ncij",
        lambda n, c, i, j: sums(
            "fts",
            (F, T, V),
            lambda f, t, s: multiply(at(G, n, f, t, s), at(W, f, c, offset(i, t), offset(j, s))),
        ),
    )
    layer.gradient(
        W,
        "fcrq",
        lambda f, c, r, q: sums(
            "nts",
            (N, T, V),
            lambda n, t, s: multiply(at(G, n, f, t, s), at(X, n, c, place(t, r), place(s, q))),
        ),
    )
    layer.gradient(b, "f", lambda f: sums("nts", (N, T, V), lambda n, t, s: at(G, n, f, t, s)))
    return layer


def conv2d_by_deltas() -> Layer:
    """The same layer; the input's gradient keeps its deltas: Σ Ȳ K δ(tu+r−p, i) δ(su+q−p, j)."""
    layer = conv2d()
    layer.name = "conv2d_by_deltas"
    X, W, _ = layer.inputs
    (G,) = layer.cotangents.values()
    u, p = layer.statics
    indices, _ = layer.gradients[X]
    n, c, i, j = indices
    extents = (*G.extents[1:], *W.extents[2:])
    body = sums(
        "ftsrq",
        extents,
        lambda f, t, s, r, q: multiply(
            at(G, n, f, t, s),
            at(W, f, c, r, q),
            delta(Affine.of(t) * u + r - p, i),
            delta(Affine.of(s) * u + q - p, j),
        ),
    )
    layer.gradients = {X: (indices, body)}
    return layer


def lstm_cell() -> Layer:
    """Gates i, f, o, g of one cell for a batch; outputs h′ and c′."""
    layer = Layer("lstm_cell")
    X, h, c = layer.input("X", N, D), layer.input("h", N, H), layer.input("c", N, H)
    W = {g: layer.input(f"W^{{{g}}}", D, H) for g in "ifog"}
    U = {g: layer.input(f"U^{{{g}}}", H, H) for g in "ifog"}
    b = {g: layer.input(f"b^{{{g}}}", H) for g in "ifog"}
    gates: dict[str, Tensor] = {}

    def preactivation(g: str, n: Index, j: Index) -> Expression:
        return add(
            sum_over("d", D, lambda d: multiply(at(X, n, d), at(W[g], d, j))),
            sum_over("k", H, lambda k: multiply(at(h, n, k), at(U[g], k, j))),
            at(b[g], j),
        )

    for g in "ifog":
        a = layer.define(f"a^{{{g}}}", (N, H), lambda n, j, g=g: preactivation(g, n, j))
        name = "tanh" if g == "g" else "sigmoid"
        gates[g] = layer.define(g, (N, H), lambda n, j, a=a, name=name: apply(name, at(a, n, j)))
    new_c = layer.define(
        "c'",
        (N, H),
        lambda n, j: add(
            multiply(at(gates["f"], n, j), at(c, n, j)),
            multiply(at(gates["i"], n, j), at(gates["g"], n, j)),
        ),
    )
    new_h = layer.define(
        "h'", (N, H), lambda n, j: multiply(at(gates["o"], n, j), apply("tanh", at(new_c, n, j)))
    )
    h_bar, c_bar = layer.open_loss(new_h, new_c)

    def total_c(n: Index, j: Index) -> Expression:
        slope = subtract(ONE, power(apply("tanh", at(new_c, n, j)), 2))
        return add(at(c_bar, n, j), multiply(at(h_bar, n, j), at(gates["o"], n, j), slope))

    def through(g: str, n: Index, j: Index) -> Expression:
        """∂L/∂a of one gate."""
        value = at(gates[g], n, j)
        if g == "o":
            incoming = multiply(at(h_bar, n, j), apply("tanh", at(new_c, n, j)))
        else:
            other = {"i": at(gates["g"], n, j), "f": at(c, n, j), "g": at(gates["i"], n, j)}[g]
            incoming = multiply(total_c(n, j), other)
        one_minus = subtract(ONE, power(value, 2) if g == "g" else value)
        return multiply(incoming, one_minus if g == "g" else multiply(value, one_minus))

    def over_gates(weights: dict[str, Tensor]) -> Callable[[Index, Index], Expression]:
        def term(g: str, n: Index, d: Index) -> Expression:
            return sum_over("j", H, lambda j: multiply(through(g, n, j), at(weights[g], d, j)))

        return lambda n, d: add(*(term(g, n, d) for g in "ifog"))

    def over_batch(left: Tensor, g: str, k: Index, j: Index) -> Expression:
        return sum_over("n", N, lambda n: multiply(at(left, n, k), through(g, n, j)))

    layer.gradient(X, "nd", over_gates(W))
    layer.gradient(h, "nk", over_gates(U))
    layer.gradient(c, "nj", lambda n, j: multiply(total_c(n, j), at(gates["f"], n, j)))
    for g in "ifog":
        layer.gradient(W[g], "dj", lambda d, j, g=g: over_batch(X, g, d, j))
        layer.gradient(U[g], "kj", lambda k, j, g=g: over_batch(h, g, k, j))
        layer.gradient(b[g], "j", lambda j, g=g: sum_over("n", N, lambda n: through(g, n, j)))
    return layer


def attention() -> Layer:
    """Scaled dot-product attention of one head."""
    layer = Layer("attention")
    T, V = Parameter("T"), Parameter("V")
    Q, Ks, Vs = layer.input("Q", S, D), layer.input("K", T, D), layer.input("V", T, V)
    root = power(number(D), Fraction(-1, 2))

    def scores(s: Index, t: Index) -> Expression:
        dot = sum_over("d", D, lambda d: multiply(at(Q, s, d), at(Ks, t, d)))
        return divide(dot, square_root(number(D)))

    A = layer.define("A", (S, T), scores)
    P = layer.define(
        "P",
        (S, T),
        lambda s, t: divide(exp(at(A, s, t)), sum_over("l", T, lambda m: exp(at(A, s, m)))),
    )
    Y = layer.define(
        "Y", (S, V), lambda s, v: sum_over("t", T, lambda t: multiply(at(P, s, t), at(Vs, t, v)))
    )
    (G,) = layer.open_loss(Y)

    def weight(s: Index, t: Index) -> Expression:
        """∂L/∂P."""
        return sum_over("v", V, lambda v: multiply(at(G, s, v), at(Vs, t, v)))

    def score(s: Index, t: Index) -> Expression:
        """∂L/∂A."""
        mean = sum_over("m", T, lambda m: multiply(at(P, s, m), weight(s, m)))
        return multiply(at(P, s, t), subtract(weight(s, t), mean))

    def along_keys(s: Index, d: Index) -> Expression:
        return sum_over("t", T, lambda t: multiply(score(s, t), at(Ks, t, d)))

    def along_queries(t: Index, d: Index) -> Expression:
        return sum_over("s", S, lambda s: multiply(score(s, t), at(Q, s, d)))

    layer.gradient(Q, "sd", lambda s, d: multiply(root, along_keys(s, d)))
    layer.gradient(Ks, "td", lambda t, d: multiply(root, along_queries(t, d)))
    layer.gradient(
        Vs, "tv", lambda t, v: sum_over("s", S, lambda s: multiply(at(P, s, t), at(G, s, v)))
    )
    return layer


LAYERS: dict[str, Callable[[], Layer]] = {
    "linear": linear,
    "bias": bias,
    "sigmoid": lambda: activation("sigmoid"),
    "tanh": lambda: activation("tanh"),
    "relu": lambda: activation("relu"),
    "softmax": softmax,
    "log_softmax": log_softmax,
    "cross_entropy": cross_entropy,
    "softmax_cross_entropy": softmax_cross_entropy,
    "layernorm": lambda: _normalisation(Layer("layernorm"), by_row=True),
    "batchnorm": lambda: _normalisation(Layer("batchnorm"), by_row=False),
    "conv2d": conv2d,
    "conv2d_by_deltas": conv2d_by_deltas,
    "lstm_cell": lstm_cell,
    "attention": attention,
}
