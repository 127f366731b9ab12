"""How long a connection lives: pings and their pongs, the end of a session, and what the exchange does by its clock."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from simulator.dialect import Close, KeepAlive, Session

__all__ = ["ConnectionCounts", "Life", "Living"]

_TICK_S = 0.25
_SHORTEST_TICK_S = 0.002  # of real time, however fast the exchange's clock runs


@dataclass
class ConnectionCounts:
    """What happened to the connections of a market."""

    opened: int = 0
    refused: int = 0
    messages_received: int = 0
    too_many_messages: int = 0
    pong_timeouts: int = 0
    sessions_ended: int = 0
    slow_readers_dropped: int = 0
    cut: int = 0
    closed_by_session: int = 0


class Living(Protocol):
    """What a life does to its connection."""

    def ping(self, payload: bytes) -> None:
        """Send a websocket ping."""

    def say(self, text: bytes) -> None:
        """Send a text."""

    def close(self, code: int, reason: str) -> None:
        """Close in order."""

    def drop(self) -> None:
        """End without a close frame."""


class Life:
    """The timers of one open connection. ``rules`` are in real seconds already, ``scale`` is how much faster the exchange's clock runs."""

    def __init__(
        self, connection: Living, session: Session, rules: KeepAlive, counts: ConnectionCounts, scale: float
    ) -> None:
        self._connection = connection
        self._session = session
        self._rules = rules
        self._counts = counts
        self._scale = scale
        self._loop = asyncio.get_running_loop()
        self._pings: set[bytes] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._heard_s = self._said_s = self._loop.time()
        self._over = False
        self._later("ping", rules.ping_interval_s, self._ping)
        self._later("session", rules.session_s, self._end_session)
        self._tick_s = max(_TICK_S / scale, _SHORTEST_TICK_S)
        self._later("tick", self._tick_s, self._tick)

    def heard(self) -> None:
        """The client said something."""
        self._heard_s = self._loop.time()

    def said(self) -> None:
        """Something was sent to the client."""
        self._said_s = self._loop.time()

    def receive_pong(self, payload: bytes) -> None:
        """A pong counts when it copies the payload of a ping that was sent; others are allowed and prove nothing."""
        if payload in self._pings:
            self._pings.clear()
            self._timers.pop("pong").cancel()

    def end(self) -> None:
        """The connection is gone, or going."""
        self._over = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _later(self, name: str, delay_s: float | None, call: Callable[[], None]) -> None:
        if delay_s is not None and math.isfinite(delay_s) and not self._over:
            self._timers[name] = self._loop.call_later(delay_s, call)

    def _ping(self) -> None:
        payload = secrets.token_hex(8).encode()
        self._pings.add(payload)
        self._connection.ping(payload)
        if "pong" not in self._timers:
            self._later("pong", self._rules.pong_timeout_s, self._miss_pong)
        self._later("ping", self._rules.ping_interval_s, self._ping)

    def _miss_pong(self) -> None:
        self._counts.pong_timeouts += 1
        self._connection.close(1008, "Pong timeout")

    def _end_session(self) -> None:
        self._counts.sessions_ended += 1
        self._connection.close(1001, "")

    def _tick(self) -> None:
        now_s = self._loop.time()
        for each in self._session.tick(
            (now_s - self._heard_s) * self._scale, (now_s - self._said_s) * self._scale
        ):
            if isinstance(each, Close):
                self._counts.closed_by_session += 1
                if each.code == 1006:
                    self._connection.drop()
                else:
                    self._connection.close(each.code, each.reason)
                return
            self._connection.say(each)
        self._later("tick", self._tick_s, self._tick)
