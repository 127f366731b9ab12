"""What the rest of the project asks of a venue (one market of one exchange). Pure: no socket, no clock, no Kafka.

A producer asks it for connection plans, subscribe frames, the routing key of a frame and REST requests; a worker asks
it to decode frames and for the rule by which a book's diffs follow each other.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, TypeAlias

from venues.messages import BookDiff, BookImage, Checksum, Instrument, Message, Trade

__all__ = [
    "CHANNELS",
    "Backfill",
    "Channel",
    "ConnectionPlan",
    "Continuity",
    "Control",
    "KeepAlive",
    "Levels",
    "Limits",
    "RestRequest",
    "Route",
    "StreamOptions",
    "TradeSequence",
    "TradeSpan",
    "Venue",
    "Verdict",
]

Channel: TypeAlias = Literal["book", "best", "trades", "ticker", "klines", "derivatives", "liquidations"]
"""What can be collected, in the words of the settings; a venue has its own names (:class:`Route`), and not all of them."""

CHANNELS: tuple[Channel, ...] = (
    "book",
    "best",
    "trades",
    "ticker",
    "klines",
    "derivatives",
    "liquidations",
)

TradeSequence: TypeAlias = Literal["ids", "folded", "beside", "none"]
"""How a venue's trades of one instrument count, so that a missing one shows (protocol page, section 11).

ids: each trade's id is one more than the id before. folded: the same, but a trade may stand for several ids, of which its own is
the last. beside: a number beside the id counts. none: nothing does.
"""

Levels: TypeAlias = tuple[Sequence[int], Sequence[int]]
"""Prices and quantities of one side of a book, best first."""


class Verdict(enum.Enum):
    """What a diff is to a book."""

    APPLY = "apply"
    OLD = "old"
    """Already in the book: drop it."""
    GAP = "gap"
    """Something between the book and this diff is missing: the book is lost."""


class Continuity(Protocol):
    """The venue's rule by which diffs follow a snapshot and each other (protocol page, section 2.2).

    ``checked_levels``: how many of the best levels a side its checksums are made of, 0 where it has none.
    """

    checked_levels: int

    def join(self, image_id: int, diff: BookDiff) -> Verdict:
        """Judge a diff against a snapshot to which no diff has been applied yet."""

    def follow(self, last_id: int, diff: BookDiff) -> Verdict:
        """Judge a diff against the diff applied last."""

    def agrees(self, bids: Levels, asks: Levels, checksum: Checksum) -> bool:
        """Whether the best levels are those the exchange made its checksum of."""


class Route(NamedTuple):
    """Where a frame belongs: by looking at a few bytes."""

    channel: str
    wire_symbol: str


class Control(NamedTuple):
    """A frame that carries no market data.

    ``kind``: ack; alive (a heartbeat, a pong); error, with the exchange's own text in ``error``; shutdown (it will close);
    unknown. ``reply``: what has to be sent back. ``refused``: the streams an error or an ack says will not flow.
    """

    kind: Literal["ack", "alive", "error", "shutdown", "unknown"]
    error: str | None = None
    reply: str | None = None
    refused: tuple[Route, ...] = ()


class KeepAlive(NamedTuple):
    """A text the client has to send once in so many seconds."""

    every_s: float
    text: str


@dataclass(frozen=True)
class StreamOptions:
    """What to subscribe to; a venue passes over channels it does not have.

    ``aggregated_trades``: fills of one taker order at one price folded into one, where the venue offers both forms.
    ``kline_intervals``: ``1m``, ``1h``, ``1d``; those the venue does not have are passed over.
    """

    channels: tuple[Channel, ...] = ("book", "best", "trades")
    aggregated_trades: bool = False
    kline_intervals: tuple[str, ...] = ("1m",)


@dataclass(frozen=True)
class ConnectionPlan:
    """One websocket: its path (and query) below the market's websocket address, then the frames to send, in order.

    ``routes`` are the streams on it: what :meth:`Venue.route` says of their frames. ``rare`` are those of them that may be
    silent for hours (liquidations), so that their silence is no fault.
    """

    path: str
    requests: tuple[str, ...]
    routes: tuple[Route, ...]
    rare: frozenset[Route] = frozenset()

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
    """One GET below the market's REST address and what it costs of the exchange's weight.

    ``keyed``: it has to carry the user's key, in the header :attr:`Venue.key_header` names.
    """

    path: str
    params: Mapping[str, str]
    weight: int
    keyed: bool = False


@dataclass(frozen=True)
class TradeSpan:
    """Trades that are missing: from the first number to the last, both included, and between which times (µs since the epoch).

    Numbers are those by which the venue counts an instrument's trades: their ids, on Deribit ``trade_seq``.
    """

    first_id: str | None = None
    last_id: str | None = None
    since_micros: int | None = None
    until_micros: int | None = None


class Backfill(Protocol):
    """The way through an exchange's past trades, page by page: ask :meth:`request`, give its answer to :meth:`take`, until there is none.

    ``complete`` says then whether the exchange has told all of the span, ``reason`` why not.
    """

    complete: bool
    reason: str

    def request(self) -> RestRequest | None:
        """The next page to ask for; None when all has come, or no more can."""

    def take(self, body: bytes) -> int:
        """The answer to the request; returns how many trades are in it. Raises :class:`FrameError`: nothing more can be asked then."""


@dataclass(frozen=True)
class Limits:
    """What the exchange allows one address. ``requests_per_s``: frames a client may send on one socket, strictly rolling.
    ``weight_per_minute``: calls, where all cost the same. ``session_s``: infinite where connections are never cut.
    ``connects_per_s``: connections that may be opened. ``requests_per_hour``: frames on one socket, where that is limited too.
    ``weight_pool``: markets whose weight the exchange counts apart; those of one name, and so all without one, share it.
    ``ban_statuses`` say that too much was asked, for ``ban_s`` seconds where the answer names no time.
    """

    weight_per_minute: int
    streams_per_connection: int
    requests_per_s: float
    session_s: float
    ban_statuses: frozenset[int] = field(default=frozenset({403, 418, 429}))
    ban_s: float = 60.0
    connects_per_s: float = 4.0
    requests_per_hour: float = math.inf
    weight_pool: str = ""


class Venue(Protocol):
    """One market of one exchange."""

    exchange: str
    market: str
    websocket_url: str
    """The exchange's own address; settings may put another in its place."""
    rest_url: str
    limits: Limits
    continuity: Continuity
    channels: frozenset[Channel]
    """What it offers."""
    kline_intervals: tuple[str, ...]
    """The bars it has, shortest first: ``1m``, ``1h``, ``1d``."""
    contracts: bool
    """Whether its quantities are contracts, whose size only its metadata tell."""
    repeats_trades: bool
    """Whether a new connection brings trades again that the one before has brought."""
    keep_alive: KeepAlive | None
    """None where answering the exchange's own pings is all it asks."""
    depths: tuple[int, ...]
    """Levels a side that its books can be subscribed with, the usual one first; none: it has one form only."""
    image_channels: frozenset[str]
    """Its channels that begin with an image of all that is, on each connection and each subscription anew."""
    trade_sequence: TradeSequence
    """How its trades count; decoders say the number as :attr:`venues.messages.Trade.sequence`."""
    trade_channels: frozenset[str]
    """Its channels of trades; whoever trades changes the book."""
    market_wide: frozenset[str]
    """Its channels that bring all instruments of the market at once: frames of those not collected are passed over."""
    ccxt_id: str
    """ccxt's name of the exchange; empty where it cannot be polled."""
    by_ccxt: bool
    """Whether there is nothing but ccxt: no socket to listen to, and no REST call of ours."""
    key_header: str
    """The header of REST calls that carries a user's key, where some of them want one; empty: none does."""

    def set_depth(self, depth: int) -> None:
        """Books with so many levels a side; raises :class:`ConfigurationError` where the venue does not offer them."""

    @property
    def book_channels(self) -> frozenset[str]:
        """Its channels of a book's changes."""

    def plan(self, wire_symbols: Sequence[str], options: StreamOptions) -> Sequence[ConnectionPlan]:
        """Spread instruments over connections within the venue's limits."""

    def route(self, frame: bytes) -> Route | None:
        """Channel and wire symbol of a frame; None where it carries no market data (see :meth:`control`)."""

    def control(self, frame: bytes) -> Control:
        """What a frame without market data says."""

    def sequence(self, frame: bytes) -> int | None:
        """The frame's number in its connection, where the venue counts frames by connection: a jump means frames were lost."""

    def instruments_request(self) -> RestRequest:
        """Ask for the metadata of all instruments."""

    def parse_instruments(self, body: bytes) -> Sequence[Instrument]:
        """Read the answer to :meth:`instruments_request`; raises :class:`FrameError`."""

    def snapshot_request(self, wire_symbol: str, levels: int | None) -> RestRequest | None:
        """Ask for a book; ``levels`` a side, the venue's most where None. None: images come in the stream, see :meth:`resubscribe`."""

    def resubscribe(self, wire_symbol: str) -> Sequence[str]:
        """The texts that make the stream of a book bring a new image; none where images are asked of REST."""

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """Weight used in the running minute, as the exchange counts it, from an answer's headers."""

    def decode(self, channel: str, frame: bytes) -> Sequence[Message]:
        """Read a frame of ``channel``: no, one or several messages. Raises :class:`FrameError`."""

    def decode_snapshot(self, body: bytes) -> BookImage:
        """Read the answer to :meth:`snapshot_request`; raises :class:`FrameError`, also where there is no such request."""

    def backfill(self, wire_symbol: str, span: TradeSpan, *, aggregated: bool, has_key: bool) -> Backfill:
        """The way to trades that are missing. ``aggregated``: of the stream of folded trades, where there are both forms;
        ``has_key``: requests may be ``keyed``."""

    def decode_backfill(self, body: bytes) -> Sequence[Trade]:
        """Read one of its pages, oldest first; raises :class:`FrameError`, also where there are none."""
