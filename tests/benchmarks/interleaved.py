"""Two functions timed turn by turn, so that what disturbs one disturbs the other.

Each round times the baseline, the subject, and the baseline again, in an order that rotates. The
ratio is the median over rounds of subject to baseline; the same of the baseline to itself is what
the machine makes of no difference at all.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeAlias

Run: TypeAlias = Callable[[], object]
Clock: TypeAlias = Callable[[], int]
"""Nanoseconds: `time.process_time_ns` where one thread computes, which a busy machine does not
lengthen; else `time.perf_counter_ns`."""

SAMPLE = 3_000_000
"""Nanoseconds that one sample takes at least: the clock's own cost is nothing beside it."""


@dataclass(frozen=True)
class Timing:
    """`baseline` and `subject` in microseconds, medians; quartiles of the ratio and of A/A."""

    baseline: float
    subject: float
    ratio: tuple[float, float, float]
    itself: tuple[float, float, float]


def timing(baseline: Run, subject: Run, *, clock: Clock, rounds: int) -> Timing:
    calls = max(_calls(run, clock) for run in (baseline, subject))
    turns = [baseline, subject, baseline]
    seconds: list[list[float]] = [[], [], []]
    for turn in range(rounds):
        for place in (turn, turn + 1, turn + 2):
            seconds[place % 3].append(_sample(turns[place % 3], calls, clock))
    first, own, second = seconds
    return Timing(
        median(first + second) / 1e3,
        median(own) / 1e3,
        _quartiles([2 * b / (a + c) for a, b, c in zip(first, own, second, strict=True)]),
        _quartiles([c / a for a, c in zip(first, second, strict=True)]),
    )


def _calls(run: Run, clock: Clock) -> int:
    """How many calls make a sample; this also warms up."""
    for _ in range(3):
        run()
    return max(1, round(SAMPLE / max(_sample(run, 3, clock), 1.0)))


def _sample(run: Run, calls: int, clock: Clock) -> float:
    start = clock()
    for _ in range(calls):
        run()
    return (clock() - start) / calls


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    low, middle, high = quantiles(values, n=4)
    return low, middle, high


def peak(run: Run) -> int:
    """The largest number of bytes allocated at a time during one call, its results included."""
    run()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        results = run()
        _, highest = tracemalloc.get_traced_memory()
        del results
    finally:
        tracemalloc.stop()
    return highest - before
