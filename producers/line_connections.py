"""The connections of a line: opened each in its turn, begun, lost and closed, and what is to be said of the one at hand.

One is open, or two while one hands over to another. When they are opened and why they go is told by others: who watches them
(:mod:`producers.connection_watch`), who hands over (:mod:`producers.succession`), and the line itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import structlog

from bookmill.backoff import Backoff
from bookmill.settings import ProducerSettings
from producers.connection import Aside, Connection
from producers.kafka_writer import KafkaWriter
from producers.openings import Openings
from producers.proxy import through
from producers.stream import Stream
from venues.interface import ConnectionPlan, Route, Venue

__all__ = ["ANSWERED_S", "STANDS_S", "LineConnections", "LineCounts", "LineState"]

_log = structlog.get_logger(__name__)

STANDS_S = 10.0
"""A connection that has brought nothing yet and was not thrown out for so long is one: its market is quiet."""
ANSWERED_S = 1.0
"""How long an exchange may take to deliver what it is asked for."""


class LineState(Enum):
    """Where a line is."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    UNREACHABLE = "unreachable"


@dataclass
class LineCounts:
    """What happened to the connections of a line. ``lost`` ended unasked; ``failures``: attempts that brought no connection."""

    opened: int = 0
    lost: int = 0
    replaced: int = 0
    failures: int = 0


class LineConnections:
    """``current`` is the one begun last, or gone back to. ``problem`` says why there is none, ``missing`` which streams it never
    delivered, ``refused`` which the exchange does not deliver; ``renewing``: it shall be replaced, so that all begins anew.
    ``retiring``: others take its streams over, and no more are made. ``backoff`` is between attempts.
    """

    def __init__(
        self,
        name: str,
        plan: ConnectionPlan,
        *,
        venue: Venue,
        address: str,
        settings: ProducerSettings,
        writer: KafkaWriter,
        aside: Aside,
        proxy: str | None,
        openings: Openings,
    ) -> None:
        self.name = name
        self.state = LineState.CONNECTING
        self.problem = ""
        self.missing: list[str] = []
        self.refused: set[Route] = set()
        self.counts = LineCounts()
        self.current: Connection | None = None
        self.up_ns = 0
        """When the connection at hand was opened, Unix ns."""
        self.renewing = False
        self.retiring = False
        self.backoff = Backoff(settings.backoff_initial_s, settings.backoff_max_s)
        self._down_since_s: float | None = time.monotonic()
        self._open: set[Connection] = set()
        self._plan = plan
        self._venue = venue
        self._url = address.rstrip("/") + plan.path
        self._writer = writer
        self._aside = aside
        self._proxy = proxy
        self._openings = openings

    async def connect(self, streams: Mapping[Route, Stream]) -> Connection:
        """Open one, when it is its turn; raises one of :data:`~producers.connection.FAILURES`."""
        if self.state is LineState.UNREACHABLE:
            _log.debug("connecting", line=self.name, url=self._url)
        await self._openings.turn(self._url, self._proxy, self._venue.limits.connects_per_s)
        name = f"{self.name}.{self.counts.opened}"
        connection = await Connection.open(name, self._url, streams, proxy=self._proxy)
        self._open.add(connection)
        self.counts.opened += 1
        return connection

    def start(self, connection: Connection) -> None:
        """Ask for the streams on it, and read."""
        connection.start(self._venue, self._writer, self._plan.requests, self._aside)
        self.current, self.renewing = connection, False
        self.up_ns = connection.opened_ns
        self.refused.clear()
        self.state, self.problem, self.missing = LineState.CONNECTED, "", []
        _log.info("connected", line=self.name, connection=connection.name, streams=self._plan.streams)

    def note_failure(self, error: BaseException) -> None:
        """An attempt has brought no connection, and there is no other one."""
        self.counts.failures += 1
        reason = (str(error) or type(error).__name__) + through(self._proxy)
        if self.problem != reason:
            _log.warning("no connection", line=self.name, url=self._url.partition("?")[0], reason=reason)
        self.problem = reason
        self.state = LineState.UNREACHABLE

    def note_loss(self, connection: Connection) -> None:
        """It has ended, and has no successor."""
        self.counts.lost += 1
        if self._down_since_s is None:
            self._down_since_s = time.monotonic()
        self.state, self.problem = LineState.CONNECTING, connection.ended
        _log.warning("connection lost", line=self.name, connection=connection.name, reason=connection.ended)

    def note_standing(self) -> None:
        """One delivers, or has not been thrown out for a while."""
        self._down_since_s = None

    async def drop(self, connection: Connection) -> None:
        """Close one."""
        self._open.discard(connection)
        await connection.close()

    async def close(self) -> None:
        """Close all."""
        await asyncio.gather(*(connection.close() for connection in self._open))

    @property
    def open(self) -> tuple[Connection, ...]:
        """Those that are."""
        return tuple(self._open)

    @property
    def connected(self) -> bool:
        """Whether there is one to send anything on."""
        return self.current is not None and self.state is LineState.CONNECTED

    @property
    def asked_for_s(self) -> float | None:
        """For how long the one at hand has asked for all it is to bring; None where it has not yet."""
        asked_s = self.current.asked_s if self.current is not None else None
        return None if asked_s is None else time.monotonic() - asked_s

    @property
    def down_s(self) -> float | None:
        """For how long there has been none that delivers, or at least stands for a while; None when there is one."""
        return None if self._down_since_s is None else time.monotonic() - self._down_since_s

    def expects(self, route: Route) -> bool:
        """Whether a stream is missed where it brings nothing: some do so now and then only, or are refused."""
        return route not in self._plan.rare and route not in self.refused
