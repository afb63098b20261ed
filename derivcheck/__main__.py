"""`python -m derivcheck` and the command `derivcheck`."""

from __future__ import annotations

import io
import os
import sys

from derivcheck.cli import app


def main() -> None:
    """Run the command line; a reader that goes away (`| head`) is no error."""
    for stream in (sys.stdout, sys.stderr):
        # σ must not stop the tool on a terminal that cannot print it.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="derivcheck")
    except BrokenPipeError:
        # Python flushes standard output once more at exit; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
