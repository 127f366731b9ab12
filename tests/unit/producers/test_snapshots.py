"""Requests for snapshots: old ones void, equal ones folded, answers written as raw records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from bookmill.errors import RefusedError
from producers.kafka_writer import KafkaWriter
from producers.priorities import Priority, Urgency
from producers.rest import Rest
from producers.snapshots import Snapshots
from tests.unit.producers.fakes import FakeWriter, until
from venues.binance import BinanceSpot
from venues.interface import RestRequest
from venues.messages import Instrument

BTC = Instrument("BTCUSDT", "BTC-USDT", "BTC", "USDT", tick=1, lot=1, trading=True)
NOW_S = 1_700_000_000.0


class FakeRest:
    problem = ""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer
        self.asked: list[RestRequest] = []
        self.go = asyncio.Event()

    async def get(
        self, request: RestRequest, *, priority: Priority, wanted: Callable[[], bool]
    ) -> bytes | None:
        assert priority.urgency is Urgency.RESYNC
        self.asked.append(request)
        await self.go.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer if wanted() else None


async def serve(
    answer: bytes | Exception, asked_s: list[float], now_s: list[float]
) -> tuple[Snapshots, FakeRest, FakeWriter]:
    """Make the requests at once, then let the exchange answer at ``now_s[-1]``."""
    rest, writer = FakeRest(answer), FakeWriter()
    snapshots = Snapshots(
        BinanceSpot(),
        cast("Rest", rest),
        cast("KafkaWriter", writer),
        "raw.binance.spot",
        instruments={"BTCUSDT": BTC},
        connection="p-rest",
        levels=None,
        clock=lambda: now_s[0],
    )
    running = asyncio.create_task(snapshots.run())
    for time_s in asked_s:
        snapshots.request("BTCUSDT", time_s)
    snapshots.request("ETHUSDT", NOW_S)
    await asyncio.sleep(0.05)
    now_s[:] = now_s[-1:]
    rest.go.set()
    await until(lambda: not snapshots.waiting)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return snapshots, rest, writer


def test_equal_requests_are_one_call_and_one_record() -> None:
    snapshots, rest, writer = asyncio.run(serve(b"{body}", [NOW_S - 1, NOW_S], [NOW_S]))
    assert [dict(request.params) for request in rest.asked] == [{"symbol": "BTCUSDT", "limit": "5000"}]
    [(topic, key, value, headers)] = writer.records
    assert (topic, key, value) == ("raw.binance.spot", b"BTCUSDT", b"{body}")
    assert headers[1:] == [
        ("kind", b"snapshot"),
        ("channel", b"snapshot"),
        ("connection", b"p-rest"),
        ("frame", b"0"),
        ("symbol", b"BTC-USDT"),
    ]
    counts = snapshots.counts
    assert (counts.asked, counts.folded, counts.served, counts.expired) == (2, 1, 1, 0)


def test_a_request_of_more_than_30_seconds_ago_is_void() -> None:
    snapshots, rest, writer = asyncio.run(serve(b"{}", [NOW_S - 31], [NOW_S]))
    assert (rest.asked, writer.records, snapshots.counts.expired) == ([], [], 1)


def test_a_request_that_grows_old_while_it_waits_is_given_up() -> None:
    snapshots, _, writer = asyncio.run(serve(b"{}", [NOW_S], [NOW_S, NOW_S + 31]))
    assert (writer.records, snapshots.counts.expired) == ([], 1)


def test_a_repeated_request_keeps_a_waiting_one_fresh() -> None:
    snapshots, _, _ = asyncio.run(serve(b"{}", [NOW_S, NOW_S + 20], [NOW_S, NOW_S + 31]))
    assert snapshots.counts.served == 1


def test_a_refusal_is_a_problem_shown_and_the_next_request_is_served() -> None:
    snapshots, _, writer = asyncio.run(serve(RefusedError("No such symbol."), [NOW_S], [NOW_S]))
    assert (writer.records, snapshots.counts.refused, snapshots.problem) == ([], 1, "No such symbol.")
