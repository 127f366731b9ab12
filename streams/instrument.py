"""One instrument of one raw partition: messages in, events out. Deterministic: no clock, no I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.event_id import HEADER
from schemas.events import EventWriter, Reason, Source, State
from streams.book import Book, Top
from streams.synchronizer import Phase, Synchronizer
from venues.interface import Levels
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    BookLost,
    Derivative,
    Kline,
    Liquidation,
    Message,
    Ticker,
    Trade,
)
from venues.units import Unit

__all__ = ["Events", "Instrument", "OutgoingEvent"]

CROSSED_MICROS = 5_000_000
"""A book crossed for longer than this, in event time, is lost: auctions and half-sent changes pass sooner."""

_RECENT_TRADES = 1000

OutgoingEvent = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value and headers of an event record."""


@dataclass(slots=True)
class Events:
    """What a batch of raw records gives, by topic, in order."""

    trades: list[OutgoingEvent] = field(default_factory=list)
    spreads: list[OutgoingEvent] = field(default_factory=list)
    book_snapshots: list[OutgoingEvent] = field(default_factory=list)
    tickers: list[OutgoingEvent] = field(default_factory=list)
    klines: list[OutgoingEvent] = field(default_factory=list)
    derivatives: list[OutgoingEvent] = field(default_factory=list)
    liquidations: list[OutgoingEvent] = field(default_factory=list)


class Instrument:
    """Applies an instrument's messages to its book and writes the events they give.

    ``interval_micros``: one ``book_snapshots`` event per so much event time. ``levels``: how deep it goes. ``unit``: what the
    venue's quantities are; the book holds them as they came, events say base units.
    """

    def __init__(
        self,
        *,
        wire_symbol: str,
        symbol: str,
        key: bytes,
        id_prefix: bytes,
        writer: EventWriter,
        synchronizer: Synchronizer,
        levels: int,
        interval_micros: int,
        unit: Unit,
    ) -> None:
        self.wire_symbol = wire_symbol
        self.symbol = symbol
        self.key = key
        self.synchronizer = synchronizer
        self.unit = unit
        self.last_receive_micros = 0
        self.trades = 0
        self.crossings = 0
        self.last_top: Top | None = None
        """Top of the spreads event before; None until the first diff after a join."""
        self.bucket = -1
        """Interval of event time the last periodic snapshot was written for."""
        self.crossed_since_micros: int | None = None
        self.resume_at = 0
        """Book frames below this offset are in the book already: it was restored from a checkpoint taken there."""
        self._id_prefix = id_prefix
        self._writer = writer
        self._levels = levels
        self._interval_micros = interval_micros
        self._index = 0
        self.repeated_trades = 0
        """Trades that a socket and a poll both brought, passed over the second time."""
        self.recent_trades: deque[str] = deque(maxlen=_RECENT_TRADES)
        """Ids of the trades seen last: part of the book's checkpoint."""
        self.polled_trades = False
        """Whether polled ones may be among them."""

    @property
    def state(self) -> State:
        """What events of the book say of it now."""
        if self.synchronizer.phase is not Phase.LIVE:
            return "resyncing"
        return "live" if self.crossed_since_micros is None else "degraded"

    def take(
        self, messages: Sequence[Message], source: Source, receive_micros: int, offset: int, out: Events
    ) -> None:
        """Process the messages of the raw record at ``offset``; its events are appended to ``out``."""
        self._index = 0
        self.last_receive_micros = receive_micros
        for message in messages:
            kind = type(message)
            if kind is BestBidAsk:
                self._best_bid_ask(message, source, receive_micros, offset, out)  # type: ignore[arg-type]
            elif kind is Trade:
                self._trade(message, source, receive_micros, offset, out)  # type: ignore[arg-type]
            elif kind is BookDiff:
                if self.synchronizer.offer(message):  # type: ignore[arg-type]
                    self._applied(message, source, receive_micros, offset, out)  # type: ignore[arg-type]
            elif kind is BookImage:
                self._image(message, source, receive_micros, offset, out)  # type: ignore[arg-type]
            elif kind is BookLost:
                self.synchronizer.tell_lost(message.reason)  # type: ignore[union-attr]
            else:
                self._beside_the_book(message, source, receive_micros, offset, out)  # type: ignore[arg-type]

    def _next_id(self, offset: int) -> list[tuple[str, bytes]]:
        identity = b"%b%020d/%06d" % (self._id_prefix, offset, self._index)  # as schemas.event_id.event_id
        self._index += 1
        return [(HEADER, identity)]

    def _best_bid_ask(
        self, ticker: BestBidAsk, source: Source, receive_micros: int, offset: int, out: Events
    ) -> None:
        top = (ticker.bid_price, ticker.bid_quantity, ticker.ask_price, ticker.ask_quantity)
        value = self._writer.spread(
            "ticker",
            source,
            "live",
            ticker.update_id,
            self._top_in_base(top) if self.unit.contracts else top,
            ticker.exchange_time_micros,
            receive_micros,
            offset,
            self._index,
        )
        out.spreads.append((self.key, value, self._next_id(offset)))

    def _trade(self, trade: Trade, source: Source, receive_micros: int, offset: int, out: Events) -> None:
        if self._is_known(trade.trade_id, source):
            self.repeated_trades += 1
            return
        self.trades += 1
        contracts = trade.quantity if self.unit.contracts else None
        value = self._writer.trade(
            source,
            trade.trade_id,
            trade.price,
            trade.quantity if contracts is None else self.unit.base(contracts, trade.price),
            contracts,
            trade.side,
            trade.aggregated,
            trade.exchange_time_micros,
            receive_micros,
            offset,
            self._index,
        )
        out.trades.append((self.key, value, self._next_id(offset)))

    def _is_known(self, trade_id: str, source: Source) -> bool:
        """Whether the trade came before, from the other side. Sockets alone repeat none, and are not looked after."""
        recent = self.recent_trades
        if source == "poll":
            self.polled_trades = True
        if self.polled_trades and trade_id in recent:
            return True
        recent.append(trade_id)
        return False

    def _image(self, image: BookImage, source: Source, receive_micros: int, offset: int, out: Events) -> None:
        synchronizer = self.synchronizer
        if synchronizer.phase is not Phase.LIVE:
            self.last_top, self.bucket, self.crossed_since_micros = None, -1, None
        joins = synchronizer.counters.joins
        if source == "poll":
            self._polled(image, receive_micros, offset, out)
            return
        if image.in_band:
            if synchronizer.replace(image):
                self._applied(image, source, receive_micros, offset, out)
            return
        for diff in synchronizer.install(image):
            self._applied(diff, source, receive_micros, offset, out)
        if synchronizer.counters.joins > joins and synchronizer.phase is Phase.LIVE:
            self._snapshot("resync", source, synchronizer.last_time_micros, receive_micros, offset, out)

    def _polled(self, image: BookImage, receive_micros: int, offset: int, out: Events) -> None:
        """A book that was asked for while no socket served it: what it shows is told, the book of the socket stays what it is."""
        book = Book()
        book.replace(image.bids, image.asks)
        top = book.top()
        value = self._writer.spread(
            "book",
            "poll",
            "degraded",
            image.last_id,
            self._top_in_base(top) if self.unit.contracts else top,
            image.exchange_time_micros,
            receive_micros,
            offset,
            self._index,
        )
        out.spreads.append((self.key, value, self._next_id(offset)))
        self._write_snapshot(
            book,
            image.last_id,
            "degraded",
            "interval",
            "poll",
            image.exchange_time_micros,
            receive_micros,
            offset,
            out,
        )

    def _applied(
        self, diff: BookDiff | BookImage, source: Source, receive_micros: int, offset: int, out: Events
    ) -> None:
        """Say what the diff (or the image in the stream) has changed."""
        top = self.synchronizer.book.top()
        bid, ask = top[0], top[2]
        time_micros = diff.exchange_time_micros if diff.exchange_time_micros is not None else receive_micros
        self._watch_crossing(bid is not None and ask is not None and bid >= ask, time_micros)
        if top != self.last_top:
            self.last_top = top
            value = self._writer.spread(
                "book",
                source,
                "live" if self.crossed_since_micros is None else "degraded",
                diff.last_id,
                self._top_in_base(top) if self.unit.contracts else top,
                diff.exchange_time_micros,
                receive_micros,
                offset,
                self._index,
            )
            out.spreads.append((self.key, value, self._next_id(offset)))
        bucket = time_micros // self._interval_micros
        if bucket > self.bucket:
            # The first one after a loss says so; where diffs waited, it comes when they are applied.
            joined = self.bucket < 0 and type(diff) is BookImage
            self.bucket = bucket
            self._snapshot(
                "resync" if joined else "interval",
                source,
                diff.exchange_time_micros,
                receive_micros,
                offset,
                out,
            )

    def _watch_crossing(self, crossed: bool, time_micros: int) -> None:  # noqa: FBT001  a fact of the book
        if not crossed:
            self.crossed_since_micros = None
        elif self.crossed_since_micros is None:
            self.crossed_since_micros = time_micros
            self.crossings += 1
        elif time_micros - self.crossed_since_micros > CROSSED_MICROS:
            self.synchronizer.lose("crossed")

    def _snapshot(
        self,
        reason: Reason,
        source: Source,
        time_micros: int | None,
        receive_micros: int,
        offset: int,
        out: Events,
    ) -> None:
        state: State = "live" if self.crossed_since_micros is None else "degraded"
        self._write_snapshot(
            self.synchronizer.book,
            self.synchronizer.last_id,
            state,
            reason,
            source,
            time_micros,
            receive_micros,
            offset,
            out,
        )

    def _write_snapshot(
        self,
        book: Book,
        update_id: int,
        state: State,
        reason: Reason,
        source: Source,
        time_micros: int | None,
        receive_micros: int,
        offset: int,
        out: Events,
    ) -> None:
        bids, asks = book.bids.levels(self._levels), book.asks.levels(self._levels)
        if self.unit.contracts:
            bids, asks = self._levels_in_base(bids), self._levels_in_base(asks)
        value = self._writer.book_snapshot(
            source,
            state,
            reason,
            update_id,
            bids,
            asks,
            time_micros,
            receive_micros,
            offset,
            self._index,
        )
        out.book_snapshots.append((self.key, value, self._next_id(offset)))

    def _beside_the_book(
        self,
        message: Ticker | Kline | Derivative | Liquidation,
        source: Source,
        receive_micros: int,
        offset: int,
        out: Events,
    ) -> None:
        """What comes a few times a second at most."""
        writer, origin = self._writer, (receive_micros, offset, self._index)
        if isinstance(message, Ticker):
            events, value = out.tickers, writer.ticker(source, message, *origin)
        elif isinstance(message, Kline):
            events, value = out.klines, writer.kline(source, message, *origin)
        elif isinstance(message, Derivative):
            events, value = out.derivatives, writer.derivative(source, message, *origin)
        else:
            quantity = self.unit.base(message.quantity, message.price)
            contracts = message.quantity if self.unit.contracts else None
            events, value = (
                out.liquidations,
                writer.liquidation(source, message, quantity, contracts, *origin),
            )
        events.append((self.key, value, self._next_id(offset)))

    def _top_in_base(self, top: Top) -> Top:
        bid, bid_quantity, ask, ask_quantity = top
        base = self.unit.base
        return (
            bid,
            None if bid is None or bid_quantity is None else base(bid_quantity, bid),
            ask,
            None if ask is None or ask_quantity is None else base(ask_quantity, ask),
        )

    def _levels_in_base(self, levels: Levels) -> Levels:
        prices, quantities = levels
        return prices, [
            self.unit.base(quantity, price) for price, quantity in zip(prices, quantities, strict=True)
        ]
