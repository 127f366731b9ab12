"""All websocket clients: who is let in, what they say, when what waits for them is written, and what the clock brings.

What a batch of events gives is written once it is through: for each client the messages of all its streams in one go.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from itertools import count
from statistics import quantiles
from typing import Any, Self

from bookmill.buffers import Buffer
from bookmill.errors import BookmillError
from bookmill.settings import GatewaySettings
from gateway.book_replica import BookReplica, Change
from gateway.books import Books
from gateway.errors import error_form
from gateway.live import LiveState
from gateway.rate_limits import RateLimits
from gateway.sockets import protocol
from gateway.sockets.board import Board
from gateway.sockets.frames import message
from gateway.sockets.session import Outlet, Session, Subscription, Traffic
from gateway.sockets.sources import Sources
from schemas.fields import Event

__all__ = ["Hub"]

TOO_MANY_CLIENTS = 1013
TOO_MANY_MESSAGES = 4029

_TICK_S = 1.0
_LATENCIES = 1000


class Hub:
    """Use as an asynchronous context manager. ``failed`` is called with what should never happen. ``status`` is what the channel of
    that name tells: asked once a second while somebody follows it."""

    def __init__(
        self,
        settings: GatewaySettings,
        live: LiveState,
        books: Books,
        clock: Callable[[], int],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.status: Callable[[], Awaitable[dict[str, Any]]] | None = None
        self.traffic = Traffic()
        self.refused = 0
        """Clients, since there were too many."""
        self._settings = settings
        self._epoch = books.epoch
        self._clock = clock
        self._failed = failed
        self._board = Board(
            live,
            Sources(live, books, clock, int(settings.stale_after_s * 1_000_000), lambda: self._status),
            books.epoch,
            asyncio.get_running_loop,
            most_subscriptions=settings.max_subscriptions,
        )
        self._sessions: dict[Session, str] = {}
        """With their names to the limits."""
        self._limits = RateLimits(settings.rate_per_s, settings.rate_burst, clients=settings.max_clients)
        self._numbers = count(1)
        self._awake: dict[Session, None] = {}
        self._event_us: int | None = None
        """When the frame was received of the event at hand,"""
        self._batch_us: int | None = None
        """and of the first one that gave something of what is written next."""
        self._latencies_us: deque[int] = deque(maxlen=_LATENCIES)
        self._status: dict[str, Any] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        live.observers.append(self._take)
        books.observers.append(self._take_book)

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(each()) for each in (self._watch, self._tell_status)]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def admit(self, outlet: Outlet) -> Session | None:
        """A client has come; None, and the connection ends, where there are too many."""
        if len(self._sessions) >= self._settings.max_clients:
            self.refused += 1
            outlet.end(TOO_MANY_CLIENTS, "too many clients")
            return None
        session = Session(
            outlet,
            self._wake,
            self.traffic,
            asyncio.get_running_loop().time,
            limit=self._settings.client_buffer,
            patience_s=self._settings.slow_close_s,
        )
        self._sessions[session] = str(next(self._numbers))
        heartbeat_s = self._settings.heartbeat_s
        session.say("welcome", version=version("bookmill"), epoch=self._epoch, heartbeat_s=heartbeat_s)
        return session

    def leave(self, session: Session) -> None:
        """A client has gone."""
        self._board.leave(session)
        self._sessions.pop(session, None)
        self._awake.pop(session, None)

    def take(self, session: Session, text: str) -> None:
        """What a client says. Whatever it is, it is answered."""
        if self._limits.take(self._sessions[session]):
            session.end(TOO_MANY_MESSAGES, "too many messages")
            return
        number: protocol.Number = None
        try:
            request = protocol.read(text)
            number = request.id
            self._answer(session, request)
        except BookmillError as error:
            session.say("error", id=number or protocol.number_of(text), error=error_form(error))

    def statistics(self) -> dict[str, Any]:
        """Counters, and how long after its receipt a frame's messages are written (ms, of the last thousand batches)."""
        cuts = quantiles(self._latencies_us, n=100, method="inclusive") if len(self._latencies_us) > 1 else []
        return {
            "clients": len(self._sessions),
            "subscriptions": self._board.subscription_count,
            "streams": self._board.stream_count,
            "messages_sent": self.traffic.sent,
            "messages_dropped": self.traffic.dropped,
            "clients_slowed": self.traffic.slowed,
            "clients_closed_slow": self.traffic.closed_slow,
            "clients_refused": self.refused,
            "written_after_ms": {
                "p50": round(cuts[49] / 1000, 3) if cuts else None,
                "p99": round(cuts[98] / 1000, 3) if cuts else None,
            },
        }

    @property
    def clients(self) -> int:
        """Connected now."""
        return len(self._sessions)

    @property
    def subscriptions(self) -> int:
        """Of all clients."""
        return self._board.subscription_count

    def buffers(self) -> Iterable[Buffer]:
        """Of the queues of all clients, the fullest."""
        yield Buffer(
            "messages for a client",
            max((each.waiting for each in self._sessions), default=0),
            self._settings.client_buffer,
            "forget",
            self.traffic.dropped,
        )
        yield Buffer(
            "websocket clients", len(self._sessions), self._settings.max_clients, "refuse", self.refused
        )

    def _answer(self, session: Session, request: protocol.Request) -> None:
        match request:
            case protocol.Ping(id=number):
                session.say("pong", id=number, time_us=self._clock())
            case protocol.Subscribe():
                self._subscribe(session, request)
            case protocol.Unsubscribe():
                self._unsubscribe(session, request)
            case protocol.OfSymbol(symbol=name, subscribe=begins):
                for symbol in self._board.symbols(name):
                    for channel in protocol.OF_SYMBOL:
                        if begins:
                            self._subscribe(session, protocol.Subscribe(channel, f"*.*.{symbol}"))
                        else:
                            self._unsubscribe(session, protocol.Unsubscribe(channel, f"*.*.{symbol}"))

    def _subscribe(self, session: Session, request: protocol.Subscribe) -> None:
        session.say("subscribed", id=request.id, **_named(self._board.subscribe(session, request)))

    def _unsubscribe(self, session: Session, request: protocol.Unsubscribe) -> None:
        for ended in self._board.unsubscribe(session, request):
            session.say("unsubscribed", id=request.id, **_named(ended))

    def _take(self, topic: str, key: str, event: Event) -> None:
        self._event_us = event.get("receive_time")
        self._board.take(topic, key, event)
        self._event_us = None

    def _take_book(self, replica: BookReplica, change: Change) -> None:
        self._event_us = replica.received_us
        self._board.take_book(replica, change)
        self._event_us = None

    def _wake(self, session: Session) -> None:
        if not self._awake:
            asyncio.get_running_loop().call_soon(self._flush)
            self._batch_us = self._event_us
        self._awake[session] = None

    def _flush(self) -> None:
        """Write for all that something waits for; who is woken meanwhile is next."""
        awake, self._awake = self._awake, {}
        for session in awake:
            session.flush()
        if self._batch_us is not None:
            self._latencies_us.append(self._clock() - self._batch_us)
            self._batch_us = None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def _tell_status(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            if self.status is not None and self._board.wants_status:
                self._status = await self.status()
                self._board.tell_status()

    async def _watch(self) -> None:
        """Heartbeats, and the end of patience."""
        loop = asyncio.get_running_loop()
        heartbeat_at_s = loop.time() + self._settings.heartbeat_s
        while True:
            await asyncio.sleep(min(_TICK_S, self._settings.heartbeat_s))
            for session in list(self._sessions):
                session.lose_patience()
            if loop.time() >= heartbeat_at_s:
                heartbeat_at_s += self._settings.heartbeat_s
                frame = message("heartbeat", time_us=self._clock())
                for session in self._sessions:
                    session.offer(frame)


def _named(subscription: Subscription) -> dict[str, Any]:
    return {
        "sid": subscription.sid,
        "channel": subscription.channel,
        "instrument": subscription.pattern,
    }
