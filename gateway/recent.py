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
    page = sorted(_candidates(instrument, span, limit, after), key=key_of, reverse=True)[:limit]
    whole = len(page) == limit and page[-1]["receive_time"] >= reach_us
    return page if whole or (span.since_us is not None and span.since_us >= reach_us) else None


def _candidates(instrument: Instrument, span: Span, limit: int, after: TradeKey | None) -> Sequence[Event]:
    """All that may belong to the page; what came long before the oldest of them cannot."""
    found: list[Event] = []
    enough_us = None
    for event in reversed(instrument.trades):
        if enough_us is not None and event["receive_time"] < enough_us:
            break
        if span.has(event["receive_time"]) and (after is None or key_of(event) < after):
            found.append(event)
            if len(found) == limit:
                enough_us = min(each["receive_time"] for each in found) - _DISORDER_US
    return found


def key_of(event: Event) -> TradeKey:
    """Where a trade stands."""
    return (
        event["receive_time"],
        event["source_offset"],
        event["source_index"],
        event["source_topic"],
        event["source_partition"],
    )
