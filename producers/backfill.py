"""Serves requests for trades that are missing: asked over REST page by page, each written to the raw topic, body untouched.

Behind the last page stands a record that says whether the exchange has told all of it. Where the asking was given up (no
weight, no answer, one that cannot be read or says that something is wrong at the moment) there is none: whoever misses the trades
asks again.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from bookmill.errors import FrameError, RefusedError
from producers.dead_letters import write_dead_letter
from producers.kafka_writer import KafkaWriter
from producers.priorities import Priority, Urgency
from producers.rest import Rest
from producers.snapshots import FRESH_S
from schemas.raw_record import RawHeaders
from venues.backfill_end import CHANNEL, END_CHANNEL, write_end
from venues.interface import Backfill, RestRequest, TradeSpan, Venue
from venues.messages import Instrument

__all__ = ["BackfillCounts", "Backfills"]

_log = structlog.get_logger(__name__)

_MOST_WAITING = 1000
_PATIENCE_S = 300.0
"""How long a page is waited for."""

_Asked = tuple[str, TradeSpan]


@dataclass
class BackfillCounts:
    """Requests by what became of them, and what they brought.

    ``folded``: the same one was waiting already. ``overflowed``: too many were. ``expired``: too old, given up without an answer, or of an
    instrument that is not collected here any more.
    ``unreadable``: given up for what the answer was. ``served``: asked to the end; ``incomplete`` of those: not all was told, because
    it was ``refused``, or for another reason.
    """

    asked: int = 0
    served: int = 0
    incomplete: int = 0
    folded: int = 0
    overflowed: int = 0
    expired: int = 0
    refused: int = 0
    unreadable: int = 0
    pages: int = 0
    trades: int = 0


class Backfills:
    """The past trades of one market, one request after the other. Raw records of it carry ``connection`` as connection id and a counter
    of their own. ``most_pages``: of one request; ``aggregated``: the form of the stream that is collected."""

    def __init__(
        self,
        venue: Venue,
        rest: Rest,
        writer: KafkaWriter,
        topic: str,
        *,
        instruments: Mapping[str, Instrument],
        connection: str,
        most_pages: int,
        aggregated: bool = False,
        has_key: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = BackfillCounts()
        self.problem = ""
        self._venue = venue
        self._rest = rest
        self._writer = writer
        self._topic = topic
        self._instruments = instruments
        self._connection = connection
        self._most_pages = most_pages
        self._aggregated = aggregated
        self._has_key = has_key
        self._clock = clock
        self._records = 0
        self._asked_s: dict[_Asked, float] = {}
        """Waiting and running requests: when each was made last, Unix seconds."""
        self._queue: deque[_Asked] = deque()
        self._arrived = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Requests not served yet."""
        return len(self._asked_s)

    def request(self, wire_symbol: str, span: TradeSpan, asked_s: float) -> None:
        """Ask for trades; ``asked_s``: when they were wanted, Unix seconds. An instrument not collected here is nothing to us."""
        if wire_symbol not in self._instruments:
            return
        asked, counts = (wire_symbol, span), self.counts
        counts.asked += 1
        if self._clock() - asked_s > FRESH_S:
            counts.expired += 1
        elif asked in self._asked_s:
            counts.folded += 1
            self._asked_s[asked] = max(asked_s, self._asked_s[asked])
        elif len(self._asked_s) >= _MOST_WAITING:
            counts.overflowed += 1
        else:
            self._asked_s[asked] = asked_s
            self._queue.append(asked)
            self._arrived.set()

    async def run(self) -> None:
        """Serve requests, first in first out, until cancelled."""
        while True:
            while not self._queue:
                self._arrived.clear()
                await self._arrived.wait()
            asked = self._queue.popleft()
            try:
                await self._serve(*asked)
            finally:
                del self._asked_s[asked]

    async def _serve(self, wire_symbol: str, span: TradeSpan) -> None:
        instrument = self._instruments.get(wire_symbol)  # another producer may take it over while we ask
        if instrument is None or self._clock() - self._asked_s[wire_symbol, span] > _PATIENCE_S:
            self.counts.expired += 1
            return
        way = self._venue.backfill(wire_symbol, span, aggregated=self._aggregated, has_key=self._has_key)
        reason = refusal = ""
        try:
            for _ in range(self._most_pages):
                request = way.request()
                if request is None:
                    break
                body = await self._page(request, wire_symbol)
                if body is None:
                    self.counts.expired += 1
                    _log.warning(
                        "backfill given up", symbol=wire_symbol, reason=self._rest.problem or "no weight"
                    )
                    return
                self._take(way, body)
                self._write(instrument, CHANNEL, body)
                await self._writer.room()
            else:
                if way.request() is not None:
                    reason = f"There are more than {self._most_pages} pages of it (producer.backfill_pages)."
        except RefusedError as error:
            self.counts.refused += 1
            reason = refusal = error.message
        except FrameError as error:
            self.counts.unreadable += 1
            self.problem = error.message
            _log.error("backfill given up", symbol=wire_symbol, reason=error.message)
            return
        self.problem = refusal
        self._end(instrument, span, way, reason)

    async def _page(self, request: RestRequest, wire_symbol: str) -> bytes | None:
        """One page; None when it is not to be had in time. Raises :class:`RefusedError`."""
        until_s = self._clock() + _PATIENCE_S
        return await self._rest.get(
            request,
            priority=Priority(Urgency.BACKFILL, name=wire_symbol),
            wanted=lambda: self._clock() < until_s,
        )

    def _take(self, way: Backfill, body: bytes) -> None:
        """Hand the way a page. One that cannot be read is a dead letter; raises :class:`FrameError`."""
        try:
            self.counts.trades += way.take(body)
        except FrameError as error:
            write_dead_letter(self._writer, self._topic, body, time.time_ns(), error.message)
            raise
        self.counts.pages += 1

    def _end(self, instrument: Instrument, span: TradeSpan, way: Backfill, reason: str) -> None:
        complete, reason = way.complete and not reason, reason or way.reason
        self._write(instrument, END_CHANNEL, write_end(span, complete=complete, reason=reason))
        self.counts.served += 1
        self.counts.incomplete += not complete
        _log.info("backfill served", symbol=instrument.wire_symbol, complete=complete, reason=reason)

    def _write(self, instrument: Instrument, channel: str, value: bytes) -> None:
        headers = RawHeaders(
            receive_time_ns=time.time_ns(),
            kind="backfill",
            channel=channel,
            connection=self._connection,
            frame=self._records,
            symbol=instrument.symbol,
            unit=instrument.unit.text,
        )
        self._records += 1
        self._writer.write(self._topic, instrument.wire_symbol.encode(), value, headers.encode())
