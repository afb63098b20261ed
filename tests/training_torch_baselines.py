"""The same losses in PyTorch, with its own layers and optimisers; only for those who have it.

Parameters and batches are those of the models `mlp_elu`, `cnn`, `lstm_palindromes` and
`transformer`, as tensors; nothing of derivcheck inside.
"""

import numpy as np
import torch
from torch.nn import functional as F

EPSILON = 1e-5


def dense(parameters, name, x):
    return F.linear(x, parameters[f"{name}.W"], parameters[f"{name}.b"])


def mlp(parameters, batch, options):
    x = batch["x"].flatten(1)
    for name in ("hidden0", "hidden1"):
        x = F.elu(dense(parameters, name, x))
        x = x * batch[f"{name}.mask"] / (1 - options["dropout"])
    logits = dense(parameters, "output", x)
    return F.cross_entropy(logits, batch["y"], label_smoothing=options["smoothing"])


def cnn(parameters, batch, options):
    x = batch["x"]
    for name in ("conv0", "conv1"):
        gamma, beta = parameters[f"{name}.gamma"], parameters[f"{name}.beta"]
        averages = batch[f"{name}.mean"], batch[f"{name}.variance"]
        x = F.conv2d(x, parameters[f"{name}.K"], padding=1)
        x = F.relu(F.batch_norm(x, *averages, gamma, beta, training=True, eps=EPSILON))
        x = F.max_pool2d(x, 2)
    x = F.relu(dense(parameters, "hidden", x.flatten(1)))
    logits = dense(parameters, "output", x)
    return F.cross_entropy(logits, batch["y"], label_smoothing=options["smoothing"])


def lstm(parameters, batch, options):
    del options
    W, U, b = (parameters[f"cell.{each}"] for each in "WUb")
    units, count = U.shape[2], W.shape[2]
    biases = b.reshape(-1), torch.zeros_like(b).reshape(-1)
    weights = [W.reshape(-1, count), U.reshape(-1, units), *biases]
    series = F.one_hot(batch["x"].T, count).to(W.dtype)
    start = torch.zeros(1, len(batch["x"]), units, dtype=W.dtype)
    _, h, _ = torch.lstm(series, (start, start), weights, True, 1, 0.0, True, False, False)
    return F.cross_entropy(dense(parameters, "output", h[0]), batch["y"])


def transformer(parameters, batch, options):
    heads = int(options["heads"])
    x = F.embedding(batch["x"], parameters["embedding.E"]) + parameters["embedding.P"]
    features = x.shape[2:]

    def normalised(name, x):
        gamma, beta = parameters[f"{name}.gamma"], parameters[f"{name}.beta"]
        return F.layer_norm(x, features, gamma, beta, EPSILON)

    for n in range(int(options["blocks"])):
        seen = normalised(f"block{n}.norm0", x)
        queries, keys, values = (
            F.linear(seen, parameters[f"block{n}.W_{each}"])
            .unflatten(2, (heads, -1))
            .transpose(1, 2)
            for each in "QKV"
        )
        mixed = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + F.linear(mixed.transpose(1, 2).flatten(2), parameters[f"block{n}.W_O"])
        wide = F.gelu(dense(parameters, f"block{n}.wide", normalised(f"block{n}.norm1", x)))
        x = x + dense(parameters, f"block{n}.narrow", wide)
    logits = dense(parameters, "output", normalised("norm", x))
    return F.cross_entropy(logits.flatten(0, 1), batch["y"].flatten())


def tensors(arrays):
    """Copies; classes as PyTorch wants them, in 64 bits."""
    found = {name: torch.tensor(np.asarray(value)) for name, value in arrays.items()}
    return {n: v if v.is_floating_point() else v.long() for n, v in found.items()}


def parameters_of(arrays):
    return {name: value.requires_grad_() for name, value in tensors(arrays).items()}


def step_of(loss, parameters, recipe):
    """One step on a batch of tensors, with the recipe's update and clipping."""
    settings = {"betas": (0.9, recipe.optimiser.settings.get("beta_2", 0.999))}
    rule = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[recipe.optimiser.page]
    optimiser = rule(parameters.values(), lr=recipe.optimiser.rate, **settings)

    def step(batch):
        optimiser.zero_grad()
        loss(parameters, batch, recipe.options).backward()
        if recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(parameters.values(), recipe.clip)
        optimiser.step()

    return step
