"""How far the sink has stored the events of each source partition, from what it commits to Kafka."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition

from audit.committed import committed
from audit.spans import Span
from bookmill.addresses import Addresses
from bookmill.errors import UnavailableError
from bookmill.kafka import client_config
from bookmill.settings import Settings
from schemas.event_id import split
from sinks.progress import Progress

__all__ = ["Limit", "SinkState", "Standing", "limits"]

_TIMEOUT_S = 30.0

Limit = tuple[int, int]
"""Raw offset and index: event ids of the source partition below it are stored."""


@dataclass(frozen=True)
class Standing:
    """Where the sink stands in one partition of an event topic, and where that ended when it was looked up."""

    progress: Progress
    end: int

    @property
    def marks(self) -> dict[tuple[str, int], Limit]:
        """By source: the id after the highest that is stored for certain."""
        found = {}
        for mark in self.progress.marks.values():
            topic, partition, offset, index = split(mark)
            found[topic, partition] = (offset, index + 1)
        return found


class SinkState:
    """Asks for the sink group's offsets; it never joins the group. Close it at the end."""

    def __init__(self, settings: Settings, addresses: Addresses) -> None:
        self._prefix = settings.kafka.topic_prefix
        self._consumer = Consumer(
            {
                **client_config(settings.kafka, addresses.kafka),
                "group.id": self._prefix + settings.sink.group,
                "enable.auto.commit": False,
            }
        )

    def close(self) -> None:
        """Let the consumer go."""
        self._consumer.close()

    def ask(self, topics: Iterable[str], partitions: Iterable[int]) -> dict[tuple[str, int], Standing]:
        """By topic (without prefix) and partition. Raises :class:`UnavailableError` when Kafka does not answer."""
        places = [(topic, number) for topic in topics for number in sorted(set(partitions))]
        asked = [TopicPartition(self._prefix + topic, number) for topic, number in places]
        try:
            positions = committed(self._consumer, asked)
            return {
                place: Standing(
                    Progress.read(max(0, found.offset), found.metadata),
                    self._consumer.get_watermark_offsets(found, timeout=_TIMEOUT_S)[1],
                )
                for place, found in zip(places, positions, strict=True)
            }
        except KafkaException as error:
            raise UnavailableError(
                f"Kafka does not tell how far events are stored: {error.args[0].str()}."
            ) from error


def limits(
    topic: str,
    spans: Sequence[Span],
    ends: Mapping[tuple[str, int], int],
    now: Mapping[tuple[str, int], Standing],
) -> list[Limit]:
    """For each span, up to which of its event ids the table of ``topic`` can be held against it.

    ``ends`` are where the topic's partitions ended when the spans were already found: a sink that has committed so far has
    stored every event of them, whether or not it says so by a mark.
    """
    found = []
    for span in spans:
        place = (topic, span.partition)
        whole = (span.end, 0)
        if now[place].progress.offset >= ends[place]:
            found.append(whole)
        else:
            mark = now[place].marks.get((span.topic, span.partition), (span.first, 0))
            found.append(min(whole, mark))
    return found
