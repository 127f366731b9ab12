"""Proxies and a TLS server on this machine: an exchange whose name only the proxy can resolve.

The server speaks one websocket (it sends what it is given) and one REST answer; both proxies check user and password, and
count what they let through. Written from RFC 9110 (CONNECT), RFC 1928 and RFC 1929 (SOCKS5).
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import trustme
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

HOST = "exchange.test"
USER, PASSWORD = "me", "s:e@cret"
BODY = b'{"symbols": []}'


@asynccontextmanager
async def exchange(authority: trustme.CA, name: str = HOST) -> AsyncIterator[int]:
    """A TLS server with a certificate for ``name``; its port."""

    async def stream(socket: ServerConnection) -> None:
        await socket.send("hello")
        await socket.wait_closed()

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        return connection.respond(HTTPStatus.OK, BODY.decode()) if request.path.startswith("/rest") else None

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    async with serve(stream, "127.0.0.1", 0, ssl=context, process_request=answer) as server:
        yield next(iter(server.sockets)).getsockname()[1]


class LocalProxy:
    """``asked``: host and port of each tunnel it made; ``refused`` counts wrong credentials."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.asked: list[tuple[str, int]] = []
        self.refused = 0
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, password: str = PASSWORD) -> str:
        """Where it listens, with credentials as a URL has them."""
        return (
            f"{self.scheme}://{USER}:{password.replace(':', '%3A').replace('@', '%40')}@127.0.0.1:{self.port}"
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LocalProxy]:
        """Listen on a free port."""
        serve_one = self._connect if self.scheme == "http" else self._socks
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, target, _ = head.split(" ", 2)
        assert method == "CONNECT"
        given = [
            line.split(" ")[-1]
            for line in head.splitlines()
            if line.lower().startswith("proxy-authorization:")
        ]
        if given != [base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()]:
            self.refused += 1
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            writer.close()
            await writer.wait_closed()
            return
        host, _, port = target.rpartition(":")
        await self._tunnel(host, int(port), reader, writer, b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def _socks(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, count = await reader.readexactly(2)
        assert version == 5
        assert 2 in await reader.readexactly(count), "user and password were not offered"
        writer.write(b"\x05\x02")
        await reader.readexactly(1)
        user = await reader.readexactly((await reader.readexactly(1))[0])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        if (user.decode(), password.decode()) != (USER, PASSWORD):
            self.refused += 1
            writer.write(b"\x01\x01")
            writer.close()
            await writer.wait_closed()
            return
        writer.write(b"\x01\x00")
        _, command, _, kind = await reader.readexactly(4)
        assert (command, kind) == (1, 3), "a name, not an address, has to be asked for"
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        (port,) = struct.unpack(">H", await reader.readexactly(2))
        await self._tunnel(host, port, reader, writer, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")

    async def _tunnel(
        self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ready: bytes
    ) -> None:
        self.asked.append((host, port))
        there, back = await asyncio.open_connection("127.0.0.1", port)  # the only one who knows the name
        writer.write(ready)
        for task in (
            asyncio.create_task(_copy(reader, back)),
            asyncio.create_task(_copy(there, writer)),
        ):
            self._tasks.add(task)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
