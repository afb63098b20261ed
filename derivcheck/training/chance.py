"""Every random number of a run, from one seed.

A stream is named by what it is for and numbered by when it is drawn, so nothing has to be carried
from step to step: a run that is taken up again at step n draws what it would have drawn.
"""

from __future__ import annotations

from enum import IntEnum

import numpy


class Stream(IntEnum):
    DATA = 0
    PARAMETERS = 1
    ORDER = 2
    NOISE = 3
    AUGMENTATION = 4
    SAMPLES = 5


def generator(seed: int, stream: Stream, number: int = 0) -> numpy.random.Generator:
    """The generator of a stream; different streams and numbers are independent."""
    return numpy.random.default_rng(numpy.random.SeedSequence(seed, spawn_key=(stream, number)))
