"""Generated code is about as fast and as small as what it stands for.

`pytest -n 0 -m benchmark -s` prints the figures.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.mark.benchmark
def test_targets() -> None:
    # A process of its own: it keeps to one core before NumPy and JAX start their threads.
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
    done = subprocess.run([sys.executable, str(HERE)], env=environment, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("arguments", [["linear"], ["--pages", "relu"]])
def test_a_table_is_printed(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(HERE), *arguments, "--rounds", "2"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
    )
    assert done.returncode in (0, 1), done.stderr  # of the ratios nothing is said here
    assert done.stdout.count("A/A") == (1 if "--pages" in arguments else 2)
    assert "JAX: geometric mean" in done.stdout
