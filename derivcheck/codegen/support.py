"""The few functions that generated modules bring along, as text: only those that are used."""

from __future__ import annotations

NUMPY = {
    "sigmoid": '''
def sigmoid(x, out=None):
    """1 / (1 + e^-x); where e^-x overflows the quotient is 0, as it should be."""
    z = np.asarray(np.negative(x, out=out))
    with np.errstate(over="ignore"):
        np.exp(z, out=z)
    z += 1
    return np.reciprocal(z, out=z)
''',
    "softplus": '''
def softplus(x, out=None):
    """log(1 + e^x), without overflow and faster than `logaddexp`."""
    z = np.asarray(np.abs(x))
    np.negative(z, out=z)
    np.exp(z, out=z)
    np.log1p(z, out=z)
    return np.add(np.maximum(x, 0), z, out=z if out is None else out)
''',
    "where": '''
def where(mask, x, y):
    """`np.where` for floats, by their bits: one that chooses takes ten times as long where nobody
    can foresee the choice.
    """
    dtype = np.result_type(x, y)
    bits = f"i{dtype.itemsize}"
    x, y = (np.asarray(each, dtype).view(bits) for each in (x, y))
    z = (x ^ y) & -mask.view("i1")  # all bits of x ^ y, or none
    z ^= y
    return z.view(dtype)
''',
    "softmax": '''
def softmax(x, axis, out=None):
    """e^x / sum(e^x) along `axis`, without overflow."""
    z = np.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    np.exp(z, out=z)
    z /= z.sum(axis=axis, keepdims=True)
    return z
''',
    "log_softmax": '''
def log_softmax(x, axis, out=None):
    """x - log(sum(e^x)) along `axis`, without overflow."""
    z = np.subtract(x, x.max(axis=axis, keepdims=True), out=out)
    z -= np.log(np.exp(z).sum(axis=axis, keepdims=True))
    return z
''',
    "logsumexp": '''
def logsumexp(x, axis):
    """log(sum(e^x)) along `axis`, without overflow."""
    largest = x.max(axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    with np.errstate(divide="ignore"):
        z = x - largest
        logarithm = np.log(np.exp(z, out=z).sum(axis=axis))
    return logarithm + largest.squeeze(axis)
''',
    "unfold": '''
def unfold(x, axes, counts, windows, strides, paddings, dilations=None, fill=0):
    """Windows of `x`, `fill` outside it: each of `axes` becomes positions, and offsets come last.

    Along one axis: x[stride * position + dilation * offset - padding].
    """
    dilations = dilations or [1] * len(axes)
    pads = [(0, 0)] * x.ndim
    spans = [dilation * (window - 1) + 1 for dilation, window in zip(dilations, windows)]
    starts = [max(-padding, 0) for padding in paddings]
    reaches = [stride * (count - 1) for stride, count in zip(strides, counts)]
    for axis, padding, reach, span in zip(axes, paddings, reaches, spans):
        pads[axis] = (max(padding, 0), max(reach + span - padding - x.shape[axis], 0))
    view = sliding_window_view(np.pad(x, pads, constant_values=fill), spans, axes)
    place = [slice(None)] * x.ndim + [slice(None, None, dilation) for dilation in dilations]
    for axis, start, reach, stride in zip(axes, starts, reaches, strides):
        place[axis] = slice(start, start + reach + 1, stride)
    return view[tuple(place)]
''',
    "fold": '''
def fold(values, axes, sizes, strides, paddings, dilations=None):
    """Adds windows up, the adjoint of `unfold`; their offsets are the last axes of `values`."""
    dilations = dilations or [1] * len(axes)
    offsets = values.shape[-len(axes) :]
    shape = list(values.shape[: -len(axes)])
    reaches = [stride * (shape[axis] - 1) + 1 for axis, stride in zip(axes, strides)]
    for n, axis in enumerate(axes):
        shape[axis] = max(reaches[n] + dilations[n] * (offsets[n] - 1), paddings[n] + sizes[n])
    total = np.zeros(shape, values.dtype)
    place = [slice(None)] * total.ndim
    for offset in np.ndindex(*offsets):
        for n, axis in enumerate(axes):
            start = dilations[n] * offset[n]
            place[axis] = slice(start, start + reaches[n], strides[n])
        total[tuple(place)] += values[(..., *offset)]
    for axis, padding, size in zip(axes, paddings, sizes):
        place[axis] = slice(padding, padding + size)
    return total[tuple(place)]
''',
    "convolution": '''
def convolution(x, kernel, counts, strides, paddings, dilations=None):
    """y[n, f, t] = sum of kernel[f, c, r] * x[n, c, stride * t + dilation * r - padding].

    Axes of groups follow `n` and lead `kernel`. The columns of one example stay in cache.
    """
    rank = len(counts)
    windows = kernel.shape[-rank:]
    dtype = np.result_type(x, kernel)
    _, image, view = sliding(x.shape[1:], dtype, counts, windows, strides, paddings, dilations)
    rows = kernel.reshape(*kernel.shape[: -rank - 1], -1)
    columns = np.empty(view.shape, dtype)
    flat = columns.reshape(*rows.shape[:-2], rows.shape[-1], -1)
    y = np.empty((len(x), *rows.shape[:-1], *counts), dtype)
    for example, result in zip(x, y.reshape(*y.shape[:-rank], -1)):
        image[...] = example
        columns[...] = view
        np.matmul(rows, flat, out=result)
    return y
''',
    "kernel_cotangent": '''
def kernel_cotangent(x, y, windows, strides, paddings, dilations=None):
    """kernel[f, c, r] = sum of y[n, f, t] * x[n, c, stride * t + dilation * r - padding].

    Axes of groups follow `n` and lead the kernel.
    """
    rank = len(windows)
    counts = y.shape[-rank:]
    dtype = np.result_type(x, y)
    _, image, view = sliding(x.shape[1:], dtype, counts, windows, strides, paddings, dilations)
    columns = np.empty(view.shape, dtype)
    flat = columns.reshape(*view.shape[: -2 * rank - 1], -1, np.prod(counts)).mT
    kernel = np.zeros((*y.shape[1:-rank], flat.shape[-1]), dtype)
    for example, cotangent in zip(x, y.reshape(*y.shape[:-rank], -1)):
        image[...] = example
        columns[...] = view
        kernel += cotangent @ flat
    return kernel.reshape(*y.shape[1:-rank], x.shape[-rank - 1], *windows)
''',
    "transposed_convolution": '''
def transposed_convolution(y, kernel, sizes, strides, paddings, dilations=None):
    """x[n, c, stride * t + dilation * r - padding] = sum of kernel[f, c, r] * y[n, f, t].

    The adjoint of `convolution` by its first argument; axes of groups as there.
    """
    rank = len(sizes)
    counts, windows = y.shape[-rank:], kernel.shape[-rank:]
    shape = (*y.shape[1 : -rank - 1], kernel.shape[-rank - 1], *sizes)
    dtype = np.result_type(y, kernel)
    padded, image, view = sliding(shape, dtype, counts, windows, strides, paddings, dilations)
    rows = kernel.reshape(*kernel.shape[: -rank - 1], -1).mT
    columns = np.empty(view.shape, dtype)
    flat = columns.reshape(*rows.shape[:-1], -1)
    stops = (slice(None),) * rank
    x = np.empty((len(y), *shape), dtype)
    for cotangent, result in zip(y.reshape(*y.shape[:-rank], -1), x):
        np.matmul(rows, cotangent, out=flat)
        padded[...] = 0
        for place in np.ndindex(*windows):
            view[(..., *place, *stops)] += columns[(..., *place, *stops)]
        result[...] = image
    return x
''',
    "sliding": '''
def sliding(shape, dtype, counts, windows, strides, paddings, dilations=None):
    """Zeros with a place inside for an array of `shape`, that place, and the windows over it.

    Both are views; the last axes become offsets and positions, in this order, and along one axis
    a window is array[stride * position + dilation * offset - padding].
    """
    rank = len(counts)
    dilations = dilations or [1] * rank
    lows = [max(padding, 0) for padding in paddings]
    starts = [max(-padding, 0) for padding in paddings]
    spans = [dilation * (window - 1) + 1 for dilation, window in zip(dilations, windows)]
    reaches = [stride * (count - 1) + 1 for stride, count in zip(strides, counts)]
    ends = [start + reach + span - 1 for start, reach, span in zip(starts, reaches, spans)]
    sizes = [max(low + size, end) for low, size, end in zip(lows, shape[-rank:], ends)]
    padded = np.zeros((*shape[:-rank], *sizes), dtype)
    image = padded[(..., *(slice(low, low + size) for low, size in zip(lows, shape[-rank:])))]
    view = sliding_window_view(padded, spans, tuple(range(-rank, 0)), writeable=True)
    positions = (slice(a, a + n, stride) for a, n, stride in zip(starts, reaches, strides))
    view = view[(..., *positions, *(slice(None, None, dilation) for dilation in dilations))]
    return padded, image, np.moveaxis(view, range(-rank, 0), range(-2 * rank, -rank))
''',
}

JAX = {
    "softplus": '''
def softplus(x):
    """log(1 + e^x), without overflow and faster than `logaddexp`."""
    return jnp.where(x > -x, x, 0) + jnp.log1p(jnp.exp(jnp.minimum(x, -x)))
''',
    "sigmoid": '''
def sigmoid(x):
    """1 / (1 + e^-x) by the exponential that `softplus` takes, of x or -x: compiled, it is one."""
    z = jnp.exp(jnp.minimum(x, -x))
    return jnp.where(x > -x, 1, z) / (1 + z)
''',
    "transposed_convolution": '''
def transposed_convolution(y, kernel, sizes, strides, paddings, dilations=None, **numbers):
    """The adjoint of a convolution by its image: `y` spread by the strides, the kernel turned."""
    dilations = dilations or [1] * len(sizes)
    labels = jax.lax.conv_dimension_numbers(y.shape, kernel.shape, **numbers)
    pads = []
    for n, (axis, other) in enumerate(zip(labels.lhs_spec[2:], labels.rhs_spec[2:])):
        low = dilations[n] * (kernel.shape[other] - 1) - paddings[n]
        pads.append((low, sizes[n] + paddings[n] - strides[n] * (y.shape[axis] - 1) - 1))
        if strides[n] == kernel.shape[other] > 1 and pads[n] == (0, 0):
            # XLA for CPUs may abort where a kernel as long as the stride meets no padding, while
            # another axis has more places than stops (jax 0.10): spread beforehand it is safe.
            spread = [(0, 0, strides[n] - 1 if each == axis else 0) for each in range(y.ndim)]
            y = jax.lax.pad(y, jnp.zeros_like(y, shape=()), spread)
            strides = (*strides[:n], 1, *strides[n + 1 :])
    return jax.lax.conv_general_dilated(
        y,
        jax.lax.rev(kernel, labels.rhs_spec[2:]),
        window_strides=[1] * len(sizes),
        padding=pads,
        lhs_dilation=strides,
        rhs_dilation=dilations,
        dimension_numbers=labels,
    )
''',
    "grouped": '''
def grouped(operation, *operands, in_axes, out_axes, **options):
    """The operation at each place along one axis of the operands and of the result.

    JAX makes one convolution with `feature_group_count` of it. XLA for CPUs is several times as
    fast with a convolution for each of a few groups.
    """
    if jax.default_backend() != "cpu" or operands[0].shape[in_axes[0]] > 32:
        return jax.vmap(partial(operation, **options), in_axes, out_axes)(*operands)
    groups = zip(*(jnp.unstack(x, axis=axis) for x, axis in zip(operands, in_axes)))
    return jnp.stack([operation(*group, **options) for group in groups], axis=out_axes)
''',
    "unfold": '''
def unfold(x, axes, counts, windows, strides, paddings, dilations=None, fill=0):
    """Windows of `x`, `fill` outside it: each of `axes` becomes positions, and offsets come last.

    Along one axis: x[stride * position + dilation * offset - padding].
    """
    dilations = dilations or [1] * len(axes)
    for n, axis in enumerate(axes):
        span = strides[n] * (counts[n] - 1) + dilations[n] * (windows[n] - 1) + 1
        pads = [(0, 0)] * x.ndim
        pads[axis] = (max(paddings[n], 0), max(span - paddings[n] - x.shape[axis], 0))
        positions = max(-paddings[n], 0) + strides[n] * jnp.arange(counts[n])
        places = positions[:, None] + dilations[n] * jnp.arange(windows[n])
        padded = jnp.pad(x, pads, constant_values=fill)
        x = jnp.moveaxis(jnp.take(padded, places, axis=axis), axis + 1, -1)
    return x
''',
    "fold": '''
def fold(values, axes, sizes, strides, paddings, dilations=None):
    """Adds windows up, the adjoint of `unfold`; their offsets are the last axes of `values`."""
    dilations = dilations or [1] * len(axes)
    total = 0
    for offset in np.ndindex(*values.shape[-len(axes) :]):
        part = values[(..., *offset)]
        pads = [(0, 0, 0)] * part.ndim
        for n, axis in enumerate(axes):
            low = dilations[n] * offset[n] - paddings[n]
            reach = strides[n] * (part.shape[axis] - 1) + 1
            pads[axis] = (low, sizes[n] - low - reach, strides[n] - 1)
        total = total + jax.lax.pad(part, jnp.zeros_like(part, shape=()), pads)
    return total
''',
}
