"""`python -m derivcheck` and the command `derivcheck`."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import BinaryIO, NoReturn, TextIO, cast

from derivcheck.cli import USAGE, app

READER_GONE = 141
"""The exit status of a command that SIGPIPE ends, as shells report it."""


class _Output(io.TextIOWrapper):
    """Standard output or error: the command ends where nothing more can be written to it.

    Rich and Typer would each end it in a way of its own, with the status of a refuted claim.
    """

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._end(error)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._end(error)

    def _end(self, error: OSError) -> NoReturn:
        # Python flushes once more at exit; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(READER_GONE)
        which = "standard output" if self is sys.stdout else "standard error"
        print(f"derivcheck: {which} cannot be written: {error.strerror}", file=sys.stderr)
        sys.exit(USAGE)


def _output(stream: TextIO | None) -> TextIO:
    if stream is None:  # closed from the start: `>&-`
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    lines, at_once = stream.line_buffering, stream.write_through
    # σ must not stop the tool on a terminal that cannot print it.
    encoding, buffer = stream.encoding, cast("BinaryIO", stream.detach())
    return _Output(buffer, encoding, "replace", None, lines, at_once)


def main() -> None:
    """Run the command line; a reader that goes away (`| head`) ends it without a word."""
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] -- closed: `<&-`
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 -- as long as we run
    sys.stdout, sys.stderr = _output(sys.stdout), _output(sys.stderr)
    app(prog_name="derivcheck")


if __name__ == "__main__":
    main()
