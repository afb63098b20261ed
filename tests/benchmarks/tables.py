"""Measurements as tables, a row for every pair, and what they are held against."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean

from interleaved import Timing, peak, timing
from numpy_baselines import BASELINES
from pairs import Side, of_jax, of_numpy
from rich.console import Console
from rich.table import Table
from workloads import Workload, workload

from derivcheck import load, registry

Pair = tuple[Side, Side]

BY_HAND = 1.1
"""NumPy: generated over written by hand, every layer."""
MEAN, WORST = 1.05, 1.2
"""JAX: generated over autodiff, the geometric mean and every layer."""
OBJECTS = 2048
"""Bytes that tuples, numbers and vectors may differ by: it is the large arrays that count."""


@dataclass(frozen=True)
class Row:
    """A pair: the quotient of the times, and the most bytes that each side had at a time."""

    work: Workload
    time: Timing
    bytes: tuple[int, int]

    @property
    def ratio(self) -> float:
        return self.time.ratio[1]


def missed(rows: Sequence[Row], *, each: float, mean: float | None = None) -> list[str]:
    """The targets that these rows miss, in words."""
    found = [f"{row.work}: {row.ratio:.3f} > {each}" for row in rows if row.ratio > each]
    for row in rows:
        other, own = row.bytes
        if own > other + OBJECTS:
            found.append(f"{row.work}: {own / other:.3f} times the memory")
    whole = geometric_mean(row.ratio for row in rows)
    if mean is not None and whole > mean:
        found.append(f"geometric mean {whole:.3f} > {mean}")
    return found


def against_baselines(
    backend: str, names: Sequence[str], *, dtype: str, rounds: int, wall: bool
) -> list[Row]:
    """The layers that have baselines, measured and printed."""
    other = "by hand" if backend == "numpy" else "jax.vjp"
    sides = of_numpy if backend == "numpy" else of_jax
    works = [workload(name).at(dtype) for name in names or BASELINES]
    if not names:
        works.insert(2, workload("softmax_cross_entropy", K=10).at(dtype))
    return _table(f"{backend}: forward and pullback, µs", other, works, sides, rounds, wall)


def against_references(names: Sequence[str], *, dtype: str, rounds: int, wall: bool) -> list[Row]:
    """Pages in JAX against `jax.vjp` of their own References."""
    # All are read first: to read a page has a limit of memory, and XLA keeps much of that.
    found = names or [n for n in registry.names() if load(n).derivation.reference is not None]
    works = [workload(name).at(dtype) for name in found]

    def sides(work: Workload) -> Pair:
        return of_jax(work, reference="page")

    return _table("jax: forward and pullback, µs", "jax.vjp", works, sides, rounds, wall)


def _table(
    title: str,
    other: str,
    works: Iterable[Workload],
    sides: Callable[[Workload], Pair],
    rounds: int,
    wall: bool,
) -> list[Row]:
    table = Table(title=title)
    table.add_column("page")
    table.add_column("sizes", overflow="fold")
    for heading in (other, "generated", "ratio", "A/A", "KiB " + other, "KiB"):
        table.add_column(heading, justify="right")
    rows: list[Row] = []
    clock = time.perf_counter_ns if wall else time.process_time_ns
    for work in works:
        baseline, generated = sides(work)
        found = timing(baseline.run, generated.run, clock=clock, rounds=rounds)
        row = Row(work, found, (_memory(baseline), _memory(generated)))
        rows.append(row)
        table.add_row(work.page, work.sizes, *_cells(row))
    Console(width=140).print(table)
    return rows


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.time.baseline:.1f}",
        f"{row.time.subject:.1f}",
        _spread(row.time.ratio),
        _spread(row.time.itself),
        *(f"{size / 1024:.0f}" for size in row.bytes),
    )


def _memory(side: Side) -> int:
    """Bytes beside the arguments: as XLA says, else as traced."""
    return peak(side.run) if side.bytes is None else side.bytes


def _spread(quartiles: tuple[float, float, float]) -> str:
    low, middle, high = quartiles
    return f"{middle:.3f} ({low:.2f}–{high:.2f})"
