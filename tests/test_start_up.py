"""Nothing heavy is loaded before there is work: `--help` and `list` answer at once."""

import subprocess
import sys

import pytest

HEAVY = ("jax", "sympy", "numpy", "flint", "markdown_it")
PROBE = """
import sys
from derivcheck.cli import app
try:
    app({arguments!r}, prog_name="derivcheck")
except SystemExit as done:
    assert not done.code, done.code
print("loaded:", *sorted(sys.modules.keys() & set({heavy!r})))
"""


def loaded(arguments: list[str]) -> list[str]:
    """The heavy libraries that a process has imported when the command is done."""
    probe = PROBE.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("loaded:")
    return last.split()[1:]


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["list"], ["--version"], ["run", "--help"], ["explain"], ["explain", "refuted"]],
    ids=" ".join,
)
def test_no_heavy_library_is_loaded(arguments):
    assert loaded(arguments) == []


def test_the_models_are_listed_without_what_judges_and_computes():
    assert loaded(["train", "--list"]) == ["numpy"]


def test_the_probe_sees_what_is_loaded(tmp_path):
    """The twin: where there is work, the same probe does find a heavy library.

    The mathematics is loaded by the worker processes alone.
    """
    page = tmp_path / "page.md"
    page.write_text("A number $x \\in \\mathbb{R}$.\n\n$$\nx + x = 2 x\n$$\n")
    assert loaded(["check", str(page)]) == ["markdown_it"]
