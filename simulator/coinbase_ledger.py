"""What a simulated Coinbase remembers of an instrument, beside its book, and how it writes numbers and times.

Both feeds and both REST sides tell of the same trades, best prices and bars, each in its own words.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.feed import Bar, Day, Level, Truth
from simulator.hub import Channel
from simulator.instruments import Instrument

__all__ = ["Fill", "Ledger", "Numerals", "count_unsent", "far_levels", "micros_time", "trimmed_time"]

_RECENT = 10_000
_MINUTES = 24 * 60
_FIRST_SEQUENCE = 134_905_859_000


@dataclass(frozen=True)
class Fill:
    """One trade. ``maker``: the side of the order that waited, ``buy`` where a seller came to it."""

    trade_id: int
    price: int
    quantity: int
    maker: str
    time_ms: int
    sequence: int

    @property
    def taker(self) -> str:
        """The other side."""
        return "sell" if self.maker == "buy" else "buy"


class Ledger:
    """Trades (the last 10,000), best prices, the day's figures and its minutes of one instrument; ticks and lots.

    ``sequence`` numbers all that happens to the product, also what no public channel tells: it grows by holes.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.product = instrument.symbol
        self.price = Numerals(instrument.price_decimals)
        self.quantity = Numerals(instrument.quantity_decimals)
        self.fills: deque[Fill] = deque(maxlen=_RECENT)
        self.best: tuple[Level, Level] | None = None
        self.day: Day | None = None
        self.sequence = _FIRST_SEQUENCE
        self._minutes: deque[Bar] = deque(maxlen=_MINUTES)

    def trade(
        self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool, time_ms: int
    ) -> Fill:
        """Write one fill down."""
        self.sequence += 3 + trade_id * 7919 % 97
        maker = "buy" if seller_aggressed else "sell"
        fill = Fill(trade_id, price, quantity, maker, time_ms, self.sequence)
        self.fills.append(fill)
        return fill

    def second(self, day: Day) -> None:
        """Write the day down, and its minute."""
        self.day = day
        if self._minutes and self._minutes[-1].start_ms == day.minute.start_ms:
            self._minutes.pop()
        self._minutes.append(day.minute)

    def figures(self) -> tuple[int, int, int, int]:
        """Open, high, low and volume of the last 24 hours."""
        if self.day is not None:
            return self.day.open, self.day.high, self.day.low, self.day.volume_lots
        prices = [fill.price for fill in self.fills] or [self.instrument.start_price]
        return prices[0], max(prices), min(prices), sum(fill.quantity for fill in self.fills)

    def bars(self, width_s: int) -> list[Bar]:
        """Bars of that many seconds, oldest first, the last one as it stands; those in which nothing traded are left out."""
        bars: list[Bar] = []
        for minute in self._minutes:
            if not minute.trades:
                continue
            start_ms = minute.start_ms - minute.start_ms % (width_s * 1000)
            if bars and bars[-1].start_ms == start_ms:
                bars.append(_joined(bars.pop(), minute))
            else:
                bars.append(
                    Bar(
                        start_ms,
                        minute.open,
                        minute.high,
                        minute.low,
                        minute.close,
                        minute.volume_lots,
                        minute.trades,
                        closed=False,
                    )
                )
        return bars


def _joined(bar: Bar, minute: Bar) -> Bar:
    return Bar(
        bar.start_ms,
        bar.open,
        max(bar.high, minute.high),
        min(bar.low, minute.low),
        minute.close,
        bar.volume_lots + minute.volume_lots,
        bar.trades + minute.trades,
        closed=False,
    )


class Numerals:
    """Decimal texts of whole steps of 10^-decimals; one once written is remembered, within bounds."""

    _MOST = 50_000

    def __init__(self, decimals: int) -> None:
        self._decimals = decimals
        self._unit = 10**decimals
        self._known: dict[int, str] = {}

    @property
    def step(self) -> str:
        """The text of one step, as the exchange lists increments."""
        return self.text(1)

    def text(self, value: int) -> str:
        """``8068808`` of two decimals is ``80688.08``."""
        known = self._known.get(value)
        if known is None:
            if len(self._known) >= self._MOST:
                self._known.clear()
            whole, rest = divmod(value, self._unit)
            known = f"{whole}.{rest:0{self._decimals}d}" if self._decimals else str(whole)
            self._known[value] = known
        return known


def micros_time(time_ms: int) -> str:
    """RFC 3339 with six digits: ``2026-08-25T03:35:57.300000Z``; the machine's clock before the market's has started."""
    seconds, millis = divmod(time_ms or time.time_ns() // 1_000_000, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{millis:03d}000Z"


def trimmed_time(time_ms: int) -> str:
    """The same without trailing zeros, as Advanced Trade writes it: ``…57.3Z``, ``…57Z``."""
    return micros_time(time_ms)[:-1].rstrip("0").rstrip(".") + "Z"


def far_levels(truth: Truth, count: int) -> tuple[list[Level], list[Level]]:
    """Both sides of a book, best levels first, with ``count`` more levels behind the last ones, one lot each."""
    bids, asks = list(truth.bids), list(truth.asks)
    bid, ask = bids[-1][0] - 1, asks[-1][0] + 1
    bids += [(price, 1) for price in range(bid, max(0, bid - count // 2), -1)]
    asks += [(price, 1) for price in range(ask, ask + count // 2)]
    return bids, asks


def count_unsent(channel: Channel) -> None:
    """A frame nobody is subscribed to is counted, but not made."""
    channel.published += 1
    channel.unsent += 1
