"""What one book says of each of its changes: images and deltas, by which a reader has the book at every moment.

An image is written after each join, for each image in the stream, where a book that went back to an image has caught up, and
for the first change in every so many intervals of event time; a delta for every other change. A book that is lost says so and
is silent then until it is whole again: waiting changes are told with the image that ends the wait. All of it follows from what
a checkpoint holds anyway, so whoever takes the instrument over goes on with the same events.
"""

from __future__ import annotations

from collections.abc import Sequence

from bookmill.book import Book
from bookmill.errors import FrameError
from schemas.events import State
from streams.emitter import Emitter, Place
from venues.interface import Levels
from venues.messages import BookDiff, BookImage, Level

__all__ = ["BookUpdates"]

_NONE: Levels = ((), ())


class BookUpdates:
    """``image_intervals``: the whole book is told once in so many intervals of event time."""

    __slots__ = ("_emitter", "_image_intervals")

    def __init__(self, emitter: Emitter, image_intervals: int) -> None:
        self._emitter = emitter
        self._image_intervals = image_intervals

    def is_due(self, before: int, bucket: int) -> bool:
        """Whether an image belongs to the change with which the interval ``before`` ended. The one after a join has had its own."""
        return 0 <= before // self._image_intervals != bucket // self._image_intervals

    def change(self, change: BookDiff | BookImage, state: State, place: Place) -> None:
        """The levels that a change of a live book has set."""
        levels = _columns(change.bids), _columns(change.asks)
        try:
            self._emitter.book_update(
                "delta", state, change.last_id, change.depth, levels, change.exchange_time_micros, place
            )
        except (
            FrameError
        ):  # a quantity of more than 38 digits in base units: the worker has this book, no reader can
            self.lost(change.last_id, change.exchange_time_micros, place)

    def image(
        self, book: Book, update_id: int, state: State, exchange_micros: int | None, place: Place
    ) -> None:
        """The whole book."""
        levels = book.bids.levels(), book.asks.levels()
        try:
            self._emitter.book_update("image", state, update_id, None, levels, exchange_micros, place)
        except FrameError:
            self.lost(update_id, exchange_micros, place)

    def lost(self, update_id: int, exchange_micros: int | None, place: Place) -> None:
        """Nobody is to trust the book until its next image."""
        self._emitter.book_update(
            "delta", "resyncing", update_id, None, (_NONE, _NONE), exchange_micros, place
        )


def _columns(levels: Sequence[Level]) -> Levels:
    return tuple(zip(*levels, strict=True)) if levels else _NONE  # type: ignore[return-value]  # two of them
