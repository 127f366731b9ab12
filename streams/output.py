"""The worker's way into Kafka: librdkafka, idempotent, without gaps; and how far what was written is stored.

A partition's records arrive in order or not at all (``enable.gapless.guarantee``), so the report of the last record
written to each partition answers for those before it. That costs one callback a batch instead of one a record.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, Message, Producer

from bookmill.errors import UnavailableError
from bookmill.kafka_watch import KnownBrokers
from schemas.catalogue import MAX_MESSAGE_BYTES
from streams.emitter import OutgoingEvent

__all__ = ["BUFFER_MESSAGES", "Deliveries", "Output"]

BUFFER_MESSAGES = 100_000
_STALLED_S = 10.0
_BUFFER_KIB = 64 * 1024


class Deliveries:
    """Which prefix of a partition's batches is stored. ``position`` is the raw offset up to which all events are."""

    def __init__(self, position: int) -> None:
        self.position = position
        self._batches: deque[list[int]] = deque()

    def expect(self, position: int, reports: int) -> Callable[[], None]:
        """A batch ending at ``position`` awaits so many reports; call what is returned once for each."""
        batch = [position, reports]
        self._batches.append(batch)
        self._advance()

        def report() -> None:
            batch[1] -= 1
            self._advance()

        return report

    @property
    def waiting(self) -> int:
        """Batches not yet stored."""
        return len(self._batches)

    def _advance(self) -> None:
        while self._batches and self._batches[0][1] == 0:
            self.position = self._batches.popleft()[0]


class Output:
    """Writes events, dead letters and checkpoints. A write that fails for good raises at the next call: the worker restarts."""

    def __init__(self, config: dict[str, Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._awaited = 0
        """Reports."""
        self._stored_s = 0.0
        self._failure: KafkaError | None = None
        self.waits = 0
        """Times a full buffer made the worker wait."""
        self._brokers = KnownBrokers()
        self._producer = Producer(
            {
                **config,
                "enable.idempotence": True,
                "enable.gapless.guarantee": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 20,
                "batch.num.messages": 10_000,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": BUFFER_MESSAGES,
                "queue.buffering.max.kbytes": _BUFFER_KIB,
                "message.max.bytes": MAX_MESSAGE_BYTES,
                "message.timeout.ms": 0,
                "error_cb": self._on_error,
                **self._brokers.config,
            }
        )

    def __len__(self) -> int:
        return len(self._producer)

    @property
    def problem(self) -> str:
        """Says for how long nothing has been stored of what waits; empty while that is not for long."""
        stalled_s = self._clock() - self._stored_s if self._awaited else 0.0
        if stalled_s <= _STALLED_S:
            return ""
        return f"Kafka has taken nothing for {stalled_s:.0f} s: {len(self)} records wait."

    async def write(
        self,
        topic: str,
        partition: int,
        records: Sequence[OutgoingEvent | tuple[bytes, None, list[tuple[str, bytes]]]],
        stored: Callable[[], None],
    ) -> None:
        """Write ``records`` (not empty) in order; ``stored`` is called when the last of them is."""
        produce: Callable[..., None] = self._producer.produce
        last = len(records) - 1
        if not self._awaited:
            self._stored_s = self._clock()
        self._awaited += 1
        for position, (key, value, headers) in enumerate(records):
            callback = self._reporter(stored) if position == last else None
            while True:
                try:
                    if callback:
                        produce(topic, value, key, partition, headers=headers, on_delivery=callback)
                    else:
                        produce(topic, value, key, partition, headers=headers)
                except BufferError:
                    self.waits += 1
                    self.poll()
                    await asyncio.sleep(0.005)
                else:
                    break
        self.poll()

    def poll(self) -> None:
        """Serve reports; raises :class:`UnavailableError` when a write has failed for good, or never will be done."""
        self._producer.poll(0)
        self._brokers.require()
        if self._failure is not None:
            raise UnavailableError(f"Kafka does not store what the worker writes: {self._failure.str()}.")

    async def all_stored(self, until_s: float) -> bool:
        """Wait until all that was written is stored, or the clock shows ``until_s``: False then. Raises as :meth:`poll`."""
        left = await asyncio.to_thread(self._producer.flush, max(0.0, until_s - self._clock()))
        self.poll()
        return not left

    def _reporter(self, stored: Callable[[], None]) -> Callable[[KafkaError | None, Message], None]:
        def report(error: KafkaError | None, _: Message) -> None:
            self._awaited -= 1
            if error is None:
                self._stored_s = self._clock()
                stored()
            else:
                self._failure = error

        return report

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._failure = error
