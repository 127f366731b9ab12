"""ClickHouse's HTTP interface in front of the engine: a thread per connection, kept alive between requests."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from embedded.clickhouse.codings import compressor
from embedded.clickhouse.engine import Engine
from embedded.clickhouse.errors import ClickHouseError, status_of
from embedded.clickhouse.request import Request, body_of, form_of
from embedded.clickhouse.runner import Answer, run

__all__ = ["ClickHouseServer"]

_KEEP_ALIVE_S = 75.0
_EXCEPTION = b"\r\n__exception__\r\n"


class ClickHouseServer(ThreadingHTTPServer):
    """Serves one engine on 127.0.0.1. ``in_flight`` requests can be awaited before the engine is closed."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, engine: Engine, port: int) -> None:
        self.engine = engine
        self._idle = threading.Condition()
        self._in_flight = 0
        super().__init__(("127.0.0.1", port), _Handler)

    def enter(self) -> None:
        """A request begins."""
        with self._idle:
            self._in_flight += 1

    def leave(self) -> None:
        """A request has ended."""
        with self._idle:
            self._in_flight -= 1
            self._idle.notify_all()

    def drain(self, timeout_s: float) -> bool:
        """Wait for the requests being served; whether all have ended."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._in_flight, timeout_s)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away while it is answered is no error; anything else is, and goes to the log."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ClickHouseServer
    protocol_version = "HTTP/1.1"
    server_version = "ClickHouse"
    sys_version = ""
    timeout = _KEEP_ALIVE_S
    disable_nagle_algorithm = True
    wbufsize = 64 * 1024

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/ping" or (path == "/" and not query):
            self._send_text(HTTPStatus.OK, b"Ok.\n")
        else:
            self._serve(path, query, read_only=True)

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        self._serve(path, query, read_only=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the signature is the library's
        pass  # requests are not news

    def _serve(self, path: str, query: str, *, read_only: bool) -> None:
        if path != "/":
            self.close_connection = True
            self._send_text(HTTPStatus.NOT_FOUND, b"There is no such handle; use / or /ping\n")
            return
        body = body_of(self.rfile, self.headers)
        self.server.enter()
        try:
            form = form_of(self.headers, body)
            self._run(Request.read(query, self.headers, form), body, read_only=read_only)
        except ClickHouseError as error:
            self._discard(body)
            self._send_error(error)
        except (ConnectionError, TimeoutError):
            self.close_connection = True  # the client is gone
        finally:
            self.server.leave()

    def _run(self, request: Request, body: Iterator[bytes], *, read_only: bool) -> None:
        engine = self.server.engine
        with engine.session(
            request.session_id, request.session_timeout_s, must_exist=request.session_check
        ) as session:
            session.use(request.database)
            with session.settings(request.settings):
                answer = run(session, request, body, read_only=read_only)
                self._send_answer(request, answer)

    def _send_answer(self, request: Request, answer: Answer) -> None:
        tag = secrets.token_hex(8)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("X-ClickHouse-Query-Id", request.query_id)
        self.send_header("X-ClickHouse-Timezone", self.server.engine.timezone)
        self.send_header("X-ClickHouse-Server-Display-Name", self.server.engine.host_name)
        self.send_header("X-ClickHouse-Exception-Tag", tag)
        if answer.summary:
            self.send_header("X-ClickHouse-Summary", json.dumps(answer.summary))
        if answer.format:
            self.send_header("X-ClickHouse-Format", answer.format)
        if request.coding:
            self.send_header("Content-Encoding", request.coding)
        self.end_headers()
        try:
            with closing(answer.pieces):  # a client that went away ends its statement
                for piece in _coded(request.coding, answer.pieces):
                    self._send_chunk(piece)
            self.wfile.write(b"0\r\n\r\n")
        except ClickHouseError as error:
            self._break_off(error, tag, plain=not request.coding)

    def _send_chunk(self, piece: bytes) -> None:
        if piece:
            self.wfile.write(b"%x\r\n" % len(piece))
            self.wfile.write(piece)
            self.wfile.write(b"\r\n")

    def _break_off(self, error: ClickHouseError, tag: str, *, plain: bool) -> None:
        """An error in the middle of the rows: said in the body as ClickHouse does, and the body is left unfinished."""
        if plain:
            message = str(error).encode() + b"\n"
            mark = tag.encode()
            self._send_chunk(
                b"%s%s\r\n%s%d %s%s" % (_EXCEPTION, mark, message, len(message), mark, _EXCEPTION)
            )
        self.close_connection = True

    def _send_error(self, error: ClickHouseError) -> None:
        self._send_text(
            status_of(error.code), f"{error}\n".encode(), **{"X-ClickHouse-Exception-Code": str(error.code)}
        )

    def _send_text(self, status: HTTPStatus, text: bytes, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=UTF-8")
        self.send_header("Content-Length", str(len(text)))
        self.send_header("X-ClickHouse-Server-Display-Name", self.server.engine.host_name)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def _discard(self, body: Iterator[bytes]) -> None:
        """Read what is left of a refused body, so that the client gets the answer and may keep the connection."""
        try:
            for _ in body:
                pass
        except ClickHouseError:
            self.close_connection = True


def _coded(coding: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if not coding:
        yield from pieces
        return
    coder = compressor(coding)
    for piece in pieces:
        yield coder.compress(piece)
    yield coder.flush()
