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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, Message, TopicPartition
from faust.types import TP

from bookmill.errors import UnavailableError
from streams.checkpoints import Checkpoint, RawLog, read_one

__all__ = ["Found", "Takeover", "read_checkpoints"]

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 30.0
_POLL_S = 0.1
_MOST = 1000


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
    consumer = Consumer({**config, "group.id": "bookmill-checkpoints", "enable.auto.commit": False})
    try:
        places = [TP(topic, partition) for partition in partitions]
        ends = _offsets(consumer, [*places, *raws], OFFSET_END)
        begins = _offsets(consumer, places, OFFSET_BEGINNING)
        logs: dict[int, dict[str, RawLog]] = {partition: {} for partition in partitions}
        for tp, incarnation in raws.items():
            logs[tp.partition][tp.topic] = RawLog(incarnation, ends[tp])
        left = _unread({place.partition: begins[place] for place in places}, ends, topic)
        consumer.assign([TopicPartition(topic, partition, at) for partition, at in left.items()])
        while left and not (stopping and stopping.is_set()):
            # It waits for so many records or the time: asking for more than there are, as compaction leaves it, costs all of it.
            wanted = sum(ends[TP(topic, partition)] - at for partition, at in left.items())
            records = consumer.consume(min(_MOST, wanted), timeout=_POLL_S)
            for record in records:
                _require_good(record)
                partition, offset = record.partition() or 0, record.offset() or 0
                if offset < ends[TP(topic, partition)]:
                    found.take(record, logs[partition])
                    left[partition] = offset + 1
            if not records:
                for each in consumer.position([TopicPartition(topic, partition) for partition in left]):
                    left[each.partition] = max(left[each.partition], each.offset)
            left = _unread(left, ends, topic)
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


def _unread(positions: Mapping[int, int], ends: Mapping[TP, int], topic: str) -> dict[int, int]:
    """Partitions that have not been read to their end."""
    return {partition: at for partition, at in positions.items() if at < ends[TP(topic, partition)]}


def _offsets(consumer: Consumer, tps: Sequence[TP], which: int) -> dict[TP, int]:
    """Where partitions begin or end: one question to each broker."""
    asked = [TopicPartition(tp.topic, tp.partition, which) for tp in tps]
    answers = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
    for each in answers:
        if each.error is not None:
            raise KafkaException(each.error)
    return {TP(each.topic, each.partition): each.offset for each in answers}


def _require_good(record: Message) -> None:
    error = record.error()
    if error is not None:
        raise KafkaException(error)
