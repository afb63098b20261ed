"""Which examples make up step n: a pure function of the seed and n."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.augmentation import augmented
from derivcheck.training.chance import Stream, generator
from derivcheck.training.data import Data, Part
from derivcheck.training.model import Batch, Model, Recipe

STREAMS = 16
"""Pieces in which a text that is only looked at is read side by side."""


def needed(recipe: Recipe) -> int:
    """The characters that the training part of a text has at least."""
    windows = recipe.windows
    if windows is None:
        return 0
    if windows.order == "random":
        return windows.length + 1
    # Two windows in each stream: every epoch begins somewhere within the first.
    return recipe.batch * (2 * windows.length + 1)


@dataclass(eq=False)
class Batches:
    """The batches of a run, by the number of the step.

    Every epoch goes once through the training part in an order of its own; what does not fill a
    batch at its end is left out. A batch as large as the data is the data, in their own order.
    """

    model: Model
    data: Data
    seed: int
    dtype: numpy.dtype
    _order: tuple[int, Array] = field(default=(-1, None), init=False)

    @property
    def examples(self) -> int:
        return len(self.data.train["x"])

    @property
    def size(self) -> int:
        """Examples in a batch."""
        return min(self.model.recipe.batch, self.examples) or self.examples

    @property
    def steps_per_epoch(self) -> int:
        windows = self.model.recipe.windows
        if windows is None:
            return self.examples // self.size
        # One character less than there are: the last one has no next.
        return max((self.examples // self.size - 1) // windows.length - 1, 1)

    def at(self, step: int) -> Batch:
        """The batch of step `step`, counted from 0, with the noise that the model asks for."""
        recipe = self.model.recipe
        batch = dict(self._examples(step) if recipe.windows is None else self._windows(step))
        if recipe.augmentation:
            rng = generator(self.seed, Stream.AUGMENTATION, step)
            batch["x"] = augmented(batch["x"], recipe.augmentation, rng)
        noise = self.model.noise(generator(self.seed, Stream.NOISE, step), batch, recipe)
        return rounded({**batch, **noise}, self.dtype)

    def _examples(self, step: int) -> Batch:
        epoch, place = divmod(step, self.steps_per_epoch)
        chosen = self._permutation(epoch)[place * self.size : (place + 1) * self.size]
        return {name: values[chosen] for name, values in self.data.train.items()}

    def _permutation(self, epoch: int) -> Array:
        if self._order[0] != epoch:
            if self.size == self.examples:
                order = numpy.arange(self.examples)
            else:
                order = generator(self.seed, Stream.ORDER, epoch).permutation(self.examples)
            self._order = (epoch, order)
        return self._order[1]

    def _windows(self, step: int) -> Batch:
        """Characters and those after them; `fresh` is 1 where no hidden state goes on."""
        windows = self.model.recipe.windows
        assert windows is not None
        codes = self.data.train["x"]
        if windows.order == "random":
            rng = generator(self.seed, Stream.ORDER, step)
            starts = rng.integers(0, len(codes) - windows.length, self.size)
            fresh = True
        else:
            epoch, place = divmod(step, self.steps_per_epoch)
            # Every stream begins anew each epoch, a little later, so that no cut stays in place.
            begin = generator(self.seed, Stream.ORDER, epoch).integers(windows.length)
            starts = numpy.arange(self.size) * (len(codes) // self.size)
            starts = starts + begin + place * windows.length
            fresh = place == 0
        places = starts[:, None] + numpy.arange(windows.length)
        return {"x": codes[places], "y": codes[places + 1], "fresh": numpy.array(float(fresh))}


def examples_of(model: Model, part: Part) -> Batch:
    """A part that no step is taken on, as examples: a text in pieces, with what follows each
    character as y.

    A model whose hidden state goes on reads a few long pieces side by side, any other one pieces as
    long as it was trained on.
    """
    windows = model.recipe.windows
    if windows is None:
        return part
    codes = part["x"]
    usable = len(codes) - 1
    length = windows.length if windows.order == "random" else usable // STREAMS
    count = usable // length
    return {
        "x": codes[: count * length].reshape(count, length),
        "y": codes[1 : count * length + 1].reshape(count, length),
    }


def rounded(arrays: Batch, dtype: numpy.dtype) -> Batch:
    """Numbers in the precision of the run; classes as they are, in 32 bits."""
    return {
        name: value.astype(numpy.int32 if value.dtype.kind in "iu" else dtype)
        for name, value in arrays.items()
    }
