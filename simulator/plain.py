"""What most exchanges do alike: a dialect, its sessions and its feeds to begin with. A new exchange overrides what it does otherwise."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bookmill.errors import ConfigurationError
from simulator.dialect import Books, Close, HandshakeRefusedError, KeepAlive, Session
from simulator.faults import RestFaults
from simulator.feed import Day, Feed, Level, Truth
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import DEFAULT_SYMBOLS, Instrument, check_symbol, instrument
from simulator.limits import CallBudget, Verdict
from simulator.rest import RestDesk, json_response
from simulator.web import Request, Response

__all__ = ["Numerals", "Page", "PlainDialect", "PlainFeed", "PlainSession"]

Page = Callable[[Request], Any]
"""Makes what a GET is answered with, as JSON."""


class Numerals(dict[int, str]):
    """Texts of whole steps of 10^-``decimals``, trailing zeros kept; what was written once is remembered. Bounded."""

    _MOST = 50_000

    def __init__(self, decimals: int) -> None:
        super().__init__()
        self._decimals = decimals

    def __missing__(self, steps: int) -> str:
        if len(self) >= self._MOST:
            self.clear()
        whole, rest = divmod(steps, 10**self._decimals)
        text = self[steps] = f"{whole}.{rest:0{self._decimals}d}" if self._decimals else str(whole)
        return text


class PlainFeed:
    """An instrument nothing is told of: override the methods whose frames the exchange has.

    ``price[ticks]`` and ``quantity[lots]`` are their texts.
    """

    truth: Callable[[], Truth]

    def __init__(self, instrument: Instrument) -> None:
        self.time_ms = 0
        self.instrument = instrument
        self.price = Numerals(instrument.price_decimals)
        self.quantity = Numerals(instrument.quantity_decimals)

    def trade(self, trade_id: int, price: int, quantity: int, *, seller_aggressed: bool) -> None:
        """One fill."""

    def aggregate(
        self, first_id: int, last_id: int, price: int, quantity: int, *, seller_aggressed: bool
    ) -> None:
        """All fills of one order at one price."""

    def top(self, update_id: int, bid: Level, ask: Level) -> None:
        """Best bid and ask after a change of either."""

    def depth(
        self, first_id: int, last_id: int, previous_id: int, bids: dict[int, int], asks: dict[int, int]
    ) -> None:
        """Levels changed since the last one."""

    def second(self, day: Day) -> None:
        """Once a second of the exchange's clock."""

    def image(self) -> bytes:
        """Books do not begin with a frame."""
        return b""

    def scenario(self, name: str, **_: Any) -> None:
        """There are none."""
        raise ConfigurationError(f"There is no scenario '{name}'.", hint="There is no scenario at all.")


class PlainSession(ABC):
    """A connection whose frames are sent as they were published. It says nothing by itself, and closes nobody."""

    @abstractmethod
    def receive(self, message: bytes) -> list[bytes]:
        """The texts to answer a client's text with."""

    def frame(self, envelope: bytes, data_start: int) -> bytes:  # noqa: ARG002  frames are what they are
        """All of it."""
        return envelope

    def tick(self, silent_s: float, quiet_s: float) -> Sequence[bytes | Close]:  # noqa: ARG002  nothing is due
        """Nothing."""
        return ()

    def shutdown_notice(self, time_ms: int) -> bytes | None:  # noqa: ARG002  it says nothing
        """There is none."""
        return None


class PlainDialect(ABC):
    """A market with the usual instruments, under their symbols: no websocket pings, endless sessions, REST without books.

    ``path`` is where websockets connect; ``calls`` REST calls in ``calls_window_s`` seconds are answered, then HTTP 429 is.
    """

    name: str
    path: str = "/"
    default_symbols: tuple[str, ...] = DEFAULT_SYMBOLS
    keep_alive = KeepAlive(
        ping_interval_s=None, pong_timeout_s=math.inf, session_s=math.inf, messages=1_000_000
    )
    calls: int = 1200
    calls_window_s: float = 60.0

    def __init__(self, scale: float = 1.0) -> None:
        self.keep_alive = type(self).keep_alive.scaled(scale)
        self.desk = RestDesk(lambda: CallBudget(self.calls, self.calls_window_s / scale), self.refusal)

    @abstractmethod
    def session(self, subscriber: Subscriber, hub: Hub) -> Session:
        """A client is connected."""

    @abstractmethod
    def feed(self, instrument: Instrument, hub: Hub) -> Feed:
        """Frames of a synthetic instrument, published to the hub."""

    def pages(self) -> Mapping[str, Page]:
        """What REST has, by path."""
        return {}

    def refusal(self, verdict: Verdict) -> Response:
        """The answer to a call too many."""
        return json_response(
            {"error": "Too many calls."}, verdict.status, {"Retry-After": str(verdict.retry_after_s)}
        )

    def wire(self, symbol: str) -> str:
        """``BTC-USDT`` as it is."""
        check_symbol(symbol)
        return symbol

    def instrument(self, symbol: str) -> Instrument:
        """With the decimals of the simulator's own list."""
        return instrument(symbol)

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> Session:
        """At ``path``, whatever its query; 404 elsewhere."""
        if target.partition("?")[0] != self.path:
            raise HandshakeRefusedError(404, "Not found.")
        return self.session(subscriber, hub)

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        """Each instrument counts for itself."""
        return (itertools.count(start) for _ in itertools.count())

    def book_body(
        self,
        instrument: Instrument,  # noqa: ARG002  nobody asks for it
        update_id: int,  # noqa: ARG002  same
        bids: list[Level],  # noqa: ARG002  same
        asks: list[Level],  # noqa: ARG002  same
        time_ms: int,  # noqa: ARG002  same
    ) -> bytes:
        """REST has no books."""
        return b"{}"

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        """Under its own name."""
        return hub.channel(stream)

    def expected(self, stream: str) -> bool:  # noqa: ARG002  playback waits for nothing
        """Playback waits for no subscriber of its streams."""
        return False

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:  # noqa: ARG002  no books
        """A page, or 404."""
        self.desk.called()
        page = self.pages().get(request.path)
        if page is None:
            return json_response({"error": "Not found."}, 404)
        return self.desk.charged(request, lambda _: json_response(page(request)))

    def rest_counts(self) -> dict[str, int]:
        """REST calls and refusals so far."""
        return self.desk.counts()
