"""Training steps as somebody writes them in NumPy: what the composed ones are timed against.

Same parameters, same batch, same update (Adam) as the models `mlp_elu` and `lstm_palindromes`;
nothing of derivcheck inside.
"""

import numpy as np

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def softmax_cross_entropy(logits, classes):
    """The loss and its gradient for the logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    sums = exponentials.sum(axis=1, keepdims=True)
    rows = np.arange(len(classes))
    loss = (np.log(sums[:, 0]) - shifted[rows, classes]).mean()
    gradient = exponentials / sums
    gradient[rows, classes] -= 1
    gradient /= len(classes)
    return loss, gradient


def adam(parameters, gradients, first, second, rate, t):
    """In place."""
    for name, g in gradients.items():
        m, v = first[name], second[name]
        m *= BETA_1
        m += (1 - BETA_1) * g
        v *= BETA_2
        v += (1 - BETA_2) * g * g
        length = np.sqrt(v / (1 - BETA_2**t))
        length += EPSILON
        parameters[name] -= rate / (1 - BETA_1**t) * m / length


def mlp(parameters, x, classes):
    """Loss and gradients of two hidden layers with ELU."""
    x = x.reshape(len(x), -1)
    inputs, activations = [], []
    for name in ("hidden0", "hidden1"):
        inputs.append(x)
        z = x @ parameters[f"{name}.W"].T + parameters[f"{name}.b"]
        x = np.where(z > 0, z, np.expm1(np.minimum(z, 0)))
        activations.append(x)
    logits = x @ parameters["output.W"].T + parameters["output.b"]
    loss, bar = softmax_cross_entropy(logits, classes)
    gradients = {"output.W": bar.T @ x, "output.b": bar.sum(axis=0)}
    bar = bar @ parameters["output.W"]
    for n in (1, 0):
        y = activations[n]
        bar = bar * np.where(y > 0, 1, y + 1)
        gradients[f"hidden{n}.W"] = bar.T @ inputs[n]
        gradients[f"hidden{n}.b"] = bar.sum(axis=0)
        if n:
            bar = bar @ parameters[f"hidden{n}.W"]
    return loss, gradients


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def lstm(parameters, x, classes):
    """Loss and gradients of an LSTM (gates i, f, g, o) over (S, T) classes, told at its end."""
    gates, units, count = parameters["cell.W"].shape
    W = parameters["cell.W"].reshape(gates * units, count)
    U = parameters["cell.U"].reshape(gates * units, units)
    b = parameters["cell.b"].reshape(-1)
    dtype = W.dtype
    series = np.eye(count, dtype=dtype)[x.T]
    h = np.zeros((len(x), units), dtype)
    c = np.zeros((len(x), units), dtype)
    saved = []
    for entries in series:
        a = entries @ W.T + h @ U.T + b
        i, f = sigmoid(a[:, :units]), sigmoid(a[:, units : 2 * units])
        g, o = np.tanh(a[:, 2 * units : 3 * units]), sigmoid(a[:, 3 * units :])
        before, c = c, f * c + i * g
        shown = np.tanh(c)
        saved.append((entries, h, before, i, f, g, o, shown))
        h = o * shown
    logits = h @ parameters["output.W"].T + parameters["output.b"]
    loss, bar = softmax_cross_entropy(logits, classes)
    gradients = {"output.W": bar.T @ h, "output.b": bar.sum(axis=0)}
    h_bar, c_bar = bar @ parameters["output.W"], np.zeros_like(c)
    W_bar, U_bar, b_bar = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
    for entries, h, before, i, f, g, o, shown in reversed(saved):
        c_bar = c_bar + h_bar * o * (1 - shown * shown)
        a_bar = np.concatenate(
            [
                c_bar * g * i * (1 - i),
                c_bar * before * f * (1 - f),
                c_bar * i * (1 - g * g),
                h_bar * shown * o * (1 - o),
            ],
            axis=1,
        )
        W_bar += a_bar.T @ entries
        U_bar += a_bar.T @ h
        b_bar += a_bar.sum(axis=0)
        h_bar, c_bar = a_bar @ U, c_bar * f
    gradients["cell.W"] = W_bar.reshape(parameters["cell.W"].shape)
    gradients["cell.U"] = U_bar.reshape(parameters["cell.U"].shape)
    gradients["cell.b"] = b_bar.reshape(parameters["cell.b"].shape)
    return loss, gradients
