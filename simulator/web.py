"""A small HTTP/1.1 listener for the REST side of a simulated exchange: keep-alive, bodies with a length, nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from bookmill.errors import PortInUseError

__all__ = ["Request", "Response", "WebServer", "address_of"]

_LARGEST_BODY = 1 << 20
_IDLE_S = 60.0


@dataclass(frozen=True)
class Request:
    """One call. ``peer`` is the client's address without port; names of ``headers`` are in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    peer: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Response:
    """The answer; the body is JSON unless the headers say otherwise."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The answer as sent."""
        head = {
            "Content-Type": "application/json;charset=UTF-8",
            **self.headers,
            "Content-Length": str(len(self.body)),
        }
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in head.items())]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


def address_of(server: asyncio.Server) -> tuple[str, int]:
    """Host and port as bound."""
    host, port = server.sockets[0].getsockname()[:2]
    return str(host), int(port)


class WebServer:
    """Answers each request with what ``handler`` returns. ``close`` ends open connections too."""

    def __init__(self, handler: Callable[[Request], Awaitable[Response]]) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> str:
        """Listen; returns ``http://host:port``. Raises :class:`PortInUseError`."""
        try:
            self._server = await asyncio.start_server(self._accept, host, port)
        except OSError as error:
            raise PortInUseError(
                f"The simulator's REST port {host}:{port} cannot be opened: {error.strerror}.",
                hint="Give another one, or 0 for any.",
            ) from error
        return "http://{}:{}".format(*address_of(self._server))

    async def close(self) -> None:
        """Stop listening and end what is open."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str(writer.get_extra_info("peername")[0])
        try:
            while (request := await self._read(reader, peer)) is not None:
                response = await self._handler(request)
                writer.write(response.encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            pass  # the client is gone, idle, or speaks no HTTP: there is nobody to answer
        except ValueError:
            writer.write(Response(400, b'{"code":-1000,"msg":"Bad request."}').encode())
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    @staticmethod
    async def _read(reader: asyncio.StreamReader, peer: str) -> Request | None:
        """The next request of a connection; None when the client closed it between two."""
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _IDLE_S)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= _LARGEST_BODY:
            raise ValueError(length)
        body = await reader.readexactly(length)
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        return Request(method, url.path, query, body, peer, headers)
