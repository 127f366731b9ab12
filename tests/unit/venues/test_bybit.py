"""What Bybit is asked (plans, keep-alive, metadata) and what its control frames mean. Frames are the protocol page's (6.1, 6.5)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bookmill.errors import FrameError
from venues.bybit import BybitInverse, BybitLinear, BybitSpot
from venues.interface import CHANNELS, Route, StreamOptions, Venue
from venues.units import BASE

UNIT = 10**18
SPOT, LINEAR, INVERSE = BybitSpot(), BybitLinear(), BybitInverse()
ALL = StreamOptions(CHANNELS, kline_intervals=("1m", "1h", "1d", "1w", "1y"))


def args(request: str) -> list[str]:
    message = json.loads(request)
    assert message["op"] == "subscribe"
    return [str(topic) for topic in message["args"]]


def test_the_adapters_are_venues() -> None:
    venues: list[Venue] = [SPOT, LINEAR, INVERSE]
    assert [(venue.exchange, venue.market) for venue in venues] == [
        ("bybit", "spot"),
        ("bybit", "linear"),
        ("bybit", "inverse"),
    ]


def test_an_instrument_is_asked_for_in_a_request_of_its_own() -> None:
    [plan] = LINEAR.plan(["BTCUSDT", "BTC-26DEC25"], StreamOptions(("book", "best", "trades")))
    assert plan.path == "/v5/public/linear"
    assert [args(request) for request in plan.requests] == [
        ["orderbook.1000.BTCUSDT", "orderbook.1.BTCUSDT", "publicTrade.BTCUSDT"],
        ["orderbook.1000.BTC-26DEC25", "orderbook.1.BTC-26DEC25", "publicTrade.BTC-26DEC25"],
    ]
    assert plan.routes[-1] == Route("publicTrade", "BTC-26DEC25")


def test_all_channels_of_a_contract() -> None:
    [plan] = INVERSE.plan(["BTCUSD"], ALL)
    assert args(plan.requests[0]) == [
        "orderbook.1000.BTCUSD",
        "orderbook.1.BTCUSD",
        "publicTrade.BTCUSD",
        "tickers.BTCUSD",
        "kline.1.BTCUSD",
        "kline.60.BTCUSD",
        "kline.D.BTCUSD",
        "kline.W.BTCUSD",
        "allLiquidation.BTCUSD",
    ]
    assert plan.rare == {Route("allLiquidation", "BTCUSD")}


def test_spot_has_no_derivatives_and_no_liquidations() -> None:
    [plan] = SPOT.plan(["BTCUSDT"], ALL)
    assert "allLiquidation.BTCUSDT" not in args(plan.requests[0])
    assert not plan.rare
    assert SPOT.plan(["BTCUSDT"], StreamOptions(("derivatives", "liquidations"))) == []


@pytest.mark.parametrize("channels", [("ticker",), ("derivatives",), ("ticker", "derivatives")])
def test_one_topic_serves_tickers_and_derivatives(channels: Any) -> None:
    [plan] = LINEAR.plan(["BTCUSDT"], StreamOptions(channels))
    assert plan.routes == (Route("tickers", "BTCUSDT"),)
    assert [args(request) for request in plan.requests] == [["tickers.BTCUSDT"]]


@pytest.mark.parametrize("venue", [SPOT, LINEAR, INVERSE])
def test_no_request_has_more_than_ten_topics(venue: BybitSpot | BybitLinear | BybitInverse) -> None:
    intervals = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d", "1w")
    [plan] = venue.plan(["A", "B"], StreamOptions(("trades", "klines"), kline_intervals=intervals))
    requests = [args(request) for request in plan.requests]
    assert [len(request) for request in requests] == [10, 3, 10, 3]
    assert [topic for request in requests for topic in request] == [
        f"{route.channel}.{route.wire_symbol}" for route in plan.routes
    ]


def test_a_connection_keeps_within_its_characters_and_streams_and_instruments_stay_whole() -> None:
    symbols = [f"SYMBOLNUMBER{number:05d}USDT" for number in range(400)]
    plans = LINEAR.plan(symbols, ALL)
    assert [
        symbol for plan in plans for symbol in dict.fromkeys(r.wire_symbol for r in plan.routes)
    ] == symbols
    assert len(plans) > 1
    for plan in plans:
        topics = [topic for request in plan.requests for topic in args(request)]
        assert len(json.dumps(topics, separators=(",", ":"))) <= 21_000
        assert plan.streams == len(topics) <= LINEAR.limits.streams_per_connection


def test_resubscribing_leaves_first() -> None:
    assert SPOT.resubscribe("BTCUSDT") == [
        '{"op":"unsubscribe","args":["orderbook.1000.BTCUSDT"]}',
        '{"op":"subscribe","args":["orderbook.1000.BTCUSDT"]}',
    ]
    assert SPOT.snapshot_request("BTCUSDT", 50) is None
    with pytest.raises(FrameError):
        SPOT.decode_snapshot(b"{}")


@pytest.mark.parametrize(
    ("frame", "route"),
    [
        (b'{"topic":"orderbook.1000.BTCUSDT","ts":1', Route("orderbook.1000", "BTCUSDT")),
        (b'{"topic":"orderbook.1.BTC-26DEC25","type":"snapshot"', Route("orderbook.1", "BTC-26DEC25")),
        (b'{"topic":"publicTrade.1000PEPEUSDT","type"', Route("publicTrade", "1000PEPEUSDT")),
        (b'{"topic":"tickers.BTCUSD","type"', Route("tickers", "BTCUSD")),
        (b'{"topic":"kline.D.BTCUSDT","data"', Route("kline.D", "BTCUSDT")),
        (b'{"topic":"allLiquidation.BTCUSDT","type"', Route("allLiquidation", "BTCUSDT")),
        (b'{"ts":1,"data":{},"topic":"tickers.BTCUSDT"}', Route("tickers", "BTCUSDT")),
        (b'{"topic":"orderbook.1000","ts":1}', None),
        (b'{"topic":"torn', None),
        (b'{"ts":1,"topic":"torn', None),
        (b'{"success":true,"ret_msg":"pong","conn_id":"x","op":"ping"}', None),
        (b'{"success":false,"ret_msg":"error:handler not found,topic:tickers.X","op":"subscribe"}', None),
        (b"", None),
    ],
)
def test_a_frame_is_routed_by_its_topic(frame: bytes, route: Route | None) -> None:
    assert LINEAR.route(frame) == LINEAR.route(frame) == route


@pytest.mark.parametrize(
    "frame",
    [
        b'{"success":true,"ret_msg":"pong","conn_id":"0970e817-426e-429a-a679-ff7f55e0b16a","op":"ping"}',
        b'{"success":true,"ret_msg":"pong","conn_id":"465772b1","req_id":"","op":"ping"}',
        b'{"args":["1672916271846"],"op":"pong"}',
    ],
)
def test_three_forms_of_pong(frame: bytes) -> None:
    assert LINEAR.control(frame).kind == "alive"


@pytest.mark.parametrize(
    "frame",
    [
        b'{"success":true,"ret_msg":"subscribe","conn_id":"2324d924","req_id":"10001","op":"subscribe"}',
        b'{"success":true,"ret_msg":"","conn_id":"3cd84cb1","req_id":"","op":"subscribe"}',
        b'{"success":true,"ret_msg":"","conn_id":"3cd84cb1","req_id":"","op":"unsubscribe"}',
        b'{"success":true,"conn_id":"aa01fbff","data":{"failTopics":[],"successTopics":["orderbook.100.BTC-6JAN23-18000-C"]},'
        b'"type":"COMMAND_RESP"}',
        b'{"success":false,"ret_msg":"error:already subscribed,topic:orderbook.1.ETHUSDT","conn_id":"da7t","req_id":"e6",'
        b'"op":"subscribe"}',
    ],
)
def test_acknowledgements_of_all_markets_and_already_subscribed(frame: bytes) -> None:
    control = LINEAR.control(frame)
    assert (control.kind, control.refused) == ("ack", ())


@pytest.mark.parametrize(
    ("frame", "text", "refused"),
    [
        (
            b'{"success":false,"ret_msg":"error:handler not found,topic:orderbook.50.NOPEUSDT","conn_id":"da7t","req_id":"e1",'
            b'"op":"subscribe"}',
            "error:handler not found,topic:orderbook.50.NOPEUSDT",
            (Route("orderbook.50", "NOPEUSDT"),),
        ),
        (
            b'{"success":false,"ret_msg":"Invalid symbol :[publicTrade.nope,tickers.BTC-26DEC25]","op":"subscribe"}',
            "Invalid symbol :[publicTrade.nope,tickers.BTC-26DEC25]",
            (Route("publicTrade", "nope"), Route("tickers", "BTC-26DEC25")),
        ),
        (b'{"success":false,"ret_msg":"error:invalid op","op":"nope"}', "error:invalid op", ()),
        (b'{"success":false,"ret_msg":"args size >10","op":"subscribe"}', "args size >10", ()),
        (b'{"success":false,"op":"subscribe"}', "no reason given", ()),
        (b"Failed to decode incoming data: x", "Failed to decode incoming data: x", ()),
        (
            b'{"success":true,"data":{"failTopics":["tickers.X"],"successTopics":[]},"type":"COMMAND_RESP"}',
            "refused: tickers.X",
            (Route("tickers", "X"),),
        ),
    ],
)
def test_refusals_name_what_will_not_flow(frame: bytes, text: str, refused: tuple[Route, ...]) -> None:
    control = LINEAR.control(frame)
    assert (control.kind, control.error, control.refused) == ("error", text, refused)


@pytest.mark.parametrize("frame", [b"pong", b"", b"{}", b"[]", b'{"data":[1]}', b"\xff"])
def test_anything_else_is_unknown(frame: bytes) -> None:
    assert LINEAR.control(frame).kind == "unknown"


def test_the_client_pings_every_20_seconds() -> None:
    assert SPOT.keep_alive is not None
    assert (SPOT.keep_alive.every_s, json.loads(SPOT.keep_alive.text)) == (20, {"op": "ping"})


def listing(*symbols: dict[str, Any]) -> bytes:
    result = {"category": "linear", "list": symbols, "nextPageCursor": ""}
    return json.dumps({"retCode": 0, "retMsg": "OK", "result": result, "time": 1}).encode()


BTCUSDT = {
    "symbol": "BTCUSDT",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "settleCoin": "USDT",
    "launchTime": "1585526400000",
    "deliveryTime": "0",
    "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
    "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001"},
}
SPOT_BTCUSDT = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "innovation": "0",
    "status": "Trading",
    "lotSizeFilter": {"basePrecision": "0.000001", "quotePrecision": "0.0000001", "minOrderAmt": "5"},
    "priceFilter": {"tickSize": "0.01"},
}


def test_all_of_a_category_is_asked_at_once() -> None:
    request = LINEAR.instruments_request()
    assert (request.path, request.params) == (
        "/v5/market/instruments-info",
        {"category": "linear", "limit": "1000"},
    )


def test_a_spot_instrument() -> None:
    [one] = SPOT.parse_instruments(listing(SPOT_BTCUSDT))
    assert (one.symbol, one.tick, one.lot, one.unit) == ("BTC-USDT", UNIT // 100, UNIT // 10**6, BASE)
    assert (one.trading, one.status, one.settle, one.expiry_micros) == (True, "Trading", "", None)


def test_a_linear_perpetual_is_its_pair_even_when_its_delisting_is_dated() -> None:
    [one] = LINEAR.parse_instruments(listing({**BTCUSDT, "deliveryTime": "1790134712130"}))
    assert (one.symbol, one.tick, one.lot, one.unit) == ("BTC-USDT", UNIT // 10, UNIT // 1000, BASE)
    assert (one.settle, one.expiry_micros) == ("USDT", None)


def test_usdc_contracts_are_told_by_their_coins_and_dates() -> None:
    usdc = {"quoteCoin": "USDC", "settleCoin": "USDC"}
    future = {"symbol": "BTC-26DEC25", "contractType": "LinearFutures", "deliveryTime": "1766736000000"}
    perpetual, dated = LINEAR.parse_instruments(
        listing({**BTCUSDT, **usdc, "symbol": "BTCPERP"}, {**BTCUSDT, **usdc, **future})
    )
    assert (perpetual.wire_symbol, perpetual.symbol) == ("BTCPERP", "BTC-USDC")
    assert (dated.wire_symbol, dated.symbol) == ("BTC-26DEC25", "BTC-USDC-251226")
    assert dated.expiry_micros == 1766736000000000


def test_an_inverse_contract_is_one_usd() -> None:
    inverse = {**BTCUSDT, "symbol": "BTCUSD", "quoteCoin": "USD", "settleCoin": "BTC"}
    [one] = INVERSE.parse_instruments(
        listing({**inverse, "contractType": "InversePerpetual", "lotSizeFilter": {"qtyStep": "1"}})
    )
    assert (one.symbol, one.lot, one.settle, one.unit.text) == ("BTC-USD", UNIT, "BTC", "/1")
    assert one.unit.base(86_716 * UNIT, 86_716 * UNIT) == UNIT


def test_the_date_of_a_delivery_is_the_calendars() -> None:
    future = {**BTCUSDT, "contractType": "LinearFutures"}
    for days in (*range(10_950, 30_000, 97), 11_016, 19_782, 19_783, 20_453, 20_454):
        time_ms = days * 86_400_000 + 28_800_000
        [one] = LINEAR.parse_instruments(listing({**future, "deliveryTime": str(time_ms)}))
        assert one.symbol == f"BTC-USDT-{datetime.fromtimestamp(time_ms / 1000, UTC):%y%m%d}"


@pytest.mark.parametrize("status", ["PreLaunch", "Delivering", "Closed", "Settling"])
def test_only_trading_is_trading(status: str) -> None:
    [one] = LINEAR.parse_instruments(listing({**BTCUSDT, "status": status}))
    assert (one.trading, one.status) == (False, status)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"retCode":10006,"retMsg":"Too many visits!","result":{}}',
        b'{"retCode":0,"retMsg":"OK","result":{"list":[{"symbol":"X"}]}}',
        listing({**BTCUSDT, "priceFilter": {"tickSize": "x"}}),
        listing({**BTCUSDT, "lotSizeFilter": {}}),
        listing({**BTCUSDT, "contractType": "LinearFutures", "deliveryTime": "soon"}),
        listing({**BTCUSDT, "contractType": "LinearFutures", "deliveryTime": "9" * 5000}),
    ],
)
def test_what_is_no_listing_is_a_frame_error(body: bytes) -> None:
    with pytest.raises(FrameError):
        LINEAR.parse_instruments(body)


def test_a_refused_listing_says_why() -> None:
    with pytest.raises(FrameError, match="10006 Too many visits!"):
        SPOT.parse_instruments(b'{"retCode":10006,"retMsg":"Too many visits!","result":{},"time":1}')


def test_a_market_without_instruments() -> None:
    assert SPOT.parse_instruments(b'{"retCode":0,"retMsg":"OK","result":{"list":[]}}') == []
    assert SPOT.used_weight({}) is None
    assert 403 in SPOT.limits.ban_statuses
