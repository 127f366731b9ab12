"""Past trades of Deribit: by ``trade_seq``, or by time (protocol page, section 9). By time they reach back a day."""

from __future__ import annotations

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE
from venues.deribit import wire
from venues.history import ByTime, Forwards, Past
from venues.interface import Backfill, RestRequest, TradeSpan

__all__ = ["way"]

_MOST = 1000
_BY_SEQUENCE = "/api/v2/public/get_last_trades_by_instrument"
_BY_TIME = "/api/v2/public/get_last_trades_by_instrument_and_time"


def way(wire_symbol: str, span: TradeSpan) -> Backfill:
    """A span's numbers are those of ``trade_seq``, which count; ids need not be numbers here."""
    common = {"instrument_name": wire_symbol, "sorting": "asc"}

    def ask(number: int, count: int) -> RestRequest:
        params = {"start_seq": str(number), "end_seq": str(number + count - 1), "count": str(count)}
        return RestRequest(_BY_SEQUENCE, {**common, **params}, 1)

    def ask_by_time(since_ms: int, count: int) -> RestRequest:
        until_ms = (span.until_micros or 0) // 1000
        params = {"start_timestamp": str(since_ms), "end_timestamp": str(until_ms), "count": str(count)}
        return RestRequest(_BY_TIME, {**common, **params}, 1)

    if span.first_id is not None or span.until_micros is None:
        return Forwards(span, _read, ask, most=_MOST)
    return ByTime(
        span,
        _read,
        ask_by_time,
        start=lambda micros: micros // 1000,
        cursor_of=lambda body: max((past.micros // 1000 for past in _read(body)), default=0),
        most=_MOST,
    )


def _read(body: bytes) -> list[Past]:
    try:
        return [Past(trade.trade_seq or 0, trade.timestamp * 1000) for trade in wire.read_past_trades(body)]
    except UNREADABLE as error:
        raise FrameError(f"Not an answer of Deribit with past trades: {error}.") from error
