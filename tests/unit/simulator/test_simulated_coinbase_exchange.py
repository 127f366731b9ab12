"""Coinbase's Exchange feed as simulated: control messages, limits, scripted misbehaviour, and the true book read from it."""

from __future__ import annotations

import asyncio
import json
import math
from typing import Any

import pytest

from bookmill.errors import ConfigurationError, FrameError
from simulator import coinbase
from simulator.dialect import Close, HandshakeRefusedError
from simulator.faults import RestFault, RestFaults
from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.web import Request, Response
from streams.synchronizer import Phase, Synchronizer
from venues.coinbase import CoinbaseExchange
from venues.interface import Route, StreamOptions
from venues.messages import BestBidAsk, BookDiff, BookImage, Ticker, Trade

UNIT = 10**18
START_MS = 1_787_628_957_300
VENUE = CoinbaseExchange()
EMPTY = b'{"type":"subscriptions","channels":[]}'


class Client:
    """A market, and a connection to it that keeps all it is sent."""

    def __init__(self, symbols: tuple[str, ...] = ("BTC-USD", "ETH-USD"), rate: float = 3000) -> None:
        self.hub = Hub()
        self.dialect = coinbase.exchange()
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

    def subscribe(self, *channels: Any, products: tuple[str, ...] = ("BTC-USD",)) -> list[bytes]:
        return self.say({"type": "subscribe", "product_ids": list(products), "channels": list(channels)})

    def play(self, seconds: float) -> None:
        for _ in range(int(seconds * 100)):
            self.live.tick(self.time_ms)
            self.time_ms += 10

    def taken(self) -> list[dict[str, Any]]:
        frames, self.frames = [json.loads(frame) for frame in self.frames], []
        return frames


def refusal(reason: str) -> list[bytes]:
    error = {"type": "error", "message": "Failed to subscribe", "reason": reason}
    return [json.dumps(error, separators=(",", ":")).encode(), EMPTY]


def test_level2_batch_is_echoed_by_its_other_name_and_starts_with_an_image() -> None:
    state, image = Client().subscribe(
        "level2_batch", "heartbeat", {"name": "matches", "product_ids": ["ETH-USD"]}
    )
    assert json.loads(state) == {
        "type": "subscriptions",
        "channels": [
            {"name": "level2_50", "product_ids": ["BTC-USD"], "account_ids": None},
            {"name": "heartbeat", "product_ids": ["BTC-USD"], "account_ids": None},
            {"name": "matches", "product_ids": ["ETH-USD"], "account_ids": None},
        ],
    }
    assert image.startswith(b'{"type":"snapshot","product_id":"BTC-USD","asks":[["')
    assert b"time" not in image


@pytest.mark.parametrize("channel", ["level2", "level3", "full"])
def test_some_channels_need_authentication(channel: str) -> None:
    answers = Client().subscribe(channel, "matches")
    assert answers == refusal(
        "level2, level3, and full channels now require authentication. "
        "https://docs.cloud.coinbase.com/exchange/docs/websocket-auth"
    )
    assert VENUE.control(answers[0]).kind == "error"
    assert VENUE.control(answers[1]).kind == "ack"


def test_a_product_that_is_none_spoils_the_whole_message_and_no_other() -> None:
    client = Client()
    assert client.subscribe("matches", products=("BTC-USD", "CHZ-GBP")) == refusal(
        "CHZ-GBP is not a valid product"
    )
    assert Route("matches", "CHZ-GBP") in VENUE.control(client.frames[0]).refused
    [plan] = VENUE.plan(["CHZ-GBP", "BTC-USD"], StreamOptions())
    client.frames.clear()
    for request in plan.requests:
        client.say(request)
    assert {route for frame in client.frames if (route := VENUE.route(frame))} == {
        Route("level2_batch", "BTC-USD")
    }


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"type": "subscribe", "product_ids": ["BTC-USD"]}, "No channels provided"),
        ({"type": "subscribe", "channels": ["ticker"]}, " is not a valid product"),
        (
            {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["trades"]},
            "trades is not a valid channel",
        ),
    ],
)
def test_other_refusals(request_: dict[str, Any], reason: str) -> None:
    assert Client().say(request_) == refusal(reason)


@pytest.mark.parametrize("text", ["hello", "[]", '{"type":"hello"}', "{}"])
def test_what_is_no_request_is_an_error(text: str) -> None:
    error, state = Client().say(text)
    assert (json.loads(error)["type"], state) == ("error", EMPTY)


def test_unsubscribing_and_subscribing_anew_brings_a_new_image() -> None:
    client = Client()
    client.subscribe("level2_batch")
    client.play(1)
    off, on = VENUE.resubscribe("BTC-USD")
    assert client.say(off) == [EMPTY]
    client.frames.clear()
    client.play(0.5)
    assert client.frames == []
    assert [VENUE.route(frame) for frame in client.say(on)] == [None, Route("level2_batch", "BTC-USD")]


def test_a_second_subscription_is_an_error_and_brings_no_image() -> None:
    client = Client()
    client.subscribe("level2_batch")
    error, state = client.subscribe("level2_batch")
    assert json.loads(error)["type"] == "error"
    assert b"level2_50" in state


def test_who_does_not_subscribe_in_five_seconds_is_closed() -> None:
    client = Client()
    assert client.session.tick(4.9, 4.9) == ()
    assert isinstance(client.session.tick(5.0, 5.0)[0], Close)
    busy = Client()  # what is no subscription does not help
    answers = [busy.say("hello") and busy.session.tick(0.1, 0.1) for _ in range(20)]
    assert isinstance(answers[-1][0], Close)
    good = Client()
    good.subscribe("heartbeat")
    assert [good.session.tick(9.0 + number, 9.0) for number in range(30)] == [()] * 30


def test_limits_are_those_of_the_documents() -> None:
    keep_alive = coinbase.exchange().keep_alive
    assert (keep_alive.ping_interval_s, keep_alive.session_s, keep_alive.messages) == (None, math.inf, 100)
    client = Client()
    with pytest.raises(HandshakeRefusedError) as refused:
        for _ in range(21):
            client.dialect.open("/", client, client.hub)
    assert refused.value.status == 429
    with pytest.raises(HandshakeRefusedError):
        coinbase.exchange().open("/stream", client, client.hub)


def test_the_last_match_comes_first_and_matches_name_the_maker() -> None:
    client = Client()
    client.subscribe("ticker")
    client.play(3)
    tickers = [frame for frame in client.taken() if frame["type"] == "ticker"]
    _, first = client.subscribe("matches")
    client.play(1)
    last_match, *more = [frame for frame in client.taken() if frame["type"] in {"match", "last_match"}]
    assert json.loads(first) == last_match
    assert (last_match["type"], last_match["trade_id"]) == ("last_match", tickers[-1]["trade_id"])
    assert last_match["side"] != tickers[-1]["side"]  # the ticker's is the taker's
    assert {frame["type"] for frame in more} == {"match"}
    ids = [last_match["trade_id"], *(frame["trade_id"] for frame in more)]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    sequences = [frame["sequence"] for frame in more]
    assert sorted(set(sequences)) == sequences
    assert sequences[-1] - sequences[0] > len(sequences)  # holes are no loss
    [trade] = VENUE.decode("matches", first)
    assert isinstance(trade, Trade)
    assert trade.side == tickers[-1]["side"].upper()


def test_a_heartbeat_a_second_names_the_last_trade() -> None:
    client = Client()
    client.subscribe("heartbeat", "matches")
    client.play(5)
    frames = client.taken()
    heartbeats = [frame for frame in frames if frame["type"] == "heartbeat"]
    assert 4 <= len(heartbeats) <= 5
    before = frames[: frames.index(heartbeats[-1])]
    assert (
        heartbeats[-1]["last_trade_id"] == [one for one in before if one["type"] == "match"][-1]["trade_id"]
    )


def read(client: Client, one: Synchronizer) -> list[Any]:
    """What the venue makes of all frames; its books go into the synchronizer."""
    messages = []
    for frame in client.frames:
        route = VENUE.route(frame)
        if route is None:
            assert VENUE.control(frame).kind in {"ack", "alive"}
            continue
        for message in VENUE.decode(route.channel, frame):
            messages.append(message)
            if isinstance(message, BookImage):
                list(one.install(message))
            elif isinstance(message, BookDiff):
                assert one.offer(message)
    client.frames.clear()
    return messages


def truth_of(client: Client, levels: int | None = None) -> list[tuple[int, int]]:
    truth = client.live.books["BTC-USD"].truth()
    return [
        (price * UNIT // 100, lots * UNIT // 10**8)
        for side in (truth.bids, truth.asks)
        for price, lots in side[:levels]
    ]


def book_of(one: Synchronizer, levels: int | None = None) -> list[tuple[int, int]]:
    book = one.book
    return [pair for side in (book.bids, book.asks) for pair in zip(*side.levels(levels), strict=True)]


def test_what_the_adapter_reads_is_the_true_book_and_every_trade() -> None:
    client = Client()
    client.play(0.5)
    [plan] = VENUE.plan(["BTC-USD"], StreamOptions(("book", "best", "trades", "ticker")))
    for request in plan.requests:
        client.say(request)
    one = Synchronizer(VENUE.continuity, pending_limit=10)
    before = client.live.books["BTC-USD"].truth().trades
    client.play(5)
    messages = read(client, one)
    truth = client.live.books["BTC-USD"].truth()
    assert one.phase is Phase.LIVE
    assert book_of(one) == truth_of(client)
    trades = [message for message in messages if isinstance(message, Trade)]
    assert len(trades) - 1 == truth.trades - before > 20  # one is the last match
    tickers = [message for message in messages if isinstance(message, Ticker)]
    assert tickers[-1].last_price == trades[-1].price
    best = [message for message in messages if isinstance(message, BestBidAsk)]
    assert all(one.bid_price and one.ask_price for one in best)


@pytest.mark.parametrize("zero", ["0", "0.000"])
def test_a_size_of_zero_may_be_written_otherwise(zero: str) -> None:
    client = Client()
    client.subscribe("level2_batch")
    client.dialect.feeds["BTC-USD"].scenario("zero", text=zero)
    one = Synchronizer(VENUE.continuity, pending_limit=10)
    client.play(2)
    assert any(f'"{zero}"]'.encode() in frame for frame in client.frames)
    read(client, one)
    assert book_of(one) == truth_of(client)


def test_an_image_of_four_megabytes() -> None:
    client = Client()
    client.dialect.feeds["BTC-USD"].scenario("large_image")
    _, image = client.subscribe("level2_batch")
    assert len(image) > 4_000_000
    one = Synchronizer(VENUE.continuity, pending_limit=10)
    client.play(1)
    read(client, one)
    assert len(one.book.bids) > 80_000
    assert book_of(one, 200) == truth_of(client, 200)


def test_a_scenario_there_is_not_names_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="large_image"):
        Client().dialect.feeds["BTC-USD"].scenario("sequence_jump")


def test_symbols_are_products() -> None:
    dialect = coinbase.exchange()
    btc = dialect.instrument("BTC-USD")
    assert (btc.symbol, btc.price_decimals, btc.quantity_decimals) == ("BTC-USD", 2, 8)
    assert dialect.wire("BTC-USD") == "BTC-USD"
    with pytest.raises(ConfigurationError):
        dialect.instrument("BTCUSD")
    with pytest.raises(ConfigurationError):
        dialect.instrument("BTC-USD-261225")


def get(client: Client, path: str, faults: RestFaults | None = None, **query: str) -> Response:
    request = Request("GET", path, query, b"", "10.0.0.1")
    return asyncio.run(client.dialect.answer(request, dict(client.live.books), faults or RestFaults()))


@pytest.fixture(scope="module")
def played() -> Client:
    client = Client(rate=300)
    client.play(130)
    return client


def test_products_are_read_by_the_adapter() -> None:
    client = Client()
    request = VENUE.instruments_request()
    btc, eth = VENUE.parse_instruments(get(client, request.path, None, **request.params).body)
    assert (btc.symbol, eth.symbol, btc.trading) == ("BTC-USD", "ETH-USD", True)
    assert (btc.tick, btc.lot) == (UNIT // 100, UNIT // 10**8)
    assert json.loads(get(client, "/products/BTC-USD").body)["id"] == "BTC-USD"
    unknown = get(client, "/products/NOPE-USD")
    assert (unknown.status, unknown.body) == (404, b'{"message":"NotFound"}')


@pytest.mark.parametrize(("level", "levels"), [("1", 1), ("2", 250), ("3", 250)])
def test_books_have_rows_of_three_and_a_sequence(level: str, levels: int) -> None:
    client = Client()
    client.play(1)
    book = json.loads(get(client, "/products/BTC-USD/book", level=level).body)
    assert set(book) == {"bids", "asks", "sequence", "auction_mode", "auction", "time"}
    assert len(book["bids"]) == 1 if level == "1" else len(book["bids"]) >= levels
    assert {len(row) for row in book["bids"] + book["asks"]} == {3}
    assert isinstance(book["bids"][0][2], str if level == "3" else int)


def test_bad_calls_for_books() -> None:
    client = Client()
    assert get(client, "/products/BTC-USD/book", level="4").body == b'{"message":"unexpected level: _"}'
    assert get(client, "/products/NOPE-USD/book").status == 404
    assert get(client, "/nowhere").status == 404
    faults = RestFaults()
    faults.add(RestFault(status=503), 1)
    assert get(client, "/products/BTC-USD/book", faults).status == 503
    faults.add(RestFault(content="empty"), 1)
    assert json.loads(get(client, "/products/BTC-USD/book", faults).body)["bids"] == []


def test_trades_page_to_older_ones(played: Client) -> None:
    page = get(played, "/products/BTC-USD/trades", limit="10")
    trades = json.loads(page.body)
    ids = [trade["trade_id"] for trade in trades]
    assert ids == list(range(ids[0], ids[0] - 10, -1))
    assert page.headers == {"cb-before": str(ids[0]), "cb-after": str(ids[-1])}
    older = json.loads(get(played, "/products/BTC-USD/trades", limit="1", after=str(ids[-1])).body)
    assert older[0]["trade_id"] == ids[-1] - 1
    newer = json.loads(get(played, "/products/BTC-USD/trades", limit="5", before=str(ids[-1])).body)
    assert [trade["trade_id"] for trade in newer] == ids[:5]  # the newest of them, not the next
    assert {trade["side"] for trade in trades} <= {"buy", "sell"}


def test_candles_are_rows_of_numbers_newest_first(played: Client) -> None:
    rows = json.loads(get(played, "/products/BTC-USD/candles", granularity="60").body)
    assert 2 <= len(rows) <= 4
    assert [row[0] for row in rows] == sorted((row[0] for row in rows), reverse=True)
    for time_s, low, high, opened, close, volume in rows:
        assert time_s % 60 == 0
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert volume > 0
    some = json.loads(
        get(
            played,
            "/products/BTC-USD/candles",
            granularity="60",
            start=str(rows[1][0]),
            end="2026-08-25T04:00:00+00:00",
        ).body
    )
    assert some == rows[:2]
    bad = get(played, "/products/BTC-USD/candles", granularity="120")
    assert (bad.status, bad.body) == (400, b'{"message":"Unsupported granularity"}')
    many = get(played, "/products/BTC-USD/candles", granularity="60", start="0", end=str(60 * 301))
    assert b"exceeds 300" in many.body


def test_a_ticker_is_the_last_trade_and_the_best_prices(played: Client) -> None:
    ticker = json.loads(get(played, "/products/BTC-USD/ticker").body)
    truth = played.live.books["BTC-USD"].truth()
    assert float(ticker["bid"]) < float(ticker["ask"])
    assert abs(float(ticker["ask"]) - truth.asks[0][0] / 100) < 5
    assert float(ticker["volume"]) == pytest.approx(truth.traded_lots / 10**8, rel=0.02)  # told once a second


def test_more_than_a_burst_of_calls_is_refused_without_a_word_on_when() -> None:
    client = Client()
    answers = [get(client, "/time") for _ in range(40)]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(refused) > 10
    assert answers[14].status == 200
    assert (refused[0].body, refused[0].headers) == (b'{"message":"Public rate limit exceeded"}', {})
    assert client.dialect.rest_counts()["refused_429"] == len(refused)


def test_a_torn_frame_is_a_frame_error() -> None:
    client = Client()
    client.subscribe("level2_batch")
    client.hub.channel("level2_batch:BTC-USD").disturbances.append("corrupt")
    client.frames.clear()
    client.play(0.5)
    with pytest.raises(FrameError):
        VENUE.decode("level2_batch", client.frames[0])
