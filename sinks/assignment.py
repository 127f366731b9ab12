"""The partitions a sink has now: taken over, fed, paused where they have to wait, given up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog
from confluent_kafka import Consumer, Message, TopicPartition

from sinks.offsets import resume
from sinks.partition import Limits, Partition

__all__ = ["Assignment"]

_log = structlog.get_logger(__name__)


class Assignment:
    """Partitions by topic and number; iterates over them. Another thread may iterate too."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._partitions: dict[tuple[str, int], Partition] = {}

    def __iter__(self) -> Iterator[Partition]:
        return iter(list(self._partitions.values()))

    def __contains__(self, partition: Partition) -> bool:
        """Whether it is this very one: after a rebalance the same partition is another object."""
        return self._partitions.get((partition.topic, partition.number)) is partition

    def take(self, consumer: Consumer, assigned: Sequence[TopicPartition]) -> None:
        """Take over from where the group stands, with the batch it has not finished.

        Raises :class:`UnavailableError` when Kafka does not say where that is, :class:`RefusedError` when another program
        commits for this group.
        """
        found = resume(consumer, assigned, self._limits)
        for partition in found:
            self._partitions[partition.topic, partition.number] = partition
        consumer.incremental_assign([TopicPartition(each.topic, each.number, each.start) for each in found])
        _log.info("partitions assigned", count=len(found), all=len(self._partitions))

    def among(self, some: Sequence[TopicPartition]) -> list[Partition]:
        """Those of ours that are among ``some``."""
        keys = [(each.topic, each.partition) for each in some]
        return [self._partitions[key] for key in keys if key in self._partitions]

    def drop(self, consumer: Consumer, some: Sequence[TopicPartition]) -> None:
        """Forget them. A partition paused now would still be paused when it is given back, and never be read again."""
        gone = self.among(some)
        if paused := [TopicPartition(each.topic, each.number) for each in gone if each.paused]:
            consumer.resume(paused)
        for partition in gone:
            del self._partitions[partition.topic, partition.number]
        _log.info("partitions given up", count=len(some), left=len(self._partitions))

    def add(self, topic: str, number: int, messages: Sequence[Message], now_s: float) -> None:
        """Records read from a partition, unless it was given up meanwhile."""
        partition = self._partitions.get((topic, number))
        if partition is not None:
            partition.add(messages, now_s)

    def in_hand(self) -> tuple[int, int]:
        """Records read and not stored yet, and their bytes."""
        return sum(each.rows_in_hand for each in self), sum(each.size_in_hand for each in self)

    def regulate(self, consumer: Consumer, *, everything: bool) -> None:
        """Pause partitions whose batch waits for another attempt (or ``everything``), and let the others go on."""
        pause: list[TopicPartition] = []
        go_on: list[TopicPartition] = []
        for partition in self:
            wanted = everything or partition.failures > 0
            if wanted != partition.paused:
                partition.paused = wanted
                (pause if wanted else go_on).append(TopicPartition(partition.topic, partition.number))
        if pause:
            consumer.pause(pause)
        if go_on:
            consumer.resume(go_on)

    def look_ahead(self, consumer: Consumer) -> None:
        """Remember where the topics end, as Kafka said with the last records it sent."""
        for partition in self:
            place = TopicPartition(partition.topic, partition.number)
            _, end = consumer.get_watermark_offsets(place, cached=True)
            partition.end = max(partition.end, end)
