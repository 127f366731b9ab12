"""The consumer group on ``control.subscriptions``: which partitions are this producer's, and what stands in them.

A producer that dies is noticed by the group within the session timeout, and its partitions go to the others. Nothing is
committed: whoever gets a partition reads it from its begin, which compaction keeps short, and then follows it. What was
desired meanwhile and is no more is not acted on: a partition is told first when it has been read to its end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from bookmill.errors import FrameError
from bookmill.kafka import READ_AHEAD, client_config
from bookmill.kafka_watch import KnownBrokers, leave, let_go
from bookmill.settings import KafkaSettings, ProducerSettings
from schemas.catalogue import CONTROL_SUBSCRIPTIONS
from schemas.subscriptions import Desired, decode, group_of

__all__ = ["Listener", "SubscriptionReader"]

_log = structlog.get_logger(__name__)

_POLL_S = 0.2
_HEARTBEAT_PART = 5
"""Heartbeats of a session timeout: so many have to be missing."""


class Listener(Protocol):
    """Who acts on what is read. Called from the reader's thread."""

    def given(self, partition: int, states: Mapping[str, Desired]) -> None:
        """A partition is ours, and this is all it says, by key."""

    def changed(self, partition: int, key: str, desired: Desired | None) -> None:
        """A partition of ours says something new of one instrument; None: nothing any more."""

    def taken(self, partitions: Iterable[int]) -> None:
        """These belong to another producer now."""


class SubscriptionReader:
    """Reads in a thread of its own. ``unreadable`` counts records that are no subscriptions, ``problem`` is why nothing can be read."""

    def __init__(
        self,
        settings: KafkaSettings,
        producer: ProducerSettings,
        bootstrap_servers: str,
        producer_id: str,
        listener: Listener,
    ) -> None:
        self.unreadable = 0
        self.problem = ""
        self.partitions: frozenset[int] = frozenset()
        """Those that are ours and have been read to their end."""
        self.rebalances = 0
        self._topic = settings.topic_prefix + CONTROL_SUBSCRIPTIONS.name
        self._listener = listener
        self._reading: dict[int, dict[str, Desired]] = {}
        """Partitions that have not been read to their end yet."""
        self._missed: set[int] = set()
        """Partitions the group took away while we were not heard. Whose they are is known when the group answers again."""
        self._stopping = threading.Event()
        session_ms = int(producer.session_timeout_s * 1000)
        static = {"group.instance.id": producer.instance_id} if producer.instance_id else {}
        self._config = {
            **client_config(settings, bootstrap_servers),
            **READ_AHEAD,
            **static,
            "client.id": producer_id,
            "group.id": group_of(settings, producer.group),
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": session_ms,
            "heartbeat.interval.ms": session_ms // _HEARTBEAT_PART,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "topic.metadata.refresh.interval.ms": 30_000,
        }
        self._brokers, self._consumer = self._connect()
        self._thread = threading.Thread(target=self._run, name="subscriptions", daemon=True)

    def start(self) -> None:
        """Join the group."""
        self._subscribe()
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it reads no more although nobody has stopped it: a bug, which is in the log."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._stopping.is_set()

    def stop(self) -> None:
        """Leave the group (a static member stays in it until its session ends). Blocks."""
        self._stopping.set()
        if self._thread.ident is None:
            self._consumer.close()
        else:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                message = self._consumer.poll(_POLL_S)
                if message is not None:
                    self._take(message)
                if self._brokers.lost:
                    self._join_anew()
        finally:
            leave(self._consumer, self._brokers)

    def _connect(self) -> tuple[KnownBrokers, Consumer]:
        brokers = KnownBrokers()
        return brokers, Consumer({**self._config, **brokers.config})

    def _subscribe(self) -> None:
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )

    def _join_anew(self) -> None:
        """With another client. What was ours is so until the group says whose it is, as after any silence."""
        lost, held = self._consumer, self.partitions | self._reading.keys()
        self._missed |= self._forget([TopicPartition(self._topic, number) for number in held])
        self._brokers, self._consumer = self._connect()
        let_go(lost, "subscriptions")
        self._subscribe()

    def _take(self, message: Message) -> None:
        number, error = message.partition() or 0, message.error()
        if error is None:
            self.problem = ""
            self._note(number, message)
        elif error.code() == KafkaError._PARTITION_EOF:
            self.problem = ""
            states = self._reading.pop(number, None)
            if states is not None:
                self.partitions |= {number}
                _log.info("subscriptions taken over", partition=number, instruments=len(states))
                self._listener.given(number, states)
        elif self.problem != error.str():
            self.problem = error.str()
            _log.warning("subscriptions cannot be read", reason=self.problem)

    def _note(self, number: int, message: Message) -> None:
        raw_key, value = message.key(), message.value()
        key = raw_key.decode("utf-8", "replace") if isinstance(raw_key, bytes) else str(raw_key)
        desired: Desired | None = None
        if value is not None:
            try:
                desired = decode(value)
            except FrameError as error:
                # What stood there before goes on to count: a record nobody can read asks for nothing.
                self.unreadable += 1
                _log.error("subscription cannot be read", offset=message.offset(), reason=error.message)
                return
            if desired.key != key:
                self.unreadable += 1
                _log.error("subscription has another's key", offset=message.offset(), key=key)
                return
        reading = self._reading.get(number)
        if reading is None:
            self._listener.changed(number, key, desired)
        elif desired is None:
            reading.pop(key, None)
        else:
            reading[key] = desired

    def _on_assign(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        self.rebalances += 1
        numbers = {place.partition for place in places}
        self._reading |= {number: {} for number in numbers}
        consumer.incremental_assign(
            [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in numbers]
        )
        gone, self._missed = self._missed - numbers, set()
        if gone:
            self._listener.taken(gone)

    def _on_revoke(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        if consumer is not self._consumer:  # a lost one ends
            return
        numbers = self._forget(places)
        try:
            consumer.incremental_unassign(places)
        except KafkaException as error:  # the consumer is closing: it has none any more
            _log.debug("partitions were gone", reason=str(error))
        self._listener.taken(numbers)

    def _on_lost(self, consumer: Consumer, places: list[TopicPartition]) -> None:
        """Kafka has not heard us for too long. That may be Kafka itself, and then nobody else collects: we go on."""
        if consumer is not self._consumer:
            return
        self._missed |= self._forget(places)
        try:
            consumer.incremental_unassign(places)
        except KafkaException as error:
            _log.debug("partitions were gone", reason=str(error))
        _log.warning("the group has not heard of this producer for too long", partitions=len(places))

    def _forget(self, places: Iterable[TopicPartition]) -> set[int]:
        numbers = {place.partition for place in places}
        for number in numbers:
            self._reading.pop(number, None)
        self.partitions -= numbers
        return numbers
