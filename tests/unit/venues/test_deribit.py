"""Deribit frames in, messages out; plans, control frames and instruments as documented. Frames are the protocol page's
(section 9) or those of nautilus_trader's tests, or shaped so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookmill.errors import FrameError
from streams.synchronizer import Phase, Synchronizer
from venues.deribit import DeribitFutures, DeribitOption, DeribitSwap
from venues.interface import Control, Route, StreamOptions, Venue, Verdict
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
from venues.numbers import signed
from venues.units import BASE, Unit

SWAP, FUTURES, OPTION = DeribitSwap(), DeribitFutures(), DeribitOption()
EVERYTHING = StreamOptions(
    ("book", "best", "trades", "ticker", "klines", "derivatives", "liquidations"),
    kline_intervals=("1m", "4h", "1h", "1d"),
)


def n(text: str) -> int:
    return signed(text)


def frame(channel: str, data: str) -> bytes:
    """``data`` is JSON text: the digits of its numbers are what is tested."""
    return f'{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"{channel}","data":{data}}}}}'.encode()


SNAPSHOT = (
    '{"timestamp":1790133840448,"type":"snapshot","change_id":193809616666,"instrument_name":"NVDA_USDC-PERPETUAL",'
    '"bids":[["new",228.51,0.22]],"asks":[["new",228.52,0.34]]}'
)
CHANGE = (
    '{"timestamp":1790133845258,"type":"change","change_id":193809650259,"instrument_name":"NVDA_USDC-PERPETUAL",'
    '"bids":[],"asks":[["change",228.58,91.89]],"prev_change_id":193809644396}'
)
TRADE = (
    '{"timestamp":1765531356452,"price":92294.5,"amount":10.0,"direction":"sell","index_price":92276.75,'
    '"instrument_name":"BTC-PERPETUAL","trade_seq":271252854,"mark_price":92287.11,"tick_direction":2,"contracts":1.0,'
    '"trade_id":"403691824"}'
)
QUOTE = (
    '{"timestamp":1765541767174,"instrument_name":"BTC-PERPETUAL","best_ask_price":92288.5,"best_bid_price":92288.0,'
    '"best_ask_amount":99470.0,"best_bid_amount":133440.0}'
)
TICKER = (
    '{"timestamp":1765541474086,"state":"open","stats":{"high":93612.0,"low":89277.5,"price_change":2.3275,'
    '"volume":11897.27640428,"volume_usd":1092371540.0,"volume_notional":1092371540.0},"index_price":92263.55,'
    '"instrument_name":"BTC-PERPETUAL","last_price":92283.5,"settlement_price":92464.66,"min_price":90897.5,'
    '"max_price":93666.5,"open_interest":1132329370.0,"mark_price":92281.78,"interest_value":0.0028213400122472977,'
    '"best_ask_price":92284.0,"best_bid_price":92283.5,"estimated_delivery_price":92263.55,"best_ask_amount":186520.0,'
    '"best_bid_amount":117660.0,"current_funding":0.0,"funding_8h":0.00001742}'
)
CHART = '{"tick":1767199200000,"open":87699.5,"high":87699.5,"low":87699.5,"close":87699.5,"volume":1.1403e-4,"cost":10.0}'


# ---- books


def test_a_snapshot_is_an_image_of_every_level() -> None:
    [image] = SWAP.decode("book", frame("book.NVDA_USDC-PERPETUAL.100ms", SNAPSHOT))
    assert image == BookImage(
        193809616666,
        [(n("228.51"), n("0.22"))],
        [(n("228.52"), n("0.34"))],
        1790133840448000,
        in_band=True,
        depth=None,
    )


def test_a_snapshot_may_name_null_as_its_predecessor() -> None:
    data = SNAPSHOT[:-1] + ',"prev_change_id":null}'
    assert SWAP.decode("book", frame("book.X.100ms", data)) == SWAP.decode(
        "book", frame("book.X.100ms", SNAPSHOT)
    )


def test_a_change_names_its_predecessor() -> None:
    [diff] = SWAP.decode("book", frame("book.NVDA_USDC-PERPETUAL.100ms", CHANGE))
    assert diff == BookDiff(
        193809650259, 193809650259, 193809644396, [], [(n("228.58"), n("91.89"))], 1790133845258000
    )


@pytest.mark.parametrize(
    ("level", "price", "quantity"),
    [
        ('["new",2.2e3,1.423e-4]', "2200", "0.0001423"),
        ('["new",1e-05,100]', "0.00001", "100"),
        ('["new",100000000.123456789,100000000.123456788]', "100000000.123456789", "100000000.123456788"),
        ('["change",8477.0,30]', "8477", "30"),
        ('["change",8477,3E+2]', "8477", "300"),
        ('["delete",0.001,0.0]', "0.001", "0"),
        ('["delete",0.001,0]', "0.001", "0"),
        ('["delete",0.001,2.7]', "0.001", "0"),
        ('["change",0.001,0.0]', "0.001", "0"),
        ('["change",0.001,0e0]', "0.001", "0"),
    ],
)
def test_levels_keep_every_digit_and_either_zero_or_the_word_deletes(
    level: str, price: str, quantity: str
) -> None:
    data = CHANGE.replace('["change",228.58,91.89]', level)
    [diff] = SWAP.decode("book", frame("book.X.100ms", data))
    assert isinstance(diff, BookDiff)
    assert diff.asks == [(n(price), n(quantity))]


def test_raw_books_of_those_who_log_in_decode_the_same() -> None:
    assert SWAP.decode("book", frame("book.X.raw", CHANGE)) == SWAP.decode(
        "book", frame("book.X.100ms", CHANGE)
    )


@pytest.mark.parametrize(
    "data",
    [
        CHANGE.replace(',"prev_change_id":193809644396', ""),
        CHANGE.replace("193809644396", "null"),
        CHANGE.replace('"change",228', '"change","228'),
        CHANGE.replace("228.58,91.89", '"228.58","91.89"'),
        CHANGE.replace("91.89", "-91.89"),
        CHANGE.replace("91.89", "null"),
        CHANGE.replace(",91.89", ""),
        CHANGE.replace('"type":"change"', '"type":"other"'),
        CHANGE.replace('"type":"change",', ""),
        # a grouped channel's frame: pairs, and no type
        '{"timestamp":1790133841369,"change_id":193809623552,"instrument_name":"X","bids":[[86775.8,0.216]],"asks":[]}',
        "null",
        "[]",
    ],
)
def test_what_is_no_book_frame_is_a_frame_error(data: str) -> None:
    with pytest.raises(FrameError):
        SWAP.decode("book", frame("book.X.100ms", data))


@pytest.mark.parametrize("bad", [b"", b"not json", b"\xff\xfe", b"{}", b"[]", b"null"])
@pytest.mark.parametrize("channel", ["book", "quote", "trades", "ticker", "chart.trades.1"])
def test_what_is_no_frame_is_a_frame_error(channel: str, bad: bytes) -> None:
    with pytest.raises(FrameError):
        SWAP.decode(channel, bad)


def test_the_known_answer_of_the_protocol_page() -> None:
    """Section 2.4: snapshot 1000, then (1000, 1040), (1040, 1041), (1050, 1060): apply, apply, gap."""
    rule = SWAP.continuity
    first, second, third = (
        BookDiff(own, own, before, [], [], 0) for before, own in [(1000, 1040), (1040, 1041), (1050, 1060)]
    )
    assert rule.join(1000, first) is Verdict.APPLY
    assert rule.follow(1040, second) is Verdict.APPLY
    assert rule.follow(1041, third) is Verdict.GAP
    assert rule.follow(1041, second) is Verdict.OLD


def test_a_book_follows_a_counter_that_other_instruments_share_and_loses_a_hole() -> None:
    keeper = Synchronizer(SWAP.continuity, 100)
    [image] = SWAP.decode("book", frame("book.X.100ms", SNAPSHOT))
    assert isinstance(image, BookImage)
    list(keeper.install(image))
    for before, own, follows in [(193809616666, 193809620001, True), (193809644396, 193809650259, False)]:
        data = CHANGE.replace("193809650259", str(own)).replace("193809644396", str(before))
        [diff] = SWAP.decode("book", frame("book.X.100ms", data))
        assert isinstance(diff, BookDiff)
        assert keeper.offer(diff) is follows
    assert (keeper.phase, keeper.reason) == (Phase.BUFFERING, "gap")


# ---- quotes, trades, tickers, charts


def test_a_quote_is_numbered_by_its_time() -> None:
    [top] = SWAP.decode("quote", frame("quote.BTC-PERPETUAL", QUOTE))
    assert top == BestBidAsk(
        1765541767174000, n("92288"), n("133440"), n("92288.5"), n("99470"), 1765541767174000
    )


@pytest.mark.parametrize(("price", "amount"), [("0.0", "0.0"), ("null", "null"), ("null", "0.0"), ("0", "0")])
def test_an_empty_side_of_a_quote_has_no_price(price: str, amount: str) -> None:
    data = QUOTE.replace("92288.0", price).replace("133440.0", amount)
    [top] = OPTION.decode("quote", frame("quote.X", data))
    assert isinstance(top, BestBidAsk)
    assert (top.bid_price, top.bid_quantity, top.ask_price) == (None, None, n("92288.5"))


def test_a_trade_has_the_takers_side_and_an_id_that_may_be_text() -> None:
    data = f"[{TRADE},{TRADE.replace('403691824', 'ETH-284830839').replace('sell', 'buy')}]"
    assert SWAP.decode("trades", frame("trades.BTC-PERPETUAL.100ms", data)) == [
        Trade("403691824", n("92294.5"), n("10"), "SELL", 1765531356452000, sequence=271252854),
        Trade("ETH-284830839", n("92294.5"), n("10"), "BUY", 1765531356452000, sequence=271252854),
    ]


@pytest.mark.parametrize(
    ("whose", "sides"),
    [('"T"', ["SELL"]), ('"M"', ["BUY"]), ('"MT"', ["SELL", "BUY"]), ("null", []), ('"none"', [])],
)
def test_a_trade_that_liquidates_is_told_twice_with_the_side_of_the_liquidated_order(
    whose: str, sides: list[str]
) -> None:
    data = f'[{TRADE[:-1]},"liquidation":{whose}}}]'
    trade, *liquidations = SWAP.decode("trades", frame("trades.BTC-PERPETUAL.100ms", data))
    assert isinstance(trade, Trade)
    expected: list[Message] = [
        Liquidation(
            trade.price, trade.quantity, "BUY" if side == "BUY" else "SELL", trade.exchange_time_micros
        )
        for side in sides
    ]
    assert liquidations == expected


def test_a_ticker_is_the_last_24_hours_and_what_a_derivative_says() -> None:
    day, derivative = SWAP.decode("ticker", frame("ticker.BTC-PERPETUAL.100ms", TICKER))
    assert day == Ticker(
        n("92283.5"),
        1765541474086000,
        open_price=None,
        high_price=n("93612"),
        low_price=n("89277.5"),
        volume=n("11897.27640428"),
        quote_volume=n("1092371540"),
    )
    assert derivative == Derivative(
        1765541474086000,
        mark_price=n("92281.78"),
        index_price=n("92263.55"),
        funding_rate=0,
        open_interest=Unit(10**18, inverse=True).base(n("1132329370"), n("92281.78")),
    )


def test_open_interest_is_in_dollars_only_where_the_contract_is_inverse() -> None:
    linear = TICKER.replace("BTC-PERPETUAL", "BTC_USDC-PERPETUAL")
    for venue, data, expected in [
        (SWAP, TICKER.replace("92281.78", "100000.0"), "11323.2937"),
        (SWAP, linear, "1132329370"),
        (
            FUTURES,
            TICKER.replace("BTC-PERPETUAL", "BTC-26DEC25").replace("92281.78", "100000.0"),
            "11323.2937",
        ),
        (OPTION, TICKER.replace("BTC-PERPETUAL", "BTC-26DEC25-90000-C"), "1132329370"),
    ]:
        derivative = venue.decode("ticker", frame("ticker.X.100ms", data))[-1]
        assert isinstance(derivative, Derivative)
        assert derivative.open_interest == n(expected)


def test_quote_volume_is_the_notional_and_only_an_inverse_contracts_dollars_stand_in_for_it() -> None:
    without = TICKER.replace(',"volume_notional":1092371540.0', "")
    linear = without.replace("BTC-PERPETUAL", "BTC_USDC-PERPETUAL")
    volumes = []
    for data in (without, linear):
        day = SWAP.decode("ticker", frame("ticker.X.100ms", data))[0]
        assert isinstance(day, Ticker)
        volumes.append(day.quote_volume)
    assert volumes == [n("1092371540"), None]


@pytest.mark.parametrize(
    ("fields", "rate"),
    [
        ('"current_funding":-0.00000123,"funding_8h":0.5', "-0.00000123"),
        ('"current_funding":-6.55e-6,"funding_8h":0.5', "-0.00000655"),
        ('"current_funding":null,"funding_8h":6.55e-6', "0.00000655"),
        ('"funding_8h":-6.55e-6', "-0.00000655"),
    ],
)
def test_funding_may_be_negative_and_has_an_older_name(fields: str, rate: str) -> None:
    data = TICKER.replace('"current_funding":0.0,"funding_8h":0.00001742', fields)
    derivative = SWAP.decode("ticker", frame("ticker.BTC-PERPETUAL.100ms", data))[-1]
    assert isinstance(derivative, Derivative)
    assert derivative.funding_rate == n(rate)


def test_an_instrument_that_never_traded_has_no_day() -> None:
    data = (
        '{"timestamp":1626993723632,"stats":{"volume":null,"price_change":null,"low":null,"high":null},'
        '"state":"open","open_interest":0.0,"mark_price":1.005718,"last_price":null,'
        '"instrument_name":"ETH-27AUG21-4000-P","index_price":2006.72}'
    )
    [derivative] = OPTION.decode("ticker", frame("ticker.ETH-27AUG21-4000-P.100ms", data))
    assert derivative == Derivative(
        1626993723632000, mark_price=n("1.005718"), index_price=n("2006.72"), open_interest=0
    )
    day, _ = OPTION.decode("ticker", frame("ticker.X.100ms", data.replace("null", "1.5")))
    assert isinstance(day, Ticker)


def test_a_bar_says_its_resolution_in_the_name_of_its_channel() -> None:
    bar = Kline(
        "1m",
        1767199200000000,
        n("87699.5"),
        n("87699.5"),
        n("87699.5"),
        n("87699.5"),
        n("0.00011403"),
        None,
        quote_volume=n("10"),
        closed=None,
    )
    assert SWAP.decode("chart.trades.1", frame("chart.trades.BTC-PERPETUAL.1", CHART)) == (bar,)
    [daily] = SWAP.decode("chart.trades.1D", frame("chart.trades.BTC-PERPETUAL.1D", CHART))
    assert isinstance(daily, Kline)
    assert daily.interval == "1d"
    [premium] = OPTION.decode("chart.trades.60", frame("chart.trades.BTC-26DEC25-90000-C.60", CHART))
    assert isinstance(premium, Kline)
    assert (premium.interval, premium.quote_volume) == ("1h", None)
    with pytest.raises(FrameError):
        SWAP.decode("chart.trades.240", frame("chart.trades.BTC-PERPETUAL.240", CHART))


# ---- routes and control frames


@pytest.mark.parametrize(
    ("bytes_", "route"),
    [
        (frame("book.BTC_USDC-PERPETUAL.100ms", SNAPSHOT), Route("book", "BTC_USDC-PERPETUAL")),
        (frame("book.BTC-24SEP21-8000-P.raw", SNAPSHOT), Route("book", "BTC-24SEP21-8000-P")),
        (frame("trades.BTC-PERPETUAL.agg2", "[]"), Route("trades", "BTC-PERPETUAL")),
        (frame("ticker.XRP_USDC-26DEC25-0d5-C.100ms", TICKER), Route("ticker", "XRP_USDC-26DEC25-0d5-C")),
        (frame("quote.BTC-PERPETUAL", QUOTE), Route("quote", "BTC-PERPETUAL")),
        (frame("chart.trades.BTC-PERPETUAL.1", CHART), Route("chart.trades.1", "BTC-PERPETUAL")),
        (frame("chart.trades.BTC-PERPETUAL.1D", CHART), Route("chart.trades.1D", "BTC-PERPETUAL")),
        (
            b'{"params" : {"data" : {"type" : "snapshot"},"channel" : "book.X.100ms"},"method" : "subscription"}',
            Route("book", "X"),
        ),
        (frame("book.BTC_USDC-PERPETUAL.none.20.100ms", "{}"), None),
        (frame("platform_state", "{}"), None),
        (b'{"jsonrpc":"2.0","id":10,"result":["book.X.100ms"]}', None),
        (b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}', None),
        (b'"subscription"', None),
        (b'{"channel":"', None),
        (b"", None),
    ],
)
def test_a_frame_is_routed_by_its_channels_name(bytes_: bytes, route: Route | None) -> None:
    assert SWAP.route(bytes_) == route
    assert SWAP.route(bytes_) == route


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        (
            b'{"jsonrpc":"2.0","id":1,"result":"ok","usIn":1,"usOut":2,"usDiff":1,"testnet":false}',
            "ack",
            None,
        ),
        (b'{"jsonrpc":"2.0","id":2,"result":{"version":"1.2.26"},"testnet":false}', "ack", None),
        (b'{"jsonrpc":"2.0","id":4,"result":[],"testnet":false}', "ack", None),
        (b'{"params":{"type":"heartbeat"},"method":"heartbeat","jsonrpc":"2.0"}', "alive", None),
        (
            b'{"jsonrpc":"2.0","error":{"code":11050,"data":"invalid json","message":"bad_request"},"usIn":1}',
            "error",
            "11050 bad_request invalid json",
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"error":{"code":10028,"message":"too_many_requests","data":null}}',
            "error",
            "10028 too_many_requests",
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"Invalid params","data":{"param":"interval"}}}',
            "error",
            '-32602 Invalid params {"param":"interval"}',
        ),
        (frame("platform_state", '{"maintenance":true}'), "unknown", None),
        (b"{}", "unknown", None),
    ],
)
def test_frames_without_market_data_say_what_they_are(text: bytes, kind: str, error: str | None) -> None:
    control = SWAP.control(text)
    assert (control.kind, control.error, control.reply, control.refused) == (kind, error, None, ())


def test_what_is_no_json_is_unknown_with_the_reason() -> None:
    assert SWAP.control(b"pong").kind == "unknown"


def test_a_test_request_is_answered() -> None:
    control = SWAP.control(b'{"params":{"type":"test_request"},"method":"heartbeat","jsonrpc":"2.0"}')
    assert control.kind == "alive"
    reply = json.loads(control.reply or "")
    assert (reply["jsonrpc"], reply["method"], reply["params"]) == ("2.0", "public/test", {})
    assert "id" in reply


def _answer(request: str, names: list[str]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": json.loads(request)["id"], "result": names}).encode()


def test_channels_missing_in_the_answer_were_refused_in_whatever_order_it_comes() -> None:
    venue = DeribitSwap()
    [plan] = venue.plan(["BTC-PERPETUAL", "NO-SUCH"], EVERYTHING)
    subscribe = plan.requests[-1]
    names = json.loads(subscribe)["params"]["channels"]
    assert venue.control(_answer(subscribe, names[::-1])) == Control("ack")
    accepted = [name for name in names if "NO-SUCH" not in name]
    control = venue.control(_answer(subscribe, accepted))
    assert control.kind == "ack"
    assert set(control.refused) == {route for route in plan.routes if route.wire_symbol == "NO-SUCH"}


def test_an_error_refuses_all_that_its_request_asked_for() -> None:
    venue = DeribitOption()
    [plan] = venue.plan(["A", "B"], StreamOptions(("book",)))
    number = json.loads(plan.requests[-1])["id"]
    text = f'{{"id":{number},"error":{{"code":13778,"message":"raw_subscriptions_not_available_for_unauthorized"}}}}'
    control = venue.control(text.encode())
    assert control.error == "13778 raw_subscriptions_not_available_for_unauthorized"
    assert set(control.refused) == {Route("book", "A"), Route("book", "B")}


def test_a_book_is_asked_for_anew_by_leaving_first() -> None:
    venue = DeribitSwap()
    out, again = venue.resubscribe("BTC-PERPETUAL")
    assert json.loads(out)["method"] == "public/unsubscribe"
    assert json.loads(again)["method"] == "public/subscribe"
    assert (
        json.loads(out)["params"] == json.loads(again)["params"] == {"channels": ["book.BTC-PERPETUAL.100ms"]}
    )
    assert venue.control(_answer(again, [])).refused == (Route("book", "BTC-PERPETUAL"),)
    # Leaving what was not subscribed is answered by an empty list: nothing was asked for that is missing.
    assert venue.control(_answer(out, [])) == Control("ack")


def test_asking_again_and_again_does_not_grow_what_is_remembered() -> None:
    venue = DeribitSwap()
    texts = {tuple(venue.resubscribe("BTC-PERPETUAL")) for _ in range(100)}
    plans = {str(venue.plan(["BTC-PERPETUAL"], EVERYTHING)) for _ in range(100)}
    assert (len(texts), len(plans), len(venue._asked)) == (1, 1, 2)


# ---- plans and requests


def test_a_connection_keeps_itself_alive_before_it_subscribes() -> None:
    [plan] = DeribitSwap().plan(["BTC-PERPETUAL"], EVERYTHING)
    heartbeat, subscribe = map(json.loads, plan.requests)
    assert (heartbeat["method"], heartbeat["params"]) == ("public/set_heartbeat", {"interval": 30})
    assert subscribe["method"] == "public/subscribe"
    assert subscribe["params"]["channels"] == [
        "book.BTC-PERPETUAL.100ms",
        "quote.BTC-PERPETUAL",
        "trades.BTC-PERPETUAL.100ms",
        "ticker.BTC-PERPETUAL.100ms",
        "chart.trades.BTC-PERPETUAL.1",
        "chart.trades.BTC-PERPETUAL.60",
        "chart.trades.BTC-PERPETUAL.1D",
    ]
    assert plan.path == "/ws/api/v2"


def test_liquidations_alone_bring_the_trades_they_stand_in() -> None:
    [plan] = SWAP.plan(["X"], StreamOptions(("liquidations", "derivatives")))
    assert plan.routes == (Route("trades", "X"), Route("ticker", "X"))


@pytest.mark.parametrize(
    ("venue", "rare"),
    [
        (SWAP, {"trades"}),
        (FUTURES, {"trades"}),
        (OPTION, {"trades", "quote", "chart.trades.1", "chart.trades.60", "chart.trades.1D"}),
    ],
    ids=["swap", "futures", "option"],
)
def test_what_may_be_silent_for_hours_is_said(venue: Venue, rare: set[str]) -> None:
    [plan] = venue.plan(["X"], EVERYTHING)
    assert {route.channel for route in plan.rare} == rare


def test_many_channels_are_spread_within_the_limits_and_none_is_lost() -> None:
    venue = DeribitOption()
    symbols = [f"BTC-26DEC25-{strike}-C" for strike in range(1500)]
    plans = venue.plan(symbols, StreamOptions())
    asked: list[str] = []
    ids = set()
    for plan in plans:
        assert plan.streams <= venue.limits.streams_per_connection
        for request in plan.requests[1:]:
            body = json.loads(request)
            assert len(body["params"]["channels"]) <= 500
            asked += body["params"]["channels"]
            ids.add(body["id"])
    assert len(ids) == len(plans) == 9  # of the 32 that one address may have
    routes = [route for plan in plans for route in plan.routes]
    assert len(asked) == len(set(asked)) == len(set(routes)) == 4500
    assert [venue.route(frame(name, "{}")) for name in asked] == routes


def test_images_come_in_the_stream_and_not_from_rest() -> None:
    assert SWAP.snapshot_request("BTC-PERPETUAL", 10) is None
    with pytest.raises(FrameError):
        SWAP.decode_snapshot(b"{}")


# ---- instruments


@pytest.mark.parametrize(("venue", "kind"), [(SWAP, "future"), (FUTURES, "future"), (OPTION, "option")])
def test_instruments_are_asked_for_in_one_call(venue: Venue, kind: str) -> None:
    request = venue.instruments_request()
    assert request.path == "/api/v2/public/get_instruments"
    assert dict(request.params) == {"currency": "any", "kind": kind, "expired": "false"}
    assert request.weight <= venue.limits.weight_per_minute


PERPETUAL: dict[str, Any] = {
    "kind": "future",
    "instrument_name": "BTC-PERPETUAL",
    "instrument_type": "reversed",
    "expiration_timestamp": 32503708800000,
    "is_active": True,
    "tick_size": 0.5,
    "contract_size": 10.0,
    "min_trade_amount": 10.0,
    "settlement_currency": "BTC",
    "settlement_period": "perpetual",
    "base_currency": "BTC",
    "counter_currency": "USD",
    "quote_currency": "USD",
    "state": "open",
}
LINEAR = {
    **PERPETUAL,
    "instrument_name": "DOGE_USDC-PERPETUAL",
    "instrument_type": "linear",
    "tick_size": 1e-05,
    "min_trade_amount": 100,
    "settlement_currency": "USDC",
    "base_currency": "DOGE",
    "counter_currency": "USDC",
    "quote_currency": "USDC",
}
DATED = {
    **PERPETUAL,
    "instrument_name": "BTC-26DEC25",
    "settlement_period": "month",
    "expiration_timestamp": 1766736000000,
}
CALL = {
    **DATED,
    "kind": "option",
    "instrument_name": "BTC-26DEC25-100000-C",
    "quote_currency": "BTC",
    "tick_size": 0.0005,
    "min_trade_amount": 0.1,
    "strike": 100000.0,
    "option_type": "call",
}
SMALL_PUT = {
    **CALL,
    "instrument_name": "XRP_USDC-26DEC25-0d5-P",
    "instrument_type": "linear",
    "settlement_currency": "USDC",
    "base_currency": "XRP",
    "counter_currency": "USDC",
    "quote_currency": "USDC",
    "strike": 0.5,
    "option_type": "put",
}
COMBO = {**DATED, "kind": "future_combo", "instrument_name": "BTC-FS-26DEC25_PERP"}
SPOT = {**PERPETUAL, "kind": "spot", "instrument_name": "BTC_USDC"}
ALL = [PERPETUAL, LINEAR, DATED, CALL, SMALL_PUT, COMBO, SPOT]


def listing(*listed: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "result": listed, "testnet": False}).encode()


def test_each_market_lists_its_own() -> None:
    found = {
        venue.market: [one.symbol for one in venue.parse_instruments(listing(*ALL))]
        for venue in (SWAP, FUTURES, OPTION)
    }
    assert found == {
        "swap": ["BTC-USD", "DOGE-USDC"],
        "futures": ["BTC-USD-251226"],
        "option": ["BTC-USD-251226-100000-C", "XRP-USDC-251226-0.5-P"],
    }


def test_inverse_amounts_are_dollars_linear_ones_and_options_base_units() -> None:
    btc, doge = SWAP.parse_instruments(listing(*ALL))
    [dated] = FUTURES.parse_instruments(listing(*ALL))
    call, put = OPTION.parse_instruments(listing(*ALL))
    assert [one.unit.text for one in (btc, dated)] == ["/1", "/1"]
    assert [one.unit for one in (doge, call, put)] == [BASE] * 3
    assert btc.unit.base(n("10"), n("100000")) == n("0.0001")


def test_an_instrument_in_full() -> None:
    btc, doge = SWAP.parse_instruments(listing(*ALL))
    assert (btc.wire_symbol, btc.base, btc.quote, btc.settle) == ("BTC-PERPETUAL", "BTC", "USD", "BTC")
    assert (btc.tick, btc.lot, btc.trading, btc.status, btc.expiry_micros) == (
        n("0.5"),
        n("10"),
        True,
        "open",
        None,
    )
    assert (doge.tick, doge.lot) == (n("0.00001"), n("100"))
    call, _ = OPTION.parse_instruments(listing(*ALL))
    assert (call.quote, call.settle, call.tick, call.lot) == ("USD", "BTC", n("0.0005"), n("0.1"))
    assert call.expiry_micros == 1766736000000000


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"is_active": False, "state": "inactive"}, "inactive"),
        ({"state": "settlement"}, "settlement"),
        ({"state": "locked"}, "locked"),
        ({"is_active": False, "state": ""}, "inactive"),
    ],
)
def test_what_is_not_open_is_not_traded(fields: dict[str, Any], status: str) -> None:
    [one] = SWAP.parse_instruments(listing({**PERPETUAL, **fields}))
    assert (one.trading, one.status) == (False, status)


def test_a_contract_of_another_type_is_passed_over() -> None:
    assert [
        one.base
        for one in SWAP.parse_instruments(listing({**PERPETUAL, "instrument_type": "quanto"}, LINEAR))
    ] == ["DOGE"]


@pytest.mark.parametrize(
    "fields",
    [{"tick_size": None}, {"min_trade_amount": "x"}, {"base_currency": None}, {"is_active": "yes"}],
)
def test_a_listing_that_cannot_be_read_is_a_frame_error(fields: dict[str, Any]) -> None:
    with pytest.raises(FrameError):
        SWAP.parse_instruments(listing({**PERPETUAL, **fields}))
    with pytest.raises(FrameError):
        SWAP.parse_instruments(b'{"error":{"code":10028,"message":"too_many_requests"}}')


def test_an_option_without_strike_or_side_is_a_frame_error() -> None:
    for fields in ({"strike": None}, {"option_type": ""}):
        with pytest.raises(FrameError):
            OPTION.parse_instruments(listing({**CALL, **fields}))


def test_the_date_of_an_expiry_is_that_of_the_calendar() -> None:
    day = datetime(2019, 12, 27, 8, tzinfo=UTC)
    listed = []
    while day.year < 2029:
        listed.append({**DATED, "expiration_timestamp": int(day.timestamp() * 1000)})
        day += timedelta(days=1)
    for one in FUTURES.parse_instruments(listing(*listed)):
        assert one.expiry_micros is not None
        expected = datetime.fromtimestamp(one.expiry_micros / 1e6, UTC)
        assert one.symbol == f"BTC-USD-{expected:%y%m%d}"
