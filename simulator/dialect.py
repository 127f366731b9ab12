"""What a simulated exchange is made of. A new exchange is one module that implements :class:`Dialect`; :mod:`simulator.plain` is where
it starts (docs/adding-an-exchange.md).

The sockets, the pacing, the counting and the synthetic order flow are common; a dialect says which paths and messages
exist, how they are answered, what the limits are and how frames look. It is written from the exchange's documents and shares
nothing with the code that is tested against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from simulator.faults import RestFaults
from simulator.feed import Feed, Level
from simulator.hub import Channel, Hub, Subscriber
from simulator.instruments import Instrument
from simulator.web import Request, Response

__all__ = [
    "Books",
    "Close",
    "Dialect",
    "HandshakeRefusedError",
    "KeepAlive",
    "MarketFrame",
    "Session",
    "Snapshots",
]


class HandshakeRefusedError(Exception):
    """The websocket handshake is answered with an HTTP error instead."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


@dataclass(frozen=True)
class KeepAlive:
    """Life rules of a connection; seconds. ``messages`` in any ``window_s`` may come in, pings and pongs included.

    ``ping_interval_s`` None: the exchange sends no websocket pings. ``session_s`` may be infinite. ``slow_reader``: how a client
    that reads too slowly is closed; None: without a close frame.
    """

    ping_interval_s: float | None
    pong_timeout_s: float
    session_s: float
    messages: int
    window_s: float = 1.0
    slow_reader: Close | None = None

    def scaled(self, scale: float) -> KeepAlive:
        """The same on a clock that runs ``scale`` times faster; the message window stays a real second."""
        return replace(
            self,
            ping_interval_s=None if self.ping_interval_s is None else self.ping_interval_s / scale,
            pong_timeout_s=self.pong_timeout_s / scale,
            session_s=self.session_s / scale,
        )


@dataclass(frozen=True)
class Close:
    """The exchange ends the connection; code 1006 is an end without a close frame."""

    code: int
    reason: str = ""


class MarketFrame(bytes):
    """An answer that is no answer but the first frame of a stream: it is counted with the frames of the channels."""


class Session(Protocol):
    """The exchange's side of one open connection."""

    def receive(self, message: bytes) -> list[bytes]:
        """The texts to answer a client's text with; the next market frame comes behind them."""

    def frame(self, envelope: bytes, data_start: int) -> bytes:
        """What this connection is sent for a market frame, as its channel published it."""

    def tick(self, silent_s: float, quiet_s: float) -> Sequence[bytes | Close]:
        """What the exchange does by itself, asked four times a second of its clock.

        Its seconds since the client's last message (pings and pongs of the websocket are none), and since anything was sent to
        it; both since the connection opened where there was nothing.
        """

    def shutdown_notice(self, time_ms: int) -> bytes | None:
        """The exchange's announcement that it will cut connections; None where it has none."""


class Snapshots(Protocol):
    """Where REST takes an instrument's book from."""

    instrument: Instrument
    opening_id: int  # an update id older than every frame

    def snapshot(self, limit: int, time_ms: int) -> bytes:
        """The body of the answer: at most ``limit`` levels a side."""


Books = Mapping[str, Snapshots]  # by wire symbol, in upper case


class Dialect(Protocol):
    """One market of one exchange: ``name`` is like ``okx.swap``, symbols are ``BASE-QUOTE``."""

    name: str
    keep_alive: KeepAlive

    @property
    def default_symbols(self) -> tuple[str, ...]:
        """What it lists where the user names nothing."""

    def wire(self, symbol: str) -> str:
        """The exchange's own name of a ``BASE-QUOTE`` symbol; raises :class:`ConfigurationError` for one it cannot list."""

    def instrument(self, symbol: str) -> Instrument:
        """A synthetic instrument of that name, with decimals as the exchange has them; raises the same."""

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
