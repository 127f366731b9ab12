"""Binance frames in, messages out; plans and requests as documented. Frames are the protocol page's (3.3, 4.2) or shaped so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookmill.errors import ConfigurationError, FrameError
from venues.binance import BinanceSpot, BinanceUsdm
from venues.interface import Route, StreamOptions, Venue
from venues.messages import BestBidAsk, BookDiff, Trade
from venues.registry import venue

UNIT = 10**18
SPOT, USDM = BinanceSpot(), BinanceUsdm()


def frame(stream: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


TRADE = {
    "e": "trade",
    "E": 1672515782136,
    "s": "BNBBTC",
    "t": 12345,
    "p": "0.001",
    "q": "100",
    "T": 1672515782136,
    "m": True,
    "M": True,
}
DEPTH = {
    "e": "depthUpdate",
    "E": 123456789,
    "s": "BNBBTC",
    "U": 157,
    "u": 160,
    "b": [["0.0024", "10"]],
    "a": [["0.0026", "0.00000000"]],
}
TICKER = {
    "u": 400900217,
    "s": "BNBUSDT",
    "b": "25.35190000",
    "B": "31.21000000",
    "a": "25.36520000",
    "A": "40.66000000",
}
AGG = {
    "e": "aggTrade",
    "E": 1,
    "a": 5933014,
    "s": "BTCUSDT",
    "p": "0.001",
    "q": "100",
    "nq": "100",
    "f": 100,
    "l": 105,
    "T": 123456785,
    "m": False,
}


def test_a_trade_of_a_selling_taker() -> None:
    [trade] = SPOT.decode("trade", frame("bnbbtc@trade", TRADE))
    assert trade == Trade("12345", UNIT // 1000, 100 * UNIT, "SELL", 1672515782136000)


def test_an_aggregated_trade_says_so() -> None:
    [trade] = USDM.decode("aggTrade", frame("btcusdt@aggTrade", AGG))
    assert trade == Trade("5933014", UNIT // 1000, 100 * UNIT, "BUY", 123456785000, aggregated=True)


@pytest.mark.parametrize("kind", ["INSURANCE_FUND", "ADL", "NA"])
def test_usdm_trades_that_are_none_of_the_book_are_passed_over(kind: str) -> None:
    assert USDM.decode("trade", frame("btcusdt@trade", {**TRADE, "X": kind})) == ()
    assert len(USDM.decode("trade", frame("btcusdt@trade", {**TRADE, "X": "MARKET"}))) == 1


def test_a_spot_diff_has_no_previous_id_and_event_time() -> None:
    [diff] = SPOT.decode("depth", frame("bnbbtc@depth@100ms", DEPTH))
    assert diff == BookDiff(
        157, 160, None, [(UNIT * 24 // 10_000, 10 * UNIT)], [(UNIT * 26 // 10_000, 0)], 123456789000
    )


def test_a_usdm_diff_names_its_predecessor_and_matching_time() -> None:
    [diff] = USDM.decode("depth", frame("btcusdt@depth@0ms", {**DEPTH, "T": 123456788, "pu": 149}))
    assert isinstance(diff, BookDiff)
    assert (diff.previous_id, diff.exchange_time_micros) == (149, 123456788000)


def test_best_bid_ask_of_spot_has_no_time_that_of_usdm_has() -> None:
    [spot] = SPOT.decode("bookTicker", frame("bnbusdt@bookTicker", TICKER))
    [usdm] = USDM.decode("bookTicker", frame("bnbusdt@bookTicker", {**TICKER, "T": 5, "E": 6}))
    assert isinstance(spot, BestBidAsk)
    assert isinstance(usdm, BestBidAsk)
    assert (spot.update_id, spot.bid_price, spot.exchange_time_micros) == (
        400900217,
        25_351_900_000_000_000_000,
        None,
    )
    assert usdm.exchange_time_micros == 5000


def test_frames_of_other_channels_say_nothing_yet() -> None:
    assert SPOT.decode("markPrice", b"{}") == ()
    assert SPOT.decode("depth5", frame("x@depth5", DEPTH)) == ()


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"{}",
        b"[]",
        b"null",
        frame("x@depth", {**DEPTH, "U": 161}),
        frame("x@depth", {**DEPTH, "b": [["x", "1"]]}),
        frame("x@depth", {**DEPTH, "b": [["1"]]}),
        frame("x@depth", {**DEPTH, "b": [["-1", "1"]]}),
        frame("x@depth", {**DEPTH, "u": "160"}),
        frame("x@depth", {**DEPTH, "b": [["NaN", "1"]]}),
    ],
)
def test_what_is_no_diff_is_a_frame_error(bad: bytes) -> None:
    with pytest.raises(FrameError):
        SPOT.decode("depth", bad)


@pytest.mark.parametrize(
    ("bytes_", "route"),
    [
        (frame("btcusdt@depth@100ms", DEPTH), Route("depth", "BTCUSDT")),
        (frame("btcusdt@bookTicker", TICKER), Route("bookTicker", "BTCUSDT")),
        (frame("btcusdt_261225@depth5@100ms", DEPTH), Route("depth5", "BTCUSDT_261225")),
        (frame("币安人生usdt@trade", TRADE), Route("trade", "币安人生USDT")),
        (json.dumps({"data": TRADE, "stream": "bnbbtc@trade"}).encode(), Route("trade", "BNBBTC")),
        (b'{"result":null,"id":1}', None),
        (b'{"stream":"!serverShutdown","data":{}}', None),
        (b"pong", None),
        (b"", None),
    ],
)
def test_a_frame_is_routed_by_its_stream_name(bytes_: bytes, route: Route | None) -> None:
    assert SPOT.route(bytes_) == route


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
    assert SPOT.control(text) == (kind, error)


def test_spot_streams_share_one_connection() -> None:
    [plan] = SPOT.plan(["BTCUSDT", "ETHUSDT"], StreamOptions())
    assert plan.path.startswith(
        "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade/ethusdt@depth@100ms"
    )
    assert (plan.streams, plan.requests) == (6, ())


def test_usdm_aggregated_trades_come_on_the_market_route() -> None:
    public, market = USDM.plan(["BTCUSDT"], StreamOptions(("depth", "bookTicker", "aggTrade")))
    assert public.path == "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"
    assert market.path == "/market/stream?streams=btcusdt@aggTrade"


def test_usdm_plain_trades_come_on_the_public_route() -> None:
    [plan] = USDM.plan(["BTCUSDT"], StreamOptions())
    assert plan.path == "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker/btcusdt@trade"


@pytest.mark.parametrize("one", [SPOT, USDM], ids=["spot", "usdm"])
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
    ("one", "levels", "limit", "weight"),
    [
        (SPOT, None, "5000", 250),
        (SPOT, 100, "100", 5),
        (SPOT, 101, "500", 25),
        (SPOT, 9999, "5000", 250),
        (USDM, None, "1000", 20),
        (USDM, 20, "20", 2),
    ],
)
def test_a_snapshot_costs_what_the_documents_say(
    one: Venue, levels: int | None, limit: str, weight: int
) -> None:
    request = one.snapshot_request("BTCUSDT", levels)
    assert (request.params, request.weight) == ({"symbol": "BTCUSDT", "limit": limit}, weight)


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


def test_instruments_are_named_by_the_exchanges_own_base_and_quote() -> None:
    [btc] = SPOT.parse_instruments(info())
    assert (btc.symbol, btc.tick, btc.lot, btc.trading) == ("BTC-USDT", UNIT // 100, UNIT // 100_000, True)
    [halted] = SPOT.parse_instruments(info(status="HALT"))
    assert not halted.trading
    [perpetual] = USDM.parse_instruments(info(contractType="TRADIFI_PERPETUAL"))
    assert perpetual.symbol == "BTC-USDT"
    [dated] = USDM.parse_instruments(info(symbol="BTCUSDT_261225", contractType="CURRENT_QUARTER"))
    assert dated.symbol == "BTC-USDT-261225"


def test_instruments_without_filters_are_a_frame_error() -> None:
    with pytest.raises(FrameError, match="exchangeInfo"):
        SPOT.parse_instruments(info(filters=[]))


def test_the_used_weight_is_read_from_the_answer() -> None:
    assert SPOT.used_weight({"x-mbx-used-weight-1m": "255"}) == 255
    assert SPOT.used_weight({}) is None


def test_a_mistyped_venue_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'binance\\.spot'"):
        venue("binance", "sport")
