"""Committed offsets: where each assigned partition stands, read at assignment and written around each insert."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from bookmill.errors import RefusedError, UnavailableError
from sinks.counters import Counters
from sinks.partition import Limits, Partition
from sinks.progress import Progress

__all__ = ["FENCED", "Commits", "resume", "taken_over"]

_log = structlog.get_logger(__name__)
_TIMEOUT_S = 10.0
_LONGEST_PAUSE_S = 1.0

_REFUSED = {
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.OFFSET_METADATA_TOO_LARGE,
}

FENCED = frozenset({KafkaError.FENCED_INSTANCE_ID, KafkaError._FATAL})
"""Another sink has this one's instance id. Nothing else is fatal to a consumer."""


def taken_over() -> RefusedError:
    """What a sink says whose instance id is another's now."""
    return RefusedError(
        "Another sink has joined the group under this one's instance id, and this one is out of it.",
        hint="Give each sink a BOOKMILL_SINK__INSTANCE_ID of its own.",
    )


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


class Commits:
    """Commits the progress of partitions, one request at a time, without waiting for the answer.

    A call that waits would wait as long as Kafka is away, and nothing else would be heard meanwhile, not even a signal.
    :meth:`answered` is the consumer's ``on_commit`` callback; it is called inside a poll.
    """

    def __init__(
        self, *, clock: Callable[[], float], delay_s: Callable[[int], float], counters: Counters
    ) -> None:
        self._clock = clock
        self._delay_s = delay_s
        self._counters = counters
        self._sent: list[tuple[Partition, Progress]] = []
        self._again_s = 0.0
        self.failures = 0
        self.refused: RefusedError | None = None

    @property
    def outstanding(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._sent)

    def send(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Commit those of ``partitions`` that have something to commit, unless an answer is awaited or a pause is on.

        Raises :class:`RefusedError` when Kafka could not keep it.
        """
        if self._sent or self._clock() < self._again_s:
            return
        sent = [(partition, partition.progress) for partition in partitions if not partition.committed]
        if not sent:
            return
        try:
            consumer.commit(offsets=_offsets(sent), asynchronous=True)
        except KafkaException as error:
            self._failed(error.args[0])
        else:
            self._sent = sent

    def answered(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        """Mark what Kafka took. What has gone on since then needs another commit."""
        sent, self._sent = self._sent, []
        errors = {(each.topic, each.partition): each.error or error for each in offsets}
        for partition, progress in sent:
            taken = errors.get((partition.topic, partition.number), error) is None
            if taken and partition.progress is progress:
                partition.committed = True
        if problem := next((each for each in errors.values() if each is not None), error):
            self._failed(problem)
        elif sent:
            self.failures = 0
            self._counters.commits += 1

    def now(self, consumer: Consumer, partitions: Iterable[Partition]) -> None:
        """Commit and wait, for partitions that are about to be given up; a failure only makes the next owner repeat."""
        sent = [(partition, partition.progress) for partition in partitions if not partition.committed]
        if sent:
            try:
                consumer.commit(offsets=_offsets(sent), asynchronous=False)
            except KafkaException as error:
                self._failed(error.args[0])
            else:
                self._counters.commits += 1

    def _failed(self, error: KafkaError) -> None:
        self.failures += 1
        self._counters.commit_failures += 1
        self._again_s = self._clock() + min(_LONGEST_PAUSE_S, self._delay_s(self.failures))
        if error.code() in FENCED:
            self.refused = taken_over()
        elif error.code() in _REFUSED:
            self.refused = RefusedError(
                f"Kafka does not take the offsets of this consumer group: {error.str()}."
            )
        _log.warning("offsets are not committed", reason=error.str())


def _offsets(sent: Iterable[tuple[Partition, Progress]]) -> list[TopicPartition]:
    return [
        TopicPartition(partition.topic, partition.number, progress.offset, progress.metadata())
        for partition, progress in sent
    ]
