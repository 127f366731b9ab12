"""One market, whole but for Kafka: a simulated exchange on real sockets, the real producer of it, the real books of a worker.

A :class:`MemoryWriter` stands for Kafka: what the producer writes is read by a :class:`RawPartition` at once, and books that
want an image ask the producer for it once a second, as a worker does through ``control.requests``.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

import msgspec

from bookmill.book import Side
from bookmill.settings import MarketSettings, ProducerSettings, WorkerSettings
from producers.kafka_writer import Headers, KafkaWriter
from producers.line_connections import LineCounts
from producers.listing import InstrumentLog
from producers.market import Market
from schemas.catalogue import EVENT_TOPICS, dead_letters, raw
from simulator.hub import Channel
from simulator.registry import dialect
from simulator.simulated_market import MarketConfig
from simulator.simulator import Simulator, SimulatorConfig
from streams.instrument import Instrument
from streams.partition import RawPartition
from streams.synchronizer import Phase
from tests.scenarios.tape import Tape
from venues.interface import Venue
from venues.messages import Instrument as Listed
from venues.registry import venue

__all__ = ["ABSENT", "FAST", "GHOST", "MemoryWriter", "Room", "until"]

SCHEMA_IDS = {topic: number for number, topic in enumerate(EVENT_TOPICS, 1)}
FAST: Mapping[str, Any] = {
    "silent_after_s": 1.2,
    "rotate_overlap_s": 0.5,
    "backoff_initial_s": 0.05,
    "backoff_max_s": 0.3,
    "snapshot_depth": 1000,
    "rest_weight_share": 1.0,
    "resubscribe_after_s": 0.4,
}
"""A producer that notices and repeats in a second what takes it half a minute in earnest."""

GHOST = "GHOST"
"""Base of an instrument that the exchange lists and does not stream: its subscriptions are refused, or silently left out."""
ABSENT = "ABSENT-USDT"
"""A symbol that the settings name and the exchange does not list."""

_PUMP_S = 0.01
_ASK_S = 1.0
_REQUESTS_PER_S = 4.0
"""Some venues ask one thing a second, so as to be far from a limit that all connections of an address share."""
_ONE = 18
"""Decimals of scaled numbers."""


@dataclass(slots=True)
class Record:
    """What a consumer has of a raw record."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class MemoryWriter:
    """The interface of :class:`KafkaWriter`: raw records wait in order, the producer's dead letters are kept, metadata counted."""

    def __init__(self, topic: str) -> None:
        self.full = False
        self.written = 0
        self.records: deque[Record] = deque()
        self.strange: list[tuple[bytes, str]] = []
        self.metadata = 0
        self._topic = topic
        self._offset = 0

    def write(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Take one record."""
        self.written += 1
        if topic == self._topic:
            self.records.append(Record(self._offset, key, value, tuple(headers)))
            self._offset += 1
        elif topic == dead_letters(self._topic).name:
            reason = dict(headers)["__connect.errors.exception.message"].decode()
            self.strange.append((value or b"", reason))
        else:
            self.metadata += 1

    async def room(self) -> None:
        """There always is."""


@dataclass
class Seen:
    """What the worker's side has made of the records."""

    records: int = 0
    events: dict[str, int] = field(default_factory=dict)
    dead_letters: list[str] = field(default_factory=list)
    asked: int = 0


async def until(true: Callable[[], object], what: str, timeout_s: float = 8.0) -> None:
    """Return when ``true`` says so; fails naming ``what`` did not happen."""
    deadline_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline_s, f"not within {timeout_s:.0f} s: {what}"
        await asyncio.sleep(0.01)


class Room:
    """The market ``name`` (``okx.spot``), open while the context is: ``async with Room("okx.spot") as room``."""

    def __init__(
        self,
        name: str,
        *,
        symbols: int = 2,
        rate: float = 100.0,
        seed: int = 1,
        clock_scale: float = 1.0,
        session_s: float | None = None,
        **settings: Any,
    ) -> None:
        self.name = name
        self.exchange, _, self.market_name = name.partition(".")
        self.venue = _haunted(venue(self.exchange, self.market_name))
        self.topic = raw(self.exchange, self.market_name).name
        self.writer = MemoryWriter(self.topic)
        self.partition = RawPartition(self.venue, self.topic, 0, 0, SCHEMA_IDS, WorkerSettings())
        self.seen = Seen()
        self.simulator: Simulator
        self.market: Market
        self.tape: Tape
        names = dialect(self.exchange, self.market_name)
        self.symbols = names.default_symbols[:symbols]
        self.wires = [names.wire(symbol) for symbol in self.symbols]
        self._listed = {symbol: names.instrument(symbol) for symbol in self.symbols}
        config = MarketConfig(
            symbols=self.symbols, rate=rate, seed=seed, clock_scale=clock_scale, session_s=session_s
        )
        self._config = SimulatorConfig(self.exchange, {self.market_name: config})
        self._settings = ProducerSettings(**{**FAST, **settings})
        self._opened = AsyncExitStack()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            self.simulator = await opened.enter_async_context(Simulator(self._config))
            address = self.simulator.addresses[self.market_name]
            self.tape = Tape(
                self.exchange,
                self.market_name,
                self.simulator.hub(self.market_name),
                dict(zip(self.wires, self._listed.values(), strict=True)),
            )
            writer = cast("KafkaWriter", self.writer)
            ghost = _ghostly(self.symbols[0])
            self.market = Market(
                self.venue,
                MarketSettings(
                    symbols=(*self.symbols, ghost, ABSENT),
                    websocket_url=address["websocket"],
                    rest_url=address["rest"],
                ),
                self._settings,
                writer=writer,
                topic=self.topic,
                producer_id="p",
                instrument_log=InstrumentLog(writer, "", 1),
            )
            self._running = [
                asyncio.create_task(self.market.run(), name=f"market {self.name}"),
                asyncio.create_task(self._pump(), name=f"pump {self.name}"),
                asyncio.create_task(self._ask(), name=f"ask {self.name}"),
            ]
            opened.push_async_callback(self._stop)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    # The worker's part.

    async def _pump(self) -> None:
        waiting, seen = self.writer.records, self.seen
        while True:
            batch = [waiting.popleft() for _ in range(len(waiting))]
            if batch:
                work = self.partition.process(batch)
                seen.records += work.records
                seen.dead_letters += [letter.reason for letter in work.dead_letters]
                for topic in EVENT_TOPICS:
                    events = getattr(work.events, topic.name)
                    seen.events[topic.name] = seen.events.get(topic.name, 0) + len(events)
                self.tape.hear(work.events.trades)
            await asyncio.sleep(_PUMP_S)

    async def _ask(self) -> None:
        asked: dict[str, float] = {}
        while True:
            for one in self.partition.wanting():
                if time.monotonic() - asked.get(one.wire_symbol, 0.0) >= _ASK_S:
                    asked[one.wire_symbol] = time.monotonic()
                    self.seen.asked += 1
                    self.market.resync(one.wire_symbol, time.time())
            await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        for task in self._running:
            task.cancel()
        results = await asyncio.gather(*self._running, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    # What scenarios look at.

    @property
    def books(self) -> dict[str, Instrument]:
        """By wire symbol, as far as there are any yet."""
        return {one.wire_symbol: one for one in self.partition.instruments.values()}

    def book(self, which: int = 0) -> Instrument:
        """The worker's instrument."""
        return self.books[self.wires[which]]

    def live(self) -> bool:
        """Whether all books are."""
        books = self.books
        return all(
            wire in books
            and books[wire].book.synchronizer.phase is Phase.LIVE
            and books[wire].state == "live"
            for wire in self.wires
        )

    def counts(self) -> LineCounts:
        """What happened to the connections of all lines."""
        total = LineCounts()
        for line in self.market.lines:
            for name in vars(total):
                setattr(total, name, getattr(total, name) + getattr(line.counts, name))
        return total

    def count(self, name: str) -> int:
        """A counter of the books, summed: gaps, joins, old, checksum_failures, restarts, losses, replacements …"""
        return sum(
            getattr(one.book.synchronizer.counters, name) for one in self.partition.instruments.values()
        )

    def channel(self, part: str, which: int = 0) -> Channel:
        """A channel of the simulator, by part of its name and the instrument."""
        wire = self.wires[which]
        [found] = [
            channel
            for name, channel in self.simulator.hub(self.market_name).channels.items()
            if part in name and (wire in name or wire.lower() in name)
        ]
        return found

    @property
    def book_channel(self) -> str:
        """What stands in the names of the book's channels."""
        return {
            "binance": "@depth",
            "okx": "books:",
            "bybit": "orderbook.1000.",
            "kraken": "book.1000:",
            "coinbase": "level2_batch:",
            "coinbase-advanced": "level2:",
            "deribit": "book.",
        }[self.exchange]

    def disturb(self, what: str, which: int = 0, count: int = 1) -> None:
        """Drop, duplicate or corrupt the next frames of a book."""
        name = self.channel(self.book_channel, which).name
        self.simulator.faults(self.market_name).apply(
            "disturb", {"stream": name, "what": what, "count": count}
        )

    def fault(self, name: str, **arguments: Any) -> None:
        """A fault of the whole market."""
        self.simulator.faults(self.market_name).apply(name, arguments)

    def scenario(self, name: str, which: int = 0, **arguments: Any) -> None:
        """One of the exchange's own."""
        self.simulator.faults(self.market_name).scenario(self.wires[which], name, **arguments)

    # Whether all is well.

    async def calm(self, timeout_s: float = 12.0) -> None:
        """Wait until the market is connected and all books are live."""

        def settled() -> bool:
            channels = self.simulator.hub(self.market_name).channels.values()
            return (
                self.market.state == "connected"
                and not any(line.beginning for line in self.market.lines)
                and not (self.market.snapshots and self.market.snapshots.waiting)
                and self.live()
                and not any(channel.disturbances and channel.subscribers for channel in channels)
            )

        await self.until(settled, "connected, and all books live", timeout_s)

    async def agrees(self, *, top: int | None = None, timeout_s: float = 4.0) -> None:
        """Calm, and with the order flow halted for a moment each book is level by level what the exchange has (``top``: of them).

        Each book has moved before: a book does not know that its connection is gone, or that a frame is, before the next one comes.
        """
        await self.calm()
        moved = {wire: self._moves(wire) for wire in self.wires}
        await self.until(
            lambda: all(self._moves(wire) > moved[wire] for wire in self.wires), "all books move", 30.0
        )
        await self.calm()
        self.simulator.let_trade(self.market_name, on=False)
        try:
            await until(
                lambda: not list(self.differences(top)) and not self.tape.missing(),
                "books equal to the truth, and all trades there",
                timeout_s,
            )
            self.check_trades()
        except AssertionError as error:
            wrong = "; ".join([*self.differences(top), f"missing trades {self.tape.missing()}"])
            raise AssertionError(f"{error}: {wrong}; {self.describe()}") from None
        finally:
            self.simulator.let_trade(self.market_name, on=True)

    def _moves(self, wire: str) -> int:
        counters = self.books[wire].book.synchronizer.counters
        return counters.applied + counters.joins + counters.replacements

    async def until(self, true: Callable[[], object], what: str, timeout_s: float = 8.0) -> None:
        """Return when ``true`` says so; a failure says how everything stands."""
        try:
            await until(true, what, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.describe()}") from None

    def check_trades(self) -> None:
        """Each trade once, in order, to the digit, but those that nobody could hear."""
        assert not self.tape.wrong, (
            f"trades: {'; '.join(self.tape.wrong[:3])} ({len(self.tape.wrong)} of them)"
        )
        missing = self.tape.missing()
        assert not missing, f"trades are missing: { {wire: len(ids) for wire, ids in missing.items()} }"

    def differences(self, top: int | None = None) -> Iterator[str]:
        """One sentence for each side of a book that is not what it should be."""
        for symbol, wire in zip(self.symbols, self.wires, strict=True):
            if wire not in self.books:
                yield f"{wire} has no book"
                continue
            truth, listed = self.simulator.truth(self.market_name, wire), self._listed[symbol]
            instrument = self.books[wire]
            if instrument.book.synchronizer.phase is not Phase.LIVE:
                yield f"{wire} is {instrument.book.synchronizer.phase.value} ({instrument.book.synchronizer.reason})"
            price, lot = 10 ** (_ONE - listed.price_decimals), 10 ** (_ONE - listed.quantity_decimals)
            window = self.window if top is None else top
            for name, levels in (("bids", truth.bids), ("asks", truth.asks)):
                side: Side = getattr(instrument.book.synchronizer.book, name)
                ours = list(zip(*side.levels(top), strict=True))
                theirs = [(ticks * price, lots * lot) for ticks, lots in levels[:window]]
                if ours != theirs:
                    wrong = set(ours) ^ set(theirs)
                    yield f"{wire} has {len(ours)} {name} of {len(theirs)}, {len(wrong)} entries differ"

    @property
    def window(self) -> int:
        """Levels a side the exchange shows; the synthetic books have up to 900."""
        return {"okx": 400, "bybit": 1000, "kraken": 1000}.get(self.exchange, 5000)

    def describe(self) -> str:
        """Where everything stands, for whoever reads a failure."""
        books = {
            wire: f"{one.state} {one.book.synchronizer.phase.value} {one.book.synchronizer.reason} id {one.book.synchronizer.last_id}"
            for wire, one in self.books.items()
        }
        snapshots = self.market.snapshots.counts if self.market.snapshots else None
        return (
            f"{self.name} {self.market.state}, lines {self.counts()}, books {books}, served {snapshots},"
            f" health {self.market.health()}, dead letters {self.seen.dead_letters[-3:]} {self.writer.strange[-3:]}"
        )


def _haunted(real: Venue) -> Venue:
    """The same venue, whose exchange lists one instrument more than it streams; slow ones ask faster."""

    class Haunted(type(real)):  # type: ignore[misc]  # the class is known at run time only
        limits = replace(real.limits, requests_per_s=max(real.limits.requests_per_s, _REQUESTS_PER_S))

        def parse_instruments(self, body: bytes) -> list[Listed]:
            listed = list(super().parse_instruments(body))
            first = next(one for one in listed if one.symbol.startswith("BTC-"))
            wire, symbol = first.wire_symbol.replace("BTC", GHOST, 1), _ghostly(first.symbol)
            return [*listed, msgspec.structs.replace(first, wire_symbol=wire, symbol=symbol, base=GHOST)]

    return cast("Venue", Haunted())


def _ghostly(symbol: str) -> str:
    return symbol.replace("BTC", GHOST, 1)
