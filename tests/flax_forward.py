"""Forward passes as Flax computes them; importing this needs `flax`.

Its cells hold parameters as modules: a kernel has a row for each input feature.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import flax.linen as nn
import jax.numpy as jnp
import library_forward
import numpy as np
from library_forward import Inputs, Library

Array: TypeAlias = Any


def _diagonal(inputs: Inputs) -> Inputs:
    return {**inputs, "U_n": np.diag(np.diag(inputs["U_n"]))}


GIVEN: Mapping[str, Callable[[Inputs], Inputs]] = {"gru_cell": _diagonal, "gru": _diagonal}


def rnn_cell(x: Array, h: Array, W: Array, U: Array, b: Array) -> Array:
    cell = nn.SimpleCell(h.shape[1], param_dtype=jnp.float64)
    parameters = {"i": {"kernel": W.T, "bias": b}, "h": {"kernel": U.T}}
    return cell.apply({"params": parameters}, h, x)[1]


def gru_cell(x: Array, h: Array, *weights: Array) -> Array:
    # Flax resets what comes out of the recurrent map, U (h) ⊙ r, where the page resets the state,
    # U (r ⊙ h); the two are one where U_n is diagonal, as `GIVEN` makes it.
    cell = nn.GRUCell(h.shape[1], param_dtype=jnp.float64)
    return cell.apply({"params": _gru_parameters(weights)}, h, x)[1]


def gru(x: Array, u: Array, *weights: Array) -> Array:
    layer = nn.RNN(nn.GRUCell(u.shape[1], param_dtype=jnp.float64), time_major=True)
    parameters = {"cell": _gru_parameters(weights)}
    return layer.apply({"params": parameters}, x, initial_carry=u)


def _gru_parameters(weights: Sequence[Array]) -> dict[str, Any]:
    parameters: dict[str, Any] = {}
    for gate, (W, U, b) in zip("rzn", _by_gate(weights), strict=True):
        parameters[f"i{gate}"] = {"kernel": W.T, "bias": b}
        parameters[f"h{gate}"] = {"kernel": U.T}
    parameters["hn"]["bias"] = jnp.zeros_like(b)
    return parameters


def lstm_cell(x: Array, h: Array, c: Array, *weights: Array) -> tuple[Array, Array]:
    cell = nn.LSTMCell(h.shape[1], param_dtype=jnp.float64)
    parameters: dict[str, Any] = {}
    for gate, (W, U, b) in zip("ifgo", _by_gate(weights), strict=True):
        # The bias stands at the recurrent map there.
        parameters[f"i{gate}"] = {"kernel": W.T}
        parameters[f"h{gate}"] = {"kernel": U.T, "bias": b}
    (c_prime, h_prime), _ = cell.apply({"params": parameters}, (c, h), x)
    return h_prime, c_prime


def rnn(x: Array, z: Array, W: Array, U: Array, b: Array) -> Array:
    layer = nn.RNN(nn.SimpleCell(z.shape[1], param_dtype=jnp.float64), time_major=True)
    parameters = {"i": {"kernel": W.T, "bias": b}, "h": {"kernel": U.T}}
    return layer.apply({"params": {"cell": parameters}}, x, initial_carry=z)


def lstm(x: Array, u: Array, v: Array, *weights: Array) -> Array:
    layer = nn.RNN(nn.LSTMCell(u.shape[1], param_dtype=jnp.float64), time_major=True)
    parameters: dict[str, Any] = {}
    for gate, (W, U, b) in zip("ifgo", _by_gate(weights), strict=True):
        parameters[f"i{gate}"] = {"kernel": W.T}
        parameters[f"h{gate}"] = {"kernel": U.T, "bias": b}
    return layer.apply({"params": {"cell": parameters}}, x, initial_carry=(v, u))


def _by_gate(weights: Sequence[Array]) -> Iterator[tuple[Array, Array, Array]]:
    """(W, U, b) of each gate, from all W, then all U, then all b."""
    gates = len(weights) // 3
    return zip(weights[:gates], weights[gates : 2 * gates], weights[2 * gates :], strict=True)


def lstm_cell_fused(
    x: Array, h: Array, c: Array, W: Array, U: Array, b: Array
) -> tuple[Array, Array]:
    return lstm_cell(x, h, c, *W, *U, *b)


def weight_norm(V: Array, g: Array) -> Array:
    # Flax normalises columns of a kernel, one for each output; its constant keeps off 0.
    layer = nn.WeightNorm(nn.Dense(V.shape[0], use_bias=False), epsilon=0.0)
    parameters = {"layer_instance": {"kernel": V.T}, "layer_instance/kernel/scale": g}
    return layer.apply({"params": parameters}, jnp.eye(V.shape[1])).T


def attention(Q: Array, K: Array, V: Array, M: Array) -> Array:
    heads = (each[:, :, None, :] for each in (Q, K, V))
    return nn.dot_product_attention(*heads, bias=M[None, None])[:, :, 0, :]


def grouped_query_attention(Q: Array, K: Array, V: Array, M: Array) -> Array:
    # Flax has one head of keys for each of the queries, so those of a group are copied.
    R = Q.shape[1] // K.shape[1]
    copied = (Q, jnp.repeat(K, R, axis=1), jnp.repeat(V, R, axis=1))
    heads = (jnp.swapaxes(each, 1, 2) for each in copied)
    return jnp.swapaxes(nn.dot_product_attention(*heads, bias=M[None, None]), 1, 2)


def causal_attention(Q: Array, K: Array, V: Array) -> Array:
    heads = (each[:, :, None, :] for each in (Q, K, V))
    mask = nn.make_causal_mask(Q[:, :, 0])
    return nn.dot_product_attention(*heads, mask=mask)[:, :, 0, :]


def multi_head_attention(
    X: Array,
    C: Array,
    B: Array,
    W_Q: Array,
    W_K: Array,
    W_V: Array,
    W_O: Array,
    *,
    H: int | None = None,
) -> Array:
    # A kernel has the axes feature, head, depth there; narrow heads share the features, wide ones
    # have as many each. A bias of the scores is no argument of the layer, so it is of its function.
    heads = H or W_Q.shape[0] // X.shape[2]
    layer = nn.MultiHeadDotProductAttention(
        heads,
        qkv_features=W_Q.shape[0],
        out_features=X.shape[2],
        use_bias=False,
        param_dtype=jnp.float64,
        attention_fn=partial(nn.dot_product_attention, bias=B[None, None]),
    )
    kernels = {
        name: {"kernel": W.T.reshape(W.shape[1], heads, -1)}
        for name, W in (("query", W_Q), ("key", W_K), ("value", W_V))
    }
    out = {"kernel": W_O.T.reshape(heads, -1, W_O.shape[0])}
    return layer.apply({"params": {**kernels, "out": out}}, X, C, C)


FORWARD: Mapping[str, Library] = {
    "rnn": rnn,
    "lstm": lstm,
    "rnn_cell": rnn_cell,
    "gru_cell": gru_cell,
    "gru": gru,
    "lstm_cell": lstm_cell,
    "lstm_cell_fused": lstm_cell_fused,
    "weight_norm": weight_norm,
    "attention": attention,
    "causal_attention": causal_attention,
    "grouped_query_attention": grouped_query_attention,
    "multi_head_attention": multi_head_attention,
    "multi_head_attention_wide": multi_head_attention,
    "transformer_block": partial(library_forward.transformer_block, attend=causal_attention),
}
