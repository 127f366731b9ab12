"""One instrument of one raw partition: messages in, events out. Deterministic: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from bookmill.book import Book, Top
from bookmill.settings import WorkerSettings
from schemas.codec import SCALE
from schemas.events import EventWriter, Reason, State
from schemas.gap_events import Cause
from streams.book_gaps import BookGaps
from streams.book_updates import BookUpdates
from streams.emitter import Emitter, Events, Place
from streams.gaps import Gap, Gaps, cause_of
from streams.overlap import SILENT_MICROS, Overlap, line_of
from streams.synchronizer import Phase, Synchronizer
from streams.trade_flow import TradeFlow
from streams.trades import Trades
from venues.interface import Venue
from venues.messages import BackfillEnd, BestBidAsk, BookDiff, BookImage, Liquidation, Message, Trade
from venues.units import BASE

__all__ = ["Instrument"]

CROSSED_MICROS = 5_000_000
"""A book crossed for longer than this, in event time, is lost, unless it came so: half-sent changes pass sooner."""
_STANDS_STILL = 10
"""An exchange's clock that was set back may stand, or creep, until it is there again: then a snapshot is due after so many intervals
of receipt."""
_CHANGES_OF_HANDS = frozenset({"start", "joined", "successor lost"})
"""What concerns a book whoever it follows: from now on another connection brings its frames."""


class Instrument:
    """Applies an instrument's messages to its book, its trades and its ledger, and writes the events they give.

    Of the ``settings``: how deep snapshots go, one of them per so much event time, how many diffs may wait, how far exchange
    times may be from those of receipt.
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
        self.synchronizer = Synchronizer(venue.continuity, settings.pending_diffs)
        self.gaps = Gaps()
        self.book_gaps = BookGaps(self.gaps, self.emitter)
        self.updates = (
            BookUpdates(self.emitter, settings.book_image_intervals) if settings.book_updates else None
        )
        self._tolerance_micros = int(settings.clock_tolerance_s * 1e6)
        self.trades = Trades(
            TradeFlow(venue.trade_sequence),
            self.gaps,
            self.emitter,
            tolerance_micros=self._tolerance_micros,
            old=venue.repeats_trades,
        )
        self.received: dict[str, int] = {}
        """When the last frame of each channel was received, µs since the epoch."""
        self.last_receive_micros = 0
        self.last_offset = -1
        """Of its last raw record."""
        self.crossings = 0
        self.last_top: Top | None = None
        """Top of the spreads event before; None until the first diff after a join."""
        self.bucket = -1
        """Interval of event time the last periodic snapshot was written for."""
        self.snapshot_micros = 0
        """When the record was received that it came of."""
        self.crossed_since_micros: int | None = None
        self.crossed_by_image = False
        """The exchange itself shows it crossed (an auction): another image would say the same."""
        self.resume_at = 0
        """What lies below this offset has been taken already: all was restored from a checkpoint taken there."""
        self.checkpointed_at = 0
        """Where its newest stored checkpoint stands."""
        self.kept_from = 0
        """Offset of the first diff that waits for a snapshot, where any does."""
        self._venue = venue
        self._interval_micros = settings.snapshot_interval_ms * 1000
        self._patience_micros = self._interval_micros * _STANDS_STILL
        self._drift_micros: int | None = None
        """How far the time of a book's change is from that of its receipt, where the ledger has to know."""
        self.unsettled = False
        """Something is to be said to the ledger when the record is done."""
        self.connection = b""
        """The one that brought the record at hand: set before :meth:`take` and :meth:`lose`."""
        self.overlap = Overlap(images_in_band=bool(venue.image_channels))

    @property
    def state(self) -> State:
        """What events of the book say of it now."""
        if self.synchronizer.phase is not Phase.LIVE:
            return "resyncing"
        return "live" if self.crossed_since_micros is None else "degraded"

    def take(self, messages: Sequence[Message], channel: str, place: Place, out: Events) -> None:
        """Process the messages of the raw record at ``place``; its events are appended to ``out``."""
        emitter = self.emitter
        emitter.begin(out)
        _, self.last_receive_micros, self.last_offset = place
        for message in messages:
            kind = type(message)
            if kind is BestBidAsk:
                self._best(message, place)  # type: ignore[arg-type]
            elif kind is Trade:
                self.trades.take(message, place)  # type: ignore[arg-type]
            elif kind is BookDiff:
                self._diff(message, place)  # type: ignore[arg-type]
            elif kind is BookImage:
                self._image(message, place)  # type: ignore[arg-type]
            elif kind is BackfillEnd:
                self.trades.end(message, place)  # type: ignore[arg-type]
            elif kind is not Liquidation or not self.overlap.repeats_liquidation(message, self.connection):  # type: ignore[arg-type]
                emitter.beside_the_book(message, place)  # type: ignore[arg-type]
        if self.unsettled:
            self._settle(channel, place, goes_on=place[0] == "ws")
        self.received[channel] = place[1]

    def take_again(self, messages: Sequence[Message], offset: int) -> None:
        """Keep once more the diffs that a restored book was waiting with; what came of them stands in the checkpoint."""
        synchronizer = self.synchronizer
        if synchronizer.phase is Phase.LIVE or offset < self.kept_from:
            return
        for message in messages:
            if type(message) is BookDiff:
                synchronizer.offer(message)
            elif type(message) is BookImage and not message.in_band:
                for _ in synchronizer.install(message):
                    pass

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
            followed = self.overlap.state.book
            if followed and reason not in _CHANGES_OF_HANDS and line_of(self.connection) != line_of(followed):
                # The book is made of another's frames: what is missing may be what was left out when it changed hands.
                if line_of(self.connection) == line_of(self.overlap.state.left) and not torn:
                    self._tell_left(cause, place)
                return
            # Others may have brought frames since, which did not count.
            since_micros = self.overlap.state.book_micros or None
            self.overlap.follow(self.connection, place[1])
            self.synchronizer.tell_lost(reason, since_micros)
            self._kept()
        elif channel in venue.book_channels:
            self.book_gaps.tell(cause, self.synchronizer.last_id)
        elif channel not in venue.trade_channels and before is not None:
            gap = Gap("", channel, cause, before)
            self.gaps.streams[channel] = self.gaps.open_gap(gap, None, self.emitter, place)
        elif lost := self.trades.lose(cause, place):
            self.gaps.streams[channel] = lost
        self._settle(channel, place, goes_on=False)

    def _settle(self, channel: str, place: Place, *, goes_on: bool) -> None:
        """Tell the ledger what the record has shown, after its other events. ``goes_on``: it was a frame of the channel."""
        gaps, emitter = self.gaps, self.emitter
        time_micros = self.synchronizer.last_time_micros
        lost = self.book_gaps.settle(self.received.get(channel, place[1]), time_micros, place)
        if lost and self.updates:
            self.updates.lost(self.synchronizer.last_id, time_micros, place)
        if self.overlap.fell_silent(place[1]):
            self._tell_left("silent", place)
        if self._drift_micros is not None:
            sane = -self._tolerance_micros <= self._drift_micros <= self._tolerance_micros
            gaps.watch_time("book", time_micros, emitter, place, sane=sane)
            self._drift_micros = None
        if goes_on and channel in gaps.streams:
            gap = gaps.streams.pop(channel)
            if gap.stream == "trades":
                self.trades.resume(gap, place)
            else:
                gaps.close_gap(gap, "resumed", None, emitter, place, complete=False)
        self.unsettled = self.owes

    @property
    def owes(self) -> bool:
        """Whether later records have something to say to the ledger that is due already."""
        return bool(self.gaps.streams or self.overlap.state.left)

    def _tell_left(self, cause: Cause, place: Place) -> None:
        """The book has changed hands, and the connection before brought nothing after that: its last frames are missing."""
        state = self.overlap.state
        state.left = b""
        time_micros = self.synchronizer.last_time_micros
        self.book_gaps.tell_past(cause, state.left_micros, state.taken_micros, time_micros, place)

    def _kept(self, offset: int | None = None) -> None:
        """A change was not applied: the diff at ``offset`` waits or is old, and the book may just have been lost."""
        if self.synchronizer.pending == 1 and offset is not None:
            self.kept_from = offset
        overlap = self.overlap.state
        if self.book_gaps.note_loss(self.synchronizer, overlap.whole_micros):
            self.unsettled, overlap.left = True, b""

    def _diff(self, diff: BookDiff, place: Place) -> None:
        overlap, offer = self.overlap, self.synchronizer.offer
        follows = overlap.state
        if self.connection == follows.book and not overlap.ahead:  # nearly always
            follows.book_micros, follows.doubt_micros = place[1], 0
            if offer(diff):
                self._applied(diff, place)
            else:
                self._kept(place[2])
            return
        if not overlap.ahead:
            overlap.ahead_from = place[2]
        for one in overlap.choose(diff, self.connection, place[1], self.synchronizer):
            if offer(one):
                self._applied(one, place)
            else:
                self._kept(overlap.ahead_from)

    def _best(self, best: BestBidAsk, place: Place) -> None:
        if place[0] != "ws" or not self.overlap.repeats_best(best, self.connection, place[1]):
            self.emitter.best(best, place)

    def _image(self, image: BookImage, place: Place) -> None:
        synchronizer = self.synchronizer
        if place[0] == "poll":
            self._polled(image, place)
            return
        if image.in_band and not self.overlap.meet(image, self.connection, place[1], synchronizer):
            synchronizer.lose("connection", since_micros=self.overlap.state.book_micros)
            self._kept()
        self.unsettled |= bool(self.overlap.state.left)
        waited = synchronizer.phase is not Phase.LIVE
        if waited:
            self.overlap.state.told_id = 0
            self.last_top, self.bucket, self.crossed_since_micros = None, -1, None
            self.unsettled = True
        if image.in_band:
            self._image_in_band(image, place, waited=waited)
            return
        if waited:
            self.crossed_by_image = _crossed(image)
        for diff in synchronizer.install(image):
            self._applied(diff, place)
        if waited and synchronizer.phase is Phase.LIVE:
            self.book_gaps.note_join("snapshot")
            self._snapshot("resync", synchronizer.last_time_micros, place)
            if self.updates:
                book, time_micros = synchronizer.book, synchronizer.last_time_micros
                self.updates.image(book, synchronizer.last_id, self.state, time_micros, place)
        elif waited:
            self.book_gaps.note_failure()

    def _image_in_band(self, image: BookImage, place: Place, *, waited: bool) -> None:
        """An image that came in the stream takes the place of whatever was known."""
        self.overlap.follow(self.connection, place[1])
        self.overlap.ahead.clear()
        if self.synchronizer.replace(image):
            if waited:
                self.book_gaps.note_join("image")
            self.crossed_by_image = self.synchronizer.book.crossed()
            self._applied(image, place)
        else:
            self.book_gaps.note_failure()
            self._kept()

    def _polled(self, image: BookImage, place: Place) -> None:
        """A book that was asked for while no socket served it is told as it is; the socket's own book stays what it was."""
        book = Book()
        book.replace(image.bids, image.asks)
        time_micros = image.exchange_time_micros
        self.emitter.top("book", "degraded", image.last_id, book.top(), time_micros, place)
        self.emitter.snapshot(book, image.last_id, "degraded", "interval", time_micros, place)
        if self.updates:
            self.updates.image(book, image.last_id, "degraded", time_micros, place)

    def _applied(self, change: BookDiff | BookImage, place: Place) -> None:
        """Say what the diff (or the image in the stream) has changed."""
        whole = type(change) is BookImage
        if self.overlap.state.told_id:
            if self.overlap.told(change, place[1]):
                return
            whole = True
        top = self.synchronizer.book.top()
        bid, _, ask, _ = top
        exchange_micros = change.exchange_time_micros
        if exchange_micros is None:
            time_micros = place[1]
        else:
            time_micros = exchange_micros
            drift_micros = exchange_micros - place[1]
            if not -self._tolerance_micros <= drift_micros <= self._tolerance_micros or self.gaps.times:
                self._drift_micros = drift_micros
                self.unsettled = True
        crossed = bid is not None and ask is not None and bid >= ask
        if crossed or self.crossed_since_micros is not None:
            self._watch_crossing(crossed, time_micros)
        if top != self.last_top:
            self.last_top = top
            state: State = "live" if self.crossed_since_micros is None else "degraded"
            self.emitter.top("book", state, change.last_id, top, exchange_micros, place)
        bucket = time_micros // self._interval_micros
        # By more than an interval backwards: the exchange's clock was set back, and nobody waits until it is there again.
        if (
            bucket > self.bucket
            or bucket < self.bucket - 1
            or place[1] - self.snapshot_micros > self._patience_micros
        ):
            # The first one after a loss says so; where diffs waited for their snapshot it comes when they are applied.
            reason: Reason = "resync" if self.bucket < 0 and type(change) is BookImage else "interval"
            whole |= self.updates is not None and self.updates.is_due(self.bucket, bucket)
            self.bucket, self.snapshot_micros = bucket, place[1]
            self._snapshot(reason, exchange_micros, place)
        # Changes that waited are told by the image that ends the wait.
        if self.updates and self.synchronizer.phase is Phase.LIVE:
            if whole:
                book = self.synchronizer.book
                self.updates.image(book, change.last_id, self.state, exchange_micros, place)
            else:
                self.updates.change(change, self.state, place)

    def _watch_crossing(self, crossed: bool, time_micros: int) -> None:  # noqa: FBT001  a fact of the book
        if not crossed:
            self.crossed_since_micros, self.crossed_by_image = None, False
        elif self.crossed_since_micros is None:
            self.crossed_since_micros = time_micros
            self.crossings += 1
        elif time_micros < self.crossed_since_micros:  # the exchange's clock was set back
            self.crossed_since_micros = time_micros
        elif time_micros - self.crossed_since_micros > CROSSED_MICROS and not self.crossed_by_image:
            bid, _, ask, _ = self.synchronizer.book.top()
            self.synchronizer.lose("crossed", None, f"bid {_exact(bid)}, ask {_exact(ask)}")
            self._kept()

    def _snapshot(self, reason: Reason, time_micros: int | None, place: Place) -> None:
        synchronizer = self.synchronizer
        state: State = "live" if self.crossed_since_micros is None else "degraded"
        self.emitter.snapshot(synchronizer.book, synchronizer.last_id, state, reason, time_micros, place)


def _crossed(image: BookImage) -> bool:
    bids, asks = image.bids, image.asks
    return bool(bids and asks) and max(bids)[0] >= min(asks)[0]


def _exact(scaled: int | None) -> str:
    return "none" if scaled is None else f"{Decimal(scaled).scaleb(-SCALE).normalize():f}"
