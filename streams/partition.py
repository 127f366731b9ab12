"""One raw partition: its records in order, its instruments, its dead letters, and how far it may be committed.

Deterministic: what it gives depends on the records alone. Reading the same records again, from a checkpoint or from the
beginning, gives the same events with the same ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bookmill.errors import FrameError
from bookmill.settings import WorkerSettings
from schemas.catalogue import Topic
from schemas.event_parts import Source
from schemas.events import EventWriter
from streams.emitter import Events
from streams.instrument import Instrument
from streams.synchronizer import Phase, Synchronizer
from venues import polled
from venues.interface import Venue
from venues.messages import BookDiff, BookImage, BookLost, Message
from venues.units import BASE, unit

__all__ = ["DeadLetter", "RawPartition", "RawRecord", "Work"]

_SOURCES: Mapping[bytes, Source] = {
    b"ws": "ws",
    b"poll": "poll",
    b"backfill": "backfill",
    b"snapshot": "ws",
    b"lost": "ws",
}
_MOST_CHANNELS = 1000
_BOOK_MESSAGES = frozenset({BookDiff, BookImage, BookLost})


class _Channels(dict[bytes, str]):
    """Channel names as text, by their bytes. Bounded: they come from a header, which anybody may write."""

    def __missing__(self, named: bytes) -> str:
        if len(self) >= _MOST_CHANNELS:
            self.clear()
        name = self[named] = named.decode("ascii")
        return name


class RawRecord(Protocol):
    """The part of a consumer's record that is looked at."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A raw record that cannot be processed, and why."""

    record: RawRecord
    reason: FrameError


@dataclass(slots=True)
class Work:
    """What a batch of records gave.

    ``position``: the offset after its last record. ``repeated``: records this object had processed before. ``silent``:
    frames without a message for us. ``covered``: book frames a checkpoint already contains.
    """

    position: int = 0
    records: int = 0
    repeated: int = 0
    silent: int = 0
    covered: int = 0
    events: Events = field(default_factory=Events)
    dead_letters: list[DeadLetter] = field(default_factory=list)


class RawPartition:
    """The instruments of one raw partition.

    ``position`` is the offset of the next record. Records below it have been processed by this very object and are passed
    over, so a rebalance that gives the partition back costs nothing.
    """

    def __init__(
        self,
        venue: Venue,
        topic: str,
        partition: int,
        position: int,
        schema_ids: Mapping[Topic, int],
        settings: WorkerSettings,
    ) -> None:
        self.venue = venue
        self.topic = topic
        self.partition = partition
        self.position = position
        self.instruments: dict[bytes, Instrument] = {}
        self.uncovered: dict[bytes, int] = {}
        """Per instrument the first record its book needs that no checkpoint covers."""
        self.covering: dict[bytes, int] = {}
        """The same for instruments whose checkpoint is taken but not yet stored."""
        self._schema_ids = schema_ids
        self._settings = settings
        self._channels = _Channels()
        self._id_prefix = f"{topic}/{partition}/".encode()

    @property
    def safe_position(self) -> int:
        """Everything before this offset is covered by checkpoints: the partition may be committed up to it."""
        return min((*self.uncovered.values(), *self.covering.values()), default=self.position)

    def process(self, records: Iterable[RawRecord]) -> Work:
        """Process records in order; what cannot be read becomes a dead letter, the next record is processed."""
        work = Work()
        out, instruments, channels = work.events, self.instruments, self._channels
        decode = self.venue.decode
        position = self.position
        for record in records:
            offset = record.offset
            if offset < position:
                work.repeated += 1
                continue
            position = offset + 1
            work.records += 1
            try:
                # By position, as producers write them: a dict of them would cost as much as decoding the frame.
                (_, received), (_, kind), (_, named), (_, connection), _, (_, symbol), *more = record.headers
                receive_micros, channel, source = int(received) // 1000, channels[named], _SOURCES[kind]
            except (KeyError, ValueError) as error:
                reason = FrameError(f"The record's headers cannot be read: {error!r}.")
                work.dead_letters.append(DeadLetter(record, reason))
                continue
            try:
                key, value = record.key or b"", record.value or b""
                messages = decode(channel, value) if kind == b"ws" else self._decode(kind, channel, value)
                instrument = instruments.get(key) or self._open(key, symbol)
                if more:
                    instrument.emitter.unit = unit(more[0][1].decode())
                instrument.connection = connection
                if not messages:
                    work.silent += 1
                elif type(messages[0]) not in _BOOK_MESSAGES or source == "poll":
                    instrument.take(messages, (source, receive_micros, offset), out)
                elif offset >= instrument.resume_at:
                    instrument.take(messages, (source, receive_micros, offset), out)
                    self._needs(key, instrument, offset, messages[0])
                else:
                    work.covered += 1
            except FrameError as error:
                work.dead_letters.append(DeadLetter(record, error))
                if source == "ws" and channel in self.venue.image_channels:
                    self._lose(record)
        self.position = work.position = position
        return work

    def open(self, wire_symbol: str, symbol: str) -> Instrument:
        """The instrument of that wire symbol, made on its first record (or checkpoint)."""
        key = wire_symbol.encode()
        if key not in self.instruments:
            venue = self.venue
            self.instruments[key] = Instrument(
                wire_symbol=wire_symbol,
                symbol=symbol,
                key=f"{venue.exchange}.{venue.market}.{symbol}".encode(),
                id_prefix=self._id_prefix,
                writer=EventWriter(
                    self._schema_ids,
                    exchange=venue.exchange,
                    market=venue.market,
                    symbol=symbol,
                    raw_topic=self.topic,
                    partition=self.partition,
                ),
                synchronizer=Synchronizer(venue.continuity, self._settings.pending_diffs),
                levels=self._settings.snapshot_levels,
                interval_micros=self._settings.snapshot_interval_ms * 1000,
                unit=BASE,
                checks_trades=venue.repeats_trades,
                images_in_band=bool(venue.image_channels),
            )
        return self.instruments[key]

    def wanting(self) -> Iterable[Instrument]:
        """Instruments whose book waits for a snapshot."""
        return (one for one in self.instruments.values() if one.synchronizer.needs_image)

    def live(self) -> int:
        """How many books are live."""
        return sum(one.synchronizer.phase is Phase.LIVE for one in self.instruments.values())

    def _decode(self, kind: bytes, channel: str, value: bytes) -> Sequence[Message]:
        """What did not come over a socket."""
        if kind == b"snapshot":
            return (self.venue.decode_snapshot(value),)
        if kind == b"lost":
            return (BookLost(value.decode("utf-8", "replace")),)
        if kind == b"poll":
            return polled.decode(channel, value)
        return self.venue.decode(channel, value)

    def _lose(self, record: RawRecord) -> None:
        """A change of this book cannot be read. Not every exchange has numbers by which the next one would show it."""
        instrument = self.instruments.get(record.key or b"")
        if instrument is not None and record.offset >= instrument.resume_at:
            instrument.synchronizer.tell_lost("unreadable")

    def _open(self, key: bytes, symbol: bytes) -> Instrument:
        try:
            return self.open(key.decode(), symbol.decode())
        except UnicodeDecodeError as error:
            raise FrameError(f"The record's key or symbol is not UTF-8: {error}.") from error

    def _needs(self, key: bytes, instrument: Instrument, offset: int, message: Message) -> None:
        """Note that the book needs the record at ``offset`` until a checkpoint covers it."""
        if (
            type(message) is BookDiff
            and instrument.synchronizer.phase is Phase.LIVE
            and key in self.uncovered
        ):
            return  # most of all
        if instrument.synchronizer.pending == 1 or (type(message) is BookImage and message.in_band):
            # Keeping has just begun (again), or a new book: what came before can no longer matter to this one.
            self.covering.pop(key, None)
            self.uncovered[key] = offset
        elif key not in self.uncovered:
            self.uncovered[key] = offset
