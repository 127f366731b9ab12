"""OKX frames in, messages out; what is asked of it. Frames are the protocol page's (5.1, 5.2), captures of 2026, or shaped so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookmill.errors import FrameError
from venues.interface import Control, Route, StreamOptions, Venue
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    Checksum,
    Derivative,
    Kline,
    Liquidation,
    Ticker,
    Trade,
)
from venues.okx import OkxFutures, OkxSpot, OkxSwap
from venues.units import BASE, Unit

UNIT = 10**18
SPOT, SWAP, FUTURES = OkxSpot(), OkxSwap(), OkxFutures()


def scaled(text: str) -> int:
    whole, _, places = text.partition(".")
    return int(whole + places.ljust(18, "0"))


def frame(channel: str, *rows: Any, wire_symbol: str = "BTC-USDT", **more: Any) -> bytes:
    body = {"arg": {"channel": channel, "instId": wire_symbol}, **more, "data": list(rows)}
    return json.dumps(body, separators=(",", ":")).encode()


SNAPSHOT = (
    b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"snapshot","data":[{"asks":[["8476.98","415","0","13"],'
    b'["8477","7","0","2"]],"bids":[["8476.97","256","0","12"],["8475.55","101","0","1"]],"ts":"1597026383085","checksum":0,'
    b'"prevSeqId":-1,"seqId":123456}]}'
)
UPDATE = (
    b'{"arg":{"channel":"books","instId":"BTC-USDT"},"action":"update","data":[{"asks":[["8476.98","0","0","0"]],"bids":[],'
    b'"ts":"1597026383185","checksum":0,"prevSeqId":123456,"seqId":123457}]}'
)
BBO = (
    b'{"arg":{"channel":"bbo-tbt","instId":"BTC-USDT"},"data":[{"asks":[["8476.98","415","0","13"]],'
    b'"bids":[["8476.97","256","0","12"]],"ts":"1597026383085","seqId":123456}]}'
)
TRADE = {
    "instId": "BTC-USDT",
    "tradeId": "130639474",
    "px": "42219.9",
    "sz": "0.12060306",
    "side": "buy",
    "ts": "1630048897897",
    "count": "3",
    "source": "0",
    "seqId": 1234,
}
TICKER = {
    "instType": "SPOT",
    "instId": "BTC-USDT",
    "last": "9999.99",
    "lastSz": "0.1",
    "open24h": "9000",
    "high24h": "10000",
    "low24h": "8888.88",
    "volCcy24h": "2222.5",
    "vol24h": "11",
    "ts": "1597026383085",
}
CANDLE = [
    "1597026383085",
    "8533.02",
    "8553.74",
    "8527.17",
    "8548.26",
    "45247",
    "529.5858061",
    "5529.5858061",
    "0",
]
LIQUIDATION = (  # captured in October 2026
    b'{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{"details":[{"bkLoss":"0","bkPx":"82655.7","ccy":"",'
    b'"posSide":"long","side":"sell","sz":"8.55","ts":"1791565600771"}],"instFamily":"BTC-USDT","instId":"BTC-USDT-SWAP",'
    b'"instType":"SWAP","uly":"BTC-USDT"}]}'
)


def test_a_snapshot_is_an_image_of_its_stream_and_a_zero_checksum_is_none() -> None:
    [image] = SPOT.decode("books", SNAPSHOT)
    assert image == BookImage(
        123456,
        [(scaled("8476.97"), 256 * UNIT), (scaled("8475.55"), 101 * UNIT)],
        [(scaled("8476.98"), 415 * UNIT), (8477 * UNIT, 7 * UNIT)],
        1597026383085000,
        in_band=True,
    )


def test_an_update_names_the_id_it_follows_on() -> None:
    [diff] = SPOT.decode("books", UPDATE)
    assert diff == BookDiff(123457, 123457, 123456, [], [(scaled("8476.98"), 0)], 1597026383185000)


def test_frames_without_ids_go_by_their_time_and_bring_a_checksum() -> None:
    row = {"asks": [["5.158", "129", "0", "2"]], "bids": [], "ts": "1652459225464", "checksum": -914047754}
    [diff] = SWAP.decode("books", frame("books", row, action="update"))
    [image] = SWAP.decode("books", frame("books", row, action="snapshot"))
    time = 1652459225464000
    assert diff == BookDiff(
        time, time, None, [], [(scaled("5.158"), 129 * UNIT)], time, checksum=Checksum(-914047754)
    )
    assert isinstance(image, BookImage)
    assert (image.last_id, image.checksum) == (time, Checksum(-914047754))


def test_the_best_levels_and_an_empty_side() -> None:
    [best] = SPOT.decode("bbo-tbt", BBO)
    assert best == BestBidAsk(
        123456, scaled("8476.97"), 256 * UNIT, scaled("8476.98"), 415 * UNIT, 1597026383085000
    )
    [one] = SPOT.decode("bbo-tbt", frame("bbo-tbt", {"asks": [], "bids": [["1", "2", "0", "1"]], "ts": "5"}))
    assert one == BestBidAsk(5000, UNIT, 2 * UNIT, None, None, 5000)


def test_several_matches_in_one_are_an_aggregate_with_the_last_one_s_id() -> None:
    [trade] = SPOT.decode("trades", frame("trades", TRADE))
    assert trade == Trade(
        "130639474",
        scaled("42219.9"),
        scaled("0.12060306"),
        "BUY",
        1630048897897000,
        aggregated=True,
        sequence=130639474,
        count=3,
    )


@pytest.mark.parametrize("channel", ["trades", "trades-all"])
def test_a_single_match_is_none(channel: str) -> None:
    old = {key: TRADE[key] for key in ("instId", "tradeId", "px", "sz", "ts")}
    one, two = SPOT.decode(channel, frame(channel, {**old, "side": "sell"}, {**TRADE, "count": "1"}))
    assert isinstance(one, Trade)
    assert isinstance(two, Trade)
    assert (one.side, one.aggregated, two.side, two.aggregated) == ("SELL", False, "BUY", False)


def test_volumes_of_spot_are_base_and_quote() -> None:
    [ticker] = SPOT.decode("tickers", frame("tickers", TICKER))
    assert ticker == Ticker(
        scaled("9999.99"),
        1597026383085000,
        open_price=9000 * UNIT,
        high_price=10000 * UNIT,
        low_price=scaled("8888.88"),
        volume=11 * UNIT,
        quote_volume=scaled("2222.5"),
    )


def test_volumes_of_contracts_are_not_the_number_of_contracts() -> None:
    [ticker] = SWAP.decode("tickers", frame("tickers", TICKER))
    assert isinstance(ticker, Ticker)
    assert (ticker.volume, ticker.quote_volume) == (scaled("2222.5"), None)


def test_a_ticker_without_a_trade_says_nothing() -> None:
    assert list(SPOT.decode("tickers", frame("tickers", {**TICKER, "last": "", "open24h": ""}))) == []
    [ticker] = SPOT.decode("tickers", frame("tickers", {**TICKER, "open24h": ""}))
    assert isinstance(ticker, Ticker)
    assert ticker.open_price is None


def test_bars_say_whether_they_are_closed_and_count_base_units() -> None:
    [spot] = SPOT.decode("candle1m", frame("candle1m", CANDLE))
    [swap] = SWAP.decode("candle1Dutc", frame("candle1Dutc", [*CANDLE[:-1], "1"]))
    assert spot == Kline(
        "1m",
        1597026383085000,
        scaled("8533.02"),
        scaled("8553.74"),
        scaled("8527.17"),
        scaled("8548.26"),
        45247 * UNIT,
        None,
        quote_volume=scaled("5529.5858061"),
        closed=False,
    )
    assert isinstance(swap, Kline)
    assert (swap.interval, swap.volume, swap.closed) == ("1d", scaled("529.5858061"), True)


def test_bars_of_another_time_zone_are_not_taken_for_ours() -> None:
    with pytest.raises(FrameError, match="candle1D"):
        SPOT.decode("candle1D", frame("candle1D", CANDLE))


def test_what_a_contract_has_beside_its_book() -> None:
    swap = "BTC-USDT-SWAP"
    mark = {"instType": "SWAP", "instId": swap, "markPx": "83003.8", "ts": "1790757203016"}
    index = {"instId": "BTC-USDT", "idxPx": "83043.9", "high24h": "1", "ts": "1790757203066"}
    funding = {
        "fundingRate": "-0.0000252378080097",
        "fundingTime": "1790784000000",
        "nextFundingTime": "1790812800000",
        "nextFundingRate": "",
        "ts": "1790757122992",
    }
    interest = {"instId": swap, "oi": "2874486.99000000925", "oiCcy": "28744.8699", "ts": "1790757195759"}
    assert SWAP.decode("mark-price", frame("mark-price", mark)) == [
        Derivative(1790757203016000, mark_price=scaled("83003.8"))
    ]
    assert SWAP.decode("index-tickers", frame("index-tickers", index)) == [
        Derivative(1790757203066000, index_price=scaled("83043.9"))
    ]
    assert SWAP.decode("funding-rate", frame("funding-rate", funding)) == [
        Derivative(1790757122992000, funding_rate=-25237808009700, next_funding_time_micros=1790784000000000)
    ]
    assert SWAP.decode("open-interest", frame("open-interest", interest)) == [
        Derivative(1790757195759000, open_interest=scaled("28744.8699"))
    ]


def test_a_liquidation_closes_a_long_by_selling_contracts() -> None:
    assert SWAP.decode("liquidation-orders", LIQUIDATION) == [
        Liquidation(scaled("82655.7"), scaled("8.55"), "SELL", 1791565600771000)
    ]


def test_liquidations_of_several_instruments_belong_nowhere() -> None:
    body = json.loads(LIQUIDATION)
    body["data"].append({**body["data"][0], "instId": "ETH-USDT-SWAP"})
    with pytest.raises(FrameError, match="ETH-USDT-SWAP"):
        SWAP.decode("liquidation-orders", json.dumps(body).encode())


def test_channels_that_were_not_asked_for_say_nothing() -> None:
    assert SPOT.decode("price-limit", b"{}") == ()


def book(**fields: Any) -> bytes:
    row = {"asks": [], "bids": [], "ts": "1", "seqId": 2, "prevSeqId": 1, **fields}
    return frame("books", row, action="update")


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b"null",
        book(bids=[["x", "1"]]),
        book(bids=[["1"]]),
        book(bids=[["-1", "1"]]),
        book(bids=[["NaN", "1"]]),
        book(bids=None),
        book(ts="soon"),
        book(ts="-1"),
        book(ts="9" * 18),
        book(seqId="x"),
        book(prevSeqId=None),
        frame("books", {"asks": [], "bids": [], "ts": "1"}),
        frame("books", {"asks": [], "bids": [], "ts": "1"}, action="other"),
        frame("books", action="update"),
        UPDATE[:150],
    ],
)
def test_what_is_no_book_frame_is_a_frame_error(bad: bytes) -> None:
    with pytest.raises(FrameError):
        SPOT.decode("books", bad)


@pytest.mark.parametrize(
    ("channel", "bad"),
    [
        ("trades", frame("trades", {**TRADE, "side": "both"})),
        ("trades", frame("trades", {**TRADE, "px": ""})),
        ("bbo-tbt", frame("bbo-tbt")),
        ("tickers", frame("tickers", {"last": "1"})),
        ("candle1m", frame("candle1m", CANDLE[:5])),
        ("funding-rate", frame("funding-rate", {"fundingRate": "", "fundingTime": "1", "ts": "1"})),
        ("liquidation-orders", frame("liquidation-orders", {"instId": "A-B-SWAP"})),
    ],
)
def test_what_is_no_frame_of_its_channel_is_a_frame_error(channel: str, bad: bytes) -> None:
    with pytest.raises(FrameError):
        SPOT.decode(channel, bad)


@pytest.mark.parametrize(
    ("bytes_", "route"),
    [
        (SNAPSHOT, Route("books", "BTC-USDT")),
        (UPDATE, Route("books", "BTC-USDT")),
        (BBO, Route("bbo-tbt", "BTC-USDT")),
        (frame("candle1Dutc", wire_symbol="BTC-USD-220527"), Route("candle1Dutc", "BTC-USD-220527")),
        (frame("index-tickers", wire_symbol="BTC-USDT"), Route("index-tickers", "BTC-USDT-SWAP")),
        (LIQUIDATION, Route("liquidation-orders", "BTC-USDT-SWAP")),
        (LIQUIDATION.replace(b"BTC-USDT-SWAP", b"LA-USDT-SWAP"), Route("liquidation-orders", "LA-USDT-SWAP")),
        (
            json.dumps({"data": [], "arg": {"instId": "A-B", "channel": "trades"}}).encode(),
            Route("trades", "A-B"),
        ),
        (b'{"event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a"}', None),
        (b'{"arg":{"channel":"books","instId":"BTC-USDT"},"event":"subscribe"}', None),
        (b'{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[]}', None),
        (b'{"arg":{"channel":"never-seen', None),
        (b"pong", None),
        (b"", None),
    ],
)
def test_a_frame_is_routed_by_its_argument(bytes_: bytes, route: Route | None) -> None:
    for _ in range(2):  # learnt, then known
        assert SWAP.route(bytes_) == route


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"pong", Control("alive")),
        (
            b'{"id":"1512","event":"subscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
            Control("ack"),
        ),
        (
            b'{"id":"1512","event":"unsubscribe","arg":{"channel":"books","instId":"BTC-USDT"},"connId":"a4d3ae55"}',
            Control("ack"),
        ),
        (
            b'{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please '
            b'reconnect.","connId":"a4d3ae55"}',
            Control("shutdown"),
        ),
        (
            b'{"event":"error","msg":"Wrong URL or channel:bbo-tbt,instId:ETH-USD-SWAP doesn\'t exist. Please use the correct '
            b'URL, channel and parameters referring to API document.","code":"60018","connId":"x"}',
            Control(
                "error",
                "60018 Wrong URL or channel:bbo-tbt,instId:ETH-USD-SWAP doesn't exist. Please use the correct URL, channel "
                "and parameters referring to API document.",
                refused=(Route("bbo-tbt", "ETH-USD-SWAP"),),
            ),
        ),
        (
            b'{"event":"error","msg":"Subscribe failed, wrong URL or channel:trades,instId:trades.BTC-USDT-SWAP doesn\'t '
            b'exist.","code":"60018","connId":"b2b0944b"}',
            Control(
                "error",
                "60018 Subscribe failed, wrong URL or channel:trades,instId:trades.BTC-USDT-SWAP doesn't exist.",
                refused=(Route("trades", "trades.BTC-USDT-SWAP"),),
            ),
        ),
        (
            b'{"event":"error","code":"60018","msg":"channel:index-tickers,instId:BTC-USDT doesn\'t exist."}',
            Control(
                "error",
                "60018 channel:index-tickers,instId:BTC-USDT doesn't exist.",
                refused=(Route("index-tickers", "BTC-USDT-SWAP"),),
            ),
        ),
        (
            b'{"event":"error","code":"60012","msg":"Invalid request: {}","connId":"a"}',
            Control("error", "60012 Invalid request: {}"),
        ),
        (b'{"event":"login","code":"0","msg":""}', Control("unknown", "0")),
    ],
)
def test_frames_without_market_data_say_what_they_are(text: bytes, said: Control) -> None:
    assert SWAP.control(text) == said


def test_what_is_no_message_is_unknown() -> None:
    assert SPOT.control(b"ping?").kind == "unknown"
    assert SPOT.control(b'{"arg":{},"data":[]}').kind == "unknown"


def asked(plan: Any) -> list[dict[str, str]]:
    args: list[dict[str, str]] = []
    for request in plan.requests:
        body = json.loads(request)
        assert body["op"] == "subscribe"
        args += body["args"]
    return args


def test_single_matches_come_on_a_socket_of_their_own() -> None:
    public, business = SPOT.plan(["BTC-USDT"], StreamOptions())
    assert public.path == "/ws/v5/public"
    assert asked(public) == [
        {"channel": "books", "instId": "BTC-USDT"},
        {"channel": "bbo-tbt", "instId": "BTC-USDT"},
    ]
    assert (business.path, asked(business)) == (
        "/ws/v5/business",
        [{"channel": "trades-all", "instId": "BTC-USDT"}],
    )


def test_aggregated_trades_need_no_second_socket() -> None:
    [plan] = SPOT.plan(["BTC-USDT"], StreamOptions(aggregated_trades=True))
    assert plan.routes == tuple(Route(name, "BTC-USDT") for name in ("books", "bbo-tbt", "trades"))


def test_bars_are_those_of_utc_and_what_there_is_not_is_passed_over() -> None:
    options = StreamOptions(("klines",), kline_intervals=("1m", "1h", "1d", "7m", "1m"))
    [plan] = SPOT.plan(["BTC-USDT"], options)
    assert plan.path == "/ws/v5/business"
    assert [arg["channel"] for arg in asked(plan)] == ["candle1m", "candle1H", "candle1Dutc"]


def test_spot_has_neither_derivatives_nor_liquidations() -> None:
    assert SPOT.plan(["BTC-USDT"], StreamOptions(("derivatives", "liquidations"))) == []
    assert not SPOT.channels & {"derivatives", "liquidations"}


def test_a_swap_is_asked_for_its_index_by_its_family_and_for_liquidations_by_its_type() -> None:
    [plan] = SWAP.plan(["BTC-USDT-SWAP", "ETH-USDT-SWAP"], StreamOptions(("derivatives", "liquidations")))
    args = asked(plan)
    assert {"channel": "index-tickers", "instId": "BTC-USDT"} in args
    assert args[-1] == {"channel": "liquidation-orders", "instType": "SWAP"}
    assert len(args) == 9
    rare = {Route("liquidation-orders", f"{base}-USDT-SWAP") for base in ("BTC", "ETH")}
    assert plan.rare == rare
    assert set(plan.routes) == rare | {
        Route(name, f"{base}-USDT-SWAP")
        for name in ("mark-price", "index-tickers", "funding-rate", "open-interest")
        for base in ("BTC", "ETH")
    }


def test_dated_contracts_have_no_funding() -> None:
    [plan] = FUTURES.plan(["BTC-USD-220527"], StreamOptions(("derivatives",)))
    assert [arg["channel"] for arg in asked(plan)] == ["mark-price", "open-interest"]


def test_liquidations_alone_have_a_connection() -> None:
    [plan] = FUTURES.plan(["BTC-USD-220527"], StreamOptions(("liquidations",)))
    assert asked(plan) == [{"channel": "liquidation-orders", "instType": "FUTURES"}]


def test_many_streams_are_spread_within_the_limits_and_none_is_lost() -> None:
    symbols = [f"LONGNAME{number}-USDT-SWAP" for number in range(350)]
    everything = StreamOptions(
        tuple(SWAP.channels), kline_intervals=("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "1d")
    )
    plans = SWAP.plan(symbols, everything)
    args: list[dict[str, str]] = []
    routes: list[Route] = []
    for plan in plans:
        assert 0 < len({route.wire_symbol for route in set(plan.routes) - plan.rare}) <= 100
        assert sum(map(len, plan.requests)) <= 65_536
        assert plan.streams - len(plan.rare) <= SWAP.limits.streams_per_connection
        assert len(plan.requests) <= 20  # of 480 an hour, and reconnecting must not use them up
        ids = [json.loads(request)["id"] for request in plan.requests]
        assert len(set(ids)) == len(ids)
        args += asked(plan)
        routes += plan.routes
    assert len({json.dumps(arg) for arg in args}) == len(args) == 350 * 17 + 1
    assert len(set(routes)) == len(routes) == 350 * 18


def test_a_new_image_costs_two_requests() -> None:
    texts = [json.loads(text) for text in SPOT.resubscribe("BTC-USDT")]
    args = [{"channel": "books", "instId": "BTC-USDT"}]
    assert texts == [{"op": "unsubscribe", "args": args}, {"op": "subscribe", "args": args}]


@pytest.mark.parametrize(("one", "kind"), [(SPOT, "SPOT"), (SWAP, "SWAP"), (FUTURES, "FUTURES")])
def test_instruments_are_asked_for_by_type(one: Venue, kind: str) -> None:
    assert one.instruments_request().params == {"instType": kind}
    assert one.snapshot_request("X", None) is None
    assert one.keep_alive == (20.0, "ping")


def listed(**fields: str) -> bytes:
    row = {
        "instId": "BTC-USDT",
        "instType": "SPOT",
        "baseCcy": "BTC",
        "quoteCcy": "USDT",
        "state": "live",
        "tickSz": "0.1",
        "lotSz": "0.00000001",
        **fields,
    }
    return json.dumps({"code": "0", "msg": "", "data": [row]}).encode()


def contract(wire_symbol: str, **fields: str) -> bytes:
    kind = "SWAP" if wire_symbol.endswith("-SWAP") else "FUTURES"
    return listed(instId=wire_symbol, instType=kind, baseCcy="", quoteCcy="", lotSz="1", **fields)


def test_spot_is_named_by_base_and_quote() -> None:
    [one] = SPOT.parse_instruments(listed())
    assert (one.symbol, one.base, one.quote, one.tick, one.lot) == (
        "BTC-USDT",
        "BTC",
        "USDT",
        UNIT // 10,
        10**10,
    )
    assert (one.trading, one.status, one.unit, one.expiry_micros) == (True, "live", BASE, None)


@pytest.mark.parametrize(
    "state", ["suspend", "preopen", "test", "rebase", "post_only", "settling", "something new"]
)
def test_only_live_instruments_trade(state: str) -> None:
    [one] = SPOT.parse_instruments(listed(state=state))
    assert (one.trading, one.status) == (False, state)


def test_a_linear_swap_counts_contracts_of_base_units() -> None:
    body = contract(
        "ETH-USDT-SWAP",
        instFamily="ETH-USDT",
        uly="ETH-USDT",
        ctType="linear",
        ctVal="0.1",
        ctMult="1",
        ctValCcy="ETH",
        settleCcy="USDT",
        expTime="",
    )
    [one] = SWAP.parse_instruments(body)
    assert (one.symbol, one.unit, one.settle) == ("ETH-USDT", Unit(UNIT // 10), "USDT")


def test_an_inverse_swap_counts_contracts_of_quote_currency() -> None:
    body = contract("BTC-USD-SWAP", uly="BTC-USD", ctType="inverse", ctVal="100", ctMult="1", settleCcy="BTC")
    [one] = SWAP.parse_instruments(body)
    assert (one.symbol, one.unit, one.settle) == ("BTC-USD", Unit(100 * UNIT, inverse=True), "BTC")


def test_the_family_tells_contracts_of_one_underlying_apart() -> None:
    body = contract("BTC-USD_UM-SWAP", instFamily="BTC-USD_UM", uly="BTC-USD", ctType="linear", ctVal="0.01")
    [one] = SWAP.parse_instruments(body)
    assert (one.symbol, one.quote) == ("BTC-USD_UM", "USD_UM")


def test_a_dated_contract_keeps_its_date_and_says_when_it_ends() -> None:
    body = contract("BTC-USD-220527", ctType="inverse", ctVal="100", ctMult="2", expTime="1653638400000")
    [one] = FUTURES.parse_instruments(body)
    assert (one.symbol, one.base, one.quote) == ("BTC-USD-220527", "BTC", "USD")
    assert (one.expiry_micros, one.unit) == (1653638400000000, Unit(200 * UNIT, inverse=True))


def test_a_contract_that_does_not_say_its_size_cannot_be_collected() -> None:
    [one] = SWAP.parse_instruments(contract("NEW-USDT-SWAP", ctVal="", ctType="linear"))
    assert not one.trading


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"code":"50011","msg":"Too Many Requests","data":[]}', "50011 Too Many Requests"),
        (b'{"msg":"Too Many Requests","code":"50011"}', "50011"),
        (b"<html>", "cannot be read"),
        (listed(tickSz="x"), "cannot be read|Not a number"),
        (listed(expTime="soon"), "Not a whole number"),
    ],
)
def test_an_answer_that_lists_nothing_is_a_frame_error(body: bytes, said: str) -> None:
    with pytest.raises(FrameError, match=said):
        SPOT.parse_instruments(body)
