"""Two hundred books lost at once: the most traded first, all back, and never a minute past the limit."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import cast

import httpx2

from bookmill.settings import ProducerSettings
from producers.account import Account
from producers.kafka_writer import KafkaWriter
from producers.ledger import Ledger
from producers.rest import Rest
from producers.snapshots import Snapshots
from tests.unit.producers import virtual_time
from tests.unit.producers.fakes import FakeWriter
from venues.binance import BinanceSpot
from venues.interface import RestRequest
from venues.messages import Instrument

SYMBOLS = [f"C{number:03}USDT" for number in range(200)]
INSTRUMENTS = {
    symbol: Instrument(symbol, symbol, symbol, "USDT", tick=1, lot=1, trading=True) for symbol in SYMBOLS
}
TRADED = {symbol: float(number * 37 % 200) for number, symbol in enumerate(SYMBOLS)}
BY_TRADES = sorted(SYMBOLS, key=lambda symbol: -TRADED[symbol])
LIMIT = 6000
SHARE = 0.8
Clock = Callable[[], float]


class Exchange:
    """Counts weight in any 60 seconds, strictly: one call past the limit is an answer of 429."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.served: list[tuple[float, str, int]] = []
        self.refused = 0

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        weight = 250 if request.url.path.endswith("depth") else 20
        now_s = self.clock()
        used = weight + sum(spent for at_s, _, spent in self.served if at_s > now_s - 60)
        if used > LIMIT:
            self.refused += 1
            return httpx2.Response(429, headers={"Retry-After": "30"})
        self.served.append((now_s, request.url.params.get("symbol", ""), weight))
        await asyncio.sleep(0.4)
        return httpx2.Response(200, content=b"{}", headers={"X-MBX-USED-WEIGHT-1M": str(used)})

    def most_in_a_minute(self) -> int:
        times = [at_s for at_s, _, _ in self.served]
        sums = [0, *accumulate(weight for _, _, weight in self.served)]
        return max(sums[bisect_left(times, at_s + 60)] - sums[index] for index, at_s in enumerate(times))

    @property
    def books(self) -> list[str]:
        return [symbol for _, symbol, weight in self.served if weight == 250]


class Producer:
    """As much of a producer as serves snapshots, and the worker that asks for each book until it is there."""

    def __init__(self, exchange: Exchange, ledger: Ledger, symbols: list[str]) -> None:
        self.writer = FakeWriter()
        self.lost = dict.fromkeys(symbols)
        self.rest = Rest(
            BinanceSpot(),
            "http://127.0.0.1:1",
            Account(ledger, "binance.spot", LIMIT, SHARE),
            ProducerSettings(),
            transport=httpx2.MockTransport(exchange.answer),
        )
        self.snapshots = Snapshots(
            BinanceSpot(),
            self.rest,
            cast("KafkaWriter", self.writer),
            "raw.binance.spot",
            instruments={symbol: INSTRUMENTS[symbol] for symbol in symbols},
            connection="p-rest",
            levels=None,
            traded=TRADED.__getitem__,
            clock=exchange.clock,
        )
        self._clock = exchange.clock
        self._tasks = [asyncio.ensure_future(self.snapshots.run()), asyncio.ensure_future(self._ask())]

    async def _ask(self) -> None:
        seen = 0
        while True:
            for _, key, _, _ in self.writer.records[seen:]:
                self.lost.pop((key or b"").decode(), None)
            seen = len(self.writer.records)
            for symbol in self.lost:
                self.snapshots.request(symbol, self._clock())
            await asyncio.sleep(3.0)

    async def until_back(self) -> None:
        async with asyncio.timeout(3600.0):
            while self.lost:
                await asyncio.sleep(1.0)

    async def kill(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.rest.close()


def test_two_hundred_books_come_back_the_most_traded_first_and_inside_the_limit() -> None:
    async def lose(clock: Clock) -> tuple[Exchange, float]:
        exchange = Exchange(clock)
        producer = Producer(exchange, Ledger(None, clock=clock), SYMBOLS)
        began_s = clock()
        await producer.until_back()
        await producer.kill()
        return exchange, clock() - began_s

    exchange, took_s = virtual_time.run(lose)
    assert exchange.refused == 0
    assert exchange.most_in_a_minute() <= LIMIT * SHARE
    assert exchange.books == BY_TRADES
    assert took_s <= 60.0 * (len(SYMBOLS) * 250 / (LIMIT * SHARE)) + 5.0  # the budget is used up


def test_a_book_lost_again_or_later_goes_where_its_trades_say_and_stops_no_other() -> None:
    async def lose(clock: Clock) -> Exchange:
        exchange = Exchange(clock)
        producer = Producer(exchange, Ledger(None, clock=clock), BY_TRADES[1:60])
        await asyncio.sleep(30.0)
        first, again = BY_TRADES[0], exchange.books[0]
        producer.snapshots._instruments = INSTRUMENTS
        producer.lost |= {first: None, again: None}
        await producer.until_back()
        await producer.kill()
        return exchange

    books = virtual_time.run(lose).books
    early = int(LIMIT * SHARE // 250)
    assert books[:early] == BY_TRADES[1 : early + 1]
    assert books[early : early + 2] == BY_TRADES[:2]
    assert books[early + 2 :] == BY_TRADES[early + 1 : 60]


def test_polls_wait_while_books_are_lost() -> None:
    async def lose(clock: Clock) -> Exchange:
        exchange = Exchange(clock)
        producer = Producer(exchange, Ledger(None, clock=clock), SYMBOLS[:50])
        await asyncio.sleep(1.0)
        listing = asyncio.ensure_future(producer.rest.get(RestRequest("/api/v3/exchangeInfo", {}, 20)))
        await producer.until_back()
        await listing
        await producer.kill()
        return exchange

    exchange = virtual_time.run(lose)
    assert [weight for _, _, weight in exchange.served] == [*[250] * 50, 20]


def test_two_processes_share_the_budget_and_one_that_is_killed_stops_nobody(tmp_path: Path) -> None:
    killed: list[str] = []

    async def lose(clock: Clock) -> tuple[Exchange, Producer]:
        exchange = Exchange(clock)
        path = tmp_path / "ledger"
        one = Producer(exchange, Ledger(path, clock=clock), BY_TRADES[0:60:2])
        other = Producer(exchange, Ledger(path, clock=clock), BY_TRADES[1:60:2])
        await asyncio.sleep(70.0)
        await one.kill()
        killed.extend(one.lost)
        await other.until_back()
        await other.kill()
        return exchange, other

    exchange, other = virtual_time.run(lose)
    assert exchange.refused == 0
    assert exchange.most_in_a_minute() <= LIMIT * SHARE
    assert killed  # it was not done
    assert not other.lost
    # Each has some calls under way at any time, so the order over both is that of trades but for a few places.
    places = [exchange.books.index(symbol) - place for place, symbol in enumerate(BY_TRADES[:30])]
    assert max(map(abs, places)) <= 4
