"""Asking the producers for snapshots: the one thing a worker says to anybody but its consumers."""

from __future__ import annotations

import io
import struct
import time
from typing import Literal

import fastavro

from schemas.catalogue import CONTROL_REQUESTS
from streams.emitter import OutgoingEvent
from streams.instrument import Instrument
from venues.interface import Venue

__all__ = ["ResyncRequests"]


class ResyncRequests:
    """Decides when to ask again, and writes the requests.

    A book that waits is asked for at once and then every ``retry_s`` seconds; one that a producer has just subscribed anew, whose image is
    on its way, only then. The clock is only read here, beside the data
    path: what is asked and when changes nothing in what a raw record gives.
    """

    def __init__(self, schema_id: int, retry_s: float) -> None:
        self._header = struct.pack(">bI", 0, schema_id)
        self._schema = fastavro.parse_schema(CONTROL_REQUESTS.schema)
        self._retry_s = retry_s
        self._asked: dict[bytes, float] = {}
        self._resubscribed: dict[bytes, int] = {}
        """How many losses a book had when its resubscription was noticed."""
        self.sent = 0

    def due(self, instrument: Instrument) -> bool:
        """Whether to ask now for this waiting book; notes that it was asked."""
        now, key, book = time.monotonic(), instrument.key, instrument.synchronizer
        losses = book.counters.losses
        if book.reason == "resubscribed" and self._resubscribed.get(key) != losses:
            self._resubscribed[key], self._asked[key] = losses, now
        if now - self._asked.get(key, -self._retry_s) < self._retry_s:
            return False
        self._asked[key] = now
        self.sent += 1
        return True

    def write(self, venue: Venue, instrument: Instrument) -> OutgoingEvent:
        """The request record."""
        out = io.BytesIO()
        kind: Literal["resync"] = "resync"
        fastavro.schemaless_writer(
            out,
            self._schema,
            {
                "exchange": venue.exchange,
                "market": venue.market,
                "symbol": instrument.symbol,
                "wire_symbol": instrument.wire_symbol,
                "kind": kind,
                "reason": instrument.synchronizer.reason,
                "requested_time": time.time_ns() // 1000,
            },
        )
        return instrument.key, self._header + out.getvalue(), []
