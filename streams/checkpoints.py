"""Checkpoints of books: so that a worker which takes a partition over needs neither the exchange nor the whole raw log.

A live book is packed with the raw position it stands at and written to ``checkpoints.books``, in the partition of its
raw records. Whoever takes the partition over reads the checkpoints there, starts at the committed offset, and passes
over the book frames that a checkpoint already contains. A checkpoint is written only after the events of everything it
contains have been stored, so passing over loses none.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from bookmill.errors import UnavailableError
from streams.instrument import Instrument
from streams.overlap import OverlapState
from streams.partition import RawPartition
from venues.messages import BookImage, Level
from venues.units import unit

__all__ = ["Checkpoint", "pack", "read_checkpoints", "restore"]

_log = structlog.get_logger(__name__)
_WIDTH = 16
"""Bytes of one scaled int: 38 digits need 127 bits."""
_TIMEOUT_S = 30.0


class Checkpoint(msgspec.Struct, frozen=True, array_like=True):
    """One book at one raw position. Levels are little-endian 16-byte ints: price, quantity, price, quantity, …"""

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
    """Younger than version 2, and False where it is missing."""
    overlap: OverlapState = msgspec.field(default_factory=OverlapState)
    """Same; as if no connection had brought anything where it is missing."""


_VERSION = 2
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Checkpoint).decode


def pack(partition: RawPartition, instrument: Instrument) -> bytes:
    """The checkpoint of a live book as it stands now."""
    synchronizer = instrument.synchronizer
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
            bids=_pack_levels(*synchronizer.book.bids.levels()),
            asks=_pack_levels(*synchronizer.book.asks.levels()),
            unit=instrument.emitter.unit.text,
            recent_trades=list(instrument.recent_trades.items()),
            checks_trades=instrument.checks_trades,
            crossed_by_image=instrument.crossed_by_image,
            overlap=instrument.overlap.state,
        )
    )


def restore(partition: RawPartition, checkpoints: Iterable[Checkpoint]) -> int:
    """Put the books of a partition back where their checkpoints stood; returns how many."""
    count = 0
    for checkpoint in checkpoints:
        instrument = partition.open(checkpoint.wire_symbol, checkpoint.symbol)
        image = BookImage(
            checkpoint.last_id,
            _unpack_levels(checkpoint.bids),
            _unpack_levels(checkpoint.asks),
            checkpoint.last_time_micros,
        )
        instrument.synchronizer.restore(image, joined=checkpoint.joined)
        instrument.emitter.unit = unit(checkpoint.unit)
        instrument.recent_trades = dict(checkpoint.recent_trades)
        instrument.checks_trades = checkpoint.checks_trades
        instrument.resume_at = checkpoint.position
        instrument.bucket = checkpoint.bucket
        instrument.crossed_since_micros = checkpoint.crossed_since_micros
        instrument.crossed_by_image = checkpoint.crossed_by_image
        instrument.overlap.state = copy.deepcopy(checkpoint.overlap)  # it goes on from there
        instrument.last_top = instrument.synchronizer.book.top() if checkpoint.joined else None
        count += 1
    return count


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
            checkpoint.version != _VERSION
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
