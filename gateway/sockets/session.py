"""One client: what waits to be sent to it, what it follows, and what happens when it does not keep up.

Messages wait in a bounded queue until the connection has room. With one too many the queue is given up: the client is told that
it is slow, gets no more of any stream, and, once there is room again, a fresh snapshot of each. Snapshots are made when
the connection takes them, one at a time, so that nothing large ever waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.sockets.frames import Frame, message
from gateway.sockets.protocol import Channel
from gateway.sockets.streams import Form, Stream

__all__ = ["Outlet", "Session", "Subscription", "Traffic"]

SLOW = 4008
_WRITE_BYTES = 64 * 1024


class Outlet(Protocol):
    """The part of a :class:`gateway.sockets.wire.Wire` that a session needs."""

    drained: Callable[[], None] | None

    @property
    def ended(self) -> bool:
        """Nothing can be written any more."""

    @property
    def room(self) -> bool:
        """Whether more can be written now."""

    @property
    def paused(self) -> bool:
        """There is no room, and ``drained`` will be called when there is."""

    def write(self, frames: Iterable[Frame]) -> None:
        """Write in one go."""

    def end(self, code: int, reason: str) -> None:
        """End the connection."""


@dataclass
class Traffic:
    """What all sessions together have done."""

    sent: int = 0
    dropped: int = 0
    """Messages given up because a client was slow."""
    slowed: int = 0
    closed_slow: int = 0


@dataclass(eq=False)
class Subscription:
    """``pattern`` as the client wrote it; ``streams`` by instrument."""

    sid: int
    channel: Channel
    pattern: str | None
    depth: int | None
    rate: float | None
    streams: dict[str, Stream] = field(default_factory=dict)


class Session:
    """``wake`` asks for :meth:`flush` soon. ``limit``: messages that may wait; ``patience_s``: how long it may be slow."""

    def __init__(
        self,
        outlet: Outlet,
        wake: Callable[[Session], None],
        traffic: Traffic,
        clock_s: Callable[[], float],
        *,
        limit: int,
        patience_s: float,
    ) -> None:
        self.subscriptions: dict[int, Subscription] = {}
        self.slow_since_s: float | None = None
        self._outlet = outlet
        self._wake = wake
        self._traffic = traffic
        self._clock_s = clock_s
        self._limit = limit
        self._patience_s = patience_s
        self._waiting: deque[Frame] = deque()
        self._owed: dict[tuple[Stream, Form], None] = {}
        outlet.drained = lambda: wake(self)

    @property
    def waiting(self) -> int:
        """Messages in its queue."""
        return len(self._waiting)

    @property
    def stream_count(self) -> int:
        """How many streams it follows."""
        return sum(len(each.streams) for each in self.subscriptions.values())

    def say(self, kind: str, **fields: Any) -> None:
        """Send what is no data, behind what waits."""
        self.send(message(kind, **fields))

    def send(self, frame: Frame) -> None:
        """The same, of a message that is there already. One for each of the client's own messages, or of the clock, at most."""
        self._waiting.append(frame)
        self._wake(self)

    def offer(self, frame: Frame) -> bool:
        """Take a message of a stream; False: there is no room for it, nor would there be after sending."""
        waiting = self._waiting
        if len(waiting) >= self._limit:
            self._write_waiting()  # a large batch of events is no slowness of the client's
            if len(waiting) >= self._limit:
                return False
        if not waiting:
            self._wake(self)
        waiting.append(frame)
        return True

    def owe(self, stream: Stream, form: Form) -> None:
        """Send a snapshot of a stream, and all that follows, when there is room."""
        self._owed[stream, form] = None
        self._wake(self)

    def disown(self, stream: Stream, form: Form) -> None:
        """Have no more of a stream."""
        stream.leave(form, self)
        self._owed.pop((stream, form), None)

    def fall_behind(self) -> None:
        """Give up what waits, and all streams until there is room again."""
        traffic, dropped = self._traffic, len(self._waiting) + 1
        traffic.dropped += dropped
        traffic.slowed += 1
        self._waiting.clear()
        for subscription in self.subscriptions.values():
            for stream in subscription.streams.values():
                stream.leave(stream.form(subscription.sid), self)
        self._owed.clear()
        if self.slow_since_s is None:
            self.slow_since_s = self._clock_s()
        left_s = self._patience_s - (self._clock_s() - self.slow_since_s)
        self._waiting.append(message("slow", dropped=dropped, closes_in_s=max(0.0, round(left_s, 1))))
        if not self._outlet.paused:
            self._wake(self)

    def lose_patience(self) -> None:
        """End the connection where it has been slow for too long."""
        since_s = self.slow_since_s
        if since_s is not None and self._clock_s() - since_s > self._patience_s:
            self._traffic.closed_slow += 1
            self._outlet.end(SLOW, "slow for too long")

    def end(self, code: int, reason: str) -> None:
        """End the connection behind what waits, as far as there is room for it."""
        self._write_waiting()
        self._outlet.end(code, reason)

    def flush(self) -> None:
        """Write what there is room for: what waits, then the snapshots that are owed. With room again a slow client is slow no more."""
        outlet, waiting = self._outlet, self._waiting
        while outlet.room and not outlet.ended:
            if waiting:
                self._write_waiting()
            elif self.slow_since_s is not None:
                self._catch_up()
            elif self._owed:
                stream, form = next(iter(self._owed))
                del self._owed[stream, form]
                snapshot = stream.join(form, self)
                if snapshot is not None:
                    self._traffic.sent += 1
                    outlet.write((snapshot,))
            else:
                return
        if not outlet.paused and not outlet.ended:
            self._wake(self)

    def _write_waiting(self) -> None:
        outlet, waiting = self._outlet, self._waiting
        while waiting and outlet.room:
            batch: list[Frame] = []
            size = 0
            while waiting and size < _WRITE_BYTES:
                frame = waiting.popleft()
                batch.append(frame)
                size += len(frame)
            self._traffic.sent += len(batch)
            outlet.write(batch)

    def _catch_up(self) -> None:
        self.slow_since_s = None
        for subscription in self.subscriptions.values():
            for stream in subscription.streams.values():
                self._owed[stream, stream.form(subscription.sid)] = None
