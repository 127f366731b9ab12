"""Coinbase Advanced Trade as simulated: control messages, the frames' number, misbehaviour, and the true book read from it."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
from datetime import datetime
from typing import Any

import pytest

from bookmill.errors import ConfigurationError
from simulator import coinbase
from simulator.dialect import Close
from simulator.faults import Faults, RestFaults
from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.web import Request, Response
from streams.synchronizer import Phase, Synchronizer
from venues.coinbase import CoinbaseAdvanced
from venues.interface import Route, StreamOptions
from venues.messages import BookDiff, BookImage, Kline, Ticker, Trade

UNIT = 10**18
START_MS = 1_775_572_200_123
VENUE = CoinbaseAdvanced()
ALL = StreamOptions(("book", "best", "trades", "ticker", "klines"), kline_intervals=("5m",))


class Client:
    """A market, and a connection to it that keeps all it is sent."""

    def __init__(self, symbols: tuple[str, ...] = ("BTC-USD", "ETH-USD"), rate: float = 3000) -> None:
        self.hub = Hub()
        self.dialect = coinbase.advanced()
        instruments = [self.dialect.instrument(symbol) for symbol in symbols]
        self.live = LiveMarket(instruments, self.dialect, self.hub, rate=rate, seed=1)
        self.session = self.dialect.open("/", self, self.hub)
        self.frames: list[bytes] = []
        self.time_ms = START_MS

    def queue(self, envelope: bytes, data_start: int) -> None:
        self.frames.append(self.session.frame(envelope, data_start))

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def say(self, request: dict[str, Any] | str) -> list[bytes]:
        text = request if isinstance(request, str) else json.dumps(request)
        answers = self.session.receive(text.encode())
        self.frames += answers
        return answers

    def subscribe(self, channel: str, *products: str) -> list[bytes]:
        return self.say({"type": "subscribe", "product_ids": list(products), "channel": channel})

    def play(self, seconds: float) -> None:
        for _ in range(int(seconds * 100)):
            self.live.tick(self.time_ms)
            self.time_ms += 10


def numbers(frames: list[bytes]) -> list[int | None]:
    return [VENUE.sequence(frame) for frame in frames]


def events(frame: bytes) -> Any:
    return json.loads(frame)["events"]


def test_level2_is_asked_for_and_l2_data_comes() -> None:
    state, image = Client().subscribe("level2", "BTC-USD")
    assert json.loads(state)["channel"] == "subscriptions"
    assert events(state) == [{"subscriptions": {"level2": ["BTC-USD"]}}]
    assert image.startswith(b'{"channel":"l2_data","client_id":"","timestamp":"')
    assert numbers([state, image]) == [0, 1]
    [event] = events(image)
    assert (event["type"], event["product_id"]) == ("snapshot", "BTC-USD")
    assert {level["side"] for level in event["updates"]} == {"bid", "offer"}


def test_all_channels_of_a_connection_share_one_counter() -> None:
    client = Client()
    [plan] = VENUE.plan(["BTC-USD", "ETH-USD"], ALL)
    for request in plan.requests:
        client.say(request)
    for _ in range(8):
        client.play(0.25)
        client.frames += [one for one in client.session.tick(0.0, 0.0) if isinstance(one, bytes)]
    assert numbers(client.frames) == list(range(len(client.frames)))
    channels = {json.loads(frame)["channel"] for frame in client.frames}
    assert channels == {"subscriptions", "heartbeats", "l2_data", "market_trades", "ticker", "candles"}
    other = Client()
    assert numbers(other.subscribe("heartbeats")) == [0]


@pytest.mark.parametrize("how", ["scenario", "disturbance"])
def test_a_lost_frame_shows_as_a_jump_of_the_counter(how: str) -> None:
    client = Client()
    client.subscribe("level2", "BTC-USD")
    client.subscribe("level2", "ETH-USD")
    client.play(1)
    faults = Faults(client.hub, RestFaults(), list, client.dialect.wire)
    if how == "scenario":
        client.hub.feeds.setdefault("BTC-USD", client.dialect.feeds["BTC-USD"])
        faults.scenario("BTC-USD", "sequence_jump", frames=3)
    else:
        faults.disturb("level2:BTC-USD", "drop", count=3)
    client.play(1)
    found = [number for number in numbers(client.frames) if number is not None]
    steps = [new - old for old, new in itertools.pairwise(found)]
    assert [step for step in steps if step != 1] == [4]


def test_a_repeated_frame_takes_a_number_of_its_own() -> None:
    client = Client()
    client.subscribe("level2", "BTC-USD")
    client.hub.channel("level2:BTC-USD").disturbances.append("duplicate")
    client.play(1)
    assert numbers(client.frames) == list(range(len(client.frames)))


def test_what_was_not_subscribed_meanwhile_is_not_lost() -> None:
    client = Client()
    client.subscribe("level2", "BTC-USD")
    other = client.dialect.open("/", Client(), client.hub)
    other.receive(b'{"type":"subscribe","product_ids":["BTC-USD"],"channel":"level2"}')
    client.play(1)
    off, on = VENUE.resubscribe("BTC-USD")
    client.say(off)
    client.play(1)
    client.say(on)
    client.play(1)
    assert numbers(client.frames) == list(range(len(client.frames)))


def test_private_channels_need_authentication() -> None:
    client = Client()
    answers = client.subscribe("user", "BTC-USD")
    assert answers == [b'{"type":"error","message":"authentication failure"}']
    assert VENUE.control(answers[0]).kind == "error"
    assert numbers(client.subscribe("heartbeats")) == [0]  # errors are not counted


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "[]",
        "{}",
        '{"type":"hello","channel":"level2"}',
        '{"type":"subscribe","channel":"level2"}',
        '{"type":"subscribe","channels":["level2"],"product_ids":["BTC-USD"]}',
    ],
)
def test_what_is_no_request_is_an_error(text: str) -> None:
    [error] = Client().say(text)
    assert json.loads(error)["type"] == "error"


def test_an_unknown_product_is_left_out_of_the_acknowledgement() -> None:
    client = Client()
    [state] = client.subscribe("level2", "NOPE-USD")
    assert events(state) == [{"subscriptions": {}}]
    state, *_ = client.subscribe("level2", "NOPE-USD", "BTC-USD")
    assert events(state) == [{"subscriptions": {"level2": ["BTC-USD"]}}]


def test_a_usdc_product_is_answered_with_the_usd_product() -> None:
    client = Client()
    state, image = client.subscribe("level2", "BTC-USDC")
    assert events(state) == [{"subscriptions": {"level2": ["BTC-USDC"]}}]
    assert VENUE.route(image) == Route("l2_data", "BTC-USD")
    client.frames.clear()
    client.play(0.5)
    assert {VENUE.route(frame) for frame in client.frames} == {Route("l2_data", "BTC-USD")}


def test_who_does_not_subscribe_in_five_seconds_is_closed() -> None:
    client = Client()
    assert client.session.tick(4.9, 4.9) == ()
    assert isinstance(client.session.tick(5.0, 5.0)[0], Close)
    busy = Client()  # what is no subscription does not help
    answers = [busy.say("hello") and busy.session.tick(0.1, 0.1) for _ in range(20)]
    assert isinstance(answers[-1][0], Close)


def test_silence_is_closed_and_heartbeats_break_it() -> None:
    silent = Client()
    silent.subscribe("status", "BTC-USD")
    assert silent.session.tick(59.0, 59.0) == ()
    assert isinstance(silent.session.tick(90.0, 90.0)[0], Close)
    beating = Client()
    beating.subscribe("heartbeats")
    said = [one for number in range(40) for one in beating.session.tick(number / 4, 0.25)]
    counters = [events(one)[0]["heartbeat_counter"] for one in said if isinstance(one, bytes)]
    assert counters == list(range(counters[0], counters[0] + 10))
    assert all(VENUE.control(one).kind == "alive" for one in said if isinstance(one, bytes))


def test_limits_are_those_of_the_documents() -> None:
    keep_alive = coinbase.advanced().keep_alive
    assert (keep_alive.ping_interval_s, keep_alive.session_s, keep_alive.messages) == (None, math.inf, 8)


def test_trades_come_newest_first_with_the_makers_side_and_the_recent_ones_at_first() -> None:
    client = Client(rate=300)
    client.subscribe("ticker", "BTC-USD")
    client.play(2)
    _, first = client.subscribe("market_trades", "BTC-USD")
    [event] = events(first)
    ids = [int(trade["trade_id"]) for trade in event["trades"]]
    assert event["type"] == "snapshot"
    assert ids == list(range(ids[0], ids[0] - len(ids), -1))
    client.frames.clear()
    client.play(2)
    updates = [frame for frame in client.frames if b'"channel":"market_trades"' in frame]
    assert all(events(frame)[0]["type"] == "update" for frame in updates)
    assert 4 <= len(updates) <= 9
    trades = [trade for frame in (first, *updates) for trade in VENUE.decode("market_trades", frame)]
    known = {
        str(fill.trade_id): "BUY" if fill.maker == "sell" else "SELL"
        for fill in client.dialect.feeds["BTC-USD"].ledger.fills
    }
    assert {one.trade_id: one.side for one in trades if isinstance(one, Trade)}.items() <= known.items()


def test_what_the_adapter_reads_is_the_true_book_and_every_trade() -> None:
    client = Client(rate=300)
    client.play(1.5)
    [plan] = VENUE.plan(["BTC-USD"], ALL)
    for request in plan.requests:
        client.say(request)
    client.play(10)
    one, messages = Synchronizer(VENUE.continuity, pending_limit=10), []
    for frame in client.frames:
        route = VENUE.route(frame)
        if route is None:
            assert VENUE.control(frame).kind == "ack"
            continue
        for message in VENUE.decode(route.channel, frame):
            messages.append(message)
            if isinstance(message, BookImage):
                list(one.install(message))
            elif isinstance(message, BookDiff):
                assert one.offer(message)
    truth = client.live.books["BTC-USD"].truth()
    assert one.phase is Phase.LIVE
    for side, true in ((one.book.bids, truth.bids), (one.book.asks, truth.asks)):
        assert list(zip(*side.levels(), strict=True)) == [
            (price * UNIT // 100, lots * UNIT // 10**8) for price, lots in true
        ]
    ids = {int(message.trade_id) for message in messages if isinstance(message, Trade)}
    assert ids == set(range(min(ids), max(ids) + 1))
    assert truth.trades - len(ids) < 20  # those of the last 250 ms still wait
    ticker = [message for message in messages if isinstance(message, Ticker)][-1]
    bar = [message for message in messages if isinstance(message, Kline)][-1]
    assert (bar.interval, bar.open_time_micros % 300_000_000) == ("5m", 0)
    assert bar.low_price <= ticker.last_price <= bar.high_price
    assert bar.volume is not None
    assert 0 < bar.volume <= truth.traded_lots * UNIT // 10**8


def test_candles_begin_with_the_past_ones() -> None:
    client = Client(rate=50)
    client.play(310)
    _, first = client.subscribe("candles", "BTC-USD")
    starts = [int(candle["start"]) for candle in events(first)[0]["candles"]]
    assert len(starts) >= 2
    assert starts == sorted(starts, reverse=True)
    bars = VENUE.decode("candles", first)
    assert [bar.open_time_micros for bar in bars if isinstance(bar, Kline)] == sorted(
        start * 1_000_000 for start in starts
    )


def test_an_image_of_four_megabytes() -> None:
    client = Client()
    client.dialect.feeds["BTC-USD"].scenario("large_image")
    _, image = client.subscribe("level2", "BTC-USD")
    assert len(image) > 4_000_000
    assert VENUE.route(image) == Route("l2_data", "BTC-USD")
    [message] = VENUE.decode("l2_data", image)
    assert isinstance(message, BookImage)
    assert len(message.bids) + len(message.asks) > 45_000


def test_a_quantity_of_zero_may_be_written_otherwise() -> None:
    client = Client()
    client.subscribe("level2", "BTC-USD")
    client.dialect.feeds["BTC-USD"].scenario("zero", text="0")
    client.play(2)
    assert any(b'"new_quantity":"0"' in frame for frame in client.frames)
    assert not any(b'"new_quantity":"0.00000000"' in frame for frame in client.frames)


def test_a_scenario_there_is_not_names_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="large_image, sequence_jump, zero"):
        Client().dialect.feeds["BTC-USD"].scenario("auction")


def get(client: Client, path: str, **query: str) -> Response:
    request = Request("GET", f"/api/v3/brokerage{path}", query, b"", "10.0.0.1")
    return asyncio.run(client.dialect.answer(request, dict(client.live.books), RestFaults()))


@pytest.fixture(scope="module")
def played() -> Client:
    client = Client(rate=300)
    client.play(130)
    return client


def test_products_have_their_usdc_names_which_the_adapter_passes_over() -> None:
    client = Client()
    request = VENUE.instruments_request()
    body = get(client, request.path.removeprefix("/api/v3/brokerage"), **request.params).body
    assert {one["product_id"]: one["alias"] for one in json.loads(body)["products"]} == {
        "BTC-USD": "",
        "BTC-USDC": "BTC-USD",
        "ETH-USD": "",
        "ETH-USDC": "ETH-USD",
    }
    assert [one.symbol for one in VENUE.parse_instruments(body)] == ["BTC-USD", "ETH-USD"]
    assert json.loads(get(client, "/market/products/BTC-USDC").body)["alias"] == "BTC-USD"
    unknown = get(client, "/market/products/NOPE-USD")
    assert unknown.status == 404
    assert json.loads(unknown.body) == {"error": "NOT_FOUND", "message": "Product NOPE-USD not supported"}


def test_books_have_at_most_a_thousand_levels_and_no_number(played: Client) -> None:
    book = json.loads(get(played, "/market/product_book", product_id="BTC-USD", limit="5000").body)
    assert 250 <= len(book["pricebook"]["bids"]) <= 1000
    assert set(book["pricebook"]) == {"product_id", "bids", "asks", "time"}
    assert set(book["pricebook"]["bids"][0]) == {"price", "size"}
    few = json.loads(get(played, "/market/product_book", product_id="BTC-USD", limit="3").body)
    assert len(few["pricebook"]["asks"]) == 3
    assert float(few["spread_absolute"]) > 0
    assert get(played, "/market/product_book").status == 400
    assert get(played, "/market/product_book", product_id="NOPE-USD").status == 404


def test_trades_between_two_seconds_come_newest_first(played: Client) -> None:
    path = "/market/products/BTC-USD/ticker"
    start, end = START_MS // 1000 + 1, START_MS // 1000 + 2

    def trades(**query: str) -> list[tuple[str, str]]:
        answer = json.loads(get(played, path, limit="1000", **query).body)
        return [(trade["trade_id"], trade["time"]) for trade in answer["trades"]]

    between = trades(start=str(start), end=str(end))
    assert 1 <= len(between) <= 100
    assert [int(number) for number, _ in between] == sorted(
        (int(number) for number, _ in between), reverse=True
    )
    moments = [datetime.fromisoformat(moment).timestamp() for _, moment in between]
    assert start <= min(moments) <= max(moments) <= end
    assert trades(start=str(end + 100_000)) == []


def test_a_ticker_has_at_most_a_hundred_trades(played: Client) -> None:
    ticker = json.loads(get(played, "/market/products/BTC-USD/ticker", limit="1000").body)
    ids = [int(trade["trade_id"]) for trade in ticker["trades"]]
    assert ids == list(range(ids[0], ids[0] - 100, -1))
    assert float(ticker["best_bid"]) < float(ticker["best_ask"])


def test_candles_are_texts_newest_first(played: Client) -> None:
    path = "/market/products/BTC-USD/candles"
    candles = json.loads(get(played, path, granularity="ONE_MINUTE").body)["candles"]
    assert 2 <= len(candles) <= 4
    starts = [int(candle["start"]) for candle in candles]
    assert starts == sorted(starts, reverse=True)
    some = get(played, path, granularity="ONE_MINUTE", start=str(starts[1]), end=str(starts[1]))
    assert json.loads(some.body)["candles"] == candles[1:2]
    many = get(played, path, granularity="ONE_MINUTE", start="0", end=str(60 * 350))
    assert (many.status, "less than 350" in many.body.decode()) == (400, True)
    assert get(played, path, granularity="TWO_MINUTE").status == 400
