"""One instrument of one raw partition: messages in, events out. Deterministic: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.events import EventWriter, Reason, State
from streams.book import Book, Top
from streams.emitter import Emitter, Events, Place
from streams.overlap import Overlap
from streams.synchronizer import Phase, Synchronizer
from venues.messages import BestBidAsk, BookDiff, BookImage, BookLost, Liquidation, Message, Trade
from venues.units import Unit

__all__ = ["Instrument"]

CROSSED_MICROS = 5_000_000
"""A book crossed for longer than this, in event time, is lost, unless it came so: half-sent changes pass sooner."""

_RECENT_TRADES = 1000
_POLLED = -1


class Instrument:
    """Applies an instrument's messages to its book and writes the events they give.

    ``interval_micros``: one ``book_snapshots`` event per so much event time. ``levels``: how deep it goes. ``unit``: what the
    venue's quantities are; the book holds them as they came, events say base units. ``checks_trades``: a trade may come twice.
    ``images_in_band``: the book's images come in its stream.
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
        checks_trades: bool = False,
        images_in_band: bool = False,
    ) -> None:
        self.wire_symbol = wire_symbol
        self.symbol = symbol
        self.key = key
        self.emitter = Emitter(key, id_prefix, writer, unit, levels=levels)
        self.synchronizer = synchronizer
        self.last_receive_micros = 0
        self.trades = 0
        self.crossings = 0
        self.last_top: Top | None = None
        """Top of the spreads event before; None until the first diff after a join."""
        self.bucket = -1
        """Interval of event time the last periodic snapshot was written for."""
        self.crossed_since_micros: int | None = None
        self.crossed_by_image = False
        """The exchange itself shows it crossed (an auction): another image would say the same."""
        self.resume_at = 0
        """Book frames below this offset are in the book already: it was restored from a checkpoint taken there."""
        self.repeated_trades = 0
        """Trades passed over because they had come before."""
        self.recent_trades: dict[str, int | None] = {}
        """Ids of the trades seen last, oldest first, with their times (µs; :data:`_POLLED`): part of the book's checkpoint."""
        self.checks_trades = checks_trades
        self.connection = b""
        """The one that brought the record at hand: set before :meth:`take`."""
        self.overlap = Overlap(images_in_band=images_in_band)
        self._interval_micros = interval_micros

    @property
    def settled(self) -> bool:
        """Whether the book is all there is to know: live, and nothing waits to be applied to it."""
        return self.synchronizer.phase is Phase.LIVE and not self.overlap.ahead

    @property
    def state(self) -> State:
        """What events of the book say of it now."""
        if self.synchronizer.phase is not Phase.LIVE:
            return "resyncing"
        return "live" if self.crossed_since_micros is None else "degraded"

    def take(self, messages: Sequence[Message], place: Place, out: Events) -> None:
        """Process the messages of the raw record at ``place``; its events are appended to ``out``."""
        emitter = self.emitter
        emitter.begin(out)
        self.last_receive_micros = place[1]
        for message in messages:
            kind = type(message)
            if kind is BestBidAsk:
                self._best(message, place)  # type: ignore[arg-type]
            elif kind is Trade:
                self._trade(message, place)  # type: ignore[arg-type]
            elif kind is BookDiff:
                self._diff(message, place)  # type: ignore[arg-type]
            elif kind is BookImage:
                self._image(message, place)  # type: ignore[arg-type]
            elif kind is BookLost:
                self.overlap.follow(self.connection, place[1])
                self.synchronizer.tell_lost(message.reason)  # type: ignore[union-attr]
            elif kind is not Liquidation or not self._repeated_liquidation(message, place):  # type: ignore[arg-type]
                emitter.beside_the_book(message, place)  # type: ignore[arg-type]

    def _diff(self, diff: BookDiff, place: Place) -> None:
        overlap, offer = self.overlap, self.synchronizer.offer
        follows = overlap.state
        if self.connection == follows.book and not overlap.ahead:  # nearly always
            follows.book_micros, follows.doubt_micros = place[1], 0
            if offer(diff):
                self._applied(diff, place)
            return
        for one in overlap.choose(diff, self.connection, place[1], self.synchronizer):
            if offer(one):
                self._applied(one, place)

    def _best(self, best: BestBidAsk, place: Place) -> None:
        if place[0] == "ws":
            if place[2] < self.resume_at and self.overlap.state.mixed:
                return  # its events are stored, and what was repeated then cannot be told any more
            if self.overlap.repeats_best(best, self.connection, place[1]):
                return
        self.emitter.best(best, place)

    def _repeated_liquidation(self, one: Liquidation, place: Place) -> bool:
        if place[2] < self.resume_at and self.overlap.state.liquidations:
            return True  # same
        return self.overlap.repeats_liquidation(one, self.connection)

    def _trade(self, trade: Trade, place: Place) -> None:
        polled = place[0] == "poll"
        connections = self.overlap.state
        if self.connection != connections.trades and not polled:
            self.checks_trades |= bool(connections.trades)
            connections.trades = self.connection
        self.checks_trades |= polled
        recent, time_micros = self.recent_trades, trade.exchange_time_micros
        if self.checks_trades and trade.trade_id in recent:
            # A market that began anew counts from the start again, at other times; a poll's times are coarser than a socket's.
            before = recent[trade.trade_id]
            if polled or before in (_POLLED, time_micros):
                self.repeated_trades += 1
                return
            del recent[trade.trade_id]
        recent[trade.trade_id] = _POLLED if polled else time_micros
        if len(recent) > _RECENT_TRADES:
            del recent[next(iter(recent))]
        self.trades += 1
        self.emitter.trade(trade, place)

    def _image(self, image: BookImage, place: Place) -> None:
        synchronizer = self.synchronizer
        if place[0] == "poll":
            self._polled(image, place)
            return
        if synchronizer.phase is not Phase.LIVE:
            self.last_top, self.bucket, self.crossed_since_micros = None, -1, None
        if image.in_band:
            self.overlap.follow(self.connection, place[1])
            self.overlap.ahead.clear()
            if synchronizer.replace(image):
                self.crossed_by_image = synchronizer.book.crossed()
                self._applied(image, place)
            return
        joins = synchronizer.counters.joins
        if synchronizer.phase is not Phase.LIVE:
            self.crossed_by_image = _crossed(image)
        for diff in synchronizer.install(image):
            self._applied(diff, place)
        if synchronizer.counters.joins > joins and synchronizer.phase is Phase.LIVE:
            self._snapshot("resync", synchronizer.last_time_micros, place)

    def _polled(self, image: BookImage, place: Place) -> None:
        """A book that was asked for while no socket served it is told as it is; the socket's own book stays what it was."""
        book = Book()
        book.replace(image.bids, image.asks)
        time_micros = image.exchange_time_micros
        self.emitter.top("book", "degraded", image.last_id, book.top(), time_micros, place)
        self.emitter.snapshot(book, image.last_id, "degraded", "interval", time_micros, place)

    def _applied(self, change: BookDiff | BookImage, place: Place) -> None:
        """Say what the diff (or the image in the stream) has changed."""
        top = self.synchronizer.book.top()
        bid, _, ask, _ = top
        exchange_micros = change.exchange_time_micros
        time_micros = place[1] if exchange_micros is None else exchange_micros
        crossed = bid is not None and ask is not None and bid >= ask
        if crossed or self.crossed_since_micros is not None:
            self._watch_crossing(crossed, time_micros)
        if top != self.last_top:
            self.last_top = top
            state: State = "live" if self.crossed_since_micros is None else "degraded"
            self.emitter.top("book", state, change.last_id, top, exchange_micros, place)
        bucket = time_micros // self._interval_micros
        if bucket > self.bucket:
            # The first one after a loss says so; where diffs waited for their snapshot it comes when they are applied.
            reason: Reason = "resync" if self.bucket < 0 and type(change) is BookImage else "interval"
            self.bucket = bucket
            self._snapshot(reason, exchange_micros, place)

    def _watch_crossing(self, crossed: bool, time_micros: int) -> None:  # noqa: FBT001  a fact of the book
        if not crossed:
            self.crossed_since_micros, self.crossed_by_image = None, False
        elif self.crossed_since_micros is None:
            self.crossed_since_micros = time_micros
            self.crossings += 1
        elif time_micros - self.crossed_since_micros > CROSSED_MICROS and not self.crossed_by_image:
            self.synchronizer.lose("crossed")

    def _snapshot(self, reason: Reason, time_micros: int | None, place: Place) -> None:
        synchronizer = self.synchronizer
        state: State = "live" if self.crossed_since_micros is None else "degraded"
        self.emitter.snapshot(synchronizer.book, synchronizer.last_id, state, reason, time_micros, place)


def _crossed(image: BookImage) -> bool:
    bids, asks = image.bids, image.asks
    return bool(bids and asks) and max(bids)[0] >= min(asks)[0]
