"""`derivcheck train` as people use it: what it prints, writes and returns."""

import json
import re
import shlex

import pytest
from training_models import interrupting_after, short_run, shortened
from typer.testing import CliRunner

from derivcheck.cli import app
from derivcheck.training import MODELS, Plan, Run, checkpoint, command, data_for, report
from derivcheck.training.command import Request
from derivcheck.training.comparison import Comparison
from derivcheck.training.exhibits import EXHIBITS
from derivcheck.training.optimisers import Optimiser


@pytest.fixture
def train(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object):
        return CliRunner().invoke(app, ["train", *map(str, arguments)])

    return run


def test_list_names_every_model_with_its_data(train):
    result = train("--list")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [[m.name, m.data] for m in MODELS.values()]


def test_a_run_says_how_it_ended_and_writes_a_report(train, tmp_path):
    result = train("two_moons", "--backend", "numpy", "--steps", 20, "--against", "autodiff")
    assert result.exit_code == 0, result.output
    assert re.match(
        r"two_moons on moons  20 steps  accuracy \d\.\d{4}  loss \d\.\d{4}  on test data\n",
        result.stdout,
    )
    assert "report: reports/train-two_moons.md" in result.stdout
    page = (tmp_path / "reports/train-two_moons.md").read_text()
    for name in ("linear", "bias", "tanh", "softmax_cross_entropy", "rmsprop"):
        assert f"[{name}]({name}.md)" in page
    assert "derivcheck train two_moons --backend numpy --steps 20 --seed 0" in page
    facts = json.loads((tmp_path / "reports/train-two_moons.json").read_text())
    assert facts["gradients"].keys() == {"0", "10", "20"}
    assert "20 steps; a short run: the recipe has 1000 steps" in page
    assert re.search(r"with jax.grad  accuracy .*\ngradients differ by \d", result.stdout)
    index = (tmp_path / "reports/index.md").read_text()
    row = "| [two_moons](train-two_moons.md) | moons | 20 | accuracy | "
    assert re.search(rf"^{re.escape(row)}0\.\d{{4}} \| 0\.\d{{4}} \|$", index, re.MULTILINE)
    for name in ("train-two_moons.png", "train-two_moons-shows.png", "train-two_moons-parity.png"):
        assert (tmp_path / "reports" / name).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "checkpoints/two_moons.npz").exists()


def test_the_command_of_a_report_gives_the_same_report(train, tmp_path):
    train("regression_1d_2", "--backend", "numpy", "--steps", 10, "--against", "autodiff")
    endings = (".md", ".png", "-parity.png", "-shows.png")
    names = ["index.md", *(f"train-regression_1d_2{ending}" for ending in endings)]
    first = [(tmp_path / "reports" / name).read_bytes() for name in names]
    command = re.search(r"```sh\nderivcheck train (.*)\n", first[1].decode())
    assert command
    train(*command[1].split())
    assert [(tmp_path / "reports" / name).read_bytes() for name in names] == first


def test_resume_goes_on_with_the_steps_that_were_asked_for(train):
    train("two_moons", "--backend", "numpy", "--steps", 10)
    result = train("two_moons", "--backend", "numpy", "--resume")
    assert result.exit_code == 0
    assert "two_moons on moons  10 steps" in result.stdout
    assert "resumed at step 10" in result.stderr


def test_a_run_that_has_not_ended_is_not_overwritten(train, tmp_path):
    path = tmp_path / "checkpoints/two_moons.npz"
    run = short_run("two_moons", 10, path=path)
    run.advance()
    run.save()
    before = path.read_bytes()
    result = train("two_moons", "--backend", "numpy", "--steps", 10)
    assert result.exit_code == 2
    assert "two_moons.npz holds a run at step 1 of 10; --resume goes on with it" in result.stderr
    assert path.read_bytes() == before
    elsewhere = train("two_moons", "--backend", "numpy", "--steps", 10, "--checkpoint", "new.npz")
    assert elsewhere.exit_code == 0


def test_bfloat16_is_for_jax(train):
    result = train("two_moons", "--backend", "numpy", "--dtype", "bfloat16")
    assert result.exit_code == 2
    assert "--dtype bfloat16 is for --backend jax" in result.stderr


def test_a_run_that_has_ended_is_kept_under_another_name(train, tmp_path):
    folder = tmp_path / "checkpoints"
    for seed in (0, 0, 1, 2):  # the second is the first once more
        result = train("two_moons", "--backend", "numpy", "--steps", 10, "--seed", seed)
        assert result.exit_code == 0
    assert "an earlier run is kept as checkpoints/two_moons-2.npz" in result.stderr
    seeds = {path.name: checkpoint.load(path).identity["seed"] for path in folder.iterdir()}
    assert seeds == {"two_moons-1.npz": 0, "two_moons-2.npz": 1, "two_moons.npz": 2}


def test_an_interrupted_run_says_how_to_go_on(train, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(command, "both", lambda *_: interrupting_after(3))
        result = train(
            "two_moons", "--backend", "numpy", "--steps", 8, "--checkpoint", "my run.npz"
        )
    assert result.exit_code == 130
    words = re.fullmatch(
        r"interrupted at step 3; go on with: derivcheck train (.*)\n", result.stdout
    )
    assert words
    again = train(*shlex.split(words[1]))
    assert again.exit_code == 0
    assert "resumed at step 3 from my run.npz" in again.stderr
    assert "two_moons on moons  8 steps" in again.stdout


def test_a_file_that_is_no_checkpoint_is_not_overwritten(train, tmp_path):
    path = tmp_path / "thesis.npz"
    path.write_bytes(b"years of work")
    result = train("two_moons", "--backend", "numpy", "--steps", 2, "--checkpoint", path)
    assert result.exit_code == 2
    assert "thesis.npz: this is no checkpoint of derivcheck" in result.stderr
    assert "it is not overwritten" in result.stderr
    assert path.read_bytes() == b"years of work"


def test_rows_with_holes(train, tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "".join(f"{n},{n * n % 7}\n" for n in range(30)) + "1,\n,2\n")
    arguments = ("linear_regression", "--backend", "numpy", "--steps", 3, "--data", table)
    result = train(*arguments)
    assert result.exit_code == 2
    assert "2 of 32 rows are incomplete; --drop-incomplete leaves out such rows" in result.stderr
    result = train(*arguments, "--drop-incomplete")
    assert result.exit_code == 0
    assert "6 to test; 2 incomplete rows left out" in result.stderr
    page = (tmp_path / "reports/train-linear_regression.md").read_text()
    assert "2 incomplete rows left out" in page
    assert "--drop-incomplete" in page


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "train needs the name of a model, or --list"),
        (["two_mons"], "no model is called 'two_mons'; nearest: two_moons"),
        (["two_moons", "--data", "wave"], "wave holds values"),
        (["two_moons", "--data", "none.npz"], "none.npz: there is no such file"),
        (["two_moons", "--resume"], "two_moons.npz: there is no such file to resume from"),
    ],
)
def test_a_mistake_is_one_line(train, arguments, what):
    result = train(*arguments)
    assert result.exit_code == 2
    assert what in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.output


def test_a_run_that_diverges_has_a_status_of_its_own(train, tmp_path, monkeypatch):
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "".join(f"{n},{n * n}\n" for n in range(50)))
    model = shortened("linear_regression", 200, optimiser=Optimiser("sgd", 1e12))
    monkeypatch.setattr(command, "MODELS", {model.name: model})
    result = train(model.name, "--data", f"{table}:b", "--backend", "numpy")
    assert result.exit_code == 1
    assert re.match(r"diverged at step \d+: .*is not finite; largest gradient", result.stdout)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_report(name, tmp_path):
    """Also one that shows something; the picture is there exactly if the page refers to it."""
    run = short_run(name, 2, dtype="float32")
    run.go()
    facts = report.facts_of(run, None, Request(name).command())
    path = report.write(run, facts, None, tmp_path)
    page = path.read_text()
    assert MODELS[name].exhibit in ("", *EXHIBITS)
    assert ("## What it shows" in page) == bool(MODELS[name].exhibit)
    assert (tmp_path / f"train-{name}-shows.png").exists() == (f"train-{name}-shows.png" in page)
    assert "| 2 |" in page


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("two_moons", "iris"),
        ("two_moons", "breast-cancer"),
        ("regression_1d_2", "diabetes"),
        ("vae", "wine"),
        ("gan", "wine"),
    ],
)
def test_data_of_which_there_is_no_picture_have_a_report_without(name, data, tmp_path):
    run = Run(Plan(shortened(name, 2), data_for(MODELS[name], data, 0), "numpy"))
    run.go()
    path = report.write(run, report.facts_of(run, None, ""), None, tmp_path)
    assert "## What it shows" not in path.read_text()
    assert not (tmp_path / f"train-{name}-shows.png").exists()


@pytest.mark.parametrize("steps", [5, 8], ids=["interrupted", "ended"])
def test_autodiff_catches_up_with_a_run_that_is_resumed(steps, tmp_path):
    path = tmp_path / "run.npz"
    begun = short_run("two_moons", 8, path=path, evaluate=2)
    begun.told = interrupting_after(steps)
    with pytest.raises(KeyboardInterrupt):
        begun.go()
    run, whole = (short_run("two_moons", 8, path=each, evaluate=2) for each in (path, None))
    run.resume()
    for each in (run, whole):
        each.told = Comparison(each)
        each.go()
        each.told.finish()
    assert run.told.autodiff.looks == whole.told.autodiff.looks
    assert run.told.gradients == whole.told.gradients


def test_columns_that_depend_on_each_other_have_no_one_solution(tmp_path):
    table = tmp_path / "table.csv"
    rows = (f"{n % 5},{2 * (n % 5)},{n % 3}" for n in range(40))
    table.write_text("\n".join(["a,twice,told", *rows]))
    model = shortened("linear_regression", 2)
    run = Run(Plan(model, data_for(model, str(table), 0), "numpy"))
    run.go()
    page = report.write(run, report.facts_of(run, None, ""), None, tmp_path).read_text()
    assert "The columns depend on each other" in page
    assert "| w0 |" not in page


@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_both_runs_are_side_by_side(backend):
    run = short_run("two_moons", 6, backend, evaluate=2)
    comparison = Comparison(run)
    run.told = comparison
    run.go()
    comparison.finish()
    assert comparison.autodiff.step == 6
    assert [look.step for look in comparison.autodiff.looks] == [2, 4, 6]
    assert list(comparison.gradients) == [0, 3, 6]
    assert max(max(each.values()) for each in comparison.gradients.values()) < 1e-12
    assert comparison.parameters.keys() == run.position.parameters.keys()
    assert max(comparison.parameters.values()) < 1e-12
    throughput = comparison.throughput()
    assert throughput.ours > 0
    assert throughput.spread >= 1
    assert run.step == 6  # timing leaves the runs where they are
