"""What the simulated exchanges really did, overheard between their order flow and their frames: the other side of the comparison.

Nothing of the code under test is used here. Numbers are whole multiples of 10^-18, as a ``Decimal(38, 18)`` is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from simulator.feed import Level
from simulator.hub import Channel
from simulator.instruments import Instrument
from simulator.live import LiveBook
from simulator.simulator import Simulator
from tests.scenarios.tape import trade_id_of

__all__ = ["LEVELS", "Printed", "Side", "Truth", "Witness", "fingerprint"]

LEVELS = 20
"""Of a side of a book are compared."""

_PLACES = 18

Side = Sequence[tuple[int, int]]
"""Prices and quantities in base units, best first."""


def fingerprint(bids: Side, asks: Side) -> int:
    """Of the best levels of a book."""
    return hash((tuple(bids), tuple(asks)))


@dataclass(frozen=True, slots=True)
class Printed:
    """A trade as it was made. ``quantity`` in base units, ``size`` in the exchange's own. ``at_s``: seconds since the epoch, by the machine's clock."""

    number: int
    at_s: float
    price: int
    quantity: int
    size: int
    side: str


@dataclass
class Truth:
    """One instrument: its trades by id, and its books in order, as fingerprints of the best levels."""

    name: str
    steps: Instrument
    contract_size: Decimal = Decimal(1)
    inverse: bool = False
    trades: dict[str, Printed] = field(default_factory=dict)
    books: list[int] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)
    """When each of the books began to be told, seconds since the epoch."""
    stamps_ms: list[int] = field(default_factory=list)
    """What the exchange's clock said then."""
    asked: set[int] = field(default_factory=set)
    """Those of the books that REST alone has shown: between two batches."""
    left_out: list[tuple[int, float]] = field(default_factory=list)
    """Frames of the book's stream that nobody was sent: which of the books each would have told, and when."""
    tops: set[int] = field(default_factory=set)
    last: tuple[Side, Side] = ((), ())
    since: int = 0
    """Trades from this number on have to arrive: those before were made when nobody had been collecting yet."""

    @property
    def contracts(self) -> bool:
        """Whether the exchange counts in anything but base units."""
        return self.inverse or self.contract_size != 1

    def level(self, ticks: int, lots: int) -> tuple[int, int]:
        """Price and base quantity."""
        price = ticks * 10 ** (_PLACES - self.steps.price_decimals)
        return price, self.base(self.size(lots), price)

    def size(self, lots: int) -> int:
        """The exchange's own number."""
        return lots * 10 ** (_PLACES - self.steps.quantity_decimals)

    def base(self, size: int, price: int) -> int:
        """Base units of it; of an inverse contract rounded half to even."""
        amount = size * self.contract_size
        if self.inverse:
            amount = amount * 10**_PLACES
            whole, rest = divmod(int(amount), price)
            return whole + (rest * 2 > price or (rest * 2 == price and whole % 2 == 1))
        return int(amount)

    def see(
        self,
        bids: Sequence[Level],
        asks: Sequence[Level],
        at_s: float = 0.0,
        stamp_ms: int | None = None,
        *,
        asked: bool = False,
    ) -> None:
        """The book is so now, and was told at ``at_s``, when the exchange's clock said ``stamp_ms`` (the same, if not given)."""
        if asked:
            self.asked.add(len(self.books))
        self.moments.append(at_s)
        self.stamps_ms.append(int(at_s * 1000) if stamp_ms is None else stamp_ms)
        self.last = [self.level(*one) for one in bids[:LEVELS]], [self.level(*one) for one in asks[:LEVELS]]
        self.books.append(fingerprint(*self.last))
        self.tops.add(fingerprint(self.last[0][:1], self.last[1][:1]))


class Witness:
    """Overhears all instruments of one simulated market from before its first subscriber on."""

    def __init__(self, exchange: str, market: str, simulator: Simulator) -> None:
        self.truths: dict[str, Truth] = {}
        self.corrupted: set[bytes] = set()
        """Frames that were torn on the way, in each form in which a connection may have been sent them."""
        self._feeds: list[tuple[Any, Truth]] = []
        self._batches: dict[str, tuple[float, int]] = {}
        """When the last batch of a book was told, by our clock and by the exchange's."""
        hub, live = simulator.hub(market), simulator._live(market)
        for channel in hub.channels.values():
            self._watch_tearing(channel)
        for wire, feed in hub.feeds.items():
            truth = _truth(f"{exchange}.{market}", live.books[wire].instrument, feed)
            self.truths[truth.name] = truth
            self._feeds.append((feed, truth))
            self._overhear_trades(exchange, feed, truth)
            self._overhear_book(feed, truth)
            self._overhear_rest(live.books[wire], truth)

    def finish(self) -> None:
        """The books as they were left."""
        for feed, truth in self._feeds:
            now = feed.truth()
            truth.see(now.bids, now.asks, *self._batches.get(truth.name, ()))

    def _overhear_trades(self, exchange: str, feed: Any, truth: Truth) -> None:
        real: Callable[..., None] = feed.trade

        def overheard(first: int, ticks: int, lots: int, *, seller_aggressed: bool) -> None:
            identity = str(trade_id_of(exchange, feed, first))
            price, quantity = truth.level(ticks, lots)
            truth.trades[identity] = Printed(
                len(truth.trades),
                time.time(),
                price,
                quantity,
                truth.size(lots),
                "SELL" if seller_aggressed else "BUY",
            )
            real(first, ticks, lots, seller_aggressed=seller_aggressed)

        feed.trade = overheard

    def _overhear_book(self, feed: Any, truth: Truth) -> None:
        real: Callable[..., None] = feed.depth

        def told(tell: Callable[..., None], *what: Any) -> None:
            before = feed.truth()  # as of the batch before this one
            truth.see(before.bids, before.asks, *self._batches.get(truth.name, ()))
            at_s = time.time()
            tell(*what)
            # Kraken's times of a book go on in the least steps while its clock is behind them.
            stamp_ms = feed.book_ms if hasattr(feed, "book_ms") else feed.time_ms
            self._batches[truth.name] = at_s, stamp_ms

        feed.depth = partial(told, real)
        if hasattr(feed, "heartbeat"):
            feed.heartbeat = partial(told, feed.heartbeat)  # OKX tells an unchanged book as well

    @staticmethod
    def _overhear_rest(book: LiveBook, truth: Truth) -> None:
        """REST shows a book in the middle of a batch."""
        real = book.snapshot

        def overheard(limit: int, time_ms: int) -> bytes:
            _, bids, asks = book._flow.book(LEVELS)
            truth.see(bids, asks, time.time(), asked=True)
            return real(limit, time_ms)

        book.snapshot = overheard  # type: ignore[method-assign]

    def watch_dropping(self, channel: Channel, name: str) -> None:
        """Note the frames of an instrument's book that are left out."""
        real, truth = channel._publish_disturbed, self.truths[name]

        def watched(envelope: bytes) -> None:
            if channel.disturbances and channel.disturbances[0] == "drop" and not channel.held:
                truth.left_out.append((len(truth.books), time.time()))
            real(envelope)

        channel._publish_disturbed = watched  # type: ignore[method-assign]

    def _watch_tearing(self, channel: Channel) -> None:
        real = channel._corrupt

        def watched(envelope: bytes) -> bytes:
            torn = real(envelope)
            self.corrupted |= {torn, torn[channel.data_start : -1]}
            return torn

        channel._corrupt = watched  # type: ignore[method-assign]


def _truth(market: str, steps: Instrument, feed: Any) -> Truth:
    contract = getattr(feed, "contract", None)
    inverse = bool(contract and contract.inverse)
    size = Decimal(getattr(contract, "size", "") or 1)
    return Truth(f"{market}.{steps.symbol}", steps, size, inverse)
