"""One connection plan kept alive: connect, watch, replace, reconnect, for ever.

Reasons to replace a connection, and to break one off, are those of :mod:`producers.connection_watch`; it is replaced make-before-break
(:mod:`producers.succession`). A line may also begin as the successor of other lines, whose streams it then takes over in the same way
(:mod:`producers.cohorts`). After failures the next attempt waits, longer each time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

from bookmill.settings import ProducerSettings
from producers.connection import FAILURES, Aside, Connection
from producers.connection_watch import ConnectionWatch
from producers.kafka_writer import KafkaWriter
from producers.line_connections import ANSWERED_S, STANDS_S, LineConnections, LineState
from producers.openings import Openings
from producers.stream import Stream
from producers.succession import replace, take_over
from venues.interface import ConnectionPlan, Route, Venue

__all__ = ["Line"]


class Line:
    """``streams`` are those of ``plan``, ``trades`` those of the market's trades by instrument, wherever they come.

    ``succeeds``: other lines bring its streams until its first connection delivers; ``arrived`` says that it does. ``first_word``: why frames may
    be missing before the first one: ``start``, or ``joined`` where another producer may still collect.
    """

    def __init__(
        self,
        name: str,
        plan: ConnectionPlan,
        streams: Sequence[Stream],
        *,
        venue: Venue,
        address: str,
        settings: ProducerSettings,
        writer: KafkaWriter,
        aside: Aside,
        proxy: str | None = None,
        openings: Openings | None = None,
        trades: Mapping[str, Stream] | None = None,
        first_word: str = "start",
        succeeds: bool = False,
    ) -> None:
        self.name = name
        self.arrived = not succeeds
        self.handing_over = False
        """Whether one connection is being replaced by another."""
        self._connections = LineConnections(
            name,
            plan,
            venue=venue,
            address=address,
            settings=settings,
            writer=writer,
            aside=aside,
            proxy=proxy,
            openings=openings or Openings(),
        )
        self.counts = self._connections.counts
        self._plan = plan
        self._streams = {stream.route: stream for stream in streams}
        self._watch = ConnectionWatch(
            self._connections,
            plan,
            self._streams,
            {} if trades is None else trades,  # filled while lines are made
            venue=venue,
            settings=settings,
            writer=writer,
        )
        self._overlap_s = settings.rotate_overlap_s
        self._requests_per_hour = venue.limits.requests_per_hour
        self._first_word = first_word

    async def run(self) -> None:
        """Keep the line until cancelled, or retired and lost; open connections are closed then."""
        try:
            connection = None if self.arrived else await self._take_over()
            while not self._connections.retiring:
                connection = connection or await self._connect_at_last()
                while connection is not None:
                    connection = await self._keep(connection)
        finally:
            await self._connections.close()

    def refuse(self, route: Route) -> bool:
        """The exchange does not deliver a stream: it is no longer missed. False where it is none of this line's."""
        if route not in self._streams:
            return False
        self._connections.refused.add(route)
        return True

    def resubscribe(self, wire_symbol: str, requests: Sequence[str]) -> bool:
        """Send texts that make the stream of a book begin anew, as :meth:`send` does. Changes are missing until then, and that is said: the
        book may have come back since it was asked for.
        """
        current = self._connections.current
        goes_on = current is not None and current.affords(len(requests), self._requests_per_hour)
        if current is None or not self.send(requests):
            return False
        if goes_on:  # else a successor brings the image, and nothing is missing
            for route, stream in self._streams.items():
                if stream.starts_anew and route.wire_symbol == wire_symbol:
                    stream.tell_lost(current, "resubscribed", time.time_ns())
        return True

    def send(self, requests: Sequence[str]) -> bool:
        """Send texts on the open connection, or replace it where the exchange allows no more of them; False where there is none."""
        current = self._connections.current
        if current is None or not self._connections.connected:
            return False
        if not current.affords(len(requests), self._requests_per_hour):
            return self.renew()
        current.send(requests)
        return True

    def renew(self) -> bool:
        """Replace the connection, so that all its books begin anew; False where there is none."""
        self._connections.renewing = self._connections.connected
        return self._connections.renewing

    def retire(self) -> None:
        """Others take its streams over: its connection goes on bringing them, and is neither replaced nor made anew."""
        self._connections.retiring, self._streams = True, {}

    def delivers(self, wire_symbol: str) -> bool:
        """Whether all streams of the instrument on this line have brought a frame, or have had the time for it."""
        if not self.arrived or self.state is not LineState.CONNECTED:
            return False
        asked_for_s = self._connections.asked_for_s
        stands = asked_for_s is not None and asked_for_s >= STANDS_S
        return stands or all(
            stream.last_ns >= self.up_ns or not self._connections.expects(route)
            for route, stream in self._streams.items()
            if route.wire_symbol == wire_symbol
        )

    @property
    def state(self) -> LineState:
        """Where it is."""
        return self._connections.state

    @property
    def problem(self) -> str:
        """Why there is no connection; empty where there is one."""
        return self._connections.problem

    @property
    def missing(self) -> Sequence[str]:
        """Streams that the connection at hand has not delivered in time."""
        return self._connections.missing

    @property
    def up_ns(self) -> int:
        """When the connection at hand was opened, Unix ns."""
        return self._connections.up_ns

    @property
    def down_s(self) -> float | None:
        """For how long there has been no connection that delivers, or at least stands for a while; None when there is one."""
        return self._connections.down_s

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Those that are open: one, or two while one hands over to another."""
        return self._connections.open

    @property
    def requests(self) -> int:
        """Texts that a new connection sends to have all its streams."""
        return len(self._plan.requests)

    @property
    def beginning(self) -> bool:
        """Whether its connection is so new that what its streams begin with may still be on its way."""
        asked_for_s = self._connections.asked_for_s
        return asked_for_s is None or asked_for_s < ANSWERED_S

    @property
    def image_symbols(self) -> frozenset[str]:
        """Instruments whose books have their images in its streams."""
        return frozenset(stream.route.wire_symbol for stream in self._streams.values() if stream.starts_anew)

    async def _take_over(self) -> Connection:
        connection = await take_over(self._connections, self._streams, self._overlap_s)
        self.arrived = True
        return connection

    async def _connect_at_last(self) -> Connection:
        while True:
            try:
                connection = await self._connections.connect(self._streams)
            except FAILURES as error:
                self._connections.note_failure(error)
                await asyncio.sleep(self._connections.backoff.next_s())
                continue
            for stream in self._streams.values():
                stream.finish()
                stream.lead(connection)
                if self.counts.opened == 1:  # whoever collected before us had no successor, or has us for one
                    stream.tell_lost(connection, self._first_word, time.time_ns())
            self._connections.start(connection)
            return connection

    async def _keep(self, connection: Connection) -> Connection | None:
        """Watch a connection until something has to be done; its successor, or None when it is gone."""
        if await self._watch.wants_successor(connection):
            if self._connections.retiring:
                return connection  # it has its successors
            self.handing_over = True
            successor = await replace(self._connections, self._streams, connection, self._overlap_s)
            self.handing_over = False
            if successor is connection:
                self._watch.put_off(self._connections.backoff.next_s())
            return successor
        await self._connections.drop(connection)
        for stream in self._streams.values():
            stream.finish()
            stream.tell_lost(connection, connection.loss, time.time_ns())
        self._connections.note_loss(connection)
        if self._connections.retiring:
            return None
        await asyncio.sleep(self._connections.backoff.next_s())
        return None
