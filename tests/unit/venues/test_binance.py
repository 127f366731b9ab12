"""Binance frames in, messages out. Frames are the protocol page's (3.3, 4.2), the COIN-M pages', or were seen on the wire in 2026."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from bookmill.errors import FrameError
from tests.recordings import recording
from venues.binance import BinanceCoinm, BinanceSpot, BinanceUsdm
from venues.interface import Venue
from venues.messages import BestBidAsk, BookDiff, BookImage, Derivative, Kline, Liquidation, Ticker, Trade
from venues.numbers import plain_text
from venues.units import Unit

UNIT = 10**18
SPOT, USDM, COINM = BinanceSpot(), BinanceUsdm(), BinanceCoinm()


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
BEST = {
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
TICKER = (
    b'{"stream":"bnbbtc@ticker","data":{"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015","P":"250.00",'
    b'"w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010",'
    b'"h":"0.0025","l":"0.0010","v":"10000","q":"18","O":0,"C":86400000,"F":0,"L":18150,"n":18151}}'
)
KLINE = (
    b'{"stream":"bnbbtc@kline_1m","data":{"e":"kline","E":1672515782136,"s":"BNBBTC","k":{"t":1672515780000,'
    b'"T":1672515839999,"s":"BNBBTC","i":"1m","f":100,"L":200,"o":"0.0010","c":"0.0020","h":"0.0025","l":"0.0015",'
    b'"v":"1000","n":100,"x":false,"q":"1.0000","V":"500","Q":"0.500","B":"123456"}}}'
)
COINM_KLINE = (  # on the wire 2026-09-25
    b'{"stream":"btcusd_perp@kline_1m","data":{"e":"kline","E":1790373660003,"s":"BTCUSD_PERP","k":{"t":1790373600000,'
    b'"T":1790373659999,"s":"BTCUSD_PERP","i":"1m","f":1155840109,"L":1155840149,"o":"83723.8","c":"83732.4",'
    b'"h":"83732.5","l":"83723.8","v":"180","n":41,"x":true,"q":"0.21498328","V":"94","Q":"0.11224187","B":"0"}}}'
)
COINM_TICKER = (
    b'{"stream":"btcusd_200626@ticker","data":{"e":"24hrTicker","E":1591268262453,"s":"BTCUSD_200626","ps":"BTCUSD",'
    b'"p":"-43.4","P":"-0.452","w":"0.00147974","c":"9548.5","Q":"2","o":"9591.9","h":"10000.0","l":"7000.0",'
    b'"v":"487850","q":"32968676323.46222700","O":1591181820000,"C":1591268262442,"F":512014,"L":615289,"n":103272}}'
)
MARK = {
    "e": "markPriceUpdate",
    "E": 1562305380000,
    "s": "BTCUSDT",
    "p": "11794.15000000",
    "ap": "11793.10000000",
    "i": "11784.62659091",
    "P": "11784.25641265",
    "r": "0.00038167",
    "T": 1562306400000,
    "st": 1,
}
FORCED = {
    "s": "RAYSOLUSDT",
    "S": "SELL",
    "o": "LIMIT",
    "f": "IOC",
    "q": "70.5",
    "p": "1.3810000",
    "ap": "1.3911902",
    "X": "FILLED",
    "l": "6.9",
    "z": "70.5",
    "T": 1788965416437,
}


def test_a_trade_of_a_selling_taker() -> None:
    [trade] = SPOT.decode("trade", frame("bnbbtc@trade", TRADE))
    assert trade == Trade("12345", UNIT // 1000, 100 * UNIT, "SELL", 1672515782136000, sequence=12345)


def test_an_aggregated_trade_says_so() -> None:
    [trade] = USDM.decode("aggTrade", frame("btcusdt@aggTrade", AGG))
    assert trade == Trade(
        "5933014", UNIT // 1000, 100 * UNIT, "BUY", 123456785000, aggregated=True, sequence=5933014
    )


@pytest.mark.parametrize("kind", ["INSURANCE_FUND", "ADL", "NA"])
def test_futures_trades_that_are_none_of_the_book_are_passed_over(kind: str) -> None:
    for one in (USDM, COINM):
        assert one.decode("trade", frame("btcusdt@trade", {**TRADE, "X": kind})) == ()
        assert len(one.decode("trade", frame("btcusdt@trade", {**TRADE, "X": "MARKET"}))) == 1


def test_a_spot_diff_has_no_previous_id_and_event_time() -> None:
    [diff] = SPOT.decode("depth", frame("bnbbtc@depth@100ms", DEPTH))
    assert diff == BookDiff(
        157, 160, None, [(UNIT * 24 // 10_000, 10 * UNIT)], [(UNIT * 26 // 10_000, 0)], 123456789000
    )


@pytest.mark.parametrize("one", [USDM, COINM], ids=["usdm", "coinm"])
def test_a_futures_diff_names_its_predecessor_and_matching_time(one: Venue) -> None:
    [diff] = one.decode("depth", frame("btcusdt@depth@0ms", {**DEPTH, "T": 123456788, "pu": 149}))
    assert isinstance(diff, BookDiff)
    assert (diff.previous_id, diff.exchange_time_micros) == (149, 123456788000)


def test_best_bid_ask_of_spot_has_no_time_that_of_futures_has() -> None:
    [spot] = SPOT.decode("bookTicker", frame("bnbusdt@bookTicker", BEST))
    [usdm] = USDM.decode("bookTicker", frame("bnbusdt@bookTicker", {**BEST, "T": 5, "E": 6}))
    assert isinstance(spot, BestBidAsk)
    assert isinstance(usdm, BestBidAsk)
    assert (spot.update_id, spot.bid_price, spot.exchange_time_micros) == (
        400900217,
        25_351_900_000_000_000_000,
        None,
    )
    assert usdm.exchange_time_micros == 5000


def test_a_ticker_has_base_and_quote_volume() -> None:
    [ticker] = SPOT.decode("ticker", TICKER)
    assert ticker == Ticker(
        UNIT * 25 // 10_000,
        1672515782136000,
        open_price=UNIT // 1000,
        high_price=UNIT * 25 // 10_000,
        low_price=UNIT // 1000,
        volume=10_000 * UNIT,
        quote_volume=18 * UNIT,
        trades=18151,
    )


def test_a_coinm_ticker_tells_contracts_then_base_units() -> None:
    [ticker] = COINM.decode("ticker", COINM_TICKER)
    assert isinstance(ticker, Ticker)
    assert (plain_text(ticker.volume or 0), ticker.quote_volume) == ("32968676323.462227", None)


def test_a_bar_says_whether_it_is_closed() -> None:
    [bar] = SPOT.decode("kline_1m", KLINE)
    assert bar == Kline(
        "1m",
        1672515780000000,
        UNIT // 1000,
        UNIT * 25 // 10_000,
        UNIT * 15 // 10_000,
        UNIT * 2 // 1000,
        1000 * UNIT,
        1672515782136000,
        quote_volume=UNIT,
        trades=100,
        closed=False,
    )


def test_a_coinm_bars_base_volume_is_what_its_contracts_are_worth() -> None:
    [bar] = COINM.decode("kline_1m", COINM_KLINE)
    assert isinstance(bar, Kline)
    assert (plain_text(bar.volume or 0), bar.quote_volume, bar.closed) == ("0.21498328", None, True)
    worth = [
        Unit(100 * UNIT, inverse=True).base(180 * UNIT, price) for price in (bar.high_price, bar.low_price)
    ]
    assert worth[0] < (bar.volume or 0) < worth[1]


def test_a_mark_price_says_index_and_funding() -> None:
    [said] = USDM.decode("markPrice", frame("btcusdt@markPrice@1s", MARK))
    assert said == Derivative(
        1562305380000000,
        mark_price=11_794_150_000_000_000_000_000,
        index_price=11_784_626_590_910_000_000_000,
        funding_rate=381_670_000_000_000,
        next_funding_time_micros=1562306400000000,
    )


def test_a_funding_rate_may_be_negative() -> None:
    [said] = COINM.decode("markPrice", frame("btcusd_perp@markPrice@1s", {**MARK, "r": "-0.00000573"}))
    assert isinstance(said, Derivative)
    assert said.funding_rate == -5_730_000_000_000


def test_a_dated_contract_pays_no_funding_and_old_frames_have_no_index() -> None:
    data = {**MARK, "r": "", "T": 0}
    del data["i"]
    [said] = COINM.decode("markPrice", frame("btcusd_201225@markPrice@1s", data))
    assert said == Derivative(1562305380000000, mark_price=11_794_150_000_000_000_000_000)


def test_a_liquidation_is_what_was_filled_at_the_average_price() -> None:
    [liquidation] = USDM.decode("forceOrder", frame("raysolusdt@forceOrder", {"E": 1, "o": FORCED}))
    assert liquidation == Liquidation(
        1_391_190_200_000_000_000, 70_500_000_000_000_000_000, "SELL", 1788965416437000
    )


def test_a_liquidation_of_which_nothing_is_filled_yet_is_what_it_asks() -> None:
    order = {**FORCED, "S": "BUY", "ap": "0", "z": "0", "X": "NEW"}
    [liquidation] = USDM.decode("forceOrder", frame("raysolusdt@forceOrder", {"E": 1, "o": order}))
    assert liquidation == Liquidation(
        1_381_000_000_000_000_000, 70_500_000_000_000_000_000, "BUY", 1788965416437000
    )


def test_frames_of_other_channels_say_nothing() -> None:
    assert USDM.decode("miniTicker", b"{}") == ()
    assert SPOT.decode("markPrice", b"{}") == ()
    assert SPOT.decode("depth5", frame("x@depth5", DEPTH)) == ()


@pytest.mark.parametrize(
    ("channel", "bad"),
    [
        ("depth", b""),
        ("depth", b"not json"),
        ("depth", b"\xff\xfe"),
        ("depth", b"{}"),
        ("depth", b"[]"),
        ("depth", b"null"),
        ("depth", b'{"x":' + b"[" * 100_000),
        ("depth", frame("x@depth", {**DEPTH, "U": 161})),
        ("depth", frame("x@depth", {**DEPTH, "b": [["x", "1"]]})),
        ("depth", frame("x@depth", {**DEPTH, "b": [["1"]]})),
        ("depth", frame("x@depth", {**DEPTH, "b": [["-1", "1"]]})),
        ("depth", frame("x@depth", {**DEPTH, "u": "160"})),
        ("depth", frame("x@depth", {**DEPTH, "b": [["NaN", "1"]]})),
        ("depth", frame("x@depth", {**DEPTH, "u": 2**63})),
        ("trade", frame("x@trade", {**TRADE, "T": 2**63 // 1000 + 1})),
        ("markPrice", frame("x@markPrice@1s", {**MARK, "r": "low"})),
        ("forceOrder", frame("x@forceOrder", {"o": {**FORCED, "S": "LONG"}})),
        ("kline_1m", frame("x@kline_1m", {"E": 1, "k": {}})),
    ],
)
def test_what_is_no_frame_of_its_channel_is_a_frame_error(channel: str, bad: bytes) -> None:
    with pytest.raises(FrameError):
        USDM.decode(channel, bad)


def test_a_snapshot_has_its_time_where_the_market_tells_it() -> None:
    body = b'{"symbol":"BTCUSD_PERP","pair":"BTCUSD","lastUpdateId":11660051107935,"E":1790373521101,"T":1790373521100,'
    body += b'"bids":[["83778.8","5078"]],"asks":[["83778.9","956"]]}'
    assert COINM.decode_snapshot(body) == BookImage(
        11660051107935,
        [(83_778_800_000_000_000_000_000, 5078 * UNIT)],
        [(83_778_900_000_000_000_000_000, 956 * UNIT)],
        1790373521100000,
    )
    image = SPOT.decode_snapshot(b'{"lastUpdateId":-1,"bids":[],"asks":[]}')
    assert image == BookImage(-1, [], [], None)
    with pytest.raises(FrameError, match="depth snapshot"):
        SPOT.decode_snapshot(b'{"code":-1121,"msg":"Invalid symbol."}')


def test_every_frame_of_the_2023_recording_decodes() -> None:
    one = recording("usdm-btcusdt-2023")
    found: Counter[str] = Counter()
    rates, marks = set(), []
    for _, text in one.lines():
        route = USDM.route(text)
        if route is None:  # the REST snapshot
            continue
        assert route.wire_symbol == "BTCUSDT"
        for message in USDM.decode(route.channel, text):
            found[route.channel] += 1
            if isinstance(message, Derivative):
                rates.add(message.funding_rate)
                marks.append(message)
    assert found["markPrice"] == 514
    assert found["depth"] == 16_110
    assert all(said.mark_price and said.index_price for said in marks)
    assert {plain_text(rate or 0) for rate in rates} >= {"0.00002754", "0.00002846"}
    assert marks[0].exchange_time_micros == 1680652701000000
