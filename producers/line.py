"""One connection plan kept alive: connect, watch, replace, reconnect, for ever.

A connection is replaced make-before-break (the successor delivers before the old one is closed) when its session grows
old, when the exchange announces that it will close, when its books are wanted anew, when streams of it have stopped, and when it is
silent but still answers a ping. A line may also begin as the successor of other lines, whose streams it then takes over in the same way
(:mod:`producers.cohorts`). A connection is broken off when it is silent and answers nothing. Silent is who brings no frame of a stream: heartbeats and pongs show
that a connection lives, not that anything is still subscribed on it. After failures the next attempt waits, longer each time; only proven health
(60 s with data) starts that count anew.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import structlog

from bookmill.backoff import Backoff
from bookmill.settings import ProducerSettings
from producers.connection import FAILURES, Aside, Connection
from producers.kafka_writer import KafkaWriter
from producers.openings import Openings
from producers.proxy import through
from producers.pulses import Pulses
from producers.stream import Source, Stream
from venues.interface import ConnectionPlan, Route, Venue

__all__ = ["Line", "LineCounts", "LineState"]

_log = structlog.get_logger(__name__)

_HEALTHY_S = 60.0
_STANDS_S = 10.0
"""A connection that has brought nothing yet and was not thrown out for so long is one: its market is quiet."""
_TICK_S = 0.2
_PONG_S = 5.0
_ANSWERED_S = 1.0
"""How long an exchange may take to deliver what it is asked for."""
_LONGEST_OVERLAP = 3
"""Overlaps after which a successor that does not deliver all that the old connection does is given up."""
_QUIETEST = 6
"""Doublings of the silent time of a connection whose market is quiet."""
_PROVEN = 4
"""So many times as long as a silence that counts there has to be none until shorter ones count again."""
_ROTATION_SPREAD = 0.05
"""Part of a session's length by which rotations of connections opened together are spread."""


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


@dataclass
class _Watch:
    """What is remembered of the connection being watched."""

    received: int = 0
    progress_s: float = field(default_factory=time.monotonic)
    flowing_s: float = field(default_factory=time.monotonic)
    """Since when its frames come without a pause that would be called silence."""


class Line:
    """``streams`` are those of ``plan``, ``trades`` those of the market's trades by instrument, wherever they come. ``problem`` says why there is no connection, ``missing`` which streams never delivered.

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
        self.state = LineState.CONNECTING
        self.problem = ""
        self.missing: list[str] = []
        self.counts = LineCounts()
        self.up_ns = 0
        """When the connection at hand was opened, Unix ns."""
        self._down_since_s: float | None = time.monotonic()
        self._plan = plan
        self._streams = {stream.route: stream for stream in streams}
        self._venue = venue
        self._url = address.rstrip("/") + plan.path
        self._settings = settings
        self._writer = writer
        self._aside = aside
        self._proxy = proxy
        self._openings = openings or Openings()
        self._first_word = first_word
        self._backoff = Backoff(settings.backoff_initial_s, settings.backoff_max_s)
        self._open: set[Connection] = set()
        self._quiet = 0
        self._stops = 0
        self._stopped_s = 0.0
        self._pulses: Pulses | None = None
        self._trades = {} if trades is None else trades  # filled while lines are made
        self._replace_after_s = 0.0
        self._refused: set[Route] = set()
        self._renewing = False
        self._current: Connection | None = None
        self._retiring = False

    async def run(self) -> None:
        """Keep the line until cancelled, or retired and lost; open connections are closed then."""
        try:
            connection = None if self.arrived else await self._take_over()
            while not self._retiring:
                connection = connection or await self._connect_at_last()
                while connection is not None:
                    connection = await self._keep(connection)
        finally:
            await asyncio.gather(*(connection.close() for connection in self._open))

    def refuse(self, route: Route) -> bool:
        """The exchange does not deliver a stream: it is no longer missed. False where it is none of this line's."""
        if route not in self._streams:
            return False
        self._refused.add(route)
        return True

    def send(self, requests: Sequence[str]) -> bool:
        """Send texts on the open connection, or replace it where the exchange allows no more of them; False where there is none."""
        if self._current is None or self.state is not LineState.CONNECTED:
            return False
        if not self._current.affords(len(requests), self._venue.limits.requests_per_hour):
            return self.renew()
        self._current.send(requests)
        return True

    def renew(self) -> bool:
        """Replace the connection, so that all its books begin anew; False where there is none."""
        self._renewing = self._current is not None and self.state is LineState.CONNECTED
        return self._renewing

    def retire(self) -> None:
        """Others take its streams over: its connection goes on bringing them, and is neither replaced nor made anew."""
        self._retiring, self._streams = True, {}

    def delivers(self, wire_symbol: str) -> bool:
        """Whether all streams of the instrument on this line have brought a frame, or have had the time for it."""
        if not self.arrived or self.state is not LineState.CONNECTED:
            return False
        asked_s = self._current.asked_s if self._current is not None else None
        stands = asked_s is not None and time.monotonic() - asked_s >= _STANDS_S
        return stands or all(
            stream.last_ns >= self.up_ns or route in self._plan.rare or route in self._refused
            for route, stream in self._streams.items()
            if route.wire_symbol == wire_symbol
        )

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Those that are open: one, or two while one hands over to another."""
        return tuple(self._open)

    @property
    def requests(self) -> int:
        """Texts that a new connection sends to have all its streams."""
        return len(self._plan.requests)

    @property
    def beginning(self) -> bool:
        """Whether its connection is so new that what its streams begin with may still be on its way."""
        asked_s = self._current.asked_s if self._current is not None else None
        return asked_s is None or time.monotonic() - asked_s < _ANSWERED_S

    @property
    def down_s(self) -> float | None:
        """For how long there has been no connection that delivers, or at least stands for a while; None when there is one."""
        return None if self._down_since_s is None else time.monotonic() - self._down_since_s

    @property
    def image_symbols(self) -> frozenset[str]:
        """Instruments whose books have their images in its streams."""
        return frozenset(stream.route.wire_symbol for stream in self._streams.values() if stream.starts_anew)

    async def _connect_at_last(self) -> Connection:
        while True:
            try:
                connection = await self._connect()
            except FAILURES as error:
                self._failed(error)
                await asyncio.sleep(self._backoff.next_s())
                continue
            for stream in self._streams.values():
                stream.finish()
                stream.lead(connection)
                if self.counts.opened == 1:  # whoever collected before us had no successor, or has us for one
                    stream.tell_lost(connection, self._first_word, time.time_ns())
            self._start(connection)
            return connection

    async def _take_over(self) -> Connection:
        """The first connection of a successor: what other lines bring of its streams is handed over to it."""
        while True:
            led = {
                stream: old
                for stream in self._streams.values()
                if (old := stream.leader or stream.new) is not None and not old.over
            }
            for stream, old in led.items():
                stream.begin(old)
            try:
                new = await self._connect()
            except FAILURES as error:
                self._failed(error)
            else:
                if await self._succeed(led, new):
                    self.arrived = True
                    return new
                await self._drop(new)
                self._failed(ConnectionError(new.ended or "it does not deliver what others do"))
            for stream, old in led.items():
                stream.cancel(old, time.time_ns())
            await asyncio.sleep(self._backoff.next_s())

    async def _succeed(self, led: Mapping[Stream, Source], new: Connection) -> bool:
        """Whether a connection delivers what others bring, who are then waited for no longer."""
        for stream in self._streams.values():
            if stream in led:
                stream.join(new)
            else:
                stream.lead(new)
        self._start(new)
        if not await self._overlap(set(led.values()), new):
            return False
        for stream in self._streams.values():
            stream.finish()
        return True

    async def _connect(self) -> Connection:
        if self.state is LineState.UNREACHABLE:
            _log.debug("connecting", line=self.name, url=self._url)
        await self._openings.turn(self._url, self._proxy, self._venue.limits.connects_per_s)
        name = f"{self.name}.{self.counts.opened}"
        connection = await Connection.open(name, self._url, self._streams, proxy=self._proxy)
        self._open.add(connection)
        self.counts.opened += 1
        return connection

    def _start(self, connection: Connection) -> None:
        connection.start(self._venue, self._writer, self._plan.requests, self._aside)
        self._current, self._renewing = connection, False
        self.up_ns = connection.opened_ns
        self._refused.clear()
        self.state, self.problem, self.missing = LineState.CONNECTED, "", []
        _log.info("connected", line=self.name, connection=connection.name, streams=self._plan.streams)

    def _failed(self, error: BaseException) -> None:
        self.counts.failures += 1
        reason = (str(error) or type(error).__name__) + through(self._proxy)
        if self.problem != reason:
            _log.warning("no connection", line=self.name, url=self._url.partition("?")[0], reason=reason)
        self.problem = reason
        self.state = LineState.UNREACHABLE

    async def _keep(self, connection: Connection) -> Connection | None:
        """Watch a connection until something has to be done; its successor, or None when it is gone."""
        if await self._watch(connection):
            self.handing_over = True
            successor = await self._replace(connection)
            self.handing_over = False
            return successor
        await self._drop(connection)
        for stream in self._streams.values():
            stream.finish()
            stream.tell_lost(connection, connection.loss, time.time_ns())
        self.counts.lost += 1
        if self._down_since_s is None:
            self._down_since_s = time.monotonic()
        self.state, self.problem = LineState.CONNECTING, connection.ended
        _log.warning("connection lost", line=self.name, connection=connection.name, reason=connection.ended)
        if self._retiring:
            return None
        await asyncio.sleep(self._backoff.next_s())
        return None

    async def _watch(self, connection: Connection) -> bool:
        """Return when the connection wants a successor (True) or has ended (False)."""
        watch = _Watch(connection.received)
        pulses = self._resumed_pulses()
        session_s = self._session_s() * (1.0 - _ROTATION_SPREAD * random.random())  # noqa: S311  no secret
        tick_s = min(_TICK_S, self._settings.silent_after_s / 5)
        while not await _done(connection, tick_s):
            now_s = time.monotonic()
            if connection.received != watch.received:
                self._note_progress(watch, connection.received, now_s)
            if self._writer.full:
                watch.progress_s = now_s
                pulses.resume(time.time_ns())
            elif stopped := pulses.stopped(time.time_ns(), self._stop_s(now_s)):
                self._note_stopped(stopped, connection)
                pulses.resume(time.time_ns())
            if now_s - connection.opened_s >= _HEALTHY_S and connection.received and not self._quiet:
                self._backoff.reset()
            if connection.received or now_s - connection.opened_s >= _STANDS_S:
                self._down_since_s = None
            self._look_for_missing(connection, now_s)
            if self._retiring or now_s < self._replace_after_s:
                continue
            if connection.leaving or self._renewing or now_s - connection.opened_s >= session_s:
                return True
            if now_s - watch.progress_s >= self._settings.silent_after_s * 2.0**self._quiet:
                return await self._after_silence(connection, now_s - watch.progress_s)
        return False

    def _note_progress(self, watch: _Watch, received: int, now_s: float) -> None:
        """What a connection begins with comes on a quiet market too: only frames that go on show that it is none any more."""
        silent_after_s = self._settings.silent_after_s
        if now_s - watch.progress_s > silent_after_s:
            watch.flowing_s = now_s
        if now_s - watch.flowing_s >= 2.0 * silent_after_s:
            self._quiet = 0
        watch.received, watch.progress_s = received, now_s

    def _resumed_pulses(self) -> Pulses:
        """Made with the first connection, when all lines of the market are there."""
        self._pulses = self._pulses or self._watch_streams()
        self._pulses.resume(time.time_ns())
        return self._pulses

    def _watch_streams(self) -> Pulses:
        usual = [stream for route, stream in self._streams.items() if route not in self._plan.rare]
        books = {
            stream.route.wire_symbol: stream
            for stream in usual
            if stream.route.channel in self._venue.book_channels
        }
        return Pulses(usual, books, self._trades)

    def _stop_s(self, now_s: float) -> float:
        """How long a silence of streams has to be: longer while they stop again and again."""
        least_s = self._settings.silent_after_s * 2.0**self._stops
        if self._stops and now_s - self._stopped_s >= _PROVEN * least_s:
            self._stops, least_s = 0, self._settings.silent_after_s
        return least_s

    def _note_stopped(self, stopped: Sequence[Stream], connection: Connection) -> None:
        """The exchange may have lost subscriptions: they are made anew, less and less often where that does not help."""
        self._renewing = True
        self._stops = min(self._stops + 1, _QUIETEST)
        self._stopped_s = time.monotonic()
        for stream in stopped:
            stream.tell_lost(connection, "silent", time.time_ns())
        names = [f"{stream.route.channel} {stream.route.wire_symbol}" for stream in stopped]
        _log.warning("streams have stopped", line=self.name, streams=names[:5], count=len(names))

    def _session_s(self) -> float:
        """Only exchanges that cut old connections are given new ones before."""
        return self._settings.rotate_after_s if math.isfinite(self._venue.limits.session_s) else math.inf

    async def _after_silence(self, connection: Connection, silent_s: float) -> bool:
        """A quiet market keeps its connection until a new one stands; a dead connection is broken off."""
        if await connection.answers(min(_PONG_S, self._settings.silent_after_s)):
            self._quiet = min(self._quiet + 1, _QUIETEST)
            _log.warning("connection is silent", line=self.name, silent_s=round(silent_s, 1))
            return True
        connection.loss = "silent"
        connection.ended = connection.ended or f"silent for {silent_s:.0f} s, and a ping was not answered"
        return False

    def _look_for_missing(self, connection: Connection, now_s: float) -> None:
        """An acknowledgement proves nothing: who has not delivered in time is named, and its neighbours go on."""
        if now_s - connection.opened_s < self._settings.silent_after_s:
            return
        missing = [
            f"{stream.route.channel} {stream.route.wire_symbol}"
            for stream in self._streams.values()
            if stream.last_ns < connection.opened_ns
            and stream.route not in self._plan.rare
            and stream.route not in self._refused
        ]
        for name in missing:
            if name not in self.missing:
                _log.warning("stream has not delivered", line=self.name, stream=name)
        self.missing = missing

    async def _replace(self, old: Connection) -> Connection | None:
        """Hand over to a new connection. Whichever is alive afterwards is returned, the successor if it can be."""
        for stream in self._streams.values():
            stream.begin(old)
        try:
            new = await self._connect()
        except FAILURES as error:
            self._go_back_to(old)
            self.counts.failures += 1
            self._replace_after_s = time.monotonic() + self._backoff.next_s()
            _log.warning("no successor yet", line=self.name, connection=old.name, reason=str(error))
            return old
        for stream in self._streams.values():
            stream.join(new)
        self._start(new)
        if not await self._overlap((old,), new):
            self._go_back_to(old)
            await self._drop(new)
            self._replace_after_s = time.monotonic() + self._backoff.next_s()
            _log.warning("successor does not deliver", line=self.name, connection=new.name, reason=new.ended)
            return old
        broken = old.task is None or old.task.done()
        for stream in self._streams.values():
            if broken:
                stream.break_off(old, old.loss, time.time_ns())
            else:
                stream.finish()
        await self._drop(old)
        self.counts.replaced += 1
        _log.info("connection replaced", line=self.name, old=old.name, new=new.name)
        return new

    def _go_back_to(self, old: Connection) -> None:
        """There is no successor: at once, since what the old connection brings counts again."""
        for stream in self._streams.values():
            stream.cancel(old, time.time_ns())
        self._current = old

    async def _overlap(self, old: Collection[Source], new: Connection) -> bool:
        """Wait until the successor delivers; False when it must not take over.

        Time runs from when it has asked for everything and the exchange had a moment to answer, and so does what it has to
        deliver: a stream of a frame a minute may have brought one before, to the old connection alone.
        """
        overlap_s = self._settings.rotate_overlap_s
        started_s: float | None = None
        while not await _done(new, _TICK_S / 2):
            if all(each.over for each in old):
                return True
            for stream in self._streams.values():
                if stream.old is not None and stream.old.over:
                    stream.finish()
            now_s = time.monotonic()
            pending = [stream.hand_over for stream in self._streams.values() if stream.hand_over]
            if started_s is not None:
                elapsed_s = now_s - started_s
                starving = any(each.starving for each in pending)
                if elapsed_s >= overlap_s * (_LONGEST_OVERLAP if starving else 1):
                    return not starving
            elif new.asked_s is not None and now_s - new.asked_s >= min(_ANSWERED_S, overlap_s / 2):
                started_s = now_s
                for each in pending:
                    each.expect()
            if new.asked_s is not None and all(each.aligned for each in pending):
                return True
        return False

    async def _drop(self, connection: Connection) -> None:
        self._open.discard(connection)
        await connection.close()


async def _done(connection: Connection, timeout_s: float) -> bool:
    """Whether the connection ends within that time."""
    if connection.task is None:
        return True
    done, _ = await asyncio.wait({connection.task}, timeout=timeout_s)
    for task in done:
        task.result()  # a bug in the reader ends the process, not the connection
    return bool(done)
