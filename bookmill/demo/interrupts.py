"""SIGINT and SIGTERM as something to look at between two steps, so that a stop can be orderly."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["InterruptedRunError", "Interrupts"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ONE_PRESS_S = 0.5


class InterruptedRunError(Exception):
    """The user wants it to stop: in order the first time, at once the second."""


class Interrupts:
    """A context manager in which both signals are counted instead of ending the process.

    Two that come together (a terminal's and a parent's that passes its own on) are one.
    """

    def __init__(self) -> None:
        self.count = 0
        self.tolerated = 0
        self._last_s = float("-inf")
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise :class:`InterruptedRunError` when there were more than are tolerated."""
        if self.count > self.tolerated:
            raise InterruptedRunError

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        now_s = time.monotonic()
        if now_s - self._last_s > _ONE_PRESS_S:
            self.count += 1
        self._last_s = now_s
