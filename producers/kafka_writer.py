"""Records into Kafka: idempotent, acknowledged by all replicas, bounded, and nothing dropped in silence.

The bound is ``buffer_messages`` records that are not acknowledged. Writing never waits, so whoever writes looks at ``full``
after each record and, when it is set, waits in :meth:`room`: a socket's reader then reads slower, which the exchange
feels. A record is never given up because Kafka is away; one that Kafka refuses for good is counted, logged and a
health problem. Partitions are chosen by key as Java clients do it, so every writer of an instrument finds the same one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from bookmill.buffers import Buffer
from bookmill.errors import UnavailableError
from bookmill.kafka import client_config
from bookmill.kafka_watch import KnownBrokers
from bookmill.settings import KafkaSettings
from schemas.catalogue import MAX_MESSAGE_BYTES

__all__ = ["Headers", "KafkaWriter"]

_log = structlog.get_logger(__name__)

Headers = list[tuple[str, bytes]]

_LINGER_MS = 10
_BUFFER_KIB = 256 * 1024
_CHECK_EVERY = 256
_RELIEVED = 0.75  # of the bound: readers go on below it, not at each single acknowledgement
_POLL_S = 0.05
_LOG_EVERY_S = 10.0


class KafkaWriter:
    """One librdkafka producer. ``acknowledged`` gets every delivered record (slower; for callers that need offsets)."""

    def __init__(
        self,
        settings: KafkaSettings,
        bootstrap_servers: str,
        *,
        buffer_messages: int,
        acknowledged: Callable[[Message], None] | None = None,
    ) -> None:
        self.full = False
        self.written = 0
        self.failed = 0
        self.throttles = 0
        self._throttled_s = 0.0
        self._full_since_s = 0.0
        self._problem = ""
        self._unreachable = ""
        self._fatal: KafkaError | None = None
        self._logged_s = -_LOG_EVERY_S
        self._delivered = 0
        self._limit = buffer_messages
        self._check_every = max(1, min(_CHECK_EVERY, buffer_messages // 8))
        self._until_check = self._check_every
        self._overflow: deque[tuple[str, bytes | None, bytes | None, Headers]] = deque()
        """Records librdkafka had no room for, in order: one or two a writer, because all wait then."""
        self._acknowledged = acknowledged
        self._brokers = KnownBrokers()
        self._producer = Producer(
            {
                **client_config(settings, bootstrap_servers),
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": _LINGER_MS,
                "partitioner": "murmur2_random",  # what the Java client does with a key
                "delivery.timeout.ms": 0,  # while Kafka is away we read slower, and give up nothing
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "queue.buffering.max.messages": 2 * buffer_messages + 100_000,
                "queue.buffering.max.kbytes": _BUFFER_KIB,
                # A report for each delivered record costs Python 1 µs; failures are what we cannot do without.
                "delivery.report.only.error": acknowledged is None,
                "on_delivery": self._reported,
                "error_cb": self._on_error,
                **self._brokers.config,
            }
        )
        self._produce = self._producer.produce

    def write(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Take one record. Look at ``full`` afterwards."""
        self.written += 1
        if self._overflow:
            self._overflow.append((topic, key, value, headers))
            return
        try:
            self._produce(topic, value, key, headers=headers)  # type: ignore[arg-type]  # bytes are fine
        except BufferError:
            self._overflow.append((topic, key, value, headers))
            self._fill()
            return
        except KafkaException as error:
            self._fail(error.args[0], topic, key, headers)
            return
        self._until_check -= 1
        if not self._until_check:
            self._until_check = self._check_every
            self._producer.poll(0)
            if len(self._producer) >= self._limit:
                self._fill()

    async def room(self) -> None:
        """Wait until there is room again."""
        while self.full:
            await asyncio.sleep(_POLL_S / 10)
            self.serve()

    async def run(self) -> None:
        """Serve reports until cancelled; raises :class:`UnavailableError` when this producer can never write again."""
        while True:
            await asyncio.sleep(_POLL_S)
            self.serve()
            self._brokers.require()
            if self._fatal:
                raise UnavailableError(
                    f"Kafka ends the producer: {self._fatal.str()}.",
                    hint="Start it again; what was not acknowledged is in the log.",
                )

    def serve(self) -> None:
        """Take reports, write what had no room, and see whether there is room."""
        self._producer.poll(0)
        while self._overflow:
            topic, key, value, headers = self._overflow[0]
            try:
                self._produce(topic, value, key, headers=headers)  # type: ignore[arg-type]
            except BufferError:
                break
            except KafkaException as error:
                self._fail(error.args[0], topic, key, headers)
            self._overflow.popleft()
        if self.full and not self._overflow and len(self._producer) <= self._limit * _RELIEVED:
            self.full = False
            self._throttled_s += time.monotonic() - self._full_since_s
        delivered = self.written - self.in_flight - self.failed
        if delivered > self._delivered:
            self._delivered, self._unreachable = delivered, ""

    def close(self, timeout_s: float) -> None:
        """Flush; raises :class:`UnavailableError` when records are left after ``timeout_s`` seconds."""
        deadline_s = time.monotonic() + timeout_s
        while self.in_flight and (left_s := deadline_s - time.monotonic()) > 0:
            self.serve()
            self._producer.flush(min(left_s, 0.5))
        self.serve()
        if left := self.in_flight:
            self._producer.purge()
            self._producer.flush(1.0)
            raise UnavailableError(
                f"Kafka did not take the last {left} records in {timeout_s:.0f} s: they are lost."
            )

    @property
    def in_flight(self) -> int:
        """Records written here and not acknowledged yet."""
        return len(self._producer) + len(self._overflow)

    def buffer(self, name: str) -> Buffer:
        """What waits here, under that name; readers wait when it is full."""
        return Buffer(name, self.in_flight, self._limit)

    @property
    def acknowledged(self) -> int:
        """Records that Kafka has, on all replicas."""
        return max(0, self.written - self.in_flight - self.failed)

    @property
    def throttled_s(self) -> float:
        """Seconds for which the buffer was full, so that nothing was read."""
        return self._throttled_s + (time.monotonic() - self._full_since_s if self.full else 0.0)

    def health(self) -> dict[str, str]:
        """What is wrong with Kafka."""
        problems = {}
        if self._unreachable:
            problems["kafka"] = f"Kafka does not answer: {self._unreachable}."
        if self.failed:
            problems["delivery"] = f"{self.failed} records were not delivered; the last one: {self._problem}."
        return problems

    def _fill(self) -> None:
        if not self.full:
            self.full = True
            self.throttles += 1
            self._full_since_s = time.monotonic()

    def _reported(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            headers: Any = message.headers() or []  # as they were given: a list of pairs
            self._fail(error, message.topic() or "", message.key(), headers)
        elif self._acknowledged is not None:
            self._acknowledged(message)

    def _fail(self, error: KafkaError, topic: str, key: bytes | None, headers: Headers) -> None:
        """Count it, and where it was a frame write that it is missing."""
        self.failed += 1
        self._problem = f"{topic}: {error.str()}"
        if ("kind", b"ws") in headers:
            lost = [(name, b"lost" if name == "kind" else value) for name, value in headers]
            self.write(topic, key, b"undelivered", lost)
        if time.monotonic() - self._logged_s >= _LOG_EVERY_S:
            self._logged_s = time.monotonic()
            _log.error("records are not delivered", topic=topic, error=error.str(), failed=self.failed)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._unreachable = error.str()
            _log.warning("kafka does not answer", error=error.str(), in_flight=self.in_flight)
