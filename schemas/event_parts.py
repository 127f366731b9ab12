"""What the events of one instrument share: how they begin, how they end, and the forms of their enums and booleans."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Literal

from schemas.catalogue import BOOK_UPDATES, EVENT_TOPICS, Topic
from schemas.codec import long_bytes, optional_long_bytes, text_bytes

__all__ = ["BOOLEANS", "OPTIONAL_BOOLEANS", "SIDES", "SOURCES", "EventParts", "Side", "Source"]

Source = Literal["ws", "poll", "backfill"]
Side = Literal["BUY", "SELL"]

SOURCES: dict[Source, bytes] = {"ws": b"\x00", "poll": b"\x02", "backfill": b"\x04"}
SIDES: dict[Side, bytes] = {"BUY": b"\x00", "SELL": b"\x02"}
BOOLEANS = {False: b"\x00", True: b"\x01"}
OPTIONAL_BOOLEANS = {None: b"\x00", False: b"\x02\x00", True: b"\x02\x01"}


class EventParts:
    """The parts that are the same in all events of one instrument from one raw partition, written once.

    ``schema_ids`` as the registry gave them, for every event topic, and for book updates where they are written.
    """

    def __init__(
        self,
        schema_ids: Mapping[Topic, int],
        *,
        exchange: str,
        market: str,
        symbol: str,
        raw_topic: str,
        partition: int,
    ) -> None:
        names = text_bytes(exchange) + text_bytes(market) + text_bytes(symbol)
        self._update = struct.pack(">bI", 0, schema_ids.get(BOOK_UPDATES, 0)) + names
        (
            self._trade,
            self._spread,
            self._snapshot,
            self._ticker,
            self._kline,
            self._derivative,
            self._liquidation,
            self._gap,
        ) = (struct.pack(">bI", 0, schema_ids[topic]) + names for topic in EVENT_TOPICS)
        self._origin = text_bytes(raw_topic) + long_bytes(partition)

    def _tail(
        self, exchange_time_micros: int | None, receive_time_micros: int, offset: int, index: int
    ) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """How events end: their times and their id."""
        return (
            optional_long_bytes(exchange_time_micros),
            long_bytes(receive_time_micros),
            self._origin,
            long_bytes(offset),
            long_bytes(index),
        )
