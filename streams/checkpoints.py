"""Checkpoints of instruments: so that a worker which takes a partition over needs neither the exchange nor the whole raw log.

An instrument (its book, where its trades stand, its open gaps) is packed with the raw position it stands at and written to
``checkpoints.books``, in the partition of its raw records. Whoever takes the partition over reads the checkpoints there, starts
at the committed offset, and passes over the records that a checkpoint already contains. A checkpoint is written only after
the events of everything it contains have been stored, so passing over loses none. Diffs that wait for a snapshot are not
part of it: they are read once more, from ``kept_from`` on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from bookmill.errors import UnavailableError
from schemas.gap_events import Cause
from streams.gaps import Gap
from streams.instrument import Instrument
from streams.partition import RawPartition
from streams.synchronizer import Phase
from venues.messages import BookImage, Level
from venues.units import unit

__all__ = ["Checkpoint", "FlowState", "pack", "read_checkpoints", "restore"]

_log = structlog.get_logger(__name__)
_WIDTH = 16
"""Bytes of one scaled int: 38 digits need 127 bits."""
_TIMEOUT_S = 30.0


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
    """One instrument at one raw position. Levels are little-endian 16-byte ints: price, quantity, price, quantity, …"""

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
    checks_trades: bool
    crossed_by_image: bool = False
    """Younger than version 2, and False where it is missing. What follows came with version 3."""
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


_VERSION = 3
_READ = (2, 3)
"""Versions that are read; one of another is as good as none: its book is resynchronized."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Checkpoint).decode


def pack(partition: RawPartition, instrument: Instrument) -> bytes:
    """The checkpoint of an instrument as it stands now."""
    synchronizer, gaps, flow = instrument.synchronizer, instrument.gaps, instrument.trades.flow
    live = synchronizer.phase is Phase.LIVE
    return _encode(
        Checkpoint(
            version=_VERSION,
            raw_topic=partition.topic,
            position=partition.position,
            wire_symbol=instrument.wire_symbol,
            symbol=instrument.symbol,
            last_id=synchronizer.last_id,
            last_time_micros=synchronizer.last_time_micros,
            joined=synchronizer.joined,
            bucket=instrument.bucket,
            crossed_since_micros=instrument.crossed_since_micros,
            bids=_pack_levels(*synchronizer.book.bids.levels()) if live else b"",
            asks=_pack_levels(*synchronizer.book.asks.levels()) if live else b"",
            unit=instrument.emitter.unit.text,
            recent_trades=list(flow.recent.items()),
            checks_trades=flow.checks,
            crossed_by_image=instrument.crossed_by_image,
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
            book_cause=(instrument.book_gaps.cause, instrument.book_gaps.cause_at),
        )
    )


def restore(partition: RawPartition, checkpoints: Iterable[Checkpoint]) -> int:
    """Put the instruments of a partition back where their checkpoints stood; returns how many."""
    count = 0
    for checkpoint in checkpoints:
        instrument = partition.open(checkpoint.wire_symbol, checkpoint.symbol)
        image = BookImage(
            checkpoint.last_id,
            _unpack_levels(checkpoint.bids),
            _unpack_levels(checkpoint.asks),
            checkpoint.last_time_micros,
        )
        instrument.synchronizer.restore(image, joined=checkpoint.joined, reason=checkpoint.reason)
        instrument.emitter.unit = unit(checkpoint.unit)
        instrument.resume_at = instrument.checkpointed_at = checkpoint.position
        instrument.kept_from = checkpoint.kept_from
        if checkpoint.reason and checkpoint.kept_from < checkpoint.position:
            partition.needed[checkpoint.wire_symbol.encode()] = checkpoint.kept_from
        _restore_trades(instrument, checkpoint)
        _restore_gaps(instrument, checkpoint)
        instrument.bucket = checkpoint.bucket
        instrument.crossed_since_micros = checkpoint.crossed_since_micros
        instrument.crossed_by_image = checkpoint.crossed_by_image
        live = instrument.synchronizer.phase is Phase.LIVE
        instrument.last_top = instrument.synchronizer.book.top() if checkpoint.joined and live else None
        count += live
    return count


def _restore_trades(instrument: Instrument, checkpoint: Checkpoint) -> None:
    flow, state = instrument.trades.flow, checkpoint.flow
    flow.recent = dict(checkpoint.recent_trades)
    flow.checks = checkpoint.checks_trades
    if state is not None:
        flow.next_number, flow.first_number = state.next_number, state.first_number
        flow.last_micros, flow.aggregated, flow.polled = state.last_micros, state.aggregated, state.polled
        flow.cause, flow.cause_at = state.cause, state.cause_at
        instrument.trades.received_micros = state.received_micros


def _restore_gaps(instrument: Instrument, checkpoint: Checkpoint) -> None:
    gaps = instrument.gaps
    gaps.book, gaps.trades = checkpoint.book_gap, checkpoint.trade_gaps
    gaps.streams, gaps.times = checkpoint.stream_gaps, checkpoint.time_gaps
    instrument.book_gaps.cause, instrument.book_gaps.cause_at = checkpoint.book_cause
    instrument.received = checkpoint.received
    instrument.unsettled = bool(gaps.streams)
    instrument.last_receive_micros = max(checkpoint.received.values(), default=0)


def read_checkpoints(
    config: dict[str, Any], topic: str, partition: int, raw_topic: str, raw_end: int
) -> Sequence[Checkpoint]:
    """The newest checkpoint of each instrument of a raw partition. Blocks: run it beside the event loop.

    ``raw_end`` is the end of the raw partition: a checkpoint beyond it belongs to a raw topic that no longer exists.
    What cannot be read is passed over and said in the log: its book is resynchronized. Raises :class:`UnavailableError`.
    """
    newest: dict[str, Checkpoint] = {}
    consumer = Consumer({**config, "group.id": "bookmill-checkpoints", "enable.auto.commit": False})
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)
        consumer.assign([TopicPartition(topic, partition, low)])
        while low < high:
            # It waits for so many records or the time: asking for more than there are would cost all of it.
            records = consumer.consume(min(1000, high - low), timeout=1.0)
            for record in records:
                _require_good(record)
                low = (record.offset() or 0) + 1
                checkpoint = _read(record.value(), topic, partition, low - 1)
                if checkpoint is None or checkpoint.raw_topic != raw_topic or checkpoint.position > raw_end:
                    continue
                known = newest.get(checkpoint.wire_symbol)
                if known is None or known.position <= checkpoint.position:
                    newest[checkpoint.wire_symbol] = checkpoint
            if not records:
                low = max(low, consumer.position([TopicPartition(topic, partition)])[0].offset)
    except KafkaException as error:
        raise UnavailableError(f"The checkpoints in {topic}/{partition} cannot be read: {error}.") from error
    finally:
        consumer.close()
    return list(newest.values())


def _require_good(record: Message) -> None:
    error = record.error()
    if error is not None:
        raise KafkaException(error)


def _read(value: bytes | None, topic: str, partition: int, offset: int) -> Checkpoint | None:
    if value is None:
        return None
    try:
        checkpoint = _decode(value)
        if (
            checkpoint.version not in _READ
            or len(checkpoint.bids) % (2 * _WIDTH)
            or len(checkpoint.asks) % (2 * _WIDTH)
        ):
            raise msgspec.ValidationError(f"version {checkpoint.version}, or levels cut short")
    except msgspec.MsgspecError as error:
        _log.warning(
            "checkpoint cannot be read", topic=topic, partition=partition, offset=offset, reason=str(error)
        )
        return None
    return checkpoint


def _pack_levels(prices: Sequence[int], quantities: Sequence[int]) -> bytes:
    return b"".join(
        number.to_bytes(_WIDTH, "little")
        for level in zip(prices, quantities, strict=True)
        for number in level
    )


def _unpack_levels(data: bytes) -> list[Level]:
    numbers = [int.from_bytes(data[at : at + _WIDTH], "little") for at in range(0, len(data), _WIDTH)]
    return list(zip(numbers[::2], numbers[1::2], strict=True))
