"""Training images as they might have been taken: flipped, shifted, with noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy

from derivcheck.training.arrays import Array

NOISE = 0.05
"""Standard deviation of the noise, for pixels between 0 and 1."""


def _flip(x: Array, rng: numpy.random.Generator) -> Array:
    """Left becomes right in every second image, by chance."""
    flipped: Array = x.copy()
    turned = rng.random(len(x)) < 0.5
    flipped[turned] = x[turned][..., ::-1]
    return flipped


def _crop(x: Array, rng: numpy.random.Generator) -> Array:
    """A window of the image's own size out of a frame of zeros, an eighth wider on every side."""
    height, width = x.shape[-2:]
    rows, columns = max(height // 8, 1), max(width // 8, 1)
    framed = numpy.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    down = rng.integers(0, 2 * rows + 1, len(x)).tolist()
    right = rng.integers(0, 2 * columns + 1, len(x)).tolist()
    cropped: Array = x.copy()
    for n, (a, b) in enumerate(zip(down, right, strict=True)):
        cropped[n] = framed[n, :, a : a + height, b : b + width]
    return cropped


def _noise(x: Array, rng: numpy.random.Generator) -> Array:
    shape: tuple[int, ...] = x.shape
    return x + rng.normal(scale=NOISE, size=shape)


AUGMENTATIONS: Mapping[str, Callable[[Array, numpy.random.Generator], Array]] = {
    "flip": _flip,
    "crop": _crop,
    "noise": _noise,
}


def augmented(x: Array, names: Sequence[str], rng: numpy.random.Generator) -> Array:
    """Images (N, C, H, W) after these augmentations, in their order."""
    for name in names:
        x = AUGMENTATIONS[name](x, rng)
    return x
