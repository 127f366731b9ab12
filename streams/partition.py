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
from streams.synchronizer import Phase
from venues import backfill_end, polled
from venues.interface import Venue
from venues.messages import Message
from venues.units import Unit, unit

__all__ = ["DeadLetter", "RawPartition", "RawRecord", "Work"]

_SOURCES: Mapping[bytes, Source] = {
    b"ws": "ws",
    b"poll": "poll",
    b"backfill": "backfill",
    b"snapshot": "ws",
    b"lost": "ws",
}
_MOST_CHANNELS = 1000
_LATEST_MICROS = 4_102_444_800_000_000
"""2100: later than that nothing was received. The tables have a partition for each day of receiving."""


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
    """A raw record that cannot be processed, and why: a sentence, and the name of the error's class.

    Not the error itself: that holds the function it was caught in, which holds this together with all events of its batch.
    """

    record: RawRecord
    reason: str
    error: str


@dataclass(slots=True)
class Work:
    """What a batch of records gave.

    ``position``: the offset after its last record. ``repeated``: records this object had processed before. ``silent``:
    frames without a message for us. ``covered``: records that an instrument's checkpoint already contains.
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
        self.incarnation = ""
        """Kafka's own id of the topic: one of the same name that is made anew has another, and its offsets start anew."""
        self.instruments: dict[bytes, Instrument] = {}
        self.needed: dict[bytes, int] = {}
        """Per instrument the first record that is needed beside its newest stored checkpoint; none where that says all."""
        self.covering: dict[bytes, tuple[int, int]] = {}
        """Of checkpoints taken and not yet stored: where they stand, and the first record needed beside them."""
        self._schema_ids = schema_ids
        self._settings = settings
        self._channels = _Channels()
        self._id_prefix = f"{topic}/{partition}/".encode()

    @property
    def safe_position(self) -> int:
        """Everything before this offset is covered by checkpoints: the partition may be committed up to it."""
        return min(self.needed.values(), default=self.position)

    def process(self, records: Iterable[RawRecord]) -> Work:  # noqa: C901, PLR0912  one loop: calls cost each record
        """Process records in order; what cannot be read becomes a dead letter, the next record is processed."""
        work = Work()
        out, instruments, channels = work.events, self.instruments, self._channels
        decode, needed = self.venue.decode, self.needed
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
                if not 0 <= receive_micros < _LATEST_MICROS:
                    raise ValueError(f"received at {receive_micros} µs")  # noqa: TRY301  as the others: no record of ours
            except (
                AttributeError,
                KeyError,
                TypeError,
                ValueError,
            ) as error:  # a header may have no value at all
                reason = f"The record's headers cannot be read: {error!r}."
                work.dead_letters.append(DeadLetter(record, reason, FrameError.__name__))
                continue
            taking = False
            try:
                key, value = record.key or b"", record.value or b""
                if kind == b"ws":
                    messages = decode(channel, value)
                elif kind == b"lost":
                    self._lose(
                        record, channel, value.decode("utf-8", "replace"), receive_micros, out, connection
                    )
                    continue
                else:
                    messages = self._decode(kind, channel, value)
                instrument = instruments.get(key) or self._open(key, symbol)
                if more:
                    instrument.emitter.unit = _unit(more[0][1])
                instrument.connection = connection
                if not messages:
                    work.silent += 1
                elif offset >= instrument.resume_at:
                    taking = True
                    instrument.take(messages, channel, (source, receive_micros, offset), out)
                    if key not in needed:
                        needed[key] = offset
                else:
                    work.covered += 1
                    if kind != b"poll":
                        instrument.take_again(messages, offset)
            except FrameError as error:
                work.dead_letters.append(_dead_letter(record, error))
                if taking or kind == b"ws":
                    self._lose(record, channel, "unreadable", receive_micros, out, connection, torn=taking)
        self.position = work.position = position
        return work

    def open(self, wire_symbol: str, symbol: str) -> Instrument:
        """The instrument of that wire symbol, made on its first record (or checkpoint)."""
        key = wire_symbol.encode()
        if key not in self.instruments:
            venue = self.venue
            self.instruments[key] = Instrument(
                venue,
                self._settings,
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
            )
        return self.instruments[key]

    def wanting(self) -> Iterable[Instrument]:
        """Instruments whose book waits for a snapshot."""
        return (one for one in self.instruments.values() if one.book.synchronizer.needs_image)

    def live(self) -> int:
        """How many books are live."""
        return sum(one.book.synchronizer.phase is Phase.LIVE for one in self.instruments.values())

    def _decode(self, kind: bytes, channel: str, value: bytes) -> Sequence[Message]:
        """What did not come over a socket."""
        if kind == b"snapshot":
            return (self.venue.decode_snapshot(value),)
        if kind == b"poll":
            return polled.decode(channel, value)
        if channel == backfill_end.END_CHANNEL:
            return (backfill_end.read_end(value),)
        return self.venue.decode_backfill(value)

    def covers(self, key: bytes) -> None:
        """The checkpoint of an instrument is stored."""
        instrument = self.instruments[key]
        position, first = self.covering.pop(key)
        instrument.checkpointed_at = position
        if instrument.last_offset < position and first == position:
            self.needed.pop(key, None)
        else:
            self.needed[key] = first

    def first_needed(self, instrument: Instrument) -> int:
        """The first record that is needed beside a checkpoint taken now: diffs that wait for a snapshot are not part of it."""
        return (
            min(instrument.book.kept_from, self.position)
            if instrument.book.synchronizer.pending
            else self.position
        )

    def _lose(
        self,
        record: RawRecord,
        channel: str,
        reason: str,
        receive_micros: int,
        out: Events,
        connection: bytes,
        *,
        torn: bool = False,
    ) -> None:
        """A frame of this channel is missing, or cannot be read. Not every exchange has numbers by which the next one would show it."""
        key, offset = record.key or b"", record.offset
        instrument = self.instruments.get(key)
        if instrument is not None and offset >= instrument.resume_at:
            instrument.connection = connection
            instrument.lose(channel, reason, ("ws", receive_micros, offset), out, torn=torn)
            self.needed.setdefault(key, offset)

    def _open(self, key: bytes, symbol: bytes) -> Instrument:
        try:
            return self.open(key.decode(), symbol.decode())
        except (AttributeError, UnicodeDecodeError) as error:  # a header may have no value at all
            raise FrameError(f"The record's key or symbol is not UTF-8: {error}.") from error


def _dead_letter(record: RawRecord, error: FrameError) -> DeadLetter:
    return DeadLetter(record, error.message, type(error.__cause__ or error).__name__)


def _unit(header: bytes) -> Unit:
    try:
        return unit(header.decode())
    except (AttributeError, UnicodeDecodeError) as error:
        raise FrameError("The unit of quantity in the record's headers is no text.") from error
