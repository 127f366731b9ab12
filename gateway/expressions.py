"""Expressions of ClickHouse that several queries are made of."""

from __future__ import annotations

__all__ = ["HAPPENED", "PLACE", "iso_sql"]

HAPPENED = "coalesce(exchange_time, receive_time)"
"""When a trade happened, as well as it is known."""

PLACE = f"({HAPPENED}, toUInt64OrZero(trade_id), source_offset, source_index)"
"""In which order trades happened: by time, then by number where the exchange counts them, then as they came."""


def iso_sql(column: str) -> str:
    """A time as :func:`gateway.forms.iso` writes it."""
    return f"formatDateTime({column}, '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC')"
