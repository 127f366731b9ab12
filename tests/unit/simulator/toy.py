"""A small exchange of our own, to test what the simulator does for every exchange: books begin in the stream, the client pings.

It has what Binance has not: an image before the first diff, JSON pings, silence that ends connections, a frame number per
connection, a scenario.
"""

# ruff: noqa: ARG002  the signatures are the simulator's

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bookmill.errors import ConfigurationError
from simulator.dialect import Books, Close, KeepAlive
from simulator.faults import RestFaults, call_named
from simulator.feed import Day, Level, Truth
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument
from simulator.limits import CallBudget
from simulator.rest import RestDesk, json_response
from simulator.web import Request, Response


class ToyFeed:
    """Whole ticks and lots on the wire."""

    truth: Callable[[], Truth]

    def __init__(self, instrument: Instrument, hub: Hub) -> None:
        self.time_ms = 0
        self.days: list[Day] = []
        self._channel = hub.channel(f"book:{instrument.symbol}")
        self._hole = False

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None: ...

    def aggregate(
        self, first_id: int, last_id: int, price: int, quantity: int, *, seller_aggressed: bool
    ) -> None: ...

    def top(self, update_id: int, bid: Level, ask: Level) -> None: ...

    def depth(
        self, first_id: int, last_id: int, previous_id: int, bids: dict[int, int], asks: dict[int, int]
    ) -> None:
        assert self.truth().update_id == previous_id
        before, self._hole = previous_id - self._hole, False
        self._channel.publish(
            json.dumps(
                {"before": before, "id": last_id, "bids": list(bids.items()), "asks": list(asks.items())}
            ).encode()
        )

    def second(self, day: Day) -> None:
        self.days.append(day)

    def image(self) -> bytes:
        truth = self.truth()
        image = {"image": truth.update_id, "time": self.time_ms, "bids": truth.bids, "asks": truth.asks}
        return json.dumps(image).encode()

    def scenario(self, name: str, **arguments: Any) -> None:
        call_named("scenario", {"hole": self._make_hole}, name, arguments)

    def _make_hole(self) -> None:
        self._hole = True


class ToySession:
    """``sub BTC-USD`` subscribes, ``ping`` is answered; 5 seconds without a word end it, 60 without market data are announced."""

    def __init__(self, subscriber: Subscriber, hub: Hub) -> None:
        self._subscriber = subscriber
        self._hub = hub
        self._numbers = itertools.count(1)

    def receive(self, message: bytes) -> list[bytes]:
        word, _, symbol = message.decode().partition(" ")
        if word == "ping":
            return [b"pong"]
        image = self._hub.feeds[symbol].image()
        self._hub.subscribe(self._subscriber, f"book:{symbol}")
        return [b"subscribed", image]

    def frame(self, envelope: bytes, data_start: int) -> bytes:
        return b'{"number":%d,%s' % (next(self._numbers), envelope[1:])

    def tick(self, silent_s: float, quiet_s: float) -> Sequence[bytes | Close]:
        if silent_s > 5:
            return [Close(4004, "silence")]
        return [b"still here"] if quiet_s > 1 else ()

    def shutdown_notice(self, time_ms: int) -> bytes | None:
        return None


class ToyDialect:
    """One market."""

    name = "toy.spot"
    default_symbols = ("BTC-USD",)

    def __init__(self, scale: float) -> None:
        self.keep_alive = KeepAlive(None, 0.0, math.inf, messages=1000).scaled(scale)
        self._desk = RestDesk(
            lambda: CallBudget(3, 60.0), lambda verdict: json_response({"error": "slow down"}, verdict.status)
        )

    def wire(self, symbol: str) -> str:
        if not symbol.endswith("-USD"):
            raise ConfigurationError(f"The toy exchange lists no {symbol}.")
        return symbol

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(self.wire(symbol), 1, 2, 100_000, 10)

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> ToySession:
        return ToySession(subscriber, hub)

    def feed(self, instrument: Instrument, hub: Hub) -> ToyFeed:
        return ToyFeed(instrument, hub)

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        return (itertools.count(start) for _ in itertools.count())

    def book_body(
        self, instrument: Instrument, update_id: int, bids: list[Level], asks: list[Level], time_ms: int
    ) -> bytes:
        return json.dumps([update_id, bids, asks]).encode()

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        return hub.channel(stream)

    def expected(self, stream: str) -> bool:
        return True

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        self._desk.called()
        book = books[request.query["symbol"]]
        return await self._desk.snapshot(
            request,
            faults,
            lambda _: Response(200, book.snapshot(5, 0)),
            stale=lambda _: b"stale",
            empty=b"empty",
        )

    def rest_counts(self) -> dict[str, int]:
        return self._desk.counts()


def spot(scale: float = 1.0) -> ToyDialect:
    return ToyDialect(scale)
