"""An adapter and its simulated exchange put together without sockets: what a producer and a worker do between them.

For everybody who adds an exchange: ``Pairing("agora", "spot")`` finds both by name, subscribes as the adapter plans it, keeps
books as the worker does and asks for lost ones anew.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from simulator.dialect import Session
from simulator.faults import Faults, RestFaults
from simulator.hub import Hub
from simulator.live import LiveMarket
from simulator.registry import dialect
from simulator.web import Request
from streams.synchronizer import Phase, Synchronizer
from venues.interface import CHANNELS, Control, Route, StreamOptions
from venues.messages import BookDiff, BookImage, Instrument, Message
from venues.numbers import SCALE
from venues.registry import venue

__all__ = ["Pairing"]

EVERYTHING = StreamOptions(CHANNELS)
START_MS = 1_790_000_000_000
_PENDING = 10_000


class Connection:
    """One connection of the plan, seen by the simulated exchange."""

    def __init__(self, pairing: Pairing, path: str) -> None:
        self._pairing = pairing
        self.session: Session = pairing.dialect.open(path, self, pairing.hub)

    def queue(self, envelope: bytes, data_start: int) -> None:
        self._pairing.take(self.session.frame(envelope, data_start))

    def flush(self) -> None: ...

    async def writable(self) -> None: ...

    def say(self, *requests: str) -> None:
        for request in requests:
            for answer in self.session.receive(request.encode()):
                self._pairing.take(answer)


class Pairing:
    """``controls`` and ``messages`` are what came; ``faults`` makes the exchange misbehave; ``strange`` are frames nobody understands.

    Books are those of the worker's :class:`Synchronizer`, by wire symbol. Images come in the stream.
    """

    def __init__(
        self,
        exchange: str,
        market: str,
        *,
        options: StreamOptions = EVERYTHING,
        rate: float = 2000,
        seed: int = 1,
    ) -> None:
        self.venue, self.dialect, self.hub = venue(exchange, market), dialect(exchange, market), Hub()
        symbols = self.dialect.default_symbols
        self.live = LiveMarket(
            [self.dialect.instrument(one) for one in symbols], self.dialect, self.hub, rate=rate, seed=seed
        )
        self.faults = Faults(self.hub, RestFaults(), tuple, self.dialect.wire)
        self.controls: list[Control] = []
        self.strange: list[bytes] = []
        self.routes: Counter[Route] = Counter()
        self.messages: list[tuple[str, Message]] = []
        self.resubscriptions = 0
        self._time_ms = START_MS
        self.instruments: Sequence[Instrument] = self.venue.parse_instruments(self._listed())
        wires = [one.wire_symbol for one in self.instruments]
        self.books = {wire: Synchronizer(self.venue.continuity, _PENDING) for wire in wires}
        self.plans = self.venue.plan(wires, options)
        self.connections = [Connection(self, plan.path) for plan in self.plans]
        for plan, connection in zip(self.plans, self.connections):
            connection.say(*plan.requests)

    def play(self, seconds: float) -> None:
        """Let the market run; books that are lost are subscribed to anew."""
        for _ in range(int(seconds * 100)):
            self.live.tick(self._time_ms)
            self._time_ms += 10
            for wire, book in self.books.items():
                if book.needs_image:
                    self.resubscriptions += 1
                    for plan, connection in zip(self.plans, self.connections):
                        if wire in plan.wire_symbols:
                            connection.say(*self.venue.resubscribe(wire))

    def take(self, frame: bytes) -> None:
        route = self.venue.route(frame)
        if route is None:
            control = self.venue.control(frame)
            if control.kind == "unknown":
                self.strange.append(frame)
            else:
                self.controls.append(control)
            return
        self.routes[route] += 1
        for message in self.venue.decode(route.channel, frame):
            self.messages.append((route.wire_symbol, message))
            book = self.books[route.wire_symbol]
            if isinstance(message, BookImage):
                assert book.replace(message)
            elif isinstance(message, BookDiff):
                book.offer(message)

    def assert_true(self) -> None:
        """Every book is live, and that of the exchange."""
        for wire, live in self.live.books.items():
            truth, keeper = live.truth(), self.books[wire]
            assert keeper.phase is Phase.LIVE, f"{wire}: {keeper.reason}"
            one = live.instrument
            price, quantity = 10 ** (SCALE - one.price_decimals), 10 ** (SCALE - one.quantity_decimals)
            for side, levels in ((keeper.book.bids, truth.bids), (keeper.book.asks, truth.asks)):
                assert side.levels() == ([p * price for p, _ in levels], [q * quantity for _, q in levels])

    def _listed(self) -> bytes:
        asked = self.venue.instruments_request()
        request = Request("GET", asked.path, dict(asked.params), b"", "127.0.0.1")
        return asyncio.run(self.dialect.answer(request, {}, RestFaults())).body
