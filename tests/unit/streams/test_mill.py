"""What a worker does with a batch whose partition moves while its checkpoints are read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from faust.types import TP

from bookmill.settings import WorkerSettings
from schemas.catalogue import CHECKPOINTS, CONTROL_REQUESTS
from streams import takeover
from streams.mill import Mill
from streams.output import Output
from streams.takeover import Found
from tests.unit.streams.raw import SCHEMA_IDS, TOPIC, Record, depth, snapshot, trade
from venues.binance import BinanceSpot

A = TP(TOPIC, 0)


class Written:
    """In place of :class:`Output`: everything is stored at once, or with a Kafka that is away nothing."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.away = False

    async def write(self, topic: str, _partition: int, records: Sequence[Any], stored: Any) -> None:
        self.topics += [topic] * len(records)
        if not self.away:
            stored()

    async def all_stored(self, _until_s: float) -> bool:
        return not self.away

    def poll(self) -> None: ...


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setattr(takeover, "read_checkpoints", lambda *_: Found())
    return Written()


def mill(output: Written, *, book_updates: bool = False) -> Mill:
    return Mill(
        WorkerSettings(book_updates=book_updates),
        prefix="",
        venues={TOPIC: BinanceSpot()},
        schema_ids={**SCHEMA_IDS, CONTROL_REQUESTS: 99},
        output=cast("Output", output),
        client_config={},
        incarnations={TOPIC: "now"},
    )


BATCH: list[Record] = [depth(5, 1, 2), trade(6, 1)]


def test_a_batch_of_a_partition_that_has_gone_gives_nothing(written: Written) -> None:
    async def run() -> None:
        worker = mill(written)
        worker.own({A})
        processing = asyncio.create_task(worker.process(A, BATCH, 7))
        await asyncio.sleep(0)
        await worker.finish(1.0)
        await processing
        assert (worker.owned, worker.counts["frames"], written.topics) == ({}, 0, [])
        worker.own({A})
        await worker.process(A, BATCH, 7)
        assert (list(worker.owned), worker.counts["frames"], written.topics.count("trades")) == ([A], 2, 1)

    asyncio.run(run())


def test_a_partition_that_comes_back_in_time_is_opened_where_its_batch_begins(written: Written) -> None:
    async def run() -> None:
        worker = mill(written)
        worker.own({A})
        processing = asyncio.create_task(worker.process(A, BATCH, 7))
        await asyncio.sleep(0)
        worker.own({A, TP(TOPIC, 1)})
        await processing
        assert worker.owned[A].raw.position == 7
        await worker.process(A, BATCH, 7)
        assert (worker.counts["frames"], worker.counts["repeated"]) == (2, 2)
        assert written.topics.count("trades") == 1

    asyncio.run(run())


@pytest.mark.parametrize("away", [False, True])
def test_checkpoints_are_written_at_the_end_where_kafka_takes_them(written: Written, away: bool) -> None:
    async def run() -> None:
        worker = mill(written)
        worker.own({A})
        await worker.process(A, BATCH, 7)
        written.away = away
        commits = await worker.finish(1.0)
        assert written.topics.count(CHECKPOINTS.name) == int(not away)
        # The diff waits for its snapshot: it is read again.
        assert commits[A][0] == 5

    asyncio.run(run())


@pytest.mark.parametrize("on", [False, True])
def test_book_updates_are_written_where_they_are_wanted(written: Written, on: bool) -> None:
    async def run() -> None:
        worker = mill(written, book_updates=on)
        worker.own({A})
        await worker.process(A, [*BATCH, snapshot(7, 1, [["9", "1"]], [])], 8)
        # The diff that waited is part of the image that ends the wait.
        assert written.topics.count("book_updates") == worker.counts["book_updates"] == int(on)

    asyncio.run(run())
