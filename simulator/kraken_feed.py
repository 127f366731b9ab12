"""Synthetic order flow as Kraken's frames of version 2. A frame nobody is subscribed to is not made.

Channels of the hub: ``book.1000:BTC/USD`` (for each depth), ``ticker.bbo:BTC/USD``, ``ticker.trades:BTC/USD``, ``trade:BTC/USD``,
``ohlc.1:BTC/USD`` (for each interval).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from bookmill.errors import ConfigurationError
from simulator.faults import call_named
from simulator.feed import Day, Level, Truth
from simulator.hub import Hub
from simulator.instruments import Instrument
from simulator.kraken_book import DEPTHS, BookSide, Shown, checksum
from simulator.kraken_figures import INTERVALS, Figures, Fill
from simulator.kraken_text import Numerals, clock_text

__all__ = ["Exchange", "KrakenFeed"]

_SNAPSHOT_TRADES = 50
_SNAPSHOT_CANDLES = 10
_FAR = 1500
"""Ticks from the first price at which far levels begin."""
_SET_BACK_MICROS = 60_000_000
"""By more than this nobody's clock wanders by itself."""
_STATES = ("online", "cancel_only", "maintenance", "post_only")


@dataclass
class Exchange:
    """What all connections and instruments share. ``system`` is what the status channel says."""

    system: str = "online"
    feeds: dict[str, KrakenFeed] = field(default_factory=dict)


class KrakenFeed:
    """One instrument's ``book``, ``ticker``, ``trade`` and ``ohlc``.

    ``bids`` and ``asks`` are the book as last published: that of the order flow, but in the scenarios :meth:`thin` and :meth:`deep`.
    """

    truth: Callable[[], Truth]

    def __init__(self, instrument: Instrument, hub: Hub, exchange: Exchange) -> None:
        self.time_ms = 0
        self.wire = f"{instrument.base}/{instrument.quote}"
        self.instrument = instrument
        self.price = Numerals(instrument.price_decimals, instrument.price_decimals)
        self.quantity = Numerals(instrument.quantity_decimals, instrument.quantity_decimals)
        self.figures = Figures(instrument.start_price)
        self._exchange = exchange
        self._books = {depth: hub.channel(f"book.{depth}:{self.wire}") for depth in DEPTHS}
        self._tickers = {what: hub.channel(f"ticker.{what}:{self.wire}") for what in ("bbo", "trades")}
        self._trades = hub.channel(f"trade:{self.wire}")
        self._candles = {minutes: hub.channel(f"ohlc.{minutes}:{self.wire}") for minutes in INTERVALS}
        self._fills: list[Fill] = []
        self._sides: tuple[Shown, Shown] | None = None
        self._best: tuple[Level, Level] | None = None
        self._book_micros = 0
        self._faults: Counter[str] = Counter()

    # What the order flow calls.

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill: it waits for the others of its order."""
        self._fills.append(
            self.figures.trade(trade_id, price, quantity, self.time_ms, seller_aggressed=seller_aggressed)
        )

    def aggregate(
        self,
        first_id: int,  # noqa: ARG002  the fills themselves say all
        last_id: int,  # noqa: ARG002  same
        price: int,  # noqa: ARG002  same
        quantity: int,  # noqa: ARG002  same
        *,
        seller_aggressed: bool,  # noqa: ARG002  same
    ) -> None:
        """All fills of one order at one price: one ``trade`` frame, and what trades bring about."""
        fills, self._fills = self._fills, []
        if self._trades.subscribers:
            self._trades.publish(self._trade_frame("update", fills))
        if self._tickers["trades"].subscribers:
            self._tickers["trades"].publish(self.ticker("update"))
        for minutes, channel in self._candles.items():
            if channel.subscribers:
                channel.publish(self.candles(minutes, "update"))

    def top(self, update_id: int, bid: Level, ask: Level) -> None:  # noqa: ARG002  Kraken has no ids
        """Best bid and ask."""
        if self._tickers["bbo"].subscribers:
            self._tickers["bbo"].publish(self._ticker("update", bid, ask))
        self._best = (bid, ask)

    def depth(
        self,
        first_id: int,  # noqa: ARG002  Kraken has no ids
        last_id: int,  # noqa: ARG002  same
        previous_id: int,  # noqa: ARG002  same
        bids: dict[int, int],
        asks: dict[int, int],
    ) -> None:
        """Changed levels, within the window of each depth that somebody is subscribed to; nothing where none is in it."""
        depths = [depth for depth, channel in self._books.items() if channel.subscribers]
        bid_side, ask_side = self._both()
        bid_told, ask_told = bid_side.change(bids, depths), ask_side.change(asks, depths)
        published = False
        micros = self._next_micros()
        for depth in depths:
            if bid_told[depth] or ask_told[depth]:
                frame = self._update_frame(bid_told[depth], ask_told[depth], micros)
                self._books[depth].publish(frame)
                published = True
        if published:
            self._faults -= Counter({"checksum": 1, "twice": 1})
            if any(
                not lots for told in (bid_told, ask_told) for levels in told.values() for _, lots in levels
            ):
                self._faults -= Counter({"zeros": 1})

    def second(self, day: Day) -> None:
        """The day's figures; nothing is sent for them."""
        self.figures.second(day)

    # What sessions ask for.

    def image(self) -> bytes:
        """The deepest book."""
        return self.snapshot(DEPTHS[-1])

    def snapshot(self, depth: int) -> bytes:
        """A book as last published, down to ``depth``."""
        bids, asks = self.book()
        levels = (self._levels(bids.top(depth)), self._levels(asks.top(depth)))
        return self._book_frame("snapshot", levels, self._checksum(), self._next_micros())

    def ticker(self, kind: Literal["snapshot", "update"]) -> bytes:
        """Best prices and the last 24 hours, as they stand."""
        return self._ticker(kind, *self.best())

    def last_trades(self) -> bytes:
        """The last fifty."""
        return self._trade_frame("snapshot", list(self.figures.fills)[-_SNAPSHOT_TRADES:])

    def candles(self, minutes: int, kind: Literal["snapshot", "update"]) -> bytes:
        """The bar at hand; a snapshot has those before it, oldest first."""
        most = _SNAPSHOT_CANDLES if kind == "snapshot" else 1
        bars = list(self.figures.candles[minutes])[-most:] or [self.figures.flat(minutes, self.now_ms())]
        texts = [self.figures.candle(self.wire, bar, minutes, self.price, self.quantity) for bar in bars]
        now = clock_text(self.now_ms() * 1000, nanos=True)
        return f'{{"channel":"ohlc","type":"{kind}","timestamp":"{now}","data":[{",".join(texts)}]}}'.encode()

    def book(self) -> tuple[BookSide, BookSide]:
        """Bids and asks as last published."""
        bids, asks = self._both()
        return bids.side, asks.side

    def best(self) -> tuple[Level, Level]:
        """Best bid and ask as last told."""
        if self._best is None:
            bids, asks = ((*side.top(1), (0, 0))[0] for side in self.book())
            self._best = (bids, asks)
        return self._best

    def now_ms(self) -> int:
        """The exchange's clock; that of the machine until the market opens."""
        return self.time_ms or time.time_ns() // 1_000_000

    # Scenarios.

    def scenario(self, name: str, **arguments: Any) -> None:
        """One of the methods below, by name."""
        known: dict[str, Callable[..., None]] = {
            "wrong_checksum": self.wrong_checksum,
            "twice": self.twice,
            "short_zeros": self.short_zeros,
            "thin": self.thin,
            "deep": self.deep,
            "precision": self.precision,
            "system": self.system,
        }
        call_named("scenario", known, name, arguments)

    def wrong_checksum(self, count: int = 1) -> None:
        """The next updates of the book say a checksum that is not that of the book."""
        self._faults["checksum"] += count

    def twice(self, count: int = 1) -> None:
        """The next updates of the book say some prices several times; the last entry holds."""
        self._faults["twice"] += count

    def short_zeros(self, count: int = 1) -> None:
        """The next updates that take levels away write ``0.0`` for it."""
        self._faults["zeros"] += count

    def thin(self, levels: int | None = 3) -> None:
        """From the next update on the market has only so many levels a side, 0 for an empty book, None for all again."""
        for side in self._both():
            side.most = levels

    def deep(self, levels: int = 1200) -> None:
        """From the next update on there are so many more levels a side, far off, so that a window of 1000 has an edge too; 0 ends it."""
        bids, asks = self._both()
        bid, ask = self.instrument.start_price - _FAR, self.instrument.start_price + _FAR
        bids.far = dict.fromkeys(range(bid, max(bid - levels, 0), -1), 7)
        asks.far = dict.fromkeys(range(ask, ask + levels), 7)

    def precision(self, price_decimals: int | None = None, quantity_decimals: int | None = None) -> None:
        """From now on numbers have more decimals, or again as many as the order flow; checksums and AssetPairs do too."""
        own = (self.instrument.price_decimals, self.instrument.quantity_decimals)
        asked = (price_decimals, quantity_decimals)
        wire = [least if wanted is None else wanted for least, wanted in zip(own, asked)]
        if any(places < least for places, least in zip(wire, own)):
            raise ConfigurationError(
                f"{self.wire} has prices of {own[0]} and quantities of {own[1]} decimals."
            )
        self.price, self.quantity = (Numerals(least, places) for least, places in zip(own, wire))

    def system(self, state: str) -> None:
        """The status channel says that the exchange is in another state."""
        if state not in _STATES:
            raise ConfigurationError(
                f"Kraken's system is never '{state}'.", hint=f"Known: {', '.join(_STATES)}."
            )
        self._exchange.system = state

    # Frames.

    def _both(self) -> tuple[Shown, Shown]:
        if self._sides is None:
            truth = self.truth()
            self._sides = (Shown(BookSide(1, truth.bids)), Shown(BookSide(-1, truth.asks)))
        return self._sides

    def _update_frame(self, bids: list[Level], asks: list[Level], micros: int) -> bytes:
        zero = "0.0" if self._faults["zeros"] > 0 else None
        if self._faults["twice"] > 0:
            bids, asks = _doubled(bids), _doubled(asks)
        value = self._checksum() ^ (self._faults["checksum"] > 0)
        return self._book_frame("update", (self._levels(bids, zero), self._levels(asks, zero)), value, micros)

    def _book_frame(self, kind: str, levels: tuple[str, str], value: int, micros: int) -> bytes:
        return (
            f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"{self.wire}","bids":[{levels[0]}],"asks":[{levels[1]}],'
            f'"checksum":{value},"timestamp":"{clock_text(micros)}"}}]}}'
        ).encode()

    def _levels(self, levels: list[Level], zero: str | None = None) -> str:
        price, quantity = self.price.text, self.quantity.text
        return ",".join(
            f'{{"price":{price(p)},"qty":{zero if zero and not q else quantity(q)}}}' for p, q in levels
        )

    def _checksum(self) -> int:
        return checksum(*self.book(), self.price, self.quantity)

    @property
    def book_ms(self) -> int:
        """The time of the book's last change."""
        return self._book_micros // 1000

    def _next_micros(self) -> int:
        """Times of a book never repeat; those of a clock that was set back go back with it."""
        micros = self.now_ms() * 1000 + self.now_ms() % 997
        set_back = micros < self._book_micros - _SET_BACK_MICROS
        self._book_micros = micros if set_back else max(micros, self._book_micros + 1)
        return self._book_micros

    def _ticker(self, kind: str, bid: Level, ask: Level) -> bytes:
        figures = self.figures.ticker(self.wire, bid, ask, self.price, self.quantity)
        now = clock_text(self.now_ms() * 1000 + self.now_ms() % 991)
        return f'{{"channel":"ticker","type":"{kind}","data":[{{{figures},"timestamp":"{now}"}}]}}'.encode()

    def _trade_frame(self, kind: str, fills: list[Fill]) -> bytes:
        texts = [
            f'{{"symbol":"{self.wire}","side":"{"sell" if fill.seller_aggressed else "buy"}",'
            f'"price":{self.price.text(fill.price)},"qty":{self.quantity.text(fill.lots)},"ord_type":"{fill.order_type}",'
            f'"trade_id":{fill.trade_id},"timestamp":"{clock_text(fill.time_micros)}"}}'
            for fill in fills
        ]
        return f'{{"channel":"trade","type":"{kind}","data":[{",".join(texts)}]}}'.encode()


def _doubled(levels: list[Level]) -> list[Level]:
    """Every level three times: with another quantity, gone, and as it is."""
    return [entry for price, lots in levels for entry in ((price, lots + 1), (price, 0), (price, lots))]
