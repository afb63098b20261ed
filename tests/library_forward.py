"""Forward passes as libraries compute them, one for each registered name that has one.

Each takes the page's inputs in their order, and the statics by name, and returns the outputs. Where
a library's convention is another than the page's, a comment says how the one becomes the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.scipy.special import logit, logsumexp, xlogy
from scipy.spatial.distance import cdist
from scipy.stats import gumbel_r
from sklearn.preprocessing import PolynomialFeatures

Array: TypeAlias = Any
Library: TypeAlias = Callable[..., Array | tuple[Array, ...]]

Inputs: TypeAlias = dict[str, Array]

SELU = {"lambda_": 1.0507009873554804934193349852946, "alpha": 1.6732632423543772848170429916717}
GIVEN: Mapping[str, Callable[[Inputs], Inputs]] = {
    "selu": lambda inputs: {**inputs, **SELU},
    "poisson_nll": lambda inputs: {**inputs, "T": np.floor(np.abs(inputs["T"]))},
}
"""Where library and page agree for some inputs only: those of a trial, made such."""


def softmax_cross_entropy_smoothed(X: Array, T: Array, epsilon: Array) -> Array:
    return jnp.mean(optax.softmax_cross_entropy(X, optax.smooth_labels(T, epsilon)))


def nll(X: Array, T: Array) -> Array:
    # optax normalises its logits: −Σ T (X − log Σ e^X). The page takes rows that are normalised.
    normaliser = jnp.sum(T, axis=1) * logsumexp(X, axis=1)
    return jnp.mean(optax.softmax_cross_entropy(X, T) - normaliser)


def infonce(Q: Array, K: Array, tau: Array) -> Array:
    # optax.ntxent is another loss: both views of an example are rows of one batch there.
    places = jnp.arange(Q.shape[0])
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(Q @ K.T / tau, places))


def clip_loss(X: Array, Z: Array, tau: Array) -> Array:
    U, V = (each / jnp.linalg.norm(each, axis=1, keepdims=True) for each in (X, Z))
    return 0.5 * (infonce(U, V, tau) + infonce(V, U, tau))


def gradient_penalty(
    X: Array, W: Array, b: Array, v: Array, lambda_: Array, epsilon: Array
) -> Array:
    # The slope of the critic is autodiff's here, a formula on the page.
    slopes = jax.vmap(jax.grad(lambda x: jnp.tanh(W @ x + b) @ v))(X)
    lengths = jnp.sqrt(jnp.square(jnp.linalg.norm(slopes, axis=1)) + epsilon)
    return lambda_ * jnp.mean(optax.squared_error(lengths, jnp.ones_like(lengths)))


def elastic_net(w: Array, lambda_: Array, alpha: Array) -> Array:
    # optax.l2_loss has the factor ½ that the page has.
    ridge = jnp.sum(optax.l2_loss(w))
    return lambda_ * (alpha * jnp.linalg.norm(w, ord=1) + (1 - alpha) * ridge)


def gan_minimax(a: Array, b: Array) -> Array:
    # Binary cross-entropy of “real” for a and of “generated” for b, the value being its negative.
    real, generated = jnp.ones_like(a), jnp.zeros_like(b)
    bce = optax.sigmoid_binary_cross_entropy
    return -jnp.mean(bce(a, real)) - jnp.mean(bce(b, generated))


def gan_non_saturating(a: Array, b: Array) -> tuple[Array, Array]:
    generator = optax.sigmoid_binary_cross_entropy(b, jnp.ones_like(b))
    return -gan_minimax(a, b), jnp.mean(generator)


def distillation(X: Array, Z: Array, T: Array, tau: Array, alpha: Array) -> Array:
    soft = optax.losses.kl_divergence_with_log_targets(
        jax.nn.log_softmax(X / tau, axis=1), jax.nn.log_softmax(Z / tau, axis=1)
    )
    return jnp.mean(alpha * tau**2 * soft + (1 - alpha) * optax.softmax_cross_entropy(X, T))


def dpo_loss(a: Array, b: Array, c: Array, d: Array, beta: Array) -> Array:
    # A binary cross-entropy of “preferred” on the difference of the rewards.
    reward = beta * (a - c) - beta * (b - d)
    return jnp.mean(optax.sigmoid_binary_cross_entropy(reward, jnp.ones_like(reward)))


def gaussian_nll(mu: Array, v: Array, T: Array) -> Array:
    # The density of `jax.scipy` has the constant that the page leaves out.
    density = jax.scipy.stats.norm.logpdf(T, mu, jnp.sqrt(v))
    return -jnp.mean(density) - 0.5 * jnp.log(2.0 * jnp.pi)


def poisson_nll(X: Array, T: Array) -> Array:
    # The density of `jax.scipy` has the factorial that the page leaves out.
    density = jax.scipy.stats.poisson.logpmf(T, jnp.exp(X))
    return -jnp.mean(density + jax.scipy.special.gammaln(T + 1.0))


def multinomial_regression(X: Array, W: Array, b: Array, T: Array, lambda_: Array) -> Array:
    scores = optax.softmax_cross_entropy(X @ W.T + b, T)
    return jnp.mean(scores) + lambda_ * jnp.sum(optax.l2_loss(W))


def matrix_factorisation(
    U: Array, V: Array, a: Array, b: Array, mu: Array, R: Array, W: Array, lambda_: Array
) -> Array:
    fitted = jnp.sum(W * optax.l2_loss(U @ V.T + a[:, None] + b + mu, R))
    return fitted + lambda_ * sum(jnp.sum(optax.l2_loss(each)) for each in (U, V, a, b))


def factorisation_machine(X: Array, w: Array, b: Array, V: Array) -> Array:
    # A column for each pair of features, which the page never forms.
    pairs = PolynomialFeatures(degree=2, interaction_only=True)
    columns = pairs.fit_transform(X)
    products = V @ V.T
    order = [np.flatnonzero(row) for row in pairs.powers_]
    weights = [b, *w, *(products[i, j] for i, j in (each for each in order if len(each) == 2))]
    return columns @ np.array(weights)


def negative_sampling(U: Array, V: Array, Z: Array) -> Array:
    scores = jnp.concatenate([jnp.vecdot(U, V)[:, None], jnp.vecdot(Z, U[:, None])], axis=1)
    near = jnp.zeros_like(scores).at[:, 0].set(1.0)
    return jnp.mean(jnp.sum(optax.sigmoid_binary_cross_entropy(scores, near), axis=1))


def gaussian_mixture(X: Array, alpha: Array, mu: Array, sigma: Array) -> Array:
    # The density of `jax.scipy` has the constant that the page leaves out.
    logs = jnp.sum(jax.scipy.stats.norm.logpdf(X[:, None], mu, sigma), axis=2)
    density = logsumexp(logs + jax.nn.log_softmax(alpha), axis=1)
    return -jnp.mean(density) - 0.5 * X.shape[1] * jnp.log(2.0 * jnp.pi)


def tsne(Y: Array, P: Array) -> Array:
    near = 1.0 + cdist(Y, Y, "sqeuclidean")
    shares = jnp.sum(1.0 / near) - len(Y)  # without each place's nearness to itself
    return jnp.log(shares) + jnp.sum(P * jnp.log(near))


# --- normalisation ------------------------------------------------------------------------------


def _standardised(X: Array, axis: int | tuple[int, ...], epsilon: Array) -> Array:
    # The default algorithm takes the variance as a difference of means, which cancels.
    return jax.nn.standardize(X, axis=axis, epsilon=epsilon, algorithm="stable")


def layernorm(X: Array, gamma: Array, beta: Array, epsilon: Array) -> Array:
    return gamma * _standardised(X, 1, epsilon) + beta


def batchnorm(X: Array, gamma: Array, beta: Array, epsilon: Array) -> Array:
    return gamma * _standardised(X, 0, epsilon) + beta


def groupnorm(X: Array, gamma: Array, beta: Array, epsilon: Array) -> Array:
    return gamma[:, :, None] * _standardised(X, (2, 3), epsilon) + beta[:, :, None]


def channels_normalised(X: Array, gamma: Array, beta: Array, epsilon: Array) -> Array:
    return gamma[:, None] * _standardised(X, (0, 2), epsilon) + beta[:, None]


def instancenorm(X: Array, gamma: Array, beta: Array, epsilon: Array) -> Array:
    return gamma[:, None] * _standardised(X, 2, epsilon) + beta[:, None]


def batchnorm_evaluation(
    X: Array, gamma: Array, beta: Array, r: Array, v: Array, epsilon: Array
) -> Array:
    return gamma * jax.nn.standardize(X, axis=0, mean=r, variance=v, epsilon=epsilon) + beta


def rmsnorm(X: Array, gamma: Array, epsilon: Array) -> Array:
    # `standardize` with a mean that is given, and so not taken off.
    square = jnp.mean(jnp.square(X), axis=1, keepdims=True)
    return gamma * jax.nn.standardize(
        X, axis=1, mean=jnp.zeros_like(square), variance=square, epsilon=epsilon
    )


# --- windows ------------------------------------------------------------------------------------


def conv1x1(X: Array, K: Array, b: Array) -> Array:
    Y = lax.conv(X, K[:, :, None, None], (1, 1), "VALID", precision="highest")
    return Y + b[:, None, None]


def _reduced(
    X: Array, start: float, operation: Any, window: tuple[int, ...], *, u: int, p: int
) -> Array:
    axes = len(window)
    padding = ((0, 0), (0, 0), *((p, p),) * axes)
    return lax.reduce_window(X, start, operation, (1, 1, *window), (1, 1, *(u,) * axes), padding)


def max_pool2d(X: Array, *, R: int, Q: int, u: int, p: int) -> Array:
    return _reduced(X, -jnp.inf, lax.max, (R, Q), u=u, p=p)


def max_pool1d(X: Array, *, R: int, u: int, p: int) -> Array:
    return _reduced(X, -jnp.inf, lax.max, (R,), u=u, p=p)


def avg_pool2d(X: Array, *, R: int, Q: int, u: int, p: int) -> Array:
    return _reduced(X, 0.0, lax.add, (R, Q), u=u, p=p) / (R * Q)


def avg_pool1d(X: Array, *, R: int, u: int, p: int) -> Array:
    return _reduced(X, 0.0, lax.add, (R,), u=u, p=p) / R


def global_avg_pool(X: Array) -> Array:
    H, W = X.shape[2:]
    return _reduced(X, 0.0, lax.add, (H, W), u=1, p=0)[:, :, 0, 0] / (H * W)


def upsample_nearest(X: Array, *, R: int, Q: int) -> Array:
    N, C, H, W = X.shape
    return jax.image.resize(X, (N, C, R * H, Q * W), "nearest")


def pixel_shuffle(X: Array, *, R: int) -> Array:
    # A transposed convolution whose kernels each put a channel of the input at one place.
    kernels = np.eye(X.shape[1]).reshape(-1, R, R, X.shape[1])
    kernels = jnp.asarray(kernels.transpose(0, 3, 1, 2)[:, :, ::-1, ::-1])
    return lax.conv_transpose(
        X, kernels, (R, R), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW")
    )


# --- attention ----------------------------------------------------------------------------------


def _attended(Q: Array, K: Array, V: Array, **options: Any) -> Array:
    """`jax.nn.dot_product_attention` of one head, a column of values at a time.

    It wants values as wide as keys, and heads on the axis before the last.
    """

    def column(v: Array) -> Array:
        wide = jnp.broadcast_to(v[:, :, None], K.shape)
        heads = (each[:, :, None, :] for each in (Q, K, wide))
        return jax.nn.dot_product_attention(*heads, **options)[:, :, 0, 0]

    return jnp.stack([column(V[:, :, e]) for e in range(V.shape[2])], axis=2)


def attention(Q: Array, K: Array, V: Array, M: Array) -> Array:
    return _attended(Q, K, V, bias=M[None, None])


def mlp(X: Array, W: Array, b: Array, alpha: Array, V: Array, c: Array, T: Array) -> Array:
    hidden = jax.nn.elu(X @ W.T + b, alpha)
    return jnp.mean(optax.softmax_cross_entropy(hidden @ V.T + c, T))


def causal_attention(Q: Array, K: Array, V: Array) -> Array:
    return _attended(Q, K, V, is_causal=True)


def grouped_query_attention(Q: Array, K: Array, V: Array, M: Array) -> Array:
    q, k = (jnp.swapaxes(each, 1, 2) for each in (Q, K))

    def column(v: Array) -> Array:
        wide = jnp.broadcast_to(jnp.swapaxes(v, 1, 2)[..., None], k.shape)
        return jax.nn.dot_product_attention(q, k, wide, bias=M[None, None])[..., 0]

    columns = jnp.stack([column(V[..., e]) for e in range(V.shape[3])], axis=3)
    return jnp.swapaxes(columns, 1, 2)


def rotary_embedding(A: Array, B: Array, phi: Array) -> tuple[Array, Array]:
    turned = lax.complex(A, B) * jnp.exp(1j * phi)
    return jnp.real(turned), jnp.imag(turned)


def multi_head_attention(
    X: Array, C: Array, B: Array, W_Q: Array, W_K: Array, W_V: Array, W_O: Array, *, H: int
) -> Array:
    def heads(Z: Array) -> Array:
        return Z.reshape(*Z.shape[:2], H, -1)

    projected = (heads(X @ W_Q.T), heads(C @ W_K.T), heads(C @ W_V.T))
    joined = jax.nn.dot_product_attention(*projected, bias=B[None, None])
    return joined.reshape(*X.shape[:2], -1) @ W_O.T


def multi_head_attention_wide(
    X: Array, C: Array, B: Array, W_Q: Array, W_K: Array, W_V: Array, W_O: Array
) -> Array:
    H = W_Q.shape[0] // X.shape[2]
    return multi_head_attention(X, C, B, W_Q, W_K, W_V, W_O, H=H)


def transformer_block(
    X: Array,
    gamma_A: Array,
    beta_A: Array,
    gamma_B: Array,
    beta_B: Array,
    epsilon_A: Array,
    epsilon_B: Array,
    W_Q: Array,
    W_K: Array,
    W_V: Array,
    W_O: Array,
    W_U: Array,
    b_U: Array,
    W_Y: Array,
    b_Y: Array,
    *,
    attend: Library = causal_attention,
) -> Array:
    A = gamma_A * _standardised(X, 2, epsilon_A) + beta_A
    # Heads are more examples to a function of one head.
    projected = [jnp.einsum("nsm,hdm->nhsd", A, W) for W in (W_Q, W_K, W_V)]
    N, H, S, _ = projected[0].shape
    heads = attend(*(each.reshape(N * H, S, -1) for each in projected)).reshape(N, H, S, -1)
    R = X + jnp.einsum("nhse,hem->nsm", heads, W_O)
    B = gamma_B * _standardised(R, 2, epsilon_B) + beta_B
    return R + jax.nn.gelu(B @ W_U.T + b_U, approximate=False) @ W_Y.T + b_Y


def normalize(X: Array, epsilon: Array) -> Array:
    # The projection onto a ball as large as the bound, enlarged to the unit ball.
    project = optax.projections.projection_l2_ball
    return jax.vmap(lambda row: project(row, epsilon))(X) / epsilon


def clip_by_norm(G: Array, g: Array, c: Array) -> tuple[Array, Array]:
    rule = optax.clip_by_global_norm(c)
    clipped, _ = rule.update((G, g), rule.init((G, g)))
    return clipped


FORWARD: Mapping[str, Library] = {
    # linear
    "linear": lambda X, W: lax.dot_general(X, W, (((1,), (1,)), ((), ()))),
    "linear_transposed": lambda X, W, b: lax.dot_general(X, W, (((1,), (0,)), ((), ()))) + b,
    "embedding": lambda T, E: jnp.take(E, jnp.argmax(T, axis=1), axis=0),
    "flatten": lambda X: lax.collapse(X, 1),
    # convolution and pooling; other convolutions are those of `test_convolution_libraries`
    "conv1x1": conv1x1,
    "avg_pool2d": avg_pool2d,
    "avg_pool1d": avg_pool1d,
    "global_avg_pool": global_avg_pool,
    "max_pool2d": max_pool2d,
    "max_pool1d": max_pool1d,
    "upsample_nearest": upsample_nearest,
    "pixel_shuffle": pixel_shuffle,
    # activation
    "elu": jax.nn.elu,
    "gelu": lambda X: jax.nn.gelu(X, approximate=False),
    "gelu_tanh": lambda X: jax.nn.gelu(X, approximate=True),
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_swish": jax.nn.hard_swish,
    "hard_tanh": jax.nn.hard_tanh,
    "leaky_relu": jax.nn.leaky_relu,
    "prelu": jax.nn.leaky_relu,  # with a slope for each column
    "relu": jax.nn.relu,
    "selu": lambda X, lambda_, alpha: jax.nn.selu(X),
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "tanh": jax.nn.tanh,
    "celu": jax.nn.celu,
    "glu": lambda A, B: jax.nn.glu(jnp.concatenate([A, B], axis=1), axis=1),
    "log_sigmoid": jax.nn.log_sigmoid,
    "mish": jax.nn.mish,
    "relu6": jax.nn.relu6,
    "softsign": jax.nn.soft_sign,
    "swiglu": lambda X, W, V, U: (jax.nn.silu(X @ W) * (X @ V)) @ U,
    "geglu": lambda X, W, V, U: (jax.nn.gelu(X @ W, approximate=False) * (X @ V)) @ U,
    # probability
    "softmax": lambda X: jax.nn.softmax(X, axis=1),
    "log_softmax": lambda X: jax.nn.log_softmax(X, axis=1),
    "softmax_jacobian": jax.nn.logsumexp,
    "logsumexp": lambda X: jax.nn.logsumexp(X, axis=1),
    "softmax_temperature": lambda X, tau: jax.nn.softmax(X / tau, axis=1),
    "gumbel_softmax": lambda X, U, tau: jax.nn.softmax((X + gumbel_r.ppf(U)) / tau, axis=1),
    # normalisation
    "batchnorm": batchnorm,
    "batchnorm_channels": channels_normalised,
    "batchnorm_evaluation": batchnorm_evaluation,
    "groupnorm": groupnorm,
    "instancenorm": instancenorm,
    "layernorm": layernorm,
    "rmsnorm": rmsnorm,
    "normalize": normalize,
    # loss
    "mse": lambda X, T: jnp.mean(optax.squared_error(X, T)),
    "l1": lambda X, T: jnp.linalg.norm((X - T).ravel(), ord=1) / X.size,
    "l2_norm": lambda X, T: optax.safe_norm(X - T, 0.0, axis=1),
    "huber": lambda X, T, kappa: jnp.mean(optax.huber_loss(X, T, delta=kappa)),
    "hinge": lambda x, t: jnp.mean(optax.hinge_loss(x, t)),
    "squared_hinge": lambda x, t: jnp.mean(jnp.square(optax.hinge_loss(x, t))),
    "cross_entropy": lambda X, T: -jnp.sum(xlogy(T, X)) / X.shape[0],
    "nll": nll,
    "softmax_cross_entropy": lambda X, T: jnp.mean(optax.softmax_cross_entropy(X, T)),
    "softmax_cross_entropy_smoothed": softmax_cross_entropy_smoothed,
    "softmax_cross_entropy_weighted": lambda X, T, w: (
        jnp.sum(optax.softmax_cross_entropy(X, w * T)) / jnp.sum(w * T)
    ),
    "distillation": distillation,
    # A sum over the examples, not their mean.
    "softmax_regression": lambda X, W, T: jnp.sum(optax.softmax_cross_entropy(X @ W.T, T)),
    "binary_cross_entropy": lambda X, T: jnp.mean(
        optax.sigmoid_binary_cross_entropy(logit(X), T)  # optax takes logits
    ),
    "binary_cross_entropy_with_logits": lambda X, T: jnp.mean(
        optax.sigmoid_binary_cross_entropy(X, T)
    ),
    "gan_minimax": gan_minimax,
    "gan_non_saturating": gan_non_saturating,
    "infonce": infonce,
    "clip_loss": clip_loss,
    "gradient_penalty": gradient_penalty,
    "kl_divergence": lambda X, T: jnp.mean(optax.losses.kl_divergence(X, T)),
    "focal_loss": lambda x, t, gamma: jnp.mean(
        optax.losses.sigmoid_focal_loss(x * t, jnp.ones_like(x), gamma=gamma)  # labels of 0 and 1
    ),
    "gaussian_nll": gaussian_nll,
    "log_cosh": lambda X, T: jnp.mean(optax.losses.log_cosh(X, T)),
    "logistic_loss": lambda x, t: jnp.mean(
        optax.sigmoid_binary_cross_entropy(t * x, jnp.ones_like(x))
    ),
    "cosine_similarity": lambda X, Z: optax.losses.cosine_similarity(X, Z),
    "poisson_nll": poisson_nll,
    # reinforcement
    "policy_gradient": lambda X, A, G, b: jnp.mean((G - b) * optax.softmax_cross_entropy(X, A)),
    "dpo_loss": dpo_loss,
    # models
    "multinomial_regression": multinomial_regression,
    "ridge_regression": lambda X, w, b, y, lambda_: (
        jnp.sum(optax.l2_loss(X @ w + b, y)) + lambda_ * jnp.sum(optax.l2_loss(w))
    ),
    "matrix_factorisation": matrix_factorisation,
    "factorisation_machine": factorisation_machine,
    "negative_sampling": negative_sampling,
    "gaussian_mixture": gaussian_mixture,
    "tied_autoencoder": lambda X, W: jnp.mean(jnp.sum(optax.l2_loss(X @ W.T @ W, X), axis=1)),
    "tsne": tsne,
    "mlp": mlp,
    # attention
    "attention": attention,
    "causal_attention": causal_attention,
    "grouped_query_attention": grouped_query_attention,
    "multi_head_attention": multi_head_attention,
    "multi_head_attention_wide": multi_head_attention_wide,
    "rotary_embedding": rotary_embedding,
    "transformer_block": transformer_block,
    # regularisation
    "l1_regulariser": lambda w, lambda_: lambda_ * jnp.linalg.norm(w, ord=1),
    "l2_regulariser": lambda w, lambda_: lambda_ * jnp.sum(optax.l2_loss(w)),
    "elastic_net": elastic_net,
    "clip_by_norm": clip_by_norm,
    # second order
    "least_squares_hessian": lambda X, w, y: jnp.sum(optax.l2_loss(X @ w, y)),
    "logistic_regression_hessian": lambda X, w, y: jnp.sum(
        optax.sigmoid_binary_cross_entropy(X @ w, y)
    ),
}

SCORED_IN_SINGLE = {
    *("attention", "causal_attention", "multi_head_attention", "multi_head_attention_wide"),
    *("grouped_query_attention", "transformer_block"),
}
"""`jax.nn.dot_product_attention` takes its scores in float32; Flax, where it is, in float64."""

ON_FLAX = (
    *("gru_cell", "lstm_cell", "lstm_cell_fused", "rnn_cell", "weight_norm"),
    *("rnn", "gru", "lstm"),
    *sorted(SCORED_IN_SINGLE),
)
"""Those in `flax_forward`, for whoever has Flax."""

# --- optimisers: what makes the transformation, from the page's hyperparameters -----------------

OPTIMISERS: Mapping[str, Callable[..., optax.GradientTransformation]] = {
    "sgd": lambda eta: optax.sgd(eta),
    "momentum": lambda eta, mu: optax.sgd(eta, momentum=mu),
    "nesterov": lambda eta, mu: optax.sgd(eta, momentum=mu, nesterov=True),
    # The page's constant stands outside the root, optax's inside unless it is told.
    "rmsprop": lambda eta, rho, epsilon: optax.rmsprop(eta, rho, epsilon, eps_in_sqrt=False),
    "adam": lambda eta, beta_1, beta_2, epsilon: optax.adam(eta, beta_1, beta_2, epsilon),
    # The decay is multiplied by the learning rate, on the page and in optax.
    "adamw": lambda eta, beta_1, beta_2, epsilon, lambda_: optax.adamw(
        eta, beta_1, beta_2, epsilon, weight_decay=lambda_
    ),
    # The page's sum begins with 0, optax's with 0.1 unless it is told.
    "adagrad": lambda eta, epsilon: optax.adagrad(eta, 0.0, epsilon),
    "adadelta": lambda eta, rho, epsilon: optax.adadelta(eta, rho, epsilon),
    "adamax": lambda eta, beta_1, beta_2, epsilon: optax.adamax(eta, beta_1, beta_2, epsilon),
    "amsgrad": lambda eta, beta_1, beta_2, epsilon: optax.amsgrad(eta, beta_1, beta_2, epsilon),
    "lamb": lambda eta, beta_1, beta_2, epsilon, lambda_: optax.lamb(
        eta, beta_1, beta_2, epsilon, weight_decay=lambda_
    ),
    "lion": lambda eta, beta_1, beta_2, lambda_: optax.lion(
        eta, beta_1, beta_2, weight_decay=lambda_
    ),
    "nadam": lambda eta, beta_1, beta_2, epsilon: optax.nadam(eta, beta_1, beta_2, epsilon),
}

# --- initialisers: jax.nn's own, and the numbers that it scales ----------------------------------


def _uniform(key: Array, shape: tuple[int, int], dtype: Any) -> Array:
    return jax.random.uniform(key, shape, dtype, -1.0, 1.0)


_scaled = jax.nn.initializers.variance_scaling
# `he_normal` and `glorot_normal` cut the numbers off at two deviations; the pages do not.
INITIALISERS: Mapping[str, tuple[Callable[..., Array], Callable[..., Array]]] = {
    "he": (_scaled(2.0, "fan_in", "normal"), jax.random.normal),
    "he_uniform": (jax.nn.initializers.he_uniform(), _uniform),
    "xavier": (jax.nn.initializers.glorot_uniform(), _uniform),
    "xavier_normal": (_scaled(1.0, "fan_avg", "normal"), jax.random.normal),
}

NO_LIBRARY: Mapping[str, str] = {
    "addition": "one addition: a library's is the Reference",
    "bias": "one addition: a library's is the Reference",
    "scale": "one multiplication: a library's is the Reference",
    "bilinear": "no jax library has it; `torch.nn.Bilinear` does",
    "residual": "a sum with a linear map, which `linear_transposed` holds against one",
    "positional_encoding": "one addition: a library's is the Reference",
    "receptive_field": "no library computes it; the page has no array program either",
    "conv_output_size": "sizes, no arrays: `test_convolution_libraries` compares shapes",
    "dropout": "libraries draw the mask themselves",
    "peephole_lstm_cell": "neither jax.nn, optax nor Flax has peepholes",
    "multiclass_hinge": "optax's has another margin: the largest one, not their sum",
    "softshrink": "neither jax.nn nor optax has it; `torch.nn.Softshrink` does",
    "quantile_loss": "neither jax.nn nor optax has it; scikit-learn's is that of numbers",
    "dice_loss": "optax's is of classes that share every place, with rows that sum to 1",
    "triplet_margin": "optax's takes the distances, the page their squares",
    "lora": "neither jax.nn, optax nor Flax has it; PEFT, for PyTorch, does",
    "ppo_clip": "neither jax.nn nor optax has it; rlax does, in the words of the Reference",
    "margin_ranking": "neither jax.nn nor optax has it; `torch.nn.MarginRankingLoss` does",
    "contrastive_margin": "optax's losses of pairs are those of whole batches",
    "gaussian_kl_diagonal": "no jax library has it; `torch.distributions.kl_divergence` does",
    "gaussian_kl": "no jax library has it; `torch.distributions` does",
}
