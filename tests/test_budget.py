"""The backstop: a stretch of work that takes too long or too much is interrupted."""

from __future__ import annotations

import signal
import threading
from itertools import count

import pytest

from derivcheck.budget import BudgetExceeded, limited


def test_endless_work_is_interrupted() -> None:
    with pytest.raises(BudgetExceeded, match=r"more than 0\.3 s"), limited(0.3):
        for _ in count():
            pass


def test_too_much_memory_is_noticed() -> None:
    with pytest.raises(BudgetExceeded, match="1 MB of memory"), limited(60, megabytes=1):
        for _ in count():
            pass


def test_the_timer_ends_with_the_block() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with limited(60):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_another_thread_works_without_a_timer() -> None:
    seen: list[float] = []

    def work() -> None:
        with limited(60):
            seen.append(signal.getitimer(signal.ITIMER_REAL)[0])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0.0]
