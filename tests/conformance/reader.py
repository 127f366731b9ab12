"""A client as the cases need it: an adapter before a synchronizer, or before a whole raw partition."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import fastavro

from bookmill.settings import WorkerSettings
from schemas.catalogue import EVENT_TOPICS, Topic
from schemas.raw_record import Kind, RawHeaders
from streams.partition import RawPartition, Work
from streams.synchronizer import Phase, Synchronizer
from tests.conformance.material import BookScript, Material
from venues.interface import Venue
from venues.messages import BookDiff, BookImage

__all__ = ["Reader", "Record", "partition", "read_event", "record"]

_SCHEMA_IDS = {topic: number for number, topic in enumerate(EVENT_TOPICS, 1)}


class Reader:
    """Keeps one book from frames. ``counting``: frames are numbered by connection, and a jump is told as a producer tells it."""

    def __init__(self, material: Material, *, counting: bool = False) -> None:
        self.venue: Venue = material.venue()
        self.book = Synchronizer(self.venue.continuity, 1000)
        self.in_band = self.venue.snapshot_request(material.wire_symbol, None) is None
        self._wire_symbol = material.wire_symbol
        self._counting = counting
        self._number: int | None = None

    def take(self, *frames: bytes) -> None:
        """Frames of the book's stream, images among them where they come in it."""
        for frame in frames:
            self._count(frame)
            route = self.venue.route(frame)
            assert route is not None, frame
            assert route.wire_symbol == self._wire_symbol
            for message in self.venue.decode(route.channel, frame):
                if isinstance(message, BookImage):
                    assert message.in_band
                    self.book.replace(message)
                elif isinstance(message, BookDiff):
                    self.book.offer(message)

    def image(self, image: bytes) -> None:
        """An image by the way of this market."""
        if self.in_band:
            self.take(image)
        else:
            for _ in self.book.install(self.venue.decode_snapshot(image)):
                pass

    @property
    def live(self) -> bool:
        """Whether the book is one to show."""
        return self.book.phase is Phase.LIVE

    def levels(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """As :meth:`BookScript.levels`."""
        bids, asks = self.book.book.bids.levels(), self.book.book.asks.levels()
        return list(zip(*bids, strict=True)), list(zip(*asks, strict=True))

    def stands_as(self, script: BookScript) -> bool:
        """Live, and level by level what the exchange has."""
        assert self.levels() == script.levels()
        return self.live

    def _count(self, frame: bytes) -> None:
        number = self.venue.sequence(frame) if self._counting else None
        if number is None:
            return
        if self._number is not None and number != self._number + 1:
            self.book.tell_lost("lost")
        self._number = number


@dataclass
class Record:
    """A raw record, as a worker is given it."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def partition(material: Material) -> RawPartition:
    """A fresh one of the market's raw topic."""
    return RawPartition(material.venue(), f"raw.{material.name}", 0, 0, _SCHEMA_IDS, WorkerSettings())


def record(
    material: Material, offset: int, channel: str, value: bytes, *, unit: str = "", kind: Kind = "ws"
) -> Record:
    """A frame of the market's instrument in its record."""
    time_ns = 1_790_000_000_000_000_000 + offset * 1_000_000
    headers = RawHeaders(time_ns, kind, channel, "c1", offset, material.wire_symbol, unit)
    return Record(offset, material.wire_symbol.encode(), value, tuple(headers.encode()))


def read_event(topic: Topic, value: bytes) -> dict[str, Any]:
    """An event as any reader sees it."""
    event = fastavro.schemaless_reader(io.BytesIO(value[5:]), fastavro.parse_schema(topic.schema), None)
    assert isinstance(event, dict)
    return event


def events(work: Work) -> Iterable[bytes]:
    """Values of all events of a batch."""
    for name in ("trades", "spreads", "book_snapshots", "tickers", "klines", "derivatives", "liquidations"):
        yield from (value for _, value, _ in getattr(work.events, name))
