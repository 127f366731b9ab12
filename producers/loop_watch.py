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
    """``stalls`` counts those longer than :data:`STALL_S`; ``longest_s`` is the longest time the loop was late, ever."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.stalls = 0
        self.longest_s = 0.0
        self._clock = clock

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            due_s = self._clock() + _TICK_S
            await asyncio.sleep(_TICK_S)
            self.note(self._clock() - due_s)

    def note(self, late_s: float) -> None:
        """The loop came back so late."""
        self.longest_s = max(self.longest_s, late_s)
        self.stalls += late_s > STALL_S
