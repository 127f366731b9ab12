"""Checkpoints of instruments: so that a worker which takes a partition over needs neither the exchange nor the whole raw log.

An instrument (its book, where its trades stand, its open gaps) is packed with the raw position it stands at and written to
``checkpoints.books``, in the partition of its raw records. Whoever takes the partition over reads the checkpoints there, starts
at the committed offset, and passes over the records that a checkpoint already contains. A checkpoint is written only after
the events of everything it contains have been stored, so passing over loses none. Diffs that wait for a snapshot are not
part of it: they are read once more, from ``kept_from`` on.

What cannot be used (bytes with another checksum, another version's, of a raw topic that no longer exists) is said, counted and
left out: its book is resynchronized.
"""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from schemas.gap_events import Cause
from streams.gaps import Gap
from streams.instrument import Instrument
from streams.overlap import OverlapState
from streams.packed_levels import pack_levels, unpack_levels
from streams.partition import RawPartition
from streams.synchronizer import Phase
from venues.messages import BookImage
from venues.units import unit

__all__ = ["Checkpoint", "FlowState", "RawLog", "pack", "read_one", "restore"]

_SUM = 4
"""Bytes of the checksum (CRC-32) in front of a checkpoint: one wrong bit in a level would be a wrong book."""


class FlowState(msgspec.Struct, frozen=True, array_like=True):
    """Where the trades of an instrument stand: :class:`streams.trade_flow.TradeFlow`, and when the last one was received."""

    next_number: int
    first_number: int
    last_micros: int | None
    aggregated: bool
    polled: int
    cause: Cause
    cause_at: int
    received_micros: int | None


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """One instrument at one raw position of one ``incarnation`` of its raw topic (Kafka's own id of it). Levels: see ``packed_levels``."""

    version: int
    raw_topic: str
    position: int
    wire_symbol: str
    symbol: str
    last_id: int
    last_time_micros: int | None
    joined: bool
    bucket: int
    crossed_since_micros: int | None
    bids: bytes
    asks: bytes
    unit: str
    recent_trades: list[tuple[str, int | None]]
    crossed_by_image: bool = False
    reason: str = ""
    """Why the book waits for a snapshot; empty: it is live."""
    kept_from: int = 0
    received: dict[str, int] = {}
    flow: FlowState | None = None
    book_gap: Gap | None = None
    trade_gaps: list[Gap] = []
    stream_gaps: dict[str, Gap] = {}
    time_gaps: dict[str, Gap] = {}
    book_cause: tuple[Cause, int | None] = ("sequence", None)
    incarnation: str = ""
    overlap: OverlapState = msgspec.field(default_factory=OverlapState)
    snapshot_micros: int = 0


class RawLog(NamedTuple):
    """One raw partition, as checkpoints are held against it: Kafka's own id of its topic, and the offset it ends at."""

    incarnation: str
    end: int


_VERSION = 4
_NO_LEVELS = pack_levels((), ())
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Checkpoint).decode


def pack(partition: RawPartition, instrument: Instrument) -> bytes:
    """The checkpoint of an instrument as it stands now."""
    book, gaps, flow = instrument.book, instrument.gaps, instrument.trades.flow
    synchronizer = book.synchronizer
    live = synchronizer.phase is Phase.LIVE
    packed = _encode(
        Checkpoint(
            version=_VERSION,
            raw_topic=partition.topic,
            position=partition.position,
            wire_symbol=instrument.wire_symbol,
            symbol=instrument.symbol,
            last_id=synchronizer.last_id,
            last_time_micros=synchronizer.last_time_micros,
            joined=synchronizer.joined,
            bucket=book.bucket,
            crossed_since_micros=book.crossing.since_micros,
            bids=pack_levels(*synchronizer.book.bids.levels()) if live else _NO_LEVELS,
            asks=pack_levels(*synchronizer.book.asks.levels()) if live else _NO_LEVELS,
            unit=instrument.emitter.unit.text,
            recent_trades=list(flow.recent.items()),
            crossed_by_image=book.crossing.by_image,
            incarnation=partition.incarnation,
            snapshot_micros=book.snapshot_micros,
            reason=synchronizer.reason,
            kept_from=partition.first_needed(instrument),
            received=instrument.received,
            flow=FlowState(
                flow.next_number,
                flow.first_number,
                flow.last_micros,
                flow.aggregated,
                flow.polled,
                flow.cause,
                flow.cause_at,
                instrument.trades.received_micros,
            ),
            book_gap=gaps.book,
            trade_gaps=gaps.trades,
            stream_gaps=gaps.streams,
            time_gaps=gaps.times,
            book_cause=(book.ledger.cause, book.ledger.cause_at),
            overlap=instrument.overlap.state,
        )
    )
    return zlib.crc32(packed).to_bytes(_SUM) + packed


def restore(partition: RawPartition, checkpoints: Iterable[Checkpoint]) -> int:
    """Put the instruments of a partition back where their checkpoints stood; returns how many."""
    count = 0
    for checkpoint in checkpoints:
        instrument = partition.open(checkpoint.wire_symbol, checkpoint.symbol)
        book = instrument.book
        image = BookImage(
            checkpoint.last_id,
            unpack_levels(checkpoint.bids),
            unpack_levels(checkpoint.asks),
            checkpoint.last_time_micros,
        )
        book.synchronizer.restore(image, joined=checkpoint.joined, reason=checkpoint.reason)
        instrument.emitter.unit = unit(checkpoint.unit)
        instrument.resume_at = instrument.checkpointed_at = checkpoint.position
        book.kept_from = checkpoint.kept_from
        if checkpoint.reason and checkpoint.kept_from < checkpoint.position:
            partition.needed[checkpoint.wire_symbol.encode()] = checkpoint.kept_from
        _restore_trades(instrument, checkpoint)
        _restore_gaps(instrument, checkpoint)
        book.bucket, book.snapshot_micros = checkpoint.bucket, checkpoint.snapshot_micros
        book.crossing.since_micros = checkpoint.crossed_since_micros
        book.crossing.by_image = checkpoint.crossed_by_image
        instrument.overlap.state = copy.deepcopy(checkpoint.overlap)  # it goes on from there
        book.unsettled = bool(instrument.overlap.state.left)
        live = book.synchronizer.phase is Phase.LIVE
        book.last_top = book.synchronizer.book.top() if checkpoint.joined and live else None
        count += live
    return count


def _restore_trades(instrument: Instrument, checkpoint: Checkpoint) -> None:
    flow, state = instrument.trades.flow, checkpoint.flow
    flow.recent = dict(checkpoint.recent_trades)
    if state is not None:
        flow.next_number, flow.first_number = state.next_number, state.first_number
        flow.last_micros, flow.aggregated, flow.polled = state.last_micros, state.aggregated, state.polled
        flow.cause, flow.cause_at = state.cause, state.cause_at
        instrument.trades.received_micros = state.received_micros


def _restore_gaps(instrument: Instrument, checkpoint: Checkpoint) -> None:
    gaps = instrument.gaps
    gaps.book, gaps.trades = checkpoint.book_gap, checkpoint.trade_gaps
    gaps.streams, gaps.times = checkpoint.stream_gaps, checkpoint.time_gaps
    instrument.book.ledger.cause, instrument.book.ledger.cause_at = checkpoint.book_cause
    instrument.received = checkpoint.received
    instrument.last_receive_micros = max(checkpoint.received.values(), default=0)


def read_one(value: bytes | None, raws: Mapping[str, RawLog]) -> Checkpoint | None:
    """One record's checkpoint; None where it is of none of the ``raws`` (by topic). Raises ValueError, with the reason, for one that is no use."""
    if value is None:
        return None
    packed = value[_SUM:]
    if zlib.crc32(packed).to_bytes(_SUM) != value[:_SUM]:
        raise ValueError("its bytes are not what was written, or an older version's")
    try:
        checkpoint = _decode(packed)
    except msgspec.MsgspecError as error:
        raise ValueError(f"it is none: {error}") from error
    if checkpoint.version != _VERSION:
        raise ValueError(f"it is of version {checkpoint.version}, this is {_VERSION}")
    raw = raws.get(checkpoint.raw_topic)
    if raw is None:
        return None
    if checkpoint.incarnation != raw.incarnation:
        raise ValueError(f"it is of a topic {checkpoint.raw_topic} that was deleted and made anew")
    if checkpoint.position > raw.end:
        raise ValueError(f"it stands at {checkpoint.position}, the raw partition ends at {raw.end}")
    return checkpoint
