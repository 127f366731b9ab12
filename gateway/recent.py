"""The trades of one instrument that are still in memory, as a page of its history."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.instrument import Instrument
from gateway.spans import Span
from schemas.fields import Event

__all__ = ["TradeKey", "key_of", "recent_trades"]

TradeKey = tuple[int, int, int, str, int]
"""What orders trades here and in the table: time of receipt, and the event id."""

_DISORDER_US = 1_000_000
"""Trades of two connections that overlap come mixed: a forgotten one may be so much newer than the oldest that is left."""


def recent_trades(
    instrument: Instrument, span: Span, limit: int, after: TradeKey | None
) -> Sequence[Event] | None:
    """Up to ``limit`` trades, newest first, that come ``after`` a place of the list; None where memory does not reach back so far."""
    if not instrument.trades:
        return None
    reach_us = instrument.trades[0]["receive_time"] + _DISORDER_US
    chosen = sorted(
        (event for event in instrument.trades if span.has(event["receive_time"])), key=key_of, reverse=True
    )
    if after is not None:
        chosen = [event for event in chosen if key_of(event) < after]
    page = chosen[:limit]
    whole = len(page) == limit and page[-1]["receive_time"] >= reach_us
    return page if whole or (span.since_us is not None and span.since_us >= reach_us) else None


def key_of(event: Event) -> TradeKey:
    """Where a trade stands."""
    return (
        event["receive_time"],
        event["source_offset"],
        event["source_index"],
        event["source_topic"],
        event["source_partition"],
    )
