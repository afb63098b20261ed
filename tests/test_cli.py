"""The command line as people use it: output, exit status, and one line for each mistake."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from derivcheck import cli, registry
from derivcheck.cli import app

PROVED = "A number $x \\in \\mathbb{R}$.\n\n$$\nx + x = 2 x\n$$\n"
REFUTED = "A number $x \\in \\mathbb{R}$.\n\n$$\nx + x = 3 x\n$$\n"
UNSUPPORTED = PROVED + "\n$$\n\\oint_C x \\, dx = 0\n$$\n"


def derivcheck(*arguments: object, stdin: str | bytes | None = None):
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


@pytest.fixture
def page(tmp_path):
    def write(text: str | bytes, name: str = "page.md") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


# --- check --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "status"),
    [
        (PROVED, [], 0),
        (PROVED, ["--strict"], 0),
        (REFUTED, [], 1),
        (UNSUPPORTED, [], 0),
        (UNSUPPORTED, ["--strict"], 3),
        ("Only prose.\n", [], 3),
        ("", [], 3),
        (b"\xff\xfe\x00bad", [], 3),
        (b"caf\xe9 $x = x$\n", [], 3),
        ("$$\nx = x\n", [], 3),
    ],
    ids=[
        *("proved", "proved strict", "refuted", "unsupported", "unsupported strict"),
        *("prose", "empty", "binary", "latin-1", "unclosed"),
    ],
)
def test_exit_status_and_gate(page, text, options, status):
    result = derivcheck("check", *options, page(text))
    assert result.exit_code == status, result.output
    gate = result.stdout.splitlines()[-1]
    assert gate.startswith("PASS" if status == 0 else "FAIL")
    assert "Traceback" not in result.output


def test_a_refuted_line_is_shown_at_its_place(page):
    path = page(REFUTED)
    result = derivcheck("check", path)
    assert "error[refuted]" in result.stdout
    assert f"--> {path}:4:9" in result.stdout
    assert "\n4 | x + x = 3 x\n  |         ^^^\n" in result.stdout
    assert "counterexample" in result.stdout


def test_json_goes_to_standard_output_alone(page):
    result = derivcheck("check", "--format", "json", page(REFUTED), page(PROVED, "other.md"))
    documents = json.loads(result.stdout)["documents"]
    assert [each["verdict"] for each in documents] == ["refuted", "proved"]
    assert result.exit_code == 1


def test_github_marks_the_line(page):
    path = page(REFUTED)
    result = derivcheck("check", "--format", "github", path)
    assert result.stdout.startswith("::error file=")
    assert ",line=4,endLine=4,col=9,endColumn=12,title=derivcheck%3A refuted::" in result.stdout


def test_a_folder_is_all_its_pages_but_hidden_ones(page, tmp_path):
    page(PROVED)
    for folder in ("deep", ".hidden"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "other.md").write_text(PROVED)
    result = derivcheck("check", "--format", "json", tmp_path)
    paths = [each["path"] for each in json.loads(result.stdout)["documents"]]
    assert paths == [str(tmp_path / "deep" / "other.md"), str(tmp_path / "page.md")]


def test_a_folder_without_pages_is_no_success(tmp_path):
    result = derivcheck("check", tmp_path)
    assert result.exit_code == 2
    assert "no *.md page in the folder" in result.stderr


def test_standard_input_is_a_page():
    result = derivcheck("check", "-", stdin=REFUTED)
    assert result.exit_code == 1
    assert "--> <stdin>:4:9" in result.stdout
    assert derivcheck("check", "-", stdin=b"\xe9").exit_code == 3


def test_a_missing_file_does_not_stop_the_others(page, tmp_path):
    result = derivcheck("check", tmp_path / "gone.md", page(PROVED))
    assert result.exit_code == 3
    assert "error[unreadable]" in result.stdout
    assert "\nPASS" in result.stdout
    assert result.stdout.splitlines()[-1] == "FAIL  2 pages  1 passed, 1 failed"


def test_a_page_given_by_path_runs_no_code(page, tmp_path):
    ran = tmp_path / "ran"
    block = (
        f"\n## Reference\n\n```python\nfrom pathlib import Path\nPath({str(ran)!r}).touch()\n```\n"
    )
    assert derivcheck("check", page(PROVED + block)).exit_code == 0
    assert not ran.exists()


def test_seed_is_checked():
    assert derivcheck("check", "--seed", "-1", "x.md").exit_code == 2


# --- run, list, show ----------------------------------------------------------------------------


def test_run_writes_reports_and_passes(tmp_path):
    result = derivcheck("run", "tanh", "--reports", tmp_path / "reports")
    assert result.exit_code == 0, result.output
    assert {each.name for each in (tmp_path / "reports").iterdir()} == {
        "tanh.md",
        "tanh.json",
        "index.md",
    }
    assert "PASS" in result.stdout


def test_run_needs_a_name():
    result = derivcheck("run")
    assert result.exit_code == 2
    assert "Usage:" in result.stderr
    assert "needs the name of a derivation, or --all" in result.stderr
    assert derivcheck("run", "tanh", "--all").exit_code == 2


@pytest.mark.parametrize("command", ["run", "show"])
def test_unknown_name_is_one_line_with_the_nearest(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nearest = ", ".join(registry.UnknownName("layer_norm").nearest)
    assert nearest.startswith("layernorm")
    result = derivcheck(command, "layer_norm")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert (
        result.stderr == f"derivcheck: no derivation is called 'layer_norm'; nearest: {nearest}\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(Path("/dev/nvidia0").exists(), reason="there is a GPU")
def test_a_missing_gpu_is_one_line(tmp_path):
    # A process of its own: JAX settles its platforms once, and the environment is touched.
    command = [sys.executable, "-m", "derivcheck", "run", "tanh", "--device", "gpu"]
    environment = {**os.environ, "PYTHONPATH": str(Path(cli.__file__).parent.parent)}
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("derivcheck: --device gpu: JAX sees no GPU")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "reports").exists()


def test_reports_that_cannot_be_written_are_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    result = derivcheck("run", "tanh", "--reports", tmp_path / "file" / "reports")
    assert result.exit_code == 2
    assert "reports cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("text", "∂L/∂X"),
        ("latex", r"\frac{\partial L}{\partial X"),
        ("sympy", "Derivative(L, X["),
        ("numpy", "def pullback("),
        ("jax", "custom_vjp"),
    ],
)
def test_show(form, expected):
    result = derivcheck("show", "tanh", "--as", form)
    assert result.exit_code == 0, result.output
    assert expected in result.stdout


@pytest.mark.parametrize("form", ["numpy", "jax"])
def test_shown_code_compiles(form):
    compile(derivcheck("show", "layernorm", "--as", form).stdout, form, "exec")


# --- explain, version, the process --------------------------------------------------------------


def test_explain_lists_and_shows():
    listed = derivcheck("explain").stdout
    assert "\nunequal-free-indices" in listed
    assert derivcheck("explain", "refuted").stdout.startswith("# refuted\n")
    unknown = derivcheck("explain", "refute")
    assert unknown.exit_code == 2
    assert "nearest: refuted" in unknown.stderr


def test_version():
    assert derivcheck("--version").stdout.startswith("derivcheck ")


def test_a_reader_that_goes_away_is_no_error():
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "derivcheck", "explain"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert b"Traceback" not in errors
