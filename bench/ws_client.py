"""A websocket client that costs little: it shares the processors with what it measures.

Messages are handed on as they came, compressed where they are; whoever only counts them unpacks none.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import zlib
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

__all__ = ["WsClient", "connect", "unpacked"]

_END = b"\r\n\r\n"
_TAIL = b"\x00\x00\xff\xff"
_FINAL, _COMPRESSED, _MASKED = 0x80, 0x40, 0x80
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA
_SHORT, _LONG, _LONGER = 125, 126, 127

Heard = Callable[[bytes, bool], None]
"""Called with each message, and whether it is compressed."""


async def connect(url: str, heard: Heard) -> WsClient:
    """Connected to ``url`` (``ws://…``), compression agreed on. Raises ConnectionError where that does not come about."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(
        lambda: WsClient(heard), address.hostname or "", address.port or 80
    )
    key = base64.b64encode(os.urandom(16)).decode()
    client.transport.write(
        f"GET {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        f"sec-websocket-version: 13\r\nsec-websocket-key: {key}\r\n"
        "sec-websocket-extensions: permessage-deflate; server_no_context_takeover\r\n\r\n".encode()
    )
    await client.opened
    return client


def unpacked(message: bytes, compressed: bool) -> bytes:  # noqa: FBT001  as it is handed on
    """The text of a message."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(message + _TAIL) if compressed else message


class WsClient(asyncio.Protocol):
    """``opened`` is done when the server has agreed, ``closed`` when nothing more will come."""

    transport: asyncio.Transport

    def __init__(self, heard: Heard) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()
        self._heard = heard
        self._received = b""

    def send(self, text: str) -> None:
        """Send a short text."""
        self._send(_TEXT, text.encode())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Whoever waits for it waits no longer."""
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("the server has closed the connection"))
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Some frames, the last of them perhaps in part."""
        data = self._received + data if self._received else data
        place = 0 if self.opened.done() else self._agree(data)
        while (end := self._frame(data, place)) > place:
            place = end
        self._received = data[place:]

    def _agree(self, data: bytes) -> int:
        """Where frames begin: behind the answer, 0 while it is not all there."""
        end = data.find(_END)
        if end < 0:
            return 0
        status = data.split(b"\r\n", 1)[0].decode("latin-1")
        if " 101 " not in f"{status} ":
            self.opened.set_exception(ConnectionError(f"the server says {status!r}"))
            self.transport.abort()
            return len(data)
        self.opened.set_result(None)
        return end + len(_END)

    def _frame(self, data: bytes, place: int) -> int:
        """Take the frame at ``place``; where it ends, ``place`` itself while it is not all there."""
        if not self.opened.done() or len(data) < place + 2:
            return place
        first, size, begin = data[place], data[place + 1], place + 2
        if size == _LONG:
            if len(data) < place + 4:
                return place
            size, begin = int.from_bytes(data[begin : begin + 2]), begin + 2
        elif size == _LONGER:
            if len(data) < place + 10:
                return place
            size, begin = int.from_bytes(data[begin : begin + 8]), begin + 8
        end = begin + size
        if len(data) < end:
            return place
        kind = first & 0x0F
        if kind == _TEXT:
            self._heard(data[begin:end], bool(first & _COMPRESSED))
        elif kind == _PING:
            self._send(_PONG, data[begin:end])
        elif kind == _CLOSE:
            self.transport.close()
        return end

    def _send(self, kind: int, payload: bytes) -> None:
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([_FINAL | kind, _MASKED | min(size, _LONG)])
        head += struct.pack(">H", size) if size > _SHORT else b""
        self.transport.write(head + mask + bytes(each ^ mask[n % 4] for n, each in enumerate(payload)))
