"""The loader: events from their topics into ClickHouse, exactly once.

One batch is a range of offsets of one partition, and goes through four steps::

    committed   offset = first, last = n      the intent: whoever comes next repeats exactly this range
    inserted    under a token made of it      a second insert of it is nothing
    committed   offset = n + 1                done; the next intent rides on the same commit

A crash after any step repeats at most the insert, with the same records, the same marks and so the same rows and token.
Reading and writing go on side by side: the loader's thread reads, commits and keeps the group alive, others write closed
batches, of one partition one at a time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from itertools import groupby
from threading import Event

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from bookmill.backoff import delay_s
from bookmill.buffers import Buffer
from bookmill.errors import RefusedError, UnavailableError
from bookmill.kafka_watch import KafkaWatch, leave
from bookmill.settings import SinkSettings
from sinks.assignment import Assignment
from sinks.counters import Counters
from sinks.flights import Flights
from sinks.offsets import FENCED, Commits, taken_over
from sinks.partition import Limits, Partition
from sinks.writer import Writer

__all__ = ["BATCH_BYTES", "Loader", "OnCommit"]

_log = structlog.get_logger(__name__)

BATCH_BYTES = 16 * 1024 * 1024
"""A batch closes at so many bytes, however few rows they are: what is in hand stays bounded for wide rows too."""

_IN_HAND = 3
"""So many batches' worth of records may be in hand, waiting or being written; then reading waits for writing."""

_POLL_RECORDS = 10_000
_SHORT_WAIT_S = 0.02
_FINISH_S = 30.0
_FINISH_AWAY_S = 5.0
"""The same while Kafka does not answer: it may be back by then."""
_DOUBT_S = 2.0
"""Whoever waits longer than that for a commit asks whether Kafka is there."""
_REVOKE_WAIT_S = 30.0
_ASSIGN_WAIT_S = 1.0

OnCommit = Callable[[KafkaError | None, list[TopicPartition]], None]


class Loader:
    """Reads ``topics`` and gives batches to ``writer``, which runs in ``executor``.

    ``consumer_of`` makes the consumer, given its ``on_commit`` callback.
    """

    def __init__(
        self,
        consumer_of: Callable[[OnCommit], Consumer],
        writer: Writer,
        topics: Sequence[str],
        settings: SinkSettings,
        *,
        executor: Executor,
        stopping: Event,
        watch: KafkaWatch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topics = list(topics)
        self._settings = settings
        self._stopping = stopping
        self._watch = watch
        self._clock = clock
        self._closing = False
        self._fatal: BaseException | None = None
        self.counters = Counters()
        limits = Limits(rows=settings.batch_rows, size=BATCH_BYTES, age_s=settings.batch_ms / 1000)
        self.partitions = Assignment(limits)
        self._commits = Commits(clock=clock, delay_s=self._delay_s, counters=self.counters)
        self._flights = Flights(writer, executor, clock=clock, delay_s=self._delay_s, counters=self.counters)
        self._consumer = consumer_of(self._commits.answered)

    def run(self) -> None:
        """Load until ``stopping`` is set, then store what is in hand. Raises :class:`RefusedError` when that cannot go on.

        However it ends, nothing is lost: what is not committed is read again by whoever comes next.
        """
        self._consumer.subscribe(
            self._topics, on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost
        )
        try:
            while not self._stopping.is_set():
                self.turn(wait_s=0.1)
            self.finish()
        finally:
            self._closing = True
            leave(self._consumer, self._watch)

    def turn(self, *, wait_s: float) -> None:
        """Read what there is, settle what is written, begin what is due. Waits at most ``wait_s``."""
        waiting = self._flights or self._commits.outstanding
        if self._flights and self._is_full():
            self._flights.wait_for_one(_SHORT_WAIT_S)
            messages = self._consumer.consume(1, 0)  # callbacks, of a commit or a rebalance, run in here
        else:
            messages = self._consumer.consume(
                _POLL_RECORDS, min(wait_s, _SHORT_WAIT_S) if waiting else wait_s
            )
        if messages:
            self._sort_in(messages)
        self._settle()
        self._begin()
        self._regulate()
        self.partitions.look_ahead(self._consumer)
        self._watch.require()
        self._watch.look(self._consumer)

    def finish(self) -> None:
        """Store and commit all that was read, except where a side is failing: that is left to whoever comes next."""
        self.partitions.regulate(self._consumer, everything=True)
        begun_s = self._clock()
        while self._clock() - begun_s < (_FINISH_AWAY_S if self._watch.away else _FINISH_S):
            self._flights.wait(_FINISH_S)
            self._settle()
            self._begin(age_share=0.0)
            if not self._flights and not self._commits.outstanding:
                return
            self._consumer.consume(1, _SHORT_WAIT_S)  # nothing more comes: the callbacks run in here
            if self._commits.outstanding and self._clock() - begun_s > _DOUBT_S:
                self._watch.doubt()
            self._watch.look(self._consumer)

    def _sort_in(self, messages: list[Message]) -> None:
        now_s = self._clock()
        for (topic, number, failed), run in groupby(messages, key=_source):
            if failed:
                for message in run:
                    self._read_error(message)
            else:
                self.partitions.add(topic, number, list(run), now_s)

    def _read_error(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() in {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED}:
            raise RefusedError(f"Kafka does not let the sink read {message.topic()}: {error.str()}.")
        if error.code() in FENCED:
            raise taken_over()
        self.counters.read_errors += 1
        _log.warning("Kafka reports an error", topic=message.topic(), error=error.str())

    def buffers(self) -> Sequence[Buffer]:
        """What is read and not stored: when one is full, reading waits for writing."""
        rows, size = self.partitions.in_hand()
        return (
            Buffer("rows in hand", rows, _IN_HAND * self._settings.batch_rows),
            Buffer("bytes in hand", size, _IN_HAND * BATCH_BYTES),
        )

    def _is_full(self) -> bool:
        return any(each.used >= each.limit for each in self.buffers())

    def _begin(self, *, age_share: float = 1.0) -> None:
        """Commit what has to be, intents and results alike, in one request; then write the batches whose intent stands."""
        now_s = self._clock()
        partitions = list(self.partitions)
        if self._is_full():
            age_share = 0.0  # waiting for more would be waiting for nothing
        if any(partition.due(now_s, share=age_share) for partition in partitions):
            # Partitions whose time is near go along: one commit for many batches.
            for partition in partitions:
                if partition.due(now_s, share=age_share / 2):
                    partition.close(now_s)
        self._commits.send(self._consumer, partitions)
        for partition in sorted(partitions, key=_failures):  # one that fails must not hold up the others
            self._flights.begin(partition, now_s)

    def _settle(self) -> None:
        """Take over what has been written."""
        self._fatal = self._flights.settle(self.partitions) or self._fatal
        if (fatal := self._fatal or self._commits.refused) is not None:
            raise fatal

    def _delay_s(self, attempt: int) -> float:
        return delay_s(
            attempt,
            initial_s=self._settings.backoff_initial_s,
            max_s=self._settings.backoff_max_s,
            jitter=random.random(),  # noqa: S311  spreads retries, guards nothing
        )

    def _regulate(self) -> None:
        """Pause what waits for another attempt, and everything while such batches fill the memory."""
        stuck = self._commits.failures > 0 or any(partition.failures for partition in self.partitions)
        self.partitions.regulate(self._consumer, everything=stuck and self._is_full())

    def _assigned(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        """Ours from now on."""
        while assigned and not self._stopping.is_set():
            try:
                self.partitions.take(consumer, assigned)
            except UnavailableError as error:
                _log.warning("waiting for the committed offsets", reason=str(error))
                self._stopping.wait(_ASSIGN_WAIT_S)
            except RefusedError as error:
                self._fatal = error
                return
            else:
                return

    def _revoked(self, consumer: Consumer, revoked: list[TopicPartition]) -> None:
        """Another's from now on: finish what is on its way, leave the rest to it."""
        gone = self.partitions.among(revoked)
        self._flights.wait(_REVOKE_WAIT_S, of=gone)
        self._settle()
        if not self._closing:  # then finish() has committed, or could not
            self._commits.now(consumer, [partition for partition in gone if partition.held is None])
        self.partitions.drop(consumer, revoked)

    def _lost(self, consumer: Consumer, lost: list[TopicPartition]) -> None:
        """Another's already: whatever we would commit is no longer ours to say."""
        self.partitions.drop(consumer, lost)


def _failures(partition: Partition) -> int:
    return partition.failures


def _source(message: Message) -> tuple[str, int, bool]:
    return message.topic() or "", message.partition() or 0, message.error() is not None
