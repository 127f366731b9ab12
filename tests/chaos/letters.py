"""Reads whole topics of a run: what became a dead letter, which torn frames are in the raw log, and what stands around a doubt."""

from __future__ import annotations

import json
from collections.abc import Iterator

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.chaos.tables import Place

__all__ = ["Log", "Voices"]

_TIMEOUT_S = 60.0
_AROUND = 500
"""So many records of a partition before and behind a doubt tell how it came."""
_TOPIC, _PARTITION, _OFFSET = (f"__connect.errors.{name}" for name in ("topic", "partition", "offset"))


class Voices:
    """Which connection each raw record came by, and how long each went on with a stream."""

    def __init__(self) -> None:
        self._of: dict[Place, tuple[str, int, bytes, bytes, bytes]] = {}
        self._last: dict[tuple[str, int, bytes, bytes, bytes], int] = {}

    def hear(
        self, topic: str, partition: int, offset: int, key: bytes, channel: bytes, connection: bytes
    ) -> None:
        """A frame of a socket stands there."""
        voice = topic, partition, key, channel, connection
        self._of[topic, partition, offset] = voice
        self._last[voice] = max(offset, self._last.get(voice, -1))

    def goes_on(self, before: Place, after: Place) -> bool:
        """Whether these frames came by two connections, and the first one went on with the stream behind the second frame."""
        one, other = self._of.get(before), self._of.get(after)
        return one is not None and other is not None and one != other and self._last[one] > after[2]


class Log:
    """The topics of one prefix."""

    def __init__(self, bootstrap_servers: str, prefix: str) -> None:
        self._config = {"bootstrap.servers": bootstrap_servers, "log_level": 2}
        self._prefix = prefix

    def topics(self) -> list[str]:
        """Names, with the prefix."""
        found = AdminClient(self._config).list_topics(timeout=_TIMEOUT_S).topics
        return sorted(name for name in found if name.startswith(self._prefix))

    def letters(self) -> tuple[list[bytes], set[Place]]:
        """Values of all dead letters, and the places of the raw records they come from (a producer's come from none)."""
        values: list[bytes] = []
        places: set[Place] = set()
        for topic in self.topics():
            if topic.endswith(".dlq"):
                for message in self._read(topic):
                    values.append(message.value() or b"")
                    said = dict(message.headers() or [])
                    if _OFFSET in said:
                        places.add((said[_TOPIC].decode(), int(said[_PARTITION]), int(said[_OFFSET])))
        return values, places

    def raw_frames(self, wanted: set[bytes]) -> int:
        """How many raw records have such a value."""
        return sum(
            (message.value() or b"") in wanted
            for topic in self.topics()
            if topic.startswith(f"{self._prefix}raw.") and not topic.endswith(".dlq")
            for message in self._read(topic)
        )

    def voices(self) -> Voices:
        """Of all raw records."""
        found = Voices()
        for topic in self.topics():
            if topic.startswith(f"{self._prefix}raw.") and not topic.endswith(".dlq"):
                for message in self._read(topic):
                    said = dict(message.headers() or [])
                    if said["kind"] == b"ws":
                        place = topic, message.partition() or 0, message.offset() or 0
                        found.hear(*place, message.key() or b"", said["channel"], said["connection"])
        return found

    def around(self, doubted: list[tuple[Place, Place]]) -> Iterator[str]:
        """The raw records of the instruments at these places, from a little before the first to a little behind the second: a line of JSON each."""
        for topic in sorted({before[0] for before, _ in doubted}):
            spans = [(before, after) for before, after in doubted if before[0] == topic]
            kept = list(self._read(topic))
            keys = {(one.partition(), one.offset()): one.key() for one in kept}
            for message in kept:
                partition, offset = message.partition() or 0, message.offset() or 0
                if any(
                    before[1] == partition
                    and before[2] - _AROUND <= offset <= after[2] + _AROUND
                    and keys[before[1:]] == message.key()
                    for before, after in spans
                ):
                    said = {name: value.decode() for name, value in message.headers() or []}
                    frame = (message.value() or b"").decode(errors="backslashreplace")
                    yield json.dumps({"place": [topic, partition, offset], **said, "frame": frame})

    def delete(self) -> None:
        """All topics of the run."""
        if names := self.topics():
            admin = AdminClient(self._config)  # it has to live as long as its answers are awaited
            for future in admin.delete_topics(names, operation_timeout=30).values():
                future.result(_TIMEOUT_S)

    def _read(self, topic: str) -> Iterator[Message]:
        consumer = Consumer({**self._config, "group.id": "chaos", "enable.auto.commit": False})
        try:
            partitions = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
            places = [TopicPartition(topic, number) for number in partitions]
            marks = {
                place.partition: consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S) for place in places
            }
            left = sum(high - low for low, high in marks.values())
            consumer.assign([TopicPartition(topic, number, low) for number, (low, _) in marks.items()])
            while left > 0:
                messages = consumer.consume(min(left, 5000), timeout=1.0)
                for message in messages:
                    if message.error() is None:
                        left -= 1
                        yield message
        finally:
            consumer.close()
