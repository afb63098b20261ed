"""How good the models get: `python tests/benchmarks/accuracy.py`.

Every row trains a model by its own recipe, once for each seed; where data come in one part, the
seed draws the split too. When a run ends and which of its positions counts is decided by validation
data, which are held out of the training part; figures are of the test data. Names choose rows, all
of them by default. Rows on real data read files of the folder `--data`; those of which the file is
missing say so. Exit status 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path
from statistics import mean

import numpy
from rich.console import Console
from rich.table import Table

from derivcheck.report import ACCURACIES
from derivcheck.training import MODELS, Plan, Run, data_for
from derivcheck.training.arrays import Backend, Dtype
from derivcheck.training.exhibits import beside_least_squares
from derivcheck.training.parity import from_autodiff
from derivcheck.training.pictures import Side, curves


def score(run: Run) -> float:
    """The first metric on the test data, at the position that the run chose."""
    return run.tested().score


def gap(run: Run) -> float:
    """The largest distance of a weight from the solution of least squares, by the largest."""
    found, solution = beside_least_squares(run)
    return float(numpy.abs(found - solution).max() / numpy.abs(solution).max())


@dataclass(frozen=True)
class Row:
    """One line of the table: a model's figure, joined over the seeds, and what it is held to.

    Without `least` or `most` it is held to the same run with JAX's gradients. `data` is a bundled
    set, `file` one of `--data`.
    """

    name: str
    model: str
    least: float | None = None
    most: float | None = None
    seeds: tuple[int, ...] = (0,)
    join: Callable[[Sequence[float]], float] = mean
    data: str | None = None
    file: str | None = None
    dtype: Dtype = "float32"
    figure: Callable[[Run], float] = score

    @property
    def against_autodiff(self) -> bool:
        return self.least is None and self.most is None

    @property
    def bar(self) -> str:
        if self.against_autodiff:
            return "autodiff"
        return f"≥ {self.least}" if self.most is None else f"≤ {self.most}"


SPLITS = (0, 1, 2, 3, 4)
PALINDROMES = tuple(
    Row(f"{data}-{kind}", f"{kind}_palindromes", 1.0, seeds=(0, 1, 2), join=min, data=data)
    for data in ("palindromes-10", "palindromes-20")
    for kind in ("lstm", "peephole_lstm")
)
MNIST, CIFAR, TIMEMACHINE = "mnist_10k_10k.npz", "cifar10_5k_1k.npz", "timemachine.txt"
LEAST_SQUARES = Row(
    "least-squares",
    "linear_regression",
    most=1e-8,
    seeds=SPLITS,
    join=max,
    dtype="float64",
    figure=gap,
)
ROWS = (
    LEAST_SQUARES,
    Row("digits-mlp", "mlp_elu", 0.97, seeds=SPLITS),
    Row("digits-cnn", "cnn", 0.98, seeds=SPLITS),
    *PALINDROMES,
    Row("mnist-mlp", "mlp_elu", 0.95, file=MNIST),
    Row("timemachine", "char_lstm", 0.54, file=TIMEMACHINE),
    Row("cifar-mlp", "mlp_elu", file=CIFAR),
    Row("cifar-cnn", "cnn", file=CIFAR),
)


@dataclass(frozen=True)
class Result:
    """What the runs of a row came to, by seed."""

    runs: tuple[Run, ...]
    autodiff: tuple[Run, ...]
    seconds: float

    @property
    def examples(self) -> int:
        """Of the test data."""
        return len(self.runs[0].plan.data.test["x"])


def trained(row: Row, data: str | None, backend: Backend) -> Result:
    """All runs of a row, one after another."""
    model = MODELS[row.model]
    runs: list[Run] = []
    autodiff: list[Run] = []
    begun = time.perf_counter()
    for seed in row.seeds:
        plan = Plan(model, data_for(model, data, seed), backend, row.dtype, seed)
        runs.append(Run(plan))
        runs[-1].go()
        if row.against_autodiff:
            autodiff.append(Run(replace(plan, backend="jax"), gradients=from_autodiff(model)))
            autodiff[-1].go()
    return Result(tuple(runs), tuple(autodiff), time.perf_counter() - begun)


def missed(row: Row, result: Result) -> str:
    """In words how the row misses its bar, nothing if it does not."""
    figure = row.join([row.figure(run) for run in result.runs])
    least, most = row.least, row.most
    if row.against_autodiff:
        bar = row.join([row.figure(run) for run in result.autodiff])
        # Two float32 runs part after some steps; the test data tell no more than this apart.
        least = bar - sqrt(bar * (1 - bar) / result.examples)
    met = (least is None or figure >= least) and (most is None or figure <= most)
    return "" if met else f"{row.name}: {shown(figure)} is not {row.bar}"


def shown(figure: float) -> str:
    return f"{figure:.1e}" if figure < 1e-3 else f"{figure:.4f}"


def cells(row: Row, result: Result) -> tuple[str, ...]:
    """The row of the table."""
    figures = [row.figure(run) for run in result.runs]
    bar = row.bar
    if result.autodiff:
        bar += f" {shown(row.join([row.figure(run) for run in result.autodiff]))}"
    ends = [(run.step, run.tested().step) for run in result.runs]
    stopped = [f"{end}" if end == best else f"{end}, best {best}" for end, best in ends]
    steps = stopped[:1] if len(set(stopped)) == 1 else stopped
    return (
        row.name,
        row.model,
        shown(row.join(figures)),
        bar,
        " ".join(map(shown, figures)),
        " ".join(steps),
        f"{result.seconds:.0f}",
    )


PAGE = """# What the models reach

Each row trains a model by its own recipe, once for each seed; where data come in one part, the
seed draws the split too. Validation data, held out of the training part, decide when a run ends and
which of its positions counts; figures are of the test data, by which nothing was chosen. Real data
are not part of the repository.

```sh
python tests/benchmarks/accuracy.py --data FOLDER --reports reports
```

| row | model | figure | bar | by seed | steps |
|---|---|---:|---|---|---|
{rows}

The rows on real data; where their bar is the same model with jax.grad, it is drawn over them.

{pictures}
"""


def write_page(folder: Path, found: Sequence[str]) -> None:
    """Put one row into `accuracy.md`, in the order of the table; rows of earlier calls stay."""
    path = folder / ACCURACIES
    known = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in known.splitlines()}
    lines[found[0]] = f"| {' | '.join(found[:-1])} |"
    names = [row.name for row in ROWS if row.name in lines]
    pictures = [
        f"![{name}](accuracy-{name}.png)"
        for name in names
        if (folder / f"accuracy-{name}.png").exists()
    ]
    rows = "\n".join(lines[name] for name in names)
    page = PAGE.format(rows=rows, pictures="\n\n".join(pictures))
    path.write_text(page, encoding="utf-8", newline="\n")


def main() -> None:
    arguments = _arguments()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    table = Table(
        "row", "model", "figure", "bar", "by seed", "steps", "seconds", box=None, header_style=""
    )
    faults: list[str] = []
    for row in ROWS:
        if arguments.names and row.name not in arguments.names:
            continue
        path: Path | None = arguments.data / row.file if row.file else None
        if path and not path.is_file():
            table.add_row(row.name, row.model, "—", row.bar, f"{path} is missing", "", "")
            continue
        result = trained(row, str(path) if path else row.data, arguments.backend)
        found = cells(row, result)
        if arguments.reports:
            arguments.reports.mkdir(parents=True, exist_ok=True)
            if row.file:  # the reports of training have the others
                both = [*result.runs[:1], *result.autodiff[:1]]
                picture = arguments.reports / f"accuracy-{row.name}.png"
                curves([Side(run, run.tested()) for run in both], picture)
            write_page(arguments.reports, found)
        table.add_row(*found)
        print(*found, sep="  ", file=sys.stderr, flush=True)
        faults += [fault for fault in [missed(row, result)] if fault]
    Console(width=160, highlight=False).print(table)
    print(*(f"missed: {fault}" for fault in faults), sep="\n")
    sys.exit(bool(faults))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, prog="python tests/benchmarks/accuracy.py"
    )
    known = [row.name for row in ROWS]
    parser.add_argument("names", nargs="*", help=f"rows, all by default: {', '.join(known)}")
    parser.add_argument("--backend", choices=("numpy", "jax"), default="jax")
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), metavar="FOLDER", help="real data"
    )
    parser.add_argument(
        "--reports",
        type=Path,
        metavar="FOLDER",
        help="write accuracy.md there, with curves of the rows on real data",
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(known))
    if unknown:
        parser.error(f"no row is called {', '.join(unknown)}")
    return arguments


if __name__ == "__main__":
    main()
