"""Values of watchers' topics, read with fastavro's own reader of the registered schema."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from schemas.catalogue import (
    ALERTS,
    BOOK_SNAPSHOTS,
    CONSOLIDATED,
    CONTROL_ALERTS,
    GAPS,
    SPREADS,
    TOPS,
    TRADES,
    Topic,
)
from schemas.decoding import Decoder

__all__ = ["IDS", "decoder", "read"]

IDS: dict[Topic, int] = {
    topic: number
    for number, topic in enumerate(
        (TRADES, SPREADS, BOOK_SNAPSHOTS, GAPS, TOPS, CONSOLIDATED, ALERTS, CONTROL_ALERTS), 1
    )
}


class _Registry:
    def get_schema(self, schema_id: int) -> Any:
        [topic] = [topic for topic, number in IDS.items() if number == schema_id]
        return SimpleNamespace(schema_str=topic.schema_text)


def decoder() -> Decoder:
    """Knows our schemas by the ids above."""
    registry: Any = _Registry()
    return Decoder(registry, "http://registry")


_DECODER = decoder()


def read(topic: Topic, value: bytes) -> dict[str, Any]:
    """One value, numbers as scaled ints; whatever schema id stands before it."""
    return _DECODER.decode(topic, b"\x00" + IDS[topic].to_bytes(4, "big") + value[5:])
