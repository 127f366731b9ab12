"""How long to wait before the next attempt: a pure function, and the count of attempts beside it."""

from __future__ import annotations

import random
from collections.abc import Callable

__all__ = ["Backoff", "delay_s"]

_MOST_DOUBLINGS = 32


def delay_s(attempt: int, *, initial_s: float, max_s: float, jitter: float) -> float:
    """Seconds to wait after failure number ``attempt`` (from 1); ``jitter`` is uniform in [0, 1), or 1 for none.

    The bound doubles from ``initial_s`` to ``max_s``. The upper half of it is drawn at random: those that failed together do
    not come back together, and none comes back at once.
    """
    bound = min(max_s, initial_s * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
    return bound * (1.0 + jitter) / 2.0


class Backoff:
    """Counts failures in a row. It is reset by proven health, not by a connect: who is thrown out at once has not recovered."""

    def __init__(self, initial_s: float, max_s: float, jitter: Callable[[], float] = random.random) -> None:
        self.attempts = 0
        self._initial_s = initial_s
        self._max_s = max_s
        self._jitter = jitter

    def next_s(self) -> float:
        """Seconds to wait after one more failure."""
        self.attempts += 1
        return delay_s(self.attempts, initial_s=self._initial_s, max_s=self._max_s, jitter=self._jitter())

    def reset(self) -> None:
        """The other side is well."""
        self.attempts = 0
