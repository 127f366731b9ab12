"""The simulated OKX's connections and metadata: requests, answers, errors, silence and notices in the words of its documents."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.protocol import State

from bookmill.errors import ConfigurationError
from simulator import okx
from simulator.connection import Connection
from simulator.dialect import Close, HandshakeRefusedError, KeepAlive
from simulator.faults import RestFault, RestFaults
from simulator.life import ConnectionCounts
from simulator.okx_contracts import next_quarter
from tests.unit.simulator.okx_market import DIALECTS, Client, Market, arg


def test_each_argument_is_acknowledged_and_a_book_begins_with_its_snapshot() -> None:
    client = Client(Market())
    ack, image, other = client.ask("subscribe", arg("books"), arg("trades"), id="1512")
    connection = ack["connId"]
    assert ack == {"id": "1512", "event": "subscribe", "arg": arg("books"), "connId": connection}
    assert other == {"id": "1512", "event": "subscribe", "arg": arg("trades"), "connId": connection}
    assert (image["arg"], image["action"], image["data"][0]["prevSeqId"]) == (arg("books"), "snapshot", -1)
    assert client.ask("unsubscribe", arg("books")) == [
        {"event": "unsubscribe", "arg": arg("books"), "connId": connection}
    ]


def test_a_bad_argument_leaves_the_others_alone() -> None:
    market = Market()
    client = Client(market)
    error, ack = client.ask("subscribe", arg("bbo-tbt", "ETH-EUR-SWAP"), arg("bbo-tbt"), id="7")
    assert (error["id"], error["event"], error["code"]) == ("7", "error", "60018")
    assert error["msg"] == (
        "Wrong URL or channel:bbo-tbt,instId:ETH-EUR-SWAP doesn't exist. Please use the correct URL, channel and "
        "parameters referring to API document."
    )
    assert ack["event"] == "subscribe"
    market.run(1)
    assert len(client.frames) > 10


@pytest.mark.parametrize(
    ("path", "channel"),
    [
        ("/ws/v5/public", "candle1m"),
        ("/ws/v5/public", "trades-all"),
        ("/ws/v5/business", "books"),
        ("/ws/v5/public", "books-of-another-kind"),
        ("/ws/v5/public", "liquidation-orders"),
    ],
)
def test_a_channel_is_known_on_its_own_path_and_by_its_own_argument(path: str, channel: str) -> None:
    [error] = Client(Market(), path).ask("subscribe", arg(channel))
    assert error["code"] == "60018"


def test_liquidations_are_asked_for_by_type_and_what_else_stands_there_is_dropped() -> None:
    [ack] = Client(Market()).ask(
        "subscribe", {"channel": "liquidation-orders", "instType": "SWAP", "instFamily": "BTC-USDT"}
    )
    assert ack["arg"] == {"channel": "liquidation-orders", "instType": "SWAP"}


@pytest.mark.parametrize(
    ("text", "code", "msg"),
    [
        ('{"op": "subscribe", "argss":[]}', "60012", 'Invalid request: {"op": "subscribe", "argss":[]}'),
        ("hello", "60012", "Invalid request: hello"),
        ("[]", "60012", "Invalid request: []"),
        ('{"op":"subscribe","args":[]}', "60013", "Invalid args: []"),
        ('{"op":"subscribe","args":["books"]}', "60013", 'Invalid args: ["books"]'),
        ('{"op":"listen","args":[]}', "60019", "Invalid op: listen"),
        ('{"op":"subscribe","args":[{"channel":"books-l2-tbt"}]}', "60011", "Please log in"),
    ],
)
def test_errors_are_the_documented_ones(text: str, code: str, msg: str) -> None:
    [error] = Client(Market()).say(text)
    assert (error["event"], error["code"], error["msg"]) == ("error", code, msg)
    assert "id" not in error


def test_an_id_is_of_32_letters_and_digits_at_most() -> None:
    client = Client(Market())
    assert client.ask("subscribe", arg("trades"), id="a" * 32)[0]["event"] == "subscribe"
    assert client.ask("subscribe", arg("trades"), id="a" * 33)[0]["code"] == "60013"


def test_480_requests_an_hour() -> None:
    client = Client(Market())
    codes = [client.ask("unsubscribe", arg("trades"))[0].get("code") for _ in range(482)]
    assert codes == [None] * 480 + ["60014"] * 2
    assert client.session.receive(b"ping") == [b"pong"]


def test_silence_of_30_seconds_ends_a_connection_and_a_pong_is_no_silence() -> None:
    session = Client(Market()).session
    assert session.receive(b"ping") == [b"pong"]
    assert not session.tick(400.0, 29.9)
    assert session.tick(0.0, 30.0) == (Close(4004, "No data received in 30s"),)


def test_a_notice_comes_a_minute_before_the_cut() -> None:
    now = [100.0]
    client = Client(Market(scale=10))
    client.session._clock = lambda: now[0]
    notice = json.loads(client.session.shutdown_notice(0))
    assert (notice["event"], notice["code"]) == ("notice", "64008")
    now[0] += 5.9
    assert not client.session.tick(0, 0)
    now[0] += 0.1  # ten times faster: 60 s of the exchange's clock
    [close] = client.session.tick(0, 0)
    assert isinstance(close, Close)


def test_a_request_that_is_too_long_ends_the_connection() -> None:
    client = Client(Market())
    assert client.ask("subscribe", *[arg("trades", "X" * 60)] * 800) == []
    assert client.session.tick(0, 0) == (Close(1009, "Request message exceeds the maximum frame length"),)


def test_a_slow_reader_is_told_so() -> None:
    written: list[bytes] = []

    async def run() -> ConnectionCounts:
        market, counts = Market(), ConnectionCounts()
        keep_alive = market.dialect.keep_alive
        connection = Connection(market.dialect, market.hub, counts, keep_alive, buffer_bytes=10, stall_s=1)
        connection._transport = SimpleNamespace(  # type: ignore[assignment]
            write=written.append, get_write_buffer_size=lambda: 11, abort=lambda: None, close=lambda: None
        )
        connection._websocket.state = State.OPEN
        connection.say(b"much")
        connection.connection_lost(None)
        return counts

    counts = asyncio.run(run())
    assert counts.slow_readers_dropped == 1
    assert written[-1].endswith((4005).to_bytes(2, "big") + b"Buffer is full, cannot write data")


def test_other_exchanges_drop_slow_readers_without_a_word() -> None:
    rules = KeepAlive(20.0, 60.0, math.inf, 5)
    assert rules.slow_reader is None
    assert rules.scaled(2) == KeepAlive(10.0, 30.0, math.inf, 5)


@pytest.mark.parametrize("path", ["/", "/ws/v5/private", "/ws/v5/public/x"])
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(HandshakeRefusedError):
        Client(Market(), path)


def test_three_connections_a_second() -> None:
    market = Market()
    for _ in range(3):
        Client(market)
    with pytest.raises(HandshakeRefusedError) as refused:
        Client(market)
    assert refused.value.status == 429


def test_symbols_are_named_as_on_the_wire() -> None:
    assert okx.spot().wire("BTC-USDT") == "BTC-USDT"
    assert okx.swap().wire("BTC-USDT") == "BTC-USDT-SWAP"
    assert okx.swap().wire("BTC-USD") == "BTC-USD-SWAP"
    futures = okx.futures()
    assert futures.wire("BTC-USDT-261225") == "BTC-USDT-261225"
    dated = futures.wire("ETH-USD")
    assert dated.startswith("ETH-USD-")
    assert futures.wire(dated) == futures.instrument("ETH-USD").symbol == dated
    assert all(futures.wire(symbol) == symbol for symbol in futures.default_symbols)


@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("spot", "BTC-USDT-261225"),
        ("swap", "BTC-USDT-261225"),
        ("futures", "BTC-USDT-269999"),
        ("spot", "btc"),
    ],
)
def test_what_a_market_cannot_list_is_refused(market: str, symbol: str) -> None:
    with pytest.raises(ConfigurationError):
        DIALECTS[market]().wire(symbol)


@pytest.mark.parametrize(
    ("today", "expiry"),
    [
        (date(2026, 11, 21), date(2026, 12, 25)),
        (date(2026, 12, 18), date(2026, 12, 25)),
        (date(2026, 12, 19), date(2027, 3, 26)),
        (date(2026, 1, 1), date(2026, 3, 27)),
    ],
)
def test_dated_contracts_end_with_the_quarter(today: date, expiry: date) -> None:
    assert next_quarter(today) == expiry
    assert expiry.weekday() == 4


# REST.


def test_instruments_are_listed_by_type_with_their_contracts() -> None:
    market = Market("swap")
    rows = {row["instId"]: row for row in market.rows("public/instruments", instType="SWAP")}
    assert set(rows) == {"BTC-USDT-SWAP", "ETH-USDT-SWAP", "BTC-USD-SWAP"}

    def facts(wire_symbol: str) -> tuple[Any, ...]:
        row = rows[wire_symbol]
        return tuple(row[key] for key in ("ctType", "ctVal", "ctValCcy", "lotSz", "tickSz", "settleCcy"))

    assert facts("BTC-USDT-SWAP") == ("linear", "0.01", "BTC", "0.01", "0.1", "USDT")
    assert facts("ETH-USDT-SWAP") == ("linear", "0.1", "ETH", "0.01", "0.01", "USDT")
    assert facts("BTC-USD-SWAP") == ("inverse", "100", "USD", "1", "0.1", "BTC")
    assert market.rows("public/instruments", instType="SPOT") == []
    assert len(market.rows("public/instruments", instType="SWAP", instFamily="BTC-USD")) == 1


def test_a_suspended_instrument_says_so() -> None:
    market = Market("spot")
    market.hub.feeds["BTC-USDT"].scenario("instrument_state", state="suspend")
    states = {row["instId"]: row["state"] for row in market.rows("public/instruments", instType="SPOT")}
    assert states == {"BTC-USDT": "suspend", "ETH-USDT": "live", "SOL-USDT": "live"}


def test_a_book_has_one_level_unless_more_are_asked_for_and_names_its_sequence() -> None:
    market = Market("spot")
    market.run(0.5)
    [one] = market.rows("market/books", instId="BTC-USDT")
    [many] = market.rows("market/books", instId="BTC-USDT", sz="9999")
    assert (len(one["bids"]), len(one["asks"])) == (1, 1)
    assert 200 < len(many["bids"]) <= 400
    assert many["seqId"] >= market.live.books["BTC-USDT"].truth().update_id
    assert len(many["bids"][0]) == 4


def test_past_trades_come_page_by_page_to_older_ones() -> None:
    market = Market("spot")
    market.run(30, step_ms=50)
    wire = {"instId": "BTC-USDT"}
    latest = market.rows("market/trades", **wire, limit="500")
    assert len(latest) > 150
    first = market.rows("market/history-trades", **wire)
    assert first == latest[:100], "a hundred at most"
    second = market.rows("market/history-trades", **wire, type="1", after=first[-1]["tradeId"], limit="30")
    assert second == latest[100:130]
    known = {"after": latest[10]["tradeId"], "before": latest[15]["tradeId"]}
    assert market.rows("market/history-trades", **wire, **known) == latest[11:15]
    assert market.rows("market/history-trades", **wire, before=latest[120]["tradeId"]) == first
    moment = latest[40]["ts"]
    older = market.rows("market/history-trades", **wire, type="2", after=moment, limit="5")
    assert older == [row for row in latest if int(row["ts"]) < int(moment)][:5]


def test_what_rest_says_beside_the_book() -> None:
    market = Market("swap")
    market.run(130, step_ms=50)
    wire = {"instId": "BTC-USDT-SWAP"}
    [ticker] = market.rows("market/ticker", **wire)
    trades = market.rows("market/trades", **wire, limit="5")
    assert len(trades) == 5
    assert int(trades[0]["tradeId"]) > int(trades[-1]["tradeId"])
    assert ticker["last"] == market.rows("public/mark-price", **wire, instType="SWAP")[0]["markPx"]
    bars = market.rows("market/candles", **wire, bar="1m", limit="2")
    assert [len(bar) for bar in bars] == [9, 9]
    assert int(bars[0][0]) - int(bars[1][0]) == 60_000
    assert (bars[0][8], bars[1][8]) == ("0", "1")
    older = market.rows("market/candles", **wire, after=bars[1][0])
    assert all(int(bar[0]) < int(bars[1][0]) for bar in older)
    assert len(market.rows("market/candles", **wire, bar="1Dutc")) == 1
    [interest] = market.rows("public/open-interest", **wire, instType="SWAP")
    assert float(interest["oiCcy"]) == pytest.approx(float(interest["oi"]) * 0.01)
    [funding] = market.rows("public/funding-rate", **wire)
    assert int(funding["nextFundingTime"]) - int(funding["fundingTime"]) == 8 * 3_600_000
    assert market.rows("public/time")


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("market/books", {"instId": "NO-SUCH"}, 200, "51001"),
        ("market/history-trades", {"instId": "NO-SUCH"}, 200, "51001"),
        ("market/history-trades", {"instId": "BTC-USDT", "type": "3"}, 400, "51000"),
        ("market/books", {}, 400, "50014"),
        ("market/books", {"instId": "BTC-USDT", "sz": "many"}, 400, "51000"),
        ("market/candles", {"instId": "BTC-USDT", "bar": "7m"}, 400, "51000"),
        ("public/instruments", {"instType": "PAIR"}, 400, "51000"),
        ("public/funding-rate", {"instId": "BTC-USDT"}, 400, "51000"),
        ("no/such", {}, 404, 404),
    ],
)
def test_bad_calls_are_refused(path: str, query: dict[str, str], status: int, code: str | int) -> None:
    response = Market("spot").rest(path, query)
    assert (response.status, json.loads(response.body)["code"]) == (status, code)


def test_too_many_calls_are_refused_for_the_endpoint_and_address() -> None:
    market = Market("spot")
    statuses = [market.rest("public/instruments", {"instType": "SPOT"}).status for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    assert json.loads(market.rest("public/instruments", {"instType": "SPOT"}).body)["code"] == "50011"
    assert market.rest("public/instruments", {"instType": "SWAP"}).status == 200
    assert market.rest("public/time", {}).status == 200
    assert market.dialect.rest_counts()["refused_429"] == 2


def test_rest_faults_happen_to_books() -> None:
    market = Market("spot")
    faults = RestFaults()
    for fault in (
        RestFault(status=429),
        RestFault(status=503),
        RestFault(content="stale"),
        RestFault(content="empty"),
    ):
        faults.add(fault, 1)
    answers = [market.rest("market/books", {"instId": "BTC-USDT"}, faults) for _ in range(5)]
    assert [answer.status for answer in answers] == [429, 503, 200, 200, 200]
    stale, empty, good = (json.loads(answer.body)["data"][0] for answer in answers[2:])
    assert stale["seqId"] < good["seqId"]
    assert empty["bids"] == []
