"""What the conformance cases need of a venue: frames as its documents show them, and what they mean.

Written from the protocol page, never from the adapters: an adapter and its material are two readings of the same documents.
A venue gives one :class:`Material` for each of its markets, and a :class:`BookScript`, the exchange's side of one book.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from venues.interface import Channel, ConnectionPlan, KeepAlive, Route, Venue
from venues.messages import Message, Side
from venues.registry import venue

__all__ = [
    "BookScript",
    "ControlSample",
    "Documented",
    "Evidence",
    "Levels",
    "Listed",
    "Material",
    "Past",
    "Refusal",
    "Sample",
    "micros",
    "scaled",
]

Levels: TypeAlias = Sequence[tuple[str, str]]
"""Prices and quantities as a frame writes them."""

Evidence: TypeAlias = Literal["recording", "document", "not verified"]
"""What the reading of something rests on: real frames that tests decode, the exchange's documents (or frames others captured
and published), or nobody's word for it that we could check."""


def scaled(text: str) -> int:
    """A decimal text as the scaled int it has to become; exact, and not the project's own reading."""
    number = Decimal(text) * 10**18
    assert number == number.to_integral_value(), f"{text} has more than 18 digits"
    return int(number)


def micros(rfc3339: str) -> int:
    """``2026-09-25T17:48:24.799230Z`` in microseconds since the epoch."""
    whole = datetime.fromisoformat(rfc3339)
    return int(whole.replace(microsecond=0).timestamp()) * 1_000_000 + whole.microsecond


@dataclass(frozen=True)
class Sample:
    """A frame of a channel of the settings, how it is routed and what it says. ``source``: where the frame is from."""

    channel: Channel
    route: Route
    frame: bytes
    messages: tuple[Message, ...]
    source: str


@dataclass(frozen=True)
class ControlSample:
    """A frame without market data. ``error``: words its explanation has to contain. ``reply``: whether it has to be answered."""

    frame: bytes
    kind: Literal["ack", "alive", "error", "shutdown", "unknown"]
    error: str = ""
    reply: bool = False


@dataclass(frozen=True)
class Refusal:
    """The exchange's answers to a subscription of which one part does not exist: those that name it, and those for the rest.

    ``plan`` first: an adapter may have to remember what it asked for. ``answers`` makes the frames of it.
    """

    wire_symbols: tuple[str, ...]
    bad: str
    answers: Callable[[ConnectionPlan], Sequence[bytes]]


@dataclass(frozen=True)
class Listed:
    """An instrument as the metadata in :attr:`Material.instruments` say it. ``unit`` as in raw records."""

    wire_symbol: str
    symbol: str
    tick: str
    lot: str
    trading: bool = True
    unit: str = ""
    settle: str = ""
    status: str = ""
    expires: str = ""


@dataclass(frozen=True)
class Past:
    """How REST tells trades of the past. ``path`` of the call; ``answer``: the page that holds the trade of :attr:`Material.trade`, of
    which ``number`` is the count; None where trades are not counted. ``refusals``: answers that hold none, with status 200."""

    path: str
    answer: Callable[[str, str, str, Side], bytes]
    number: str | None
    refusals: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Documented:
    """Limits as the documents give them; None where there is none."""

    streams_per_connection: int | None = None
    streams_per_request: int | None = None
    requests_per_connection: int | None = None
    characters_asked: int | None = None
    """Of all streams of a connection, as they stand in its requests."""
    requests_per_s: float | None = None
    keep_alive_s: float | None = None
    """How often a client has to send something of its own accord."""
    session_s: float | None = None


class BookScript(abc.ABC):
    """The exchange's side of one book: what it holds, and the frames by which it says so.

    ``depth``: levels a side it keeps and tells of; what falls out is forgotten on both sides without a word.
    """

    depth: int | None = None

    def __init__(self, wire_symbol: str) -> None:
        self.wire_symbol = wire_symbol
        self.time_ms = 1_790_000_000_000
        self.bids: dict[Decimal, str] = {}
        self.asks: dict[Decimal, str] = {}

    @abc.abstractmethod
    def image(self) -> bytes:
        """The whole book: a frame of its stream, or the body of the REST answer."""

    @abc.abstractmethod
    def _diff(self, bids: Levels, asks: Levels) -> bytes:
        """The frame that tells of a change just made; counts ids on."""

    def restart(self) -> Sequence[bytes]:
        """The exchange starts to count anew; frames that tell so, from which the book can be had again (or an image)."""
        return [self.image()]

    def change(self, bids: Levels = (), asks: Levels = ()) -> bytes:
        """Change the book and tell of it."""
        for side, levels in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in levels:
                if Decimal(quantity):
                    side[Decimal(price)] = quantity
                else:
                    side.pop(Decimal(price), None)
        if self.depth is not None:
            for worst in sorted(self.bids, reverse=True)[self.depth :]:
                del self.bids[worst]
            for worst in sorted(self.asks)[self.depth :]:
                del self.asks[worst]
        self.time_ms += 100
        return self._diff(bids, asks)

    def levels(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """What a right copy of the book holds: scaled prices and quantities, best first."""
        return (
            [(scaled(str(price)), scaled(self.bids[price])) for price in sorted(self.bids, reverse=True)],
            [(scaled(str(price)), scaled(self.asks[price])) for price in sorted(self.asks)],
        )

    def sides(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Both sides best first, prices plain."""
        return (
            [(f"{price:f}", self.bids[price]) for price in sorted(self.bids, reverse=True)],
            [(f"{price:f}", self.asks[price]) for price in sorted(self.asks)],
        )


@dataclass(frozen=True)
class Material:
    """One market of one exchange, for all cases.

    ``trade``: a frame of one trade of a wire symbol, price and quantity as written, the taker's side. ``asked``: the streams a
    plan asks for, message by message, the address being the first. ``times``: a frame with the time it has to become. ``units``: wire
    symbol, quantity, price, and the base units that is. ``recorded``: frames of the recordings, with the channel of each.
    ``ids``: whether
    diffs are numbered. ``checked_script``: a book whose frames have checksums; ``checksum_frames``: images and diffs whose sums
    are known to be right. ``not_applicable``: cases this market cannot have, and why. ``open_points``: what is not verified of the readings here.
    """

    name: str
    wire_symbol: str
    script: Callable[[str], BookScript]
    trade: Callable[[str, str, str, Side], bytes]
    samples: tuple[Sample, ...]
    controls: tuple[ControlSample, ...]
    instruments: bytes
    listed: tuple[Listed, ...]
    units: tuple[tuple[str, str, str, str], ...]
    odd_symbols: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, bytes, str], ...]
    documented: Documented
    asked: Callable[[ConnectionPlan], Sequence[Sequence[str]]]
    evidence: Mapping[str, Evidence]
    past: Past
    numbered: Callable[[int], str] = "S{}USDT".format
    keep_alive_answer: bytes | None = None
    refusal: Refusal | None = None
    ids: bool = True
    checked_script: Callable[[str], BookScript] | None = None
    checksum_frames: tuple[tuple[bytes, ...], ...] = ()
    recorded: Callable[[], Iterator[tuple[Channel, bytes]]] | None = None
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    open_points: tuple[str, ...] = ()

    def venue(self) -> Venue:
        """A new object of the adapter."""
        exchange, _, market = self.name.rpartition(".")
        return venue(exchange, market)

    @property
    def keep_alive(self) -> KeepAlive | None:
        """What the adapter says it sends."""
        return self.venue().keep_alive

    def sample(self, kind: type[Any]) -> Sample:
        """The first whose frame gives a message of that type."""
        return next(one for one in self.samples if any(isinstance(said, kind) for said in one.messages))
