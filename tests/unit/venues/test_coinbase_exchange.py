"""Coinbase Exchange frames in, messages out; plans as documented. Frames are the protocol page's (8.1) or shaped so."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from bookmill.errors import FrameError
from streams.synchronizer import Phase, Synchronizer
from venues.coinbase import CoinbaseExchange
from venues.interface import Route, StreamOptions, Venue, Verdict
from venues.messages import BestBidAsk, BookDiff, BookImage, Ticker, Trade

UNIT = 10**18
VENUE = CoinbaseExchange()

SNAPSHOT = {
    "type": "snapshot",
    "product_id": "BTC-USD",
    "asks": [["80691.53", "0.20084671"]],
    "bids": [["80688.08", "0.59153273"]],
}
UPDATE = {
    "type": "l2update",
    "product_id": "BTC-USD",
    "changes": [["buy", "80688.08", "0.59153273"], ["sell", "80745.16", "0.20558981"]],
    "time": "2026-08-25T03:35:57.300000Z",
}
MATCH = {
    "type": "match",
    "trade_id": 1081862675,
    "maker_order_id": "f07e510f-4edf-469d-b844-4f670f1e93f1",
    "taker_order_id": "e6f50944-3e2a-439e-ae49-308300ba8296",
    "side": "sell",
    "size": "0.00000001",
    "price": "80691.53",
    "product_id": "BTC-USD",
    "sequence": 134905860111,
    "time": "2026-08-25T03:35:57.198335Z",
}
TICKER = {
    "type": "ticker",
    "sequence": 37475248783,
    "product_id": "ETH-USD",
    "price": "1285.22",
    "open_24h": "1310.79",
    "volume_24h": "245532.79269678",
    "low_24h": "1280.52",
    "high_24h": "1313.8",
    "volume_30d": "9788783.60117027",
    "best_bid": "1285.04",
    "best_bid_size": "0.46688654",
    "best_ask": "1285.27",
    "best_ask_size": "1.56637040",
    "side": "buy",
    "time": "2022-10-19T23:28:22.061769Z",
    "trade_id": 370843401,
    "last_size": "11.4396987",
}
HEARTBEAT = {
    "type": "heartbeat",
    "sequence": 90,
    "last_trade_id": 20,
    "product_id": "BTC-USD",
    "time": "2014-11-07T08:19:28.464459Z",
}
AUTHENTICATION = {
    "type": "error",
    "message": "Failed to subscribe",
    "reason": "level2, level3, and full channels now require authentication. "
    "https://docs.cloud.coinbase.com/exchange/docs/websocket-auth",
}


def frame(data: dict[str, Any], **fields: Any) -> bytes:
    return json.dumps({**data, **fields}, separators=(",", ":")).encode()


def scaled(hundred_millionths: int) -> int:
    return hundred_millionths * UNIT // 10**8


def test_it_is_a_venue() -> None:
    venue: Venue = VENUE
    assert (venue.exchange, venue.market, venue.limits.session_s) == ("coinbase", "spot", math.inf)
    assert venue.keep_alive is None
    assert venue.sequence(frame(MATCH)) is None


@pytest.mark.parametrize(
    ("data", "channel"),
    [
        (SNAPSHOT, "level2_batch"),
        (UPDATE, "level2_batch"),
        (MATCH, "matches"),
        ({**MATCH, "type": "last_match"}, "matches"),
        (TICKER, "ticker"),
    ],
)
def test_frames_are_routed_in_any_spelling(data: dict[str, Any], channel: str) -> None:
    route = Route(channel, str(data["product_id"]))
    venue = CoinbaseExchange()
    for _ in range(2):  # learnt, then known
        assert venue.route(frame(data)) == route
        assert venue.route(json.dumps(data).encode()) == route
        assert venue.route(frame(dict(reversed(data.items())))) == route


@pytest.mark.parametrize(
    "control",
    [
        frame(HEARTBEAT),
        frame(AUTHENTICATION),
        b'{"type":"subscriptions","channels":[{"name":"level2_50","product_ids":["BTC-USD"],"account_ids":null}]}',
        b'{"type":"status","products":[{"id":"BTC-USD"}]}',
        b'{"type":"rfq_match","product_id":"BTC-USD"}',
        b"no JSON",
        b"",
    ],
)
def test_what_carries_no_market_data_has_no_route(control: bytes) -> None:
    assert VENUE.route(control) is None


def test_a_large_image_is_routed_by_its_head_alone() -> None:
    asks = ",".join(f'["{price}.00","0.5"]' for price in range(250_000))
    body = f'{{"type":"snapshot","product_id":"BTC-USD","asks":[{asks}],"bids":[]}}'.encode()
    assert len(body) > 4_000_000
    torn = body[: len(body) // 2]  # no JSON any more: a route that reads it all would not find it
    assert VENUE.route(torn) == Route("level2_batch", "BTC-USD")
    [image] = VENUE.decode("level2_batch", body)
    assert isinstance(image, BookImage)
    assert len(image.asks) == 250_000
    assert image.asks[-1] == (249_999 * UNIT, UNIT // 2)


def test_an_image_has_neither_id_nor_time() -> None:
    [image] = VENUE.decode("level2_batch", frame(SNAPSHOT))
    assert image == BookImage(
        0,
        [(scaled(80688_08000000), scaled(59153273))],
        [(scaled(80691_53000000), scaled(20084671))],
        None,
        in_band=True,
    )


def test_a_changes_id_is_its_time() -> None:
    [diff] = VENUE.decode("level2_batch", frame(UPDATE))
    micros = 1_787_628_957_300_000
    assert diff == BookDiff(
        micros,
        micros,
        None,
        [(scaled(80688_08000000), scaled(59153273))],
        [(scaled(80745_16000000), scaled(20558981))],
        micros,
    )


@pytest.mark.parametrize("zero", ["0", "0.00000000", "0.000", "0.0"])
def test_a_size_of_zero_removes_in_every_spelling(zero: str) -> None:
    [diff] = VENUE.decode("level2_batch", frame(UPDATE, changes=[["buy", "80688.08", zero]]))
    assert isinstance(diff, BookDiff)
    assert (diff.bids, diff.asks) == ([(scaled(80688_08000000), 0)], [])


def test_the_book_is_the_image_and_all_that_follows_it() -> None:
    one = Synchronizer(VENUE.continuity, pending_limit=10)
    [image] = VENUE.decode("level2_batch", frame(SNAPSHOT))
    assert isinstance(image, BookImage)
    list(one.install(image))
    times = ("2026-08-25T03:35:57.300000Z", "2026-08-25T03:35:57.300000Z", "2026-08-25T03:35:57.350000Z")
    changes = (["buy", "80689.00", "2"], ["sell", "80691.53", "0"], ["sell", "80690.00", "0.1"])
    for time, change in zip(times, changes, strict=True):
        [diff] = VENUE.decode("level2_batch", frame(UPDATE, time=time, changes=[change]))
        assert isinstance(diff, BookDiff)
        assert VENUE.continuity.follow(one.last_id, diff) is Verdict.APPLY
        assert one.offer(diff)
    assert one.phase is Phase.LIVE
    assert one.book.top() == (80689 * UNIT, 2 * UNIT, 80690 * UNIT, UNIT // 10)


def test_a_match_names_the_makers_side() -> None:
    [bought] = VENUE.decode("matches", frame(MATCH))
    assert bought == Trade(
        "1081862675", scaled(80691_53000000), scaled(1), "BUY", 1_787_628_957_198_335, sequence=1081862675
    )
    [sold] = VENUE.decode("matches", frame(MATCH, side="buy"))
    assert isinstance(sold, Trade)
    assert sold.side == "SELL"


def test_the_last_match_before_the_subscription_is_a_trade_like_any_other() -> None:
    assert VENUE.decode("matches", frame(MATCH, type="last_match")) == VENUE.decode("matches", frame(MATCH))


def test_holes_in_the_sequence_of_matches_are_no_loss() -> None:
    """``sequence`` is that of a channel with every order in it, of which matches are a few."""
    for sequence in (134905859981, 134905860111):
        assert VENUE.sequence(frame(MATCH, sequence=sequence)) is None
        assert len(VENUE.decode("matches", frame(MATCH, sequence=sequence))) == 1


def test_a_ticker_is_best_prices_and_the_last_day() -> None:
    micros = 1_666_222_102_061_769
    assert VENUE.decode("ticker", frame(TICKER)) == (
        BestBidAsk(
            37475248783,
            scaled(1285_04000000),
            scaled(46688654),
            scaled(1285_27000000),
            scaled(1_56637040),
            micros,
        ),
        Ticker(
            scaled(1285_22000000),
            micros,
            open_price=scaled(1310_79000000),
            high_price=scaled(1313_80000000),
            low_price=scaled(1280_52000000),
            volume=scaled(245532_79269678),
        ),
    )


def test_a_ticker_of_a_product_nobody_trades_says_less() -> None:
    bare = {"type": "ticker", "sequence": 7, "product_id": "BTC-USD", "price": "1"}
    assert VENUE.decode("ticker", frame(bare)) == (
        BestBidAsk(7, None, None, None, None, None),
        Ticker(UNIT, None),
    )
    [best, _] = VENUE.decode("ticker", frame(TICKER, best_bid="0", best_bid_size="0.00000000"))
    assert isinstance(best, BestBidAsk)
    assert (best.bid_price, best.bid_quantity) == (None, None)
    assert best.ask_price is not None


@pytest.mark.parametrize(
    ("channel", "bad"),
    [
        ("level2_batch", b"{}"),
        ("level2_batch", frame(MATCH)),
        ("level2_batch", frame(UPDATE, changes=[["bid", "1", "1"]])),
        ("level2_batch", frame(UPDATE, changes=[["buy", "1"]])),
        ("level2_batch", frame(UPDATE, changes=[["buy", "one", "1"]])),
        ("level2_batch", frame(UPDATE, time="yesterday")),
        ("level2_batch", frame(SNAPSHOT, bids=[[1.5, 2]])),
        ("matches", frame(MATCH, side="both")),
        ("matches", frame(MATCH, price="")),
        ("matches", frame(MATCH)[:-20]),
        ("ticker", frame(TICKER, price="-1")),
        ("ticker", b"\xff"),
    ],
)
def test_bad_frames_are_frame_errors(channel: str, bad: bytes) -> None:
    with pytest.raises(FrameError):
        VENUE.decode(channel, bad)


def test_frames_of_other_channels_say_nothing() -> None:
    assert VENUE.decode("status", b"{}") == ()


def test_control_frames() -> None:
    assert VENUE.control(b'{"type":"subscriptions","channels":[]}').kind == "ack"
    assert VENUE.control(frame(HEARTBEAT)).kind == "alive"
    assert VENUE.control(b'{"type":"status"}').kind == "unknown"
    assert VENUE.control(b"?").kind == "unknown"
    refused = VENUE.control(frame(AUTHENTICATION))
    assert (refused.kind, refused.refused) == ("error", ())
    assert refused.error is not None
    assert refused.error.startswith("Failed to subscribe: level2, level3, and full channels")


def test_an_error_that_names_a_product_refuses_its_streams() -> None:
    answer = VENUE.control(
        b'{"message":"Failed to subscribe","reason":"CHZ-GBP is not a valid product","type":"error"}'
    )
    assert answer.error == "Failed to subscribe: CHZ-GBP is not a valid product"
    assert set(answer.refused) == {Route(name, "CHZ-GBP") for name in ("level2_batch", "matches", "ticker")}


def test_each_product_is_asked_for_alone_so_that_an_unknown_one_costs_only_itself() -> None:
    [plan] = VENUE.plan(["BTC-USD", "ETH-USD"], StreamOptions())
    assert plan.path == ""
    assert plan.requests == (
        '{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch","ticker","matches","heartbeat"]}',
        '{"type":"subscribe","product_ids":["ETH-USD"],"channels":["level2_batch","ticker","matches","heartbeat"]}',
    )
    assert plan.routes == tuple(
        Route(channel, product)
        for product in ("BTC-USD", "ETH-USD")
        for channel in ("level2_batch", "ticker", "matches")
    )


def test_best_prices_and_ticker_are_one_stream() -> None:
    [plan] = VENUE.plan(["BTC-USD"], StreamOptions(("best", "ticker", "klines")))
    assert plan.routes == (Route("ticker", "BTC-USD"),)
    assert VENUE.plan(["BTC-USD"], StreamOptions(("klines", "derivatives"))) == []


def test_many_products_are_spread_and_the_first_message_is_in_time() -> None:
    products = [f"P{number}-USD" for number in range(60)]
    plans = VENUE.plan(products, StreamOptions())
    assert [len(plan.wire_symbols) for plan in plans] == [25, 25, 10]
    assert all(plan.streams <= VENUE.limits.streams_per_connection for plan in plans)
    assert [
        route.wire_symbol for plan in plans for route in plan.routes if route.channel == "matches"
    ] == products
    assert 1 / VENUE.limits.requests_per_s < 5
    assert sum(VENUE.limits.requests_per_s for _ in plans) < 100


def test_a_book_is_found_again_by_subscribing_anew() -> None:
    assert VENUE.resubscribe("BTC-USD") == [
        '{"type":"unsubscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}',
        '{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2_batch"]}',
    ]
    assert VENUE.snapshot_request("BTC-USD", None) is None
    with pytest.raises(FrameError, match="no REST snapshots"):
        VENUE.decode_snapshot(b"{}")


def product(**fields: Any) -> bytes:
    one = {
        "id": "BTC-USD",
        "base_currency": "BTC",
        "quote_currency": "USD",
        "quote_increment": "0.01",
        "base_increment": "0.00000001",
        "display_name": "BTC-USD",
        "min_market_funds": "1",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "online",
        "status_message": "",
        "trading_disabled": False,
        "fx_stablecoin": False,
        "max_slippage_percentage": "0.02",
        "auction_mode": False,
        "high_bid_limit_percentage": "",
        **fields,
    }
    return json.dumps([one]).encode()


def test_instruments_are_named_by_the_exchanges_own_currencies() -> None:
    request = VENUE.instruments_request()
    assert (request.path, request.params) == ("/products", {})
    [btc] = VENUE.parse_instruments(product())
    assert (btc.wire_symbol, btc.symbol, btc.base, btc.quote) == ("BTC-USD", "BTC-USD", "BTC", "USD")
    assert (btc.tick, btc.lot, btc.trading, btc.status) == (UNIT // 100, UNIT // 10**8, True, "online")
    assert not btc.unit.contracts


@pytest.mark.parametrize("flag", ["trading_disabled", "cancel_only", "post_only", "auction_mode"])
def test_a_restricted_product_is_not_trading(flag: str) -> None:
    [one] = VENUE.parse_instruments(product(**{flag: True}))
    assert (one.trading, one.status) == (False, flag)
    [gone] = VENUE.parse_instruments(product(**{flag: True}, status="delisted"))
    assert (gone.trading, gone.status) == (False, "delisted")


def test_a_product_for_limit_orders_only_is_traded() -> None:
    [one] = VENUE.parse_instruments(product(limit_only=True))
    assert (one.trading, one.status) == (True, "limit_only")


@pytest.mark.parametrize("body", [b"", b"{}", b'[{"id":"BTC-USD"}]', product(base_increment="much")])
def test_instruments_that_cannot_be_read_are_a_frame_error(body: bytes) -> None:
    with pytest.raises(FrameError):
        VENUE.parse_instruments(body)
