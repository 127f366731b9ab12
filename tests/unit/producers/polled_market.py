"""A market of a producer without Kafka: its records in memory, a worker's partition beside it that asks for images."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

from bookmill.settings import MarketSettings, ProducerSettings, WorkerSettings
from producers.kafka_writer import KafkaWriter
from producers.listing import InstrumentLog
from producers.market import Market
from schemas.catalogue import BOOK_SNAPSHOTS, KLINES, SPREADS, TICKERS, TRADES, Topic, raw
from streams.partition import DeadLetter, RawPartition
from tests.unit.producers.fakes import FakeWriter
from tests.unit.streams.raw import SCHEMA_IDS, Record, read
from venues.interface import Venue

__all__ = ["Collected", "collecting"]

_TOPICS: dict[str, Topic] = {
    "trades": TRADES,
    "spreads": SPREADS,
    "book_snapshots": BOOK_SNAPSHOTS,
    "tickers": TICKERS,
    "klines": KLINES,
}


@dataclass
class Collected:
    """``events`` by topic, as a reader sees them, of all records until the last :meth:`read`."""

    market: Market
    writer: FakeWriter
    partition: RawPartition
    events: dict[str, list[dict[str, Any]]]
    dead_letters: list[DeadLetter]
    running: asyncio.Task[None]
    offset: int = 0

    def read(self) -> None:
        """Process what has been written meanwhile, and ask for the images that books want."""
        new = self.writer.records[self.offset :]
        work = self.partition.process(
            [
                Record(self.offset + number, key, value, tuple(headers))
                for number, (_, key, value, headers) in enumerate(new)
            ]
        )
        self.offset += len(new)
        self.dead_letters += work.dead_letters
        for name, topic in _TOPICS.items():
            self.events[name] += [read(topic, value) for _, value, _ in getattr(work.events, name)]

    def kinds(self) -> dict[tuple[str, str], int]:
        """How many records of each kind and channel were written."""
        found: dict[tuple[str, str], int] = {}
        for *_, headers in self.writer.records:
            named = dict(headers)
            key = named["kind"].decode(), named["channel"].decode()
            found[key] = found.get(key, 0) + 1
        return found

    async def keep_reading(self) -> None:
        """What a worker does, until cancelled."""
        asked: dict[str, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(0.05)
            self.read()
            for one in self.partition.wanting():
                if loop.time() - asked.get(one.wire_symbol, 0.0) > 1.0:
                    asked[one.wire_symbol] = loop.time()
                    self.market.resync(one.wire_symbol, time.time())


@asynccontextmanager
async def collecting(
    venue: Venue, settings: MarketSettings, producer: ProducerSettings, *, shared: bool = False
) -> AsyncIterator[Collected]:
    """A running market and its worker."""
    writer, log = cast("KafkaWriter", FakeWriter()), cast("KafkaWriter", FakeWriter())
    topic = raw(venue.exchange, venue.market).name
    market = Market(
        venue,
        settings,
        producer,
        writer=writer,
        topic=topic,
        producer_id="p",
        instrument_log=InstrumentLog(log, "", 1),
        shared=shared,
    )
    partition = RawPartition(venue, topic, 0, 0, SCHEMA_IDS, WorkerSettings())
    running = asyncio.create_task(market.run())
    collected = Collected(
        market, cast("FakeWriter", writer), partition, {name: [] for name in _TOPICS}, [], running
    )
    tasks = [asyncio.create_task(collected.keep_reading()), running]
    try:
        yield collected
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        collected.read()
