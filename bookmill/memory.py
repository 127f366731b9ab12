"""What a part that runs for long does with memory: one heap, garbage looked for seldom, and what is not needed given back."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["kept_small", "one_heap"]

_EVERY_S = 30.0
_library = ctypes.CDLL(None) if sys.platform == "linux" else None
_trim = getattr(_library, "malloc_trim", None)
_set = getattr(_library, "mallopt", None)
"""Of the GNU C library, which keeps what was freed for later; others have none."""
_ARENA_MAX, _MMAP_THRESHOLD, _TRIM_THRESHOLD = -8, -3, -1
"""Its numbers of what can be set (``malloc.h``)."""
_LARGE_BYTES = 128 * 1024
_FREE_BYTES = 4 * 1024 * 1024
"""So much may be free at the end of the heap before it goes back at once, not with the next look (by itself the library would say 128 KiB
where the other limit is set, and give and take all the time)."""


def one_heap() -> None:
    """Let all threads that are still to come share one heap; what is large has memory of its own, which goes back when it is freed.

    The library would make eight heaps a processor, and put larger and larger blocks into them. An outage fills them all, and a few
    bytes that stay keep the pages around them: parts grew with each outage by what no single one needed.
    """
    if _trim is not None and _set is not None:
        _set(_ARENA_MAX, 1)
        _set(_MMAP_THRESHOLD, _LARGE_BYTES)
        _set(_TRIM_THRESHOLD, _FREE_BYTES)


@contextmanager
def kept_small(after: int, *, every_s: float = _EVERY_S) -> Iterator[None]:
    """While this lasts circles are looked for once there are ``after`` new objects more, and among the objects there are now never.

    Records and events come and go by the thousand and make no circles: looking for some is lost time. Errors do. One that a library
    keeps in a variable of the function it went through holds all that this function and its callers had in hand: in a sink, the rows
    of every insert that failed. So all that is new is looked through once in ``every_s``, in a thread, and what is free is given back
    to the system.
    """
    thresholds, stopping = gc.get_threshold(), threading.Event()
    gc.collect()
    gc.freeze()
    gc.set_threshold(after, 20, 100)
    thread = threading.Thread(target=_give_back, args=(stopping, every_s), name="memory", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
        gc.set_threshold(*thresholds)
        gc.unfreeze()


def _give_back(stopping: threading.Event, every_s: float) -> None:
    while not stopping.wait(every_s):
        gc.collect()
        if _trim is not None:
            _trim(0)
