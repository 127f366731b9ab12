"""Past trades of Kraken: ``Trades`` from a time on, all there ever were (protocol page, section 7.4). About a call a second is allowed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bookmill.errors import FrameError
from venues.adapter import UNREADABLE
from venues.history import ByTime, numbered
from venues.interface import Backfill, RestRequest, TradeSpan
from venues.kraken import wire
from venues.messages import Trade
from venues.numbers import ScaledNumbers
from venues.times import seconds_micros

__all__ = ["past_trades", "way"]

_MOST = 1000
_NANOS = 1000
"""In a microsecond."""


def way(wire_symbol: str, span: TradeSpan, scaled: ScaledNumbers) -> Backfill:
    """From the trade before the gap on: what is asked for is behind ``since``, so a microsecond before it."""

    def ask(cursor: int, count: int) -> RestRequest:
        params = {"pair": wire_symbol, "since": str(cursor), "count": str(count)}
        return RestRequest("/0/public/Trades", params, 1)

    return ByTime(
        span,
        lambda body: numbered(past_trades(body, scaled)),
        ask,
        start=lambda micros: max(0, micros - 1) * _NANOS,
        cursor_of=lambda body: _read(body)[1],
        most=_MOST,
    )


def past_trades(body: bytes, scaled: ScaledNumbers) -> Sequence[Trade]:
    """Oldest first, as they come; raises :class:`FrameError`."""
    rows, _ = _read(body)
    return [
        Trade(
            str(row.trade_id),
            scaled[row.price],
            scaled[row.volume],
            "BUY" if row.side == "b" else "SELL",
            seconds_micros(bytes(row.time).decode()),
            sequence=row.trade_id,
        )
        for row in rows
    ]


def _read(body: bytes) -> tuple[Sequence[wire.PastTrade], int]:
    """The rows and where to go on. Errors come with status 200, named in ``error``."""
    try:
        answer = wire.read_past_trades(body)
        if answer.error:
            raise FrameError(f"Kraken answers Trades with {', '.join(answer.error)}.")
        last = answer.result.pop("last", msgspec.Raw(b"null"))
        [rows] = answer.result.values()
        return wire.read_past_rows(rows), int(wire.read_text(last))
    except UNREADABLE as error:
        raise FrameError(f"Kraken's Trades cannot be read: {error}.") from error
