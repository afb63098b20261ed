"""Six forward passes in plain JAX, each the shortest that XLA compiles well.

`jax.vjp` of one of them is the other side of a pair. None uses a function with a derivative of its
own that autodiff would not have found; inputs, statics and outputs are those of the page.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


def linear(X, W):
    return (X @ W.T,)


def softmax_cross_entropy(X, T):
    return (-jnp.sum(T * jax.nn.log_softmax(X, axis=1)) / len(X),)


def layernorm(X, gamma, beta, epsilon):
    centred = X - X.mean(axis=1, keepdims=True)
    variance = jnp.mean(centred * centred, axis=1, keepdims=True)
    return (centred * jax.lax.rsqrt(variance + epsilon) * gamma + beta,)


def conv2d(X, K, b, *, u, p, d):
    Y = jax.lax.conv_general_dilated(
        X,
        K,
        (u, u),
        [(p, p), (p, p)],
        rhs_dilation=(d, d),
        dimension_numbers=("NCHW", "OIHW", "NCHW"),
    )
    return (Y + b[:, None, None],)


def lstm_cell(x, h, c, W_i, W_f, W_g, W_o, U_i, U_f, U_g, U_o, b_i, b_f, b_g, b_o):
    i = jax.nn.sigmoid(x @ W_i.T + h @ U_i.T + b_i)
    f = jax.nn.sigmoid(x @ W_f.T + h @ U_f.T + b_f)
    g = jnp.tanh(x @ W_g.T + h @ U_g.T + b_g)
    o = jax.nn.sigmoid(x @ W_o.T + h @ U_o.T + b_o)
    c = f * c + i * g
    return o * jnp.tanh(c), c


def attention(Q, K, V, M):
    Z = jnp.einsum("nsd,ntd->nst", Q, K) / jnp.sqrt(Q.shape[2]).astype(Q.dtype) + M
    return (jnp.einsum("nst,nte->nse", jax.nn.softmax(Z, axis=2), V),)


BASELINES = {
    "linear": linear,
    "softmax_cross_entropy": softmax_cross_entropy,
    "layernorm": layernorm,
    "conv2d": conv2d,
    "lstm_cell": lstm_cell,
    "attention": attention,
}
