"""What a synthetic market tells about an instrument, and the form in which an exchange's frames are made of it.

Prices are whole ticks, quantities whole lots (:class:`~simulator.instruments.Instrument` says what one is). The order flow
calls a :class:`Feed`; what the feed needs to know beside the calls it takes from :attr:`Feed.truth`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

__all__ = ["Bar", "Day", "Feed", "Level", "Truth"]

Level = tuple[int, int]
"""Price in ticks and quantity in lots."""


@dataclass(frozen=True)
class Truth:
    """What really is: the book at ``update_id``, best levels first, in ticks and lots, and all that traded so far."""

    update_id: int
    bids: list[Level]
    asks: list[Level]
    trades: int
    traded_lots: int


@dataclass(frozen=True)
class Bar:
    """One minute from ``start_ms`` on; ``turnover`` is the sum of price times quantity, in ticks times lots."""

    start_ms: int
    open: int
    high: int
    low: int
    close: int
    volume_lots: int
    trades: int
    closed: bool
    turnover: int = 0


@dataclass(frozen=True)
class Day:
    """The last 24 hours (fewer, as long as the market is younger) and their last minute."""

    open: int
    high: int
    low: int
    last: int
    volume_lots: int
    trades: int
    minute: Bar
    turnover: int = 0


class Feed(Protocol):
    """Turns the order flow of one instrument into the exchange's frames.

    ``time_ms`` is the exchange's clock, set before each round of orders. ``truth`` is set by the live market before the first
    call: book and totals as of the last published batch (the one :meth:`depth` was called with last).
    """

    time_ms: int
    truth: Callable[[], Truth]

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill."""

    def aggregate(
        self, first_id: int, last_id: int, price: int, quantity: int, *, seller_aggressed: bool
    ) -> None:
        """All fills of one order at one price."""

    def top(self, update_id: int, bid: Level, ask: Level) -> None:
        """Best bid and ask after a change of either."""

    def depth(
        self, first_id: int, last_id: int, previous_id: int, bids: dict[int, int], asks: dict[int, int]
    ) -> None:
        """Levels changed since the last one, with their new quantities (0: gone). :attr:`truth` does not know them yet."""

    def second(self, day: Day) -> None:
        """Once a second of the exchange's clock. A minute's last call, at its end, brings the minute with ``closed``."""

    def image(self) -> bytes:
        """The frame that a new subscriber's book begins with, as of :attr:`truth`; empty where books come by REST."""

    def scenario(self, name: str, **arguments: Any) -> None:
        """Scripted misbehaviour; raises :class:`~bookmill.errors.ConfigurationError` that names the known ones."""
