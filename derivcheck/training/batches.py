"""Which examples make up step n: a pure function of the seed and n."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy

from derivcheck.training.arrays import Array
from derivcheck.training.augmentation import augmented
from derivcheck.training.chance import Stream, generator
from derivcheck.training.data import Data
from derivcheck.training.model import Batch, Model


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
        return self.examples // self.size

    def at(self, step: int) -> Batch:
        """The batch of step `step`, counted from 0, with the noise that the model asks for."""
        recipe = self.model.recipe
        epoch, place = divmod(step, self.steps_per_epoch)
        chosen = self._permutation(epoch)[place * self.size : (place + 1) * self.size]
        batch = {name: values[chosen] for name, values in self.data.train.items()}
        if recipe.augmentation:
            rng = generator(self.seed, Stream.AUGMENTATION, step)
            batch["x"] = augmented(batch["x"], recipe.augmentation, rng)
        noise = self.model.noise(generator(self.seed, Stream.NOISE, step), batch, recipe)
        return rounded({**batch, **noise}, self.dtype)

    def _permutation(self, epoch: int) -> Array:
        if self._order[0] != epoch:
            if self.size == self.examples:
                order = numpy.arange(self.examples)
            else:
                order = generator(self.seed, Stream.ORDER, epoch).permutation(self.examples)
            self._order = (epoch, order)
        return self._order[1]


def rounded(arrays: Batch, dtype: numpy.dtype) -> Batch:
    """Numbers in the precision of the run; classes as they are, in 32 bits."""
    return {
        name: value.astype(numpy.int32 if value.dtype.kind in "iu" else dtype)
        for name, value in arrays.items()
    }
