"""Asking the producers for missing trades: beside the data path, and never for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.control_request import ControlRequestWriter
from streams.emitter import OutgoingEvent
from streams.gaps import Gap
from streams.instrument import Instrument
from venues.interface import Venue

__all__ = ["BackfillRequests"]

_MOST = 10_000


@dataclass
class _Asked:
    """How often a gap's trades were asked for, and when they are asked for again."""

    times: int
    again_s: float


class BackfillRequests:
    """Decides which gaps of trades are asked for now, and writes the requests.

    A gap is asked for as soon as its end is known, again after ``retry_s`` seconds, then after twice as long, and so on, ``attempts``
    times; what has been tried for that is an open gap that stays one. The clock is only read here: what is asked and when changes nothing
    in what a raw record gives.
    """

    def __init__(self, schema_id: int, retry_s: float, attempts: int) -> None:
        self._writer = ControlRequestWriter(schema_id)
        self._retry_s = retry_s
        self._attempts = attempts
        self._asked: dict[str, _Asked] = {}
        self.sent = 0

    def due(self, instrument: Instrument) -> Iterator[Gap]:
        """Gaps whose trades are to be asked for now; notes that they were."""
        for gap in instrument.gaps.trades:
            if not gap.resumed:
                continue
            now_s = time.monotonic()
            asked = self._asked.get(gap.gap)
            if asked is None:
                asked = self._asked[gap.gap] = _Asked(0, now_s)
                if len(self._asked) > _MOST:
                    del self._asked[next(iter(self._asked))]
            if now_s < asked.again_s or asked.times >= self._attempts:
                continue
            asked.again_s = now_s + self._retry_s * 2.0**asked.times
            asked.times += 1
            self.sent += 1
            yield gap

    def write(self, venue: Venue, instrument: Instrument, gap: Gap) -> OutgoingEvent:
        """The request record."""
        missing = gap.missing
        value = self._writer.write(
            "backfill",
            venue.exchange,
            venue.market,
            instrument.symbol,
            wire_symbol=instrument.wire_symbol,
            reason=gap.cause,
            first_trade_id=str(missing[0][0]) if missing else None,
            last_trade_id=str(missing[-1][1]) if missing else None,
            since_time=gap.since_micros,
            until_time=gap.until_micros,
        )
        return instrument.key, value, []
