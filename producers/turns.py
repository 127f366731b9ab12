"""Who of those that wait goes next: the most urgent, however long the others have waited. For one event loop."""

from __future__ import annotations

import asyncio
import heapq
from contextlib import suppress
from itertools import count

from producers.priorities import Priority, Urgency

__all__ = ["Turn", "Turns"]


class Turn:
    """A place among those that wait; of equal priorities the earlier goes first."""

    __slots__ = ("_number", "_wake", "over", "priority")

    def __init__(self, priority: Priority, number: int) -> None:
        self.priority = priority
        self.over = False
        self._number = number
        self._wake = asyncio.Event()

    def __lt__(self, other: Turn) -> bool:
        return (self.priority, self._number) < (other.priority, other._number)

    def wake(self) -> None:
        """It may be its turn now."""
        self._wake.set()

    async def wait(self, timeout_s: float) -> None:
        """Until it may be its turn, at most so long."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), timeout_s)
        self._wake.clear()


class Turns:
    """At most ``most`` calls are under way at once, one place of them kept for what is as urgent as a lost book; at most
    ``waiting_limit`` wait.

    Whose turn it is claims it, and then starts, passes on or leaves; meanwhile nobody else does.
    """

    def __init__(self, most: int, waiting_limit: int) -> None:
        self.running = 0
        self.waiting = 0
        self.waiting_limit = waiting_limit
        self._most = most
        self._numbers = count()
        self._heap: list[Turn] = []
        self._claimed: Turn | None = None

    @property
    def full(self) -> bool:
        """Whether nobody else may wait."""
        return self.waiting >= self.waiting_limit

    def enter(self, priority: Priority) -> Turn:
        """Wait from now on."""
        turn = Turn(priority, next(self._numbers))
        heapq.heappush(self._heap, turn)
        self.waiting += 1
        return turn

    def claim(self, turn: Turn) -> bool:
        """Whether it is this one's turn, and there is a place for it."""
        places = self._most if turn.priority.urgency <= Urgency.RESYNC else self._most - 1
        if self._claimed is not None or self.running >= places or self._first() is not turn:
            return False
        self._claimed = turn
        return True

    def pass_on(self, turn: Turn) -> None:
        """It cannot go yet: who has come meanwhile and is more urgent may."""
        self._claimed = None
        if self._first() is not turn:
            self._wake_first()

    def start(self, turn: Turn) -> None:
        """Its call is under way."""
        self.running += 1
        self.leave(turn)

    def end(self) -> None:
        """A call is over."""
        self.running -= 1
        self._wake_first()

    def leave(self, turn: Turn) -> None:
        """Wait no longer; nothing where it does not wait."""
        if self._claimed is turn:
            self._claimed = None
        if not turn.over:
            turn.over = True
            self.waiting -= 1
            self._wake_first()

    def _first(self) -> Turn | None:
        while self._heap and self._heap[0].over:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else None

    def _wake_first(self) -> None:
        first = self._first()
        if first is not None:
            first.wake()
