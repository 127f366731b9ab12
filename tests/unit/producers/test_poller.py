"""The poller against an exchange of a few lines, and who tells it what to poll."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import cast

import msgspec

from bookmill.errors import BookmillError, RefusedError, UnavailableError
from bookmill.settings import ProducerSettings
from producers.ccxt_exchange import CcxtExchange
from producers.failover import Carrier, Failover, carried, subjects
from producers.kafka_writer import KafkaWriter
from producers.line import Line
from producers.poller import Poller, Subject
from producers.stream import Stream
from tests.unit.producers.fakes import FakeWriter, until
from venues.binance import BinanceUsdm
from venues.interface import Route, StreamOptions
from venues.messages import Instrument
from venues.polled import Bars, Book, PolledTicker, PolledTrade
from venues.units import Unit

BTC = Instrument("BTCUSD", "BTC-USD", "BTC", "USD", 1, 1, trading=True, unit=Unit(100 * 10**18, inverse=True))
BOOK, TRADES = Subject("book", "BTCUSD"), Subject("trades", "BTCUSD")
FAST = ProducerSettings(backoff_initial_s=0.02, backoff_max_s=0.05, poll_interval_s=0.03, poll_after_s=0.01)


class FakeExchange:
    """``trade`` is the number of the last one; ``error`` is raised by whatever is asked."""

    def __init__(self) -> None:
        self.loaded = False
        self.loads = 0
        self.retry_after_s = 0.0
        self.trade = 3
        self.error: BookmillError | None = None
        self.load_error: BookmillError | None = None
        self.asked: list[str] = []

    async def load(self) -> None:
        self.loads += 1
        if self.load_error:
            raise self.load_error
        self.loaded = True

    def has(self, wanted: Instrument) -> bool:
        return wanted is BTC

    def offers(self, channel: str) -> bool:
        return channel != "ticker"

    def has_interval(self, interval: str) -> bool:
        return interval == "1m"

    async def _asked(self, what: str) -> None:
        self.asked.append(what)
        await asyncio.sleep(0)
        if self.error:
            raise self.error

    async def book(self, _: Instrument) -> Book:
        await self._asked("book")
        return Book([("1", "2")], [("3", "4")], 5, 6)

    async def trades(self, _: Instrument) -> tuple[list[PolledTrade], bool]:
        await self._asked("trades")
        return [PolledTrade(str(n), "1", "1", "buy", n) for n in range(1, self.trade + 1)], False

    async def ticker(self, _: Instrument) -> PolledTicker:
        raise AssertionError

    async def bars(self, _: Instrument, interval: str) -> Bars:
        await self._asked("bars")
        return Bars(interval, [])


def run(test: Callable[[Poller, FakeExchange, FakeWriter], Awaitable[None]]) -> None:
    async def inside() -> None:
        exchange, writer = FakeExchange(), FakeWriter()
        poller = Poller(
            "p-poll",
            cast("CcxtExchange", exchange),
            {"BTCUSD": BTC},
            FAST,
            writer=cast("KafkaWriter", writer),
            topic="raw",
        )
        task = asyncio.create_task(poller.run())
        try:
            await test(poller, exchange, writer)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(asyncio.wait_for(inside(), 30))


def ids(writer: FakeWriter) -> list[str]:
    return [
        one["id"]
        for _, _, value, headers in writer.records
        if dict(headers)["channel"] == b"poll.trades"
        for one in msgspec.json.decode(value or b"")
    ]


def test_nothing_is_imported_or_asked_before_it_is_wanted() -> None:
    async def test(poller: Poller, exchange: FakeExchange, writer: FakeWriter) -> None:
        await asyncio.sleep(0.1)
        assert (exchange.loads, exchange.asked, poller.polling, poller.problem) == (0, [], 0, "")

    run(test)


def test_records_name_what_they_are_and_each_trade_is_written_once() -> None:
    async def test(poller: Poller, exchange: FakeExchange, writer: FakeWriter) -> None:
        poller.want({BOOK: None, TRADES: None})
        await until(lambda: exchange.asked.count("trades") > 2)
        exchange.trade = 5
        await until(lambda: len(ids(writer)) == 5)
        assert ids(writer) == ["1", "2", "3", "4", "5"]
        assert poller.counts.repeated >= 6
        names = [name for name, _ in writer.records[0][3]]
        assert names == ["receive_time_ns", "kind", "channel", "connection", "frame", "symbol", "unit"]
        headers = [dict(headers) for *_, headers in writer.records]
        assert {one["kind"] for one in headers} == {b"poll"}
        assert {one["connection"] for one in headers} == {b"p-poll"}
        assert {(one["symbol"], one["unit"]) for one in headers} == {(b"BTC-USD", b"/100")}
        assert [int(one["frame"]) for one in headers] == list(range(len(headers)))
        assert {(topic, key) for topic, key, *_ in writer.records} == {("raw", b"BTCUSD")}

    run(test)


def test_trades_are_asked_for_once_more_when_the_socket_takes_over() -> None:
    async def test(poller: Poller, exchange: FakeExchange, writer: FakeWriter) -> None:
        poller.want({BOOK: None, TRADES: None})
        await until(lambda: len(ids(writer)) == 3)
        exchange.trade = 4
        exchange.asked.clear()
        poller.want({})
        await until(lambda: poller.polling == 0)
        assert exchange.asked.count("trades") <= 2
        assert ids(writer)[-1] == "4"
        done = len(exchange.asked)
        await asyncio.sleep(0.2)
        assert len(exchange.asked) == done

    run(test)


def test_an_exchange_that_does_not_answer_is_left_alone_for_as_long_as_it_says() -> None:
    async def test(poller: Poller, exchange: FakeExchange, writer: FakeWriter) -> None:
        exchange.error, exchange.retry_after_s = UnavailableError("It is away."), 0.5
        poller.want({BOOK: None, TRADES: None})
        await until(lambda: poller.problem == "It is away.")
        await asyncio.sleep(0.3)
        assert len(exchange.asked) == 1
        exchange.error = None
        await until(lambda: writer.records)
        await until(lambda: not poller.problem)
        assert poller.counts.failed == 1

    run(test)


def test_a_refusal_of_one_thing_does_not_stop_the_others() -> None:
    async def test(poller: Poller, exchange: FakeExchange, writer: FakeWriter) -> None:
        other, ticker, bars = (
            Subject("book", "BTCUSD", ""),
            Subject("ticker", "BTCUSD"),
            Subject("klines", "BTCUSD", "7m"),
        )
        poller.want({other: None, ticker: None, bars: None})
        await until(lambda: len(writer.records) > 2)
        assert poller.polling == 1
        assert poller.problem
        exchange.error = RefusedError("No.")
        await until(lambda: "No." in {task.problem for task in poller._tasks.values()})
        assert not poller.unavailable

    run(test)


def test_metadata_that_do_not_come_are_asked_for_until_they_are_not_wanted_any_longer() -> None:
    async def test(poller: Poller, exchange: FakeExchange, writer: FakeWriter) -> None:
        exchange.load_error = UnavailableError("No network.")
        poller.want({TRADES: None})
        await until(lambda: exchange.loads >= 3)
        assert poller.problem == "No network."
        poller.want({})
        await until(lambda: not poller.problem)
        loads = exchange.loads
        await asyncio.sleep(0.2)
        assert exchange.loads <= loads + 1

    run(test)


def test_while_kafka_is_full_nothing_is_asked() -> None:
    async def test(poller: Poller, exchange: FakeExchange, writer: FakeWriter) -> None:
        writer.full = True
        poller.want({BOOK: None})
        await until(lambda: writer.records)
        await asyncio.sleep(0.2)
        assert len(writer.records) == 1
        writer.full = False
        await until(lambda: len(writer.records) > 2)

    run(test)


def test_the_best_bid_and_ask_are_the_books_and_what_has_no_poll_is_left_out() -> None:
    assert subjects("X", ("best", "derivatives"), ("1m",)) == {Subject("book", "X")}
    assert subjects("X", ("klines",), ("1m", "1h")) == {
        Subject("klines", "X", "1m"),
        Subject("klines", "X", "1h"),
    }


class FakeLine:
    """A line as far as failover looks at it."""

    name = "line"

    def __init__(self) -> None:
        self.down_s: float | None = None
        self.up_ns = 0


def test_only_what_the_dead_line_carried_is_polled_and_trades_until_it_delivers() -> None:
    venue, options = BinanceUsdm(), StreamOptions(("book", "best", "trades", "ticker", "klines"))
    routes = carried(venue, ["BTCUSDT"], options)
    assert set(routes.values()) == {("book",), ("best",), ("trades",), ("ticker",), ("klines",)}
    plans = venue.plan(["BTCUSDT"], options)
    assert len(plans) == 2
    lines = [FakeLine(), FakeLine()]
    streams = [
        [Stream(route, "BTC-USDT", "raw", cast("KafkaWriter", FakeWriter())) for route in plan.routes]
        for plan in plans
    ]
    carriers = [Carrier(cast("Line", line), each, routes) for line, each in zip(lines, streams)]
    failover = Failover(
        cast("Poller", None),
        lambda: carriers,
        FAST,
        intervals=("1m",),
    )
    assert failover.wanted() == {}
    public = next(n for n, plan in enumerate(plans) if Route("depth", "BTCUSDT") in plan.routes)
    lines[public].down_s = 0.005
    assert failover.wanted() == {}
    lines[public].down_s = 100.0
    wanted = failover.wanted()
    assert set(wanted) == {Subject("book", "BTCUSDT"), Subject("trades", "BTCUSDT")}
    [since_ms] = set(wanted.values())
    assert since_ms is not None
    lines[1 - public].down_s = 1.0
    assert set(failover.wanted()) == {
        Subject("book", "BTCUSDT"),
        Subject("trades", "BTCUSDT"),
        Subject("ticker", "BTCUSDT"),
        Subject("klines", "BTCUSDT", "1m"),
    }
    lines[1 - public].down_s = None
    lines[public].down_s, lines[public].up_ns = None, 1000
    assert set(failover.wanted()) == {Subject("trades", "BTCUSDT")}
    trades = next(stream for stream in streams[public] if "trade" in stream.route.channel.lower())
    trades.last_ns = 1001
    assert failover.wanted() == {}
    lines[public].down_s = 0.005  # it dies again at once: the polls go on
    assert set(failover.wanted()) == {Subject("book", "BTCUSDT"), Subject("trades", "BTCUSDT")}
