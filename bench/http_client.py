"""An HTTP client that costs little: it shares the processors with what it measures.

GET alone, over connections that are kept; answers are counted, not read. For 200 requests a second it takes 7 % of a core, where aiohttp
took 15 to 17.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import cast
from urllib.parse import urlsplit

__all__ = ["HttpClient"]

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class HttpClient:
    """Asks one server; as many connections as there are requests at once. ``patience_s``: whoever waits for longer gives up."""

    def __init__(self, url: str, *, patience_s: float) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._head = f"host: {address.netloc}\r\naccept-encoding: gzip\r\n\r\n"
        self._patience_s = patience_s
        self._idle: deque[_Connection] = deque()

    async def get(self, path: str) -> int:
        """The status of the answer, once all of it is there; 0 where none came."""
        request = f"GET {path} HTTP/1.1\r\n{self._head}".encode()
        try:
            async with asyncio.timeout(self._patience_s):
                connection = self._kept() or await self._open()
                status = await connection.ask(request)
        except (TimeoutError, OSError):
            return 0
        self._idle.append(connection)
        return status

    def close(self) -> None:
        """End all connections."""
        for connection in self._idle:
            connection.transport.close()

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    async def _open(self) -> _Connection:
        _, connection = await asyncio.get_running_loop().create_connection(
            _Connection, self._host, self._port
        )
        return connection


class _Connection(asyncio.Protocol):
    """One request after the other."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self._answer: asyncio.Future[int] | None = None
        self._received = b""
        self._status = 0
        self._left = -1
        """Bytes of the body that have not come; negative while the head has not."""

    async def ask(self, request: bytes) -> int:
        """The status of the answer. Given up, the connection is of no more use."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.transport.abort()
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits for an answer gets none."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionError("the server has closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        if self._left < 0:
            self._received += data
            end = self._received.find(_END)
            if end < 0:
                return
            head, data = self._received[:end].lower(), self._received[end + len(_END) :]
            self._received = b""
            self._status = int(head.split(None, 2)[1])
            place = head.find(_LENGTH)
            self._left = int(head[place + len(_LENGTH) :].split(None, 1)[0]) if place >= 0 else 0
        self._left -= len(data)
        if self._left <= 0 and self._answer is not None and not self._answer.done():
            self._left = -1
            self._answer.set_result(self._status)
