"""The simulated Kraken: control messages, books with their checksums, scenarios and REST, as documented (protocol page, 7 and 14.1)."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from bookmill.errors import ConfigurationError
from simulator.dialect import Close, HandshakeRefusedError
from simulator.faults import Faults, RestFault, RestFaults
from simulator.hub import Hub
from simulator.kraken import KrakenDialect, spot
from simulator.kraken_session import KrakenSession
from simulator.live import LiveMarket
from simulator.web import Request

START_MS = 1_790_358_480_000
SYMBOLS = ("BTC-USD", "ETH-USD")


class Client:
    """A connection whose every text is kept, in the order in which it is sent."""

    def __init__(self, dialect: KrakenDialect, hub: Hub) -> None:
        self.texts: list[bytes] = []
        self.session = dialect.open("/v2", self, hub)
        self.say({"method": "ping"})
        self.texts.clear()

    def queue(self, envelope: bytes, data_start: int) -> None:
        self.texts.append(self.session.frame(envelope, data_start))

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def say(self, request: Any) -> list[Any]:
        """Send a request; its answers, read."""
        message = request if isinstance(request, bytes) else json.dumps(request).encode()
        answers = self.session.receive(message)
        self.texts += answers
        return [json.loads(text) for text in answers]

    def subscribe(self, channel: str, *symbols: str, **params: Any) -> list[Any]:
        """The same for a subscription."""
        return self.say(
            {"method": "subscribe", "params": {"channel": channel, "symbol": symbols, **params}, "req_id": 7}
        )

    def unsubscribe(self, channel: str, *symbols: str, **params: Any) -> list[Any]:
        return self.say(
            {"method": "unsubscribe", "params": {"channel": channel, "symbol": symbols, **params}}
        )

    def frames(self, channel: str) -> list[Any]:
        """Frames of a channel so far, numbers as their texts."""
        read = [json.loads(text, parse_float=str) for text in self.texts]
        return [frame for frame in read if frame.get("channel") == channel]


class Market:
    """A market that is played by hand."""

    def __init__(self, *, rate: float = 3000, seed: int = 1) -> None:
        self.dialect, self.hub = spot(), Hub()
        instruments = [self.dialect.instrument(symbol) for symbol in SYMBOLS]
        self.live = LiveMarket(instruments, self.dialect, self.hub, rate=rate, seed=seed)
        self.time_ms = START_MS

    def client(self) -> Client:
        return Client(self.dialect, self.hub)

    def play(self, seconds: float) -> None:
        for _ in range(int(seconds * 100)):
            self.live.tick(self.time_ms)
            self.time_ms += 10

    def scenario(self, name: str, **arguments: Any) -> None:
        Faults(self.hub, RestFaults(), tuple, self.dialect.wire).scenario("BTC-USD", name, **arguments)

    def rest(self, call: str, faults: RestFaults | None = None, **query: str) -> Any:
        request = Request("GET", f"/0/public/{call}", query, b"", "127.0.0.1")
        answer = asyncio.run(self.dialect.answer(request, self.live.books, faults or RestFaults()))
        assert answer.status == 200
        return json.loads(answer.body)


class Book:
    """A client's book by the documents' recipe, with decimals."""

    def __init__(self, depth: int, decimals: tuple[int, int] = (1, 8)) -> None:
        self.depth = depth
        self.decimals = decimals
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def take(self, frame: Mapping[str, Any]) -> bool:
        """Apply a frame; whether its checksum is right."""
        [data] = frame["data"]
        for name, side in self.sides.items():
            if frame["type"] == "snapshot":
                side.clear()
            for level in data[name]:
                price, quantity = Decimal(level["price"]), Decimal(level["qty"])
                if quantity:
                    side[price] = quantity
                else:
                    side.pop(price, None)
            kept = self.best(name)[: self.depth]
            side.clear()
            side.update(kept)
        return bool(self.checksum() == data["checksum"])

    def best(self, name: str) -> list[tuple[Decimal, Decimal]]:
        return sorted(self.sides[name].items(), reverse=name == "bids")

    def checksum(self) -> int:
        texts = [
            format(value, f".{places}f").replace(".", "").lstrip("0")
            for name in ("asks", "bids")
            for level in self.best(name)[:10]
            for value, places in zip(level, self.decimals)
        ]
        return zlib.crc32("".join(texts).encode())


# Connecting and control.


def test_a_connection_begins_with_the_status_even_for_the_hasty() -> None:
    market = Market()
    waiting = market.dialect.open("/v2", market.client(), market.hub)
    [first] = waiting.tick(0.25, 0.25)
    assert isinstance(first, bytes)
    status = json.loads(first)
    assert (status["channel"], status["type"], status["data"][0]["system"]) == ("status", "update", "online")
    assert 2**63 <= status["data"][0]["connection_id"] < 2**64
    assert waiting.tick(0.5, 0.25) == []
    hasty = market.dialect.open("/v2?x=1", market.client(), market.hub)
    status_text, pong = hasty.receive(b'{"method":"ping","req_id":101}')
    assert json.loads(status_text)["channel"] == "status"
    answer = json.loads(pong)
    assert list(answer) == ["method", "req_id", "time_in", "time_out"]
    assert (answer["method"], answer["req_id"]) == ("pong", 101)
    assert hasty.tick(0.25, 0.25) == []


@pytest.mark.parametrize("target", ["/", "/v1", "/ws", "/v2/more"])
def test_there_is_nothing_on_other_paths(target: str) -> None:
    with pytest.raises(HandshakeRefusedError):
        spot().open(target, Market().client(), Hub())


def test_the_151st_connection_in_ten_minutes_is_refused_and_so_are_the_next() -> None:
    market = Market()
    for _ in range(150):
        market.client()
    for _ in range(3):
        with pytest.raises(HandshakeRefusedError) as refusal:
            market.client()
        assert refusal.value.status == 429


@pytest.mark.parametrize(
    ("channel", "params", "result"),
    [
        ("book", {"depth": 25}, {"channel": "book", "depth": 25, "snapshot": True}),
        ("book", {"snapshot": False}, {"channel": "book", "depth": 10, "snapshot": False}),
        (
            "ticker",
            {"event_trigger": "bbo"},
            {"channel": "ticker", "event_trigger": "bbo", "snapshot": True},
        ),
        ("ticker", {}, {"channel": "ticker", "event_trigger": "trades", "snapshot": True}),
        ("trade", {}, {"channel": "trade", "snapshot": False}),
        (
            "ohlc",
            {"interval": 5, "snapshot": False},
            {
                "channel": "ohlc",
                "interval": 5,
                "snapshot": False,
                "warnings": ["timestamp is deprecated, use interval_begin"],
            },
        ),
    ],
)
def test_each_symbol_is_acknowledged_and_begins_with_its_snapshot(
    channel: str, params: dict[str, Any], result: dict[str, Any]
) -> None:
    answers = Market().client().subscribe(channel, "BTC/USD", "ETH/USD", **params)
    acks = [answer for answer in answers if "method" in answer]
    assert [ack["result"] for ack in acks] == [
        {**result, "symbol": symbol} for symbol in ("BTC/USD", "ETH/USD")
    ]
    for ack in acks:
        assert list(ack) == ["method", "req_id", "result", "success", "time_in", "time_out"]
        assert list(ack["result"]) == sorted(ack["result"])
        assert (ack["method"], ack["req_id"], ack["success"]) == ("subscribe", 7, True)
    images = [(each["channel"], each["type"]) for each in answers if "method" not in each]
    assert images == ([(channel, "snapshot")] * 2 if result["snapshot"] else [])


@pytest.mark.parametrize(
    ("channel", "symbol", "params", "error"),
    [
        ("book", "XBT/USD", {}, "Currency pair not supported XBT/USD"),
        ("trade", "NOPE/USD", {}, "Currency pair not supported NOPE/USD"),
        ("book", "XBTUSD", {}, "Currency pair not in ISO 4217-A3 format XBTUSD"),
    ],
)
def test_a_refusal_names_its_symbol_outside_of_a_result_and_the_others_go_on(
    channel: str, symbol: str, params: dict[str, Any], error: str
) -> None:
    refusal, ack, *_ = Market().client().subscribe(channel, symbol, "BTC/USD", **params)
    assert list(refusal) == ["error", "method", "req_id", "success", "symbol", "time_in", "time_out"]
    assert (refusal["error"], refusal["symbol"], refusal["success"]) == (error, symbol, False)
    assert ack["result"]["symbol"] == "BTC/USD"


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (
            {"method": "subscribe", "params": {"channel": "executions"}},
            "Private data and trading are unavailable on this endpoint. Try ws-auth.kraken.com",
        ),
        (
            {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/USD"], "depth": 27}},
            "Subscription depth not supported",
        ),
        (
            {"method": "subscribe", "params": {"channel": "ohlc", "symbol": ["BTC/USD"], "interval": 127}},
            "Subscription ohlc interval not supported",
        ),
        ({"method": "subscribe", "params": {"channel": "books", "symbol": []}}, "Subscription name invalid"),
        (
            {"method": "subscribe", "params": {"channel": "trade", "symbol": "BTC/USD"}},
            "Pair field must be an array",
        ),
        ({"method": "subscribe"}, "Malformed request"),
        ({"method": "dance"}, "Malformed request"),
        ([], "Malformed request"),
        (b"hello", "Malformed request"),
        (b"\xff", "Malformed request"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_answered_once(request_: Any, error: str) -> None:
    [answer] = Market().client().say(request_)
    assert (answer["error"], answer["success"], "symbol" in answer) == (error, False, False)


def test_nothing_can_be_subscribed_to_twice_nor_at_two_depths() -> None:
    client = Market().client()
    client.subscribe("book", "BTC/USD", depth=10)
    for depth in (10, 25):
        [answer] = client.subscribe("book", "BTC/USD", depth=depth)
        assert (answer["error"], answer["symbol"]) == ("Already subscribed", "BTC/USD")
    client.subscribe("ohlc", "BTC/USD", interval=1)
    assert client.subscribe("ohlc", "BTC/USD", interval=5)[0]["success"]
    assert client.subscribe("ohlc", "BTC/USD", interval=1)[0]["error"] == "Already subscribed"


def test_unsubscribing_ends_a_stream_and_subscribing_anew_brings_a_new_snapshot() -> None:
    market = Market()
    client = market.client()
    client.subscribe("book", "BTC/USD", depth=10)
    market.play(1)
    assert client.unsubscribe("book", "BTC/USD", depth=25)[0]["error"] == "Subscription Not Found"
    [answer] = client.unsubscribe("book", "BTC/USD", depth=10)
    assert (answer["success"], answer["method"]) == (True, "unsubscribe")
    so_far = len(client.texts)
    market.play(1)
    assert len(client.texts) == so_far
    _, image = client.subscribe("book", "BTC/USD", depth=10)
    assert (image["type"], len(image["data"][0]["bids"])) == ("snapshot", 10)
    market.play(0.5)
    book = Book(10)
    assert all(book.take(frame) for frame in client.frames("book")[-5:] if frame["type"] == "snapshot")


def test_the_eleventh_message_of_a_second_is_refused_and_the_connection_stays() -> None:
    market, now = Market(), [0.0]
    client = market.client()
    session = KrakenSession(client, market.hub, market.dialect._exchange, clock=lambda: now[0])
    for _ in range(10):
        assert b"pong" in session.receive(b'{"method":"ping"}')[-1]
    refusal = json.loads(session.receive(b'{"method":"ping"}')[-1])
    assert (refusal["error"], refusal["success"]) == ("Exceeded msg rate", False)
    now[0] = 1.0
    assert b"pong" in session.receive(b'{"method":"ping"}')[-1]


def test_heartbeats_come_after_the_first_subscription_when_it_is_quiet_for_a_second() -> None:
    client = Market().client()
    assert client.session.tick(5.0, 5.0) == []
    client.subscribe("trade", "NOPE/USD")
    assert client.session.tick(5.0, 5.0) == []
    client.subscribe("trade", "BTC/USD")
    assert client.session.tick(5.0, 0.75) == []
    assert client.session.tick(5.0, 1.0) == [b'{"channel":"heartbeat"}']
    client.unsubscribe("trade", "BTC/USD")
    assert client.session.tick(5.0, 1.25) == [b'{"channel":"heartbeat"}']


def test_a_connection_without_traffic_ends_after_a_minute() -> None:
    client = Market().client()
    assert client.session.tick(59.9, 59.9) == []
    assert client.session.tick(100.0, 30.0) == []
    assert client.session.tick(30.0, 100.0) == []
    assert client.session.tick(60.0, 60.0) == [Close(1006)]


# Books.


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
def test_every_checksum_is_right_and_the_book_ends_as_the_true_one(depth: int) -> None:
    market = Market()
    client = market.client()
    client.subscribe("book", "BTC/USD", depth=depth)
    market.play(3)
    frames, book = client.frames("book"), Book(depth)
    assert len(frames) > 20
    assert all(book.take(frame) for frame in frames)
    truth = market.live.books["BTC/USD"].truth()
    for name, side in (("bids", truth.bids), ("asks", truth.asks)):
        true = [(Decimal(price).scaleb(-1), Decimal(lots).scaleb(-8)) for price, lots in side[:depth]]
        assert book.best(name) == true


def test_levels_leave_a_window_unspoken_and_are_told_again_when_they_are_back() -> None:
    market = Market()
    client = market.client()
    client.subscribe("book", "BTC/USD", depth=10)
    market.play(10)
    shown: set[Decimal] = set()
    gone: set[Decimal] = set()
    left = back = 0
    book = Book(10)
    for frame in client.frames("book"):
        told = {Decimal(level["price"]): Decimal(level["qty"]) for level in frame["data"][0]["bids"]}
        assert book.take(frame)
        now = set(book.sides["bids"])
        assert now - shown <= told.keys()
        left += len((shown - now) - told.keys())
        gone |= (shown - now) - told.keys()
        back += len(gone & now)
        gone -= now
        shown = now
    assert left > 10
    assert back > 10


def test_a_client_that_keeps_what_has_left_is_wrong_in_the_end() -> None:
    market = Market()
    client = market.client()
    client.subscribe("book", "BTC/USD", depth=10)
    market.play(10)
    greedy = Book(1000)
    assert not all(greedy.take(frame) for frame in client.frames("book"))


def test_all_numbers_keep_their_trailing_zeros() -> None:
    market = Market()
    client = market.client()
    client.subscribe("book", "BTC/USD", "ETH/USD", depth=1000)
    market.play(2)
    places: dict[str, set[tuple[int, int]]] = {"BTC/USD": set(), "ETH/USD": set()}
    zeros = 0
    for frame in client.frames("book"):
        for level in frame["data"][0]["bids"] + frame["data"][0]["asks"]:
            texts = (level["price"], level["qty"])
            places[frame["data"][0]["symbol"]].add(tuple(len(text.partition(".")[2]) for text in texts))  # type: ignore[arg-type]
            zeros += level["qty"].endswith("0")
    assert places == {"BTC/USD": {(1, 8)}, "ETH/USD": {(2, 8)}}
    assert zeros > 50


def test_times_of_a_book_never_repeat_nor_go_back() -> None:
    market = Market()
    client = market.client()
    client.subscribe("book", "BTC/USD", depth=1000)
    market.play(3)
    times = [frame["data"][0]["timestamp"] for frame in client.frames("book")[1:]]
    assert times == sorted(set(times))
    assert all(len(time) == len("2026-09-25T17:48:24.799230Z") for time in times)


def test_the_same_seed_is_the_same_market() -> None:
    def texts(seed: int) -> list[bytes]:
        market = Market(seed=seed)
        client = market.client()
        market.play(0.1)
        client.subscribe("book", "BTC/USD", depth=100)
        client.texts.clear()
        client.subscribe("trade", "BTC/USD", snapshot=True)
        client.texts.clear()
        market.play(1)
        return client.texts

    assert texts(3) == texts(3) != texts(4)


# Scenarios.


def played(name: str, *, depth: int = 10, seconds: float = 1, **arguments: Any) -> tuple[Market, list[Any]]:
    """Frames of a book: a second as always, then with the scenario."""
    market = Market()
    client = market.client()
    client.subscribe("book", "BTC/USD", depth=depth)
    market.play(1)
    before = len(client.frames("book"))
    market.scenario(name, **arguments)
    market.play(seconds)
    frames = client.frames("book")
    return market, [frames[:before], frames[before:]]


def test_a_wrong_checksum_is_said_as_often_as_asked() -> None:
    _, (before, after) = played("wrong_checksum", count=2)
    book = Book(10)
    assert all(book.take(frame) for frame in before)
    assert [book.take(frame) for frame in after[:4]] == [False, False, True, True]


def test_a_price_comes_several_times_in_one_update_and_the_last_entry_holds() -> None:
    _, (before, after) = played("twice")
    data = after[0]["data"][0]
    prices = [level["price"] for level in data["bids"] + data["asks"]]
    assert len(prices) > len(set(prices))
    book = Book(10)
    assert all(book.take(frame) for frame in before + after)


def test_zeros_are_spelled_short() -> None:
    _, (before, after) = played("short_zeros", count=3)
    texts = [level["qty"] for frame in after for side in ("bids", "asks") for level in frame["data"][0][side]]
    assert "0.0" in texts
    assert "0.00000000" in texts
    book = Book(10)
    assert all(book.take(frame) for frame in before + after)


@pytest.mark.parametrize("levels", [3, 0])
def test_a_market_has_less_than_ten_levels_and_more_again(levels: int) -> None:
    market = Market()
    client = market.client()
    client.subscribe("book", "BTC/USD", depth=10)
    market.scenario("thin", levels=levels)
    market.play(2)
    book = Book(10)
    assert all(book.take(frame) for frame in client.frames("book"))
    assert (len(book.sides["bids"]), len(book.sides["asks"])) == (levels, levels)
    late = market.client()
    late.subscribe("book", "BTC/USD", depth=10)
    assert len(late.frames("book")[0]["data"][0]["bids"]) == levels
    market.scenario("thin", levels=None)
    market.play(2)
    for each in (client, late):
        book = Book(10)
        assert all(book.take(frame) for frame in each.frames("book"))
        assert len(book.sides["bids"]) == 10
    truth = market.live.books["BTC/USD"].truth()
    assert book.best("asks")[0][0] == Decimal(truth.asks[0][0]).scaleb(-1)


def test_a_deep_market_has_an_edge_at_a_thousand_levels_too() -> None:
    market, (before, after) = played("deep", depth=1000, seconds=4)
    book = Book(1000)
    assert all(book.take(frame) for frame in before + after)
    assert (len(book.sides["bids"]), len(book.sides["asks"])) == (1000, 1000)
    deletes = {
        level["price"] for frame in after for level in frame["data"][0]["bids"] if not float(level["qty"])
    }
    far = [price for price, quantity in book.best("bids") if quantity == Decimal("0.00000007")]
    assert len(far) > 100
    assert not {str(price) for price in far} & deletes
    market.scenario("deep", levels=0)
    late = market.client()
    late.subscribe("book", "BTC/USD", depth=1000)
    market.play(1)
    book = Book(1000)
    assert all(book.take(frame) for frame in late.frames("book"))
    truth = market.live.books["BTC/USD"].truth()
    assert len(book.sides["bids"]) == len(truth.bids) < 1000


def test_numbers_get_more_decimals_and_checksums_are_of_those() -> None:
    market, (before, after) = played("precision", price_decimals=2, quantity_decimals=8)
    book = Book(10)
    assert all(book.take(frame) for frame in before)
    book.decimals = (2, 8)
    assert all(book.take(frame) for frame in after)
    pair = market.rest("AssetPairs", pair="BTC/USD")["result"]["XXBTZUSD"]
    assert (pair["pair_decimals"], pair["tick_size"]) == (2, "0.01")
    market.scenario("precision")
    assert market.rest("AssetPairs", pair="XBTUSD")["result"]["XXBTZUSD"]["tick_size"] == "0.1"
    with pytest.raises(ConfigurationError):
        market.scenario("precision", price_decimals=0)


def test_the_systems_state_is_told_to_every_connection_once() -> None:
    market = Market()
    clients = [market.client(), market.client()]
    market.scenario("system", state="maintenance")
    for client in clients:
        [status] = client.session.tick(1.0, 1.0)
        assert isinstance(status, bytes)
        assert b'"system":"maintenance"' in status
        assert client.session.tick(1.25, 0.25) == []
    with pytest.raises(ConfigurationError, match="post_only"):
        market.scenario("system", state="tired")


def test_an_unknown_scenario_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="wrong_checksum"):
        Market().scenario("explode")


# Trades, tickers, bars.


def test_trades_are_numbered_without_holes_and_several_may_come_in_a_frame() -> None:
    market = Market()
    client = market.client()
    client.subscribe("trade", "BTC/USD")
    market.play(3)
    frames = client.frames("trade")
    trades = [trade for frame in frames for trade in frame["data"]]
    assert len(trades) > len(frames) > 50
    ids = [trade["trade_id"] for trade in trades]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert {trade["side"] for trade in trades} == {"buy", "sell"}
    truth = market.live.books["BTC/USD"].truth()
    assert len(trades) == truth.trades
    assert sum(Decimal(trade["qty"]) for trade in trades) == Decimal(truth.traded_lots).scaleb(-8)
    late = market.client()
    image = late.subscribe("trade", "BTC/USD", snapshot=True)[1]
    assert [trade["trade_id"] for trade in image["data"]] == ids[-50:]


def test_a_ticker_comes_with_trades_or_with_the_best_prices() -> None:
    market = Market()
    by_trades, by_prices, trades = market.client(), market.client(), market.client()
    by_trades.subscribe("ticker", "BTC/USD")
    by_prices.subscribe("ticker", "BTC/USD", event_trigger="bbo")
    trades.subscribe("trade", "BTC/USD")
    market.play(3)
    assert len(by_trades.frames("ticker")) == len(trades.frames("trade")) + 1
    frames = by_prices.frames("ticker")
    assert len(frames) > 100
    bests = [
        tuple(frame["data"][0][name] for name in ("bid", "bid_qty", "ask", "ask_qty")) for frame in frames
    ]
    assert all(one != other for one, other in pairwise(bests[1:]))
    last, trade = by_trades.frames("ticker")[-1]["data"][0], trades.frames("trade")[-1]["data"][-1]
    assert (last["last"], last["symbol"]) == (trade["price"], "BTC/USD")
    assert Decimal(last["low"]) <= Decimal(last["vwap"]) <= Decimal(last["high"])
    truth = market.live.books["BTC/USD"].truth()
    assert last["trades"] == truth.trades
    assert Decimal(last["volume"]) == Decimal(truth.traded_lots).scaleb(-8)


def test_bars_follow_trades_and_a_snapshot_has_those_before() -> None:
    market = Market(rate=200)
    client, trades = market.client(), market.client()
    client.subscribe("ohlc", "BTC/USD", interval=1)
    trades.subscribe("trade", "BTC/USD")
    market.play(130)
    bars: dict[str, Any] = {}
    for frame in client.frames("ohlc")[1:]:
        [bar] = frame["data"]
        bars[bar["interval_begin"]] = bar
    assert len(bars) == 3
    told = [trade for frame in trades.frames("trade") for trade in frame["data"]]
    for begin, bar in bars.items():
        inside = [trade for trade in told if trade["timestamp"][:16] == begin[:16]]
        prices = [Decimal(trade["price"]) for trade in inside]
        shown = [Decimal(bar[name]) for name in ("open", "high", "low", "close")]
        assert shown == [prices[0], max(prices), min(prices), prices[-1]]
        assert (bar["trades"], Decimal(bar["volume"])) == (
            len(inside),
            sum(Decimal(trade["qty"]) for trade in inside),
        )
        assert begin.endswith(":00.000000000Z")
    image = market.client().subscribe("ohlc", "BTC/USD", interval=1)[1]
    assert [bar["interval_begin"] for bar in image["data"]] == sorted(bars)


# REST.


def test_pairs_are_listed_by_their_names_of_old() -> None:
    answer = Market().rest("AssetPairs")
    assert answer["error"] == []
    pairs = answer["result"]
    assert set(pairs) == {"XXBTZUSD", "XETHZUSD"}
    bitcoin = pairs["XXBTZUSD"]
    assert (bitcoin["wsname"], bitcoin["altname"]) == ("XBT/USD", "XBTUSD")
    assert (bitcoin["base"], bitcoin["quote"], bitcoin["status"]) == ("XXBT", "ZUSD", "online")
    assert (bitcoin["pair_decimals"], bitcoin["lot_decimals"], bitcoin["tick_size"]) == (1, 8, "0.1")


@pytest.mark.parametrize(
    ("pair", "name"), [("BTC/USD", "BTC/USD"), ("XBTUSD", "XXBTZUSD"), ("XXBTZUSD", "XXBTZUSD")]
)
def test_answers_are_keyed_by_the_name_asked_for_or_the_pairs_own(pair: str, name: str) -> None:
    market = Market()
    for call in ("Depth", "Ticker", "OHLC", "Trades"):
        assert name in market.rest(call, pair=pair)["result"]


def test_a_book_has_no_sequence_and_at_most_500_levels() -> None:
    market = Market()
    market.play(1)
    book = market.rest("Depth", pair="BTC/USD", count="9999")["result"]["BTC/USD"]
    assert set(book) == {"asks", "bids"}
    assert 200 < len(book["bids"]) <= 500
    price, quantity, second = book["asks"][0]
    assert (len(price.partition(".")[2]), len(quantity.partition(".")[2]), type(second)) == (1, 8, int)
    assert len(market.rest("Depth", pair="BTC/USD")["result"]["BTC/USD"]["asks"]) == 100


def test_trades_are_found_behind_a_time() -> None:
    market = Market()
    market.play(2)
    answer = market.rest("Trades", pair="BTC/USD", count="10")["result"]
    rows = answer["BTC/USD"]
    assert len(rows) == 10
    _, _, second, side, kind, misc, trade_id = rows[-1]
    assert (type(second), side in {"b", "s"}, kind in {"m", "l"}, misc) == (float, True, True, "")
    market.play(1)
    ids, last = [], answer["last"]
    for _ in range(5):  # a cursor never passes over one of many trades of a moment
        answer = market.rest("Trades", pair="BTC/USD", since=last, count="7")["result"]
        ids += [row[6] for row in answer["BTC/USD"]]
        last = answer["last"]
    assert ids == list(range(trade_id + 1, trade_id + 36))


def test_bars_by_rest_end_with_the_one_at_hand() -> None:
    market = Market(rate=200)
    market.play(130)
    answer = market.rest("OHLC", pair="BTC/USD", interval="1")["result"]
    rows = answer["BTC/USD"]
    assert len(rows) == 3
    assert answer["last"] == rows[-2][0]
    assert len(rows[0]) == 8
    assert market.rest("OHLC", pair="BTC/USD", since=str(rows[0][0]))["result"]["BTC/USD"] == rows[1:]


@pytest.mark.parametrize(
    ("call", "query", "error"),
    [
        ("Depth", {"pair": "XBT/USD"}, "EQuery:Unknown asset pair"),
        ("AssetPairs", {"pair": "BTC/USD,NOPE"}, "EQuery:Unknown asset pair"),
        ("Depth", {}, "EGeneral:Invalid arguments"),
        ("Depth", {"pair": "BTC/USD", "count": "ten"}, "EGeneral:Invalid arguments:count"),
        ("OHLC", {"pair": "BTC/USD", "interval": "7"}, "EGeneral:Invalid arguments:interval"),
        ("Nothing", {}, "EGeneral:Unknown method"),
    ],
)
def test_errors_come_with_status_200(call: str, query: dict[str, str], error: str) -> None:
    assert Market().rest(call, **query) == {"error": [error]}


def test_too_many_calls_are_refused_with_status_200_too() -> None:
    market = Market()
    for _ in range(15):
        assert market.rest("Time")["error"] == []
    assert market.rest("SystemStatus") == {"error": ["EAPI:Rate limit exceeded"]}
    assert market.dialect.rest_counts()["refused_rate"] == 1


def test_books_by_rest_can_be_empty() -> None:
    market, faults = Market(), RestFaults()
    faults.add(RestFault(content="empty"), 1)
    assert market.rest("Depth", faults, pair="BTC/USD")["result"]["BTC/USD"] == {"asks": [], "bids": []}


@pytest.mark.parametrize(
    ("symbol", "decimals"), [("BTC-USD", (1, 8)), ("DOGE-USD", (7, 8)), ("SIM0001-USD", (3, 8))]
)
def test_any_pair_can_be_listed(symbol: str, decimals: tuple[int, int]) -> None:
    dialect = spot()
    instrument = dialect.instrument(symbol)
    assert (instrument.price_decimals, instrument.quantity_decimals) == decimals
    assert instrument.start_price > 2000
    assert dialect.wire(symbol) == symbol.replace("-", "/")
    with pytest.raises(ConfigurationError):
        dialect.wire("BTCUSD")
