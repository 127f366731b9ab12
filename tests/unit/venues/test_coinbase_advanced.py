"""Coinbase Advanced Trade frames in, messages out; plans as documented. Frames are the protocol page's (8.2) or shaped so."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from bookmill.errors import FrameError
from streams.synchronizer import Phase, Synchronizer
from venues.coinbase import CoinbaseAdvanced
from venues.interface import Route, StreamOptions, Venue
from venues.messages import BestBidAsk, BookDiff, BookImage, Kline, Ticker, Trade

UNIT = 10**18
VENUE = CoinbaseAdvanced()
TIME = "2026-04-07T14:30:00.123456Z"
MICROS = 1_775_572_200_123_456


def frame(channel: str, events: list[dict[str, Any]], number: int = 0, **fields: Any) -> bytes:
    head = {"channel": channel, "client_id": "", "timestamp": TIME, "sequence_num": number}
    return json.dumps({**head, "events": events, **fields}, separators=(",", ":")).encode()


def level(side: str, price: str, quantity: str) -> dict[str, str]:
    return {"side": side, "event_time": TIME, "price_level": price, "new_quantity": quantity}


def levels(kind: str, *updates: dict[str, str], product: str = "BTC-USD") -> dict[str, Any]:
    return {"type": kind, "product_id": product, "updates": list(updates)}


def trade(number: int, side: str = "BUY", product: str = "BTC-USD", **fields: Any) -> dict[str, Any]:
    return {
        "trade_id": str(number),
        "product_id": product,
        "price": "68900.50",
        "size": "0.00150000",
        "side": side,
        "time": "2026-04-07T14:30:02.789012Z",
        **fields,
    }


TICKER = {
    "type": "ticker",
    "product_id": "BTC-USD",
    "price": "64281.7",
    "volume_24_h": "3974.98800786",
    "low_24_h": "63454",
    "high_24_h": "64727.27",
    "low_52_w": "59073.01",
    "high_52_w": "126296",
    "price_percent_chg_24_h": "1.21471769193719",
    "best_bid": "64281.7",
    "best_ask": "64281.71",
    "best_bid_quantity": "0.21558849",
    "best_ask_quantity": "0.02287045",
}
CANDLE = {
    "start": "1688998200",
    "high": "1867.72",
    "low": "1865.63",
    "open": "1867.38",
    "close": "1866.81",
    "volume": "0.20269406",
    "product_id": "ETH-USD",
}
SNAPSHOT = levels(
    "snapshot", level("bid", "68900.00", "1.50000000"), level("offer", "68901.00", "0.50000000")
)
UPDATE = levels("update", level("offer", "68901.00", "0.00000000"))
SUBSCRIPTIONS = frame(
    "subscriptions",
    [{"subscriptions": {"level2": ["BTC-USD"], "market_trades": ["BTC-USD", "ETH-USD"]}}],
)
HEARTBEATS = frame(
    "heartbeats", [{"current_time": "2026-04-07 14:30:10.000000000+00:00", "heartbeat_counter": 42}], 8
)


def test_it_is_a_venue() -> None:
    venue: Venue = VENUE
    assert (venue.exchange, venue.market, venue.limits.session_s) == ("coinbase-advanced", "spot", math.inf)
    assert venue.keep_alive is None


@pytest.mark.parametrize(
    ("channel", "event"),
    [
        ("l2_data", SNAPSHOT),
        ("l2_data", UPDATE),
        ("market_trades", {"type": "update", "trades": [trade(1)]}),
        ("ticker", {"type": "snapshot", "tickers": [TICKER]}),
        ("candles", {"type": "snapshot", "candles": [{**CANDLE, "product_id": "BTC-USD"}]}),
    ],
)
def test_frames_are_routed_in_any_spelling(channel: str, event: dict[str, Any]) -> None:
    usual = frame(channel, [event])
    data = json.loads(usual)
    venue = CoinbaseAdvanced()
    for _ in range(2):  # learnt, then known
        assert venue.route(usual) == Route(channel, "BTC-USD")
        assert venue.route(json.dumps(data).encode()) == Route(channel, "BTC-USD")
        data.pop("client_id", None)  # real frames may lack it
        assert venue.route(json.dumps(data, separators=(",", ":")).encode()) == Route(channel, "BTC-USD")
        assert venue.route(json.dumps(dict(reversed(data.items()))).encode()) == Route(channel, "BTC-USD")


@pytest.mark.parametrize(
    "control",
    [
        SUBSCRIPTIONS,
        HEARTBEATS,
        b'{"type":"error","message":"authentication failure"}',
        frame("level2", [UPDATE]),  # the name it is asked for by never comes
        frame("status", [{"type": "snapshot", "products": [{"id": "BTC-USD"}]}]),
        frame("market_trades", [{"type": "snapshot", "trades": []}]),
        b"no JSON",
        b"",
    ],
)
def test_what_carries_no_market_data_has_no_route(control: bytes) -> None:
    assert VENUE.route(control) is None


def test_a_large_image_is_routed_and_counted_by_its_head_alone() -> None:
    updates = ",".join(
        f'{{"side":"bid","event_time":"1970-01-01T00:00:00Z","price_level":"{price}.00","new_quantity":"0.5"}}'
        for price in range(1, 45_001)
    )
    body = (
        f'{{"channel":"l2_data","timestamp":"{TIME}","sequence_num":3,"events":[{{"type":"snapshot",'
        f'"product_id":"BTC-USD","updates":[{updates}]}}]}}'
    ).encode()
    assert len(body) > 4_000_000
    torn = body[: len(body) // 2]  # no JSON any more: what reads it all would not find it
    assert VENUE.route(torn) == Route("l2_data", "BTC-USD")
    assert VENUE.sequence(torn) == 3
    [image] = VENUE.decode("l2_data", body)
    assert isinstance(image, BookImage)
    assert (len(image.bids), image.bids[-1]) == (45_000, (45_000 * UNIT, UNIT // 2))


def test_the_counter_is_one_of_all_channels() -> None:
    """The known-answer case of section 2.4: 7, 8 (heartbeats), 9 (l2_data), 11: a gap before the last one."""
    frames = [frame("l2_data", [SNAPSHOT], 7), HEARTBEATS, frame("l2_data", [UPDATE], 9)]
    lost = frame("market_trades", [{"type": "update", "trades": [trade(1)]}], 11)
    numbers = [VENUE.sequence(one) for one in (*frames, lost)]
    assert numbers == [7, 8, 9, 11]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b'{"sequence_num":0}', 0),
        (b'{"sequence_num": 12 ,"x":1}', 12),
        (b'{"sequence_num":18446744073709551615,"events":[]}', 2**64 - 1),
        (b'{"sequence_num":null,"events":[]}', None),
        (b'{"sequence_num":', None),
        (b'{"type":"error","message":"authentication failure"}', None),
    ],
)
def test_spellings_of_the_counter(text: bytes, number: int | None) -> None:
    assert VENUE.sequence(text) == number


def test_the_counter_can_be_left_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CoinbaseAdvanced, "counts_frames", False)
    assert CoinbaseAdvanced().sequence(HEARTBEATS) is None


def test_an_image_and_a_change_of_a_book() -> None:
    [image] = VENUE.decode("l2_data", frame("l2_data", [SNAPSHOT]))
    assert image == BookImage(
        MICROS, [(68900 * UNIT, 3 * UNIT // 2)], [(68901 * UNIT, UNIT // 2)], MICROS, in_band=True
    )
    [diff] = VENUE.decode("l2_data", frame("l2_data", [UPDATE]))
    assert diff == BookDiff(MICROS, MICROS, None, [], [(68901 * UNIT, 0)], MICROS)


@pytest.mark.parametrize("zero", ["0", "0.00000000", "0.000"])
def test_a_quantity_of_zero_removes_in_every_spelling(zero: str) -> None:
    [diff] = VENUE.decode("l2_data", frame("l2_data", [levels("update", level("bid", "1", zero))]))
    assert isinstance(diff, BookDiff)
    assert diff.bids == [(UNIT, 0)]


def test_several_events_of_a_frame_are_applied_in_order() -> None:
    second = levels("update", level("offer", "68900.50", "2"), level("bid", "68900.00", "0"))
    messages = VENUE.decode("l2_data", frame("l2_data", [SNAPSHOT, UPDATE, second]))
    assert [type(one) for one in messages] == [BookImage, BookDiff, BookDiff]
    one = Synchronizer(VENUE.continuity, pending_limit=10)
    image, *diffs = messages
    assert isinstance(image, BookImage)
    list(one.install(image))
    for diff in diffs:
        assert isinstance(diff, BookDiff)
        assert one.offer(diff)
    assert one.phase is Phase.LIVE
    assert one.book.top() == (None, None, 68_900_500 * UNIT // 1000, 2 * UNIT)


def test_trades_come_oldest_first_with_the_takers_side() -> None:
    event = {"type": "snapshot", "trades": [trade(1000, "SELL"), trade(999), trade(998, size="2")]}
    price, micros = 68_900_500 * UNIT // 1000, 1_775_572_202_789_012
    assert VENUE.decode("market_trades", frame("market_trades", [event])) == [
        Trade("998", price, 2 * UNIT, "SELL", micros, sequence=998),
        Trade("999", price, 15 * UNIT // 10_000, "SELL", micros, sequence=999),
        Trade("1000", price, 15 * UNIT // 10_000, "BUY", micros, sequence=1000),
    ]


def test_a_ticker_is_best_prices_and_the_last_day() -> None:
    assert VENUE.decode("ticker", frame("ticker", [{"type": "update", "tickers": [TICKER]}])) == [
        BestBidAsk(
            MICROS,
            642_817 * UNIT // 10,
            21558849 * UNIT // 10**8,
            6_428_171 * UNIT // 100,
            2287045 * UNIT // 10**8,
            MICROS,
        ),
        Ticker(
            642_817 * UNIT // 10,
            MICROS,
            high_price=6_472_727 * UNIT // 100,
            low_price=63454 * UNIT,
            volume=397498800786 * UNIT // 10**8,
        ),
    ]


def test_a_ticker_without_best_prices_or_trades_says_less() -> None:
    bare = {"product_id": "BTC-USD", "price": "5"}
    event = {"type": "update", "tickers": [bare]}
    assert VENUE.decode("ticker", frame("ticker", [event])) == [Ticker(5 * UNIT, MICROS)]
    event = {
        "type": "update",
        "tickers": [{"product_id": "BTC-USD", "best_bid": "1", "best_bid_quantity": "2"}],
    }
    assert VENUE.decode("ticker", frame("ticker", [event])) == [
        BestBidAsk(MICROS, UNIT, 2 * UNIT, None, None, MICROS)
    ]


def test_candles_are_five_minute_bars_oldest_first() -> None:
    event = {"type": "snapshot", "candles": [CANDLE, {**CANDLE, "start": "1688997900"}]}
    newer, older = 1_688_998_200_000_000, 1_688_997_900_000_000
    bars = VENUE.decode("candles", frame("candles", [event]))
    assert [bar.open_time_micros for bar in bars if isinstance(bar, Kline)] == [older, newer]
    assert bars[1] == Kline(
        "5m",
        newer,
        186_738 * UNIT // 100,
        186_772 * UNIT // 100,
        186_563 * UNIT // 100,
        186_681 * UNIT // 100,
        20269406 * UNIT // 10**8,
        MICROS,
    )


@pytest.mark.parametrize(
    ("channel", "events"),
    [
        ("l2_data", [UPDATE, levels("update", product="ETH-USD")]),
        ("market_trades", [{"type": "update", "trades": [trade(1), trade(2, product="ETH-USD")]}]),
        (
            "ticker",
            [{"tickers": [TICKER]}, {"tickers": [{**TICKER, "product_id": "ETH-USD"}]}],
        ),
        ("candles", [{"candles": [CANDLE, {**CANDLE, "product_id": "BTC-USD"}]}]),
    ],
)
def test_a_frame_of_several_products_is_refused(channel: str, events: list[dict[str, Any]]) -> None:
    body = frame(channel, events)
    first = "ETH-USD" if channel == "candles" else "BTC-USD"
    assert VENUE.route(body) == Route(channel, first)
    with pytest.raises(FrameError, match="several products: BTC-USD, ETH-USD"):
        VENUE.decode(channel, body)


@pytest.mark.parametrize(
    ("channel", "bad"),
    [
        ("l2_data", b"{}"),
        ("l2_data", frame("l2_data", [levels("update", level("ask", "1", "1"))])),
        ("l2_data", frame("l2_data", [levels("patch")])),
        ("l2_data", frame("l2_data", [levels("update", level("bid", "one", "1"))])),
        ("l2_data", frame("l2_data", [UPDATE], timestamp="now")),
        ("l2_data", frame("l2_data", [SNAPSHOT])[:-30]),
        ("market_trades", frame("market_trades", [{"trades": [trade(1, "UNKNOWN_ORDER_SIDE")]}])),
        ("market_trades", frame("market_trades", [{"trades": [trade(1, trade_id="first")]}])),
        ("ticker", frame("ticker", [{"tickers": [{**TICKER, "price": 1.5}]}])),
        ("candles", frame("candles", [{"candles": [{**CANDLE, "start": "then"}]}])),
    ],
)
def test_bad_frames_are_frame_errors(channel: str, bad: bytes) -> None:
    with pytest.raises(FrameError):
        VENUE.decode(channel, bad)


def test_frames_of_other_channels_say_nothing() -> None:
    assert VENUE.decode("status", b"{}") == ()


def test_control_frames() -> None:
    assert VENUE.control(SUBSCRIPTIONS).kind == "ack"
    assert VENUE.control(HEARTBEATS).kind == "alive"
    assert VENUE.control(frame("status", [])).kind == "unknown"
    assert VENUE.control(b"?").kind == "unknown"
    refused = VENUE.control(b'{"type":"error","message":"authentication failure"}')
    assert (refused.kind, refused.error) == ("error", "authentication failure")


@pytest.mark.parametrize("nothing", [[], None])
@pytest.mark.parametrize(("channel", "named"), [("market_trades", "trades"), ("candles", "candles")])
def test_a_product_nobody_trades_begins_with_nothing(channel: str, named: str, nothing: Any) -> None:
    empty = frame(channel, [{"type": "snapshot", named: nothing}])
    assert VENUE.route(empty) is None
    assert VENUE.control(empty).kind == "alive"
    assert VENUE.decode(channel, empty) == []


def test_one_message_a_channel_and_heartbeats_first() -> None:
    options = StreamOptions(("book", "best", "trades", "ticker", "klines"), kline_intervals=("1m", "5m"))
    [plan] = VENUE.plan(["BTC-USD", "ETH-USD"], options)
    assert plan.path == ""
    assert plan.requests == (
        '{"type":"subscribe","channel":"heartbeats"}',
        '{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"level2"}',
        '{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"ticker"}',
        '{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"market_trades"}',
        '{"type":"subscribe","product_ids":["BTC-USD","ETH-USD"],"channel":"candles"}',
    )
    assert set(plan.routes) == {
        Route(channel, product)
        for product in ("BTC-USD", "ETH-USD")
        for channel in ("l2_data", "ticker", "market_trades", "candles")
    }


def test_bars_of_other_lengths_are_not_offered() -> None:
    assert VENUE.plan(["BTC-USD"], StreamOptions(("klines",), kline_intervals=("1m", "1h"))) == []
    [plan] = VENUE.plan(["BTC-USD"], StreamOptions(("book", "klines")))
    assert plan.routes == (Route("l2_data", "BTC-USD"),)


def test_many_products_are_spread_and_the_first_message_is_in_time() -> None:
    products = [f"P{number}-USD" for number in range(120)]
    plans = VENUE.plan(products, StreamOptions())
    assert [len(plan.wire_symbols) for plan in plans] == [50, 50, 20]
    assert all(plan.streams <= VENUE.limits.streams_per_connection for plan in plans)
    assert 1 / VENUE.limits.requests_per_s < 5


def test_a_book_is_found_again_by_subscribing_anew() -> None:
    assert VENUE.resubscribe("BTC-USD") == [
        '{"type":"unsubscribe","product_ids":["BTC-USD"],"channel":"level2"}',
        '{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2"}',
    ]
    assert VENUE.snapshot_request("BTC-USD", 100) is None


def product(**fields: Any) -> dict[str, Any]:
    return {
        "product_id": "BTC-USD",
        "product_type": "SPOT",
        "base_currency_id": "BTC",
        "quote_currency_id": "USD",
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "price_increment": "0.01",
        "status": "online",
        "is_disabled": False,
        "trading_disabled": False,
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "auction_mode": False,
        "alias": "",
        "alias_to": ["BTC-USDC"],
        "product_venue": "CBE",
        "best_bid_price": "",
        **fields,
    }


def instruments(*products: dict[str, Any]) -> bytes:
    return json.dumps({"products": list(products), "num_products": len(products)}).encode()


def test_instruments_are_named_by_the_exchanges_own_currencies() -> None:
    request = VENUE.instruments_request()
    assert request.path == "/api/v3/brokerage/market/products"
    [btc] = VENUE.parse_instruments(instruments(product()))
    assert (btc.wire_symbol, btc.symbol, btc.base, btc.quote) == ("BTC-USD", "BTC-USD", "BTC", "USD")
    assert (btc.tick, btc.lot, btc.trading, btc.status) == (UNIT // 100, UNIT // 10**8, True, "online")


def test_a_second_name_of_a_book_is_not_offered() -> None:
    """``BTC-USDC`` is answered with data of ``BTC-USD``: no frame would ever name what was asked for."""
    usdc = product(product_id="BTC-USDC", quote_currency_id="USDC", alias="BTC-USD", alias_to=[])
    tether = product(product_id="USDT-USDC", base_currency_id="USDT", quote_currency_id="USDC", alias_to=[])
    named = [one.symbol for one in VENUE.parse_instruments(instruments(product(), usdc, tether))]
    assert named == ["BTC-USD", "USDT-USDC"]


def test_only_spot_products_are_offered() -> None:
    future = product(product_id="BIT-28NOV25-CDE", product_type="FUTURE", base_increment="")
    assert VENUE.parse_instruments(instruments(future)) == []


@pytest.mark.parametrize(
    "flag", ["is_disabled", "trading_disabled", "cancel_only", "post_only", "auction_mode"]
)
def test_a_restricted_product_is_not_trading(flag: str) -> None:
    [one] = VENUE.parse_instruments(instruments(product(**{flag: True})))
    assert (one.trading, one.status) == (False, flag)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", instruments(product(base_increment=""))])
def test_instruments_that_cannot_be_read_are_a_frame_error(body: bytes) -> None:
    with pytest.raises(FrameError):
        VENUE.parse_instruments(body)
