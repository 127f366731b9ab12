"""One websocket, from handshake to close: requests are sent at the exchange's pace, frames read and handed on unparsed.

What an exchange wants to hear now and then is said (keep-alive), what it asks is answered first, and where it numbers its
frames by connection, a jump ends the connection: what was lost belongs to any of its streams.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from producers.kafka_writer import KafkaWriter
from producers.proxy import socket_options
from producers.socket_buffer import receive_buffer, waiting_bytes
from producers.stream import Stream
from venues.interface import KeepAlive, Route, Venue

__all__ = ["FAILURES", "QUEUE_FRAMES", "Answer", "Connection"]

FAILURES = (OSError, TimeoutError, WebSocketException)
"""What a connection can end with, or not come about with."""

_OPEN_S = 10.0
_CLOSE_S = 2.0
_LARGEST_FRAME = 64 << 20
QUEUE_FRAMES = 1024
"""Frames a websocket keeps for its reader; then it takes nothing more from its socket."""
_IN_ONE_GO = 64
"""Frames of one connection after which the others, and whoever else waits for the event loop, have their turn: as long as frames are
waiting, reading one never waits."""
_PACE = 0.8
"""Part of the exchange's request limit that is used: pings and pongs count there too."""


@dataclass(frozen=True)
class Answer:
    """What follows from a frame that belongs to no stream. ``leaving``: the exchange will close; ``reply`` is sent at once."""

    leaving: bool = False
    reply: str | None = None


Aside = Callable[[bytes, Route | None, int], Answer]
"""Takes a frame that belongs to no stream, with its route, if any, and receive time."""


class Connection:
    """``header`` and ``written`` name it in its records (see :class:`~producers.stream.Source`).

    ``received`` counts frames of its streams; ``leaving`` is set when the exchange said that it will close. ``task`` reads until the
    connection ends and never fails: what ended it is in ``ended``.
    """

    def __init__(self, name: str, socket: ClientConnection, streams: Mapping[Route, Stream]) -> None:
        self.name = name
        self.header = ("connection", name.encode())
        self.written = 0
        self.received = 0
        self.leaving = False
        self.ended = ""
        self.loss = "disconnect"
        """What its streams are told when it ends without a successor."""
        self.opened_ns = time.time_ns()
        self.opened_s = time.monotonic()
        self.task: asyncio.Task[None] | None = None
        self._socket = socket
        self._streams = streams
        self._tasks: list[asyncio.Task[None]] = []
        self._requests: deque[str] = deque()
        self._wanted = asyncio.Event()
        self._number: int | None = None
        self._sent_s: deque[float] = deque()
        self._last_planned: str | None = None
        self.asked_s: float | None = None
        """When the last request of its plan was sent."""

    @classmethod
    async def open(
        cls, name: str, url: str, streams: Mapping[Route, Stream], *, proxy: str | None = None
    ) -> Connection:
        """Connect, through ``proxy`` where there is one, and shake hands; raises one of ``FAILURES``."""
        socket = await connect(
            url,
            compression=None,
            open_timeout=_OPEN_S,
            close_timeout=_CLOSE_S,
            ping_interval=None,  # theirs are answered; ours would count as requests, and data is liveness enough
            max_size=_LARGEST_FRAME,
            max_queue=QUEUE_FRAMES,
            **socket_options(url, proxy),
        )
        return cls(name, socket, streams)

    def start(self, venue: Venue, writer: KafkaWriter, requests: Iterable[str], aside: Aside) -> None:
        """Read from now on, and send the requests in order."""
        self.task = asyncio.create_task(self._read(venue, writer, aside), name=f"read {self.name}")
        gap_s = 1.0 / (_PACE * venue.limits.requests_per_s)
        requests = list(requests)
        if requests:
            self._last_planned = requests[-1]
        else:  # all stands in the address
            self.asked_s = time.monotonic()
        self._tasks = [self.task, asyncio.create_task(self._send(gap_s), name=f"send {self.name}")]
        self.send(requests)
        if venue.keep_alive is not None:
            keeping = self._keep_alive(venue.keep_alive)
            self._tasks.append(asyncio.create_task(keeping, name=f"keep alive {self.name}"))

    @property
    def over(self) -> bool:
        """Whether it has ended, or was never begun."""
        return self.task is None or self.task.done()

    async def ends_within(self, timeout_s: float) -> bool:
        """Whether it ends within that time."""
        if self.task is None:
            return True
        done, _ = await asyncio.wait({self.task}, timeout=timeout_s)
        for task in done:
            task.result()  # a bug in the reader ends the process, not the connection
        return bool(done)

    def send(self, requests: Iterable[str]) -> None:
        """Send texts, after those that wait already, at the exchange's pace."""
        self._requests.extend(requests)
        self._wanted.set()

    def affords(self, requests: int, per_hour: float) -> bool:
        """Whether the exchange's limit allows so many texts more; those of a plan and its own replies are counted, too."""
        hour_ago_s = time.monotonic() - 3600.0
        while self._sent_s and self._sent_s[0] < hour_ago_s:
            self._sent_s.popleft()
        return len(self._sent_s) + len(self._requests) + requests <= _PACE * per_hour

    @property
    def waiting_frames(self) -> int:
        """Frames that have come and were not read yet, as far as they are out of the socket."""
        return len(self._socket.recv_messages.frames)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that have come and wait in the system's receive buffer."""
        return waiting_bytes(self._socket.transport)

    @property
    def receive_buffer(self) -> int:
        """Bytes that may wait there."""
        return receive_buffer(self._socket.transport)

    async def answers(self, timeout_s: float) -> bool:
        """Whether the other side answers a ping."""
        try:
            pong = await self._socket.ping()
            await asyncio.wait_for(pong, timeout_s)
        except FAILURES:
            return False
        return True

    async def close(self) -> None:
        """Close in order (1000), or at once where the other side does not answer; nothing is read any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._socket.close()

    async def _send(self, gap_s: float) -> None:
        """One by one, never a burst: the limit is a rolling window. Who has been silent for long enough speaks at once."""
        free_s = self.opened_s + gap_s
        with suppress(ConnectionClosed):  # the reader says so
            while True:
                while not self._requests:
                    self._wanted.clear()
                    await self._wanted.wait()
                await asyncio.sleep(free_s - time.monotonic())
                free_s = time.monotonic() + gap_s
                text = self._requests.popleft()
                await self._socket.send(text)
                self._sent_s.append(time.monotonic())
                if text is self._last_planned:
                    self.asked_s = time.monotonic()

    async def _keep_alive(self, keep_alive: KeepAlive) -> None:
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(keep_alive.every_s)
                await self._socket.send(keep_alive.text)

    def _reply(self, text: str) -> None:
        self._requests.appendleft(text)
        self._wanted.set()

    def _follows(self, number: int) -> bool:
        """Whether a frame's number in this connection is the one after the last."""
        before, self._number = self._number, number
        return before is None or number == before + 1

    async def _read(self, venue: Venue, writer: KafkaWriter, aside: Aside) -> None:
        receive, route_of, stream_of, now_ns = self._socket.recv, venue.route, self._streams.get, time.time_ns
        number_of = venue.sequence
        try:
            while True:
                frame = await receive(decode=False)
                time_ns = now_ns()
                number = number_of(frame)
                if number is not None and not self._follows(number):
                    self._lose(f"frames before number {number} are missing", time_ns)
                    return
                route = route_of(frame)
                stream = stream_of(route) if route else None
                if stream is None:
                    answer = aside(frame, route, time_ns)
                    self.leaving |= answer.leaving
                    if answer.reply is not None:
                        self._reply(answer.reply)
                else:
                    self.received += 1
                    stream.last_ns = time_ns
                    if stream.leader is self:
                        stream.write(self, frame, time_ns)
                    else:
                        stream.take(self, frame, time_ns)
                if writer.full:
                    await writer.room()
                elif not self.received % _IN_ONE_GO:
                    await asyncio.sleep(0)
        except ConnectionClosed as closed:
            self.ended = str(closed)
        except OSError as error:
            self.ended = str(error)

    def _lose(self, reason: str, time_ns: int) -> None:
        """Frames of any stream may be missing: all say so, and the connection ends."""
        self.ended, self.loss = reason, "sequence"
        for stream in self._streams.values():
            if stream.leader is self:
                stream.tell_lost(self, self.loss, time_ns)
