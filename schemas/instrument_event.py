"""Writing ``instruments`` values: what an exchange's metadata says of one instrument, from scaled ints."""

from __future__ import annotations

import struct

from schemas.codec import (
    decimal_bytes,
    long_bytes,
    optional_decimal_bytes,
    optional_long_bytes,
    text_bytes,
)
from schemas.event_parts import BOOLEANS

__all__ = ["instrument_value"]


def instrument_value(
    schema_id: int,
    *,
    exchange: str,
    market: str,
    symbol: str,
    wire_symbol: str,
    base: str,
    quote: str,
    settle: str,
    tick: int,
    lot: int,
    contract_size: int | None,
    inverse: bool,
    trading: bool,
    status: str,
    expiry_time_micros: int | None,
    listed: bool,
    seen_time_micros: int,
) -> bytes:
    """One value, in the order of the fields of ``instruments.avsc``; its record's key is ``<exchange>.<market>.<symbol>``."""
    return b"".join(
        (
            struct.pack(">bI", 0, schema_id),
            *map(text_bytes, (exchange, market, symbol, wire_symbol, base, quote, settle)),
            decimal_bytes(tick),
            decimal_bytes(lot),
            optional_decimal_bytes(contract_size),
            BOOLEANS[inverse],
            BOOLEANS[trading],
            text_bytes(status),
            optional_long_bytes(expiry_time_micros),
            BOOLEANS[listed],
            long_bytes(seen_time_micros),
        )
    )
