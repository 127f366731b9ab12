"""The connections of a line, watched one after the other: when they want a successor, and when there is nothing left to hope for.

A connection wants a successor when its session grows old, when the exchange announces that it will close, when its books are wanted
anew, when streams of it have stopped, and when it is silent but still answers a ping. It is broken off when it is silent and answers
nothing. Silent is who brings no frame of a stream: heartbeats and pongs show that a connection lives, not that anything is still
subscribed on it. Only proven health (60 s with data) starts the waits between attempts anew.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from bookmill.settings import ProducerSettings
from producers.connection import Connection
from producers.kafka_writer import KafkaWriter
from producers.line_connections import STANDS_S, LineConnections
from producers.pulses import Pulses
from producers.stream import Stream
from venues.interface import ConnectionPlan, Route, Venue

__all__ = ["ConnectionWatch"]

_log = structlog.get_logger(__name__)

_HEALTHY_S = 60.0
_TICK_S = 0.2
_PONG_S = 5.0
_QUIETEST = 6
"""Doublings of the silent time of a connection whose market is quiet."""
_PROVEN = 4
"""So many times as long as a silence that counts there has to be none until shorter ones count again."""
_ROTATION_SPREAD = 0.05
"""Part of a session's length by which rotations of connections opened together are spread."""


@dataclass
class _Progress:
    """What is remembered of the connection being watched."""

    received: int = 0
    progress_s: float = field(default_factory=time.monotonic)
    flowing_s: float = field(default_factory=time.monotonic)
    """Since when its frames come without a pause that would be called silence."""


class ConnectionWatch:
    """``streams`` are those of the ``plan``, ``trades`` those of the market's trades by instrument, wherever they come."""

    def __init__(
        self,
        connections: LineConnections,
        plan: ConnectionPlan,
        streams: Mapping[Route, Stream],
        trades: Mapping[str, Stream],
        *,
        venue: Venue,
        settings: ProducerSettings,
        writer: KafkaWriter,
    ) -> None:
        self._connections = connections
        self._plan = plan
        self._streams = streams
        self._trades = trades
        self._venue = venue
        self._settings = settings
        self._writer = writer
        self._pulses: Pulses | None = None
        self._quiet = 0
        self._stops = 0
        self._stopped_s = 0.0
        self._replace_after_s = 0.0

    def put_off(self, wait_s: float) -> None:
        """There was no successor to be had: none is wanted for so long."""
        self._replace_after_s = time.monotonic() + wait_s

    async def wants_successor(self, connection: Connection) -> bool:
        """Return when the connection wants a successor (True) or has ended (False)."""
        connections = self._connections
        progress = _Progress(connection.received)
        pulses = self._resumed_pulses()
        session_s = self._session_s() * (1.0 - _ROTATION_SPREAD * random.random())  # noqa: S311  no secret
        tick_s = min(_TICK_S, self._settings.silent_after_s / 5)
        while not await connection.ends_within(tick_s):
            now_s = time.monotonic()
            if connection.received != progress.received:
                self._note_progress(progress, connection.received, now_s)
            if self._writer.full:
                progress.progress_s = now_s
                pulses.resume(time.time_ns())
            elif stopped := pulses.stopped(time.time_ns(), self._stop_s(now_s)):
                self._note_stopped(stopped, connection)
                pulses.resume(time.time_ns())
            if now_s - connection.opened_s >= _HEALTHY_S and connection.received and not self._quiet:
                connections.backoff.reset()
            if connection.received or now_s - connection.opened_s >= STANDS_S:
                connections.note_standing()
            self._look_for_missing(connection, now_s)
            if connections.retiring or now_s < self._replace_after_s:
                continue
            if connection.leaving or connections.renewing or now_s - connection.opened_s >= session_s:
                return True
            if now_s - progress.progress_s >= self._settings.silent_after_s * 2.0**self._quiet:
                return await self._after_silence(connection, now_s - progress.progress_s)
        return False

    def _note_progress(self, progress: _Progress, received: int, now_s: float) -> None:
        """What a connection begins with comes on a quiet market too: only frames that go on show that it is none any more."""
        silent_after_s = self._settings.silent_after_s
        if now_s - progress.progress_s > silent_after_s:
            progress.flowing_s = now_s
        if now_s - progress.flowing_s >= 2.0 * silent_after_s:
            self._quiet = 0
        progress.received, progress.progress_s = received, now_s

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
        self._connections.renewing = True
        self._stops = min(self._stops + 1, _QUIETEST)
        self._stopped_s = time.monotonic()
        for stream in stopped:  # whoever brings them: another line may have begun to
            stream.tell_lost(stream.bringer(connection), "silent", time.time_ns())
        names = [_name(stream) for stream in stopped]
        _log.warning("streams have stopped", line=self._connections.name, streams=names[:5], count=len(names))

    def _session_s(self) -> float:
        """Only exchanges that cut old connections are given new ones before."""
        return self._settings.rotate_after_s if math.isfinite(self._venue.limits.session_s) else math.inf

    async def _after_silence(self, connection: Connection, silent_s: float) -> bool:
        """A quiet market keeps its connection until a new one stands; a dead connection is broken off."""
        if await connection.answers(min(_PONG_S, self._settings.silent_after_s)):
            self._quiet = min(self._quiet + 1, _QUIETEST)
            _log.warning("connection is silent", line=self._connections.name, silent_s=round(silent_s, 1))
            for stream in self._streams.values():  # or the exchange has forgotten what it was asked for
                stream.tell_lost(connection, "silent", time.time_ns())
            return True
        connection.loss = "silent"
        connection.ended = connection.ended or f"silent for {silent_s:.0f} s, and a ping was not answered"
        return False

    def _look_for_missing(self, connection: Connection, now_s: float) -> None:
        """An acknowledgement proves nothing: who has not delivered in time is named, and its neighbours go on."""
        connections = self._connections
        if now_s - connection.opened_s < self._settings.silent_after_s:
            return
        missing = [
            _name(stream)
            for stream in (() if connections.retiring else self._streams.values())
            if stream.last_ns < connection.opened_ns and connections.expects(stream.route)
        ]
        for name in missing:
            if name not in connections.missing:
                _log.warning("stream has not delivered", line=connections.name, stream=name)
        connections.missing = missing


def _name(stream: Stream) -> str:
    return f"{stream.route.channel} {stream.route.wire_symbol}"
