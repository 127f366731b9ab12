"""Rebuilds all spans, in one process or several, and says how far it is."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from audit.rebuilding import Job, Rebuilt, rebuild
from bookmill.errors import UnavailableError

__all__ = ["rebuild_all", "terminable"]

_LOOK_S = 0.2
_read: Any = None
"""In a child: the records all children have read, shared with the parent."""


def rebuild_all(jobs: Sequence[Job], *, processes: int, progress: Callable[[int], None]) -> list[Rebuilt]:
    """What each job gave; ``progress`` is told how many records were read since it was told before."""
    jobs = sorted(jobs, key=lambda job: -job.span.records)  # the longest must not be the last to begin
    if processes == 1 or len(jobs) == 1:
        _spare_the_collector()
        return [rebuild(job, progress) for job in jobs]
    context = multiprocessing.get_context("spawn")
    read = context.Value("q", 0)
    told = 0
    executor = ProcessPoolExecutor(
        min(processes, len(jobs)), mp_context=context, initializer=_begin, initargs=(read,)
    )
    try:
        waiting = {executor.submit(_in_child, job) for job in jobs}
        found = []
        while waiting:
            done, waiting = wait(waiting, _LOOK_S, FIRST_COMPLETED)
            found += [future.result() for future in done]
            now = read.value
            progress(now - told)
            told = now
    except BrokenProcessPool as error:
        raise UnavailableError(
            "A process that reads the raw log was killed.",
            hint="Is there memory for so many? Try fewer --processes.",
        ) from error
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        executor.shutdown(cancel_futures=True)
    return found


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends what is done here as Ctrl-C does: what has to be cleaned up is."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _begin(read: Any) -> None:
    global _read  # noqa: PLW0603  a pool gives its children no other place
    _read = read
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it, and ends its children
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _spare_the_collector()


def _end_with_parent() -> None:
    """A parent that is killed tells nobody; its children would wait for more work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _in_child(job: Job) -> Rebuilt:
    def progress(count: int) -> None:
        with _read.get_lock():
            _read.value += count

    return rebuild(job, progress)


def _spare_the_collector() -> None:
    """Books and events make no cycles; looking for some among them costs as it would cost a worker."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
