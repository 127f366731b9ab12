"""How the simulated Bybit answers: control messages, symbols and REST, in the documents' words (protocol page, 6.1 and 6.5)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from bookmill.errors import ConfigurationError
from simulator.dialect import Close, Dialect, HandshakeRefusedError
from simulator.faults import RestFault, RestFaults
from simulator.web import Request, Response
from tests.unit.simulator.bybit_client import START_MS, Client, Exchange
from venues.bybit import BybitInverse, BybitLinear, BybitSpot

ADAPTERS = {"spot": BybitSpot(), "linear": BybitLinear(), "inverse": BybitInverse()}


@pytest.mark.parametrize("market", ["spot", "linear", "inverse"])
def test_pings_are_answered_in_the_markets_form(market: str) -> None:
    client = Client(Exchange(market))
    pong = client.say({"op": "ping"})
    assert (pong["success"], pong["ret_msg"], pong["op"]) == (True, "pong", "ping")
    assert ("req_id" in pong) is (market != "spot")
    assert client.say({"op": "ping", "req_id": "100001"})["req_id"] == "100001"
    assert ADAPTERS[market].control(json.dumps(pong).encode()).kind == "alive"


@pytest.mark.parametrize(("market", "text"), [("spot", "subscribe"), ("linear", "")])
def test_one_acknowledgement_a_request(market: str, text: str) -> None:
    client = Client(Exchange(market))
    answer = client.subscribe("orderbook.50.BTCUSDT", "publicTrade.BTCUSDT")
    assert (answer["success"], answer["ret_msg"], answer["op"]) == (True, text, "subscribe")


def test_one_bad_topic_fails_the_whole_list() -> None:
    exchange = Exchange("linear")
    client = Client(exchange)
    answer = client.subscribe("orderbook.50.BTCUSDT", "orderbook.50.NOPEUSDT")
    assert (answer["success"], answer["ret_msg"]) == (
        False,
        "error:handler not found,topic:orderbook.50.NOPEUSDT",
    )
    exchange.play(0.5)
    assert client.raw == []
    assert client.subscribe("orderbook.50.BTCUSDT")["success"]


@pytest.mark.parametrize(
    "topic",
    [
        "orderbook.50.btcusdt",
        "orderbook.500.BTCUSDT",
        "Tickers.BTCUSDT",
        "kline.2.BTCUSDT",
        "orderbook.BTCUSDT",
    ],
)
def test_topics_that_are_none(topic: str) -> None:
    answer = Client(Exchange("linear")).subscribe(topic)
    assert answer["ret_msg"] == f"error:handler not found,topic:{topic}"


def test_spot_has_no_liquidations() -> None:
    assert not Client(Exchange("spot")).subscribe("allLiquidation.BTCUSDT")["success"]
    assert Client(Exchange("linear")).subscribe("allLiquidation.BTCUSDT")["success"]


def test_subscribing_twice_is_refused_and_changes_nothing() -> None:
    exchange = Exchange("linear")
    client = Client(exchange)
    client.subscribe("orderbook.1.ETHUSDT")
    answer = client.subscribe("orderbook.1.ETHUSDT")
    assert answer["ret_msg"] == "error:already subscribed,topic:orderbook.1.ETHUSDT"
    assert ADAPTERS["linear"].control(json.dumps(answer).encode()).kind == "ack"
    exchange.play(0.5)
    frames = client.frames("orderbook.1.ETHUSDT")
    assert len(frames) > 1
    ids = [frame["data"]["u"] for frame in frames]
    assert ids == sorted(set(ids))


def test_unsubscribing_ends_it() -> None:
    exchange = Exchange("linear")
    client = Client(exchange)
    client.subscribe("orderbook.50.BTCUSDT")
    assert client.say({"op": "unsubscribe", "args": ["orderbook.50.BTCUSDT"]})["success"]
    client.raw.clear()
    exchange.play(0.5)
    assert client.raw == []


def test_spot_takes_ten_topics_a_request() -> None:
    topics = [f"kline.{interval}.BTCUSDT" for interval in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720, "D")]
    assert Client(Exchange("spot")).subscribe(*topics)["ret_msg"] == "args size >10"
    assert Client(Exchange("spot")).subscribe(*topics[:10])["success"]
    assert Client(Exchange("linear")).subscribe(*topics)["success"]


def test_a_connection_takes_21_000_characters_of_topics() -> None:
    symbols = [f"SIMULATEDCOIN{number:03d}-USDT" for number in range(100)]
    client = Client(Exchange("linear", *symbols))
    kinds = (
        "orderbook.1000",
        "orderbook.200",
        "orderbook.50",
        "orderbook.1",
        "publicTrade",
        "kline.1",
        "kline.5",
    )
    answers = [
        client.subscribe(*(f"{kind}.{symbol.replace('-', '')}" for kind in kinds)) for symbol in symbols
    ]
    assert answers[0]["success"]
    assert "21000" in answers[-1]["ret_msg"]
    assert 80 < sum(answer["success"] for answer in answers) < 100


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b'{"op":"nope"}', "error:invalid op"),
        (b'{"args":[]}', "error:invalid op"),
        (b"hello", "Failed to decode incoming data:hello"),
        (b"[1]", "Failed to decode incoming data:[1]"),
        (b'{"op":"subscribe"}', "error:args is not a list of topics"),
        (b'{"op":"subscribe","args":[7]}', "error:args is not a list of topics"),
    ],
)
def test_what_is_no_request_is_refused_and_the_socket_stays(message: bytes, text: str) -> None:
    client = Client(Exchange("linear"))
    answer = client.say(message)
    assert (answer["success"], answer["ret_msg"]) == (False, text)
    control = ADAPTERS["linear"].control(json.dumps(answer).encode())
    assert (control.kind, control.error) == ("error", text)
    assert client.say({"op": "ping"})["success"]


def test_a_client_that_says_nothing_for_ten_minutes_is_cut_off() -> None:
    session = Client(Exchange("spot")).session
    assert session.tick(599.75, 0.0) == ()
    assert session.tick(600.0, 0.0) == [Close(1006)]
    assert session.shutdown_notice(0) is None


def test_paths_and_the_number_of_connections() -> None:
    exchange = Exchange("spot")
    client = Client(exchange)
    for path in ("/v5/public/linear", "/v5/public", "/"):
        with pytest.raises(HandshakeRefusedError) as refused:
            exchange.dialect.open(path, client, exchange.hub)
        assert refused.value.status == 404
    for _ in range(496):
        exchange.dialect.open("/v5/public/spot", client, exchange.hub)
    with pytest.raises(HandshakeRefusedError) as refused:
        exchange.dialect.open("/v5/public/spot", client, exchange.hub)
    assert refused.value.status == 403


@pytest.mark.parametrize(
    ("market", "symbol", "wire"),
    [
        ("spot", "BTC-USDT", "BTCUSDT"),
        ("spot", "ETH-BTC", "ETHBTC"),
        ("linear", "BTC-USDT", "BTCUSDT"),
        ("linear", "BTC-USDC", "BTCPERP"),
        ("linear", "BTC-USDC-261225", "BTC-25DEC26"),
        ("linear", "BTC-USDT-261204", "BTCUSDT-4DEC26"),
        ("inverse", "BTC-USD", "BTCUSD"),
        ("inverse", "BTC-USD-261225", "BTCUSDZ26"),
        ("inverse", "ETH-USD-270326", "ETHUSDH27"),
    ],
)
def test_wire_names_come_back_as_they_were_through_the_listing(market: str, symbol: str, wire: str) -> None:
    exchange = Exchange(market, symbol)
    dialect: Dialect = exchange.dialect
    assert dialect.wire(symbol) == wire
    [one] = ADAPTERS[market].parse_instruments(get(exchange, "instruments-info").body)
    assert (one.wire_symbol, one.symbol, one.trading) == (wire, symbol, True)
    if symbol.count("-") > 1:
        assert one.expiry_micros is not None


@pytest.mark.parametrize(
    ("market", "symbol"),
    [
        ("spot", "BTC-USDT-261225"),
        ("linear", "BTC-USD"),
        ("linear", "BTC-USDT-261341"),
        ("linear", "BTC-USDC-261225-50000-C"),
        ("inverse", "BTC-USDT"),
        ("inverse", "btc-usd"),
    ],
)
def test_symbols_a_market_cannot_list(market: str, symbol: str) -> None:
    with pytest.raises(ConfigurationError):
        Exchange(market, symbol)


# REST


def get(
    exchange: Exchange,
    name: str,
    faults: RestFaults | None = None,
    *,
    peer: str = "::1",
    method: str = "GET",
    **query: str,
) -> Response:
    request = Request(method, f"/v5/market/{name}", {"category": exchange.market, **query}, b"", peer)
    return asyncio.run(exchange.dialect.answer(request, {**exchange.live.books}, faults or RestFaults()))


def result(response: Response) -> Any:
    body = json.loads(response.body)
    assert (response.status, body["retCode"], body["retMsg"]) == (200, 0, "OK")
    assert body["time"] > START_MS - 10**12
    return body["result"]


def test_instruments_have_the_steps_that_frames_have() -> None:
    for market, adapter in ADAPTERS.items():
        exchange = Exchange(market)
        instruments = adapter.parse_instruments(get(exchange, "instruments-info", limit="1000").body)
        assert [one.symbol for one in instruments] == list(exchange.dialect.default_symbols)
        for one in instruments:
            truth = exchange.live.books[one.wire_symbol].instrument
            assert one.tick == 10 ** (18 - truth.price_decimals)
            assert one.lot == 10 ** (18 - truth.quantity_decimals)
            assert one.unit.text == ("/1" if market == "inverse" else "")


def test_contracts_are_listed_in_pages_and_spot_at_once() -> None:
    linear = Exchange("linear")
    first = result(get(linear, "instruments-info", limit="2"))
    second = result(get(linear, "instruments-info", limit="2", cursor=first["nextPageCursor"]))
    assert [one["symbol"] for one in (*first["list"], *second["list"])] == ["BTCUSDT", "ETHUSDT", "BTCPERP"]
    assert second["nextPageCursor"] == ""
    assert len(result(get(Exchange("spot"), "instruments-info", limit="2"))["list"]) == 3
    assert len(result(get(linear, "instruments-info", baseCoin="ETH"))["list"]) == 1


def test_a_rest_book_is_that_of_the_1000_level_stream() -> None:
    exchange = Exchange("linear")
    client = Client(exchange)
    client.subscribe("orderbook.1000.BTCUSDT")
    exchange.play(1.03)
    book = result(get(exchange, "orderbook", symbol="BTCUSDT", limit="1000"))
    assert book["u"] == client.frames("orderbook.1000.BTCUSDT")[-1]["data"]["u"]
    late = Client(exchange)
    late.subscribe("orderbook.1000.BTCUSDT")
    image = late.frames("orderbook.1000.BTCUSDT")[0]["data"]
    assert {name: book[name] for name in ("s", "b", "a", "u", "seq")} == image


@pytest.mark.parametrize(("market", "levels"), [("spot", 1), ("linear", 25), ("inverse", 25)])
def test_default_levels(market: str, levels: int) -> None:
    exchange = Exchange(market)
    symbol = next(iter(exchange.live.books))
    assert len(result(get(exchange, "orderbook", symbol=symbol))["b"]) == levels


def test_recent_trades_and_bars_come_newest_first() -> None:
    exchange = Exchange("linear", rate=400)
    client = Client(exchange)
    client.subscribe("publicTrade.BTCUSDT")
    exchange.play(130)
    trades = result(get(exchange, "recent-trade", symbol="BTCUSDT", limit="20"))["list"]
    streamed = [trade["i"] for frame in client.frames("publicTrade.BTCUSDT") for trade in frame["data"]]
    assert [trade["execId"] for trade in trades] == streamed[: -20 - 1 : -1]
    bars = result(get(exchange, "kline", symbol="BTCUSDT", interval="1"))["list"]
    starts = [int(bar[0]) for bar in bars]
    assert starts == list(range(starts[0], starts[-1] - 1, -60_000))
    assert len(bars) == 3
    [day] = result(get(exchange, "kline", symbol="BTCUSDT", interval="D"))["list"]
    assert sum(int(bar[5].replace(".", "")) for bar in bars) == int(day[5].replace(".", ""))
    one = result(get(exchange, "kline", symbol="BTCUSDT", interval="1", end=str(starts[1]), limit="1"))
    assert one["list"] == [bars[1]]


def test_tickers_and_open_interest_say_what_the_stream_says() -> None:
    exchange = Exchange("inverse")
    client = Client(exchange)
    client.subscribe("tickers.BTCUSD")
    exchange.play(3)
    fields: dict[str, Any] = {}
    for frame in client.frames("tickers.BTCUSD"):
        fields |= frame["data"]
    assert result(get(exchange, "tickers", symbol="BTCUSD"))["list"] == [fields]
    assert len(result(get(exchange, "tickers"))["list"]) == 3
    [interest] = result(get(exchange, "open-interest", symbol="BTCUSD", intervalTime="5min"))["list"]
    assert interest["openInterest"] == fields["openInterest"]


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("orderbook", {"symbol": "btcusdt"}),
        ("orderbook", {}),
        ("orderbook", {"symbol": "BTCUSDT", "limit": "many"}),
        ("orderbook", {"symbol": "BTCUSDT", "limit": "0"}),
        ("kline", {"symbol": "BTCUSDT", "interval": "2"}),
        ("kline", {"symbol": "BTCUSDT", "interval": "1", "start": "soon"}),
        ("open-interest", {"symbol": "BTCUSDT", "intervalTime": "2h"}),
        ("tickers", {"category": "spot"}),
        ("instruments-info", {"cursor": "x"}),
    ],
)
def test_wrong_parameters_are_http_200_with_a_code(name: str, query: dict[str, str]) -> None:
    response = get(Exchange("linear"), name, None, **query)
    body = json.loads(response.body)
    assert (response.status, body["retCode"], body["result"]) == (200, 10001, {})
    assert body["retMsg"] != "OK"


def test_an_address_that_asks_too_much_gets_403_and_nothing_for_ten_minutes() -> None:
    exchange = Exchange("spot", scale=1.0)
    statuses = [get(exchange, "tickers").status for _ in range(601)]
    assert statuses == [200] * 600 + [403]
    assert get(exchange, "tickers").status == 403
    assert get(exchange, "tickers", peer="10.0.0.1").status == 200
    assert exchange.dialect.rest_counts()["refused_403"] == 2


def test_unknown_paths_are_404() -> None:
    exchange = Exchange("spot")
    assert get(exchange, "nope").status == 404
    assert get(exchange, "tickers", method="POST").status == 404
    assert get(exchange, "open-interest", symbol="BTCUSDT").status == 404


def test_faults_of_book_calls() -> None:
    exchange, faults = Exchange("linear"), RestFaults()
    for fault in (RestFault(status=403), RestFault(content="stale"), RestFault(content="empty")):
        faults.add(fault, 1)
    assert get(exchange, "orderbook", faults, symbol="BTCUSDT").status == 403
    assert result(get(exchange, "orderbook", faults, symbol="BTCUSDT"))["u"] == 1
    empty = result(get(exchange, "orderbook", faults, symbol="BTCUSDT"))
    assert (empty["b"], empty["a"]) == ([], [])
    assert result(get(exchange, "orderbook", faults, symbol="BTCUSDT"))["b"]
    assert exchange.dialect.rest_counts() == {"calls": 4, "snapshots": 3, "refused_403": 0, "faults": 3}


def test_what_a_dialect_has_to_answer() -> None:
    exchange = Exchange("linear")
    dialect = exchange.dialect
    book = exchange.live.books["BTCUSDT"]
    assert json.loads(dialect.book_body(book.instrument, 9, [(10, 1)], [(11, 2)], 5)) == {
        "s": "BTCUSDT",
        "b": [["1.00", "0.001"]],
        "a": [["1.10", "0.002"]],
        "ts": 7,
        "u": 9,
        "seq": 814_547_787_693,
        "cts": 5,
    }
    assert dialect.expected("publicTrade.BTCUSDT")
    assert not dialect.expected("kline.1.BTCUSDT")
    assert dialect.recorded_channel("tickers.BTCUSDT", exchange.hub).name == "tickers.BTCUSDT"
    assert dialect.keep_alive.ping_interval_s is None
