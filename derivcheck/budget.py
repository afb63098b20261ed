"""The backstop behind the counted budgets: a limit of time and memory on a stretch of work.

Budgets in rewriting steps are deterministic and decide in all but hostile cases; this one keeps a
page that slips through them from hanging the run. Time is that of the processor, so that a busy
machine decides no claim. It works on the main thread of a POSIX system, where a timer signal can
interrupt pure Python; elsewhere the counted budgets stand alone.
"""

from __future__ import annotations

import resource
import signal
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

CLAIM_SECONDS = 20.0
PAGE_SECONDS = 60.0
MEGABYTES = 4096
HARD_MEGABYTES = 2 * MEGABYTES
"""What the system itself refuses a worker: more than a claim may hold, since it counts what is only
reserved (the stacks of XLA's threads)."""

SILENT_SECONDS = 180.0
"""How long a worker may say nothing before it is taken for stuck where no signal reaches it."""

_TICK = 0.25
# Linux counts ru_maxrss in kibibytes, macOS in bytes.
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class BudgetExceeded(Exception):
    """A stretch of work took more time or memory than it is given."""


def _resident() -> int:
    """Bytes that the process holds now; where no system says so, the most that it ever held.

    The present size matters: one claim that was stopped for its memory must not stop all others.
    """
    try:
        pages = Path("/proc/self/statm").read_text("ascii").split()[1]
        return int(pages) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT


def limit_memory(megabytes: int = HARD_MEGABYTES) -> None:
    """Let allocations of this process fail beyond a size, also those of C code.

    They raise `MemoryError` there, or end the process; for a process that is a worker of another.
    macOS does not enforce it.
    """
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = megabytes * 2**20
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted, most))


@contextmanager
def limited(seconds: float, megabytes: int = MEGABYTES) -> Generator[None]:
    """Raise `BudgetExceeded` inside the block once its thread has computed so long, or the process
    is so large."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(
        signal, "setitimer"
    ):
        yield
        return
    deadline = time.thread_time() + seconds

    def tick(_signal: int, _frame: FrameType | None) -> None:
        if time.thread_time() > deadline:
            raise BudgetExceeded(f"more than {seconds:g} s")
        if _resident() > megabytes * 2**20:
            raise BudgetExceeded(f"more than {megabytes} MB of memory")

    previous = signal.signal(signal.SIGALRM, tick)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
