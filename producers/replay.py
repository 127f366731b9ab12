"""A recording into the raw topic: in order, as a producer would have written it when it was recorded."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Message

from bookmill.addresses import Addresses
from bookmill.errors import BookmillError, RecordingError
from bookmill.settings import Settings
from producers import recording
from producers.kafka_writer import KafkaWriter
from producers.stream import Stream
from schemas.admin import ensure_topics
from schemas.catalogue import EVENT_TOPICS, dead_letters, raw
from schemas.raw_record import RawHeaders
from venues.interface import Route, Venue

__all__ = ["Replayed", "replay"]

_FLUSH_S = 60.0
_YIELD_EVERY = 500


@dataclass
class Replayed:
    """Where the records are: one partition of ``topic``, offsets ``first`` to ``last``."""

    topic: str
    wire_symbol: str
    unit: str = ""
    others: int = 0
    records: int = 0
    snapshots: int = 0
    partition: int = -1
    first: int = -1
    last: int = -1

    def acknowledged(self, message: Message) -> None:
        """Note where a record went."""
        offset = message.offset() or 0
        self.partition = message.partition() or 0
        self.first = offset if self.first < 0 else min(self.first, offset)
        self.last = max(self.last, offset)

    def counts(self) -> dict[str, Any]:
        """For the user: what was written, and where."""
        return {
            "records": self.records,
            "snapshots": self.snapshots,
            "frames_of_others": self.others,
            "topic": self.topic,
            "partition": self.partition,
            "first_offset": self.first,
            "last_offset": self.last,
        }


class _Source:
    """The connection the records name: the same for the same files, so that a replay is recognised."""

    def __init__(self, paths: Sequence[Path], wire_symbol: str) -> None:
        names = "\n".join(path.name for path in paths)
        digest = hashlib.sha256(names.encode()).hexdigest()[:8]
        self.name = f"replay-{wire_symbol.lower()}-{digest}"
        self.header = ("connection", self.name.encode())
        self.written = 0
        self.over = False
        self.loss = ""


async def replay(
    paths: Sequence[Path],
    *,
    venue: Venue,
    symbol: str,
    unit: str | None,
    speed: float,
    settings: Settings,
    addresses: Addresses,
    advanced: Callable[[str, int], None],
) -> Replayed:
    """Check all files, then write them; nothing is written when a file is broken.

    ``speed`` is a factor of the recorded pace, infinite for as fast as Kafka takes it. ``advanced`` is told the step and
    the bytes of the files read. Raises :class:`RecordingError`; where records were written already it says how many.
    """
    summary = await asyncio.to_thread(
        recording.check, paths, venue, symbol, unit, lambda size: advanced("check", size)
    )
    topic = raw(venue.exchange, venue.market)
    await asyncio.to_thread(
        ensure_topics, settings.kafka, addresses.kafka, [topic, dead_letters(topic.name), *EVENT_TOPICS]
    )
    done = Replayed(
        settings.kafka.topic_prefix + topic.name, summary.wire_symbol, summary.unit, summary.others
    )
    writer = KafkaWriter(
        settings.kafka,
        addresses.kafka,
        buffer_messages=settings.producer.kafka_buffer_messages,
        acknowledged=done.acknowledged,
    )
    source = _Source(paths, summary.wire_symbol)
    try:
        await _write(paths, venue, symbol, speed, done, source, writer, lambda size: advanced("write", size))
        await asyncio.to_thread(writer.close, _FLUSH_S)
    except BookmillError as error:
        raise type(error)(
            f"{error.message} {writer.acknowledged} records were written before.", hint=error.hint
        ) from error
    if writer.failed:
        raise RecordingError(
            f"{writer.failed} of {writer.written} records were not taken by Kafka: {writer.health()['delivery']}"
        )
    return done


async def _write(
    paths: Sequence[Path],
    venue: Venue,
    symbol: str,
    speed: float,
    done: Replayed,
    source: _Source,
    writer: KafkaWriter,
    advanced: Callable[[int], None],
) -> None:
    streams: dict[str, Stream] = {}
    loop = asyncio.get_running_loop()
    start_s, start_ns = loop.time(), 0
    for line in recording.read(paths, venue, done.wire_symbol, advanced):
        start_ns = start_ns or line.time_ns
        if math.isfinite(speed):
            due_s = start_s + (line.time_ns - start_ns) / 1e9 / speed
            if (wait_s := due_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
        if line.channel is None:
            _write_snapshot(line, symbol, done, source, writer)
        else:
            stream = streams.get(line.channel)
            if stream is None:
                route = Route(line.channel, done.wire_symbol)
                stream = streams[line.channel] = Stream(route, symbol, done.topic, writer, unit=done.unit)
            stream.write(source, line.frame, line.time_ns)
        done.records += 1
        if writer.full:
            await writer.room()
        elif not done.records % _YIELD_EVERY:
            writer.serve()
            await asyncio.sleep(0)


def _write_snapshot(
    line: recording.Line, symbol: str, done: Replayed, source: _Source, writer: KafkaWriter
) -> None:
    headers = RawHeaders(line.time_ns, "snapshot", "snapshot", source.name, source.written, symbol, done.unit)
    source.written += 1
    done.snapshots += 1
    writer.write(done.topic, done.wire_symbol.encode(), line.frame, headers.encode())
