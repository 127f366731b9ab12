"""Asking the producers for snapshots: the one thing a worker says to anybody but its consumers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from schemas.control_request import ControlRequestWriter
from streams.emitter import OutgoingEvent
from streams.instrument import Instrument
from venues.interface import Venue

__all__ = ["ResyncRequests"]


_ANEW_S = 0.2
"""After so long a book that came back and was lost again is asked for; twice as long each time that happens in quick succession."""

_MOST_QUICK = 10


@dataclass
class _Asked:
    """When a book was asked for last, how often it had been joined by then, and how many quick losses that one followed."""

    at_s: float
    joins: int
    quick: int = 0


class ResyncRequests:
    """Decides when to ask again, and writes the requests.

    A book that waits is asked for at once and then every ``retry_s`` seconds; one that a producer has just subscribed anew, whose image is
    on its way, only then. A book that is lost again and again is asked for less and less often, every ``retry_s`` seconds at least. The clock
    is only read here, beside the data path: what is asked and when changes nothing in what a raw record gives.
    """

    def __init__(self, schema_id: int, retry_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._writer = ControlRequestWriter(schema_id)
        self._retry_s = retry_s
        self._clock = clock
        self._asked: dict[bytes, _Asked] = {}
        self._resubscribed: dict[bytes, int] = {}
        """How many losses a book had when its resubscription was noticed."""
        self.sent = 0

    def due(self, instrument: Instrument) -> bool:
        """Whether to ask now for this waiting book; notes that it was asked."""
        now_s, key, book = self._clock(), instrument.key, instrument.book.synchronizer
        losses, joins = book.counters.losses, book.counters.joins
        if book.reason == "resubscribed" and self._resubscribed.get(key) != losses:
            self._resubscribed[key], self._asked[key] = losses, _Asked(now_s, joins)
        asked = self._asked.get(key)
        if asked is None:
            self._asked[key] = _Asked(now_s, joins)
        elif now_s - asked.at_s < self._wait_s(asked, joins):
            return False
        else:
            self._asked[key] = _Asked(now_s, joins, self._quick(asked, joins, now_s))
        self.sent += 1
        return True

    def _quick(self, asked: _Asked, joins: int, now_s: float) -> int:
        if joins == asked.joins:
            return asked.quick
        return min(asked.quick + 1, _MOST_QUICK) if now_s - asked.at_s < 2 * self._retry_s else 0

    def _wait_s(self, asked: _Asked, joins: int) -> float:
        if joins == asked.joins:  # nobody has brought what was asked for
            return self._retry_s
        return min(self._retry_s, _ANEW_S * 2.0**asked.quick)

    def write(self, venue: Venue, instrument: Instrument) -> OutgoingEvent:
        """The request record."""
        value = self._writer.write(
            "resync",
            venue.exchange,
            venue.market,
            instrument.symbol,
            wire_symbol=instrument.wire_symbol,
            reason=instrument.book.synchronizer.reason,
        )
        return instrument.key, value, []
