"""The event topics into the live state: a thread reads and decodes, the event loop takes what it has read, in order.

The gateway is in no consumer group: each one reads every partition, from a little before now. What it has read and the loop has
not taken is bounded; then reading waits. Kafka may go away and come back: reading goes on where it stood.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from bookmill.backoff import Backoff
from bookmill.buffers import Buffer
from bookmill.errors import UnavailableError
from bookmill.kafka import READ_AHEAD_BYTES
from bookmill.kafka_watch import KafkaWatch
from gateway.arrival import Arrival, Arrivals
from gateway.live import LiveState
from gateway.reading import Look, Places, high_marks, places

__all__ = ["Feed"]

_log = structlog.get_logger(__name__)

_BATCH = 50
"""The loop takes so many events at once: a millisecond or two in which it answers nobody, and as long as the first of them waits for the
last. What has come is taken at once: waiting for more saved turns, and cost each event more than that."""
_BATCHES = 64
_IDLE_S = 0.5
_LOOK_S = 1.0
_NEW_PARTITIONS_S = 30.0
_BACKOFF_S = (0.5, 10.0)
_IGNORED = {KafkaError._PARTITION_EOF}


class Feed:
    """Use as an asynchronous context manager. ``consumer_of`` makes the consumer; ``failed`` is called, in the loop, with what
    should never happen: without its feed a gateway is none."""

    def __init__(
        self,
        consumer_of: Callable[[], Consumer],
        looks: Sequence[Look],
        arrivals: Arrivals,
        live: LiveState,
        *,
        prefix: str,
        watch: KafkaWatch,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.watch = watch
        self.arrivals = arrivals
        self.caught_up = False
        """Whether all that there was at the start has been taken."""
        self.registry_problem = ""
        self.read_errors = 0
        self._consumer_of = consumer_of
        self._looks = looks
        self._prefix = prefix
        self._live = live
        self._failed = failed
        self._ends: Places = {}
        """Where each partition ended when it was first looked at."""
        self._highs: Places = {}
        self._begins: Places = {}
        self._stopping = threading.Event()
        self._slots = threading.Semaphore(_BATCHES)
        self._handed = 0  # counted by the thread
        self._taken = 0  # counted by the loop
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, args=(loop,), daemon=True, name="feed")
        self._thread.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    @property
    def lag(self) -> int | None:
        """Records written and not taken yet; None while that is not known."""
        if not self._highs:
            return None
        positions = self.arrivals.positions
        return sum(
            max(0, high - positions.get(place, self._begins.get(place, high)))
            for place, high in list(self._highs.items())
        )

    @property
    def partitions(self) -> int:
        """How many it reads."""
        return len(self._begins)

    def counters(self) -> dict[str, int]:
        """What was not taken."""
        return {
            "duplicates": self.arrivals.duplicates,
            "unreadable": self.arrivals.unreadable,
            "read_errors": self.read_errors,
        }

    def buffers(self) -> list[Buffer]:
        """In the way of an event."""
        return [
            Buffer("fetched bytes", self.watch.queued_bytes, READ_AHEAD_BYTES),
            Buffer("events for the loop", self._handed - self._taken, _BATCH * _BATCHES),
        ]

    # ---- the thread

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            consumer = self._consumer_of()
            try:
                self._begin(consumer)
                self._read(consumer, loop)
            finally:
                consumer.close()
        except Exception as error:  # noqa: BLE001  whatever it is, the gateway has to end with it
            if not self._stopping.is_set():
                loop.call_soon_threadsafe(self._failed, error)

    def _begin(self, consumer: Consumer) -> None:
        """Find the places to begin at, however long Kafka does not say where they are."""
        backoff = Backoff(*_BACKOFF_S)
        while not self._stopping.is_set():
            try:
                self._assign(consumer)
            except UnavailableError as error:
                self.watch.problem = str(error)
                self._stopping.wait(backoff.next_s())
            else:
                self.watch.problem = ""
                return

    def _assign(self, consumer: Consumer) -> None:
        now_ms = time.time_ns() // 1_000_000
        for look in self._looks:
            begins, ends = places(consumer, look, self._prefix, now_ms, self._begins)
            if begins:
                consumer.incremental_assign(
                    [TopicPartition(name, number, offset) for (name, number), offset in begins.items()]
                )
                self._begins |= begins
                self._ends |= ends

    def _read(self, consumer: Consumer, loop: asyncio.AbstractEventLoop) -> None:
        look_at_s = 0.0
        partitions_at_s = time.monotonic() + _NEW_PARTITIONS_S
        while not self._stopping.is_set():
            messages = consumer.consume(1, _IDLE_S)
            if messages:
                messages += consumer.consume(_BATCH - 1, 0)
                self._hand_over(loop, self._events(messages))
            now_s = time.monotonic()
            if now_s < look_at_s:
                continue
            look_at_s = now_s + _LOOK_S
            self.watch.require()
            self.watch.look(consumer)
            self._measure(consumer)
            if now_s >= partitions_at_s and not self.watch.problem:
                partitions_at_s = now_s + _NEW_PARTITIONS_S
                # Kafka may be away, which the watch tells: waiting here for it, nothing would tell of a client that is lost.
                with suppress(UnavailableError):
                    self._assign(consumer)

    def _events(self, messages: Sequence[Message]) -> list[Arrival]:
        found: list[Arrival] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._note(error)
            elif self.arrivals.is_new(message):
                arrival = self._decoded(message)
                if arrival is not None:
                    found.append(arrival)
        return found

    def _note(self, error: KafkaError) -> None:
        if error.code() in _IGNORED:
            return
        self.read_errors += 1
        _log.warning("kafka reports an error", reason=error.str())

    def _decoded(self, message: Message) -> Arrival | None:
        """The event of a message, however long the registry does not say what its schema is."""
        backoff = Backoff(*_BACKOFF_S)
        while not self._stopping.is_set():
            try:
                arrival = self.arrivals.read(message)
            except UnavailableError as error:
                self.registry_problem = str(error)
                self._stopping.wait(backoff.next_s())
            else:
                self.registry_problem = ""
                return arrival
        return None

    def _hand_over(self, loop: asyncio.AbstractEventLoop, arrivals: list[Arrival]) -> None:
        if not arrivals:
            return
        while not self._slots.acquire(timeout=_IDLE_S):
            if self._stopping.is_set():
                return
        self._handed += len(arrivals)
        loop.call_soon_threadsafe(self._take, arrivals)

    def _measure(self, consumer: Consumer) -> None:
        self._highs = high_marks(consumer, self._begins)
        if not self.caught_up and self._begins:
            positions = self.arrivals.positions
            self.caught_up = all(
                positions.get(place, self._begins[place]) >= end for place, end in self._ends.items()
            )

    # ---- the loop

    def _take(self, arrivals: list[Arrival]) -> None:
        try:
            for arrival in arrivals:
                if arrival.event is None:
                    self._live.forget(arrival.topic, arrival.key)
                else:
                    self._live.take(arrival.topic, arrival.event)
            received_us = next(
                (
                    each.event["receive_time"]
                    for each in arrivals
                    if each.event and "receive_time" in each.event
                ),
                None,
            )
            if self.caught_up and received_us is not None:
                self._live.rates.age(time.time_ns() // 1000 - received_us)
        except Exception as error:  # noqa: BLE001  whatever it is, the gateway has to end with it
            self._failed(error)
        finally:
            self._taken += len(arrivals)
            self._slots.release()
