"""The ways an exchange counts what a client does: messages or calls in a rolling window, weight in a fixed minute."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Budget", "CallBudget", "RollingWindow", "Verdict", "WeightBudget"]


class RollingWindow:
    """At most ``limit`` events in any ``window_s`` seconds: strict, so a burst at a window's edge counts in full.

    Times are monotonic seconds, given by the caller and never falling.
    """

    def __init__(self, limit: int, window_s: float) -> None:
        self._window_s = window_s
        self._times: deque[float] = deque(maxlen=limit)

    def admit(self, now_s: float) -> bool:
        """Count one event; False when it is one too many."""
        times = self._times
        if len(times) == times.maxlen and now_s - times[0] < self._window_s:
            return False
        times.append(now_s)
        return True


@dataclass(frozen=True)
class Verdict:
    """What the budget says to one call: HTTP ``status`` 200, 429 or 418; seconds to wait when refused, the end of a ban."""

    status: int
    used: int
    retry_after_s: int = 0
    banned_until_s: float = 0.0


class Budget(Protocol):
    """What one client address may spend. Times are the caller's seconds, never falling."""

    def spend(self, weight: int, now_s: float) -> Verdict:
        """Count a call of ``weight`` at ``now_s``, or refuse it."""


class CallBudget:
    """``limit`` calls of one client address in any ``window_s`` seconds, then 429. Every call costs the same."""

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        self._times: deque[float] = deque()

    def spend(self, weight: int, now_s: float) -> Verdict:  # noqa: ARG002  calls are counted, not weighed
        """Count a call; a refused one costs nothing."""
        times = self._times
        while times and now_s - times[0] >= self._window_s:
            times.popleft()
        if len(times) >= self._limit:
            return Verdict(429, len(times), max(1, -int(-(self._window_s - now_s + times[0]) // 1)))
        times.append(now_s)
        return Verdict(200, len(times))


class WeightBudget:
    """Request weight of one client address: ``limit`` in each minute, then 429, and 418 for those who go on.

    The documents only say that continuing after 429 gives 418, from 2 minutes growing to 3 days; ``patience`` is how
    many refused calls this exchange bears before that. A minute lasts ``minute_s`` seconds (shorter on a scaled clock).
    """

    _FIRST_BAN_MINUTES = 2
    _LONGEST_BAN_MINUTES = 3 * 24 * 60

    def __init__(self, limit: int, *, minute_s: float = 60.0, patience: int = 5) -> None:
        self._limit = limit
        self._minute_s = minute_s
        self._patience = patience
        self._minute = -1
        self._used = 0
        self._refused = 0
        self._bans = 0
        self._banned_until_s = 0.0

    def spend(self, weight: int, now_s: float) -> Verdict:
        """Count a call of ``weight`` at ``now_s``; a refused call costs nothing but patience."""
        if now_s < self._banned_until_s:
            return self._ban(now_s)
        minute = int(now_s // self._minute_s)
        if minute != self._minute:
            self._minute, self._used, self._refused = minute, 0, 0
        if self._used + weight <= self._limit:
            self._used += weight
            return Verdict(200, self._used)
        self._refused += 1
        if self._refused > self._patience:
            minutes = min(self._FIRST_BAN_MINUTES * 2**self._bans, self._LONGEST_BAN_MINUTES)
            self._bans += 1
            self._banned_until_s = now_s + minutes * self._minute_s
            return self._ban(now_s)
        return Verdict(429, self._used, self._seconds((minute + 1) * self._minute_s - now_s))

    def _ban(self, now_s: float) -> Verdict:
        until_s = self._banned_until_s
        return Verdict(418, self._used, self._seconds(until_s - now_s), until_s)

    @staticmethod
    def _seconds(duration_s: float) -> int:
        return max(1, -int(-duration_s // 1))
