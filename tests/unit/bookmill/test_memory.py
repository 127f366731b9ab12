"""What a part that runs for long holds: errors that libraries leave in circles do not keep what was in hand."""

from __future__ import annotations

import gc
import time
import weakref

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
