"""How far Kafka's logs reach and how far the pipeline's consumer groups are: what draining and counting need.

Offsets are kept as ``{(topic, partition): offset}``; topics that do not exist have none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bookmill.errors import UnavailableError
from bookmill.kafka import client_config
from bookmill.settings import KafkaSettings

__all__ = ["Committed", "Offsets", "OffsetsReader", "behind", "unprocessed"]

_TIMEOUT_S = 20.0

Offsets = Mapping[tuple[str, int], int]


@dataclass(frozen=True)
class Committed:
    """A group's position in one partition: the offset, and the text kept beside it."""

    offset: int
    metadata: str = ""

    @property
    def processed(self) -> int:
        """How far a worker's events are stored: it commits less than that, only what its checkpoints cover."""
        try:
            return int(json.loads(self.metadata)["processed"])
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return self.offset


def behind(ends: Offsets, committed: Mapping[tuple[str, int], Committed], starts: Offsets) -> int:
    """Records a group has not committed yet; ``starts`` is where it began in partitions it has committed nothing of."""
    return sum(
        max(0, end - (committed[key].offset if key in committed else starts.get(key, 0)))
        for key, end in ends.items()
    )


def unprocessed(ends: Offsets, committed: Mapping[tuple[str, int], Committed], starts: Offsets) -> int:
    """Raw records whose events are not all stored in Kafka yet."""
    return sum(
        max(0, end - (committed[key].processed if key in committed else starts.get(key, 0)))
        for key, end in ends.items()
    )


class OffsetsReader:
    """Asks one Kafka; every call raises :class:`UnavailableError` when it does not answer.

    Plain consumers that join no group are used, one for each group asked about: the admin client's calls for the same
    crash the process when it is left while an answer is awaited (confluent-kafka 2.12).
    """

    def __init__(self, settings: KafkaSettings, bootstrap_servers: str) -> None:
        self._servers = bootstrap_servers
        self._config = client_config(settings, bootstrap_servers)
        self._consumers: dict[str, Consumer] = {}

    def ends(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """The offset after the last record of each partition."""
        return {key: high for key, (_, high) in self._watermarks(topics).items()}

    def starts(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """The offset of the first record of each partition that is still there."""
        return {key: low for key, (low, _) in self._watermarks(topics).items()}

    def committed(self, group: str, topics: Iterable[str]) -> dict[tuple[str, int], Committed]:
        """What a group has committed in these topics; nothing for partitions of which it never has."""
        try:
            consumer = self._consumer(group)
            asked = [TopicPartition(*key) for key in self._partitions(consumer, topics)]
            found = consumer.committed(asked, timeout=_TIMEOUT_S) if asked else []
        except KafkaException as error:
            raise self._unavailable(error) from error
        return {
            (each.topic, each.partition): Committed(each.offset, each.metadata or "")
            for each in found
            if each.error is None and each.offset >= 0
        }

    def close(self) -> None:
        """Disconnect."""
        for consumer in self._consumers.values():
            consumer.close()
        self._consumers.clear()

    def _watermarks(self, topics: Iterable[str]) -> dict[tuple[str, int], tuple[int, int]]:
        try:
            consumer = self._consumer("bookmill-account")
            return {
                key: consumer.get_watermark_offsets(TopicPartition(*key), timeout=_TIMEOUT_S)
                for key in self._partitions(consumer, topics)
            }
        except KafkaException as error:
            raise self._unavailable(error) from error

    @staticmethod
    def _partitions(consumer: Consumer, topics: Iterable[str]) -> list[tuple[str, int]]:
        existing = consumer.list_topics(timeout=_TIMEOUT_S).topics
        return [
            (topic, partition)
            for topic in topics
            if topic in existing
            for partition in existing[topic].partitions
        ]

    def _consumer(self, group: str) -> Consumer:
        if group not in self._consumers:
            self._consumers[group] = Consumer(self._config | {"group.id": group, "enable.auto.commit": False})
        return self._consumers[group]

    def _unavailable(self, error: KafkaException) -> UnavailableError:
        return UnavailableError(f"Kafka does not answer at {self._servers}: {error.args[0].str()}.")
