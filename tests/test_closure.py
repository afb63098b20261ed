"""Commands, their help and README are closed under each other."""

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from derivcheck.checked import CONTRADICTED, FOUND_WRONG, NOT_JUDGED
from derivcheck.cli import USAGE, app
from derivcheck.verdict import Verdict

README = Path(__file__).parent.parent / "README.md"
COMMANDS = sorted(get_command(app).commands)


@pytest.fixture(scope="module")
def readme() -> str:
    return README.read_text(encoding="utf-8")


def options_of(command: str) -> set[str]:
    return {
        option
        for parameter in get_command(app).commands[command].params
        for option in parameter.opts
        if option.startswith("--")
    }


def test_commands_are_those_of_the_specification():
    assert COMMANDS == ["check", "explain", "list", "run", "show", "train"]
    assert options_of("run") == {
        *("--all", "--trials", "--seed", "--device", "--dtype", "--reports"),
        *("--jobs", "--no-cache"),
    }
    assert options_of("check") == {"--format", "--strict", "--seed", "--jobs", "--no-cache"}
    assert options_of("train") == {
        *("--list", "--backend", "--data", "--steps", "--seed", "--device", "--dtype"),
        *("--against", "--resume", "--checkpoint", "--drop-incomplete", "--reports"),
    }
    assert options_of("show") == {"--as"}
    assert options_of("list") == {"--tag"}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_the_command_and_every_option(command):
    text = CliRunner().invoke(app, [command, "--help"]).stdout
    assert options_of(command) <= set(re.findall(r"--[a-z-]+", text))
    assert all(parameter.help for parameter in get_command(app).commands[command].params)


@pytest.mark.parametrize("command", COMMANDS)
def test_readme_has_a_row_for_every_command(command, readme):
    assert re.search(rf"^\| `derivcheck {command}\b", readme, re.MULTILINE)


def test_readme_names_only_commands_and_options_that_exist(readme):
    used = re.findall(r"derivcheck (?!is\b)([a-z]+)((?: [^\s`|]+)*)", readme)
    known = set(COMMANDS)
    named = [(command, rest) for command, rest in used if command in known or "--" in rest]
    assert len(named) > 8
    for command, rest in named:
        assert command in known
        assert set(re.findall(r"--[a-z-]+", rest)) <= options_of(command)


@pytest.mark.parametrize("verdict", Verdict)
def test_readme_explains_every_verdict(verdict, readme):
    assert re.search(rf"^\| `{verdict.value}` \| \w", readme, re.MULTILINE)


@pytest.mark.parametrize("status", [0, FOUND_WRONG, USAGE, NOT_JUDGED, CONTRADICTED])
def test_every_exit_status_is_in_readme_and_help(status, readme):
    assert re.search(rf"^\| {status} \|", readme, re.MULTILINE)
    assert re.search(rf"\b{status} [a-z]", CliRunner().invoke(app, ["--help"]).stdout)
