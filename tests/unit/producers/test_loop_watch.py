"""Stalls of the event loop: counted, the longest kept, and told apart from a machine without a free processor."""

from __future__ import annotations

import asyncio
import time

import pytest

from producers.loop_watch import STALL_S, LoopWatch


def test_only_what_is_longer_than_the_limit_is_a_stall() -> None:
    watch = LoopWatch()
    for late_s in (0.0, STALL_S, STALL_S + 0.001, 0.3, 0.05):
        watch.note(late_s, 0.01)
    assert watch.stalls == 2
    assert watch.longest_s == 0.3


def test_the_busiest_is_of_the_thread_and_not_of_the_clock() -> None:
    watch = LoopWatch()
    watch.note(2.0, 0.004)
    watch.note(0.0, 0.02)
    assert (watch.longest_s, watch.busiest_s) == (2.0, 0.02)


@pytest.mark.parametrize("busy", [True, False])
def test_what_blocks_the_loop_is_seen(busy: bool) -> None:
    watch = LoopWatch()

    async def block() -> None:
        task = asyncio.create_task(watch.run())
        await asyncio.sleep(0)
        end_s = time.thread_time() + 0.2
        while busy and time.thread_time() < end_s:
            pass
        time.sleep(0.0 if busy else 0.2)  # noqa: ASYNC251  the fault that is looked for
        await asyncio.sleep(0.05)
        task.cancel()

    asyncio.run(block())
    assert watch.stalls >= 1
    assert watch.longest_s > STALL_S
    assert (watch.busiest_s >= 0.2) is busy
