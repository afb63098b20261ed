"""Six layers as a NumPy programmer would write them by hand, for speed.

The contract is that of generated code: `forward(inputs…, *, statics) -> (outputs, residuals)` and
`pullback(residuals, cotangents, *, statics) -> gradients`, the same layout, the same gradients,
and residuals that the pullback leaves as they are. What is kept, recomputed or written in place is
each layer's own choice.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Linear:
    """Y = X Wᵀ."""

    @staticmethod
    def forward(X, W):
        return (X @ W.T,), (X, W)

    @staticmethod
    def pullback(residuals, cotangents):
        X, W = residuals
        (Y_bar,) = cotangents
        return Y_bar @ W, Y_bar.T @ X


class SoftmaxCrossEntropy:
    """The mean over rows of −Σ_k T log softmax(X)."""

    @staticmethod
    def forward(X, T):
        log_p = X - X.max(axis=1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        return (np.vdot(T, log_p) / -len(X),), (T, log_p)

    @staticmethod
    def pullback(residuals, cotangents):
        T, log_p = residuals
        (L_bar,) = cotangents
        scale = L_bar / len(T)
        X_bar = np.exp(log_p)
        X_bar -= T
        X_bar *= scale
        return X_bar, log_p * -scale


class LayerNorm:
    """Rows to mean 0 and variance 1; the reciprocal of the root is kept."""

    @staticmethod
    def forward(X, gamma, beta, epsilon):
        M = X.shape[1]
        X_hat = X - X.mean(axis=1, keepdims=True)
        reciprocal = 1 / np.sqrt(np.vecdot(X_hat, X_hat) / M + epsilon)
        X_hat *= reciprocal[:, None]
        Y = X_hat * gamma
        Y += beta
        return (Y,), (gamma, reciprocal, X_hat)

    @staticmethod
    def pullback(residuals, cotangents):
        gamma, reciprocal, X_hat = residuals
        (Y_bar,) = cotangents
        M = len(gamma)
        gamma_bar = np.einsum("sj,sj->j", Y_bar, X_hat)
        beta_bar = Y_bar.sum(axis=0)
        X_bar = Y_bar * gamma
        along = np.vecdot(X_bar, X_hat)
        X_bar -= (Y_bar @ gamma / M)[:, None]
        X_bar -= X_hat * (along / M)[:, None]
        X_bar *= reciprocal[:, None]
        epsilon_bar = -0.5 * np.dot(reciprocal * reciprocal, along)
        return X_bar, gamma_bar, beta_bar, epsilon_bar


class Convolution:
    """One example at a time: its columns stay in cache, and every product is one of matrices."""

    @staticmethod
    def forward(X, K, b, *, u, p, d):
        N, C, H, W = X.shape
        F, _, R, Q = K.shape
        T, V = (H + 2 * p - d * (R - 1) - 1) // u + 1, (W + 2 * p - d * (Q - 1) - 1) // u + 1
        padded = np.zeros((C, H + 2 * p, W + 2 * p), X.dtype)
        inner = padded[:, p : p + H, p : p + W]
        windows = _windows(padded, R, Q, u, d)
        columns = np.empty((C, R, Q, T, V), X.dtype)
        weights = K.reshape(F, -1)
        Y = np.empty((N, F, T, V), X.dtype)
        for image, result in zip(X, Y.reshape(N, F, -1), strict=True):
            inner[...] = image
            columns[...] = windows
            np.matmul(weights, columns.reshape(C * R * Q, -1), out=result)
        Y += b[:, None, None]
        return (Y,), (X, K)

    @staticmethod
    def pullback(residuals, cotangents, *, u, p, d):
        X, K = residuals
        (Y_bar,) = cotangents
        N, C, H, W = X.shape
        F, _, R, Q = K.shape
        T, V = Y_bar.shape[2:]
        padded = np.zeros((C, H + 2 * p, W + 2 * p), X.dtype)
        inner = padded[:, p : p + H, p : p + W]
        windows = _windows(padded, R, Q, u, d)
        gathered = np.zeros_like(padded)
        columns = np.empty((C, R, Q, T, V), X.dtype)
        flat = columns.reshape(C * R * Q, -1)
        weights = K.reshape(F, -1)
        K_bar = np.zeros_like(weights)
        X_bar = np.empty_like(X)
        for image, cotangent, result in zip(X, Y_bar.reshape(N, F, -1), X_bar, strict=True):
            inner[...] = image
            columns[...] = windows
            K_bar += cotangent @ flat.T
            np.matmul(weights.T, cotangent, out=flat)
            gathered[...] = 0
            for r in range(R):
                for q in range(Q):
                    place = np.s_[:, d * r : d * r + u * T : u, d * q : d * q + u * V : u]
                    gathered[place] += columns[:, r, q]
            result[...] = gathered[:, p : p + H, p : p + W]
        return X_bar, K_bar.reshape(K.shape), Y_bar.sum(axis=(0, 2, 3))


def _windows(padded, R, Q, u, d):
    """(C, R, Q, T, V): a view of every window, offsets before positions."""
    spans = (d * (R - 1) + 1, d * (Q - 1) + 1)
    view = sliding_window_view(padded, spans, (1, 2))[:, ::u, ::u, ::d, ::d]
    return view.transpose(0, 3, 4, 1, 2)


class LstmCell:
    """Separate gates; each pre-activation is built up, and turned into its gate, in one array."""

    @staticmethod
    def forward(x, h, c, W_i, W_f, W_g, W_o, U_i, U_f, U_g, U_o, b_i, b_f, b_g, b_o):
        def pre_activation(W, U, b):
            a = x @ W.T
            a += h @ U.T
            a += b
            return a

        i = _sigmoid(pre_activation(W_i, U_i, b_i))
        f = _sigmoid(pre_activation(W_f, U_f, b_f))
        o = _sigmoid(pre_activation(W_o, U_o, b_o))
        g = pre_activation(W_g, U_g, b_g)
        np.tanh(g, out=g)
        c_next = f * c
        c_next += i * g
        shown = np.tanh(c_next)
        weights = W_i, W_f, W_g, W_o, U_i, U_f, U_g, U_o
        return (o * shown, c_next), (x, h, c, *weights, i, f, g, o, shown)

    @staticmethod
    def pullback(residuals, cotangents):
        x, h, c, W_i, W_f, W_g, W_o, U_i, U_f, U_g, U_o, i, f, g, o, shown = residuals
        h_bar_next, c_bar_next = cotangents
        slope = shown * shown
        np.subtract(1, slope, out=slope)
        slope *= o
        slope *= h_bar_next
        slope += c_bar_next
        delta = slope
        a_i = _through_sigmoid(i)
        a_i *= g
        a_i *= delta
        a_f = _through_sigmoid(f)
        a_f *= c
        a_f *= delta
        a_g = g * g
        np.subtract(1, a_g, out=a_g)
        a_g *= i
        a_g *= delta
        a_o = _through_sigmoid(o)
        a_o *= shown
        a_o *= h_bar_next
        gates = a_i, a_f, a_g, a_o
        delta *= f  # the gradient of c; nothing reads delta any more
        return (
            _total(gates, (W_i, W_f, W_g, W_o)),
            _total(gates, (U_i, U_f, U_g, U_o)),
            delta,
            *(a.T @ x for a in gates),
            *(a.T @ h for a in gates),
            *(a.sum(axis=0) for a in gates),
        )


def _sigmoid(a):
    """In place: 1 / (1 + e^-a)."""
    np.negative(a, out=a)
    with np.errstate(over="ignore"):
        np.exp(a, out=a)
    a += 1
    return np.reciprocal(a, out=a)


def _through_sigmoid(y):
    """y (1 − y)"""
    slope = 1 - y
    slope *= y
    return slope


def _total(gates, weights):
    whole = gates[0] @ weights[0]
    for a, W in zip(gates[1:], weights[1:], strict=True):
        whole += a @ W
    return whole


class Attention:
    """softmax(Q Kᵀ/√D + M) V."""

    @staticmethod
    def forward(Q, K, V, M):
        P = (Q * (1 / math.sqrt(Q.shape[2]))) @ K.mT
        P += M
        P -= P.max(axis=2, keepdims=True)
        np.exp(P, out=P)
        P /= P.sum(axis=2, keepdims=True)
        return (P @ V,), (Q, K, V, P)

    @staticmethod
    def pullback(residuals, cotangents):
        Q, K, V, P = residuals
        (Y_bar,) = cotangents
        Z_bar = Y_bar @ V.mT
        Z_bar -= np.vecdot(Z_bar, P)[:, :, None]
        Z_bar *= P
        scale = 1 / math.sqrt(Q.shape[2])
        Q_bar = Z_bar @ K
        Q_bar *= scale
        K_bar = Z_bar.mT @ Q
        K_bar *= scale
        return Q_bar, K_bar, P.mT @ Y_bar, Z_bar.sum(axis=0)


BASELINES = {
    "linear": Linear,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "layernorm": LayerNorm,
    "conv2d": Convolution,
    "lstm_cell": LstmCell,
    "attention": Attention,
}
