"""What Kraken tells of an instrument's trades: the last of them, bars of nine lengths, and the last 24 hours."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from simulator.feed import Day, Level
from simulator.kraken_text import Numerals, clock_text

__all__ = ["INTERVALS", "Candle", "Figures", "Fill"]

INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10_080, 21_600)
"""Minutes of a bar."""

_MINUTE_MS = 60_000
_FILLS = 10_000
_CANDLES = 720


@dataclass(frozen=True)
class Fill:
    """One trade; of an instrument no two have the same microsecond."""

    trade_id: int
    price: int
    lots: int
    seller_aggressed: bool
    time_micros: int

    @property
    def order_type(self) -> str:
        """Some takers are in no hurry."""
        return "limit" if self.trade_id % 2 else "market"


@dataclass
class Candle:
    """One bar; ``turnover`` is in ticks times lots."""

    start_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    trades: int = 0
    turnover: int = 0

    @property
    def average(self) -> int:
        """The price weighted by volume, in whole ticks."""
        return self.turnover // self.lots if self.lots else self.close

    def add(self, price: int, lots: int) -> None:
        """One fill."""
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.lots += lots
        self.trades += 1
        self.turnover += price * lots


class Figures:
    """Told every trade, and the day's figures once a second. Intervals without a trade have no bar."""

    def __init__(self, price: int) -> None:
        self.fills: deque[Fill] = deque(maxlen=_FILLS)
        self.day = Candle(0, price, price, price, price)
        self.candles: dict[int, deque[Candle]] = {minutes: deque(maxlen=_CANDLES) for minutes in INTERVALS}

    def trade(self, trade_id: int, price: int, lots: int, time_ms: int, *, seller_aggressed: bool) -> Fill:
        """One fill of the clock's present."""
        micros = time_ms * 1000 + time_ms % 983
        if self.fills:
            micros = max(micros, self.fills[-1].time_micros + 1)
        fill = Fill(trade_id, price, lots, seller_aggressed, micros)
        self.fills.append(fill)
        self.day.add(fill.price, fill.lots)
        for minutes, candles in self.candles.items():
            start_ms = time_ms - time_ms % (minutes * _MINUTE_MS)
            if not candles or candles[-1].start_ms < start_ms:
                candles.append(Candle(start_ms, fill.price, fill.price, fill.price, fill.price))
            candles[-1].add(fill.price, fill.lots)
        return fill

    def flat(self, minutes: int, time_ms: int) -> Candle:
        """A bar without a trade, for a market that has had none: real ones always had a last one."""
        price = self.day.close
        return Candle(time_ms - time_ms % (minutes * _MINUTE_MS), price, price, price, price)

    def second(self, day: Day) -> None:
        """What has grown older than a day goes out of its figures."""
        self.day = Candle(0, day.open, day.high, day.low, day.last, day.volume_lots, day.trades, day.turnover)

    def ticker(self, symbol: str, bid: Level, ask: Level, price: Numerals, quantity: Numerals) -> str:
        """A ``ticker`` frame's only entry, but for its time."""
        day = self.day
        change = day.close - day.open
        percent = Numerals(2, 2).text(_rounded(change * 10_000, day.open))
        return (
            f'"symbol":"{symbol}","bid":{price.text(bid[0])},"bid_qty":{quantity.text(bid[1])},'
            f'"ask":{price.text(ask[0])},"ask_qty":{quantity.text(ask[1])},"last":{price.text(day.close)},'
            f'"volume":{quantity.text(day.lots)},"vwap":{price.text(day.average)},"low":{price.text(day.low)},'
            f'"high":{price.text(day.high)},"change":{price.text(change)},"change_pct":{percent},"trades":{day.trades}'
        )

    @staticmethod
    def candle(symbol: str, candle: Candle, minutes: int, price: Numerals, quantity: Numerals) -> str:
        """An entry of an ``ohlc`` frame; its deprecated ``timestamp`` is the end of the interval."""
        start, end = candle.start_ms * 1000, (candle.start_ms + minutes * _MINUTE_MS) * 1000
        return (
            f'{{"symbol":"{symbol}","open":{price.text(candle.open)},"high":{price.text(candle.high)},'
            f'"low":{price.text(candle.low)},"close":{price.text(candle.close)},"trades":{candle.trades},'
            f'"volume":{quantity.text(candle.lots)},"vwap":{price.text(candle.average)},'
            f'"interval_begin":"{clock_text(start, nanos=True)}","interval":{minutes},"timestamp":"{clock_text(end)}"}}'
        )


def _rounded(numerator: int, denominator: int) -> int:
    """The nearest whole number, halves away from zero."""
    size = (2 * abs(numerator) + denominator) // (2 * denominator)
    return -size if numerator < 0 else size
