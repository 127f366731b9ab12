"""What a new dialect begins with, before it says anything of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest

from bookmill.errors import ConfigurationError
from simulator.dialect import HandshakeRefusedError
from simulator.faults import RestFaults
from simulator.hub import Hub, Subscriber
from simulator.instruments import Instrument
from simulator.live import LiveMarket
from simulator.plain import Numerals, Page, PlainDialect, PlainFeed, PlainSession
from simulator.web import Request, Response


class Session(PlainSession):
    def receive(self, message: bytes) -> list[bytes]:
        return [message]


class Dialect(PlainDialect):
    name = "plain.spot"
    path = "/ws"
    calls = 2

    def session(self, subscriber: Subscriber, hub: Hub) -> Session:  # noqa: ARG002  it tells nobody anything
        return Session()

    def feed(self, instrument: Instrument, hub: Hub) -> PlainFeed:  # noqa: ARG002  same
        return PlainFeed(instrument)

    def pages(self) -> Mapping[str, Page]:
        return {"/list": lambda request: [request.query.get("kind")]}


class Client:
    def queue(self, envelope: bytes, data_start: int) -> None: ...

    def flush(self) -> None: ...

    async def writable(self) -> None: ...


def get(dialect: Dialect, path: str, **query: str) -> Response:
    request = Request("GET", path, query, b"", "127.0.0.1")
    return asyncio.run(dialect.answer(request, {}, RestFaults()))


def test_a_market_that_tells_nothing_runs() -> None:
    dialect, hub = Dialect(), Hub()
    instruments = [dialect.instrument(symbol) for symbol in dialect.default_symbols]
    live = LiveMarket(instruments, dialect, hub, rate=1000, seed=1)
    for step in range(200):
        live.tick(1_790_000_000_000 + step * 10)
    assert set(hub.feeds) == set(dialect.default_symbols)
    feed = hub.feeds["BTC-USDT"]
    assert feed.truth().trades
    assert feed.image() == b""
    assert live.books["BTC-USDT"].snapshot(5, 0) == b"{}"
    with pytest.raises(ConfigurationError, match="There is no scenario 'storm'"):
        feed.scenario("storm")


def test_websockets_connect_at_one_path() -> None:
    dialect, hub = Dialect(), Hub()
    session = dialect.open("/ws?x=1", Client(), hub)
    assert session.receive(b"a") == [b"a"]
    assert session.frame(b"frame", 3) == b"frame"
    assert not session.tick(1e9, 1e9)
    assert session.shutdown_notice(0) is None
    with pytest.raises(HandshakeRefusedError) as refused:
        dialect.open("/elsewhere", Client(), hub)
    assert refused.value.status == 404


def test_rest_has_its_pages_and_a_limit() -> None:
    dialect = Dialect()
    assert (get(dialect, "/nowhere").status, get(dialect, "/list", kind="spot").body) == (404, b'["spot"]')
    assert get(dialect, "/list").status == 200
    refused = get(dialect, "/list")
    assert (refused.status, json.loads(refused.body)) == (429, {"error": "Too many calls."})
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert dialect.rest_counts()["calls"] == 4
    assert dialect.rest_counts()["refused_429"] == 1


def test_a_faster_clock_shortens_the_window_of_calls() -> None:
    dialect = Dialect(scale=60)
    assert [get(dialect, "/list").status for _ in range(3)] == [200, 200, 429]
    assert get(dialect, "/list").headers["Retry-After"] == "1"


def test_numbers_keep_their_zeros() -> None:
    assert [Numerals(2)[180], Numerals(0)[7], Numerals(5)[1]] == ["1.80", "7", "0.00001"]


def test_symbols_are_checked() -> None:
    assert Dialect().wire("BTC-USDT") == "BTC-USDT"
    with pytest.raises(ConfigurationError, match="'btcusdt' is no symbol"):
        Dialect().wire("btcusdt")
