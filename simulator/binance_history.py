"""What Binance remembers of an instrument's trades: the latest of them, minute by minute, and over the day.

Beside quantities there is what they are worth: on spot and USD-M the quote amount, on COIN-M the base amount of that many
contracts at that price; always in whole 10^-8.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

from simulator.binance_names import Market, contract_size
from simulator.feed import Bar, Day
from simulator.instruments import Instrument

__all__ = ["Aggregate", "Fill", "History", "Minute"]

_KEPT = 10_000  # the exchange keeps all of them, a month on futures
_MINUTES_A_DAY = 24 * 60


class Fill(NamedTuple):
    """One trade."""

    trade_id: int
    price: int
    lots: int
    time_ms: int
    seller_aggressed: bool


class Aggregate(NamedTuple):
    """All fills of one order at one price."""

    aggregate_id: int
    first_id: int
    last_id: int
    price: int
    lots: int
    time_ms: int
    seller_aggressed: bool


@dataclass
class Minute:
    """What Binance's bars say beside a :class:`~simulator.feed.Bar`: ids -1 when nothing traded, and what takers bought."""

    bar: Bar | None = None
    first_id: int = -1
    last_id: int = -1
    worth: int = 0
    bought_lots: int = 0
    bought_worth: int = 0


class History:
    """Told every trade and every second; ``minutes`` are the closed ones.

    ``day``, its ``worth``, its ``latest`` trade and the minute at hand, ``running``, are as of the last second.
    """

    def __init__(self, instrument: Instrument, market: Market) -> None:
        self.fills: deque[Fill] = deque(maxlen=_KEPT)
        self.aggregates: deque[Aggregate] = deque(maxlen=_KEPT)
        self.minutes: deque[Minute] = deque()
        self.running = Minute()
        self.day: Day | None = None
        self.worth = 0
        self.latest: Fill | None = None
        self._contract: int = contract_size(market, instrument) * 10 ** (8 + instrument.price_decimals)
        self._unit: int = 10 ** max(0, 8 - instrument.price_decimals - instrument.quantity_decimals)
        self._minute = Minute()
        self._worth = 0

    @property
    def first_id(self) -> int:
        """Of the day; -1 when nothing traded."""
        return next((each.first_id for each in (*self.minutes, self._minute) if each.first_id >= 0), -1)

    def trade(self, fill: Fill) -> None:
        """One fill."""
        self.fills.append(fill)
        minute = self._minute
        worth = self.worth_of(fill.price, fill.lots)
        if minute.first_id < 0:
            minute.first_id = fill.trade_id
        minute.last_id = fill.trade_id
        minute.worth += worth
        self._worth += worth
        if not fill.seller_aggressed:
            minute.bought_lots += fill.lots
            minute.bought_worth += worth

    def second(self, day: Day) -> None:
        """A second went by."""
        self.day, self.worth = day, self._worth
        self.latest = self.fills[-1] if self.fills else None
        self.running = replace(self._minute, bar=day.minute)
        if day.minute.closed:
            self.minutes.append(self.running)
            self._minute = Minute()
            if len(self.minutes) >= _MINUTES_A_DAY:
                self._worth -= self.minutes.popleft().worth

    def worth_of(self, price: int, lots: int) -> int:
        """Of a fill."""
        return lots * self._contract // price if self._contract else price * lots * self._unit
