"""Telling other producers on ``control.requests`` what is collected here, so that they may stop."""

from __future__ import annotations

import io
import struct
import time

import fastavro

from producers.kafka_writer import KafkaWriter
from schemas.catalogue import CONTROL_REQUESTS
from schemas.subscriptions import Desired

__all__ = ["Teller"]


class Teller:
    """Writes in the name of the producer ``producer_id``. ``told`` counts records."""

    def __init__(self, writer: KafkaWriter, prefix: str, schema_id: int, producer_id: str) -> None:
        self.told = 0
        self._writer = writer
        self._topic = prefix + CONTROL_REQUESTS.name
        self._header = struct.pack(">bI", 0, schema_id)
        self._schema = fastavro.parse_schema(CONTROL_REQUESTS.schema)
        self._producer_id = producer_id

    def collected(self, desired: Desired, wire_symbol: str) -> None:
        """All streams of this instrument are delivered from now on."""
        out = io.BytesIO()
        value = {
            "exchange": desired.exchange,
            "market": desired.market,
            "symbol": desired.symbol,
            "wire_symbol": wire_symbol,
            "kind": "collected",
            "reason": "",
            "requested_time": time.time_ns() // 1000,
            "producer": self._producer_id,
        }
        fastavro.schemaless_writer(out, self._schema, value)
        self._writer.write(self._topic, desired.key.encode(), self._header + out.getvalue(), [])
        self.told += 1
