"""What the simulated Bybit streams, and that our adapter, written apart from it, builds the true books of it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from bookmill.book import Book
from bookmill.errors import ConfigurationError
from simulator.bybit_books import Batches, BookStream
from simulator.bybit_figures import bucket
from simulator.bybit_wire import Wire, list_instrument
from simulator.feed import Feed, Truth
from simulator.hub import Hub
from tests.unit.simulator.bybit_client import START_MS, Client, Exchange
from venues.bybit import BybitInverse, BybitLinear, BybitSpot
from venues.interface import CHANNELS, StreamOptions, Verdict
from venues.messages import BestBidAsk, BookDiff, BookImage, Derivative, Kline, Liquidation, Ticker, Trade
from venues.numbers import ScaledNumbers, plain_text

ADAPTERS = {"spot": BybitSpot(), "linear": BybitLinear(), "inverse": BybitInverse()}
FIRST = {"spot": "BTCUSDT", "linear": "BTCUSDT", "inverse": "BTCUSD"}
MARKETS = pytest.mark.parametrize("market", list(ADAPTERS))


def levels(exchange: Exchange, wire: str, side: str) -> list[tuple[int, int]]:
    """The true book, as scaled ints."""
    scaled, names = ScaledNumbers(), Wire(exchange.market, exchange.live.books[wire].instrument)  # type: ignore[arg-type]
    return [
        (scaled[names.price(price)], scaled[names.quantity(lots)])
        for price, lots in getattr(exchange.live.books[wire].truth(), side)
    ]


class Follower:
    """Our adapter's book of one instrument; ``verdicts`` of all diffs."""

    def __init__(self, market: str) -> None:
        self.venue = ADAPTERS[market]
        self.book = Book()
        self.last = -1
        self.images = 0
        self.verdicts: list[Verdict] = []

    def read(self, frames: list[bytes]) -> None:
        for frame in frames:
            route = self.venue.route(frame)
            assert route is not None
            for message in self.venue.decode(route.channel, frame):
                if isinstance(message, BookImage):
                    self.images += 1
                    self.book.replace(message.bids, message.asks)
                    self.last = message.last_id
                elif isinstance(message, BookDiff):
                    verdict = self.venue.continuity.follow(self.last, message)
                    self.verdicts.append(verdict)
                    if verdict is Verdict.APPLY:
                        self.book.apply(message.bids, message.asks)
                        self.last = message.last_id

    def sides(self) -> list[list[tuple[int, int]]]:
        return [list(zip(*side.levels())) for side in (self.book.bids, self.book.asks)]


@MARKETS
@pytest.mark.parametrize("joined_s", [0, 1.55])
def test_a_subscriber_builds_the_true_book_whenever_it_comes(market: str, joined_s: float) -> None:
    exchange, wire, follower = Exchange(market), FIRST[market], Follower(market)
    exchange.play(joined_s)
    client = Client(exchange)
    assert client.subscribe(f"orderbook.1000.{wire}")["success"]
    exchange.play(3)
    follower.read(client.raw)
    assert follower.images == 1
    assert len(follower.verdicts) > 20
    assert set(follower.verdicts) == {Verdict.APPLY}
    assert follower.last == exchange.live.books[wire].truth().update_id
    assert follower.sides() == [levels(exchange, wire, "bids"), levels(exchange, wire, "asks")]


@MARKETS
@pytest.mark.parametrize("depth", [50, 200])
def test_a_window_is_exactly_the_best_levels(market: str, depth: int) -> None:
    exchange, wire = Exchange(market), FIRST[market]
    client = Client(exchange)
    client.subscribe(f"orderbook.{depth}.{wire}")
    exchange.play(4)
    snapshot, *deltas = client.frames(f"orderbook.{depth}.{wire}")
    assert len(snapshot["data"]["b"]) == depth
    books: dict[str, dict[str, str]] = {side: dict(snapshot["data"][side]) for side in "ba"}
    last = snapshot["data"]["u"]
    for delta in deltas:
        assert (delta["type"], delta["data"]["u"]) == ("delta", last + 1)
        last += 1
        for side in "ba":
            for price, quantity in delta["data"][side]:
                if quantity == "0":
                    del books[side][price]  # told only of what was shown
                else:
                    books[side][price] = quantity
            assert len(books[side]) == depth
    assert len(deltas) > 20
    follower = Follower(market)
    follower.read(client.raw)
    assert follower.sides() == [levels(exchange, wire, side)[:depth] for side in ("bids", "asks")]


def test_a_change_outside_of_a_window_is_not_told_and_not_counted() -> None:
    exchange = Exchange("linear", "BTC-USDT")
    client, wire = Client(exchange), Wire("linear", list_instrument("linear", "BTC-USDT"))
    channel = exchange.hub.channel("orderbook.50.BTCUSDT")
    stream = BookStream(wire, channel, 2, Batches(7))
    exchange.hub.subscribe(client, channel.name)
    stream.publish(({10: 1, 9: 1, 8: 1}, {11: 1}), ({8: 0, 7: 5}, {}), 1, 1)
    assert client.raw == []
    stream.publish(({10: 1, 9: 1, 7: 5}, {11: 1}), ({10: 0}, {}), 1, 1)
    [told] = map(json.loads, client.raw)
    assert told["data"]["u"] == 8
    assert told["data"]["b"] == [["1.00", "0"], ["0.70", "0.005"]]


@MARKETS
def test_key_order_is_the_markets(market: str) -> None:
    exchange, wire = Exchange(market), FIRST[market]
    client = Client(exchange)
    for topic in (f"orderbook.50.{wire}", f"orderbook.1.{wire}"):
        client.subscribe(topic)
    deep, best = (list(json.loads(frame)) for frame in client.raw)
    assert deep[1] == ("ts" if market == "spot" else "type")
    assert best[1] == "ts"


@MARKETS
def test_every_topic_of_a_plan_flows_and_decodes(market: str) -> None:
    exchange, venue = Exchange(market, rate=300), ADAPTERS[market]
    client = Client(exchange)
    wires = list(exchange.live.books)
    [plan] = venue.plan(wires, StreamOptions(CHANNELS, kline_intervals=("1m", "1h", "1d", "1w")))
    for request in plan.requests:
        assert venue.control(json.dumps(client.say(json.loads(request))).encode()).kind == "ack"
    exchange.play(16)
    seen = set()
    kinds: dict[type, int] = {}
    for frame in client.raw:
        route = venue.route(frame)
        assert route is not None
        seen.add(route)
        for message in venue.decode(route.channel, frame):
            kinds[type(message)] = kinds.get(type(message), 0) + 1
    assert seen == set(plan.routes)
    assert set(kinds) == {BookImage, BookDiff, BestBidAsk, Trade, Ticker, Kline} | (
        set() if market == "spot" else {Derivative, Liquidation}
    )


@MARKETS
def test_trades_are_all_there_with_takers_sides_and_ids_of_their_own(market: str) -> None:
    exchange, wire, venue = Exchange(market), FIRST[market], ADAPTERS[market]
    client = Client(exchange)
    client.subscribe(f"publicTrade.{wire}")
    exchange.play(3)
    trades = [one for frame in client.raw for one in venue.decode("publicTrade", frame)]
    truth, instrument = exchange.live.books[wire].truth(), exchange.live.books[wire].instrument
    assert (
        len(trades) == len({trade.trade_id for trade in trades if isinstance(trade, Trade)}) == truth.trades
    )
    lots = sum(trade.quantity for trade in trades if isinstance(trade, Trade))
    assert lots == truth.traded_lots * 10 ** (18 - instrument.quantity_decimals)
    assert {trade.side for trade in trades if isinstance(trade, Trade)} == {"BUY", "SELL"}
    seqs = [item["seq"] for frame in client.frames(f"publicTrade.{wire}") for item in frame["data"]]
    assert seqs == sorted(seqs)


def test_a_match_of_1500_trades_is_two_frames_of_one_seq() -> None:
    exchange = Exchange("linear")
    client = Client(exchange)
    client.subscribe("publicTrade.BTCUSDT")
    exchange.scenario("BTCUSDT", "split_trade", trades=1500)
    first, second = client.frames("publicTrade.BTCUSDT")
    assert (len(first["data"]), len(second["data"])) == (1024, 476)
    assert len({trade["seq"] for frame in (first, second) for trade in frame["data"]}) == 1
    assert len({trade["i"] for frame in (first, second) for trade in frame["data"]}) == 1500


def test_level_one_is_repeated_after_three_quiet_seconds_with_the_same_u() -> None:
    exchange = Exchange("spot")
    client = Client(exchange)
    exchange.play(0.5)
    client.subscribe("orderbook.1.BTCUSDT")
    exchange.pass_time(2)
    assert len(client.frames("orderbook.1.BTCUSDT")) == 1
    exchange.pass_time(7)
    first, *repeated = client.frames("orderbook.1.BTCUSDT")
    assert len(repeated) == 2
    for frame in repeated:
        assert (frame["type"], frame["data"]) == ("snapshot", first["data"])
        assert frame["ts"] > first["ts"]


@MARKETS
def test_a_snapshot_in_mid_stream_wins(market: str) -> None:
    exchange, wire, follower = Exchange(market), FIRST[market], Follower(market)
    client = Client(exchange)
    client.subscribe(f"orderbook.1000.{wire}")
    exchange.play(1)
    exchange.scenario(wire, "snapshot", jump=40)
    exchange.play(1)
    follower.read(client.raw)
    assert follower.images == 2
    assert set(follower.verdicts) == {Verdict.APPLY}
    assert follower.sides() == [levels(exchange, wire, "bids"), levels(exchange, wire, "asks")]


@MARKETS
@pytest.mark.parametrize("kind", ["snapshot", "delta"])
def test_a_restart_begins_with_u_1_whatever_the_frame_is_called(market: str, kind: str) -> None:
    exchange, wire, follower = Exchange(market), FIRST[market], Follower(market)
    client = Client(exchange)
    client.subscribe(f"orderbook.1000.{wire}")
    exchange.play(1)
    exchange.scenario(wire, "restart", kind=kind)
    exchange.play(1)
    ids = [frame["data"]["u"] for frame in client.frames(f"orderbook.1000.{wire}")]
    begin = ids.index(1)
    assert client.frames(f"orderbook.1000.{wire}")[begin]["type"] == kind
    assert ids[begin:] == list(range(1, len(ids) - begin + 1))
    follower.read(client.raw)
    assert follower.images == 2
    assert set(follower.verdicts) == {Verdict.APPLY}
    assert follower.sides() == [levels(exchange, wire, "bids"), levels(exchange, wire, "asks")]
    assert follower.last == exchange.live.books[wire].truth().update_id


def test_a_hole_is_a_gap_and_subscribing_anew_heals_it() -> None:
    exchange, follower, venue = Exchange("linear"), Follower("linear"), ADAPTERS["linear"]
    client = Client(exchange)
    client.subscribe("orderbook.1000.BTCUSDT")
    exchange.play(1)
    exchange.scenario("BTCUSDT", "hole", count=2)
    exchange.play(1)
    follower.read(client.raw)
    assert Verdict.GAP in follower.verdicts
    # subscribing twice brings no image, leaving and coming back does
    assert "already subscribed" in client.subscribe("orderbook.1000.BTCUSDT")["ret_msg"]
    follower.verdicts.clear()
    client.raw.clear()
    for text in venue.resubscribe("BTCUSDT"):
        assert client.say(json.loads(text))["success"]
    exchange.play(1)
    follower.read(client.raw)
    assert set(follower.verdicts) == {Verdict.APPLY}
    assert follower.sides() == [levels(exchange, "BTCUSDT", "bids"), levels(exchange, "BTCUSDT", "asks")]


def test_a_delisted_book_is_empty_and_silent_until_it_is_there_again() -> None:
    exchange, follower = Exchange("spot"), Follower("spot")
    client = Client(exchange)
    client.subscribe("orderbook.1000.BTCUSDT", "orderbook.1.BTCUSDT")
    exchange.play(1)
    exchange.scenario("BTCUSDT", "delist")
    told = len(client.frames("orderbook.1000.BTCUSDT"))
    exchange.play(1)
    assert len(client.frames("orderbook.1000.BTCUSDT")) == told
    for depth in (1, 1000):
        last = client.frames(f"orderbook.{depth}.BTCUSDT")[-1]["data"]
        assert (last["u"], last["b"], last["a"]) == (1, [], [])
    exchange.scenario("BTCUSDT", "relist")
    exchange.play(1)
    follower.read(client.raw)
    assert follower.images == 3
    assert follower.sides() == [levels(exchange, "BTCUSDT", "bids"), levels(exchange, "BTCUSDT", "asks")]


def test_spot_tickers_are_whole_and_those_of_contracts_are_deltas() -> None:
    for market, wire in FIRST.items():
        exchange = Exchange(market)
        client = Client(exchange)
        client.subscribe(f"tickers.{wire}")
        exchange.play(6)
        kinds = [frame["type"] for frame in client.frames(f"tickers.{wire}")]
        assert kinds[0] == "snapshot"
        assert set(kinds[1:]) == {"snapshot" if market == "spot" else "delta"}


def test_deltas_of_a_ticker_add_up_to_its_snapshot_and_may_have_few_fields() -> None:
    exchange = Exchange("inverse")
    client = Client(exchange)
    client.subscribe("tickers.BTCUSD")
    exchange.play(5)
    fields: dict[str, Any] = {}
    for frame in client.frames("tickers.BTCUSD"):
        fields |= frame["data"]
    late = Client(exchange)
    late.subscribe("tickers.BTCUSD")
    assert late.frames("tickers.BTCUSD")[0]["data"] == fields
    exchange.scenario("BTCUSD", "ticker", fields=["openInterest"])
    assert set(client.frames("tickers.BTCUSD")[-1]["data"]) == {"symbol", "openInterest"}


def test_inverse_figures_are_dollars_and_coins() -> None:
    exchange, venue = Exchange("inverse"), ADAPTERS["inverse"]
    client = Client(exchange)
    client.subscribe("tickers.BTCUSD")
    exchange.play(5)
    truth = exchange.live.books["BTCUSD"].truth()
    [*_, last] = [
        message
        for frame in client.raw
        for message in venue.decode("tickers", frame)
        if isinstance(message, Ticker) and message.quote_volume
    ]
    assert last.volume is not None
    assert last.quote_volume is not None
    assert last.quote_volume <= truth.traded_lots * 10**18
    # dollars over coins is a price
    price = last.quote_volume * 10**18 // last.volume
    assert abs(price - last.last_price) < last.last_price // 100


def test_a_bar_is_closed_once_and_the_next_begins_at_its_close() -> None:
    exchange, venue = Exchange("linear", rate=200), ADAPTERS["linear"]
    client = Client(exchange)
    client.subscribe("kline.1.BTCUSDT", "kline.3.BTCUSDT")
    exchange.play(200)
    bars = [
        message
        for frame in client.raw
        for message in venue.decode("kline.1", frame)
        if isinstance(message, Kline)
    ]
    minutes = [bar for bar in bars if bar.interval == "1m"]
    closed = [bar for bar in minutes if bar.closed]
    assert [after.open_time_micros - bar.open_time_micros for bar, after in itertools.pairwise(closed)] == [
        60_000_000
    ] * (len(closed) - 1)
    assert len(closed) == 3
    threes = [bar for bar in bars if bar.interval == "3m"]
    [whole] = [bar for bar in threes if bar.closed]
    parts = [bar for bar in closed if 0 <= bar.open_time_micros - whole.open_time_micros < 180_000_000]
    assert whole.volume == sum(bar.volume or 0 for bar in parts)
    assert whole.high_price == max(bar.high_price for bar in parts)
    assert (whole.open_price, whole.close_price) == (parts[0].open_price, parts[-1].close_price)


@pytest.mark.parametrize(
    ("interval", "start", "end"),
    [
        ("1", 1790134680000, 1790134740000),
        ("720", 1790121600000, 1790164800000),
        ("D", 1790121600000, 1790208000000),
        ("W", 1789948800000, 1790553600000),  # a Monday
        ("M", 1788220800000, 1790812800000),
    ],
)
def test_bars_begin_with_the_clocks_intervals(interval: str, start: int, end: int) -> None:
    assert bucket(interval, START_MS) == (start, end)


@pytest.mark.parametrize(("position", "order"), [("Buy", "SELL"), ("Sell", "BUY")])
def test_a_liquidation(position: str, order: str) -> None:
    exchange, venue = Exchange("linear"), ADAPTERS["linear"]
    client = Client(exchange)
    client.subscribe("allLiquidation.BTCUSDT")
    exchange.scenario("BTCUSDT", "liquidation", side=position, lots=1500)
    [message] = venue.decode("allLiquidation", client.raw[0])
    assert isinstance(message, Liquidation)
    assert (message.side, plain_text(message.quantity)) == (order, "1.5")


@pytest.mark.parametrize(
    ("market", "name", "arguments"),
    [
        ("spot", "explode", {}),
        ("spot", "liquidation", {}),
        ("linear", "liquidation", {"side": "Long"}),
        ("linear", "restart", {"kind": "image"}),
        ("linear", "hole", {"depth": 3}),
    ],
)
def test_what_cannot_be_played_is_said(market: str, name: str, arguments: dict[str, Any]) -> None:
    exchange = Exchange(market)
    with pytest.raises(ConfigurationError):
        exchange.scenario(FIRST[market], name, **arguments)


def test_frames_depend_on_the_seed_alone() -> None:
    def play() -> list[bytes]:
        exchange = Exchange("linear", "BTC-USDT")
        client = Client(exchange)
        exchange.play(0.1)
        client.subscribe("orderbook.1000.BTCUSDT", "publicTrade.BTCUSDT", "tickers.BTCUSDT")
        exchange.play(2)
        return client.raw

    assert play() == play()


def test_before_the_market_opens_images_have_the_machines_time() -> None:
    exchange = Exchange("spot")
    client = Client(exchange)
    client.subscribe("orderbook.1000.BTCUSDT")
    assert client.frames("orderbook.1000.BTCUSDT")[0]["cts"] > 1_700_000_000_000
    assert exchange.hub.feeds["BTCUSDT"].image()[:40] == client.raw[0][:40]


def test_a_feed_is_a_feed_and_counts_what_nobody_reads() -> None:
    exchange = Exchange("spot", "BTC-USDT")
    feed: Feed = exchange.hub.feeds["BTCUSDT"]
    assert isinstance(feed.truth(), Truth)
    exchange.play(1)
    counts = exchange.hub.counts()["orderbook.1000.BTCUSDT"]
    assert counts["published"] == counts["unsent"] > 5
    assert isinstance(exchange.hub, Hub)
