"""What a producer writes behind the pages of past trades: that the exchange has been asked for all of them.

A raw record of kind ``backfill`` and channel ``backfill.end``, JSON of our own:
``{"first_trade_id": "…" | null, "last_trade_id", "since_time": µs | null, "until_time", "complete": true, "reason": ""}``.
"""

from __future__ import annotations

import msgspec

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE
from venues.integers import Micros
from venues.interface import TradeSpan
from venues.messages import BackfillEnd

__all__ = ["CHANNEL", "END_CHANNEL", "read_end", "write_end"]

CHANNEL = "backfill"
"""The pages themselves."""

END_CHANNEL = "backfill.end"


class _End(msgspec.Struct):
    first_trade_id: str | None = None
    last_trade_id: str | None = None
    since_time: Micros | None = None
    until_time: Micros | None = None
    complete: bool = False
    reason: str = ""


_read = msgspec.json.Decoder(_End).decode


def read_end(value: bytes) -> BackfillEnd:
    """Read such a record; raises :class:`FrameError`."""
    try:
        end = _read(value)
    except UNREADABLE as error:
        raise FrameError(f"Not the end of a backfill: {error}.") from error
    return BackfillEnd(
        end.first_trade_id, end.last_trade_id, end.complete, end.reason, end.since_time, end.until_time
    )


def write_end(span: TradeSpan, *, complete: bool, reason: str) -> bytes:
    """Its value, for the span that was asked for."""
    return msgspec.json.encode(
        _End(span.first_id, span.last_id, span.since_micros, span.until_micros, complete, reason)
    )
