"""Committed offsets: where each assigned partition stands, read at assignment and written around each insert."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bookmill.errors import RefusedError, UnavailableError
from sinks.partition import Limits, Partition
from sinks.progress import Progress

__all__ = ["commit", "resume"]

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 10.0

_REFUSED = {
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.OFFSET_METADATA_TOO_LARGE,
}


def resume(consumer: Consumer, assigned: Sequence[TopicPartition], limits: Limits) -> list[Partition]:
    """The state of each newly assigned partition. Raises :class:`UnavailableError` when Kafka does not answer."""
    try:
        return [
            _resume(consumer, found, limits)
            for found in consumer.committed(list(assigned), timeout=_TIMEOUT_S)
        ]
    except KafkaException as error:
        raise UnavailableError(
            f"Kafka does not tell the committed offsets: {error.args[0].str()}."
        ) from error


def _resume(consumer: Consumer, found: TopicPartition, limits: Limits) -> Partition:
    if found.error is not None:
        raise KafkaException(found.error)
    low, high = consumer.get_watermark_offsets(found, timeout=_TIMEOUT_S)
    where = {"topic": found.topic, "partition": found.partition}
    if found.offset < 0:
        return Partition(found.topic, found.partition, Progress(low), start=low, end=high, limits=limits)
    progress = Progress.read(found.offset, found.metadata)
    if progress.offset > high:
        _log.error(
            "the topic ends before the committed offset: reading it anew",
            **where,
            committed=progress.offset,
            end=high,
        )
        progress = Progress(low, progress.marks)
    elif progress.last is not None and not low <= progress.last < high:
        _log.error(
            "the records of an unfinished batch are gone", **where, first=progress.offset, last=progress.last
        )
        progress = Progress(progress.offset, progress.marks)
    elif progress.last is not None:
        _log.info("repeating an unfinished batch", **where, first=progress.offset, last=progress.last)
    start = max(low, progress.offset)
    return Partition(found.topic, found.partition, progress, start=start, end=high, limits=limits)


def commit(consumer: Consumer, partitions: Iterable[Partition]) -> None:
    """Commit the progress of all ``partitions`` in one request and mark those that Kafka took.

    Raises :class:`UnavailableError` when it did not take all of them (the group is rebalancing, say),
    :class:`RefusedError` when it never will.
    """
    by_key = {(partition.topic, partition.number): partition for partition in partitions}
    offsets = [
        TopicPartition(topic, number, partition.progress.offset, partition.progress.metadata())
        for (topic, number), partition in by_key.items()
    ]
    try:
        answers = consumer.commit(offsets=offsets, asynchronous=False)
    except KafkaException as error:
        raise _translate(error.args[0]) from error
    errors = [answer.error for answer in answers if answer.error is not None]
    for answer in answers:
        if answer.error is None:
            by_key[answer.topic, answer.partition].committed = True
    if errors:
        raise _translate(errors[0])


def _translate(error: KafkaError) -> UnavailableError | RefusedError:
    if error.code() in _REFUSED:
        return RefusedError(f"Kafka does not take the offsets of this consumer group: {error.str()}.")
    return UnavailableError(f"Kafka does not take the offsets now: {error.str()}.")
