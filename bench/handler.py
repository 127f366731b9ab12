"""The handler alone: ``RawPartition.process`` over records in memory. Its events are what every other run has to store."""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from bench.frames import RawFrame
from bookmill.settings import WorkerSettings
from schemas.catalogue import EVENT_TOPICS
from streams.partition import RawPartition
from venues.registry import venue

__all__ = ["HandlerRun", "run_handler"]

BATCH = 2000
_SCHEMA_IDS = {topic: number for number, topic in enumerate(EVENT_TOPICS, 1)}


@dataclass(slots=True)
class _Record:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True)
class HandlerRun:
    """How long it took, and how many events it gave by topic."""

    seconds: float
    events: Mapping[str, int]


def run_handler(frames: Sequence[RawFrame], settings: WorkerSettings) -> HandlerRun:
    """Process all frames, one partition a raw topic, in batches of 2000 as the worker polls them."""
    partitions = {
        topic: RawPartition(
            venue(topic.split(".")[1], topic.split(".")[2]), topic, 0, 0, _SCHEMA_IDS, settings
        )
        for topic in {frame.topic for frame in frames}
    }
    batches = list(_batches(frames))
    events: Counter[str] = Counter()
    gc.collect()
    gc.freeze()  # a worker does not hold all its frames: looking through them for garbage is no work of the handler's
    started_s = time.perf_counter()
    for topic, batch in batches:
        work = partitions[topic].process(batch)
        for topic_ in EVENT_TOPICS:
            events[topic_.name] += len(getattr(work.events, topic_.name))
        events["dead letters"] += len(work.dead_letters)
    seconds = time.perf_counter() - started_s
    gc.unfreeze()
    return HandlerRun(seconds, events)


def _batches(frames: Sequence[RawFrame]) -> Iterator[tuple[str, list[_Record]]]:
    offsets: Counter[str] = Counter()
    rest = iter(frames)
    while chunk := list(islice(rest, BATCH)):
        by_topic: dict[str, list[_Record]] = {}
        for frame in chunk:
            record = _Record(offsets[frame.topic], frame.key, frame.value, frame.headers)
            by_topic.setdefault(frame.topic, []).append(record)
            offsets[frame.topic] += 1
        yield from by_topic.items()
