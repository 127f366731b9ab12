"""Writing records of ``control.requests``: what workers ask of producers, and what producers tell one another."""

from __future__ import annotations

import io
import struct
import time
from typing import Any, Literal

import fastavro

from schemas.catalogue import CONTROL_REQUESTS

__all__ = ["ControlRequestWriter"]

Kind = Literal["resync", "backfill", "collected"]


class ControlRequestWriter:
    """``schema_id``: of the registered schema."""

    def __init__(self, schema_id: int) -> None:
        self._header = struct.pack(">bI", 0, schema_id)
        self._schema = fastavro.parse_schema(CONTROL_REQUESTS.schema)

    def write(
        self,
        kind: Kind,
        exchange: str,
        market: str,
        symbol: str,
        *,
        wire_symbol: str,
        reason: str = "",
        **more: Any,
    ) -> bytes:
        """One record's value, made now; ``more``: fields that belong to one kind, as the schema names them."""
        out = io.BytesIO()
        value = {
            "exchange": exchange,
            "market": market,
            "symbol": symbol,
            "wire_symbol": wire_symbol,
            "kind": kind,
            "reason": reason,
            "requested_time": time.time_ns() // 1000,
            **more,
        }
        fastavro.schemaless_writer(out, self._schema, value, strict_allow_default=True)
        return self._header + out.getvalue()
