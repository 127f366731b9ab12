"""``/api/v1/analysis/…``: the same reports, in the gateway's forms of answers and errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from analysis import reports
from bookmill.archive import Archive
from gateway.context import now_micros
from gateway.errors import handle_errors
from gateway.routes_analysis import router
from gateway.routing import API, take_in
from tests.unit.analysis.market import Market

RANGE = {"since": "2026-01-05T10:00:00Z", "until": "2026-01-05T11:00:00Z"}
NAMES = ("summary", "trading", "spreads", "venues", "quality")


def get(market: Market, path: str, query: Mapping[str, str] = {}) -> tuple[int, Any]:
    """Status and body of an answer."""

    async def asked() -> httpx2.Response:
        async with Archive(market.settings, market.url, timeout_s=60) as archive:
            app = FastAPI()
            handle_errors(app)
            take_in(app, [router])
            app.state.context = SimpleNamespace(archive=archive, clock=now_micros)
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
                return await client.get(f"{API}/analysis/{path}", params={**RANGE, **query})

    answer = asyncio.run(asked())
    return answer.status_code, answer.json()


def traded(market: Market) -> None:
    for venue in (market, market.of("okx")):
        venue.traded((0, "100", "1", "BUY"), (70, "110", "2", "SELL"))
        venue.quoted((0, "99", "1", "101", "1"))


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_is_the_report(name: str, market: Market) -> None:
    traded(market)
    status, body = get(market, name, {"exchange": "binance,okx"})
    assert status == 200
    assert body == {"data": market.ask(getattr(reports, name), until=3600)}


def test_a_profile_is_of_one_instrument(market: Market) -> None:
    traded(market)
    status, body = get(market, "profile", {"exchange": "okx", "step": "5"})
    assert status == 200
    assert [row["low_price"] for row in body["data"]["buckets"]] == ["100", "110"]
    status, body = get(market, "profile")
    assert (status, body["error"]["code"]) == (400, "bad_request")
    assert "binance.spot.BTC-USDT" in body["error"]["message"]
    status, body = get(market, "profile", {"exchange": "kraken"})
    assert (status, body["error"]["code"]) == (404, "unknown_instrument")


@pytest.mark.parametrize(
    ("path", "query", "code", "field"),
    [
        ("summary", {"since": "soon"}, "bad_request", "since"),
        ("summary", {"since": "2026-01-05T12:00"}, "bad_range", "since"),
        ("summary", {"until": "2300-01-01"}, "bad_range", "until"),
        ("profile", {"step": "'; DROP TABLE trades"}, "bad_request", None),
        ("profile", {"buckets": "many"}, "bad_request", "buckets"),
    ],
)
def test_what_is_wrong_is_said(
    path: str, query: dict[str, str], code: str, field: str | None, market: Market
) -> None:
    status, body = get(market, path, query)
    assert (status, body["error"]["code"], body["error"]["field"]) == (400, code, field)


@pytest.mark.parametrize("name", ["exchange", "market", "symbol"])
def test_a_name_is_never_part_of_a_query(name: str, market: Market) -> None:
    traded(market)
    for hostile in ("' OR 1 = 1 --", "\\", "a'b\\'c\n\t"):
        status, body = get(market, "summary", {name: hostile})
        assert (status, body["error"]["code"], body["error"]["field"]) == (400, "bad_request", name)
