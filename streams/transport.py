"""Faust's own aiokafka transport, handing over raw records by the batch: the URL scheme ``bookmill://``.

Stock Faust makes tasks and tracks acknowledgement for each record; here one message a partition and poll carries the
list of its records. Faust still does group, assignment, rebalance and worker life. What is committed, and when, the
worker says itself (offset and metadata), since only it knows what its checkpoints and stored events cover: topics read
this way are declared with ``acks=False``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar, cast

import faust
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from bookmill.errors import BookmillError, RefusedError
from bookmill.kafka import unreachable
from streams.faust_app import PartApp
from streams.static_member import StaticMember

__all__ = ["BatchSchema", "Consumer", "Producer", "Transport", "fetched"]


# By a name of its own: Faust gives a class whose logger is its own base's another one.
_logger = logging.getLogger("faust.transport.batch")


class BatchSchema(faust.Schema[Any, Any]):
    """Takes the list of records as it is: there is nothing to deserialize."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002  the signature is the library's
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:  # noqa: ARG002  same
        return message.value


_FETCH_MIN_BYTES = 64 * 1024
"""With less the broker waits for more, as long as ``PartApp.fetch_wait_ms`` says: fetch after fetch of a few records each costs more than
the records."""


_ANSWER_S = 5.0
"""So long is waited for a commit, and for the good-bye to the group. The library tries a commit again until Kafka is back, and nothing
else is asked of its thread meanwhile: the next one says it anew."""


def _as_decoded(_: Any, record: Any) -> Any:
    return record


async def _done(asked: asyncio.Future[None]) -> bool:
    """Wait for what Kafka has been asked, not for ever."""
    await asyncio.wait([asked], timeout=_ANSWER_S)
    return asked.done()


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    logger = _logger
    _committing: asyncio.Future[None] | None = None
    """The last one: it may wait for Kafka."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = cast("PartApp", self.app).fetch_wait_ms
        consumer._fetch_min_bytes = _FETCH_MIN_BYTES
        return consumer

    async def on_start(self) -> None:
        """Connect; with an id of its own, watch that it stays so."""
        conf = self.app.conf
        try:
            await super().on_start()
        except KafkaConnectionError:
            servers = ",".join(f"{url.host}:{url.port}" for url in conf.broker)
            self._end(unreachable(servers, "it went away as this part started"))
            return
        if conf.consumer_group_instance_id:
            part = cast("PartApp", self.app).part
            member = StaticMember(
                conf.consumer_group_instance_id, conf.broker_session_timeout, part=part.name
            )
            member.watch(self._ensure_consumer()._coordinator, self._end)

    def _end(self, error: BookmillError) -> None:
        """Stop as a signal would: with an end in order, and one sentence."""
        cast("PartApp", self.app).ended = error
        os.kill(os.getpid(), signal.SIGTERM)

    async def on_thread_stop(self) -> None:
        """Leave the group and disconnect, whatever is under way."""
        if self._committing and not self._ensure_consumer()._coordinator._commit_lock.locked():
            self._committing.cancel()
        stopping = asyncio.ensure_future(super().on_thread_stop())
        if not await _done(stopping):
            await self._ensure_consumer()._client.close()  # what waits for an answer ends with its connection
        try:
            await stopping
        except asyncio.CancelledError:
            # A fetch that failed waits for its next attempt; aiokafka cancels it, awaits it, and is cancelled itself. Nobody would
            # hear that this thread has ended.
            await self._ensure_consumer()._client.close()
        if self._committing:
            # What had been sent has failed with its connection. Cancelled before, it would end unheard, with a traceback.
            async with self._ensure_consumer()._coordinator._commit_lock:
                self._committing.cancel()
            await asyncio.wait([self._committing])

    async def _fetch_records(self, consumer: Any, *arguments: Any, **options: Any) -> Any:
        for fetched in consumer._fetcher._records.values():
            if isinstance(fetched, FetchResult) and fetched.has_more():
                # The decoded record has all that is looked at: offset, key, value, headers. The library's own form of it,
                # eleven fields, would cost as much again as decoding.
                fetched._partition_records._consumer_record = _as_decoded
        return await super()._fetch_records(consumer, *arguments, **options)

    async def commit_raw(self, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        """Commit offset and metadata; False when the partitions are being moved (their records are processed again), or Kafka is away."""
        return bool(await self.call_thread(self._commit_raw, offsets))

    async def _commit_raw(self, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        assigned = self.assignment()
        structs = {
            # librdkafka writes and reads the text as a C string: without the end it reads on into foreign memory.
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, metadata + "\0")
            for tp, (offset, metadata) in offsets.items()
            if tp in assigned
        }
        if not structs:
            return False
        if self._committing is not None and not await _done(self._committing):
            return False
        # Not cancelled: what the library has under way would end unheard, and say so with a traceback.
        self._committing = commit = asyncio.ensure_future(self._ensure_consumer().commit(structs))
        # One that fails after it was waited for has been given up: its failure is nobody's.
        commit.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            return await _done(commit) and not commit.cancelled() and commit.result() is None
        except (CommitFailedError, IllegalStateError, RefusedError):
            return False


class Consumer(driver.Consumer):
    """Yields one message a partition and poll: value = the records, offset = that of the last one."""

    logger = _logger
    _thread: _ConsumerThread
    _ahead: asyncio.Task[tuple[Mapping[TP, Any], set[TP] | None, int]] | None = None
    """The next batches, unpacked by the consumer's thread while the ones before are processed."""

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's watchdog reads acknowledgements, which are not used here, and calls a partition without records stuck.
        Lag and health stand at the status port."""

    async def commit_raw(self, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        """As :meth:`_ConsumerThread.commit_raw`."""
        return await self._thread.commit_raw(offsets)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109  the library's
        """As the library's, by the batch. A message of an older generation would be dropped in silence: it is not made."""
        ahead, self._ahead = self._ahead or self._fetch(timeout), None
        records, active, generation = await ahead
        if not records or self.should_stop:
            return
        if not self.flow_active:
            # The partitions may be another worker's by now: what comes instead is sought when it is assigned.
            with suppress(IllegalStateError):
                await self.perform_seek()
            return
        self._ahead = self._fetch(timeout)
        for tp, batch in records.items():
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if batch and (active is None or tp in active or tp in self._buffered_partitions):
                last = batch[-1]
                yield (
                    tp,
                    ConsumerMessage(
                        tp.topic,
                        tp.partition,
                        last.offset,
                        last.timestamp / 1000,
                        last.timestamp_type,
                        [],
                        None,
                        batch,
                        None,
                        None,
                        None,
                        tp,
                        generation_id=generation,
                    ),
                )

    def _fetch(self, timeout: float) -> asyncio.Task[Any]:
        async def fetch() -> tuple[Mapping[TP, Any], set[TP] | None, int]:
            records, active = await self._wait_next_records(timeout)
            # The generation they belong to: that of the moment they came, not of the moment they are handed over.
            return records or {}, active, self.app.consumer_generation_id

        return asyncio.ensure_future(fetch())

    async def on_stop(self) -> None:
        """Leave nothing under way."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.wait([self._ahead])
        await super().on_stop()


def fetched(app: PartApp) -> int:
    """Partitions whose records have been fetched and wait; of each it is a fetch at most, the next is asked for afterwards.

    For the status port's thread, which must not be the one that makes the consumer: ``app.consumer`` makes one where there is
    none, and of two that are made at once Faust would start the one and ask the other.
    """
    made = cast("Consumer | None", app._consumer)
    thread = None if made is None else made._thread
    consumer = None if thread is None else thread._consumer
    fetcher = None if consumer is None else consumer._fetcher  # made when it starts
    return 0 if fetcher is None else len(fetcher._records)


class Producer(driver.Producer):
    """Connects to nothing: what is written goes through :class:`streams.output.Output`."""

    logger = _logger

    async def on_start(self) -> None:
        """There is nothing to start."""


class Transport(driver.Transport):
    """The transport registered for ``bookmill://host:port``."""

    Producer: ClassVar[type[Producer]] = Producer
    Consumer: ClassVar[type[Consumer]] = Consumer
