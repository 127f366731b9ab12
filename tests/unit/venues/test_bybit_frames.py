"""Bybit's market frames in, messages out. Frames are the protocol page's (6.2) or shaped so; numbers are exact to the digit."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookmill.errors import FrameError
from venues.bybit import BybitInverse, BybitLinear, BybitSpot
from venues.messages import (
    BestBidAsk,
    BookDiff,
    BookImage,
    Derivative,
    Kline,
    Liquidation,
    Message,
    Ticker,
    Trade,
)
from venues.numbers import plain_text

UNIT = 10**18
SPOT, LINEAR, INVERSE = BybitSpot(), BybitLinear(), BybitInverse()

# captured 2026-09 (protocol page 6.2): linear puts "type" before "ts", spot and level 1 "ts" before "type"
SNAPSHOT = (
    b'{"topic":"orderbook.50.BTCUSDT","type":"snapshot","ts":1790134712130,"data":{"s":"BTCUSDT",'
    b'"b":[["86723.40","0.194"],["86723.30","0.002"]],"a":[["86723.50","5.959"],["86723.60","0.320"]],'
    b'"u":173678160,"seq":814547787693},"cts":1790134712126}'
)
DELTA = (
    b'{"topic":"orderbook.50.AAPLUSDT","type":"delta","ts":1790134716101,"data":{"s":"AAPLUSDT",'
    b'"b":[["340.82","3.37"]],"a":[],"u":29443257,"seq":301632783305},"cts":1790134716094}'
)
TRADE = (
    b'{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT",'
    b'"S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false,'
    b'"RPI":false,"seq":1783284617}]}'
)
KLINE = (
    b'{"topic":"kline.5.BTCUSDT","data":[{"start":1672324800000,"end":1672325099999,"interval":"5","open":"16649.5",'
    b'"close":"16677","high":"16677","low":"16608","volume":"2.081","turnover":"34666.4005","confirm":false,'
    b'"timestamp":1672324988882}],"ts":1672324988882,"type":"snapshot"}'
)
TICKER_DELTA = (
    b'{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"86716.30",'
    b'"indexPrice":"86756.70","openInterestValue":"5250990127.10"},"cs":814547789569,"ts":1790134712383}'
)
TICKER = {
    "symbol": "BTCUSD",
    "tickDirection": "PlusTick",
    "lastPrice": "17216.00",
    "prevPrice24h": "16900.50",
    "highPrice24h": "17281.50",
    "lowPrice24h": "16891.00",
    "markPrice": "17217.33",
    "indexPrice": "17227.36",
    "openInterest": "68744761",
    "openInterestValue": "3992.91",
    "turnover24h": "9157.40129",
    "volume24h": "157403000",
    "nextFundingTime": "1673280000000",
    "fundingRate": "-0.000212",
}


def ticker(kind: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"topic": "tickers.BTCUSD", "type": kind, "data": data, "ts": 1673272861686}).encode()


def book(kind: str, u: int, bids: list[list[str]], asks: list[list[str]], **more: Any) -> bytes:
    """In spot's order of keys."""
    data = {"s": "BTCUSDT", "b": bids, "a": asks, "u": u, "seq": 10 * u}
    return json.dumps(
        {"topic": "orderbook.1000.BTCUSDT", "ts": 7, "type": kind, "data": data, **more}
    ).encode()


def only(messages: Any) -> Message:
    [message] = messages
    return message  # type: ignore[no-any-return]


def test_a_snapshot_is_an_image_that_came_in_the_stream() -> None:
    assert only(LINEAR.decode("orderbook.50", SNAPSHOT)) == BookImage(
        173678160,
        [(86723_400000000000000000, 194 * UNIT // 1000), (86723_300000000000000000, 2 * UNIT // 1000)],
        [(86723_500000000000000000, 5959 * UNIT // 1000), (86723_600000000000000000, 320 * UNIT // 1000)],
        1790134712126000,
        in_band=True,
    )


def test_a_delta_carries_the_matching_time() -> None:
    assert only(LINEAR.decode("orderbook.1000", DELTA)) == BookDiff(
        29443257, 29443257, None, [(340_820000000000000000, 3_370000000000000000)], [], 1790134716094000
    )


def test_the_order_of_keys_says_nothing() -> None:
    one, other = (
        SPOT.decode("orderbook.1000", book("delta", 8, [["1", "2"]], [], cts=6)),
        LINEAR.decode(
            "orderbook.1000",
            b'{"topic":"orderbook.1000.BTCUSDT","type":"delta","ts":7,"data":{"s":"BTCUSDT","b":[["1","2"]],"a":[],'
            b'"u":8,"seq":80},"cts":6}',
        ),
    )
    assert one == other == (BookDiff(8, 8, None, [(UNIT, 2 * UNIT)], [], 6000),)


def test_without_a_matching_time_the_time_of_the_push_stands() -> None:
    assert only(SPOT.decode("orderbook.1000", book("delta", 8, [], []))) == BookDiff(8, 8, None, [], [], 7000)


@pytest.mark.parametrize("kind", ["snapshot", "delta"])
def test_u_1_is_an_image_whatever_it_is_called(kind: str) -> None:
    image = only(SPOT.decode("orderbook.1000", book(kind, 1, [["10", "1"]], [["11", "1"]])))
    assert isinstance(image, BookImage)
    assert (image.last_id, image.in_band) == (1, True)


@pytest.mark.parametrize("zero", ["0", "0.0", "0.000", "0.00000000"])
def test_every_spelling_of_zero_removes(zero: str) -> None:
    diff = only(SPOT.decode("orderbook.1000", book("delta", 8, [["10", zero]], [])))
    assert isinstance(diff, BookDiff)
    assert diff.bids == [(10 * UNIT, 0)]


def test_level_one_is_the_exchanges_own_best() -> None:
    frame = book("snapshot", 500, [["86723.4", "0.194"]], [["86723.5", "5.959"]], cts=6)
    best = BestBidAsk(
        500, 867234 * UNIT // 10, 194 * UNIT // 1000, 867235 * UNIT // 10, 5959 * UNIT // 1000, 6000
    )
    # the same again after 3 s of silence is the same, and no fault
    assert [*SPOT.decode("orderbook.1", frame), *SPOT.decode("orderbook.1", frame)] == [best, best]


def test_an_empty_side_of_level_one_is_none() -> None:
    best = only(LINEAR.decode("orderbook.1", book("snapshot", 9, [], [["2", "1"]])))
    assert best == BestBidAsk(9, None, None, 2 * UNIT, UNIT, 7000)


@pytest.mark.parametrize(
    "frame",
    [book("delta", 9, [["1", "1"]], []), book("snapshot", 9, [["1", "1"], ["2", "1"]], [])],
)
def test_level_one_is_one_level_and_a_snapshot(frame: bytes) -> None:
    with pytest.raises(FrameError):
        LINEAR.decode("orderbook.1", frame)


def test_a_trade_has_the_takers_side() -> None:
    assert only(LINEAR.decode("publicTrade", TRADE)) == Trade(
        "20f43950-d8dd-5b31-9112-a178eb6023af",
        16578_500000000000000000,
        UNIT // 1000,
        "BUY",
        1672304486865000,
    )


def test_a_match_of_more_than_1024_trades_comes_in_two_frames_of_one_seq() -> None:
    def part(first: int, count: int) -> bytes:
        data = [
            {"T": 5, "s": "BTCUSDT", "S": "Sell", "v": "1", "p": "2", "i": str(first + n), "seq": 77}
            for n in range(count)
        ]
        return json.dumps(
            {"topic": "publicTrade.BTCUSDT", "ts": 6, "type": "snapshot", "data": data}
        ).encode()

    trades = [*SPOT.decode("publicTrade", part(0, 1024)), *SPOT.decode("publicTrade", part(1024, 200))]
    assert [trade.trade_id for trade in trades if isinstance(trade, Trade)] == [str(n) for n in range(1224)]
    assert {trade.side for trade in trades if isinstance(trade, Trade)} == {"SELL"}


def test_block_and_retail_trades_are_trades() -> None:
    for mark in (b'"BT":false', b'"RPI":false'):
        assert len(LINEAR.decode("publicTrade", TRADE.replace(mark, mark.replace(b"false", b"true")))) == 1


def test_a_ticker_delta_of_few_fields_says_only_those() -> None:
    assert only(LINEAR.decode("tickers", TICKER_DELTA)) == Derivative(
        1790134712383000, mark_price=86716_300000000000000000, index_price=86756_700000000000000000
    )


def test_a_ticker_delta_that_says_nothing_of_ours_is_no_message() -> None:
    assert LINEAR.decode("tickers", ticker("delta", {"symbol": "BTCUSD", "bid1Price": "1"})) == ()


def test_a_last_price_alone_is_a_ticker() -> None:
    assert only(LINEAR.decode("tickers", ticker("delta", {"lastPrice": "1.5"}))) == Ticker(
        UNIT * 3 // 2, 1673272861686000
    )


def test_a_linear_ticker_brings_the_last_day_and_the_derivative() -> None:
    last_day, derivative = LINEAR.decode("tickers", ticker("snapshot", TICKER))
    assert isinstance(last_day, Ticker)
    assert isinstance(derivative, Derivative)
    assert (last_day.open_price, last_day.high_price, last_day.low_price) == (
        16900_500000000000000000,
        17281_500000000000000000,
        16891 * UNIT,
    )
    assert (last_day.volume, last_day.quote_volume) == (157403000 * UNIT, 9157_401290000000000000)
    assert derivative == Derivative(
        1673272861686000,
        mark_price=17217_330000000000000000,
        index_price=17227_360000000000000000,
        funding_rate=-212 * UNIT // 10**6,
        next_funding_time_micros=1673280000000000,
        open_interest=68744761 * UNIT,
    )


def test_an_inverse_ticker_counts_coins_in_turnover_and_in_the_value_of_open_interest() -> None:
    last_day, derivative = INVERSE.decode("tickers", ticker("snapshot", TICKER))
    assert isinstance(last_day, Ticker)
    assert isinstance(derivative, Derivative)
    assert (last_day.volume, last_day.quote_volume) == (9157_401290000000000000, 157403000 * UNIT)
    assert derivative.open_interest == 3992_910000000000000000


def test_an_inverse_delta_with_open_interest_in_usd_alone_says_nothing() -> None:
    assert INVERSE.decode("tickers", ticker("delta", {"openInterest": "68744761"})) == ()


def test_a_dated_contract_has_no_funding() -> None:
    data = {**TICKER, "fundingRate": "", "nextFundingTime": ""}
    for texts in (data, {**data, "nextFundingTime": "0"}):
        derivative = LINEAR.decode("tickers", ticker("snapshot", texts))[1]
        assert isinstance(derivative, Derivative)
        assert (derivative.funding_rate, derivative.next_funding_time_micros) == (None, None)


def test_a_spot_ticker_is_no_derivative() -> None:
    data = {"symbol": "BTCUSDT", "lastPrice": "2", "volume24h": "3", "turnover24h": "6", "usdIndexPrice": "2"}
    assert only(SPOT.decode("tickers", ticker("snapshot", data))) == Ticker(
        2 * UNIT, 1673272861686000, volume=3 * UNIT, quote_volume=6 * UNIT
    )
    assert len(SPOT.decode("tickers", ticker("snapshot", TICKER))) == 1


def test_a_bar() -> None:
    bar = only(LINEAR.decode("kline.5", KLINE))
    assert bar == Kline(
        "5m",
        1672324800000000,
        16649_500000000000000000,
        16677 * UNIT,
        16608 * UNIT,
        16677 * UNIT,
        2_081000000000000000,
        1672324988882000,
        quote_volume=34666_400500000000000000,
        closed=False,
    )


def test_an_inverse_bar_counts_coins_in_turnover() -> None:
    bar = only(INVERSE.decode("kline.5", KLINE))
    assert isinstance(bar, Kline)
    assert bar.volume is not None
    assert bar.quote_volume is not None
    assert (plain_text(bar.volume), plain_text(bar.quote_volume)) == ("34666.4005", "2.081")


def test_a_bar_says_when_it_is_closed_and_its_interval_in_our_words() -> None:
    bar = only(LINEAR.decode("kline.D", KLINE.replace(b'"5"', b'"D"').replace(b"false", b"true")))
    assert isinstance(bar, Kline)
    assert (bar.interval, bar.closed) == ("1d", True)


@pytest.mark.parametrize(("position", "order"), [("Buy", "SELL"), ("Sell", "BUY")])
def test_a_liquidation_is_the_order_that_closes_the_position(position: str, order: str) -> None:
    data = [{"T": 1739502302929, "s": "ROSEUSDT", "S": position, "v": "20000", "p": "0.04499"}]
    frame = json.dumps(
        {"topic": "allLiquidation.ROSEUSDT", "type": "snapshot", "ts": 1739502303204, "data": data}
    ).encode()
    liquidation = only(LINEAR.decode("allLiquidation", frame))
    assert isinstance(liquidation, Liquidation)
    assert liquidation == Liquidation(4499 * UNIT // 10**5, 20000 * UNIT, liquidation.side, 1739502302929000)
    assert liquidation.side == order


def test_other_channels_say_nothing() -> None:
    assert SPOT.decode("allLiquidation", b"{}") == ()
    assert LINEAR.decode("insurance", b"{}") == ()


@pytest.mark.parametrize(
    "channel", ["orderbook.1", "orderbook.1000", "publicTrade", "tickers", "kline.1", "allLiquidation"]
)
@pytest.mark.parametrize("bad", [b"", b"not json", b"\xff\xfe", b"{}", b"[]", b"null", b'{"ts":1,"data":7}'])
def test_what_is_no_frame_is_a_frame_error(channel: str, bad: bytes) -> None:
    with pytest.raises(FrameError):
        LINEAR.decode(channel, bad)


@pytest.mark.parametrize(
    ("channel", "bad"),
    [
        ("orderbook.1000", book("update", 9, [], [])),
        ("orderbook.1000", book("delta", 9, [["x", "1"]], [])),
        ("orderbook.1000", book("delta", 9, [["1"]], [])),
        ("orderbook.1000", book("delta", 9, [["-1", "1"]], [])),
        ("orderbook.1000", book("delta", 9, [["NaN", "1"]], [])),
        ("orderbook.1000", DELTA.replace(b"29443257", b'"29443257"')),
        ("publicTrade", TRADE.replace(b"Buy", b"buy")),
        ("publicTrade", TRADE.replace(b'"0.001"', b'""')),
        ("tickers", ticker("delta", {"lastPrice": "x"})),
        ("tickers", ticker("delta", {"nextFundingTime": "soon"})),
        ("tickers", ticker("delta", {"lastPrice": 1.5})),
        ("kline.5", KLINE.replace(b'"16677"', b'"-16677"')),
    ],
)
def test_wrong_values_are_frame_errors(channel: str, bad: bytes) -> None:
    with pytest.raises(FrameError):
        LINEAR.decode(channel, bad)
