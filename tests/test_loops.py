"""Generated loops: readable, left alone by the formatter, right at every length."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from syrupy.assertion import SnapshotAssertion

from derivcheck import registry
from derivcheck.checker import read_derivation
from derivcheck.codegen import load, source
from derivcheck.document import load_source
from derivcheck.lowering import LoweringError, Program, lower
from derivcheck.source import Source

BACKENDS = ("numpy", "jax")
LOOPS = ("rnn", "gru", "lstm")


@cache
def program(name: str) -> Program:
    return lower(read_derivation(load_source(registry.path(name))))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LOOPS)
def test_generated_module(name: str, backend: str, snapshot: SnapshotAssertion) -> None:
    assert source(program(name), backend) == snapshot


def test_modules_are_left_alone_by_the_formatter(tmp_path: Path) -> None:
    for name in LOOPS:
        for backend in BACKENDS:
            (tmp_path / f"{name}_{backend}.py").write_text(source(program(name), backend))
    ruff = [sys.executable, "-m", "ruff"]
    where = ["--isolated", "--line-length", "100", str(tmp_path)]
    formatted = subprocess.run([*ruff, "format", "--diff", *where], capture_output=True, text=True)
    assert formatted.returncode == 0, formatted.stdout
    rules = ["--select", "F,I,E,W", "--ignore", "E741"]
    linted = subprocess.run([*ruff, "check", *rules, *where], capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout


# A coupled recurrence: base cases from an input and from 0, an array that the step writes and
# nobody else reads, a last state as an output.
COUPLED = r"""
- $x \in \mathbb{R}^{T \times S}$ and $z \in \mathbb{R}^S$, for $t = 1, \dots, T$
- $w, u \in \mathbb{R}$
- outputs $y \in \mathbb{R}^{T \times S}$ and $n \in \mathbb{R}^S$

$$
\begin{aligned}
h_{0s} &= z_s \\
c_{0s} &= 0 \\
f_{ts} &= \sigma(w x_{ts} + u h_{t-1,s}) \\
c_{ts} &= f_{ts} c_{t-1,s} + x_{ts} \\
h_{ts} &= f_{ts} \tanh(c_{ts}) \\
y_{ts} &= h_{ts} + c_{t-1,s} \\
n_s &= c_{Ts}
\end{aligned}
$$
"""


def stepped(x, z, w, u):
    h, c, shown = z, np.zeros_like(z), []
    for row in x:
        f = 1 / (1 + np.exp(-(w * row + u * h)))
        before, c = c, f * c + row
        h = f * np.tanh(c)
        shown.append(h + before)
    return np.stack(shown), c


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("steps", [1, 2, 5])
def test_coupled_arrays_are_filled_step_by_step(backend: str, steps: int) -> None:
    rng = np.random.default_rng(steps)
    x, z = rng.normal(size=(steps, 3)), rng.normal(size=3)
    module = load(lower(read_derivation(Source("coupled.md", COUPLED))), backend)
    found, _ = module.forward(x, z, 0.7, -1.3)
    tolerance = 1e-12 if backend == "numpy" else 1e-5
    for ours, theirs in zip(found, stepped(x, z, 0.7, -1.3), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_what_no_loop_computes_is_said() -> None:
    page = COUPLED.replace(r"+ x_{ts} \\", r"+ t x_{ts} \\")
    with pytest.raises(LoweringError, match="its own number"):
        lower(read_derivation(Source("numbered.md", page)))
