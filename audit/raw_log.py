"""Reads a span of a raw partition in batches, as the worker's records: beside all consumer groups, and committing nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from audit.spans import Span
from bookmill.errors import UnavailableError

__all__ = ["Batch", "Record", "read"]

_RECORDS = 5000
_WAIT_S = 0.2
_SILENCE_S = 30.0


@dataclass(slots=True)
class Record:
    """What a worker looks at."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Any


class Batch(NamedTuple):
    """Records in order, and when the first and the last of them were written (Unix time)."""

    records: list[Record]
    first_ms: int
    last_ms: int


def read(config: dict[str, Any], span: Span) -> Iterator[Batch]:
    """All records of the span. Raises :class:`UnavailableError` where Kafka does not send them, or deletes them meanwhile."""
    if not span.records:
        return
    consumer = Consumer(
        {
            **config,
            "group.id": "bookmill-audit",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 32 * 1024,
            "queued.min.messages": 50_000,
            "fetch.queue.backoff.ms": 20,
            "fetch.wait.max.ms": 50,
            "max.partition.fetch.bytes": 4 * 1024 * 1024,
        }
    )
    place = TopicPartition(span.topic, span.partition, span.first)
    try:
        consumer.assign([place])
        position, heard_s = span.first, time.monotonic()
        while position < span.end:
            # It waits for so many records or the time: asking for more than there are would cost all of it.
            messages = consumer.consume(min(_RECORDS, span.end - position), _WAIT_S)
            if not messages:
                position = max(position, consumer.position([place])[0].offset)
                if time.monotonic() - heard_s > _SILENCE_S:
                    raise UnavailableError(
                        f"Kafka sends no records of {span.topic}/{span.partition} from {position} on."
                    )
                continue
            heard_s = time.monotonic()
            records = [_record(message) for message in messages]
            if records[0].offset > position:
                raise UnavailableError(
                    f"Kafka has deleted records of {span.topic}/{span.partition} while they were being read.",
                    hint="They had reached the end of the topic's retention: run it again.",
                )
            position = records[-1].offset + 1
            yield Batch(records, messages[0].timestamp()[1], messages[-1].timestamp()[1])
    except KafkaException as error:
        raise UnavailableError(
            f"The raw records in {span.topic}/{span.partition} cannot be read: {error.args[0].str()}."
        ) from error
    finally:
        consumer.close()


def _record(message: Message) -> Record:
    if (problem := message.error()) is not None:
        raise KafkaException(problem)
    return Record(message.offset() or 0, message.key(), message.value(), message.headers() or ())
