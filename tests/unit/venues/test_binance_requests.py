"""What is asked of Binance and what it answers besides market data: plans, routes, control frames, REST, instruments."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookmill.errors import ConfigurationError, FrameError
from venues.binance import BinanceCoinm, BinanceSpot, BinanceUsdm
from venues.interface import CHANNELS, Route, StreamOptions, Venue
from venues.registry import venue
from venues.units import BASE, Unit

UNIT = 10**18
SPOT, USDM, COINM = BinanceSpot(), BinanceUsdm(), BinanceCoinm()
ALL = StreamOptions(CHANNELS, kline_intervals=("1s", "1m", "1h", "7m"))


def frame(stream: str, **data: Any) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("bytes_", "route"),
    [
        (frame("btcusdt@depth@100ms"), Route("depth", "BTCUSDT")),
        (frame("btcusdt@bookTicker"), Route("bookTicker", "BTCUSDT")),
        (frame("btcusdt@kline_1m"), Route("kline_1m", "BTCUSDT")),
        (frame("btcusdt@markPrice@1s"), Route("markPrice", "BTCUSDT")),
        (frame("btcusd_perp@forceOrder"), Route("forceOrder", "BTCUSD_PERP")),
        (frame("btcusdt_261225@depth5@100ms"), Route("depth5", "BTCUSDT_261225")),
        (frame("币安人生usdt@trade"), Route("trade", "币安人生USDT")),
        ('{"stream":"币安人生usdt@trade","data":{}}'.encode(), Route("trade", "币安人生USDT")),
        (b'{"data":{},"stream":"bnbbtc@trade"}', Route("trade", "BNBBTC")),
        (b'{"result":null,"id":1}', None),
        (b'{"stream":"!serverShutdown","data":{}}', None),
        (b'{"stream":"!bookTicker","data":{}}', None),
        (b'{"stream":"@depth","data":{}}', None),
        (b'{"stream":"btcusdt@","data":{}}', None),
        (b'{"stream":"\\qusdt@depth","data":{}}', None),
        (b'{"stream":"\\ud800usdt@depth","data":{}}', None),
        (b'{"stream":"\xffusdt@depth","data":{}}', None),
        (b'{"stream":"a\\"b@depth","data":{}}', None),
        (b'{"stream":"' + b"a" * 1000 + b"@depth", None),
        (b'{"data":' + b"[" * 100_000, None),
        (b"pong", None),
        (b"", None),
    ],
)
def test_a_frame_is_routed_by_its_stream_name(bytes_: bytes, route: Route | None) -> None:
    assert SPOT.route(bytes_) == route
    assert SPOT.route(bytes_) == route  # what is remembered is the same


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        (b'{"result":null,"id":1}', "ack", None),
        (b'{"result":["btcusdt@aggTrade"],"id":3}', "ack", None),
        (
            b'{"code":2,"msg":"Invalid request: too many parameters"}',
            "error",
            "2 Invalid request: too many parameters",
        ),
        (b'{"e":"serverShutdown","E":1770123456789}', "shutdown", None),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}', "shutdown", None),
        (b"{}", "unknown", None),
    ],
)
def test_frames_without_market_data_say_what_they_are(text: bytes, kind: str, error: str | None) -> None:
    assert SPOT.control(text) == (kind, error, None, ())


def test_what_cannot_be_read_is_unknown_and_says_why() -> None:
    for text in (b"", b"pong", b"\xff", b'{"x":' + b"[" * 100_000):
        said = SPOT.control(text)
        assert said.kind == "unknown"
        assert said.error


def test_spot_streams_share_one_connection() -> None:
    [plan] = SPOT.plan(["BTCUSDT", "ETHUSDT"], StreamOptions())
    assert plan.path.startswith(
        "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/ethusdt@depth@100ms"
    )
    assert (plan.streams, plan.requests, plan.rare) == (6, (), frozenset())


def test_spot_has_bars_of_a_second_and_no_derivatives() -> None:
    [plan] = SPOT.plan(["BTCUSDT"], ALL)
    assert [route.channel for route in plan.routes] == [
        "depth",
        "bookTicker",
        "trade",
        "ticker",
        "kline_1s",
        "kline_1m",
        "kline_1h",
    ]
    assert plan.path.endswith("/btcusdt@ticker/btcusdt@kline_1s/btcusdt@kline_1m/btcusdt@kline_1h")


def test_usdm_books_and_trades_are_public_all_else_is_on_the_market_path() -> None:
    public, market = USDM.plan(["BTCUSDT"], ALL)
    assert public.path == "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade"
    assert market.path == (
        "/market/stream?streams=btcusdt@ticker/btcusdt@kline_1m/btcusdt@kline_1h/btcusdt@markPrice@1s"
        "/btcusdt@forceOrder"
    )
    assert market.rare == {Route("forceOrder", "BTCUSDT")}
    assert public.rare == frozenset()


def test_usdm_aggregated_trades_come_on_the_market_path() -> None:
    public, market = USDM.plan(["BTCUSDT"], StreamOptions(aggregated_trades=True))
    assert public.path == "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"
    assert market.path == "/market/stream?streams=btcusdt@aggTrade"


def test_coinm_has_one_path_and_aggregated_trades_only() -> None:
    for aggregated in (False, True):
        options = StreamOptions(CHANNELS, aggregated_trades=aggregated)
        [plan] = COINM.plan(["BTCUSD_PERP"], options)
        assert plan.path == (
            "/stream?streams=btcusd_perp@depth@100ms/btcusd_perp@bookTicker/btcusd_perp@aggTrade/btcusd_perp@ticker"
            "/btcusd_perp@kline_1m/btcusd_perp@markPrice@1s/btcusd_perp@forceOrder"
        )


@pytest.mark.parametrize("one", [SPOT, USDM, COINM], ids=["spot", "usdm", "coinm"])
def test_frames_of_a_plan_are_routed_as_it_says(one: Venue) -> None:
    for plan in one.plan(["BTCUSDT", "ETHUSDT_261225"], ALL):
        names = plan.path.partition("streams=")[2].split("/")
        assert [one.route(frame(name)) for name in names] == list(plan.routes)


@pytest.mark.parametrize("one", [SPOT, USDM, COINM], ids=["spot", "usdm", "coinm"])
def test_many_streams_are_spread_within_the_limits_and_none_is_lost(one: Venue) -> None:
    symbols = [f"S{number}USDT" for number in range(700)]
    plans = one.plan(symbols, StreamOptions())
    asked: list[str] = []
    for plan in plans:
        assert plan.streams <= 1024
        assert len(plan.path) < 4096
        asked += plan.path.partition("streams=")[2].split("/")
        ids = []
        for request in plan.requests:
            body = json.loads(request)
            assert body["method"] == "SUBSCRIBE"
            assert len(body["params"]) <= 200
            asked += body["params"]
            ids.append(body["id"])
        assert len(set(ids)) == len(ids)
    assert sum(plan.streams for plan in plans) == len(asked) == len(set(asked)) == 2100


@pytest.mark.parametrize(
    ("one", "levels", "path", "limit", "weight"),
    [
        (SPOT, None, "/api/v3/depth", "5000", 250),
        (SPOT, 100, "/api/v3/depth", "100", 5),
        (SPOT, 101, "/api/v3/depth", "500", 25),
        (SPOT, 9999, "/api/v3/depth", "5000", 250),
        (USDM, None, "/fapi/v1/depth", "1000", 20),
        (USDM, 20, "/fapi/v1/depth", "20", 2),
        (COINM, 500, "/dapi/v1/depth", "500", 10),
    ],
)
def test_a_snapshot_costs_what_the_documents_say(
    one: Venue, levels: int | None, path: str, limit: str, weight: int
) -> None:
    request = one.snapshot_request("BTCUSDT", levels)
    assert request is not None
    assert (request.path, request.params, request.weight) == (
        path,
        {"symbol": "BTCUSDT", "limit": limit},
        weight,
    )
    assert one.resubscribe("BTCUSDT") == ()


def info(**fields: Any) -> bytes:
    symbol = {
        "symbol": "BTCUSDT",
        "status": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00001"},
        ],
        **fields,
    }
    return json.dumps({"symbols": [symbol]}).encode()


def coinm_info(**fields: Any) -> bytes:
    """As dapi answered on 2026-09-25: ``contractStatus`` and no ``status``."""
    symbol = {
        "symbol": "BTCUSD_PERP",
        "pair": "BTCUSD",
        "contractType": "PERPETUAL",
        "deliveryDate": 4133404800000,
        "contractStatus": "TRADING",
        "baseAsset": "BTC",
        "quoteAsset": "USD",
        "marginAsset": "BTC",
        "contractSize": 100,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "1000", "maxPrice": "4520958", "tickSize": "0.1"},
            {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "1000000", "stepSize": "1"},
        ],
        **fields,
    }
    return json.dumps({"symbols": [symbol]}).encode()


def test_spot_instruments_are_named_by_the_exchanges_own_base_and_quote() -> None:
    [btc] = SPOT.parse_instruments(info())
    assert (btc.symbol, btc.tick, btc.lot, btc.trading) == ("BTC-USDT", UNIT // 100, UNIT // 100_000, True)
    assert (btc.unit, btc.settle, btc.status, btc.expiry_micros) == (BASE, "", "TRADING", None)
    [halted] = SPOT.parse_instruments(info(status="HALT"))
    assert (halted.trading, halted.status) == (False, "HALT")


def test_usdm_instruments_settle_in_the_quote_and_dated_ones_expire() -> None:
    more: dict[str, Any] = {"marginAsset": "USDT", "deliveryDate": 4133404800000}
    [perpetual] = USDM.parse_instruments(info(contractType="TRADIFI_PERPETUAL", **more))
    assert (perpetual.symbol, perpetual.settle, perpetual.expiry_micros) == ("BTC-USDT", "USDT", None)
    more["deliveryDate"] = 1798185600000
    [dated] = USDM.parse_instruments(info(symbol="BTCUSDT_261225", contractType="CURRENT_QUARTER", **more))
    assert (dated.symbol, dated.unit, dated.expiry_micros) == ("BTC-USDT-261225", BASE, 1798185600000000)


def test_coinm_instruments_are_counted_in_contracts_of_their_size() -> None:
    [perpetual] = COINM.parse_instruments(coinm_info())
    assert (perpetual.symbol, perpetual.unit, perpetual.settle) == (
        "BTC-USD",
        Unit(100 * UNIT, inverse=True),
        "BTC",
    )
    assert (perpetual.lot, perpetual.trading, perpetual.expiry_micros) == (UNIT, True, None)
    [dated] = COINM.parse_instruments(coinm_info(symbol="BTCUSD_261225", deliveryDate=1798185600000))
    assert (dated.symbol, dated.expiry_micros) == ("BTC-USD-261225", 1798185600000000)


def test_a_coinm_contract_in_delivery_is_not_trading_and_keeps_its_date() -> None:
    [one] = COINM.parse_instruments(
        coinm_info(
            symbol="BTCUSD_260626", contractType="CURRENT_QUARTER DELIVERING", contractStatus="DELIVERING"
        )
    )
    assert (one.symbol, one.trading, one.status) == ("BTC-USD-260626", False, "DELIVERING")


@pytest.mark.parametrize(
    "body",
    [
        info(filters=[]),
        info(filters=[{"filterType": "PRICE_FILTER", "tickSize": 0.01}]),
        coinm_info(contractSize=0),
        coinm_info(contractSize="large"),
        b'{"code":-1003,"msg":"Too many requests."}',
        b"[" * 100_000,
        b"",
    ],
)
def test_instruments_that_cannot_be_read_are_a_frame_error(body: bytes) -> None:
    with pytest.raises(FrameError):
        COINM.parse_instruments(body)


def test_the_used_weight_is_read_from_the_answer() -> None:
    assert SPOT.used_weight({"x-mbx-used-weight-1m": "255"}) == 255
    assert SPOT.used_weight({}) is None


def test_what_is_offered_is_what_is_planned() -> None:
    for one in (SPOT, USDM, COINM):
        for channel in CHANNELS:
            plans = one.plan(["BTCUSDT"], StreamOptions((channel,)))
            assert bool(plans) == (channel in one.channels)


def test_a_mistyped_venue_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'binance\\.spot'"):
        venue("binance", "sport")
