"""Watches the event loop that reads the sockets: while it stands still nothing is read, and receive times are late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["STALL_S", "LoopWatch"]

STALL_S = 0.1
"""A stall worth counting."""

_TICK_S = 0.02


class LoopWatch:
    """``stalls`` counts those longer than :data:`STALL_S`; ``longest_s`` is the longest time the loop was late, ever.

    A loop is late because something in it takes long, or because the machine has no processor for it. ``busiest_s`` tells one
    from the other: the most processor time the loop's thread has spent between two looks, 20 ms apart when all is well.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        thread_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self.stalls = 0
        self.longest_s = 0.0
        self.busiest_s = 0.0
        self._clock = clock
        self._thread_clock = thread_clock

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            due_s, spent_s = self._clock() + _TICK_S, self._thread_clock()
            await asyncio.sleep(_TICK_S)
            self.note(self._clock() - due_s, self._thread_clock() - spent_s)

    def note(self, late_s: float, busy_s: float) -> None:
        """The loop came back so late, and its thread was busy for so long meanwhile."""
        self.longest_s = max(self.longest_s, late_s)
        self.busiest_s = max(self.busiest_s, busy_s)
        self.stalls += late_s > STALL_S
