"""Generated code against code written by hand, and against autodiff: `python tests/benchmarks`.

One core by default, so that BLAS and XLA use one thread and the clock can be that of the process:
a busy machine does not lengthen it. With a GPU the clock is the wall's. Exit status 1 where a
target is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib.metadata import version
from statistics import geometric_mean


def main() -> None:
    arguments = _arguments()
    if arguments.device == "gpu":
        os.environ.pop("JAX_PLATFORMS", None)
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    else:
        os.environ["JAX_PLATFORMS"] = "cpu"
        if not arguments.wall and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    # Thread pools are as large as the cores that NumPy and JAX find when they are loaded.
    import jax
    from tables import BY_HAND, MEAN, WORST, against_baselines, against_references, missed

    jax.config.update("jax_enable_x64", arguments.dtype == "float64")
    wall = arguments.wall or arguments.device == "gpu"
    chosen = {"dtype": arguments.dtype, "rounds": arguments.rounds, "wall": wall}
    print(
        f"{platform.machine()} · {jax.devices()[0].device_kind} · "
        f"Python {platform.python_version()} · NumPy {version('numpy')} · JAX {version('jax')} · "
        f"{arguments.dtype} · {'wall clock' if wall else 'one core, CPU time'}"
    )
    faults: list[str] = []
    if arguments.pages is not None:
        rows = against_references(arguments.pages, **chosen)
    else:
        if arguments.device == "cpu":
            by_hand = against_baselines("numpy", arguments.names, **chosen)
            faults += missed(by_hand, each=BY_HAND)
        rows = against_baselines("jax", arguments.names, **chosen)
    faults += missed(rows, each=WORST, mean=MEAN)
    mean, worst = geometric_mean(row.ratio for row in rows), max(row.ratio for row in rows)
    print(f"JAX: geometric mean {mean:.3f}, worst {worst:.3f}")
    print(*(f"missed: {fault}" for fault in faults), sep="\n")
    sys.exit(bool(faults))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="python tests/benchmarks")
    parser.add_argument("names", nargs="*", help="layers that have baselines; all by default")
    parser.add_argument(
        "--pages", nargs="*", metavar="PAGE", help="instead: pages against their own References"
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--wall", action="store_true", help="all cores, and the clock on the wall")
    return parser.parse_args()


if __name__ == "__main__":
    main()
