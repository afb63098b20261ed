"""What a newcomer does with the command, good and bad: real processes, in an empty folder.

Whatever is given, the answer is a diagnostic or one line, with its exit status; never a traceback,
never something half-written.
"""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import derivcheck

PROVED = "A number $x \\in \\mathbb{R}$.\n\n$$\nx + x = 2 x\n$$\n"
REFUTED = PROVED.replace("2 x", "3 x")
ROOT = Path(derivcheck.__file__).parent.parent


@pytest.fixture
def environment(tmp_path_factory):
    known = {**os.environ, "PYTHONPATH": str(ROOT)}
    known["DERIVCHECK_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    known.pop("PYTHONUNBUFFERED", None)
    return known


@pytest.fixture
def shell(tmp_path, environment):
    """Runs a line of a shell in which `$derivcheck` is the command; (status, output, errors)."""

    def run(line: str, **more: str) -> tuple[int, str, str]:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env={**environment, "derivcheck": f"{sys.executable} -m derivcheck", **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def folder(tmp_path):
    """Where the command is run."""
    (tmp_path / "proved.md").write_text(PROVED)
    (tmp_path / "refuted.md").write_text(REFUTED)
    return tmp_path


# --- what is read and written ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("$derivcheck list >/dev/full", 2),
        ("$derivcheck check refuted.md >/dev/full", 2),
        ("$derivcheck check refuted.md >&-", 1),
        ("$derivcheck check proved.md >&- 2>&-", 0),
        ("$derivcheck list >&-", 0),
        ("$derivcheck nonsense 2>&-", 2),
        ("$derivcheck nonsense 2>/dev/full", 2),
        ("$derivcheck check - <&-", 3),
        ("$derivcheck check - </dev/null", 3),
        ("$derivcheck check - <proved.md", 0),
        ("PYTHONIOENCODING=ascii $derivcheck check proved.md", 0),
    ],
)
def test_streams_that_are_gone_full_or_closed(shell, folder, line, status):
    if "/dev/full" in line and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    assert shell(line)[0] == status


def test_a_reader_that_goes_away_is_no_refuted_claim(folder, environment):
    # More than a pipe holds: the command is still writing when its reader goes.
    many = "A number $x \\in \\mathbb{R}$.\n" + "\n$$x + x = 2 x$$\n" * 500
    (folder / "many.md").write_text(many)
    command = [sys.executable, "-m", "derivcheck", "check", "--format", "json", "many.md"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_a_full_disk_is_said_in_one_line(shell, folder):
    _, _, errors = shell("$derivcheck list >/dev/full")
    assert errors == "derivcheck: standard output cannot be written: No space left on device\n"


# --- pages that are none -----------------------------------------------------------------------

BAD = {
    "gone.md": (None, "unreadable", "No such file"),
    "layernorm": (None, "unreadable", "`derivcheck run layernorm`"),
    "empty.md": (b"", "empty", "Markdown or LaTeX"),
    "blank.md": (b" \n\n", "empty", "Markdown or LaTeX"),
    "prose.md": (b"# Title\n\nWords.\n", "nothing-judged", "equations in $"),
    "binary.md": (bytes(range(256)), "binary", "Markdown or LaTeX"),
    "latin.md": ("café".encode("latin-1"), "invalid-utf8", "save the file as UTF-8"),
    "utf16.md": (PROVED.encode("utf-16"), "invalid-utf8", "save the file as UTF-8"),
    "large.md": (b"word " * 2**22, "unreadable", "more than 16 MiB"),
    "book.ipynb": (b'{"cells": []}', "unreadable", "nbconvert"),
    "unclosed.md": (b"Then\n\n$$\nx = x\n", "unclosed-math", "close it with $$"),
    "matter.md": (b"---\ntitle: [a\n---\n$x = x$\n", "front-matter", "not YAML"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_page_is_one_diagnostic(shell, tmp_path, name):
    content, code, words = BAD[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    status, output, errors = shell(f"$derivcheck check {name}")
    assert status == 3
    assert errors == ""
    assert output.count("error[") == 1
    assert f"error[{code}]" in output
    assert words in output
    assert f"--> {name}:" in output
    assert output.splitlines()[-1] == f"FAIL  {name}  no claim was judged"


DEEP = {
    "braces": ("{" * 2000 + "x" + "}" * 2000, "{", "too deeply nested"),
    "parentheses": ("(" * 2000 + "x" + ")" * 2000, "(", "too deeply nested"),
    "fractions": (r"\frac{1}{1+" * 500 + "x" + "}" * 500, "", "too deeply nested"),
    "unclosed": ("{" * 300 + "x", "{", "unclosed brace"),
    "unknown": (r"\frac{1}{1+\foo{x}}", r"\foo", r"\foo"),
    "control": ("x\x1b[31m", "\N{REPLACEMENT CHARACTER}", "the character U+001B"),
}


@pytest.mark.parametrize("name", DEEP)
def test_the_caret_stands_under_what_is_not_understood(shell, tmp_path, name):
    formula, under, words = DEEP[name]
    (tmp_path / "page.md").write_text(f"$x \\in \\mathbb{{R}}$.\n\n$$ {formula} = x $$\n")
    status, output, _ = shell("$derivcheck check page.md")
    assert status == 3
    assert "\x1b" not in output
    _, found = output.split("warning[unsupported]: not understood: ")
    lines = found.splitlines()
    assert lines[0] == words
    quoted, carets = lines[3][4:], lines[4][4:]
    at = carets.index("^")
    assert quoted[at:].startswith(under)
    assert quoted[at : at + 5] != " = x "


@pytest.mark.parametrize("written", ["\r\n", "\r", "\ufeff"], ids=["CRLF", "CR", "BOM"])
def test_line_ends_and_marks_of_other_systems(shell, tmp_path, written):
    text = written + REFUTED if written == "\ufeff" else REFUTED.replace("\n", written)
    (tmp_path / "page.md").write_bytes(text.encode())
    status, output, _ = shell("$derivcheck check page.md")
    assert status == 1
    assert "--> page.md:4:9" in output


def test_a_line_of_a_hundred_thousand_characters(shell, tmp_path):
    line = f"{'word ' * 10_000}$x + 1 = x + 2$ {'word ' * 10_000}"
    (tmp_path / "page.md").write_text(f"$x \\in \\mathbb{{R}}$.\n\n{line}\n")
    status, output, _ = shell("$derivcheck check page.md")
    assert status == 1
    assert "--> page.md:3:50010" in output
    assert max(map(len, output.splitlines())) <= 100


def test_a_folder_named_like_a_page_and_a_page_named_twice(shell, folder):
    (folder / "sub.md").mkdir()
    status, output, _ = shell("$derivcheck check . proved.md ./proved.md refuted.md")
    assert status == 1
    assert output.splitlines()[-1] == "FAIL  2 pages  1 passed, 1 failed"


def test_latex_source(shell, tmp_path):
    (tmp_path / "notes.tex").write_text(
        "\\newcommand{\\R}{\\mathbb{R}} % $a = b$\n\\begin{document}\n\\section{One}\n"
        "A number $x \\in \\R$.\n\n    \\[ x + x = 3 x \\]\n\\end{document}\n"
    )
    status, output, _ = shell("$derivcheck check notes.tex")
    assert status == 1
    assert "--> notes.tex:6:16" in output
    assert output.count("error[") == 1


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run layernrom", "nearest: layernorm"),
        ("show layernrom", "nearest: layernorm"),
        ("run notes.md", "`derivcheck check notes.md` judges a page"),
        ("run zzzzzz", "`derivcheck list` shows the names"),
        ("train mlp", "nearest: mlp_elu"),
        ("explain refutd", "nearest: refuted"),
        ("list --tag lss", "there are: activation"),
        ("show he --as latex", "states no gradient"),
        ("check --strct proved.md", "--strict"),
    ],
)
def test_a_wrong_name_is_one_line_that_says_what_to_write(shell, folder, line, words):
    status, output, errors = shell(f"$derivcheck {line}")
    assert status == 2
    assert output == ""
    assert words in errors.splitlines()[-1]
    assert not (folder / "reports").exists()


# --- places that cannot be written -------------------------------------------------------------


def test_reports_are_refused_before_the_work(shell, folder):
    (folder / "file").write_text("")
    began = time.monotonic()
    for command in ("run --all", "train gan"):
        status, output, errors = shell(f"$derivcheck {command} --reports file/deeper")
        assert (status, output) == (2, "")
        assert "Not a directory" in errors.splitlines()[-1]
    assert time.monotonic() - began < 60
    assert {each.name for each in folder.iterdir()} == {"file", "proved.md", "refuted.md"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only(shell, folder):
    (folder / "reports").mkdir(mode=0o500)
    status, _, errors = shell("$derivcheck run tanh")
    assert status == 2
    assert "reports cannot be written" in errors


@pytest.mark.parametrize("place", ["/dev/null/cache", "proved.md"])
def test_a_cache_that_cannot_be_kept_changes_nothing(shell, folder, place):
    status, output, errors = shell("$derivcheck check proved.md", DERIVCHECK_CACHE=place)
    assert (status, errors) == (0, "")
    assert output.splitlines()[-1] == "PASS  proved.md  1 claim: 1 proved"
    assert (folder / "proved.md").read_text() == PROVED


def test_a_damaged_cache_is_no_answer(shell, folder, environment):
    assert shell("$derivcheck check refuted.md")[0] == 1
    (entry,) = Path(environment["DERIVCHECK_CACHE"]).iterdir()
    entry.write_bytes(entry.read_bytes()[:-40])
    assert shell("$derivcheck check refuted.md")[0] == 1


def test_two_runs_at_once_write_the_same_reports(shell, folder):
    status, _, _ = shell("$derivcheck run tanh relu >a & $derivcheck run tanh relu >b && wait")
    assert status == 0
    assert (folder / "a").read_text() == (folder / "b").read_text()
    names = {each.name for each in (folder / "reports").iterdir()}
    assert names == {"index.md", "tanh.md", "tanh.json", "relu.md", "relu.json"}


# --- interrupted, and what is missing ----------------------------------------------------------


def test_an_interrupted_run_leaves_neither_reports_nor_workers(folder, environment):
    command = [sys.executable, "-m", "derivcheck", "run", "--all", "--jobs", "2"]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        cache = Path(environment["DERIVCHECK_CACHE"])
        deadline = time.monotonic() + 120
        while not list(cache.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        # Both streams end only when no worker holds them.
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert output == b""
    assert errors == b"derivcheck: interrupted\n"
    assert not (folder / "reports").exists()
    assert all(not each.name.startswith(".") for each in cache.iterdir())


@pytest.mark.parametrize(
    ("missing", "line", "words"),
    [
        ("jax", "run tanh", "JAX is not installed; pip install jax"),
        ("matplotlib", "train gan", "matplotlib is not installed; pip install"),
        ("sklearn", "train mlp_elu", "scikit-learn is not installed; pip install"),
    ],
)
def test_a_missing_library_is_one_line(shell, folder, missing, line, words):
    # A finder before all others that knows of no such library.
    (folder / "sitecustomize.py").write_text(
        f"""
import importlib.util, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
there = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == {missing!r} else there(name, *more)
"""
    )
    status, output, errors = shell(f"$derivcheck {line}", PYTHONPATH=f"{folder}{os.pathsep}{ROOT}")
    assert (status, output) == (2, "")
    assert words in errors
    assert len(errors.splitlines()) == 1


# --- a terminal --------------------------------------------------------------------------------


def on_a_terminal(command: str, folder: Path, environment: dict[str, str], columns: int) -> str:
    """What a terminal of that width is sent."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "derivcheck", *command.split()],
        cwd=folder,
        env={**environment, "COLUMNS": str(columns), "TERM": "xterm"},
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    ):
        os.close(theirs)
        sent = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not part:
                break
            sent += part
    os.close(ours)
    return sent.decode()


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_narrow_terminals(folder, environment, columns):
    sent = on_a_terminal("check refuted.md", folder, {**environment, "NO_COLOR": "1"}, columns)
    assert "counterexample" in sent
    assert "\x1b[3" not in sent  # no colour; bold and dim are none
    assert "\x1b[1;3" not in sent
    coloured = on_a_terminal("check refuted.md", folder, environment, columns)
    assert "\x1b[1;31m" in coloured
    carets = [line for line in sent.splitlines() if "^^" in line]
    assert len(carets) == 1
