"""Where JAX computes is settled before it is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from derivcheck import device

ASK = """
from derivcheck import device
try:
    device.claim("gpu")
except device.NoGpu as error:
    print(error)
else:
    print("a GPU")
"""


def test_the_cpu_is_said_in_the_environment_and_jax_is_not_loaded(monkeypatch):
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    device.claim("cpu")
    assert os.environ["JAX_PLATFORMS"] == "cpu"


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU")
def test_no_gpu_is_one_clear_line():
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert "JAX sees no GPU" in done.stdout
