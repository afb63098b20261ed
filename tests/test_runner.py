"""Workers: the same outcomes whatever their number, and a page that ends one ends only itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from derivcheck import registry, runner, transcript
from derivcheck.budget import HARD_MEGABYTES
from derivcheck.cache import Cache
from derivcheck.checked import OUT_OF_BUDGET, Checked, Task
from derivcheck.checker import outcome
from derivcheck.source import Source
from derivcheck.terminal import Working, console
from derivcheck.verdict import Outcome, Verdict

ROOT = Path(__file__).parent.parent
TEXTS = {
    "proved": "$2 + 2 = 4$",
    "refuted": "A number $x \\in \\mathbb{R}$: $x + x = 3 x$",
    "empty-handed": "Nothing is claimed.",
    "unclosed": "$$\nx = x\n",
    "undecided": r"$x \in \mathbb{R}$ and $\log x^2 = 2 \log x$",
}
PAGES = [Source(f"notes/{name}.md", text) for name, text in TEXTS.items()]
TWICE = r"""
# Twice

A number $x \in \mathbb{{R}}$; output $y \in \mathbb{{R}}$, of which the cotangent is
$\bar{{y}} := \partial L / \partial y$.

$$
y = 2 x
$$

$$
\frac{{\partial L}}{{\partial x}} = 2 \bar{{y}}
$$

## Reference

```python
{code}

def forward(x):
    return 2 * x
```
"""
PROOFS = Task()
WITNESSED = Task(witnessed=True, trials=1)


def twice(code: str) -> Source:
    return Source("notes/twice.md", TWICE.format(code=code))


def judged(
    sources: list[Source], task: Task = PROOFS, *, jobs: int = 2, **options: Any
) -> list[Checked]:
    return runner.outcomes(sources, task, jobs=jobs, **options)


@pytest.mark.parametrize("jobs", [1, 2, 8])
def test_outcomes_do_not_depend_on_the_number_of_jobs(jobs: int) -> None:
    found = judged(PAGES, jobs=jobs)
    assert found == [outcome(source, Task()) for source in PAGES]
    assert [each.source.path for each in found] == [each.path for each in PAGES]


def test_a_registered_page_is_the_same_to_the_last_digit_in_any_worker() -> None:
    sources = [registry.source(name) for name in ("huber", "bias", "softmax", "bias", "huber")]
    apart = judged(sources, WITNESSED, jobs=3)
    after_another = judged(sources, WITNESSED, jobs=1)
    assert [transcript.dumps(each) for each in apart] == [
        transcript.dumps(each) for each in after_another
    ]


def test_nothing_to_do_starts_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", None)
    assert judged([]) == []


def test_what_is_cached_is_not_judged_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    first = judged(PAGES, cache=cache)
    assert not any(each.cached for each in first)
    monkeypatch.setattr(subprocess, "Popen", None)
    again = judged(PAGES, cache=cache)
    assert [replace(each, cached=False) for each in again] == first
    assert all(each.cached for each in again)


def test_what_a_used_page_says_is_part_of_the_key(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "outcomes")
    page = Source(str(tmp_path / "page.md"), "As in [other](other.md): $2 + 2 = 4$")
    (tmp_path / "other.md").write_text("$1 = 1$")
    judged([page], cache=cache)
    assert judged([page], cache=cache)[0].cached
    (tmp_path / "other.md").write_text("$2 = 2$")
    assert not judged([page], cache=cache)[0].cached


def test_a_page_that_changes_while_it_is_judged_is_not_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "outcomes")
    page = Source(str(tmp_path / "page.md"), "As in [other](other.md): $2 + 2 = 4$")

    def change(*_: object) -> None:
        (tmp_path / "other.md").write_text("$1 = 1$")

    judged([page], cache=cache, progress=change)
    assert not cache.directory.exists()


# --- what a page does to its worker -------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("import os; os.abort()", "was ended by SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("import os; os._exit(3)", "ended with status 3"),
    ],
)
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_that_ends_ends_its_page_and_not_the_run(
    code: str, message: str, jobs: int, tmp_path: Path
) -> None:
    sources = [registry.source("sgd"), twice(code), registry.source("bias"), twice("")]
    cache = Cache(tmp_path)
    first, lost, second, fine = judged(sources, WITNESSED, jobs=jobs, cache=cache)
    assert first.passed
    assert second.passed
    assert fine.passed, fine
    assert not lost.passed
    assert lost.verdict is None
    (diagnostic,) = lost.diagnostics
    assert diagnostic.code == OUT_OF_BUDGET
    assert message in diagnostic.message
    assert len(list(tmp_path.iterdir())) == 3  # what was lost is not kept


def test_a_worker_that_is_stuck_is_ended() -> None:
    sources = [twice("import time; time.sleep(600)"), PAGES[0]]
    lost, fine = judged(sources, WITNESSED, silent_seconds=15.0)
    assert "said nothing for 15 s" in lost.diagnostics[0].message
    assert fine.verdict is Verdict.PROVED


@pytest.mark.skipif(sys.platform != "linux", reason="macOS enforces no limit of memory")
def test_memory_is_refused_beyond_the_limit() -> None:
    """Also where the allocation is that of C code."""
    code = f"import numpy; numpy.ones({HARD_MEGABYTES} * 2**17)"
    (found,) = judged([twice(code)], WITNESSED)
    (evidence,) = found.evidence
    assert evidence.outcome is Outcome.INCONCLUSIVE
    assert "Unable to allocate" in evidence.note or "MemoryError" in evidence.note


def test_what_a_reference_prints_is_no_answer() -> None:
    (found,) = judged([twice("print('{}')")], WITNESSED)
    assert found.passed


# --- Ctrl-C and progress ------------------------------------------------------------------------


def children_of(process: int) -> list[int]:
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False
    )
    return [int(each) for each in found.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the children of a process")
def test_ctrl_c_ends_everything_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "derivcheck", "run", "--all", "--no-cache", "--jobs", "2"]
    with subprocess.Popen(
        [*command, "--reports", str(tmp_path / "reports")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        # A test run in the background has been told to ignore it, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        workers: list[int] = []
        while len(workers) < 2:
            workers = children_of(process.pid)
            assert process.poll() is None
        ends = [os.pidfd_open(worker) for worker in workers]
        os.killpg(process.pid, signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in errors
    assert errors.splitlines()[-1] == "derivcheck: interrupted"
    for end in ends:  # a worker that was just beginning is ended by the signal itself
        assert select.select([end], [], [], 10)[0]
        os.close(end)
    assert not (tmp_path / "reports").exists()


def test_progress_tells_what_is_going_on_and_what_is_done() -> None:
    told: list[tuple[str, str]] = []

    def progress(path: str, stage: str, done: int, total: int) -> None:
        assert 0 <= done <= total
        told.append((path, stage))

    judged(PAGES, progress=progress)
    assert ("notes/refuted.md", "judging") in told
    assert sorted(path for path, stage in told if not stage) == sorted(p.path for p in PAGES)


def test_progress_is_silent_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with Working(console(), 2) as working:
        working.progress("a.md", "judging", 0, 2)
        working.progress("a.md", "", 0, 0)
    assert capsys.readouterr().out == ""
