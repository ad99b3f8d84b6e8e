"""Processes: cases that are independent of each other, tried in several processes at a time.

The outcomes are the same however many there are. A case is one company that lives for years, so what it costs
to start a process and to send a case there is next to nothing.
"""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import util
from multiprocessing.synchronize import Event
from typing import TypeVar

C = TypeVar("C")
O = TypeVar("O")  # noqa: E741 - an outcome

Stopping = Callable[[], bool]

LISTEN_SECONDS = 0.2
"""How often somebody who waits for processes looks whether it should stop."""


class Interrupted(Exception):  # noqa: N818 - it is no error: somebody asked for it
    """A company was stopped between two months."""


def attempt_each(
    attempt: Callable[[C, Stopping], O],
    cases: Sequence[C],
    *,
    jobs: int,
    stopping: Stopping = lambda: False,
) -> Iterator[O]:
    """Attempt every case, in `jobs` processes at a time, and yield the outcomes as they come.

    `attempt` is a function of a module, and raises Interrupted where it is told to stop. Raises Interrupted
    where `stopping` says so, once every process has stopped.
    """
    if jobs == 1 or len(cases) == 1:
        for case in cases:
            yield attempt(case, stopping)
        return
    context = multiprocessing.get_context("spawn")  # forking a process with the threads of Polars hangs
    stop = context.Event()
    with (
        _threads_for(jobs),
        ProcessPoolExecutor(
            max(1, min(jobs, len(cases))), mp_context=context, initializer=_begin, initargs=(stop,)
        ) as pool,
    ):
        waiting = {pool.submit(_attempt_aside, attempt, case) for case in cases}
        try:
            while waiting:
                done, waiting = wait(waiting, timeout=LISTEN_SECONDS, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
                if stopping():
                    raise Interrupted
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_LAST = -100  # after the queues through which outcomes go

_stop: list[Event] = []
"""In a process of its own: the event by which it is asked to stop."""


def _begin(stop: Event) -> None:
    """Begin a process: Ctrl-C is heard by the one that started it, and it ends without taking engines apart.

    DuckDB's bindings complain on stderr of what Python still holds when the interpreter is torn down.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    util.Finalize(None, os._exit, args=(0,), exitpriority=_LAST)
    _stop.append(stop)


def _attempt_aside(attempt: Callable[[C, Stopping], O], case: C) -> O:
    return attempt(case, _stop[0].is_set)


@contextmanager
def _threads_for(jobs: int) -> Iterator[None]:
    """Share the cores among the processes that are started meanwhile, where nobody has decided on it."""
    name = "POLARS_MAX_THREADS"
    given = name in os.environ
    if not given:
        os.environ[name] = str(max(1, cores() // jobs))
    try:
        yield
    finally:
        if not given:
            del os.environ[name]
