"""Which of an answer's trades have not been written yet: each answer repeats most of the one before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from venues.polled import PolledTrade

__all__ = ["Fresh", "SeenTrades"]

_MEMORY = 5000
"""Ids remembered of an instrument: several answers' worth."""
_OVERLAP_MS = 30_000
"""Trades so much older than the loss of the socket are polled all the same: clocks differ, and the worker knows those it has."""


class Fresh(NamedTuple):
    """``gap``: older trades may be missing between these and those before."""

    trades: list[PolledTrade]
    gap: bool


class SeenTrades:
    """Of one instrument. ``since_ms``: from when on trades are missing (Unix ms); None where all are welcome."""

    def __init__(self, since_ms: int | None = None) -> None:
        self._since_ms = since_ms
        self._ids: dict[str, None] = {}
        self._first = True

    def fresh(self, trades: Sequence[PolledTrade], *, cut: bool) -> Fresh:
        """Those of an answer (oldest first) not seen before, remembered now. ``cut``: older ones may have been left out of it."""
        known = self._ids
        new = [one for one in trades if one.id not in known]
        gap = cut and bool(trades) and len(new) == len(trades) and self._starts_late(trades[0])
        if self._first and self._since_ms is not None:
            oldest_ms = self._since_ms - _OVERLAP_MS
            new = [one for one in new if one.time_ms is None or one.time_ms >= oldest_ms]
        self._first = False
        for one in trades:
            known.pop(one.id, None)
            known[one.id] = None
        for _ in range(len(known) - _MEMORY):
            del known[next(iter(known))]
        return Fresh(new, gap)

    def _starts_late(self, oldest: PolledTrade) -> bool:
        """Whether an answer of new trades alone begins after what it had to reach back to."""
        if not self._first:
            return True
        return self._since_ms is not None and oldest.time_ms is not None and oldest.time_ms > self._since_ms
