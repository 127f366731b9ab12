"""One instrument of one raw partition: messages in, events out. Deterministic: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence

from bookmill.settings import WorkerSettings
from schemas.events import EventWriter, State
from streams.emitter import Emitter, Events, Place
from streams.gaps import Gap, Gaps, cause_of
from streams.instrument_book import InstrumentBook
from streams.overlap import SILENT_MICROS, Overlap
from streams.synchronizer import Phase
from streams.trade_flow import TradeFlow
from streams.trades import Trades
from venues.interface import Venue
from venues.messages import BackfillEnd, BestBidAsk, BookDiff, BookImage, Liquidation, Message, Trade
from venues.units import BASE

__all__ = ["Instrument"]


class Instrument:
    """Applies an instrument's messages to its book, its trades and its ledger, and writes the events they give.

    Of the ``settings``: how deep snapshots go, how far exchange times may be from those of receipt, and what the book wants.
    """

    def __init__(
        self,
        venue: Venue,
        settings: WorkerSettings,
        *,
        wire_symbol: str,
        symbol: str,
        key: bytes,
        id_prefix: bytes,
        writer: EventWriter,
    ) -> None:
        self.wire_symbol = wire_symbol
        self.symbol = symbol
        self.key = key
        self.emitter = Emitter(key, id_prefix, writer, BASE, levels=settings.snapshot_levels)
        self.gaps = Gaps()
        self.overlap = Overlap(images_in_band=bool(venue.image_channels))
        self.book = InstrumentBook(venue, settings, self.overlap, self.gaps, self.emitter)
        self.trades = Trades(
            TradeFlow(venue.trade_sequence),
            self.gaps,
            self.emitter,
            tolerance_micros=int(settings.clock_tolerance_s * 1e6),
            old=venue.repeats_trades,
        )
        self.received: dict[str, int] = {}
        """When the last frame of each channel was received, µs since the epoch."""
        self.last_receive_micros = 0
        self.last_offset = -1
        """Of its last raw record."""
        self.resume_at = 0
        """What lies below this offset has been taken already: all was restored from a checkpoint taken there."""
        self.checkpointed_at = 0
        """Where its newest stored checkpoint stands."""
        self.connection = b""
        """The one that brought the record at hand: set before :meth:`take` and :meth:`lose`."""
        self._venue = venue

    @property
    def state(self) -> State:
        """What events of the book say of it now."""
        return self.book.state

    def take(self, messages: Sequence[Message], channel: str, place: Place, out: Events) -> None:
        """Process the messages of the raw record at ``place``; its events are appended to ``out``."""
        emitter, connection = self.emitter, self.connection
        emitter.begin(out)
        _, self.last_receive_micros, self.last_offset = place
        for message in messages:
            kind = type(message)
            if kind is BestBidAsk:
                if place[0] != "ws" or not self.overlap.repeats_best(message, connection, place[1]):  # type: ignore[arg-type]
                    emitter.best(message, place)  # type: ignore[arg-type]
            elif kind is Trade:
                self.trades.take(message, place)  # type: ignore[arg-type]
            elif kind is BookDiff:
                self.book.diff(message, connection, place)  # type: ignore[arg-type]
            elif kind is BookImage:
                self.book.image(message, connection, place)  # type: ignore[arg-type]
            elif kind is BackfillEnd:
                self.trades.end(message, place)  # type: ignore[arg-type]
            elif kind is not Liquidation or not self.overlap.repeats_liquidation(message, connection):  # type: ignore[arg-type]
                emitter.beside_the_book(message, place)  # type: ignore[arg-type]
        if self.book.unsettled or self.gaps.streams:
            self._settle(channel, place, goes_on=place[0] == "ws")
        self.received[channel] = place[1]

    def take_again(self, messages: Sequence[Message], offset: int) -> None:
        """Keep once more the diffs that a restored book was waiting with; what came of them stands in the checkpoint."""
        if self.book.synchronizer.phase is not Phase.LIVE and offset >= self.book.kept_from:
            for message in messages:
                self.book.keep_again(message)

    def lose(self, channel: str, reason: str, place: Place, out: Events, *, torn: bool = False) -> None:
        """Frames of a channel are missing, or may be. Of what never came nothing is lost. ``torn``: one was taken in part."""
        if place[2] != self.last_offset:
            self.emitter.begin(out)  # unless half of the record's own events are written already
            self.last_offset = place[2]
        cause, venue, before = cause_of(reason), self._venue, self.received.get(channel)
        if channel in self.gaps.streams or (before is None and not torn):
            return
        if reason == "joined" and before is not None and place[1] - before <= SILENT_MICROS:
            return  # whoever collected before goes on until this one delivers all
        if channel in venue.image_channels or (torn and channel in (*venue.book_channels, "snapshot")):
            self.book.lose(reason, cause, self.connection, place, torn=torn)
        elif channel in venue.book_channels:
            self.book.ledger.tell(cause, self.book.synchronizer.last_id)
        elif channel not in venue.trade_channels and before is not None:
            gap = Gap("", channel, cause, before)
            self.gaps.streams[channel] = self.gaps.open_gap(gap, None, self.emitter, place)
        elif lost := self.trades.lose(cause, place):
            self.gaps.streams[channel] = lost
        self._settle(channel, place, goes_on=False)

    def _settle(self, channel: str, place: Place, *, goes_on: bool) -> None:
        """Tell the ledger what the record has shown, after its other events. ``goes_on``: it was a frame of the channel."""
        self.book.settle(self.received.get(channel, place[1]), place)
        gaps = self.gaps
        if goes_on and channel in gaps.streams:
            gap = gaps.streams.pop(channel)
            if gap.stream == "trades":
                self.trades.resume(gap, place)
            else:
                gaps.close_gap(gap, "resumed", None, self.emitter, place, complete=False)
