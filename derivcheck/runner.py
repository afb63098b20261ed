"""Pages judged by processes side by side; the outcomes in the order of the pages.

Always by worker processes, one job or many: what a page does to its process, the limit of memory
among it, then ends that page and not the run, and output does not depend on the number of jobs.
They are started afresh, not forked: JAX has threads. A worker that is silent for too long is ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from signal import Signals
from time import monotonic

from derivcheck import transcript
from derivcheck.budget import SILENT_SECONDS
from derivcheck.cache import Cache, key
from derivcheck.checked import OUT_OF_BUDGET, Checked, Task
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.links import linked
from derivcheck.source import Source, Span
from derivcheck.worker import Answer, Request, written

Progress = Callable[[str, str, int, int], None]
"""Called with (path, stage, done, total) as work proceeds; an empty stage ends a page."""

_TICK = 1.0
# The same modules as here are found there.
_START = """
import sys
sys.path[:] = sys.argv[1:]
from derivcheck.worker import main
main()
"""


def processors() -> int:
    """The processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def outcomes(
    sources: Sequence[Source],
    task: Task,
    *,
    jobs: int,
    cache: Cache | None = None,
    progress: Progress | None = None,
    silent_seconds: float = SILENT_SECONDS,
) -> list[Checked]:
    """What is asked of every page, done or taken from the cache, in the order of `sources`.

    A page whose worker ends or stays silent has an outcome that says so. `KeyboardInterrupt` leaves
    no worker behind.
    """
    keys = [_key(source, task) for source in sources] if cache else []
    found = [
        cache.get(name, source) if cache else None
        for name, source in zip(keys or [""] * len(sources), sources, strict=True)
    ]
    waiting = [place for place, outcome in enumerate(found) if outcome is None]
    if progress is not None:
        for source, outcome in zip(sources, found, strict=True):
            if outcome is not None:
                progress(source.path, "", 0, 0)
    with _Pool(min(jobs, len(waiting)), silent_seconds) as pool:
        for place, outcome in pool.judged(waiting, sources, task, progress):
            found[place] = outcome
            # A page that has changed meanwhile was perhaps judged as it is now.
            if cache and keys[place] == _key(sources[place], task):
                cache.put(keys[place], outcome)
    if cache and waiting:
        cache.prune()
    return [outcome for outcome in found if outcome is not None]


def _key(source: Source, task: Task) -> str:
    return key(source, task, linked(source))


@dataclass(eq=False)
class _Worker:
    """A worker and the page it is at, `heard` when it was given or last said something."""

    process: subprocess.Popen[str]
    place: int | None = None
    heard: float = field(default_factory=monotonic)
    stuck: bool = False


class _Pool:
    """At most `size` workers; none is left when the block is."""

    def __init__(self, size: int, silent_seconds: float) -> None:
        self._size = size
        self._silent_seconds = silent_seconds
        self._workers: set[_Worker] = set()
        self._lines: SimpleQueue[tuple[_Worker, str]] = SimpleQueue()

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.wait()

    def judged(
        self,
        places: Sequence[int],
        sources: Sequence[Source],
        task: Task,
        progress: Progress | None,
    ) -> Iterator[tuple[int, Checked]]:
        """The outcomes of the sources at these places, as they come."""
        waiting = deque(places)
        for _ in range(self._size):
            self._give(self._started(), waiting, sources, task)
        while any(worker.place is not None for worker in self._workers):
            self._end_stuck()
            try:
                worker, line = self._lines.get(timeout=_TICK)
            except Empty:
                continue
            worker.heard = monotonic()
            place = worker.place
            if place is None:
                continue
            source = sources[place]
            answer = transcript.built(Answer, json.loads(line)) if line else None
            if answer is not None and not answer.transcript:
                if progress is not None:
                    progress(source.path, answer.stage, answer.done, answer.total)
                continue
            if progress is not None:
                progress(source.path, "", 0, 0)
            if answer is None:
                yield place, self._lost(worker, source, task)
                worker = self._started() if waiting else None
            else:
                yield place, transcript.loads(answer.transcript, source)
            if worker is not None:
                self._give(worker, waiting, sources, task)

    def _started(self) -> _Worker:
        # Its messages about a page are ours; what libraries print goes where ours would.
        process = subprocess.Popen(
            [sys.executable, "-c", _START, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="ascii",
            # Ctrl-C is for this process alone, which then ends the others.
            process_group=0,
        )
        worker = _Worker(process)
        self._workers.add(worker)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()
        return worker

    def _listen(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            self._lines.put((worker, line))
        self._lines.put((worker, ""))

    def _give(
        self, worker: _Worker, waiting: deque[int], sources: Sequence[Source], task: Task
    ) -> None:
        worker.place = waiting.popleft() if waiting else None
        if worker.place is None:
            return
        source = sources[worker.place]
        worker.heard = monotonic()
        assert worker.process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and the end of its output says so
            worker.process.stdin.write(written(Request(source.path, source.text, task)))
            worker.process.stdin.flush()

    def _end_stuck(self) -> None:
        for worker in self._workers:
            silent = monotonic() - worker.heard
            if worker.place is not None and silent > self._silent_seconds and not worker.stuck:
                worker.stuck = True
                worker.process.kill()

    def _lost(self, worker: _Worker, source: Source, task: Task) -> Checked:
        """The outcome of a page whose worker has ended."""
        worker.place = None
        self._workers.remove(worker)
        status = worker.process.wait()
        help = "split the page, or look at the claim that takes so much"
        if worker.stuck:
            what = f"said nothing for {self._silent_seconds:g} s and was ended"
        elif status < 0:
            what = f"was ended by {_signal(-status)}"
        else:
            what = f"ended with status {status}"
            help = "if it has printed a traceback, that is a defect of derivcheck: please report it"
        message = f"not decided: the process that judged this page {what}"
        diagnostic = Diagnostic(Severity.ERROR, OUT_OF_BUDGET, message, Span(0, 0), help=help)
        return Checked(source, (), (diagnostic,), None, task.seed, strict=True)


def _signal(number: int) -> str:
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
