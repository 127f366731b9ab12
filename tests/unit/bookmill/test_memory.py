"""What a part that runs for long holds: errors that libraries leave in circles do not keep what was in hand."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import textwrap
import time
import weakref

import pytest

from bookmill.memory import kept_small


class _Rows:
    """What an insert had in hand."""


def _fail() -> weakref.ref[_Rows]:
    rows = _Rows()
    try:
        int("refused")
    except ValueError as error:
        _last = error  # as urllib3 does: the error holds this function, which holds the error
    return weakref.ref(rows)


def test_what_a_failure_had_in_hand_is_let_go() -> None:
    before = gc.get_threshold()
    with kept_small(10**6, every_s=0.05):
        assert gc.get_threshold()[0] == 10**6
        held = _fail()
        assert held() is not None, "nothing looks for circles at once"
        until_s = time.monotonic() + 10
        while held() is not None:
            assert time.monotonic() < until_s, "nothing looks for circles"
            time.sleep(0.01)
    assert gc.get_threshold() == before
    assert not gc.get_freeze_count()


_HEAPS = """
    import ctypes, threading
    from bookmill.memory import one_heap
    {first}
    all_there = threading.Barrier(4)

    def hold() -> None:
        held = [bytes(10_000) for _ in range(100)]
        all_there.wait()

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for one in threads: one.start()
    for one in threads: one.join()
    library = ctypes.CDLL(None)
    library.fdopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p(library.fdopen(1, b"w"))
    library.malloc_info(0, stream)
    library.fflush(stream)
"""


def _heaps(first: str) -> int:
    program = textwrap.dedent(_HEAPS).format(first=first)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.count("<heap nr=")


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_info"),
    reason="another C library, with other heaps",
)
def test_all_threads_share_one_heap() -> None:
    assert _heaps("") > 1, "without it each thread has its own"
    assert _heaps("one_heap()") == 1
