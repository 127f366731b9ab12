"""What a simulated exchange is made of. A new exchange is one module that implements :class:`Dialect`.

The sockets, the pacing, the counting and the synthetic order flow are common; a dialect says which paths and messages
exist, how they are answered, what the limits are and how frames look. It is written from the exchange's documents and shares
nothing with the code that is tested against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from simulator.faults import RestFaults
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument
from simulator.web import Request, Response

__all__ = ["Books", "Dialect", "Feed", "HandshakeRefusedError", "KeepAlive", "Session", "Snapshots"]

Level = tuple[int, int]


class HandshakeRefusedError(Exception):
    """The websocket handshake is answered with an HTTP error instead."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class KeepAlive:
    """Life rules of a connection; seconds. ``messages`` in any ``window_s`` may come in, pings and pongs included."""

    ping_interval_s: float
    pong_timeout_s: float
    session_s: float
    messages: int
    window_s: float = 1.0

    def scaled(self, scale: float) -> KeepAlive:
        """The same on a clock that runs ``scale`` times faster; the message window stays a real second."""
        return KeepAlive(
            self.ping_interval_s / scale,
            self.pong_timeout_s / scale,
            self.session_s / scale,
            self.messages,
            self.window_s,
        )


class Session(Protocol):
    """The exchange's side of one open connection."""

    combined: bool

    def receive(self, message: bytes) -> list[bytes]:
        """The texts to answer a client's text with."""

    def shutdown_notice(self, time_ms: int) -> bytes | None:
        """The exchange's announcement that it will cut connections; None where it has none."""


class Feed(Protocol):
    """Turns the order flow of one instrument into the exchange's frames. Prices in ticks, quantities in lots.

    ``time_ms`` is the exchange's clock, set before each round of orders.
    """

    time_ms: int

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
        """Levels changed since the last one, with their new quantities (0: gone)."""


class Snapshots(Protocol):
    """Where REST takes an instrument's book from."""

    instrument: Instrument
    opening_id: int  # an update id older than every frame

    def snapshot(self, limit: int, time_ms: int) -> bytes:
        """The body of the answer: at most ``limit`` levels a side."""


Books = dict[str, Snapshots]  # by wire symbol, in upper case


class Dialect(Protocol):
    """One market of one exchange."""

    name: str
    keep_alive: KeepAlive

    def open(self, target: str, subscriber: Subscriber, hub: Hub) -> Session:
        """A client connects to this path and query; raises :class:`HandshakeRefusedError`."""

    def feed(self, instrument: Instrument, hub: Hub) -> Feed:
        """Frames of a synthetic instrument, published to the hub."""

    def update_ids(self, start: int) -> Iterator[Iterator[int]]:
        """For each instrument in turn where its update ids come from: its own count, or one that all share."""

    def book_body(
        self, instrument: Instrument, update_id: int, bids: list[Level], asks: list[Level], time_ms: int
    ) -> bytes:
        """REST form of a synthetic book, best levels first."""

    def recorded_channel(self, stream: str, hub: Hub) -> Channel:
        """The channel of a recorded stream, under all names a client may ask for it today."""

    def expected(self, stream: str) -> bool:
        """Whether playback of a recording waits for this stream to be subscribed."""

    async def answer(self, request: Request, books: Books, faults: RestFaults) -> Response:
        """One REST call."""

    def rest_counts(self) -> dict[str, int]:
        """REST calls, weight and refusals so far."""
