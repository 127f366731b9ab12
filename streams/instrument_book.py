"""The book of one instrument: changes and images in; best prices, snapshots and gaps out. Deterministic: no clock, no I/O."""

from __future__ import annotations

from decimal import Decimal

from bookmill.book import Book, Top
from bookmill.settings import WorkerSettings
from schemas.codec import SCALE
from schemas.events import Reason, State
from schemas.gap_events import Cause
from streams.book_gaps import BookGaps
from streams.book_updates import BookUpdates
from streams.crossing import Crossing, crosses
from streams.emitter import Emitter, Place
from streams.gaps import Gaps
from streams.overlap import Overlap, line_of
from streams.synchronizer import Phase, Synchronizer
from venues.interface import Venue
from venues.messages import BookDiff, BookImage, Message

__all__ = ["InstrumentBook"]

_STANDS_STILL = 10
"""An exchange's clock that was set back may stand, or creep, until it is there again: then a snapshot is due after so many intervals
of receipt."""
_CHANGES_OF_HANDS = frozenset({"start", "joined", "successor lost"})
"""What concerns a book whoever it follows: from now on another connection brings its frames."""


class InstrumentBook:
    """Keeps the book in step with its exchange, and says what each change of it gives: events through ``emitter``, entries in ``gaps``.

    ``overlap`` says what counts of the frames of several connections. Of the ``settings``: one snapshot per so much event time, how
    many diffs may wait, how far exchange times may be from those of receipt.
    """

    def __init__(
        self, venue: Venue, settings: WorkerSettings, overlap: Overlap, gaps: Gaps, emitter: Emitter
    ) -> None:
        self.synchronizer = Synchronizer(venue.continuity, settings.pending_diffs)
        self.ledger = BookGaps(gaps, emitter)
        self.last_top: Top | None = None
        """Top of the spreads event before; None until the first diff after a join."""
        self.bucket = -1
        """Interval of event time the last periodic snapshot was written for."""
        self.snapshot_micros = 0
        """When the record was received that it came of."""
        self.crossing = Crossing()
        self.kept_from = 0
        """Offset of the first diff that waits for a snapshot, where any does."""
        self.unsettled = False
        """Something is to be said to the ledger when the record is done."""
        self._overlap = overlap
        self._gaps = gaps
        self._emitter = emitter
        self._updates = BookUpdates(emitter, settings.book_image_intervals) if settings.book_updates else None
        self._tolerance_micros = int(settings.clock_tolerance_s * 1e6)
        self._interval_micros = settings.snapshot_interval_ms * 1000
        self._patience_micros = self._interval_micros * _STANDS_STILL
        self._drift_micros: int | None = None
        """How far the time of a change is from that of its receipt, where the ledger has to know."""

    @property
    def state(self) -> State:
        """What events of the book say of it now."""
        catching_up = self._overlap.state.told_id and self._gaps.book is not None
        if self.synchronizer.phase is not Phase.LIVE or catching_up:
            return "resyncing"
        return self._live_state

    @property
    def _live_state(self) -> State:
        return "live" if self.crossing.since_micros is None else "degraded"

    def diff(self, diff: BookDiff, connection: bytes, place: Place) -> None:
        """Take a change that ``connection`` brought in the record at ``place``."""
        overlap, offer = self._overlap, self.synchronizer.offer
        follows = overlap.state
        if connection == follows.book and not overlap.ahead:  # nearly always
            follows.book_micros, follows.doubt_micros = place[1], 0
            if offer(diff):
                self._applied(diff, place)
            else:
                self._kept(place[2])
            return
        if not overlap.ahead:
            overlap.ahead_from = place[2]
        for one in overlap.choose(diff, connection, place[1], self.synchronizer):
            if offer(one):
                self._applied(one, place)
            else:
                self._kept(overlap.ahead_from)

    def image(self, image: BookImage, connection: bytes, place: Place) -> None:
        """Take an image: of the stream, of REST, or polled while no socket serves the instrument."""
        synchronizer = self.synchronizer
        if place[0] == "poll":
            self._polled(image, place)
            return
        if image.in_band and not self._overlap.meet(image, connection, place[1], synchronizer):
            synchronizer.lose("connection", since_micros=self._overlap.state.book_micros)
            self._kept()
        self.unsettled |= bool(self._overlap.state.left)
        waited = synchronizer.phase is not Phase.LIVE
        if waited:
            self.last_top, self.bucket, self.crossing.since_micros = None, -1, None
            self.unsettled = True
        if image.in_band:
            self._overlap.follow(connection, place[1])
            self._overlap.ahead.clear()
            self._in_band(image, place, waited=waited)
            return
        if waited:
            self.crossing.by_image = crosses(image)
        for diff in synchronizer.install(image):
            self._applied(diff, place)
        if waited and synchronizer.phase is Phase.LIVE:
            self.ledger.note_join("snapshot")
            self._snapshot("resync", synchronizer.last_time_micros, place)
            if self._updates:
                book, time_micros = synchronizer.book, synchronizer.last_time_micros
                self._updates.image(book, synchronizer.last_id, self.state, time_micros, place)
        elif waited:
            self.ledger.note_failure()

    def keep_again(self, message: Message) -> None:
        """Keep once more what a restored book was waiting with."""
        if type(message) is BookDiff:
            self.synchronizer.offer(message)
        elif type(message) is BookImage and not message.in_band:
            for _ in self.synchronizer.install(message):
                pass

    def lose(self, reason: str, cause: Cause, connection: bytes, place: Place, *, torn: bool) -> None:
        """Frames of its stream are missing on ``connection``, or may be. ``torn``: one was taken in part."""
        state = self._overlap.state
        if state.book and reason not in _CHANGES_OF_HANDS and line_of(connection) != line_of(state.book):
            # The book is made of another's frames: what is missing may be what was left out when it changed hands.
            if line_of(connection) == line_of(state.left) and not torn:
                self._tell_left(cause, place)
            return
        # Others may have brought frames since, which did not count.
        since_micros = state.book_micros or None
        self._overlap.follow(connection, place[1])
        self.synchronizer.tell_lost(reason, since_micros)
        self._kept()

    def settle(self, received_micros: int, place: Place) -> None:
        """Tell the ledger what the record has shown, after its other events. ``received_micros``: when the frame before it was."""
        time_micros = self.synchronizer.last_time_micros
        lost = self.ledger.settle(received_micros, time_micros, place)
        if lost and self._updates:
            self._updates.lost(self.synchronizer.last_id, time_micros, place)
        if self._overlap.fell_silent(place[1]):
            self._tell_left("silent", place)
        if self._drift_micros is not None:
            sane = -self._tolerance_micros <= self._drift_micros <= self._tolerance_micros
            self._gaps.watch_time("book", time_micros, self._emitter, place, sane=sane)
            self._drift_micros = None
        self.unsettled = bool(self._overlap.state.left)

    def _tell_left(self, cause: Cause, place: Place) -> None:
        """The book has changed hands, and the connection before brought nothing after that: its last frames are missing."""
        state = self._overlap.state
        state.left = b""
        time_micros = self.synchronizer.last_time_micros
        self.ledger.tell_past(cause, state.left_micros, state.taken_micros, time_micros, place)

    def _kept(self, offset: int | None = None) -> None:
        """A change was not applied: the diff at ``offset`` waits or is old, and the book may just have been lost."""
        if self.synchronizer.pending == 1 and offset is not None:
            self.kept_from = offset
        overlap = self._overlap.state
        if self.ledger.note_loss(self.synchronizer, overlap.whole_micros):
            self.unsettled, overlap.left = True, b""

    def _in_band(self, image: BookImage, place: Place, *, waited: bool) -> None:
        """An image that came in the stream takes the place of whatever was known."""
        if self.synchronizer.replace(image):
            if waited and not self._overlap.state.told_id:
                self.ledger.note_join("image")
            self.crossing.by_image = self.synchronizer.book.crossed()
            self._applied(image, place)
        else:
            self.ledger.note_failure()
            self._kept()

    def _polled(self, image: BookImage, place: Place) -> None:
        """A book that was asked for while no socket served it is told as it is; the socket's own book stays what it was."""
        book = Book()
        book.replace(image.bids, image.asks)
        time_micros = image.exchange_time_micros
        self._emitter.top("book", "degraded", image.last_id, book.top(), time_micros, place)
        self._emitter.snapshot(book, image.last_id, "degraded", "interval", time_micros, place)
        if self._updates:
            self._updates.image(book, image.last_id, "degraded", time_micros, place)

    def _applied(self, change: BookDiff | BookImage, place: Place) -> None:
        """Say what the diff (or the image in the stream) has changed."""
        whole = type(change) is BookImage
        if self._overlap.state.told_id:
            if self._overlap.catches_up(change, place[1]):
                return
            self._tell_again(change)
            whole = True
        top = self.synchronizer.book.top()
        bid, _, ask, _ = top
        exchange_micros = change.exchange_time_micros
        if exchange_micros is None:
            time_micros = place[1]
        else:
            time_micros = exchange_micros
            drift_micros = exchange_micros - place[1]
            if not -self._tolerance_micros <= drift_micros <= self._tolerance_micros or self._gaps.times:
                self._drift_micros = drift_micros
                self.unsettled = True
        crossed = bid is not None and ask is not None and bid >= ask
        if (crossed or self.crossing.since_micros is not None) and self.crossing.lasts(crossed, time_micros):
            self.synchronizer.lose("crossed", None, f"bid {_exact(bid)}, ask {_exact(ask)}")
            self._kept()
        if top != self.last_top:
            self.last_top = top
            self._emitter.top("book", self._live_state, change.last_id, top, exchange_micros, place)
        bucket = time_micros // self._interval_micros
        # By more than an interval backwards: the exchange's clock was set back, and nobody waits until it is there again.
        if (
            bucket > self.bucket
            or bucket < self.bucket - 1
            or place[1] - self.snapshot_micros > self._patience_micros
        ):
            # The first one after a loss says so; where diffs waited for their snapshot it comes when they are applied.
            reason: Reason = "resync" if self.bucket < 0 and whole else "interval"
            whole |= self._updates is not None and self._updates.is_due(self.bucket, bucket)
            self.bucket, self.snapshot_micros = bucket, place[1]
            self._snapshot(reason, exchange_micros, place)
        # Changes that waited are told by the image that ends the wait.
        if self._updates and self.synchronizer.phase is Phase.LIVE:
            if whole:
                book = self.synchronizer.book
                self._updates.image(book, change.last_id, self.state, exchange_micros, place)
            else:
                self._updates.change(change, self.state, place)

    def _tell_again(self, change: BookDiff | BookImage) -> None:
        """A book that went back to an image has caught up, or never will."""
        state, self.unsettled = self._overlap.state, True
        if self._gaps.book is None and change.last_id < state.told_id:
            self.ledger.note_untold(state.left_micros, state.told_id, change.last_id)
            self.last_top, self.bucket = None, -1
        else:
            self.ledger.note_join("image")
        self._overlap.told()

    def _snapshot(self, reason: Reason, time_micros: int | None, place: Place) -> None:
        synchronizer = self.synchronizer
        self._emitter.snapshot(
            synchronizer.book, synchronizer.last_id, self._live_state, reason, time_micros, place
        )


def _exact(scaled: int | None) -> str:
    return "none" if scaled is None else f"{Decimal(scaled).scaleb(-SCALE).normalize():f}"
