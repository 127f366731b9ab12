"""Serves requests for book images where they come in the stream: the stream is subscribed anew.

An exchange counts subscriptions, and a book asked for again before its image came would start over for nothing: each
instrument is subscribed anew once in a while at most, however often it is asked for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from producers.line import Line
from producers.snapshots import FRESH_S, SnapshotCounts
from venues.interface import Venue
from venues.messages import Instrument

__all__ = ["Resubscriptions"]

_log = structlog.get_logger(__name__)

_AGAIN_S = 10.0
"""Between two resubscriptions of one instrument."""
_TICK_S = 0.2


class Resubscriptions:
    """The same to its market as :class:`~producers.snapshots.Snapshots`; ``served`` counts streams subscribed anew."""

    def __init__(
        self,
        venue: Venue,
        lines: Sequence[Line],
        instruments: Mapping[str, Instrument],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = SnapshotCounts()
        self.problem = ""
        self._venue = venue
        self._lines = lines
        self._instruments = instruments
        self._clock = clock
        self._asked_s: dict[str, float] = {}
        self._served_s: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """Instruments that wait for their turn, or for a connection."""
        return len(self._asked_s)

    def request(self, wire_symbol: str, asked_s: float) -> None:
        """Ask for an image. An instrument not collected here is nothing to us."""
        if wire_symbol not in self._instruments:
            return
        self.counts.asked += 1
        if self._clock() - asked_s > FRESH_S:
            self.counts.expired += 1
        elif wire_symbol in self._asked_s or asked_s <= self._served_s.get(wire_symbol, 0.0):
            self.counts.folded += 1
        else:
            self._asked_s[wire_symbol] = asked_s

    async def run(self) -> None:
        """Serve requests until cancelled."""
        while True:
            await asyncio.sleep(_TICK_S)
            for wire_symbol, asked_s in list(self._asked_s.items()):
                if self._clock() - asked_s > FRESH_S:
                    self.counts.expired += 1
                    del self._asked_s[wire_symbol]
                elif self._clock() - self._served_s.get(wire_symbol, 0.0) >= _AGAIN_S:
                    self._serve(wire_symbol)

    def _serve(self, wire_symbol: str) -> None:
        """A line that is not connected brings an image with its next connection: nothing to do then."""
        requests = self._venue.resubscribe(wire_symbol)
        for line in self._lines:
            if wire_symbol in line.image_symbols and line.send(requests):
                self.counts.served += 1
                _log.info("stream is subscribed anew", line=line.name, symbol=wire_symbol)
        self._served_s[wire_symbol] = self._clock()
        del self._asked_s[wire_symbol]
