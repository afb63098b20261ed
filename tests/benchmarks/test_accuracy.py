"""The table of accuracies can miss a bar, reaches one, and works without the real data."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from accuracy import LEAST_SQUARES, ROWS, cells, missed, trained, write_page

from derivcheck.training import MODELS, Plan, Run, data_for

SCRIPT = Path(__file__).parent / "accuracy.py"


def shorten(monkeypatch: pytest.MonkeyPatch, name: str, **recipe: object) -> None:
    model = MODELS[name]
    shorter = replace(model, recipe=replace(model.recipe, **recipe))
    monkeypatch.setitem(MODELS, name, shorter)  # pyright: ignore[reportArgumentType] -- a dict


def test_least_squares_is_reached_by_the_recipe_and_not_by_a_tenth_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = replace(LEAST_SQUARES, seeds=(0,))
    assert not missed(row, trained(row, None, "numpy"))
    shorten(monkeypatch, row.model, steps=MODELS[row.model].recipe.steps // 10)
    assert missed(row, trained(row, None, "numpy")).startswith("least-squares: ")


def test_autodiff_is_the_bar_of_a_row_without_another(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch, "mlp_elu", steps=60)
    row = replace(next(row for row in ROWS if row.name == "cifar-mlp"), file=None)
    result = trained(row, "digits", "numpy")
    assert not missed(row, result)
    assert cells(row, result)[3].startswith("autodiff 0.")
    model = MODELS["mlp_elu"]
    untrained = Run(Plan(model, data_for(model, "digits", 0), "numpy"))
    untrained.look()
    assert missed(row, replace(result, runs=(untrained,))).endswith("is not autodiff")


def test_rows_of_earlier_calls_stay_on_the_page(tmp_path: Path) -> None:
    for found in (("cifar-cnn", "cnn", "0.5", "9"), ("digits-mlp", "mlp_elu", "0.9", "9")):
        write_page(tmp_path, found)
    (tmp_path / "accuracy-cifar-cnn.png").touch()
    write_page(tmp_path, ("digits-mlp", "mlp_elu", "0.98", "8"))
    page = (tmp_path / "accuracy.md").read_text()
    assert "---|\n| digits-mlp | mlp_elu | 0.98 |\n| cifar-cnn | cnn | 0.5 |\n\n" in page
    assert page.endswith(
        "jax.grad, it is drawn over them.\n\n![cifar-cnn](accuracy-cifar-cnn.png)\n"
    )


def test_a_row_whose_file_is_missing_says_so(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "timemachine", "--data", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "timemachine.txt is missing" in " ".join(done.stdout.split())
