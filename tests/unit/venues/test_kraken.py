"""Kraken frames in, messages out; plans, answers and metadata as documented or seen (protocol page, section 7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bookmill.errors import FrameError
from venues.interface import Control, Route, StreamOptions
from venues.kraken import KrakenSpot
from venues.messages import BestBidAsk, BookDiff, BookImage, Checksum, Instrument, Kline, Ticker, Trade

UNIT = 10**18
KRAKEN = KrakenSpot()

SNAPSHOT = (
    b'{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[{"price":83744.2,"qty":0.56251979},'
    b'{"price":83743.4,"qty":0.10052207}],"asks":[{"price":83744.3,"qty":0.06223911},{"price":83745.5,"qty":0.17911426}],'
    b'"checksum":3832923880,"timestamp":"2026-09-25T17:48:24.799230Z"}]}'
)
UPDATE = (
    b'{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[{"price":83743.4,"qty":0.85713986}],"asks":[],'
    b'"checksum":977902900,"timestamp":"2026-09-25T17:48:24.880679Z"}]}'
)
TRADE = (
    b'{"channel":"trade","type":"update","data":[{"symbol":"BTC/USD","side":"buy","price":83744.3,"qty":0.00044780,'
    b'"ord_type":"limit","trade_id":109116693,"timestamp":"2026-09-25T17:48:26.844359Z"}]}'
)
TICKER = (
    b'{"channel":"ticker","type":"update","data":[{"symbol":"BTC/USD","bid":83744.2,"bid_qty":0.56251979,"ask":83744.3,'
    b'"ask_qty":0.00044780,"last":83744.3,"volume":3156.84782110,"vwap":84174.6,"low":83163.6,"high":85247.4,"change":-429.3,'
    b'"change_pct":-0.51,"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"}]}'
)
OHLC = (
    b'{"channel":"ohlc","type":"update","timestamp":"2026-09-25T17:48:26.844999123Z","data":[{"symbol":"BTC/USD",'
    b'"open":83729.5,"high":83745.2,"low":83729.4,"close":83744.3,"trades":33,"volume":0.21155628,"vwap":83736.4,'
    b'"interval_begin":"2026-09-25T17:48:00.000000000Z","interval":1,"timestamp":"2026-09-25T17:49:00.000000Z"}]}'
)
HEARTBEAT = b'{"channel":"heartbeat"}'
STATUS = (
    b'{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2",'
    b'"connection_id":18125794168470749634,"upcoming_maintenance":[],"emergency":[]}]}'
)
ACK = (
    b'{"method":"subscribe","req_id":1,"result":{"channel":"book","depth":10,"snapshot":true,"symbol":"ALGO/USD"},'
    b'"success":true,"time_in":"2023-10-06T17:35:55.219022Z","time_out":"2023-10-06T17:35:55.219067Z"}'
)
PONG = b'{"method":"pong","req_id":101,"time_in":"2023-09-25T09:05:00.123456Z","time_out":"2023-09-25T09:05:00.123500Z"}'


def micros(second: int, fraction: int) -> int:
    """Of 2026-09-25T17:48."""
    return (1_790_358_480 + second) * 1_000_000 + fraction


# Market data.


def test_a_snapshot_is_an_image_that_came_in_the_stream() -> None:
    [image] = KRAKEN.decode("book.10", SNAPSHOT)
    time = micros(24, 799_230)
    assert image == BookImage(
        time,
        [(837_442 * UNIT // 10, 56_251_979 * 10**10), (837_434 * UNIT // 10, 10_052_207 * 10**10)],
        [(837_443 * UNIT // 10, 6_223_911 * 10**10), (837_455 * UNIT // 10, 17_911_426 * 10**10)],
        time,
        in_band=True,
        depth=10,
        checksum=Checksum(3832923880, 1, 8),
    )


def test_the_recorded_snapshots_of_2023_have_no_time() -> None:
    [image] = KRAKEN.decode("book.25", SNAPSHOT.replace(b',"timestamp":"2026-09-25T17:48:24.799230Z"', b""))
    assert isinstance(image, BookImage)
    assert (image.last_id, image.exchange_time_micros, image.depth) == (0, None, 25)


def test_an_update_is_a_diff_with_its_time_for_an_id() -> None:
    [diff] = KRAKEN.decode("book.1000", UPDATE)
    time = micros(24, 880_679)
    assert diff == BookDiff(
        time,
        time,
        None,
        [(837_434 * UNIT // 10, 85_713_986 * 10**10)],
        [],
        time,
        1000,
        Checksum(977902900, 1, 8),
    )


def test_entries_of_an_update_stay_in_order() -> None:
    [diff] = KRAKEN.decode(
        "book.10",
        UPDATE.replace(
            b'{"price":83743.4,"qty":0.85713986}',
            b'{"price":2.0,"qty":1.00000000},{"price":3.0,"qty":0.00000000},{"price":2.0,"qty":0.0}',
        ),
    )
    assert isinstance(diff, BookDiff)
    assert diff.bids == [(2 * UNIT, UNIT), (3 * UNIT, 0), (2 * UNIT, 0)]


@pytest.mark.parametrize(
    ("written", "scaled"),
    [
        ("1e-05", 10**13),
        ("1E-8", 10**10),
        ("1.5e-05", 15 * 10**12),
        ("5", 5 * UNIT),
        ("5.0", 5 * UNIT),
        ("123456789.12345678", 12_345_678_912_345_678 * 10**10),
        ("886110000000.00", 886_110_000_000 * UNIT),
        ("0.00000000", 0),
        ("0.0", 0),
        ("0", 0),
    ],
)
def test_numbers_are_read_from_their_text(written: str, scaled: int) -> None:
    [diff] = KRAKEN.decode("book.10", UPDATE.replace(b"0.85713986", written.encode()))
    assert isinstance(diff, BookDiff)
    assert diff.bids == [(837_434 * UNIT // 10, scaled)]


def test_a_trade_has_the_takers_side() -> None:
    [trade] = KRAKEN.decode("trade", TRADE)
    assert trade == Trade(
        "109116693", 837_443 * UNIT // 10, 44_780 * 10**10, "BUY", micros(26, 844_359), sequence=109116693
    )
    [trade] = KRAKEN.decode("trade", TRADE.replace(b'"buy"', b'"sell"'))
    assert isinstance(trade, Trade)
    assert trade.side == "SELL"


def test_a_frame_may_bring_many_trades_of_one_instrument() -> None:
    one = json.loads(TRADE)["data"][0]
    frame = json.dumps({"channel": "trade", "type": "snapshot", "data": [one, {**one, "trade_id": 2}]})
    trades = KRAKEN.decode("trade", frame.encode())
    assert [trade.trade_id for trade in trades if isinstance(trade, Trade)] == ["109116693", "2"]
    other = json.dumps({"channel": "trade", "data": [one, {**one, "symbol": "ETH/USD"}]})
    with pytest.raises(FrameError, match="several instruments"):
        KRAKEN.decode("trade", other.encode())


def test_a_ticker_is_best_prices_and_the_last_day() -> None:
    best, day = KRAKEN.decode("ticker", TICKER)
    time = micros(26, 844_359)
    assert best == BestBidAsk(
        time,
        837_442 * UNIT // 10,
        56_251_979 * 10**10,
        837_443 * UNIT // 10,
        44_780 * 10**10,
        time,
    )
    assert day == Ticker(
        837_443 * UNIT // 10,
        time,
        high_price=852_474 * UNIT // 10,
        low_price=831_636 * UNIT // 10,
        volume=315_684_782_110 * 10**10,
        trades=135_262,
    )


def test_the_first_frames_of_a_ticker_have_no_time_and_no_count() -> None:
    frame = TICKER.replace(b',"trades":135262,"timestamp":"2026-09-25T17:48:26.844359Z"', b"")
    best, day = KRAKEN.decode("ticker", frame)
    assert isinstance(best, BestBidAsk)
    assert isinstance(day, Ticker)
    assert (best.update_id, best.exchange_time_micros, day.exchange_time_micros, day.trades) == (
        0,
        None,
        None,
        None,
    )


@pytest.mark.parametrize("nothing", [b"null", b"0.0", b"0"])
def test_a_side_without_orders_is_none(nothing: bytes) -> None:
    frame = TICKER.replace(
        b'"bid":83744.2,"bid_qty":0.56251979', b'"bid":%b,"bid_qty":%b' % (nothing, nothing)
    )
    best, _ = KRAKEN.decode("ticker", frame)
    assert isinstance(best, BestBidAsk)
    assert (best.bid_price, best.bid_quantity, best.ask_price) == (None, None, 837_443 * UNIT // 10)


@pytest.mark.parametrize("nothing", [b"null", b"0.0"])
def test_a_pair_that_never_traded_has_best_prices_only(nothing: bytes) -> None:
    [best] = KRAKEN.decode("ticker", TICKER.replace(b'"last":83744.3', b'"last":%b' % nothing))
    assert isinstance(best, BestBidAsk)


def test_a_bar_does_not_say_whether_it_is_closed() -> None:
    [bar] = KRAKEN.decode("ohlc.1", OHLC)
    assert bar == Kline(
        "1m",
        micros(0, 0),
        837_295 * UNIT // 10,
        837_452 * UNIT // 10,
        837_294 * UNIT // 10,
        837_443 * UNIT // 10,
        21_155_628 * 10**10,
        micros(26, 844_999),
        trades=33,
    )
    assert bar.closed is None


@pytest.mark.parametrize(
    ("minutes", "interval"),
    [(5, "5m"), (60, "1h"), (240, "4h"), (1440, "1d"), (10_080, "1w"), (21_600, "15d")],
)
def test_intervals_of_bars(minutes: int, interval: str) -> None:
    [bar] = KRAKEN.decode(f"ohlc.{minutes}", OHLC.replace(b'"interval":1,', b'"interval":%d,' % minutes))
    assert isinstance(bar, Kline)
    assert bar.interval == interval


def test_frames_of_other_channels_say_nothing() -> None:
    for channel in ("book", "book.", "book.ten", "level3", "instrument", "trades"):
        assert KRAKEN.decode(channel, UPDATE) == ()


@pytest.mark.parametrize(
    ("channel", "bad"),
    [
        ("book.10", b""),
        ("book.10", b"not json"),
        ("book.10", b"\xff\xfe"),
        ("book.10", b"{}"),
        ("book.10", b"[]"),
        ("book.10", SNAPSHOT[: len(SNAPSHOT) * 2 // 3] + b"}"),
        ("book.10", UPDATE.replace(b"update", b"delta")),
        ("book.10", UPDATE.replace(b',"timestamp":"2026-09-25T17:48:24.880679Z"', b"")),
        ("book.10", UPDATE.replace(b"2026-09-25T17:48:24.880679Z", b"yesterday")),
        ("book.10", UPDATE.replace(b',"checksum":977902900', b"")),
        ("book.10", UPDATE.replace(b"977902900", b'"977902900"')),
        ("book.10", UPDATE.replace(b"83743.4", b"-83743.4")),
        ("book.10", UPDATE.replace(b"83743.4", b'"83743.4"')),
        ("book.10", UPDATE.replace(b"83743.4", b"null")),
        ("book.10", UPDATE.replace(b"83743.4", b"{}")),
        ("book.10", UPDATE.replace(b"83743.4", "\u0663".encode())),
        ("book.10", UPDATE.replace(b"0.85713986", b"0.1234567890123456789")),
        ("trade", TRADE.replace(b'"buy"', b'"b"')),
        ("trade", TRADE.replace(b"109116693", b'"109116693"')),
        ("ticker", TICKER.replace(b'"bid":83744.2,', b"")),
        ("ticker", TICKER.replace(b"83744.2", b"true")),
        ("ohlc.1", OHLC.replace(b'"interval_begin":', b'"interval_end":')),
    ],
)
def test_what_cannot_be_read_is_a_frame_error(channel: str, bad: bytes) -> None:
    with pytest.raises(FrameError):
        KRAKEN.decode(channel, bad)


# Where frames belong, and what they say that are no data.


@pytest.mark.parametrize(
    ("frame", "route"),
    [
        (SNAPSHOT, Route("book.1000", "BTC/USD")),
        (UPDATE, Route("book.1000", "BTC/USD")),
        (TRADE, Route("trade", "BTC/USD")),
        (TICKER, Route("ticker", "BTC/USD")),
        (OHLC, Route("ohlc.1", "BTC/USD")),
        (OHLC.replace(b'"interval":1,', b'"interval":60,'), Route("ohlc.60", "BTC/USD")),
        (UPDATE.replace(b"BTC/USD", b"BTC\\/USD"), Route("book.1000", "BTC/USD")),
        (json.dumps(json.loads(UPDATE)).encode(), Route("book.1000", "BTC/USD")),
        (json.dumps(dict(reversed(json.loads(TRADE).items()))).encode(), Route("trade", "BTC/USD")),
        (HEARTBEAT, None),
        (STATUS, None),
        (ACK, None),
        (PONG, None),
        (b'{"channel":"trade","type":"update","data":[]}', None),
        (b'{"channel":"level3","type":"update","data":[{"symbol":"BTC/USD"}]}', None),
        (b"", None),
        (b"nothing", None),
        (b"\xff", None),
    ],
)
def test_a_frame_is_routed_the_same_each_time(frame: bytes, route: Route | None) -> None:
    for _ in range(3):
        assert KRAKEN.route(frame) == route


@pytest.mark.parametrize(("frame", "channel"), [(UPDATE, "book.1000"), (TRADE, "trade"), (TICKER, "ticker")])
def test_a_torn_frame_is_its_streams_also_where_it_is_the_first(frame: bytes, channel: str) -> None:
    # Only its stream can be told that one is missing: no number shows it.
    named = frame.index(b'"symbol":"BTC/USD"') + len(b'"symbol":"BTC/USD"')
    for end in range(named, len(frame)):
        assert KrakenSpot().route(frame[:end]) == Route(channel, "BTC/USD")
    assert KrakenSpot().route(frame[: named - 1]) is None


def test_routes_of_many_instruments_do_not_mix() -> None:
    venue = KrakenSpot()
    for _ in range(2):
        for number in range(50):
            symbol = b"A%d/USD" % number
            for channel, frame in (
                ("book.1000", UPDATE),
                ("trade", TRADE),
                ("ticker", TICKER),
                ("ohlc.1", OHLC),
            ):
                assert venue.route(frame.replace(b"BTC/USD", symbol)) == Route(channel, symbol.decode())


REJECTED = (
    b'{"error":"Currency pair not supported XBT/USD","method":"subscribe","success":false,"symbol":"XBT/USD",'
    b'"time_in":"2026-09-25T17:48:54.701041Z","time_out":"2026-09-25T17:48:54.701062Z"}'
)


def rejected(request_id: int) -> bytes:
    return REJECTED.replace(b'"success"', b'"req_id":%d,"success"' % request_id)


@pytest.mark.parametrize(
    ("frame", "control"),
    [
        (STATUS, Control("alive")),
        (STATUS.replace(b"online", b"maintenance"), Control("alive", "Kraken's system is maintenance.")),
        (HEARTBEAT, Control("alive")),
        (b'{"channel":"trade","type":"snapshot","data":[]}', Control("alive")),
        (PONG, Control("alive")),
        (ACK, Control("ack")),
        (ACK.replace(b"subscribe", b"unsubscribe"), Control("ack")),
        (
            ACK.replace(b'"snapshot":true', b'"snapshot":true,"warnings":["timestamp is deprecated"]'),
            Control("ack"),
        ),
        (
            rejected(1),
            Control("error", "Currency pair not supported XBT/USD", refused=(Route("book.1000", "XBT/USD"),)),
        ),
        (
            rejected(3),
            Control("error", "Currency pair not supported XBT/USD", refused=(Route("trade", "XBT/USD"),)),
        ),
        (
            rejected(1060),
            Control("error", "Currency pair not supported XBT/USD", refused=(Route("ohlc.60", "XBT/USD"),)),
        ),
        (
            b'{"error":"Already subscribed","method":"subscribe","req_id":2,"success":false,"symbol":"BTC/USD",'
            b'"time_in":"2025-12-20T07:39:28.809188Z","time_out":"2025-12-20T07:39:28.809200Z"}',
            Control("error", "Already subscribed (BTC/USD)"),
        ),
        (
            b'{"error":"Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",'
            b'"method":"subscribe","success":false,"time_in":"","time_out":""}',
            Control(
                "error", "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com"
            ),
        ),
        (b'{"error":"Exceeded msg rate"}', Control("error", "Exceeded msg rate")),
        (b'{"Error":"Exceeded msg rate"}', Control("error", "Exceeded msg rate")),
        (b'{"method":"subscribe","success":false}', Control("error", "no reason given")),
    ],
)
def test_frames_without_market_data_say_what_they_are(frame: bytes, control: Control) -> None:
    assert KRAKEN.control(frame) == control


def test_a_refusal_that_names_no_request_refuses_all_of_the_instrument() -> None:
    refused = KRAKEN.control(REJECTED).refused
    assert {Route(channel, "XBT/USD") for channel in ("book.1000", "ticker", "trade", "ohlc.1")} < set(
        refused
    )


@pytest.mark.parametrize("frame", [b"", b"{}", b"[]", b"pong", b"\xff", b'{"channel":"instrument"}', UPDATE])
def test_anything_else_is_unknown(frame: bytes) -> None:
    assert KRAKEN.control(frame).kind == "unknown"


# What is asked for.


def requests(channels: Any, **options: Any) -> list[dict[str, Any]]:
    [plan] = KRAKEN.plan(["BTC/USD", "ETH/USD"], StreamOptions(channels, **options))
    assert plan.path == "/v2"
    return [json.loads(text) for text in plan.requests]


def test_one_request_for_each_channel_of_many_instruments() -> None:
    symbols = ["BTC/USD", "ETH/USD"]
    book, ticker, trade = requests(("book", "best", "trades"))
    assert book == {
        "method": "subscribe",
        "params": {"channel": "book", "depth": 1000, "snapshot": True, "symbol": symbols},
        "req_id": 1,
    }
    assert ticker["params"] == {
        "channel": "ticker",
        "event_trigger": "bbo",
        "snapshot": True,
        "symbol": symbols,
    }
    assert trade["params"] == {"channel": "trade", "snapshot": False, "symbol": symbols}


@pytest.mark.parametrize(
    ("channels", "trigger"), [(("best",), "bbo"), (("ticker", "best"), "bbo"), (("ticker",), "trades")]
)
def test_one_ticker_serves_best_prices_and_the_last_day(channels: Any, trigger: str) -> None:
    [ticker] = requests(channels)
    assert ticker["params"]["event_trigger"] == trigger


def test_bars_of_the_intervals_there_are() -> None:
    asked = requests(("klines",), kline_intervals=("1m", "3m", "1h", "1m"))
    assert [one["params"]["interval"] for one in asked] == [1, 60]


def test_channels_it_does_not_have_are_passed_over() -> None:
    assert KRAKEN.plan(["BTC/USD"], StreamOptions(("derivatives", "liquidations"))) == []


def test_many_instruments_are_spread_and_none_is_lost() -> None:
    symbols = [f"S{number}/USD" for number in range(700)]
    plans = KRAKEN.plan(
        symbols, StreamOptions(("book", "best", "trades", "klines"), kline_intervals=("1m", "1h"))
    )
    asked: list[Route] = []
    for plan in plans:
        assert plan.streams <= 400
        here: list[Route] = []
        for text in plan.requests:
            params = json.loads(text)["params"]
            assert len(params["symbol"]) <= 50
            channel = params["channel"] + {
                "book": f".{params.get('depth')}",
                "ohlc": f".{params.get('interval')}",
            }.get(params["channel"], "")
            here += (Route(channel, symbol) for symbol in params["symbol"])
        assert sorted(here) == sorted(plan.routes)
        asked += here
    assert len(asked) == len(set(asked)) == 700 * 5


def test_a_new_image_comes_with_a_new_subscription() -> None:
    unsubscribe, subscribe = map(json.loads, KRAKEN.resubscribe("BTC/USD"))
    assert (unsubscribe["method"], subscribe["method"]) == ("unsubscribe", "subscribe")
    assert unsubscribe["params"] == subscribe["params"]
    assert subscribe["params"] == {"channel": "book", "depth": 1000, "snapshot": True, "symbol": ["BTC/USD"]}
    assert KRAKEN.snapshot_request("BTC/USD", 10) is None


def test_the_depth_is_one_constant() -> None:
    class Shallow(KrakenSpot):
        depth = 25

    venue = Shallow()
    [plan] = venue.plan(["BTC/USD"], StreamOptions(("book",)))
    assert (json.loads(plan.requests[0])["params"]["depth"], plan.routes) == (
        25,
        (Route("book.25", "BTC/USD"),),
    )
    assert venue.route(UPDATE) == Route("book.25", "BTC/USD")
    assert venue.control(rejected(1)).refused == (Route("book.25", "XBT/USD"),)


def test_it_is_kept_alive_by_a_ping_of_its_own() -> None:
    assert KRAKEN.keep_alive.every_s < 60
    assert json.loads(KRAKEN.keep_alive.text) == {"method": "ping"}


# Instruments.


def pairs(*, error: tuple[str, ...] = (), **fields: Any) -> bytes:
    pair = {
        "altname": "XBTUSD",
        "wsname": "XBT/USD",
        "aclass_base": "currency",
        "base": "XXBT",
        "aclass_quote": "currency",
        "quote": "ZUSD",
        "cost_decimals": 5,
        "pair_decimals": 1,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "fees": [[0, 0.4], [10000, 0.35]],
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": "0.1",
        "status": "online",
    }
    return json.dumps({"error": error, "result": {} if error else {"XXBTZUSD": pair | fields}}).encode()


def test_names_of_version_1_become_those_of_version_2() -> None:
    assert KRAKEN.parse_instruments(pairs()) == [
        Instrument("BTC/USD", "BTC-USD", "BTC", "USD", UNIT // 10, 10**10, trading=True, status="online")
    ]


@pytest.mark.parametrize(
    ("wsname", "wire_symbol"),
    [
        ("XBT/USD", "BTC/USD"),
        ("XDG/XBT", "DOGE/BTC"),
        ("ETH/XBT", "ETH/BTC"),
        ("XDG/USD", "DOGE/USD"),
        ("XBTX/USD", "XBTX/USD"),
        ("AAPLx/USD", "AAPLx/USD"),
    ],
)
def test_both_sides_of_a_name_are_renamed(wsname: str, wire_symbol: str) -> None:
    [instrument] = KRAKEN.parse_instruments(pairs(wsname=wsname))
    assert (instrument.wire_symbol, instrument.symbol) == (wire_symbol, wire_symbol.replace("/", "-"))
    assert f"{instrument.base}/{instrument.quote}" == wire_symbol


@pytest.mark.parametrize("status", ["cancel_only", "post_only", "limit_only", "reduce_only", "maintenance"])
def test_only_what_is_online_is_traded(status: str) -> None:
    [instrument] = KRAKEN.parse_instruments(pairs(status=status))
    assert (instrument.trading, instrument.status) == (False, status)


def test_steps_of_prices_and_quantities() -> None:
    [instrument] = KRAKEN.parse_instruments(pairs(tick_size=None, pair_decimals=5, lot_decimals=0))
    assert (instrument.tick, instrument.lot) == (UNIT // 100_000, UNIT)
    [instrument] = KRAKEN.parse_instruments(pairs(tick_size="0.25"))
    assert instrument.tick == UNIT // 4


def test_pairs_without_a_stream_are_no_instruments() -> None:
    assert KRAKEN.parse_instruments(pairs(wsname="")) == []
    assert KRAKEN.parse_instruments(b'{"error":[],"result":{"X":{"pair_decimals":1,"lot_decimals":8}}}') == []


def test_errors_come_with_status_200_and_are_named() -> None:
    with pytest.raises(FrameError, match="EAPI:Rate limit exceeded"):
        KRAKEN.parse_instruments(pairs(error=("EAPI:Rate limit exceeded",)))


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"<html>", b"\xff", pairs(pair_decimals="one"), pairs(pair_decimals=19, tick_size=None)],
)
def test_what_is_no_metadata_is_a_frame_error(body: bytes) -> None:
    with pytest.raises(FrameError):
        KRAKEN.parse_instruments(body)


def test_what_is_asked_of_rest() -> None:
    request = KRAKEN.instruments_request()
    assert (request.path, request.params, request.weight) == ("/0/public/AssetPairs", {}, 1)
    assert KRAKEN.used_weight({"x-anything": "1"}) is None
    assert KRAKEN.sequence(UPDATE) is None
