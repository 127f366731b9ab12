"""What OKX tells of an instrument beside its book and trades: tickers, candles, mark price, open interest, funding rate.

Rows as both the channels and REST have them (OKX docs: tickers, candlesticks, mark price, open interest, funding rate channels).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal

from simulator.feed import Bar, Day, Level
from simulator.okx_contracts import Contract, Numerals, plain

__all__ = ["BARS", "Figures"]

_MINUTE_MS = 60_000
BARS: Mapping[str, int] = {
    "1m": _MINUTE_MS,
    "3m": 3 * _MINUTE_MS,
    "5m": 5 * _MINUTE_MS,
    "15m": 15 * _MINUTE_MS,
    "30m": 30 * _MINUTE_MS,
    "1H": 60 * _MINUTE_MS,
    "2H": 120 * _MINUTE_MS,
    "4H": 240 * _MINUTE_MS,
    "1Dutc": 1440 * _MINUTE_MS,
}
_KEPT_MINUTES = 1440
_FUNDING_MS = 8 * 60 * _MINUTE_MS
_FUNDING_RATE = "0.0000252378080097"
_OPEN_CONTRACTS = 28_744


class Figures:
    """Told the day's figures once a second and the best levels as they change."""

    def __init__(self, contract: Contract, price: Numerals, quantity: Numerals) -> None:
        self._contract = contract
        self._price = price
        self._quantity = quantity
        self._closed: deque[Bar] = deque(maxlen=_KEPT_MINUTES)
        self._last_lots = 0
        self.best: tuple[Level, Level] | None = None
        self.day: Day | None = None

    def traded(self, lots: int) -> None:
        """One fill."""
        self._last_lots = lots

    def second(self, day: Day) -> None:
        """The figures of this second."""
        self.day = day
        if day.minute.closed:
            self._closed.append(day.minute)

    def ticker(self, time_ms: int) -> dict[str, str] | None:
        """None before the first second."""
        day, one = self.day, self._contract
        if day is None:
            return None
        bid, ask = self.best or ((0, 0), (0, 0))
        spot = one.kind == "SPOT"
        base, quote = one.base(day.volume_lots, day.turnover), one.quote(day.volume_lots, day.turnover)
        return {
            "instType": one.kind,
            "instId": one.wire,
            "last": self._price[day.last],
            "lastSz": self._quantity[self._last_lots],
            "askPx": self._price[ask[0]] if ask[1] else "",
            "askSz": self._quantity[ask[1]] if ask[1] else "",
            "bidPx": self._price[bid[0]] if bid[1] else "",
            "bidSz": self._quantity[bid[1]] if bid[1] else "",
            "open24h": self._price[day.open],
            "high24h": self._price[day.high],
            "low24h": self._price[day.low],
            "volCcy24h": plain(quote if spot else base),
            "vol24h": plain(one.quantity(day.volume_lots)),
            "sodUtc0": self._price[day.open],
            "sodUtc8": self._price[day.open],
            "ts": str(time_ms),
        }

    def candle(self, bar: str) -> list[str] | None:
        """The bar at hand, with the minute at hand in it; ``confirm`` is "1" with its last second. None before the first."""
        minutes = list(self._minutes())
        if not minutes:
            return None
        start_ms = minutes[-1].start_ms - minutes[-1].start_ms % BARS[bar]
        return self._row(self._bars(bar, [each for each in minutes if each.start_ms >= start_ms])[-1])

    def candles(self, bar: str, after_ms: int, before_ms: int, limit: int) -> list[list[str]]:
        """Bars that open before ``after_ms`` and after ``before_ms``, newest first."""
        wanted = [each for each in self._bars(bar, self._minutes()) if before_ms < each.start_ms < after_ms]
        return [self._row(each) for each in reversed(wanted[-limit:])]

    def mark_price(self, time_ms: int) -> dict[str, str] | None:
        """The last price stands for it."""
        if self.day is None:
            return None
        return {
            "instType": self._contract.kind,
            "instId": self._contract.wire,
            "markPx": self._price[self.day.last],
            "ts": str(time_ms),
        }

    def index(self, time_ms: int) -> dict[str, str] | None:
        """So does it for the index, which is named like the family."""
        day = self.day
        if day is None:
            return None
        return {
            "instId": self._contract.family,
            "idxPx": self._price[day.last],
            "high24h": self._price[day.high],
            "low24h": self._price[day.low],
            "open24h": self._price[day.open],
            "sodUtc0": self._price[day.open],
            "sodUtc8": self._price[day.open],
            "ts": str(time_ms),
        }

    def open_interest(self, time_ms: int) -> dict[str, str]:
        """In contracts, base units and USD; it grows by a contract a minute."""
        one = self._contract
        contracts = _OPEN_CONTRACTS + time_ms // _MINUTE_MS % 1000
        ticks = self.day.last if self.day else one.instrument.start_price
        lots = contracts * 10**one.instrument.quantity_decimals
        return {
            "instType": one.kind,
            "instId": one.wire,
            "oi": str(contracts),
            "oiCcy": plain(one.base(lots, lots * ticks)),
            "oiUsd": plain(one.quote(lots, lots * ticks)),
            "ts": str(time_ms),
        }

    def funding_rate(self, time_ms: int) -> dict[str, str]:
        """Paid every 8 hours; every other period negative."""
        period = time_ms // _FUNDING_MS
        return {
            "formulaType": "withRate",
            "fundingRate": f"{'-' if period % 2 else ''}{_FUNDING_RATE}",
            "fundingTime": str((period + 1) * _FUNDING_MS),
            "instId": self._contract.wire,
            "instType": self._contract.kind,
            "method": "current_period",
            "maxFundingRate": "0.00375",
            "minFundingRate": "-0.00375",
            "nextFundingRate": "",
            "nextFundingTime": str((period + 2) * _FUNDING_MS),
            "settState": "settled",
            "settFundingRate": _FUNDING_RATE,
            "ts": str(time_ms),
        }

    def _minutes(self) -> Iterable[Bar]:
        yield from self._closed
        if self.day is not None and not self.day.minute.closed:
            yield self.day.minute

    @staticmethod
    def _bars(bar: str, minutes: Iterable[Bar]) -> list[Bar]:
        """Minutes put together, oldest bar first."""
        width = BARS[bar]
        found: list[Bar] = []
        for minute in minutes:
            start_ms = minute.start_ms - minute.start_ms % width
            ends = minute.closed and minute.start_ms + _MINUTE_MS == start_ms + width
            if not found or found[-1].start_ms != start_ms:
                found.append(replace(minute, start_ms=start_ms, closed=ends))
                continue
            so_far = found[-1]
            found[-1] = Bar(
                start_ms,
                so_far.open,
                max(so_far.high, minute.high),
                min(so_far.low, minute.low),
                minute.close,
                so_far.volume_lots + minute.volume_lots,
                so_far.trades + minute.trades,
                ends,
                so_far.turnover + minute.turnover,
            )
        return found

    def _row(self, bar: Bar) -> list[str]:
        one, price = self._contract, self._price
        quote: Decimal = one.quote(bar.volume_lots, bar.turnover)
        return [
            str(bar.start_ms),
            price[bar.open],
            price[bar.high],
            price[bar.low],
            price[bar.close],
            plain(one.quantity(bar.volume_lots)),
            plain(quote if one.kind == "SPOT" else one.base(bar.volume_lots, bar.turnover)),
            plain(quote),
            "1" if bar.closed else "0",
        ]
