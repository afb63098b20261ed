"""The cache of outcomes: what its keys tell apart, what it trusts, how it stays small."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from judged_pages import SOUND, UNREAD

from derivcheck import cache, registry
from derivcheck.cache import Cache, key
from derivcheck.checked import OUT_OF_BUDGET, Checked, Judged, Task, Used
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.source import Source, Span
from derivcheck.verdict import Judgement, Verdict

ROOT = Path(__file__).parent.parent
PAGE = Source("notes/page.md", "$2 + 2 = 4$")
PRINTS_ONLY = {"rich", "typer", "Jinja2"}


@pytest.fixture
def kept(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "outcomes")


def entry(kept: Cache) -> Path:
    (path,) = kept.directory.iterdir()
    return path


# --- keys ---------------------------------------------------------------------------------------


def test_a_key_is_the_same_twice_and_in_another_folder() -> None:
    assert key(PAGE, Task()) == key(PAGE, Task())
    assert key(PAGE, Task()) == key(replace(PAGE, path="elsewhere/page.md"), Task())


@pytest.mark.parametrize(
    ("page", "task", "used"),
    [
        (replace(PAGE, text=PAGE.text + "\n"), Task(), ()),
        (replace(PAGE, path="notes/other.md"), Task(), ()),
        (PAGE, Task(seed=1), ()),
        (PAGE, Task(witnessed=True), ()),
        (PAGE, Task(trials=4), ()),
        (PAGE, Task(device="gpu"), ()),
        (PAGE, Task(dtype="float32"), ()),
        (PAGE, Task(), (PAGE,)),
        (PAGE, Task(), (replace(PAGE, text="$1 = 1$"),)),
    ],
    ids=["text", "name", "seed", "run", "trials", "device", "dtype", "a page used", "its text"],
)
def test_a_key_tells_apart_what_an_outcome_depends_on(
    page: Source, task: Task, used: tuple[Source, ...]
) -> None:
    others = {key(PAGE, Task()), key(PAGE, Task(), (replace(PAGE, text="$3 = 3$"),))}
    assert key(page, task, used) not in others


def test_parts_of_a_key_do_not_run_into_each_other() -> None:
    first = key(Source("a.md", "bc"), Task(), (Source("d.md", "e"),))
    assert first != key(Source("a.md", "b"), Task(), (Source("cd.md", "e"),))


def test_another_version_of_a_library_or_of_the_code_is_another_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def environment() -> str:
        cache.environment.cache_clear()
        return cache.environment()

    seen = {environment()}
    with monkeypatch.context() as patched:
        patched.setattr(cache, "version", lambda name: "99" if name == "jax" else "1")
        seen.add(environment())
        patched.setattr(cache, "version", lambda name: "98" if name == "jax" else "1")
        seen.add(environment())
    (tmp_path / "deep").mkdir()
    for text in ("x = 1\n", "x = 2\n"):
        (tmp_path / "deep" / "proof.py").write_text(text)
        with monkeypatch.context() as patched:
            patched.setattr(cache, "__file__", str(tmp_path / "cache.py"))
            seen.add(environment())
    assert len(seen) == 5
    assert environment() in seen


def test_every_dependency_is_in_the_key_or_only_prints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=~\[; ]", each)[0] for each in project["dependencies"]}
    assert names - PRINTS_ONLY <= {*cache.COMPUTES_WITH, *cache.READS_WITH}


# --- entries ------------------------------------------------------------------------------------


def test_an_outcome_is_found_again_and_says_where_it_comes_from(kept: Cache) -> None:
    name = key(SOUND.source, Task())
    assert kept.get(name, SOUND.source) is None
    kept.put(name, SOUND)
    found = kept.get(name, SOUND.source)
    assert found == replace(SOUND, cached=True)
    # What is printed of a copy in another folder names that folder.
    elsewhere = replace(SOUND.source, path="other/sound.md")
    found = kept.get(key(elsewhere, Task()), elsewhere)
    assert found is not None
    assert found.source.path == "other/sound.md"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"proved", b"agrees"),
        lambda data: data.replace(b'"seed":7', b'"seed":8'),
        lambda data: b"\xff" + data,
        lambda data: data.split(b"\n", 1)[1],
        lambda data: data + b" ",
    ],
    ids=["empty", "cut", "half", "verdict", "seed", "no UTF-8", "no heading", "longer"],
)
def test_a_damaged_entry_is_no_entry(kept: Cache, damage) -> None:
    name = key(SOUND.source, Task())
    kept.put(name, SOUND)
    path = entry(kept)
    spoiled = damage(path.read_bytes())
    assert spoiled != path.read_bytes()
    path.write_bytes(spoiled)
    assert kept.get(name, SOUND.source) is None
    kept.put(name, SOUND)
    assert kept.get(name, SOUND.source) is not None


def test_an_entry_under_the_name_of_another_page_is_not_trusted(kept: Cache) -> None:
    name, other = key(SOUND.source, Task()), key(PAGE, Task())
    kept.put(name, SOUND)
    path = entry(kept)
    path.rename(path.with_name(path.name.replace(name, other)))
    assert kept.get(other, PAGE) is None


def test_a_heading_of_the_right_form_does_not_make_a_transcript(kept: Cache) -> None:
    name = key(PAGE, Task())
    kept.directory.mkdir()
    kept._path(name).write_text(f"{cache._heading(name, '[]')}\n[]")
    assert kept.get(name, PAGE) is None


def out_of_budget() -> tuple[Checked, ...]:
    late = Judgement(Verdict.UNDECIDED, OUT_OF_BUDGET, "not decided: more than 20 s")
    first, second = SOUND.judged
    lost = Diagnostic(Severity.ERROR, OUT_OF_BUDGET, "not decided", Span(0, 0))
    return (
        replace(SOUND, judged=(first, Judged(second.item, late))),
        replace(UNREAD, diagnostics=(lost,)),
        replace(SOUND, uses=(Used("softmax", Verdict.UNDECIDED, False, complete=False),)),
    )


@pytest.mark.parametrize("checked", [*out_of_budget(), replace(SOUND, contradicted=True)])
def test_what_was_ended_or_contradicts_itself_is_not_kept(kept: Cache, checked: Checked) -> None:
    kept.put("name", checked)
    assert not kept.directory.exists() or not list(kept.directory.iterdir())


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Cache(tmp_path / "file" / "outcomes")
    kept.put("name", SOUND)
    kept.prune()
    assert kept.get("name", SOUND.source) is None


def test_an_interrupted_write_leaves_the_old_entry(
    kept: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.put("name", SOUND)
    before = entry(kept).read_bytes()

    def fail(*_: object) -> None:
        raise OSError("no space")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", fail)
        kept.put("name", replace(SOUND, seed=8))
    assert entry(kept).read_bytes() == before


def test_what_was_not_used_for_longest_goes_first(kept: Cache) -> None:
    for number in range(4):
        kept.put(f"name{number}", SOUND)
        os.utime(kept._path(f"name{number}"), (number, number))
    unfinished = kept.directory / ".name9.outcome.1"
    unfinished.write_text("half")
    os.utime(unfinished, (-10_000, -10_000))
    size = entry_size = kept._path("name0").stat().st_size
    assert kept.get("name0", SOUND.source) is not None  # using it makes it new
    small = replace(kept, megabytes=2.5 * entry_size / 2**20)
    small.prune()
    left = sorted(path.name.split(".")[0] for path in kept.directory.iterdir())
    assert left == ["name0", "name3"]
    assert size > 0


# --- where --------------------------------------------------------------------------------------


def test_the_folder_is_the_platforms_or_the_one_that_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(cache.FOLDER, str(tmp_path))
    assert cache.folder() == tmp_path
    monkeypatch.delenv(cache.FOLDER)
    monkeypatch.setattr(cache.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder() == tmp_path / "xdg" / "derivcheck"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.folder() == Path.home() / ".cache" / "derivcheck"
    monkeypatch.setattr(cache.sys, "platform", "darwin")
    assert cache.folder() == Path.home() / "Library" / "Caches" / "derivcheck"


def test_a_hit_loads_no_mathematics(tmp_path: Path) -> None:
    """And writes the bytes that a fresh run writes."""
    probe = (
        "import sys\nfrom derivcheck.cli import app\n"
        "try: app(['run', 'sgd', '--reports', sys.argv[1]])\n"
        "except SystemExit as done: assert not done.code\n"
        "print('loaded:', *sys.modules.keys() & {'jax', 'sympy', 'numpy', 'flint'})\n"
    )
    environment = {**os.environ, cache.FOLDER: str(tmp_path / "cache")}

    def run(folder: str) -> tuple[str, dict[str, bytes]]:
        reports = tmp_path / folder
        done = subprocess.run(
            [sys.executable, "-c", probe, str(reports)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=environment,
        )
        written = {path.name: path.read_bytes() for path in reports.iterdir()}
        return done.stdout.replace(folder, "FOLDER"), written

    fresh, cached = run("first"), run("second")
    assert list((tmp_path / "cache").iterdir())
    assert fresh == cached
    assert cached[0].splitlines()[-1] == "loaded:"
    assert registry.summary("sgd").title.encode() in cached[1]["sgd.md"]
