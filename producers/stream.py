"""One stream of an instrument on its way into the raw topic: what is constant about its records, and who may write them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from producers.hand_over import HandOver, HeldFrame
from producers.kafka_writer import Headers, KafkaWriter
from schemas.raw_record import Kind, RawHeaders
from venues.interface import Route

__all__ = ["Source", "Stream", "record_headers"]


class Source(Protocol):
    """A connection, as far as its records name it. ``written`` is its frame counter, ``over``: it brings nothing any more,
    ``loss`` why."""

    header: tuple[str, bytes]
    written: int
    loss: str

    @property
    def over(self) -> bool: ...


def record_headers(kind: Kind, channel: str, symbol: str, unit: str) -> tuple[list[tuple[str, bytes]], ...]:
    """The constant ones of a record's headers: kind and channel, and those that stand at the end: symbol, unit."""
    names = RawHeaders(0, kind, channel, "", 0, symbol, unit).encode()
    return names[1:3], names[5:]


class Stream:
    """``leader`` is the connection whose frames are written without a look. While one hands over to another nobody leads and every
    frame goes through the :class:`HandOver`.

    ``frames`` and ``bytes`` count what was written, ``repeated`` what a connection brought that another had written, or that nobody wants
    any more.
    ``starts_anew``: each connection begins it with an image of all that is (books whose images come in the stream), so a
    successor leads with its first frame.
    """

    __slots__ = (
        "bytes",
        "channel_headers",
        "forgotten_before",
        "frames",
        "hand_over",
        "key",
        "last_headers",
        "last_ns",
        "leader",
        "lost_ns",
        "new",
        "old",
        "repeated",
        "route",
        "starts_anew",
        "told",
        "topic",
        "writer",
    )

    def __init__(
        self,
        route: Route,
        symbol: str,
        topic: str,
        writer: KafkaWriter,
        *,
        unit: str = "",
        starts_anew: bool = False,
    ) -> None:
        self.route = route
        self.starts_anew = starts_anew
        self.topic = topic
        self.writer = writer
        self.key = route.wire_symbol.encode()
        self.describe(symbol, unit)
        self.leader: Source | None = None
        self.old: Source | None = None
        self.new: Source | None = None
        self.hand_over: HandOver | None = None
        self.frames = 0
        self.bytes = 0
        self.repeated = 0
        self.told = 0
        """Records that say frames are missing."""
        self.forgotten_before = 0
        self.last_ns = 0
        self.lost_ns = 0
        """When it was written last that frames are missing."""

    def describe(self, symbol: str, unit: str) -> None:
        """From the next record on."""
        self.channel_headers, self.last_headers = record_headers("ws", self.route.channel, symbol, unit)

    @property
    def forgotten(self) -> int:
        """Frames that its hand-overs could not remember."""
        return self.forgotten_before + (self.hand_over.forgotten if self.hand_over else 0)

    def write(self, source: Source, frame: bytes, time_ns: int) -> None:
        """Write one frame as a raw record."""
        headers: Headers = [
            ("receive_time_ns", b"%d" % time_ns),
            *self.channel_headers,
            source.header,
            ("frame", b"%d" % source.written),
            *self.last_headers,
        ]
        source.written += 1
        self.frames += 1
        self.bytes += len(frame)
        self.writer.write(self.topic, self.key, frame, headers)

    def bringer(self, source: Source) -> Source:
        """Whose frames are written now: ``source`` where nobody's are yet."""
        return self.leader or self.old or source

    def tell_lost(self, source: Source, reason: str, time_ns: int) -> None:
        """Write that frames are missing, where the next frame would stand: once, until frames come again. Where another than
        ``source`` brings the stream nothing is.
        """
        if self.lost_ns > self.last_ns or (self.leader is not None and self.leader is not source):
            return
        self.lost_ns = time_ns
        headers: Headers = [
            ("receive_time_ns", b"%d" % time_ns),
            ("kind", b"lost"),
            self.channel_headers[1],
            source.header,
            ("frame", b"%d" % source.written),
            *self.last_headers,
        ]
        source.written += 1
        self.told += 1
        self.writer.write(self.topic, self.key, reason.encode(), headers)

    def take(self, source: Source, frame: bytes, time_ns: int) -> None:
        """A frame of a connection that does not lead: it hands over, or is done."""
        hand_over = self.hand_over
        if hand_over is None:
            self.repeated += 1
            return
        if source is self.new and self.starts_anew:
            self.forgotten_before = self.forgotten
            self.leader, self.old, self.new, self.hand_over = source, None, None, None
            self.write(source, frame, time_ns)
            return
        if source is self.new:
            self._write_all(hand_over.new(frame, time_ns))
        elif source is self.old and hand_over.old(frame):
            self.write(source, frame, time_ns)
        self._settle()

    def lead(self, source: Source) -> None:
        """From now on what ``source`` brings is written, and nothing else."""
        self.leader, self.old, self.new, self.hand_over = source, None, None, None
        self.forgotten_before = self.forgotten

    def mute(self) -> None:
        """Nobody wants it any more: what still comes is counted as repeated."""
        self.leader, self.old, self.new, self.hand_over = None, None, None, None

    def begin(self, old: Source) -> None:
        """A successor is on its way: what ``old`` brings is remembered, before the exchange can have sent it to both."""
        self.forgotten_before = self.forgotten
        self.old, self.new, self.hand_over, self.leader = old, None, HandOver(), None

    def join(self, new: Source) -> None:
        """The successor is there, and delivers from now on."""
        self.new = new

    def finish(self) -> None:
        """The old connection is not waited for any longer."""
        if self.hand_over is not None:
            self._write_all(self.hand_over.finish())
            self._settle()

    def cancel(self, old: Source, time_ns: int) -> None:
        """The successor is gone: the old connection goes on. Where the successor led already, frames lie between the two."""
        led = self.leader is not None and self.leader is not old
        self.forgotten_before = self.forgotten
        self.leader, self.old, self.new, self.hand_over = old, None, None, None
        if led:
            self.tell_lost(old, "successor lost", time_ns)

    def break_off(self, old: Source, reason: str, time_ns: int) -> None:
        """The old connection ended before both had brought one frame: whatever lies between the two is missing."""
        if self.hand_over is not None and not self.hand_over.aligned:
            self.tell_lost(old, reason, time_ns)
        self.finish()

    def _write_all(self, held: Iterable[HeldFrame]) -> None:
        for frame, time_ns in held:
            if self.new is not None:
                self.write(self.new, frame, time_ns)

    def _settle(self) -> None:
        if self.hand_over is not None and self.hand_over.over:
            self.repeated += self.hand_over.repeated
            self.forgotten_before = self.forgotten
            self.leader, self.old, self.new, self.hand_over = self.new, None, None, None
