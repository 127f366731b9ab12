"""Bybit's ``tickers`` and ``kline`` topics: the day's figures and bars of one instrument, made once a second.

Spot's tickers are whole each time; those of contracts are a snapshot, then deltas in which what is absent is unchanged.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from simulator.bybit_wire import Wire, decimal_text, delivery_ms
from simulator.feed import Bar, Day, Level

__all__ = ["INTERVALS", "Klines", "Standing", "Tickers", "bucket"]

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_FUNDING_MS = 8 * 3_600_000
_MONDAY_MS = 4 * _DAY_MS  # the first one after the epoch
_BARS_KEPT = 1440
INTERVALS = ("1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M")


@dataclass
class Standing:
    """What stands beside the trades: the best prices, and contracts that are open, in lots."""

    bid: Level
    ask: Level
    open_interest: int


class Tickers:
    """The ticker of one instrument, field by field."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._dated = delivery_ms(wire.instrument.symbol) > 0
        self.fields: dict[str, str] = {}

    def update(self, day: Day, standing: Standing, time_ms: int) -> dict[str, str]:
        """Take the figures of this second; returns the fields that changed."""
        wire = self._wire
        price = wire.price
        fields = {
            "symbol": wire.name,
            "lastPrice": price(day.last),
            "prevPrice24h": price(day.open),
            "price24hPcnt": decimal_text((day.last - day.open) * 10_000 // day.open, 4),
            "highPrice24h": price(day.high),
            "lowPrice24h": price(day.low),
            "volume24h": wire.quantity(day.volume_lots),
            "turnover24h": wire.turnover(day.volume_lots, day.turnover),
        }
        if wire.market == "spot":
            fields["usdIndexPrice"] = price(day.last)
        else:
            fields |= self._contract(day, standing, time_ms)
        changed = {name: text for name, text in fields.items() if self.fields.get(name) != text}
        self.fields = fields
        return changed

    def _contract(self, day: Day, standing: Standing, time_ms: int) -> dict[str, str]:
        """Marks between the best prices; rates that wander through zero; dated contracts have no funding."""
        wire = self._wire
        (bid, bid_lots), (ask, ask_lots) = standing.bid, standing.ask
        mark, open_lots = (bid + ask) // 2, standing.open_interest
        rate = (time_ms // _MINUTE_MS) % 41 - 20
        value = (
            wire.coins(open_lots, mark) if wire.market == "inverse" else wire.turnover(0, open_lots * mark)
        )
        return {
            "tickDirection": "PlusTick" if day.last >= day.minute.open else "MinusTick",
            "markPrice": wire.price(mark),
            "indexPrice": wire.price((mark * 3 + day.last) // 4),
            "openInterest": wire.quantity(open_lots),
            "openInterestValue": value,
            "nextFundingTime": "" if self._dated else str(time_ms - time_ms % _FUNDING_MS + _FUNDING_MS),
            "fundingRate": "" if self._dated else decimal_text(rate, 5),
            "bid1Price": wire.price(bid),
            "bid1Size": wire.quantity(bid_lots),
            "ask1Price": wire.price(ask),
            "ask1Size": wire.quantity(ask_lots),
        }


class Klines:
    """Bars of all intervals, made of the market's minutes: running ones with each second, and what REST remembers of them."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._closed: dict[str, Bar] = {}
        self.minutes: deque[Bar] = deque(maxlen=_BARS_KEPT)
        self._running: Bar | None = None

    def update(self, minute: Bar) -> None:
        """Take the minute at hand, and keep it when it is closed."""
        self._running = minute
        if minute.closed:
            self.minutes.append(minute)
            self._running = None
            for interval in INTERVALS:
                bar = self.bar(interval, minute)
                if bar.closed:
                    self._closed.pop(interval, None)
                else:
                    self._closed[interval] = bar

    def bar(self, interval: str, minute: Bar) -> Bar:
        """The bar of an interval as it stands with this minute in it."""
        start_ms, end_ms = bucket(interval, minute.start_ms)
        closed = minute.closed and minute.start_ms + _MINUTE_MS == end_ms
        before = self._closed.get(interval)
        if before is None or before.start_ms != start_ms:
            return replace(minute, start_ms=start_ms, closed=closed)
        return _joined(before, minute, closed=closed)

    def bars(self, interval: str) -> list[Bar]:
        """All that are remembered, the newest first."""
        found: dict[int, Bar] = {}
        for minute in (*self.minutes, *([self._running] if self._running else ())):
            start_ms = bucket(interval, minute.start_ms)[0]
            before = found.get(start_ms)
            found[start_ms] = (
                _joined(before, minute, closed=False) if before else replace(minute, start_ms=start_ms)
            )
        return list(found.values())[::-1]

    def data(self, interval: str, bar: Bar, time_ms: int) -> dict[str, object]:
        """A bar as the stream has it."""
        wire = self._wire
        return {
            "start": bar.start_ms,
            "end": bucket(interval, bar.start_ms)[1] - 1,
            "interval": interval,
            "open": wire.price(bar.open),
            "close": wire.price(bar.close),
            "high": wire.price(bar.high),
            "low": wire.price(bar.low),
            "volume": wire.quantity(bar.volume_lots),
            "turnover": wire.turnover(bar.volume_lots, bar.turnover),
            "confirm": bar.closed,
            "timestamp": time_ms,
        }

    def row(self, bar: Bar) -> list[str]:
        """A bar as REST has it."""
        data = self.data("1", bar, 0)
        return [str(data[name]) for name in ("start", "open", "high", "low", "close", "volume", "turnover")]


def bucket(interval: str, time_ms: int) -> tuple[int, int]:
    """Begin of the interval's bar that has this time in it, and of the next one; days, weeks and months are those of UTC."""
    if interval == "M":
        first = datetime.fromtimestamp(time_ms / 1000, UTC).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        following = (first + timedelta(days=32)).replace(day=1)
        return int(first.timestamp() * 1000), int(following.timestamp() * 1000)
    length_ms = {"D": _DAY_MS, "W": 7 * _DAY_MS}.get(interval) or int(interval) * _MINUTE_MS
    start_ms = time_ms - (time_ms - (_MONDAY_MS if interval == "W" else 0)) % length_ms
    return start_ms, start_ms + length_ms


def _joined(bar: Bar, minute: Bar, *, closed: bool) -> Bar:
    return Bar(
        bar.start_ms,
        bar.open,
        max(bar.high, minute.high),
        min(bar.low, minute.low),
        minute.close,
        bar.volume_lots + minute.volume_lots,
        bar.trades + minute.trades,
        closed,
        bar.turnover + minute.turnover,
    )
