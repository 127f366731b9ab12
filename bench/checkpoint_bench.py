"""What checkpoints cost: the handler over 400 books, with and without taking them in turn as a worker does after each batch."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass

from bench.many_books import Books
from bookmill.errors import BookmillError
from bookmill.settings import WorkerSettings
from schemas.catalogue import EVENT_TOPICS
from streams.owned import OwnedPartition
from streams.partition import RawPartition
from venues.registry import venue

__all__ = ["BOOKS", "LEVELS", "CheckpointRun", "run_checkpoints"]

BOOKS = 400
LEVELS = 1000
"""A side: what a Binance snapshot of usual depth has."""
_BATCH = 2000
_ROUNDS = 60
_EACH = 10
"""Checkpoints after a batch."""
_NEVER_S = 1e9
_SCHEMA_IDS = {topic: number for number, topic in enumerate(EVENT_TOPICS, 1)}


@dataclass(slots=True)
class _Record:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class CheckpointRun:
    """Processor time: of ``frames``, of looking after each batch whose turn it is, and of ``taken`` checkpoints."""

    frames: int
    cpu_s: float
    looking_cpu_s: float
    taken: int
    taking_cpu_s: float
    interval_s: float

    @property
    def share(self) -> float:
        """Percent of a worker's one processor when it is busy all the time: :data:`BOOKS` checkpoints in each interval."""
        return 100 * (
            self.looking_cpu_s / self.cpu_s + BOOKS / self.interval_s * self.taking_cpu_s / self.taken
        )


def run_checkpoints(settings: WorkerSettings) -> CheckpointRun:
    """A checkpoint after each batch, more often than a worker makes them; raises :class:`BookmillError` where a book is not live."""
    topic = "raw.binance.spot"
    raw = RawPartition(venue("binance", "spot"), topic, 0, 0, _SCHEMA_IDS, settings)
    owned = OwnedPartition(raw)
    books = Books(BOOKS, LEVELS)
    records = [
        _Record(offset, frame.key, frame.value, frame.headers)
        for offset, frame in enumerate([*books.images(), *books.changes(_ROUNDS)])
    ]
    raw.process(records[:BOOKS])
    if raw.live() != BOOKS:
        raise BookmillError(f"{raw.live()} of {BOOKS} books are live.")
    taken = 0
    times_s = [0.0, 0.0, 0.0]
    gc.collect()
    gc.freeze()
    for start in range(BOOKS, len(records), _BATCH):
        clock = [time.process_time()]
        raw.process(records[start : start + _BATCH])
        clock.append(time.process_time())
        owned.take_checkpoints(_NEVER_S, most=1)
        clock.append(time.process_time())
        owned.take_checkpoints(0.0, most=_EACH)
        clock.append(time.process_time())
        times_s = [sum_s + after_s - before_s for sum_s, before_s, after_s in zip(times_s, clock, clock[1:])]
        owned.deliveries.position = raw.position
        for key, _ in owned.storable_checkpoints():
            raw.covering.pop(key)
            taken += 1
    gc.unfreeze()
    return CheckpointRun(
        len(records) - BOOKS, times_s[0], times_s[1], taken, times_s[2], settings.checkpoint_interval_s
    )
