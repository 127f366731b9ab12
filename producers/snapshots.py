"""Serves requests for depth snapshots: asked over REST, written to the raw topic, body untouched.

Each instrument is served by a task of its own, which waits for its turn, for weight and for its answer alone: it stands in no frame's
and in no other instrument's way. Whose turn it is :class:`~producers.rest.Rest` says: the most traded instrument's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from bookmill.errors import RefusedError
from producers.kafka_writer import KafkaWriter
from producers.priorities import Priority
from producers.rest import Rest
from schemas.raw_record import RawHeaders
from venues.interface import Venue
from venues.messages import Instrument

__all__ = ["FRESH_S", "TOGETHER_S", "SnapshotCounts", "Snapshots"]

_log = structlog.get_logger(__name__)

FRESH_S = 30.0
"""A request older than this is void: who asked has asked again, or has what it needs."""

TOGETHER_S = 0.02
"""Requests that come so close to each other were made at once: the most traded is first among them, not the first to be read."""


@dataclass
class SnapshotCounts:
    """Requests by what became of them. ``folded``: another one for the instrument was waiting already."""

    asked: int = 0
    served: int = 0
    folded: int = 0
    expired: int = 0
    refused: int = 0


class Snapshots:
    """The snapshots of one market. Raw records of it carry ``connection`` as connection id and a counter of their own.

    ``traded`` says how much an instrument has been traded lately.
    """

    def __init__(
        self,
        venue: Venue,
        rest: Rest,
        writer: KafkaWriter,
        topic: str,
        *,
        instruments: Mapping[str, Instrument],
        connection: str,
        levels: int | None,
        traded: Callable[[str], float] = lambda _: 0.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.counts = SnapshotCounts()
        self.problem = ""
        self._venue = venue
        self._rest = rest
        self._writer = writer
        self._topic = topic
        self._instruments = instruments
        self._connection = connection
        self._levels = levels
        self._traded = traded
        self._clock = clock
        self._records = 0
        self._asked_s: dict[str, float] = {}
        """Waiting and running requests: when each was made last, Unix seconds."""
        self._new: asyncio.Queue[str] = asyncio.Queue()
        """Instruments asked for since the last look: each once, so there are never more than are collected."""

    @property
    def waiting(self) -> int:
        """Instruments whose snapshot is not written yet."""
        return len(self._asked_s)

    def request(self, wire_symbol: str, asked_s: float) -> None:
        """Ask for a snapshot; ``asked_s``: when it was wanted, Unix seconds. An instrument not collected here is nothing to us."""
        if wire_symbol not in self._instruments:
            return
        self.counts.asked += 1
        if self._clock() - asked_s > FRESH_S:
            self.counts.expired += 1
        elif wire_symbol in self._asked_s:
            self.counts.folded += 1
            self._asked_s[wire_symbol] = max(asked_s, self._asked_s[wire_symbol])
        else:
            self._asked_s[wire_symbol] = asked_s
            self._new.put_nowait(wire_symbol)

    async def run(self) -> None:
        """Serve requests until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                new = [await self._new.get()]
                await asyncio.sleep(TOGETHER_S)
                while not self._new.empty():
                    new.append(self._new.get_nowait())
                for wire_symbol in sorted(new, key=self._priority):
                    group.create_task(self._serve_one(wire_symbol))

    async def _serve_one(self, wire_symbol: str) -> None:
        try:
            await self._serve(wire_symbol)
        finally:
            self._asked_s.pop(wire_symbol, None)

    async def _serve(self, wire_symbol: str) -> None:
        instrument = self._instruments.get(wire_symbol)
        if instrument is None:
            self.counts.expired += 1  # it is no longer collected here
            return
        request = self._venue.snapshot_request(wire_symbol, self._levels)
        if request is None:
            raise NotImplementedError(f"{self._venue.exchange} has no REST snapshots")
        try:
            body = await self._rest.get(
                request,
                priority=self._priority(wire_symbol),
                wanted=lambda: self._is_fresh(wire_symbol),
            )
        except RefusedError as error:
            self.counts.refused += 1
            self.problem = error.message
            _log.error("snapshot refused", symbol=wire_symbol, reason=error.message)
            return
        if body is None:
            self.counts.expired += 1
            _log.warning(
                "snapshot request expired", symbol=wire_symbol, reason=self._rest.problem or "no weight"
            )
            return
        headers = RawHeaders(
            receive_time_ns=time.time_ns(),
            kind="snapshot",
            channel="snapshot",
            connection=self._connection,
            frame=self._records,
            symbol=instrument.symbol,
            unit=instrument.unit.text,
        )
        self._records += 1
        self._writer.write(self._topic, wire_symbol.encode(), body, headers.encode())
        self.counts.served += 1
        self.problem = ""
        _log.info("snapshot served", symbol=wire_symbol, bytes=len(body))
        await self._writer.room()

    def _priority(self, wire_symbol: str) -> Priority:
        return Priority.resync(wire_symbol, self._traded(wire_symbol))

    def _is_fresh(self, wire_symbol: str) -> bool:
        return self._clock() - self._asked_s[wire_symbol] <= FRESH_S
