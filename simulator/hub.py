"""Who gets what: channels with their subscribers, and the one way every market frame is sent.

A frame is handed over whole; what of it a connection is sent is its session's business (Binance: in its combined form
``{"stream":"…","data":{…}}``, of which a connection in raw mode is sent the bytes of ``data``, unchanged). Sources publish a batch, then call :meth:`Hub.flush`, which joins what each connection has to
get into one write: that is what makes several hundred thousand frames a second possible.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Literal, Protocol

from simulator.feed import Feed

__all__ = ["Channel", "Disturbance", "Hub", "Subscriber"]

Disturbance = Literal["drop", "duplicate", "corrupt", "reorder"]


class Subscriber(Protocol):
    """The sending side of a connection."""

    def queue(self, envelope: bytes, data_start: int) -> None:
        """Take a frame to be sent with the next flush; ``data_start`` is where its ``data`` begins."""

    def flush(self) -> None:
        """Write what is queued."""

    async def writable(self) -> None:
        """Wait until the client has read enough; a client that does not read at all is dropped meanwhile."""


class Channel:
    """One stream of frames. Counts frames published, copies sent, and frames that nobody was there for (``unsent``)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.published = 0
        self.sent = 0
        self.unsent = 0
        self.subscribers: list[Subscriber] = []
        self.disturbances: deque[Disturbance] = deque()
        self.held: tuple[bytes, list[Subscriber]] | None = None
        """A frame that waits to be sent behind the next one, and who gets it then."""
        self.beside = False
        """Whether its frames bring no market data (heartbeats): they are not counted with those that do."""
        self.data_start = len(f'{{"stream":"{name}","data":')

    def envelope(self, data: str) -> bytes:
        """The combined form of a frame of this channel."""
        return f'{{"stream":"{self.name}","data":{data}}}'.encode()

    def publish(self, envelope: bytes) -> None:
        """Queue a frame, in its combined form, for every subscriber."""
        self.published += 1
        if not self.subscribers:
            self.unsent += 1
            return
        if self.disturbances or self.held:
            self._publish_disturbed(envelope)
            return
        for subscriber in self.subscribers:
            subscriber.queue(envelope, self.data_start)
        self.sent += len(self.subscribers)

    def _publish_disturbed(self, envelope: bytes) -> None:
        what = self.disturbances.popleft() if self.disturbances and not self.held else None
        copies: dict[Disturbance | None, list[bytes]] = {
            None: [envelope],
            "drop": [],
            "duplicate": [envelope, envelope],
            "corrupt": [self._corrupt(envelope)],
            "reorder": [],
        }
        behind, self.held = self.held, (envelope, list(self.subscribers)) if what == "reorder" else None
        for copy in copies[what]:
            self._send(copy, self.subscribers)
        if behind:
            frame, waiting = behind
            # A connection is sent nothing from before its subscription.
            self._send(frame, [one for one in waiting if one in self.subscribers])

    def _send(self, envelope: bytes, subscribers: Sequence[Subscriber]) -> None:
        for subscriber in subscribers:
            subscriber.queue(envelope, self.data_start)
        self.sent += len(subscribers)

    def _corrupt(self, envelope: bytes) -> bytes:
        """The frame with its last third torn out: no JSON any more, in either form."""
        keep = max(self.data_start + 1, len(envelope) * 2 // 3)
        return envelope[:keep] + b"}"


class Hub:
    """All channels of a market by the stream names a client may ask for. A name nobody plays is simply never sent.

    ``feeds`` are the synthetic instruments by wire symbol: where a session finds the image that a new book begins with.
    """

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self.feeds: dict[str, Feed] = {}
        self.answered = 0
        """First frames of streams, which their subscribers were sent as an answer."""
        self.connections: set[Subscriber] = set()
        self._by_name: dict[str, list[Channel]] = {}
        self._names: dict[Subscriber, set[str]] = {}
        self._waiting: list[asyncio.Future[None]] = []

    def channel(self, name: str, *aliases: str) -> Channel:
        """The channel of that name, made when new; ``aliases`` are other stream names it answers to."""
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = Channel(name)
        for known_as in (name, *aliases):
            channels = self._by_name.setdefault(known_as, [])
            if channel not in channels:
                channels.append(channel)
        return channel

    def named(self, name: str) -> list[Channel]:
        """The channels that a client gets who asks for this name."""
        return self._by_name.get(name, [])

    def join(self, subscriber: Subscriber) -> None:
        """A connection is open."""
        self.connections.add(subscriber)

    def leave(self, subscriber: Subscriber) -> None:
        """A connection is gone, with all its subscriptions."""
        self.connections.discard(subscriber)
        for name in tuple(self._names.get(subscriber, ())):
            self.unsubscribe(subscriber, name)

    def subscribe(self, subscriber: Subscriber, name: str) -> None:
        """From now on the subscriber gets the stream, each frame once even when two of its names mean the same channel."""
        self._names.setdefault(subscriber, set()).add(name)
        for channel in self.named(name):
            if subscriber not in channel.subscribers:
                channel.subscribers.append(subscriber)
        for change in self._waiting:
            if not change.done():
                change.set_result(None)
        self._waiting.clear()

    def unsubscribe(self, subscriber: Subscriber, name: str) -> None:
        """The opposite; unknown names are fine."""
        names = self._names.get(subscriber, set())
        names.discard(name)
        for channel in self.named(name):
            still = any(channel in self.named(other) for other in names)
            if subscriber in channel.subscribers and not still:
                channel.subscribers.remove(subscriber)
        if not names:
            self._names.pop(subscriber, None)

    def flush(self) -> None:
        """Write what is queued, to each connection in one piece."""
        for connection in tuple(self.connections):
            connection.flush()

    async def drain(self) -> None:
        """Wait until every connection can take more."""
        for connection in tuple(self.connections):
            await connection.writable()

    async def wait_for_subscribers(self, channels: Iterable[Channel], *, every: bool) -> None:
        """Wait until one of the channels, or ``every`` one, has a subscriber."""
        wanted = list(channels)
        enough = all if every else any
        while not enough(channel.subscribers for channel in wanted):
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change

    def counts(self) -> dict[str, dict[str, int]]:
        """What was sent, by stream."""
        return {
            name: {"published": channel.published, "sent": channel.sent, "unsent": channel.unsent}
            for name, channel in self.channels.items()
        }

    def total(self, what: Literal["published", "sent", "unsent"]) -> int:
        """The same over all streams."""
        counted: int = sum(getattr(channel, what) for channel in self.channels.values() if not channel.beside)
        return counted + (0 if what == "unsent" else self.answered)
