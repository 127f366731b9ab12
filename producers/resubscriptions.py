"""Serves requests for book images where they come in the stream: the stream is subscribed anew.

An exchange counts subscriptions, and a book asked for again before its image came would start over for nothing: each
instrument is subscribed anew once in a while at most, however often it is asked for, and less and less often while that
does not help. Who has waited for that and does not ask any more has its book. The most traded are first. Where many books of one
connection are wanted at once and its own few requests bring them sooner than one or two for each, the connection is replaced instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import structlog

from producers.line import Line
from producers.snapshots import FRESH_S, TOGETHER_S, SnapshotCounts
from venues.interface import Venue
from venues.messages import Instrument

__all__ = ["Resubscriptions"]

_log = structlog.get_logger(__name__)

_TICK_S = 0.2
_CURRENT_S = 4.0
"""A request that has waited is served if it was made again so lately: workers repeat it every three seconds."""
_MOST_DOUBLINGS = 3
_MANY = 5
"""So many books of one connection wanted at once are reason to think of replacing it."""
_OPENING_S = 1.0
"""What a new connection takes before its first request: handshake, and its turn among others."""


@dataclass
class _Served:
    """When an instrument was subscribed anew last, and how often in a row."""

    at_s: float
    times: int


class Resubscriptions:
    """The same to its market as :class:`~producers.snapshots.Snapshots`; ``served`` counts streams subscribed anew.

    ``again_s``: between two resubscriptions of one instrument; doubled for each that follows another within twice that time.
    """

    def __init__(
        self,
        venue: Venue,
        lines: Sequence[Line],
        instruments: Mapping[str, Instrument],
        *,
        again_s: float = 10.0,
        traded: Callable[[str], float] = lambda _: 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = SnapshotCounts()
        self.problem = ""
        self._venue = venue
        self._lines = lines
        self._instruments = instruments
        self._again_s = again_s
        self._traded = traded
        self._clock = clock
        self._asked_s: dict[str, float] = {}
        """When each waiting instrument was asked for last."""
        self._asked = asyncio.Event()
        self._served: dict[str, _Served] = {}

    @property
    def waiting(self) -> int:
        """Instruments that wait for their turn."""
        return len(self._asked_s)

    def request(self, wire_symbol: str, asked_s: float) -> None:
        """Ask for an image. An instrument not collected here is nothing to us."""
        if wire_symbol not in self._instruments:
            return
        self.counts.asked += 1
        served = self._served.get(wire_symbol)
        if self._clock() - asked_s > FRESH_S:
            self.counts.expired += 1
        elif served is not None and asked_s <= served.at_s:
            self.counts.folded += 1
        else:
            self.counts.folded += wire_symbol in self._asked_s
            self._asked_s[wire_symbol] = max(asked_s, self._asked_s.get(wire_symbol, 0.0))
            self._asked.set()

    async def run(self) -> None:
        """Serve requests until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), _TICK_S)
                await asyncio.sleep(TOGETHER_S)
            self._asked.clear()
            self.serve()

    def serve(self) -> None:
        """Serve those whose turn it is, forget those that nobody wants any more."""
        now_s = self._clock()
        due = []
        for wire_symbol, asked_s in list(self._asked_s.items()):
            if now_s < self._turn_s(wire_symbol):
                continue
            del self._asked_s[wire_symbol]
            if now_s - asked_s > _CURRENT_S:
                self.counts.expired += 1
            else:
                due.append(wire_symbol)
        due.sort(key=lambda wire_symbol: (-self._traded(wire_symbol), wire_symbol))
        for line in self._lines if due else ():
            self._serve(
                line, [wire_symbol for wire_symbol in due if wire_symbol in line.image_symbols], now_s
            )

    def _serve(self, line: Line, wanted: Sequence[str], now_s: float) -> None:
        """A line that is not connected, or has just been, brings its images by itself: nothing to do then."""
        if line.beginning:
            self.counts.folded += len(wanted)
        elif len(wanted) >= _MANY and self._is_cheaper_anew(line, wanted):
            if line.renew():
                _log.info("connection is replaced for its books", line=line.name, books=len(wanted))
                for wire_symbol in wanted:
                    self._note(wire_symbol, now_s)
        else:
            for wire_symbol in wanted:
                if line.resubscribe(wire_symbol, self._venue.resubscribe(wire_symbol)):
                    _log.info("stream is subscribed anew", line=line.name, symbol=wire_symbol)
                    self._note(wire_symbol, now_s)

    def _is_cheaper_anew(self, line: Line, wanted: Sequence[str]) -> bool:
        """Whether a new connection has its images sooner: what is asked is sent at the exchange's pace either way."""
        per_s = self._venue.limits.requests_per_s
        texts = sum(len(self._venue.resubscribe(wire_symbol)) for wire_symbol in wanted)
        return texts / per_s > _OPENING_S + line.requests / per_s

    def _turn_s(self, wire_symbol: str) -> float:
        served = self._served.get(wire_symbol)
        return 0.0 if served is None else served.at_s + self._pause_s(served)

    def _pause_s(self, served: _Served) -> float:
        return self._again_s * 2.0 ** min(served.times - 1, _MOST_DOUBLINGS)

    def _note(self, wire_symbol: str, now_s: float) -> None:
        self.counts.served += 1
        served = self._served.get(wire_symbol)
        again = served is not None and now_s - served.at_s < 2.0 * self._pause_s(served)
        self._served[wire_symbol] = _Served(now_s, served.times + 1 if served is not None and again else 1)
