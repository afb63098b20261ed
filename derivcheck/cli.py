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
from typing import TYPE_CHECKING, Annotated

import typer

from derivcheck import device as devices
from derivcheck import registry, whole_files

if TYPE_CHECKING:
    from derivcheck.checked import Checked, Task
    from derivcheck.source import Source

USAGE = 2
INTERRUPTED = 130

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


class TrainingDtype(StrEnum):
    FLOAT64 = "float64"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class Backend(StrEnum):
    NUMPY = "numpy"
    JAX = "jax"


class Gradients(StrEnum):
    AUTODIFF = "autodiff"


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


Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Pages at a time; default: processors.")
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Judge unchanged pages too; keep no outcome.")
]


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
    jobs: Jobs = None,
    no_cache: NoCache = False,
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
        whole_files.expect_room(reports)
    except (registry.UnknownName, devices.Unavailable) as error:
        raise _usage_error(str(error)) from None
    except OSError as error:
        raise _usage_error(f"reports cannot be written: {error}") from None

    from derivcheck import report, terminal
    from derivcheck.checked import Task, exit_status

    task = Task(seed, True, trials, device.value, dtype.value)
    sources = [partial(registry.source, name) for name in wanted]
    results = _judge_all(sources, task, jobs=jobs, cached=not no_cache)
    out = terminal.console()
    terminal.show(out, results)
    try:
        written = report.write_reports(results, reports)
    except OSError as error:
        raise _usage_error(f"reports cannot be written: {error}") from None
    out.print(f"reports: {written[-1]}", soft_wrap=True)
    raise typer.Exit(exit_status(results, strict=True))


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
    devices.claim("cpu", needed=False)

    from derivcheck import showing, terminal
    from derivcheck.checked import Task, exit_status
    from derivcheck.checker import read_derivation
    from derivcheck.lowering import LoweringError

    load = partial(registry.source, name)
    (result,) = _judge_all([load], Task(), strict=True)
    if not result.passed:
        terminal.show(terminal.console(stderr=True), [result], trees=False)
        raise typer.Exit(exit_status([result], strict=True))
    derivation = read_derivation(result.source)
    if form in (Form.LATEX, Form.SYMPY) and not derivation.gradients:
        raise _usage_error(f"{name} states no gradient; without --as its forward pass is shown")
    if form is Form.TEXT:
        terminal.show_sheet(terminal.console(), showing.sheet(derivation))
        return
    try:
        typer.echo(showing.closed_forms(derivation, form.value), nl=False)
    except LoweringError as error:
        raise _usage_error(f"{name} has no form as {form.value}: {error}") from None


@app.command("train")
def train_command(
    context: typer.Context,
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="What to train.")] = None,
    models: Annotated[bool, typer.Option("--list", help="List the models.")] = False,
    backend: Annotated[Backend, typer.Option(help="What computes.")] = Backend.JAX,
    data: Annotated[
        str | None, typer.Option(metavar="NAME|PATH", help="Other data than the model's own.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the whole run.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of every random choice.")] = 0,
    device: Annotated[Device, typer.Option(help="Where JAX computes.")] = Device.CPU,
    dtype: Annotated[
        TrainingDtype, typer.Option(help="Precision of the run; bfloat16 is for JAX alone.")
    ] = TrainingDtype.FLOAT32,
    against: Annotated[
        Gradients | None, typer.Option(help="Take every step with these too, and compare.")
    ] = None,
    drop_incomplete: Annotated[
        bool, typer.Option("--drop-incomplete", help="Leave out rows with a missing value.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint.")] = False,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="By default checkpoints/MODEL.npz.", dir_okay=False),
    ] = None,
    reports: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the report is written.", file_okay=False)
    ] = Path("reports"),
) -> None:
    """Train a model whose every gradient comes from the registry.

    Forward passes and pullbacks are the generated code of registered pages, composed; JAX
    differentiates nothing.
    """
    if not models and model is None:
        typer.echo(context.get_help(), err=True)
        raise _usage_error("train needs the name of a model, or --list")
    if model is None or models:
        devices.claim("cpu", needed=False)
        from derivcheck.training.models import listing

        typer.echo(listing(), nl=False)
        return
    try:
        devices.claim(device.value)
    except devices.Unavailable as error:
        raise _usage_error(str(error)) from None

    from derivcheck import terminal
    from derivcheck.training import command

    request = command.Request(
        model,
        backend.value,
        data,
        steps,
        seed,
        dtype.value,
        resume,
        drop_incomplete,
        checkpoint,
        against is not None,
        reports,
    )
    try:
        status = command.train(request, terminal.console(), terminal.console(stderr=True))
    except command.Unusable as error:
        raise _usage_error(str(error)) from None
    raise typer.Exit(status)


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
    jobs: Jobs = None,
    no_cache: NoCache = False,
) -> None:
    """Judge every equality of pages.

    No code in them is run.
    """
    devices.claim("cpu", needed=False)

    from derivcheck import outcome_json, terminal, workflow
    from derivcheck.checked import Task, exit_status
    from derivcheck.pages import loaded, pages_of

    named: list[Path] = []
    for path in paths:
        found = pages_of(path)
        if not found:
            raise _usage_error(f"no *.md page in the folder {path}")
        named.extend(found)
    pages = [partial(loaded, each) for each in dict.fromkeys(named)]

    results = _judge_all(pages, Task(seed), jobs=jobs, cached=not no_cache, strict=strict)
    match output:
        case Format.TEXT:
            terminal.show(terminal.console(), results)
        case Format.JSON:
            typer.echo(outcome_json.dumps(results), nl=False)
        case Format.GITHUB:
            typer.echo(workflow.commands(results), nl=False)
    raise typer.Exit(exit_status(results, strict=strict))


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
    task: Task,
    *,
    jobs: int | None = None,
    cached: bool = True,
    strict: bool = False,
) -> list[Checked]:
    """Judge every page; one that cannot be read is a result too and does not stop the others."""
    from derivcheck import runner, terminal
    from derivcheck.cache import Cache, folder
    from derivcheck.checked import Checked, unread
    from derivcheck.diagnostic import DocumentError

    loaded: list[Source | Checked] = []
    for load in pages:
        try:
            loaded.append(load())
        except DocumentError as error:
            loaded.append(unread(error, task.seed))
    sources = [each for each in loaded if not isinstance(each, Checked)]
    # What a card does is witnessed anew: the key of an outcome does not know which card it was.
    cache = Cache(folder()) if cached and task.device == "cpu" else None
    try:
        with terminal.Working(terminal.console(stderr=True), len(sources)) as working:
            judged = runner.outcomes(
                sources,
                task,
                jobs=jobs or runner.processors(),
                cache=cache,
                progress=working.progress,
            )
    except KeyboardInterrupt:
        typer.echo("derivcheck: interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None
    results = iter(judged)
    return [
        each
        if isinstance(each, Checked)
        else replace(result := next(results), strict=result.strict or strict)
        for each in loaded
    ]
