"""The command line: thin, and light until there is work to do.

Each command imports the rooms it needs when it is called, so that `--help` and `list` load neither
SymPy nor JAX. What people read goes to standard output; progress and usage errors go to standard
error.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from shutil import get_terminal_size
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from derivcheck import device as devices
from derivcheck import registry

if TYPE_CHECKING:
    from derivcheck.checker import Checked
    from derivcheck.source import Source

    Progress = Callable[[str, int, int], None]

USAGE = 2

app = typer.Typer(
    name="derivcheck",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: half of the start-up, and the same in a pipe
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Doctest for gradients: judge every equality of a derivation in Markdown and LaTeX.",
    epilog="Exit status: 0 passed; 1 refuted or ill-formed; 2 usage; 3 unreadable, nothing judged, "
    "or under --strict something undecided; 70 derivcheck contradicts itself.",
)


class Device(StrEnum):
    CPU = "cpu"
    GPU = "gpu"


class Dtype(StrEnum):
    FLOAT64 = "float64"
    FLOAT32 = "float32"


class Form(StrEnum):
    TEXT = "text"
    LATEX = "latex"
    SYMPY = "sympy"
    NUMPY = "numpy"
    JAX = "jax"


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def _usage_error(message: str) -> typer.Exit:
    typer.echo(f"derivcheck: {message}", err=True)
    return typer.Exit(USAGE)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError
        from importlib.metadata import version as distribution_version

        try:
            number = distribution_version("derivcheck-notes")
        except PackageNotFoundError:
            number = "(a checkout that is not installed)"
        typer.echo(f"derivcheck {number}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


@app.command("run")
def run_command(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME…", help="Registered derivations.")
    ] = None,
    all_names: Annotated[bool, typer.Option("--all", help="Every registered derivation.")] = False,
    trials: Annotated[int, typer.Option(min=1, help="Tuples of extents to try.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    device: Annotated[Device, typer.Option(help="Where JAX computes.")] = Device.CPU,
    dtype: Annotated[Dtype, typer.Option(help="Precision of the trials.")] = Dtype.FLOAT64,
    reports: Annotated[
        Path, typer.Option(metavar="DIR", help="Where reports are written.", file_okay=False)
    ] = Path("reports"),
) -> None:
    """Judge registered derivations and write reports.

    Closed forms are also held against numerical witnesses: autodiff, finite differences, balls.
    """
    if bool(names) == all_names:
        typer.echo(context.get_help(), err=True)
        raise _usage_error("run needs the name of a derivation, or --all")
    wanted = registry.names() if all_names else tuple(dict.fromkeys(names or ()))
    try:
        for name in wanted:
            registry.path(name)
        devices.claim(device.value)
    except (registry.UnknownName, devices.NoGpu) as error:
        raise _usage_error(str(error)) from None

    from derivcheck import checker, report, terminal

    def judge(source: Source, progress: Progress) -> Checked:
        return checker.run_derivation(
            source,
            trials=trials,
            seed=seed,
            device=device.value,
            dtype=dtype.value,
            progress=progress,
        )

    results = _judge_all([partial(registry.source, name) for name in wanted], judge)
    out = terminal.console()
    terminal.show(out, results)
    try:
        written = report.write_reports(results, reports)
    except OSError as error:
        raise _usage_error(f"reports cannot be written: {error}") from None
    out.print(f"reports: {written[-1]}", soft_wrap=True)
    raise typer.Exit(checker.exit_status(results, strict=True))


@app.command("list")
def list_command(
    tag: Annotated[
        str | None, typer.Option(metavar="TAG", help="Only the derivations with this tag.")
    ] = None,
) -> None:
    """List the registered derivations, grouped by tag.

    On a terminal lines are cut to its width.
    """
    from derivcheck import listing

    summaries = [registry.summary(name) for name in registry.names()]
    chosen = [each for each in summaries if tag is None or tag in each.tags]
    if not chosen:
        known = sorted({known for each in summaries for known in each.tags})
        raise _usage_error(f"no derivation has the tag {tag!r}; there are: {', '.join(known)}")
    plain = not sys.stdout.isatty()
    width = None if plain else get_terminal_size().columns
    for line, heading in listing.lines(chosen, width):
        bold = heading and not plain and "NO_COLOR" not in os.environ
        typer.echo(typer.style(line, bold=True) if bold else line)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A registered derivation.")],
    form: Annotated[Form, typer.Option("--as", help="The form to print.")] = Form.TEXT,
) -> None:
    """Print shapes, forward pass and closed forms, or the code made from them.

    Only what was judged is printed: a derivation that does not pass shows its diagnostics instead.
    """
    try:
        registry.path(name)
    except registry.UnknownName as error:
        raise _usage_error(str(error)) from None
    devices.claim("cpu")

    from derivcheck import checker, showing, terminal
    from derivcheck.lowering import LoweringError

    (result,) = _judge_all(
        [partial(registry.source, name)],
        lambda source, progress: checker.check_source(source, strict=True, progress=progress),
    )
    if result.derivation is None or not result.passed:
        terminal.show(terminal.console(stderr=True), [result], trees=False)
        raise typer.Exit(checker.exit_status([result], strict=True))
    if form is Form.TEXT:
        terminal.show_sheet(terminal.console(), showing.sheet(result.derivation))
        return
    try:
        typer.echo(showing.closed_forms(result.derivation, form.value), nl=False)
    except LoweringError as error:
        raise _usage_error(f"{name} has no form as {form.value}: {error}") from None


@app.command("check")
def check_command(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH…", help="Pages, folders of *.md, or - for standard input."),
    ],
    output: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.TEXT,
    strict: Annotated[
        bool, typer.Option("--strict", help="Undecided or unsupported is a failure.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the search for points.")] = 0,
) -> None:
    """Judge every equality of pages.

    No code in them is run.
    """
    devices.claim("cpu")

    from derivcheck import checker, outcome_json, terminal, workflow
    from derivcheck.document import load_source

    pages: list[Callable[[], Source]] = []
    for path in paths:
        found = _pages_of(path)
        if not found:
            raise _usage_error(f"no *.md page in the folder {path}")
        pages.extend(
            _standard_input if each == Path("-") else partial(load_source, each) for each in found
        )

    results = _judge_all(
        pages,
        lambda source, progress: checker.check_source(
            source, seed=seed, strict=strict, progress=progress
        ),
    )
    match output:
        case Format.TEXT:
            terminal.show(terminal.console(), results)
        case Format.JSON:
            typer.echo(outcome_json.dumps(results), nl=False)
        case Format.GITHUB:
            typer.echo(workflow.commands(results), nl=False)
    raise typer.Exit(checker.exit_status(results, strict=strict))


@app.command("explain")
def explain_command(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="A code, as in error[CODE].")
    ] = None,
) -> None:
    """Explain a code such as refuted; alone, list them.

    Each page has an example and its repair.
    """
    from derivcheck import explanations

    if code is None:
        width = max(map(len, explanations.CODES))
        for each, summary in explanations.CODES.items():
            typer.echo(f"{each:<{width}}  {summary}")
        return
    try:
        explanation = explanations.explain(code)
    except explanations.UnknownCode as error:
        raise _usage_error(str(error)) from None

    from derivcheck import terminal

    terminal.print_page(terminal.console(), explanation.text)


def _judge_all(
    pages: Sequence[Callable[[], Source]],
    judge: Callable[[Source, Progress], Checked],
    *,
    seed: int = 0,
) -> list[Checked]:
    """Judge every page; one that cannot be read is a result too and does not stop the others."""
    from derivcheck import terminal
    from derivcheck.checker import Checked
    from derivcheck.diagnostic import DocumentError

    results: list[Checked] = []
    with terminal.Working(terminal.console(stderr=True), len(pages)) as working:
        for load in pages:
            try:
                source = load()
                results.append(judge(source, working.of(source.path)))
            except DocumentError as error:
                # `strict`: whatever was asked for, an unread page passes no gate.
                unread = Checked(
                    error.source, None, (), (error.diagnostic,), None, seed, strict=True
                )
                results.append(unread)
    return results


def _standard_input() -> Source:
    """Standard input as a page, read by way of a file, so that its faults are those of any page."""
    from derivcheck.diagnostic import DocumentError
    from derivcheck.document import load_source

    with TemporaryDirectory() as folder:
        page = Path(folder, "page.md")
        page.write_bytes(sys.stdin.buffer.read())
        try:
            return replace(load_source(page), path="<stdin>")
        except DocumentError as error:
            source = replace(error.source, path="<stdin>")
            raise DocumentError(source, error.diagnostic) from None


def _pages_of(path: Path) -> Sequence[Path]:
    """The path itself, or the pages under a folder, hidden folders left out."""
    if not path.is_dir():
        return (path,)
    return sorted(
        page
        for page in path.rglob("*.md")
        if not any(part.startswith(".") for part in page.relative_to(path).parts)
    )
