"""Requests for trades that are missing: page by page into the raw topic, and a record behind them that says how it ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

import httpx2
import pytest

from bookmill.errors import RefusedError
from bookmill.settings import MarketSettings, ProducerSettings
from producers.account import Account
from producers.backfill import Backfills
from producers.kafka_writer import KafkaWriter
from producers.ledger import Ledger
from producers.priorities import Priority, Urgency
from producers.rest import Rest
from tests.unit.producers.fakes import FakeWriter, until
from venues.binance import BinanceSpot, BinanceUsdm
from venues.interface import RestRequest, TradeSpan
from venues.messages import Instrument
from venues.units import Unit

BTC = Instrument("BTCUSDT", "BTC-USDT", "BTC", "USDT", tick=1, lot=1, trading=True, unit=Unit(10**16))
NOW_S = 1_700_000_000.0
SPAN = TradeSpan("11", "2210", 1, 2)
TOPIC = "raw.binance.spot"


def page(first: int, count: int) -> bytes:
    """So many trades from an id on."""
    row = {"price": "1", "qty": "1", "time": 1, "isBuyerMaker": False}
    return json.dumps([{"id": first + n, **row} for n in range(count)]).encode()


class FakeRest:
    """Answers with what ``exchange`` makes of a request's parameters."""

    problem = "nobody answers"

    def __init__(self, exchange: Callable[[dict[str, str]], bytes | Exception | None]) -> None:
        self.asked: list[RestRequest] = []
        self.held = asyncio.Event()
        self.held.set()
        self._exchange = exchange

    async def get(
        self, request: RestRequest, *, priority: Priority, wanted: Callable[[], bool]
    ) -> bytes | None:
        assert priority.urgency is Urgency.BACKFILL
        self.asked.append(request)
        await self.held.wait()
        answer = self._exchange(dict(request.params))
        if isinstance(answer, Exception):
            raise answer
        return answer if wanted() else None


def good(params: dict[str, str]) -> bytes:
    return page(int(params["fromId"]), int(params["limit"]))


def serve(
    rest: FakeRest,
    spans: Sequence[TradeSpan] = (SPAN,),
    *,
    asked_s: float = NOW_S,
    most_pages: int = 50,
    meanwhile: Callable[[Backfills], None] = lambda _: None,
    instruments: dict[str, Instrument] | None = None,
) -> tuple[Backfills, FakeWriter]:
    async def run() -> tuple[Backfills, FakeWriter]:
        writer = FakeWriter()
        backfills = Backfills(
            BinanceSpot(),
            cast("Rest", rest),
            cast("KafkaWriter", writer),
            TOPIC,
            instruments={"BTCUSDT": BTC} if instruments is None else instruments,
            connection="p-backfill",
            most_pages=most_pages,
            clock=lambda: NOW_S,
        )
        running = asyncio.create_task(backfills.run())
        for span in spans:
            backfills.request("BTCUSDT", span, asked_s)
        backfills.request("ETHUSDT", SPAN, NOW_S)
        meanwhile(backfills)
        await until(lambda: not backfills.waiting)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return backfills, writer

    return asyncio.run(run())


def ends(writer: FakeWriter) -> list[dict[str, Any]]:
    return [
        json.loads(value or b"")
        for _, _, value, headers in writer.records
        if ("channel", b"backfill.end") in headers
    ]


def test_pages_are_written_as_they_came_and_the_end_behind_them() -> None:
    backfills, writer = serve(rest := FakeRest(good))
    assert [(request.params["fromId"], request.params["limit"]) for request in rest.asked] == [
        ("11", "1000"),
        ("1011", "1000"),
        ("2011", "200"),
    ]
    assert writer.values[:-1] == [page(11, 1000), page(1011, 1000), page(2011, 200)]
    assert {(topic, key) for topic, key, _, _ in writer.records} == {(TOPIC, b"BTCUSDT")}
    assert [dict(headers)["channel"] for *_, headers in writer.records] == [b"backfill"] * 3 + [
        b"backfill.end"
    ]
    assert [headers[3:] for *_, headers in writer.records] == [
        [("connection", b"p-backfill"), ("frame", b"%d" % n), ("symbol", b"BTC-USDT"), ("unit", b"0.01")]
        for n in range(4)
    ]
    assert {dict(headers)["kind"] for *_, headers in writer.records} == {b"backfill"}
    assert ends(writer) == [
        {
            "first_trade_id": "11",
            "last_trade_id": "2210",
            "since_time": 1,
            "until_time": 2,
            "complete": True,
            "reason": "",
        }
    ]
    counts = backfills.counts
    assert (counts.asked, counts.served, counts.incomplete, counts.pages, counts.trades) == (1, 1, 0, 3, 2200)
    assert backfills.problem == ""


def test_one_whose_instrument_is_taken_over_meanwhile_is_served_to_its_end() -> None:
    ours = {"BTCUSDT": BTC}

    def leaving(params: dict[str, str]) -> bytes:
        ours.clear()
        return good(params)

    backfills, writer = serve(FakeRest(leaving), instruments=ours)
    assert (backfills.counts.served, [end["complete"] for end in ends(writer)]) == (1, [True])


def test_one_whose_instrument_has_gone_before_its_turn_is_left_to_others() -> None:
    ours = {"BTCUSDT": BTC}
    backfills, writer = serve(rest := FakeRest(good), instruments=ours, meanwhile=lambda _: ours.clear())
    assert (rest.asked, writer.records, backfills.counts.expired) == ([], [], 1)


def test_the_same_request_is_served_once_and_another_one_by_itself() -> None:
    backfills, writer = serve(FakeRest(good), [SPAN, SPAN, TradeSpan("5000", "5001")])
    assert (backfills.counts.asked, backfills.counts.folded, backfills.counts.served) == (3, 1, 2)
    assert [end["first_trade_id"] for end in ends(writer)] == ["11", "5000"]


def test_a_request_of_more_than_30_seconds_ago_is_void() -> None:
    backfills, writer = serve(rest := FakeRest(good), asked_s=NOW_S - 31)
    assert (rest.asked, writer.records, backfills.counts.expired) == ([], [], 1)


def test_more_requests_than_a_thousand_wait_for_nobody() -> None:
    rest = FakeRest(good)
    rest.held.clear()
    spans = [TradeSpan(str(n), str(n)) for n in range(1, 1003)]
    backfills, _ = serve(rest, spans, meanwhile=lambda _: rest.held.set())
    assert (backfills.counts.overflowed, backfills.counts.served) == (2, 1000)


def test_a_gap_of_more_pages_than_allowed_ends_incomplete_and_says_so() -> None:
    backfills, writer = serve(FakeRest(good), most_pages=2)
    [end] = ends(writer)
    assert (end["complete"], end["reason"]) == (
        False,
        "There are more than 2 pages of it (producer.backfill_pages).",
    )
    assert (len(writer.records), backfills.counts.incomplete) == (3, 1)


def test_what_the_exchange_does_not_tell_is_said_at_the_end() -> None:
    _, writer = serve(FakeRest(lambda params: good(params) if params["fromId"] == "11" else b"[]"))
    [end] = ends(writer)
    assert (end["complete"], end["reason"]) == (False, "The exchange tells 1000 of 2200 trades.")


def test_a_refusal_is_the_end_and_a_problem_shown_until_the_next_one_goes_well() -> None:
    answers = iter([RefusedError("No such symbol."), *[page(11, 5)] * 2])
    rest = FakeRest(lambda _: next(answers))
    shown: list[str] = []
    backfills, writer = serve(rest, [TradeSpan("11", "15")])
    shown.append(backfills.problem)
    assert (shown, backfills.counts.refused) == (["No such symbol."], 1)
    assert [(end["complete"], end["reason"]) for end in ends(writer)] == [(False, "No such symbol.")]
    backfills, _ = serve(rest, [TradeSpan("11", "15")])
    assert backfills.problem == ""


@pytest.mark.parametrize(
    ("answer", "letters"), [(None, 0), (b'{"code":-1003,"msg":"Too many requests."}', 1)]
)
def test_what_is_given_up_has_no_end_so_that_it_is_asked_again(answer: bytes | None, letters: int) -> None:
    backfills, writer = serve(FakeRest(lambda _: answer))
    assert ends(writer) == []
    assert [topic for topic, *_ in writer.records] == [f"{TOPIC}.dlq"] * letters
    counts = backfills.counts
    assert (counts.expired, counts.unreadable, counts.served) == (1 - letters, letters, 0)
    assert bool(backfills.problem) == bool(letters)


def test_a_key_goes_with_the_calls_that_want_one_and_with_no_other() -> None:
    seen: list[tuple[str, str | None]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append((request.url.path, request.headers.get("X-MBX-APIKEY")))
        return httpx2.Response(200, content=b"[]")

    async def run() -> None:
        settings = MarketSettings.model_validate({"api_key": "secret", "rest_url": "http://127.0.0.1:1"})
        assert "secret" not in repr(settings)
        assert settings.api_key is not None
        venue = BinanceUsdm()
        rest = Rest(
            venue,
            "http://127.0.0.1:1",
            Account(Ledger(None), "binance.futures", 2400, 1.0),
            ProducerSettings(),
            key=settings.api_key.get_secret_value(),
            transport=httpx2.MockTransport(answer),
        )
        for has_key in (True, False):
            way = venue.backfill("BTCUSDT", TradeSpan("1", "2"), aggregated=False, has_key=has_key)
            request = way.request()
            assert request is not None
            await rest.get(request)
        await rest.close()

    asyncio.run(run())
    assert seen == [("/fapi/v1/historicalTrades", "secret"), ("/fapi/v1/trades", None)]
