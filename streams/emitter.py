"""Writes the events of one instrument: in its units, under their ids, onto the batch they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field

from bookmill.book import Book, Top
from schemas.event_id import HEADER
from schemas.event_parts import Source
from schemas.events import EventWriter, Origin, Reason, State, UpdateKind
from schemas.gap_events import GapState
from venues.interface import Levels
from venues.messages import BestBidAsk, Derivative, Kline, Liquidation, Ticker, Trade
from venues.units import Unit

__all__ = ["Emitter", "Events", "OutgoingEvent", "Place"]

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
    gaps: list[OutgoingEvent] = field(default_factory=list)
    book_updates: list[OutgoingEvent] = field(default_factory=list)


Place = tuple[Source, int, int]
"""The raw record that is being processed: its source, when it was received (µs since the epoch), its offset."""


class Emitter:
    """``unit``: what the venue's quantities are; events say base units. ``levels``: how deep snapshots go.

    Call :meth:`begin` for each raw record, then write what it gives.
    """

    def __init__(self, key: bytes, id_prefix: bytes, writer: EventWriter, unit: Unit, *, levels: int) -> None:
        self.key = key
        self.unit = unit
        self._id_prefix = id_prefix
        self._writer = writer
        self._levels = levels
        self._index = self._update_index = 0
        self._out = Events()

    def begin(self, out: Events) -> None:
        """The next raw record; its events are appended to ``out``."""
        self._index = self._update_index = 0
        self._out = out

    def trade(self, trade: Trade, place: Place) -> None:
        """One ``trades`` event."""
        source, receive_micros, offset = place
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
        self._out.trades.append((self.key, value, self._next_id(offset)))

    def best(self, ticker: BestBidAsk, place: Place) -> None:
        """One ``spreads`` event of the exchange's own top of book."""
        top = (ticker.bid_price, ticker.bid_quantity, ticker.ask_price, ticker.ask_quantity)
        self.top("ticker", "live", ticker.update_id, top, ticker.exchange_time_micros, place)

    def top(
        self,
        origin: Origin,
        state: State,
        update_id: int,
        top: Top,
        exchange_time_micros: int | None,
        place: Place,
    ) -> None:
        """One ``spreads`` event."""
        source, receive_micros, offset = place
        value = self._writer.spread(
            origin,
            source,
            state,
            update_id,
            self.top_in_base(top) if self.unit.contracts else top,
            exchange_time_micros,
            receive_micros,
            offset,
            self._index,
        )
        self._out.spreads.append((self.key, value, self._next_id(offset)))

    def snapshot(
        self,
        book: Book,
        update_id: int,
        state: State,
        reason: Reason,
        exchange_time_micros: int | None,
        place: Place,
    ) -> None:
        """One ``book_snapshots`` event."""
        source, receive_micros, offset = place
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
            exchange_time_micros,
            receive_micros,
            offset,
            self._index,
        )
        self._out.book_snapshots.append((self.key, value, self._next_id(offset)))

    def book_update(
        self,
        kind: UpdateKind,
        state: State,
        update_id: int,
        depth: int | None,
        levels: tuple[Levels, Levels],
        exchange_time_micros: int | None,
        place: Place,
    ) -> None:
        """One ``book_updates`` event; they are numbered for themselves: with them or without, other events have the same ids."""
        source, receive_micros, offset = place
        bids, asks = levels
        if self.unit.contracts:
            bids, asks = self._levels_in_base(bids), self._levels_in_base(asks)
        value = self._writer.book_update(
            kind,
            source,
            state,
            update_id,
            depth,
            bids,
            asks,
            exchange_time_micros,
            receive_micros,
            offset,
            self._update_index,
        )
        identity = b"%b%020d/%06d" % (self._id_prefix, offset, self._update_index)
        self._update_index += 1
        self._out.book_updates.append((self.key, value, [(HEADER, identity)]))

    def beside_the_book(self, message: Ticker | Kline | Derivative | Liquidation, place: Place) -> None:
        """What comes a few times a second at most."""
        source, receive_micros, offset = place
        out, writer = self._out, self._writer
        end: tuple[int | None, int, int, int] = (
            message.exchange_time_micros,
            receive_micros,
            offset,
            self._index,
        )
        if isinstance(message, Ticker):
            events = out.tickers
            prices = (message.last_price, message.open_price, message.high_price, message.low_price)
            value = writer.ticker(source, *prices, message.volume, message.quote_volume, message.trades, *end)
        elif isinstance(message, Kline):
            events = out.klines
            bar = (message.open_price, message.high_price, message.low_price, message.close_price)
            value = writer.kline(
                source,
                message.interval,
                message.open_time_micros,
                bar,
                message.volume,
                message.quote_volume,
                message.trades,
                message.closed,
                *end,
            )
        elif isinstance(message, Derivative):
            events = out.derivatives
            value = writer.derivative(
                source,
                message.mark_price,
                message.index_price,
                message.funding_rate,
                message.next_funding_time_micros,
                message.open_interest,
                *end,
            )
        else:
            events = out.liquidations
            contracts = message.quantity if self.unit.contracts else None
            quantity = self.unit.base(message.quantity, message.price)
            value = writer.liquidation(source, message.price, quantity, contracts, message.side, *end)
        events.append((self.key, value, self._next_id(offset)))

    def gap(self, state: GapState, exchange_time_micros: int | None, place: Place) -> None:
        """One ``gaps`` event."""
        source, receive_micros, offset = place
        value = self._writer.gap(source, state, exchange_time_micros, receive_micros, offset, self._index)
        self._out.gaps.append((self.key, value, self._next_id(offset)))

    def event_id(self, place: Place) -> str:
        """The id of the next event."""
        return self._id(place[2]).decode()

    def _id(self, offset: int) -> bytes:
        return b"%b%020d/%06d" % (self._id_prefix, offset, self._index)  # as schemas.event_id.event_id

    def _next_id(self, offset: int) -> list[tuple[str, bytes]]:
        identity = b"%b%020d/%06d" % (self._id_prefix, offset, self._index)  # as schemas.event_id.event_id
        self._index += 1
        return [(HEADER, identity)]

    def top_in_base(self, top: Top) -> Top:
        """Prices and base units of a book's top."""
        if not self.unit.contracts:
            return top
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
