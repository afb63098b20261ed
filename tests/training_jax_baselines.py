"""Losses as somebody writes them in JAX, and lets it differentiate them.

Same parameters, batches and state as the models `mlp_elu`, `cnn`, `lstm_palindromes` and
`transformer`; nothing of derivcheck inside. Beside its value a loss returns what the model's state
is afterwards.
"""

import jax
import jax.numpy as jnp
from jax import lax

EPSILON = 1e-5
MEMORY = 0.9


def dense(parameters, name, x):
    return x @ parameters[f"{name}.W"].T + parameters[f"{name}.b"]


def cross_entropy(logits, classes, smoothing=0.0):
    targets = jax.nn.one_hot(classes, logits.shape[1], dtype=logits.dtype)
    targets = (1 - smoothing) * targets + smoothing / logits.shape[1]
    return -(targets * jax.nn.log_softmax(logits)).sum(axis=1).mean()


def mlp(parameters, state, batch, options):
    x = batch["x"].reshape(len(batch["x"]), -1)
    for name in ("hidden0", "hidden1"):
        x = jax.nn.elu(dense(parameters, name, x))
        x = x * batch[f"{name}.mask"] / (1 - options["dropout"])
    logits = dense(parameters, "output", x)
    return cross_entropy(logits, batch["y"], options["smoothing"]), state


def batch_norm(parameters, name, x):
    """Over the channels of (N, C, H, W); also mean and variance."""
    mean, variance = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    place = (None, slice(None), None, None)
    scale = parameters[f"{name}.gamma"] / jnp.sqrt(variance + EPSILON)
    normalised = (x - mean[place]) * scale[place] + parameters[f"{name}.beta"][place]
    return normalised, {f"{name}.mean": mean, f"{name}.variance": variance}


def cnn(parameters, state, batch, options):
    x, after = batch["x"], dict(state)
    for name in ("conv0", "conv1"):
        x = lax.conv_general_dilated(x, parameters[f"{name}.K"], (1, 1), ((1, 1), (1, 1)))
        x, moments = batch_norm(parameters, name, x)
        after |= {k: MEMORY * state[k] + (1 - MEMORY) * now for k, now in moments.items()}
        x = jax.nn.relu(x)
        x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
    x = jax.nn.relu(dense(parameters, "hidden", x.reshape(len(x), -1)))
    logits = dense(parameters, "output", x)
    return cross_entropy(logits, batch["y"], options["smoothing"]), after


def lstm(parameters, state, batch, options):
    del options
    W, U, b = (parameters[f"cell.{each}"] for each in "WUb")
    gates, units, count = W.shape
    W, U, b = W.reshape(-1, count), U.reshape(-1, units), b.reshape(-1)

    def step(carried, entries):
        h, c = carried
        i, f, g, o = jnp.split(entries @ W.T + h @ U.T + b, gates, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    series = jax.nn.one_hot(batch["x"].T, count, dtype=W.dtype)
    start = jnp.zeros((len(batch["x"]), units), W.dtype)
    (h, _), _ = lax.scan(step, (start, start), series)
    return cross_entropy(dense(parameters, "output", h), batch["y"]), state


def layer_norm(parameters, name, x):
    mean = x.mean(axis=-1, keepdims=True)
    variance = x.var(axis=-1, keepdims=True)
    normalised = (x - mean) / jnp.sqrt(variance + EPSILON)
    return normalised * parameters[f"{name}.gamma"] + parameters[f"{name}.beta"]


def attention(parameters, name, x, heads):
    examples, length, features = x.shape

    def split(weights):
        return (x @ parameters[f"{name}.{weights}"].T).reshape(examples, length, heads, -1)

    queries, keys, values = split("W_Q"), split("W_K"), split("W_V")
    scores = jnp.einsum("nshd,nthd->nhst", queries, keys) / jnp.sqrt(features // heads)
    seen = jnp.tril(jnp.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), axis=-1)
    mixed = jnp.einsum("nhst,nthd->nshd", weights.astype(x.dtype), values)
    return mixed.reshape(x.shape) @ parameters[f"{name}.W_O"].T


def transformer(parameters, state, batch, options):
    x = parameters["embedding.E"][batch["x"]] + parameters["embedding.P"]
    for n in range(int(options["blocks"])):
        name = f"block{n}"
        seen = layer_norm(parameters, f"{name}.norm0", x)
        x = x + attention(parameters, name, seen, int(options["heads"]))
        wide = dense(parameters, f"{name}.wide", layer_norm(parameters, f"{name}.norm1", x))
        x = x + dense(parameters, f"{name}.narrow", jax.nn.gelu(wide, approximate=False))
    logits = dense(parameters, "output", layer_norm(parameters, "norm", x))
    return cross_entropy(logits.reshape(-1, logits.shape[-1]), batch["y"].reshape(-1)), state


def gradients_of(loss, options):
    """What a run takes in place of its own: the loss, its gradients and the next state."""
    differentiated = jax.value_and_grad(loss, has_aux=True)

    def gradients(parameters, state, batch):
        (value, after), found = differentiated(parameters, state, batch, options)
        return {"loss": value}, found, after

    return gradients
