"""The running figures of one instrument: the last 24 hours and the minute at hand."""

from __future__ import annotations

from collections import deque

from simulator.feed import Bar, Day

__all__ = ["DayFigures"]

_SECOND_MS = 1000
_MINUTE_MS = 60_000
_DAY_MS = 24 * 60 * _MINUTE_MS


class _Sum:
    """Open, high, low, close and amounts of some time, to which trades are added."""

    __slots__ = ("close", "high", "low", "open", "trades", "turnover", "volume")

    def __init__(self, price: int) -> None:
        self.open = self.high = self.low = self.close = price
        self.volume = self.trades = self.turnover = 0

    def add(self, price: int, lots: int) -> None:
        if price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price
        self.close = price
        self.volume += lots
        self.trades += 1
        self.turnover += price * lots


class DayFigures:
    """Told every trade, and asked once a second. A minute in which nothing traded stands at the last price.

    Minutes begin with the clock's; a day is the 24 hours of whole minutes before the one at hand, and that one.
    """

    def __init__(self, price: int) -> None:
        self._day = _Sum(price)
        self._minute = _Sum(price)
        self._bars: deque[Bar] = deque()
        self._start_ms = 0
        self._second = 0

    def trade(self, price: int, lots: int) -> None:
        """One fill."""
        self._minute.add(price, lots)
        self._day.add(price, lots)

    def due(self, time_ms: int) -> Day | None:
        """The figures when a second of the clock has begun since the last call, None within one and at the very first call."""
        second = time_ms // _SECOND_MS
        if second == self._second:
            return None
        first, self._second = self._second == 0, second
        start_ms = time_ms - time_ms % _MINUTE_MS
        if first:
            self._start_ms = start_ms
            return None
        bar, day = self._bar(closed=start_ms != self._start_ms), self._day
        figures = Day(day.open, day.high, day.low, day.close, day.volume, day.trades, bar, day.turnover)
        if bar.closed:
            self._turn(bar, start_ms)
        return figures

    def _bar(self, *, closed: bool) -> Bar:
        minute = self._minute
        return Bar(
            self._start_ms,
            minute.open,
            minute.high,
            minute.low,
            minute.close,
            minute.volume,
            minute.trades,
            closed,
            minute.turnover,
        )

    def _turn(self, bar: Bar, start_ms: int) -> None:
        """Begin a minute, and let those older than a day go out of the day's figures."""
        bars, day = self._bars, self._day
        bars.append(bar)
        self._start_ms, self._minute = start_ms, _Sum(bar.close)
        if bars[0].start_ms > start_ms - _DAY_MS:
            return
        while bars and bars[0].start_ms <= start_ms - _DAY_MS:
            old = bars.popleft()
            day.volume -= old.volume_lots
            day.trades -= old.trades
            day.turnover -= old.turnover
        day.open = bars[0].open if bars else day.close
        day.high = max((each.high for each in bars), default=day.close)
        day.low = min((each.low for each in bars), default=day.close)
