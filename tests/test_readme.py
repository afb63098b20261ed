"""README is true: its page is the page on disk, its console shows what is printed, its code runs.

`python tests/test_readme.py` rewrites the console blocks after an intended change.
"""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
_CONSOLE = re.compile(r"```console\n\$ derivcheck (?P<arguments>.+)\n(?:.*\n)*?```\n")
_MARKDOWN = re.compile(r"```markdown\n(.*?)```\n", re.DOTALL)
_PYTHON = re.compile(r"```python\n(.*?)```\n", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")


def replayed(readme: str) -> str:
    """README with the output of every console block as it is printed now."""

    def again(block: re.Match[str]) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "derivcheck", *shlex.split(block["arguments"])],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
        )
        output = "\n".join(line.rstrip() for line in done.stdout.splitlines())
        return f"```console\n$ derivcheck {block['arguments']}\n{output}\n```\n"

    return _CONSOLE.sub(again, readme)


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


def test_console_blocks_show_what_is_printed(readme):
    assert "error[refuted]" in readme
    assert replayed(readme) == readme


def test_the_page_shown_is_the_page_judged(readme):
    page = (ROOT / "tests/corpus/readme/softmax.md").read_text(encoding="utf-8")
    (shown,) = _MARKDOWN.findall(readme)
    assert page.endswith(shown)


def test_python_runs(readme):
    blocks = _PYTHON.findall(readme)
    assert blocks
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], capture_output=True, text=True, check=False, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr


def test_links_lead_somewhere(readme):
    links = _LINK.findall(readme)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_two_commands_stand_as_the_pipeline_reads_them(readme):
    block = re.search(r"```sh\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    assert block[1].splitlines() == [
        "pip install . && derivcheck run layernorm",
        "pip install '.[test]' && pytest",
    ]


def test_readme_names_the_distribution(readme):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["name"] in readme
    assert list(project["scripts"]) == ["derivcheck"]


if __name__ == "__main__":
    README.write_text(replayed(README.read_text(encoding="utf-8")), encoding="utf-8")
