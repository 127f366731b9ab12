"""Reading stretches of partitions from one offset to another, side by side, with a consumer that is in no group's way."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, Message, TopicPartition
from faust.types import TP

from bookmill.kafka import patiently
from bookmill.kafka_watch import KnownBrokers

__all__ = ["offsets", "records"]

_TIMEOUT_S = 30.0
_POLL_S = 0.1
_MOST = 1000


def offsets(consumer: Any, tps: Sequence[TP], which: int) -> dict[TP, int]:
    """Where partitions begin (OFFSET_BEGINNING), end (OFFSET_END), or stood at a time in ms: one question to each broker. Raises
    KafkaException."""

    def ask() -> dict[TP, int]:
        asked = [TopicPartition(tp.topic, tp.partition, which) for tp in tps]
        found = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return {TP(each.topic, each.partition): each.offset for each in found}

    return patiently(ask, also=None)


def records(
    consumer: Any,
    begins: Mapping[TP, int],
    ends: Mapping[TP, int],
    *,
    brokers: KnownBrokers,
    stopping: threading.Event | None = None,
) -> Iterator[Message]:
    """All that stands from ``begins`` up to ``ends``, each partition in order. With ``stopping`` set it ends soon.

    Raises KafkaException, and :class:`UnavailableError` where the consumer is lost, which ``brokers`` watch.
    """
    left = _unread(begins, ends)
    consumer.assign([TopicPartition(tp.topic, tp.partition, at) for tp, at in left.items()])
    while left and not (stopping and stopping.is_set()):
        # It waits for so many records or the time: asking for more than there are, as compaction leaves it, costs all of it.
        wanted = sum(ends[tp] - at for tp, at in left.items())
        found = consumer.consume(min(_MOST, wanted), timeout=_POLL_S)
        brokers.require()
        for record in found:
            _require_good(record)
            tp, offset = TP(record.topic() or "", record.partition() or 0), record.offset() or 0
            if offset < ends[tp]:
                yield record
                left[tp] = offset + 1
        if not found:
            for each in consumer.position([TopicPartition(tp.topic, tp.partition) for tp in left]):
                tp = TP(each.topic, each.partition)
                left[tp] = max(left[tp], each.offset)
        left = _unread(left, ends)


def _unread(positions: Mapping[TP, int], ends: Mapping[TP, int]) -> dict[TP, int]:
    """Partitions that have not been read to their end."""
    return {tp: at for tp, at in positions.items() if at < ends[tp]}


def _require_good(record: Message) -> None:
    error = record.error()
    if error is not None:
        raise KafkaException(error)
