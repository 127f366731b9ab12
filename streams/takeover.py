"""Taking partitions over: the checkpoints of all that are newly assigned, read side by side as soon as they are.

One consumer reads them for all, in a thread, while the group's own work goes on: looking at one partition after the other would
cost each of them a connection and some waits. A partition is opened when its first records are there.

What is read counts only for the assignment it was read for: another worker may have gone on in between.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Message
from faust.types import TP

from bookmill.errors import UnavailableError
from bookmill.kafka import READ_AHEAD
from bookmill.kafka_watch import KnownBrokers
from streams import ranges
from streams.checkpoints import Checkpoint, RawLog, read_one

__all__ = ["Found", "Takeover", "read_checkpoints"]

_log = structlog.get_logger(__name__)


class Found:
    """What the checkpoints' topic holds for some raw partitions: the newest of each instrument, and which were no use."""

    def __init__(self) -> None:
        self.newest: dict[tuple[int, bytes], Checkpoint] = {}
        """By partition and instrument."""
        self.refused: set[tuple[int, bytes]] = set()

    def take(self, record: Message, raws: Mapping[str, RawLog]) -> None:
        """Look at the next record of its partition, whose raw partitions are ``raws``, by topic."""
        place = (record.partition() or 0, record.key() or b"")
        try:
            checkpoint = read_one(record.value(), raws)
        except ValueError as error:
            # One before it will not do: the partition may be committed past what that needs.
            self.newest.pop(place, None)
            self.refused.add(place)
            _log.warning(
                "checkpoint cannot be used, its book is resynchronized",
                topic=record.topic(),
                partition=place[0],
                offset=record.offset(),
                reason=str(error),
            )
            return
        if checkpoint is None:
            return
        self.refused.discard(place)
        known = self.newest.get(place)
        if known is None or known.position <= checkpoint.position:
            self.newest[place] = checkpoint

    def pop(self, tp: TP) -> list[Checkpoint]:
        """The newest ones of a raw partition, which are not kept here any more."""
        mine = [
            place
            for place, one in self.newest.items()
            if (one.raw_topic, place[0]) == (tp.topic, tp.partition)
        ]
        return [self.newest.pop(place) for place in mine]


def read_checkpoints(
    config: Mapping[str, Any],
    topic: str,
    raws: Mapping[TP, str],
    stopping: threading.Event | None = None,
) -> Found:
    """The newest checkpoint of each instrument of ``raws``, raw partitions with the ids of their topics. Blocks: run it in a thread.

    What is written while it reads is left alone. With ``stopping`` set it ends soon, and what it returns is not all. Raises
    :class:`UnavailableError`.
    """
    found = Found()
    partitions = sorted({tp.partition for tp in raws})
    brokers = KnownBrokers()
    consumer = Consumer(
        {
            **config,
            **READ_AHEAD,
            **brokers.config,
            "group.id": "bookmill-checkpoints",
            "enable.auto.commit": False,
        }
    )
    try:
        places = [TP(topic, partition) for partition in partitions]
        ends = ranges.offsets(consumer, [*places, *raws], OFFSET_END)
        begins = ranges.offsets(consumer, places, OFFSET_BEGINNING)
        logs: dict[int, dict[str, RawLog]] = {partition: {} for partition in partitions}
        for tp, incarnation in raws.items():
            logs[tp.partition][tp.topic] = RawLog(incarnation, ends[tp])
        reached = {place: ends[place] for place in places}
        for record in ranges.records(consumer, begins, reached, brokers=brokers, stopping=stopping):
            found.take(record, logs[record.partition() or 0])
    except KafkaException as error:
        raise UnavailableError(f"The checkpoints in {topic} cannot be read: {error}.") from error
    finally:
        consumer.close()
    return found


@dataclass(frozen=True)
class _Reading:
    """Under way, or done: of some raw partitions, for one assignment."""

    task: asyncio.Task[Found]
    stopping: threading.Event


class Takeover:
    """The checkpoints of the raw partitions a worker is given. ``incarnations``: the topics' ids; what is refused counts in ``counts``.

    Lives in one event loop: only reading itself is done in threads.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        topic: str,
        incarnations: Mapping[str, str],
        counts: Counter[str],
    ) -> None:
        self._config = config
        self._topic = topic
        self._incarnations = incarnations
        self._counts = counts
        self._assigned: frozenset[TP] = frozenset()
        self._readings: dict[TP, _Reading] = {}

    def begin(self, assigned: Collection[TP], *, known: Collection[TP]) -> None:
        """These partitions are ours from now on: read for all but the ``known`` ones, and forget what was read before."""
        self.stop()
        self._assigned = frozenset(assigned)
        new = [tp for tp in self._assigned.difference(known) if tp.topic in self._incarnations]
        if new:
            self._read(new)

    def stop(self) -> None:
        """No partition is ours any more."""
        for reading in self._readings.values():
            reading.stopping.set()
        self._readings.clear()
        self._assigned = frozenset()

    async def checkpoints(self, tp: TP) -> list[Checkpoint] | None:
        """The newest checkpoints of a partition that is opened now; None when it is not ours any more. Raises :class:`UnavailableError`.

        They are given out once: whoever opens it again has missed something, and reads again.
        """
        while tp in self._assigned:
            reading = self._readings.get(tp) or self._read([tp])
            await asyncio.wait([reading.task])
            if self._readings.get(tp) is reading:  # it is still for this assignment
                del self._readings[tp]
                return reading.task.result().pop(tp)
        return None

    def _read(self, tps: Iterable[TP]) -> _Reading:
        raws = {tp: self._incarnations[tp.topic] for tp in tps}
        stopping = threading.Event()
        reading = _Reading(asyncio.ensure_future(self._found(raws, stopping)), stopping)
        # An error is raised where its partition is opened; nobody asks a reading that was given up.
        reading.task.add_done_callback(lambda task: task.cancelled() or task.exception())
        self._readings.update(dict.fromkeys(raws, reading))
        return reading

    async def _found(self, raws: Mapping[TP, str], stopping: threading.Event) -> Found:
        begun_s = time.monotonic()
        found = await asyncio.to_thread(read_checkpoints, self._config, self._topic, raws, stopping)
        if not stopping.is_set():
            self._counts["checkpoints_refused"] += len(found.refused)
            _log.info(
                "checkpoints read",
                partitions=len(raws),
                checkpoints=len(found.newest),
                refused=len(found.refused),
                seconds=round(time.monotonic() - begun_s, 3),
            )
        return found
