"""The adapter against the simulated Kraken: two readings of the same documents, put together without sockets."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

import pytest

from bookmill.book import Book, Top
from simulator.faults import Faults, RestFaults
from simulator.hub import Hub
from simulator.kraken import spot
from simulator.live import LiveMarket
from simulator.web import Request
from venues.interface import Control, Route, StreamOptions
from venues.kraken import KrakenSpot
from venues.messages import BestBidAsk, BookDiff, BookImage, Checksum, Kline, Message, Ticker, Trade

START_MS = 1_790_358_480_000
ALL = StreamOptions(("book", "best", "trades", "ticker", "klines"), kline_intervals=("1m", "1h"))


class Shallow(KrakenSpot):
    """Ten levels: the window's edge is always near."""

    depth: ClassVar[int] = 10


class Collector:
    """Subscribes as the plan says and keeps books as the worker does; a book that fails its checksum is asked for anew."""

    def __init__(self, venue: KrakenSpot, options: StreamOptions = ALL) -> None:
        self.venue = venue
        self.dialect, self.hub = spot(), Hub()
        symbols = ["BTC-USD", "ETH-USD"]
        self.live = LiveMarket(
            [self.dialect.instrument(one) for one in symbols], self.dialect, self.hub, rate=2000, seed=2
        )
        self.faults = Faults(self.hub, RestFaults(), tuple, self.dialect.wire)
        self.time_ms = START_MS
        self.session = self.dialect.open("/v2", self, self.hub)
        self.books: dict[str, Book] = {}
        self.lost: set[str] = set()
        self.resyncs = 0
        self.controls: Counter[str] = Counter()
        self.routes: Counter[Route] = Counter()
        self.messages: list[tuple[str, Message]] = []
        [self.plan] = venue.plan(["BTC/USD", "ETH/USD"], options)
        self.say(*self.plan.requests)

    def queue(self, envelope: bytes, data_start: int) -> None:
        self.take(self.session.frame(envelope, data_start))

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def say(self, *requests: str) -> None:
        for request in requests:
            for answer in self.session.receive(request.encode()):
                self.take(answer)

    def play(self, seconds: float) -> None:
        for _ in range(int(seconds * 100)):
            self.live.tick(self.time_ms)
            self.time_ms += 10
            for symbol in sorted(self.lost):
                self.resyncs += 1
                self.say(*self.venue.resubscribe(symbol))

    def scenario(self, name: str, **arguments: Any) -> None:
        self.faults.scenario("BTC/USD", name, **arguments)

    def take(self, frame: bytes) -> None:
        route = self.venue.route(frame)
        if route is None:
            self.controls[self.venue.control(frame).kind] += 1
            return
        self.routes[route] += 1
        for message in self.venue.decode(route.channel, frame):
            self.messages.append((route.wire_symbol, message))
            if isinstance(message, BookImage):
                self.books.setdefault(route.wire_symbol, Book()).replace(message.bids, message.asks)
                self.lost.discard(route.wire_symbol)
                self.check(route.wire_symbol, message.depth, message.checksum)
            elif isinstance(message, BookDiff) and route.wire_symbol not in self.lost:
                self.books[route.wire_symbol].apply(message.bids, message.asks)
                self.check(route.wire_symbol, message.depth, message.checksum)

    def check(self, symbol: str, depth: int | None, checksum: Checksum | None) -> None:
        book, rule = self.books[symbol], self.venue.continuity
        assert depth is not None
        book.truncate(depth)
        most = rule.checked_levels
        if checksum and not rule.agrees(book.bids.levels(most), book.asks.levels(most), checksum):
            self.lost.add(symbol)

    def assert_true(self) -> None:
        """The books are those of the exchange, as deep as they go."""
        for symbol, live in self.live.books.items():
            truth, book = live.truth(), self.books[symbol]
            units = (10 ** (18 - live.instrument.price_decimals), 10**10)
            for side, levels in ((book.bids, truth.bids), (book.asks, truth.asks)):
                expected = levels[: self.venue.depth]
                prices, quantities = side.levels()
                assert prices == [price * units[0] for price, _ in expected]
                assert quantities == [lots * units[1] for _, lots in expected]


@pytest.mark.parametrize("venue", [KrakenSpot(), Shallow()], ids=["1000 levels", "10 levels"])
def test_everything_is_understood_and_the_books_are_true(venue: KrakenSpot) -> None:
    collector = Collector(venue)
    collector.play(5)
    assert collector.controls == {"alive": 1, "ack": 10}
    assert set(collector.routes) == set(collector.plan.routes)
    assert collector.resyncs == 0
    collector.assert_true()
    kinds = Counter(type(message) for _, message in collector.messages)
    assert set(kinds) == {BookImage, BookDiff, BestBidAsk, Ticker, Trade, Kline}
    traded = sum(one.quantity for _, one in collector.messages if isinstance(one, Trade))
    truths = [live.truth() for live in collector.live.books.values()]
    assert kinds[Trade] == sum(truth.trades for truth in truths)
    assert traded == sum(truth.traded_lots for truth in truths) * 10**10


def test_best_prices_are_those_of_the_book_after_each_of_its_updates() -> None:
    collector = Collector(KrakenSpot(), StreamOptions(("book", "best")))
    tops: dict[str, Top] = {}
    book = collector.books
    compared = 0
    collector.play(1)
    collector.messages.clear()
    for _ in range(200):
        collector.play(0.01)
        for symbol, message in collector.messages:
            if isinstance(message, BestBidAsk):
                tops[symbol] = (
                    message.bid_price,
                    message.bid_quantity,
                    message.ask_price,
                    message.ask_quantity,
                )
            elif isinstance(message, BookDiff) and symbol in tops:
                assert book[symbol].top() == tops[symbol]
                compared += 1
        collector.messages.clear()
    assert compared > 20


@pytest.mark.parametrize(
    ("name", "arguments", "resyncs"),
    [
        ("twice", {"count": 5}, 0),
        ("short_zeros", {"count": 5}, 0),
        ("wrong_checksum", {"count": 1}, 1),
        ("precision", {"price_decimals": 2}, 0),
        ("precision", {"quantity_decimals": 10}, 0),
    ],
)
def test_what_the_exchange_may_do_leaves_the_books_true(
    name: str, arguments: dict[str, Any], resyncs: int
) -> None:
    collector = Collector(Shallow())
    collector.play(1)
    collector.scenario(name, **arguments)
    collector.play(2)
    assert collector.resyncs == resyncs
    assert not collector.lost
    collector.assert_true()


def test_fewer_decimals_than_before_cost_one_new_image() -> None:
    collector = Collector(KrakenSpot())
    collector.scenario("precision", price_decimals=3)
    collector.play(1)
    assert collector.resyncs == 0
    collector.scenario("precision")
    collector.play(2)
    assert collector.resyncs == 1
    collector.assert_true()


@pytest.mark.parametrize("levels", [3, 0])
def test_a_thin_book_is_checked_as_it_is(levels: int) -> None:
    collector = Collector(KrakenSpot())
    collector.play(1)
    collector.scenario("thin", levels=levels)
    collector.play(1)
    book = collector.books["BTC/USD"]
    assert (len(book.bids), len(book.asks)) == (levels, levels)
    collector.scenario("thin", levels=None)
    collector.play(1)
    assert collector.resyncs == 0
    collector.assert_true()


def test_a_deep_book_is_cut_at_a_thousand_levels() -> None:
    collector = Collector(KrakenSpot(), StreamOptions(("book",)))
    collector.scenario("deep")
    collector.play(3)
    book = collector.books["BTC/USD"]
    assert (len(book.bids), len(book.asks)) == (1000, 1000)
    assert collector.resyncs == 0
    collector.scenario("deep", levels=0)
    collector.play(1)
    collector.assert_true()


@pytest.mark.parametrize("venue", [Shallow()], ids=["10 levels"])
def test_a_lost_update_is_noticed_and_healed(venue: KrakenSpot) -> None:
    collector = Collector(venue)
    collector.play(1)
    collector.faults.disturb("book.10:BTC/USD", "drop", 1)
    collector.play(2)
    assert collector.resyncs >= 1
    assert collector.routes[Route("book.10", "BTC/USD")] > 20
    collector.assert_true()


def test_a_resubscription_is_answered_by_acks_and_one_image() -> None:
    collector = Collector(KrakenSpot())
    collector.play(1)
    before, images = collector.controls["ack"], images_of(collector)
    collector.say(*collector.venue.resubscribe("ETH/USD"))
    assert (collector.controls["ack"] - before, images_of(collector) - images) == (2, 1)
    collector.play(1)
    collector.assert_true()


def images_of(collector: Collector) -> int:
    return sum(isinstance(message, BookImage) for _, message in collector.messages)


def test_refusals_name_their_streams() -> None:
    collector = Collector(KrakenSpot())
    [plan] = collector.venue.plan(["XBT/USD"], ALL)
    refused: list[Route] = []
    for request in plan.requests:
        [answer] = collector.session.receive(request.encode())
        control = collector.venue.control(answer)
        assert (control.kind, control.error) == ("error", "Currency pair not supported XBT/USD")
        refused += control.refused
    assert refused == list(plan.routes)


def test_the_keep_alive_is_answered_and_what_the_exchange_says_by_itself_is_alive() -> None:
    collector = Collector(KrakenSpot())
    collector.session.tick(0.0, 0.0)
    [pong] = collector.session.receive(collector.venue.keep_alive.text.encode())
    assert collector.venue.control(pong) == Control("alive")
    [heartbeat] = collector.session.tick(5.0, 1.0)
    assert isinstance(heartbeat, bytes)
    assert collector.venue.control(heartbeat) == Control("alive")
    collector.scenario("system", state="maintenance")
    [status] = collector.session.tick(5.0, 0.25)
    assert isinstance(status, bytes)
    assert collector.venue.control(status) == Control("alive", "Kraken's system is maintenance.")


def test_instruments_of_rest_are_those_of_the_websocket() -> None:
    collector = Collector(KrakenSpot())
    asked = collector.venue.instruments_request()
    request = Request("GET", asked.path, asked.params, b"", "127.0.0.1")
    answer = asyncio.run(collector.dialect.answer(request, collector.live.books, RestFaults()))
    instruments = collector.venue.parse_instruments(answer.body)
    assert [one.wire_symbol for one in instruments] == ["BTC/USD", "ETH/USD"]
    assert [one.tick for one in instruments] == [10**17, 10**16]
