"""A process that judges pages for another: requests on its standard input, answers on its output.

Both are lines of JSON, see `Request` and `Answer`. Whatever a page makes this process do (use up
its memory, end in C code), the run goes on without it: `runner` starts another. What a Reference
block prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from typing import IO

from derivcheck import transcript
from derivcheck.checked import Task
from derivcheck.source import Source


@dataclass(frozen=True)
class Request:
    """One page, and what is asked of it."""

    path: str
    text: str
    task: Task


@dataclass(frozen=True)
class Answer:
    """How far a page is, or, once, its transcript."""

    stage: str = ""
    done: int = 0
    total: int = 0
    transcript: str = ""


def written(message: Request | Answer) -> str:
    """A message as one line, ASCII alone: no encoding of a stream can spoil it."""
    return json.dumps(transcript.plain(message)) + "\n"


def main() -> None:
    """Judge what is asked for until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    # What comes now takes longest; the process that waits has said all by then.
    from derivcheck.budget import limit_memory
    from derivcheck.checker import outcome

    for line in sys.stdin:
        request = transcript.built(Request, json.loads(line))
        if request.task.device == "cpu":  # CUDA reserves more than any machine has
            limit_memory()

        def progress(stage: str, done: int, total: int) -> None:
            _say(answers, Answer(stage, done, total))

        checked = outcome(Source(request.path, request.text), request.task, progress)
        _say(answers, Answer(transcript=transcript.dumps(checked)))


def _say(stream: IO[str], answer: Answer) -> None:
    stream.write(written(answer))
    stream.flush()
