"""Raw records for tests, as a producer writes them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fastavro

from schemas.catalogue import BOOK_UPDATES, EVENT_TOPICS, Topic
from schemas.raw_record import Kind, RawHeaders
from streams.checkpoints import RawLog
from streams.partition import RawPartition

SCHEMA_IDS = {topic: number for number, topic in enumerate((*EVENT_TOPICS, BOOK_UPDATES), 1)}
TOPIC = "raw.binance.spot"


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


def record(
    offset: int, channel: str, data: dict[str, Any] | bytes, *, kind: Kind = "ws", symbol: str = "BTC-USDT"
) -> Record:
    """A record of one instrument, a millisecond of receive time for each offset."""
    wire = symbol.replace("-", "")
    if isinstance(data, bytes):
        value = data
    elif kind == "snapshot":
        value = json.dumps(data).encode()
    else:
        value = json.dumps(
            {"stream": f"{wire.lower()}@{channel}", "data": data}, separators=(",", ":")
        ).encode()
    headers = RawHeaders(1_700_000_000_000_000_000 + offset * 1_000_000, kind, channel, "c1", offset, symbol)
    return Record(offset, wire.encode(), value, tuple(headers.encode()))


def depth(
    offset: int,
    first: int,
    last: int,
    bids: Sequence[Any] = (),
    asks: Sequence[Any] = (),
    *,
    time_ms: int = 0,
    **more: Any,
) -> Record:
    """A diff."""
    return record(
        offset,
        "depth",
        {"e": "depthUpdate", "E": time_ms, "U": first, "u": last, "b": bids, "a": asks},
        **more,
    )


def snapshot(offset: int, last: int, bids: list[Any], asks: list[Any], **more: Any) -> Record:
    """A REST depth answer."""
    return record(
        offset, "snapshot", {"lastUpdateId": last, "bids": bids, "asks": asks}, kind="snapshot", **more
    )


def trade(offset: int, number: int, *, price: str = "10", quantity: str = "1", **more: Any) -> Record:
    """A trade of a buying taker."""
    return record(
        offset, "trade", {"e": "trade", "t": number, "p": price, "q": quantity, "T": 5, "m": False}, **more
    )


def ticker(offset: int, update_id: int, bid: str, ask: str, **more: Any) -> Record:
    """A best-bid-ask frame."""
    return record(offset, "bookTicker", {"u": update_id, "b": bid, "B": "1", "a": ask, "A": "2"}, **more)


def read(topic: Topic, value: bytes) -> dict[str, Any]:
    """An event as any reader sees it."""
    assert value[:5] == bytes((0, 0, 0, 0, SCHEMA_IDS[topic]))
    event = fastavro.schemaless_reader(io.BytesIO(value[5:]), fastavro.parse_schema(topic.schema), None)
    assert isinstance(event, dict)
    return event


def logs(raw: RawPartition, end: int) -> dict[str, RawLog]:
    """The raw partition as its checkpoints are held against it, where it ends at ``end``."""
    return {raw.topic: RawLog(raw.incarnation, end)}
