"""What the rest of the project asks of a venue (one market of one exchange). Pure: no socket, no clock, no Kafka.

A producer asks it for connection plans, subscribe frames, the routing key of a frame and REST requests; a worker asks
it to decode frames and for the rule by which a book's diffs follow each other.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from venues.messages import BookDiff, BookImage, Instrument, Message

__all__ = [
    "ConnectionPlan",
    "Continuity",
    "Control",
    "Limits",
    "RestRequest",
    "Route",
    "StreamOptions",
    "Venue",
    "Verdict",
]


class Verdict(enum.Enum):
    """What a diff is to a book."""

    APPLY = "apply"
    OLD = "old"
    """Already in the book: drop it."""
    GAP = "gap"
    """Something between the book and this diff is missing: the book is lost."""


class Continuity(Protocol):
    """The venue's rule by which diffs follow a snapshot and each other (protocol page, section 2.2)."""

    def join(self, image_id: int, diff: BookDiff) -> Verdict:
        """Judge a diff against a snapshot to which no diff has been applied yet."""

    def follow(self, last_id: int, diff: BookDiff) -> Verdict:
        """Judge a diff against the diff applied last."""


class Route(NamedTuple):
    """Where a frame belongs: by looking at a few bytes."""

    channel: str
    wire_symbol: str


class Control(NamedTuple):
    """A frame that carries no market data. ``error`` is the exchange's own text where it refuses something."""

    kind: str
    error: str | None = None


@dataclass(frozen=True)
class StreamOptions:
    """What to subscribe to. ``trades``: the venue's channel for trades where it has several."""

    channels: tuple[str, ...] = ("depth", "bookTicker", "trade")


@dataclass(frozen=True)
class ConnectionPlan:
    """One websocket: its path (and query) below the market's websocket address, then the frames to send, in order.

    ``routes`` are the streams expected to flow on it: what :meth:`Venue.route` says of their frames.
    """

    path: str
    requests: tuple[str, ...]
    routes: tuple[Route, ...]

    @property
    def streams(self) -> int:
        """How many streams are expected to flow."""
        return len(self.routes)

    @property
    def wire_symbols(self) -> frozenset[str]:
        """The instruments on it."""
        return frozenset(route.wire_symbol for route in self.routes)


@dataclass(frozen=True)
class RestRequest:
    """One GET below the market's REST address and what it costs of the exchange's weight."""

    path: str
    params: Mapping[str, str]
    weight: int


@dataclass(frozen=True)
class Limits:
    """What the exchange allows one address. ``requests_per_s``: frames a client may send on one socket, strictly rolling."""

    weight_per_minute: int
    streams_per_connection: int
    requests_per_s: float
    session_s: float
    ban_statuses: frozenset[int] = field(default=frozenset({418, 429}))


class Venue(Protocol):
    """One market of one exchange."""

    exchange: str
    market: str
    websocket_url: str
    """The exchange's own address; settings may put another in its place."""
    rest_url: str
    limits: Limits
    continuity: Continuity

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """Spread instruments over connections within the venue's limits."""

    def route(self, frame: bytes) -> Route | None:
        """Channel and wire symbol of a frame; None where it carries no market data (see :meth:`control`)."""

    def control(self, frame: bytes) -> Control:
        """What a frame without market data says: ack, error, shutdown, unknown."""

    def instruments_request(self) -> RestRequest:
        """Ask for the metadata of all instruments."""

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """Read the answer to :meth:`instruments_request`; raises :class:`FrameError`."""

    def snapshot_request(self, wire_symbol: str, levels: int | None) -> RestRequest:
        """Ask for a book; ``levels`` a side, the venue's most where None."""

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """Weight used in the running minute, as the exchange counts it, from an answer's headers."""

    def decode(self, channel: str, frame: bytes) -> Sequence[Message]:
        """Read a frame of ``channel``: no, one or several messages. Raises :class:`FrameError`."""

    def decode_snapshot(self, body: bytes) -> BookImage:
        """Read the answer to :meth:`snapshot_request`; raises :class:`FrameError`."""
