"""The same models as somebody writes them in PyTorch, for those who have it: a clock, and no more.

Parameters, batches and recipes are ours; layers, update rules, clipping and autograd are PyTorch's
own. `tests/test_training_pytorch.py` holds every loss's gradients against those of the pullbacks.
"""

# PyTorch is no requirement, and is seldom there when types are checked.
# pyright: reportMissingImports=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy
import torch
from torch.nn import functional

from derivcheck.training.arrays import Array
from derivcheck.training.model import Batch, Model, Parameters, Recipe, State
from derivcheck.training.models.blocks import EPSILON
from derivcheck.training.models.generative import SLOPE

Tensor = Any
Tensors = Mapping[str, Tensor]
Losses = Mapping[str, Tensor]


def dense(parameters: Tensors, name: str, x: Tensor) -> Tensor:
    return functional.linear(x, parameters[f"{name}.W"], parameters[f"{name}.b"])


def classified(logits: Tensor, batch: Tensors, recipe: Recipe) -> Losses:
    smoothing = recipe.options.get("smoothing", 0.0)
    return {"loss": functional.cross_entropy(logits, batch["y"], label_smoothing=smoothing)}


def batch_norm(parameters: Tensors, name: str, x: Tensor, batch: Tensors) -> Tensor:
    averages = batch[f"{name}.mean"], batch[f"{name}.variance"]
    gamma, beta = parameters[f"{name}.gamma"], parameters[f"{name}.beta"]
    return functional.batch_norm(x, *averages, gamma, beta, training=True, eps=EPSILON)


def layer_norm(parameters: Tensors, name: str, x: Tensor) -> Tensor:
    gamma, beta = parameters[f"{name}.gamma"], parameters[f"{name}.beta"]
    return functional.layer_norm(x, x.shape[-1:], gamma, beta, EPSILON)


# --- perceptrons --------------------------------------------------------------------------------


def linear_regression(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    del recipe
    values = dense(parameters, "output", batch["x"].flatten(1))
    return {"loss": functional.mse_loss(values, batch["y"])}


def curve(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    del recipe
    hidden = dense(parameters, "hidden", batch["x"]).tanh()
    return {"loss": functional.mse_loss(dense(parameters, "output", hidden), batch["y"])}


def softmax_regression(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    return classified(dense(parameters, "output", batch["x"].flatten(1)), batch, recipe)


Hidden = Callable[[Tensors, str, Tensor, Tensors], Tensor]
"""(parameters, name of the layer, input, batch) to the layer's output."""


def elu(parameters: Tensors, name: str, x: Tensor, batch: Tensors) -> Tensor:
    del batch
    return functional.elu(dense(parameters, name, x))


def tanh(parameters: Tensors, name: str, x: Tensor, batch: Tensors) -> Tensor:
    del batch
    return dense(parameters, name, x).tanh()


def batch_normalised(parameters: Tensors, name: str, x: Tensor, batch: Tensors) -> Tensor:
    features = functional.linear(x, parameters[f"{name}.W"])
    return batch_norm(parameters, name, features, batch).relu()


def layer_normalised(parameters: Tensors, name: str, x: Tensor, batch: Tensors) -> Tensor:
    del batch
    return layer_norm(parameters, name, dense(parameters, name, x)).relu()


def perceptron(parameters: Tensors, batch: Tensors, recipe: Recipe, *, hidden: Hidden) -> Losses:
    x = batch["x"].flatten(1)
    for n in range(int(recipe.options["layers"])):
        x = hidden(parameters, f"hidden{n}", x, batch)
        if f"hidden{n}.mask" in batch:
            x = x * batch[f"hidden{n}.mask"] / (1 - recipe.options["dropout"])
    return classified(dense(parameters, "output", x), batch, recipe)


# --- convolutions -------------------------------------------------------------------------------


def convolved(parameters: Tensors, name: str, x: Tensor, batch: Tensors, stride: int = 1) -> Tensor:
    made = functional.conv2d(x, parameters[f"{name}.K"], stride=stride, padding=1)
    return batch_norm(parameters, name, made, batch)


def cnn(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    x = batch["x"]
    for name in ("conv0", "conv1"):
        x = functional.max_pool2d(convolved(parameters, name, x, batch).relu(), 2)
    x = dense(parameters, "hidden", x.flatten(1)).relu()
    return classified(dense(parameters, "output", x), batch, recipe)


def cnn_residual(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    def block(x: Tensor, name: str) -> Tensor:
        inner = convolved(parameters, f"{name}.a", x, batch).relu()
        return (x + convolved(parameters, f"{name}.b", inner, batch)).relu()

    x = block(convolved(parameters, "first", batch["x"], batch).relu(), "block0")
    x = block(convolved(parameters, "wider", x, batch, stride=2).relu(), "block1")
    return classified(dense(parameters, "output", x.mean((2, 3))), batch, recipe)


# --- recurrences --------------------------------------------------------------------------------


def one_hot(parameters: Tensors, batch: Tensors) -> Tensor:
    """(T, S, K) of classes (S, T)."""
    weights = parameters["output.W"]
    return functional.one_hot(batch["x"].T, len(weights)).to(weights.dtype)


def zeros(parameters: Tensors, batch: Tensors) -> Tensor:
    """The state before the first step, (S, H)."""
    weights = parameters["output.W"]
    return weights.new_zeros(len(batch["x"]), weights.shape[1])


def lstm(
    parameters: Tensors, series: Tensor, h: Tensor, c: Tensor, recurrent: Tensor
) -> tuple[Tensor, Tensor]:
    """All hidden states (T, S, H) and the last one (S, H)."""
    W, b = parameters["cell.W"].flatten(0, 1), parameters["cell.b"].flatten()
    weights = [W, recurrent, b, torch.zeros_like(b)]
    start = (h[None], c[None])
    shown, last, _ = torch.lstm(series, start, weights, True, 1, 0.0, True, False, False)
    return shown, last[0]


def lstm_palindromes(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    start = zeros(parameters, batch)
    recurrent = parameters["cell.U"].flatten(0, 1)
    _, last = lstm(parameters, one_hot(parameters, batch), start, start, recurrent)
    return classified(dense(parameters, "output", last), batch, recipe)


def char_lstm(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    goes_on = 1 - batch["fresh"]
    h, c = batch["carried0"] * goes_on, batch["carried1"] * goes_on
    kept = 1 - recipe.options["recurrent_dropout"]
    recurrent = parameters["cell.U"].flatten(0, 1) * batch["recurrent_mask"] / kept
    shown, _ = lstm(parameters, one_hot(parameters, batch), h, c, recurrent)
    features = shown.flatten(0, 1) * batch["mask"] / (1 - recipe.options["dropout"])
    following = {"y": batch["y"].T.flatten()}
    return classified(dense(parameters, "output", features), following, recipe)


def gates_of(parameters: Tensors, names: str) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of input and state, and biases, of several gates in one matrix each."""
    of_input, of_state, biases = (
        torch.cat([parameters[f"cell.{kind}_{name}"] for name in names]) for kind in "WUb"
    )
    return of_input, of_state, biases


def peephole_lstm_palindromes(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    """PyTorch has no such cell."""
    of_input, of_state, biases = gates_of(parameters, "ifgo")
    P_i, P_f, P_o = (parameters[f"cell.P_{name}"] for name in "ifo")
    h = c = zeros(parameters, batch)
    for x in functional.linear(one_hot(parameters, batch), of_input, biases):
        i, f, g, o = (x + h @ of_state.T).chunk(4, 1)
        c = torch.sigmoid(f + P_f * c) * c + torch.sigmoid(i + P_i * c) * g.tanh()
        h = torch.sigmoid(o + P_o * c) * c.tanh()
    return classified(dense(parameters, "output", h), batch, recipe)


def gru_palindromes(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    """PyTorch's own cell resets after the product with the weights, this one before it."""
    of_input, _, biases = gates_of(parameters, "rzn")
    _, of_state, _ = gates_of(parameters, "rz")
    h = zeros(parameters, batch)
    for x in functional.linear(one_hot(parameters, batch), of_input, biases):
        a, b, candidate = x.chunk(3, 1)
        reset, update = torch.sigmoid(torch.cat((a, b), 1) + h @ of_state.T).chunk(2, 1)
        n = (candidate + (reset * h) @ parameters["cell.U_n"].T).tanh()
        h = n + update * (h - n)
    return classified(dense(parameters, "output", h), batch, recipe)


# --- attention ----------------------------------------------------------------------------------


def transformer(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    heads = int(recipe.options["heads"])
    embedded = functional.embedding(batch["x"], parameters["embedding.E"])
    x = embedded + parameters["embedding.P"]
    for n in range(int(recipe.options["blocks"])):
        seen = layer_norm(parameters, f"block{n}.norm0", x)
        queries, keys, values = (
            functional.linear(seen, parameters[f"block{n}.W_{each}"])
            .unflatten(2, (heads, -1))
            .transpose(1, 2)
            for each in "QKV"
        )
        mixed = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        x = x + functional.linear(mixed.transpose(1, 2).flatten(2), parameters[f"block{n}.W_O"])
        inner = layer_norm(parameters, f"block{n}.norm1", x)
        wide = functional.gelu(dense(parameters, f"block{n}.wide", inner))
        x = x + dense(parameters, f"block{n}.narrow", wide)
    logits = dense(parameters, "output", layer_norm(parameters, "norm", x))
    return classified(logits.flatten(0, 1), {"y": batch["y"].flatten()}, recipe)


# --- models that make images --------------------------------------------------------------------


def decoded(parameters: Tensors, code: Tensor) -> Tensor:
    return dense(parameters, "image", dense(parameters, "decoder", code).relu())


def autoencoder(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    del recipe
    images = batch["x"].flatten(1)
    code = dense(parameters, "code", dense(parameters, "encoder", images).relu())
    return {"loss": functional.mse_loss(torch.sigmoid(decoded(parameters, code)), images)}


def vae(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    del recipe
    images = batch["x"].flatten(1)
    hidden = dense(parameters, "encoder", images).relu()
    mean, log_variance = (dense(parameters, name, hidden) for name in ("mean", "log_variance"))
    code = mean + (0.5 * log_variance).exp() * batch["noise"]
    divergence = 0.5 * (mean.square() + log_variance.expm1() - log_variance).sum()
    pixels = functional.binary_cross_entropy_with_logits(
        decoded(parameters, code), images, reduction="sum"
    )
    return {"loss": (pixels + divergence) / len(images)}


def gan(parameters: Tensors, batch: Tensors, recipe: Recipe) -> Losses:
    del recipe
    images = batch["x"].flatten(1)
    hidden = dense(parameters, "generator.hidden", batch["noise"]).relu()
    made = torch.sigmoid(dense(parameters, "generator.image", hidden))
    x = torch.cat((images, made))
    for name in ("discriminator.hidden0", "discriminator.hidden1"):
        x = functional.leaky_relu(dense(parameters, name, x), SLOPE)
    real, fake = dense(parameters, "discriminator.output", x).flatten().chunk(2)
    told = functional.softplus(-real).mean() + functional.softplus(fake).mean()
    return {"discriminator loss": told, "generator loss": functional.softplus(-fake).mean()}


LOSSES: Mapping[str, Callable[[Tensors, Tensors, Recipe], Losses]] = {
    "linear_regression": linear_regression,
    "softmax_regression": softmax_regression,
    **{f"regression_1d_{units}": curve for units in (1, 2, 4, 8)},
    "mlp_elu": partial(perceptron, hidden=elu),
    "mlp_batchnorm": partial(perceptron, hidden=batch_normalised),
    "mlp_layernorm": partial(perceptron, hidden=layer_normalised),
    "two_moons": partial(perceptron, hidden=tanh),
    "cnn": cnn,
    "cnn_residual": cnn_residual,
    "lstm_palindromes": lstm_palindromes,
    "peephole_lstm_palindromes": peephole_lstm_palindromes,
    "gru_palindromes": gru_palindromes,
    "char_lstm": char_lstm,
    "transformer": transformer,
    "autoencoder": autoencoder,
    "vae": vae,
    "gan": gan,
}
"""By the names of the models."""


# --- a step -------------------------------------------------------------------------------------


def tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """Copies; classes as PyTorch wants them, in 64 bits."""
    found = {name: torch.tensor(numpy.asarray(value)) for name, value in arrays.items()}
    return {n: v if v.is_floating_point() else v.long() for n, v in found.items()}


def weights(parameters: Tensors, prefix: str) -> Iterable[Tensor]:
    """What a regulariser sees: neither biases nor scales."""
    return (w for name, w in parameters.items() if w.ndim > 1 and name.startswith(prefix))


def differentiate(model: Model, parameters: Tensors, batch: Tensors) -> Losses:
    """Leave in every parameter the gradient of its objective, with the recipe's regularisers."""
    recipe = model.recipe
    losses = LOSSES[model.name](parameters, batch, recipe)
    for objective, prefix in model.objectives.items():
        loss = losses[objective]
        if recipe.l2:
            loss = loss + recipe.l2 / 2 * sum(w.square().sum() for w in weights(parameters, prefix))
        if recipe.l1:
            loss = loss + recipe.l1 * sum(w.abs().sum() for w in weights(parameters, prefix))
        chosen = [p for name, p in parameters.items() if name.startswith(prefix)]
        found = torch.autograd.grad(loss, chosen, retain_graph=len(model.objectives) > 1)
        for parameter, gradient in zip(chosen, found, strict=True):
            parameter.grad = gradient
    return losses


def optimiser_of(recipe: Recipe, parameters: Iterable[Tensor]) -> Any:
    """PyTorch's update rule of the page's name."""
    page, rate, known = recipe.optimiser.page, recipe.optimiser.rate, recipe.optimiser.settings
    momentum = known.get("mu", 0.9)
    betas = known.get("beta_1", 0.9), known.get("beta_2", 0.999)
    match page:
        case "sgd":
            return torch.optim.SGD(parameters, lr=rate)
        case "momentum" | "nesterov":
            nesterov = page == "nesterov"
            return torch.optim.SGD(parameters, lr=rate, momentum=momentum, nesterov=nesterov)
        case "rmsprop":
            return torch.optim.RMSprop(parameters, lr=rate, alpha=known.get("rho", 0.9))
        case "adam":
            return torch.optim.Adam(parameters, lr=rate, betas=betas)
        case _:
            return torch.optim.AdamW(parameters, lr=rate, betas=betas)


def stepper(
    model: Model, parameters: Parameters, state: State, batch: Batch
) -> tuple[Callable[[], None], Tensors]:
    """What takes one step on this batch each time that it is called, and what it moves."""
    varied = {name: value.requires_grad_() for name, value in tensors(parameters).items()}
    given = tensors({**batch, **state})
    optimiser = optimiser_of(model.recipe, varied.values())

    def step() -> None:
        differentiate(model, varied, given)
        if model.recipe.clip is not None:
            torch.nn.utils.clip_grad_norm_(varied.values(), model.recipe.clip)
        optimiser.step()

    return step, varied
