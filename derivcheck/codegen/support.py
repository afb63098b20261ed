"""The few functions that generated modules bring along, as text: only those that are used."""

from __future__ import annotations

NUMPY = {
    "sigmoid": '''
def sigmoid(x):
    """1 / (1 + e^-x); where e^-x overflows the quotient is 0, as it should be."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))
''',
    "softmax": '''
def softmax(x, axis):
    """e^x / sum(e^x) along `axis`, without overflow."""
    z = np.exp(x - x.max(axis=axis, keepdims=True))
    return z / z.sum(axis=axis, keepdims=True)
''',
    "log_softmax": '''
def log_softmax(x, axis):
    """x - log(sum(e^x)) along `axis`, without overflow."""
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
''',
    "logsumexp": '''
def logsumexp(x, axis):
    """log(sum(e^x)) along `axis`, without overflow."""
    largest = x.max(axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.exp(x - largest).sum(axis=axis))
    return logarithm + largest.squeeze(axis)
''',
    "unfold": '''
def unfold(x, axes, counts, windows, strides, paddings, dilations=None):
    """Windows of `x`, 0 outside it: each of `axes` becomes positions, and offsets come last.

    Along one axis: x[stride * position + dilation * offset - padding].
    """
    dilations = dilations or [1] * len(axes)
    pads = [(0, 0)] * x.ndim
    spans = [dilation * (window - 1) + 1 for dilation, window in zip(dilations, windows)]
    starts = [max(-padding, 0) for padding in paddings]
    reaches = [stride * (count - 1) for stride, count in zip(strides, counts)]
    for axis, padding, reach, span in zip(axes, paddings, reaches, spans):
        pads[axis] = (max(padding, 0), max(reach + span - padding - x.shape[axis], 0))
    view = sliding_window_view(np.pad(x, pads), spans, axes)
    place = [slice(None)] * x.ndim + [slice(None, None, dilation) for dilation in dilations]
    for axis, start, reach, stride in zip(axes, starts, reaches, strides):
        place[axis] = slice(start, start + reach + 1, stride)
    return view[tuple(place)]
''',
    "fold": '''
def fold(values, axes, sizes, strides, paddings):
    """Adds windows up, the adjoint of `unfold`; their offsets are the last axes of `values`."""
    offsets = values.shape[-len(axes) :]
    shape = list(values.shape[: -len(axes)])
    reaches = [stride * (shape[axis] - 1) + 1 for axis, stride in zip(axes, strides)]
    for axis, reach, offset, padding, size in zip(axes, reaches, offsets, paddings, sizes):
        shape[axis] = max(reach + offset - 1, padding + size)
    total = np.zeros(shape, values.dtype)
    place = [slice(None)] * total.ndim
    for offset in np.ndindex(*offsets):
        for axis, start, reach, stride in zip(axes, offset, reaches, strides):
            place[axis] = slice(start, start + reach, stride)
        total[tuple(place)] += values[(..., *offset)]
    for axis, padding, size in zip(axes, paddings, sizes):
        place[axis] = slice(padding, padding + size)
    return total[tuple(place)]
''',
}

JAX = {
    "spread": '''
def spread(y, axes, sizes, windows, strides, paddings):
    """`y` with zeros between and around its entries: a plain convolution then folds its windows."""
    pads = [(0, 0, 0)] * y.ndim
    for axis, size, window, stride, padding in zip(axes, sizes, windows, strides, paddings):
        reach = stride * (y.shape[axis] - 1)
        pads[axis] = (window - padding - 1, size + padding - reach - 1, stride - 1)
    return jax.lax.pad(y, jnp.zeros_like(y, shape=()), pads)
''',
    "unfold": '''
def unfold(x, axes, counts, windows, strides, paddings, dilations=None):
    """Windows of `x`, 0 outside it: each of `axes` becomes positions, and offsets come last.

    Along one axis: x[stride * position + dilation * offset - padding].
    """
    dilations = dilations or [1] * len(axes)
    for n, axis in enumerate(axes):
        span = strides[n] * (counts[n] - 1) + dilations[n] * (windows[n] - 1) + 1
        pads = [(0, 0)] * x.ndim
        pads[axis] = (max(paddings[n], 0), max(span - paddings[n] - x.shape[axis], 0))
        positions = max(-paddings[n], 0) + strides[n] * jnp.arange(counts[n])
        places = positions[:, None] + dilations[n] * jnp.arange(windows[n])
        x = jnp.moveaxis(jnp.take(jnp.pad(x, pads), places, axis=axis), axis + 1, -1)
    return x
''',
    "fold": '''
def fold(values, axes, sizes, strides, paddings):
    """Adds windows up, the adjoint of `unfold`; their offsets are the last axes of `values`."""
    offsets = values.shape[-len(axes) :]
    shape = list(values.shape[: -len(axes)])
    reaches = [stride * (shape[axis] - 1) + 1 for axis, stride in zip(axes, strides)]
    for axis, reach, offset, padding, size in zip(axes, reaches, offsets, paddings, sizes):
        shape[axis] = max(reach + offset - 1, padding + size)
    total = jnp.zeros(shape, values.dtype)
    place = [slice(None)] * total.ndim
    for offset in np.ndindex(*offsets):
        for axis, start, reach, stride in zip(axes, offset, reaches, strides):
            place[axis] = slice(start, start + reach, stride)
        total = total.at[tuple(place)].add(values[(..., *offset)])
    for axis, padding, size in zip(axes, paddings, sizes):
        place[axis] = slice(padding, padding + size)
    return total[tuple(place)]
''',
}
