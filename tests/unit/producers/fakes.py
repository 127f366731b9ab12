"""What the tests of the producers stand on: a writer that keeps its records, and an exchange of a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from websockets.asyncio.server import Server, ServerConnection, serve

from producers.kafka_writer import Headers

__all__ = ["Exchange", "FakeWriter", "envelope", "until"]


def envelope(number: int, stream: str = "btcusdt@trade") -> bytes:
    """A frame as Binance wraps it, its number in it."""
    return b'{"stream":"%s","data":{"t":%d}}' % (stream.encode(), number)


async def until(true: Callable[[], object], timeout_s: float = 10.0) -> None:
    """Return when ``true`` says so."""
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.01)


@dataclass
class FakeWriter:
    """Keeps records in memory. While ``full`` is set, readers wait."""

    full: bool = False
    records: list[tuple[str, bytes | None, bytes | None, Headers]] = field(default_factory=list)

    def write(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Keep it."""
        self.records.append((topic, key, value, headers))

    async def room(self) -> None:
        """Wait for somebody to take ``full`` away."""
        while self.full:
            await asyncio.sleep(0.01)

    @property
    def frames(self) -> list[tuple[str, bytes | None, bytes | None, Headers]]:
        """The records of frames, without those that say that some are missing."""
        return [record for record in self.records if ("kind", b"lost") not in record[3]]

    @property
    def told(self) -> list[tuple[str, str]]:
        """Channel and reason of the others."""
        return [
            (dict(headers)["channel"].decode(), (value or b"").decode())
            for _, _, value, headers in self.records
            if ("kind", b"lost") in headers
        ]

    @property
    def values(self) -> list[bytes | None]:
        """The values in the order of writing."""
        return [value for _, _, value, _ in self.records]


class Exchange:
    """A websocket server that does with each connection what it is told. Use ``async with``."""

    def __init__(self, play: Callable[[ServerConnection], Awaitable[None]]) -> None:
        self.connections: list[ServerConnection] = []
        self.received: list[tuple[float, str | bytes]] = []
        self._play = play
        self._server: Server

    @property
    def address(self) -> str:
        """Where it listens."""
        host, port = next(iter(self._server.sockets)).getsockname()[:2]
        return f"ws://{host}:{port}"

    async def send(self, frame: bytes) -> None:
        """A text frame to each open connection."""
        for connection in list(self.connections):
            await connection.send(frame, text=True)

    async def __aenter__(self) -> Exchange:
        self._server = await serve(
            self._handle, "127.0.0.1", 0, compression=None, ping_interval=None, close_timeout=0.5
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _handle(self, connection: ServerConnection) -> None:
        self.connections.append(connection)
        playing = asyncio.ensure_future(self._play(connection))
        try:
            async for message in connection:
                self.received.append((asyncio.get_running_loop().time(), message))
        finally:
            playing.cancel()
            self.connections.remove(connection)
