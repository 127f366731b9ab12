"""Frames of one instrument on two connections at once, as when one producer takes over from another: what counts of them.

Both bring the same, each in its own order, one a little behind the other. What a connection brings, the other must neither double nor
break:

* a book follows one connection. Where images come in the stream, its frames alone count until another brings an image, or until it
  brings nothing for :data:`SILENT_MICROS` while another does (then the book is lost and wants an image): changes of two
  connections have no common order there. An image that is behind the book, or behind where it was lost, is told of once it has caught
  up; if that takes longer than :data:`SILENT_MICROS`, the exchange counts anew, and what was not told is missing. One that comes when
  the followed connection has been silent for :data:`AHEAD_MICROS`, and shows another book, shows a loss too: nobody brought what lies
  between. One that comes sooner may show the same, if the connection that was followed brings nothing after it: that is known
  :data:`SILENT_MICROS` later, or once its producer says that frames are missing. Where changes are numbered by the exchange and images
  are asked of REST, whatever fits is applied, whoever brings it; what is ahead of the book waits while the connection that is followed
  still delivers.
* trades are known by their ids, best bids and asks by their update ids, liquidations by all they say.

No clock: times are those at which producers received the frames.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bookmill.book import Book
from streams.synchronizer import Phase, Synchronizer
from venues.interface import Verdict
from venues.messages import BestBidAsk, BookDiff, BookImage, Liquidation

__all__ = ["AHEAD_MICROS", "MOST_AHEAD", "SILENT_MICROS", "Overlap", "OverlapState", "line_of"]

AHEAD_MICROS = 1_000_000
"""A numbered change ahead of the book waits while the connection that is followed has brought one so lately."""
MOST_AHEAD = 1000
SILENT_MICROS = 5_000_000
_BEST_MICROS = 10_000_000
"""An update id not above the last one is a repetition for so long; later the exchange has begun anew."""
_RECENT_LIQUIDATIONS = 100
_BEST_LEVELS = 20


class OverlapState(msgspec.Struct, array_like=True):
    """What has to survive in a checkpoint. Connections are those of raw headers, empty: none yet; times are receive times in µs.

    ``book`` is followed, ``book_micros`` when it brought a change last, ``doubt_micros`` since when others bring changes and it does
    not (0: it does). ``best_id`` was brought last, by ``best``; ids between ``hole_low`` and ``hole_high`` were not seen.
    """

    book: bytes = b""
    book_micros: int = 0
    doubt_micros: int = 0
    best: bytes = b""
    best_id: int = -1
    best_micros: int = 0
    hole_low: int = 0
    hole_high: int = 0
    liquidations: list[tuple[str, str, str, int | None, bytes]] = msgspec.field(default_factory=list)
    """Price, quantity, side, time, and the connection; the scaled ints as texts, since 64 bits do not hold them."""
    told_id: int = 0
    """Where the book had been told when it went back to an image that is behind; 0: it did not, or has been told of since."""
    told_until: int = 0
    """So long it may catch up."""
    left: bytes = b""
    """Was followed until another's image, received at ``taken_micros``, took its place, and has not brought all since that the image
    has: it may be missing. Empty: there is no such doubt."""
    left_micros: int = 0
    """When the one before the last image of another brought a change last."""
    taken_micros: int = 0
    taken_id: int = 0
    """The image's update id, 0 where it has none: then whatever comes shows that the connection went on."""
    told_by: bytes = b""
    """The line whose image the book was made of when it was told last."""

    @property
    def whole_micros(self) -> int:
        """Until when at least the book was whole, if it is lost now; 0: until its last change."""
        return self.left_micros if self.left or self.told_id else 0


class Overlap:
    """``ahead``: changes that wait for the connection that is followed. Counters: ``passed`` over changes of books,
    ``repeated`` best bids and asks and liquidations. ``images_in_band``: the book's images come in its stream.
    """

    __slots__ = ("_images_in_band", "ahead", "ahead_from", "passed", "repeated", "state")

    def __init__(self, *, images_in_band: bool = False) -> None:
        self._images_in_band = images_in_band
        self.state = OverlapState()
        self.ahead: list[BookDiff] = []
        self.ahead_from = 0
        """Offset of the first of them."""
        self.passed = 0
        self.repeated = 0

    def follow(self, connection: bytes, micros: int) -> None:
        """The book follows this one from now on, or still."""
        state = self.state
        state.book, state.book_micros, state.doubt_micros = connection, micros, 0

    def meet(self, image: BookImage, connection: bytes, micros: int, synchronizer: Synchronizer) -> bool:
        """An image in the stream: whether a live book goes on with it, or has been lost before."""
        state = self.state
        behind = self._goes_back(image, connection, micros, synchronizer)
        if connection == state.book or not state.book or synchronizer.phase is not Phase.LIVE:
            return True
        self._hear(connection, image.last_id)
        if behind and not state.left:
            return True  # nothing lies between
        if micros - state.book_micros > AHEAD_MICROS:
            return _shows(image, synchronizer.book)
        if state.left:
            return False  # a second change of hands: nobody can tell any more what lies between
        if line_of(connection) != line_of(state.book) and not _shows(image, synchronizer.book):
            state.left_micros = state.whole_micros or state.book_micros
            state.left, state.taken_micros, state.taken_id = state.book, micros, image.last_id
        return True

    def _goes_back(
        self, image: BookImage, connection: bytes, micros: int, synchronizer: Synchronizer
    ) -> bool:
        """Whether an image of another line is behind what the book has been told as, lost or not; notes it. What one line brings is in
        order: if its own image is behind, the exchange counts anew."""
        state = self.state
        reached_id, line = state.told_id or synchronizer.last_id, line_of(connection)
        if 0 < image.last_id < reached_id and line != state.told_by:
            state.left_micros = state.whole_micros or state.book_micros
            # Where it was received long before what the book has been told as, so was what follows on it.
            latest = max(micros, state.book_micros)
            state.told_id, state.told_until = reached_id, max(state.told_until, latest + SILENT_MICROS)
            return True
        state.told_by = line
        if image.last_id < state.told_id:
            state.told_until = 0
        return False

    def fell_silent(self, micros: int) -> bool:
        """Whether the connection that was left would have brought something by now."""
        return bool(self.state.left) and micros - self.state.taken_micros > SILENT_MICROS

    def _hear(self, connection: bytes, reached: int) -> None:
        """A connection, maybe the one that was left, has brought all up to this update id: it has missed nothing that an image
        of that id or a lower one had before it."""
        state = self.state
        if state.left and reached >= state.taken_id and line_of(connection) == line_of(state.left):
            state.left = b""

    def catches_up(self, change: BookDiff | BookImage, micros: int) -> bool:
        """Whether a book that went back to an image has been told as it is now, and may still come to where it had been told."""
        return change.last_id < self.state.told_id and micros <= self.state.told_until

    def told(self) -> None:
        """The book is told of again."""
        state = self.state
        state.told_id, state.told_until, state.told_by = 0, 0, line_of(state.book)

    def choose(
        self, diff: BookDiff, connection: bytes, micros: int, synchronizer: Synchronizer
    ) -> Iterator[BookDiff]:
        """What of a change, and of those that waited, is to be offered to the book now; each before the next is asked for."""
        state = self.state
        self._hear(connection, diff.last_id)
        if not state.book or line_of(connection) == line_of(state.book):
            # One line hands over from connection to connection in order: what its new one brings follows on the old one's.
            self.follow(connection, micros)
            yield from self._in_turn(diff, synchronizer)
        elif synchronizer.phase is Phase.LIVE and not self._images_in_band:
            verdict = synchronizer.judge(diff)
            if verdict is Verdict.OLD:
                self.passed += 1
                yield diff  # or the exchange has begun anew
            elif verdict is Verdict.GAP and not self._waits_for_nobody(micros):
                self.ahead.append(diff)
            else:
                self.follow(connection, micros)
                yield from self._in_turn(diff, synchronizer)
        elif self._silent(micros):
            if synchronizer.phase is Phase.LIVE:
                synchronizer.lose("connection", since_micros=state.book_micros)
            self.follow(connection, micros)
            yield diff
        else:
            self.passed += 1

    def _in_turn(self, diff: BookDiff, synchronizer: Synchronizer) -> Iterator[BookDiff]:
        """A change that counts, and what of those ahead of the book is no more ahead of it then; all of them where it leaves a hole."""
        waiting, self.ahead = self.ahead, []
        if synchronizer.phase is not Phase.LIVE or synchronizer.judge(diff) is Verdict.GAP:
            yield from waiting
            yield diff
            return
        yield diff
        for position, one in enumerate(waiting):
            if synchronizer.phase is Phase.LIVE and synchronizer.judge(one) is Verdict.GAP:
                self.ahead = waiting[position:]
                return
            yield one

    def _silent(self, micros: int) -> bool:
        """Another connection brings a change: whether the one that is followed has been silent for too long beside it."""
        state = self.state
        state.doubt_micros = state.doubt_micros or max(micros, state.book_micros)  # late ones show nothing
        return micros - state.doubt_micros > SILENT_MICROS

    def _waits_for_nobody(self, micros: int) -> bool:
        """Whether a change ahead of the book has nothing to wait for: the connection that is followed has brought none for long."""
        return micros - self.state.book_micros > AHEAD_MICROS or len(self.ahead) >= MOST_AHEAD

    def repeats_best(self, best: BestBidAsk, connection: bytes, micros: int) -> bool:
        """Whether another connection has brought it; notes it where not."""
        state, number = self.state, best.update_id
        if connection != state.best and state.best:
            if 0 < number <= state.best_id and micros - state.best_micros <= _BEST_MICROS:
                if state.hole_low < number < state.hole_high:
                    state.hole_low = number
                    return False
                self.repeated += 1
                return True
            state.hole_low, state.hole_high = state.best_id, number
        state.best, state.best_id, state.best_micros = connection, number, micros
        return False

    def repeats_liquidation(self, one: Liquidation, connection: bytes) -> bool:
        """Whether another connection has brought the same; notes it where not. One connection may say the same twice."""
        state = self.state
        said = (str(one.price), str(one.quantity), one.side, one.exchange_time_micros)
        for known in state.liquidations:
            if known[:4] == said and known[4] != connection:
                state.liquidations.remove(known)  # each of two equal ones is repeated once
                self.repeated += 1
                return True
        state.liquidations.append((*said, connection))
        del state.liquidations[:-_RECENT_LIQUIDATIONS]
        return False


def _shows(image: BookImage, book: Book) -> bool:
    """Whether an image's best levels are those of the book."""
    sides = (sorted(image.bids, reverse=True), book.bids), (sorted(image.asks), book.asks)
    return all(levels[:_BEST_LEVELS] == [*zip(*side.levels(_BEST_LEVELS))] for levels, side in sides)


def line_of(connection: bytes) -> bytes:
    """The line a connection is one of: producers number those that follow one another behind a dot."""
    return connection.rpartition(b".")[0] or connection
