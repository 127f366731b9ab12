"""Candles of the simulated Deribit: one for each minute, and those of its other resolutions made of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.feed import Bar

__all__ = ["RESOLUTIONS", "Candle", "Charts"]

RESOLUTIONS = {
    "1": 1,
    "3": 3,
    "5": 5,
    "10": 10,
    "15": 15,
    "30": 30,
    "60": 60,
    "120": 120,
    "180": 180,
    "360": 360,
    "720": 720,
    "1D": 1440,
}
"""Minutes of each."""

_MINUTE_MS = 60_000
_MINUTES_KEPT = 1440


@dataclass(frozen=True)
class Candle:
    """Prices in ticks; ``volume`` (base coins) and ``cost`` (quote currency) in whatever unit they are given."""

    start_ms: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    cost: int

    @classmethod
    def of(cls, bar: Bar, volume: int, cost: int) -> Candle:
        """A minute's."""
        return cls(bar.start_ms, bar.open, bar.high, bar.low, bar.close, volume, cost)

    def begun(self, minutes: int) -> int:
        """Where the candle of so many minutes starts that this one is in."""
        return self.start_ms - self.start_ms % (minutes * _MINUTE_MS)

    def then(self, later: Candle) -> Candle:
        """This one, continued."""
        return Candle(
            self.start_ms,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.cost + later.cost,
        )


class Charts:
    """Candles of the last day. ``minute`` is the one at hand, as it was last told."""

    def __init__(self) -> None:
        self.minute: Candle | None = None
        self._closed: deque[Candle] = deque(maxlen=_MINUTES_KEPT)
        self._closed_volume = 0
        self._begun: dict[int, Candle] = {}  # what is closed of the candles at hand, by their minutes

    def add(self, minute: Candle, *, closed: bool) -> None:
        """The minute at hand as it stands; the next one begins after a closed one."""
        self.minute = minute
        if not closed:
            return
        for minutes in RESOLUTIONS.values():
            self._begun[minutes] = self._joined(minutes, minute)
        if len(self._closed) == _MINUTES_KEPT:
            self._closed_volume -= self._closed[0].volume
        self._closed.append(minute)
        self._closed_volume += minute.volume
        self.minute = None

    def now(self, minutes: int) -> Candle | None:
        """The candle at hand, or the one just closed."""
        if self.minute is None:
            return self._begun.get(minutes)
        return self._joined(minutes, self.minute)

    def between(self, start_ms: int, end_ms: int, minutes: int) -> list[Candle]:
        """Candles that begin in that time, oldest first."""
        found: dict[int, Candle] = {}
        for minute in self._all():
            begun = minute.begun(minutes)
            if start_ms <= begun <= end_ms:
                before = found.get(begun)
                found[begun] = _starting(minute, begun) if before is None else before.then(minute)
        return list(found.values())

    def volume(self) -> int:
        """Of 24 hours."""
        return self._closed_volume + (self.minute.volume if self.minute else 0)

    def _all(self) -> Iterator[Candle]:
        yield from self._closed
        if self.minute is not None:
            yield self.minute

    def _joined(self, minutes: int, minute: Candle) -> Candle:
        begun, before = minute.begun(minutes), self._begun.get(minutes)
        if before is None or before.start_ms != begun:
            return _starting(minute, begun)
        return before.then(minute)


def _starting(minute: Candle, start_ms: int) -> Candle:
    return Candle(start_ms, minute.open, minute.high, minute.low, minute.close, minute.volume, minute.cost)
