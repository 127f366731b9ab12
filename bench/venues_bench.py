"""One book after another through the handler: what an update costs by venue. Decoding, the book, events and their encoding.

The image a book begins with is not in the time: it comes once a connection.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.frames import Headers
from bench.venue_frames import BookFrames, recorded_okx, synthetic
from bookmill.errors import BookmillError
from bookmill.settings import WorkerSettings
from schemas.catalogue import EVENT_TOPICS
from streams.partition import RawPartition
from venues.registry import VENUES, venue

__all__ = ["BooksRun", "load_books", "run_books"]

FRAMES = 2000
RATE = 300
"""Frames a second of the synthetic order flow: some 20 changed levels in an update, as OKX's recording has on average (24)."""
QUIET_RATE = 40
"""The same for a quieter instrument: some 4 levels."""
_QUIET = ("okx.spot", "bybit.linear")
_UPDATES = 6000
"""So many at least are timed, in as many passes as that takes."""
_SCHEMA_IDS = {topic: number for number, topic in enumerate(EVENT_TOPICS, 1)}


@dataclass(slots=True)
class _Record:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True)
class BooksRun:
    """``cpu_s``: processor time of this one thread."""

    updates: int
    seconds: float
    cpu_s: float


def load_books(directory: Path | None) -> Sequence[BookFrames]:
    """A synthetic book of every market, quieter ones of two, and those recorded at OKX where ``directory`` has them."""
    books = [synthetic(name, FRAMES, RATE) for name in VENUES]
    books += [synthetic(name, FRAMES, QUIET_RATE, f"{name} quiet") for name in _QUIET]
    return [*books, *(recorded_okx(directory) if directory and (directory / "okx").is_dir() else ())]


def run_books(book: BookFrames, settings: WorkerSettings) -> BooksRun:
    """Each pass is a new partition of a worker that knows the venue; raises :class:`BookmillError` for a frame that gives no event."""
    topic = book.frames[0].topic
    venue_ = venue(*topic.split(".")[1:])
    image, *updates = [
        _Record(offset, frame.key, frame.value, frame.headers) for offset, frame in enumerate(book.frames)
    ]
    passes = -(-_UPDATES // len(updates))
    seconds = cpu_s = 0.0
    gc.collect()
    gc.freeze()
    for _ in range(passes):
        partition = RawPartition(venue_, topic, 0, 0, _SCHEMA_IDS, settings)
        partition.process([image])
        started_s, cpu_started_s = time.perf_counter(), time.process_time()
        work = partition.process(updates)
        cpu_s += time.process_time() - cpu_started_s
        seconds += time.perf_counter() - started_s
        [one] = partition.instruments.values()
        if work.dead_letters or one.book.synchronizer.counters.applied != len(updates):
            raise BookmillError(
                f"The book of {book.name} is at {one.book.synchronizer.counters.applied} of {len(updates)} updates,"
                f" {len(work.dead_letters)} are no frames."
            )
    gc.unfreeze()
    return BooksRun(passes * len(updates), seconds, cpu_s)
