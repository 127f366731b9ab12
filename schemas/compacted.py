"""Compacted topics as lists that people keep: read as a whole, written a few records at a time. Both block."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from bookmill.errors import UnavailableError
from bookmill.kafka import READ_AHEAD
from bookmill.kafka_watch import KnownBrokers

__all__ = ["Follower", "read", "write"]

_TIMEOUT_S = 15.0
_EMPTY_S = 1.0


class Follower:
    """Every record of ``topic`` from its beginning, and what comes after: all partitions, in no consumer group.

    ``config``: a client's. Each method raises :class:`UnavailableError` where Kafka does not answer.
    """

    def __init__(self, config: Mapping[str, Any], topic: str) -> None:
        self._topic = topic
        self._brokers = KnownBrokers()
        self._consumer = Consumer(
            {
                **config,
                **READ_AHEAD,
                **self._brokers.config,
                "group.id": f"{topic}.reader",  # asked for by the library; never joined
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        try:
            found = self._consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
            self._unread = set(found)
            self._consumer.assign([TopicPartition(topic, number, 0) for number in found])
        except KafkaException as error:
            self.close()
            raise self._unavailable(error.args[0].str()) from error

    @property
    def at_end(self) -> bool:
        """Whether every partition has been read to its end once."""
        return not self._unread

    def poll(self, timeout_s: float) -> Message | None:
        """The next record; None where none came."""
        message = self._consumer.poll(timeout_s)
        self._brokers.require()
        if message is None:
            return None
        error = message.error()
        if error is None:
            return message
        if error.code() != KafkaError._PARTITION_EOF:
            raise self._unavailable(error.str())
        self._unread.discard(message.partition() or 0)
        return None

    def to_end(self) -> Iterator[Message]:
        """What there is now."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while self._unread:
            unread, message = len(self._unread), self.poll(_EMPTY_S)
            if message is not None:
                yield message
            if message is not None or len(self._unread) < unread:
                deadline_s = time.monotonic() + _TIMEOUT_S
            elif time.monotonic() > deadline_s:
                raise self._unavailable("Kafka does not answer")

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _unavailable(self, reason: str) -> UnavailableError:
        return UnavailableError(f"{self._topic} cannot be read: {reason}.")


def read(config: Mapping[str, Any], topic: str) -> Iterator[Message]:
    """Every record of ``topic`` up to its present end."""
    follower = Follower(config, topic)
    try:
        yield from follower.to_end()
    finally:
        follower.close()


def write(config: Mapping[str, Any], topic: str, records: Iterable[tuple[str, bytes | None]]) -> None:
    """Store these (key, value; None: the key is no more). Raises :class:`UnavailableError` where not all of them are."""
    failed: list[str] = []
    producer = Producer(
        {
            **config,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",  # what the Java client does with a key
            "message.timeout.ms": int(_TIMEOUT_S * 1000),
            "on_delivery": lambda error, _: failed.append(error.str()) if error else None,
        }
    )
    for key, value in records:
        producer.produce(topic, value, key)
        producer.poll(0)
    left = producer.flush(_TIMEOUT_S + 1.0)
    if failed or left:
        raise UnavailableError(f"{topic} was not written: {failed[0] if failed else 'no answer'}.")
