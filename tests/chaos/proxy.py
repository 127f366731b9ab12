"""A server between the parts and ClickHouse, or the registry, that can be made to do everything a network and a server can."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

__all__ = ["Proxy"]

_TIMEOUT_S = 60.0
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}
_CLICKHOUSE = {
    159: "TIMEOUT_EXCEEDED",
    241: "MEMORY_LIMIT_EXCEEDED",
    243: "NOT_ENOUGH_SPACE",
    252: "TOO_MANY_PARTS",
}


class Proxy:
    """Passes HTTP on to ``upstream`` (a URL) from ``url``; one fault at a time is on, none at first.

    ``counts``: what was done to requests.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._path = parts.path
        self._lock = threading.Lock()
        self._delay_s = 0.0
        self._error: int | None = None
        self._lost = 0
        self.counts = dict.fromkeys(("passed", "refused", "delayed", "errors", "lost answers"), 0)
        self._port = 0
        self._server: _Server | None = None
        self._listen()

    @property
    def url(self) -> str:
        """Where the parts are sent."""
        return f"http://127.0.0.1:{self._port}{self._path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._silence()

    # Faults.

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Nobody listens; connections that stand are cut."""
        self._silence()
        try:
            yield
        finally:
            self._listen()

    @contextmanager
    def slow(self, delay_s: float) -> Iterator[None]:
        """Each answer comes so late."""
        self._delay_s = delay_s
        try:
            yield
        finally:
            self._delay_s = 0.0

    @contextmanager
    def failing(self, code: int) -> Iterator[None]:
        """Each request is answered with an error: a code of ClickHouse's, or a status of HTTP."""
        self._error = code
        try:
            yield
        finally:
            self._error = None

    def lose_answers(self, count: int) -> None:
        """The next requests that change something are passed on, done, and never answered: the connection is cut."""
        with self._lock:
            self._lost += count

    def behave(self) -> None:
        """Answers that are still to be lost are not."""
        with self._lock:
            self._lost = 0

    # What a request meets.

    def serve(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        """One request."""
        body = _body(handler)
        if self._error is not None:
            self.counts["errors"] += 1
            _refuse(handler, self._error)
            return
        if self._delay_s:
            self.counts["delayed"] += 1
            time.sleep(self._delay_s)
        status, headers, answer = self._ask(handler, method, body)
        if b"INSERT" in (handler.path.encode() + body[:200]).upper() and self._lose():
            self.counts["lost answers"] += 1
            handler.close_connection = True
            return
        self.counts["passed"] += 1
        handler.send_response(status)
        for name, value in headers:
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        handler.wfile.write(answer)

    def _ask(
        self, handler: BaseHTTPRequestHandler, method: str, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        host, port = self._upstream
        connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        try:
            headers = {name: value for name, value in handler.headers.items() if name.lower() not in _HOP}
            connection.request(method, handler.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _lose(self) -> bool:
        with self._lock:
            if self._lost:
                self._lost -= 1
                return True
            return False

    def _listen(self) -> None:
        server = self._server = _Server(("127.0.0.1", self._port), _Handler)
        server.proxy = self
        self._port = server.server_address[1]
        threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="proxy", daemon=True
        ).start()

    def _silence(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    proxy: Proxy

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def cut(self) -> None:
        """End all connections."""
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(2)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client or a server that goes away is what this is for


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = _TIMEOUT_S

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        try:
            self.server.proxy.serve(self, method)
        except (OSError, http.client.HTTPException):
            self.server.proxy.counts["refused"] += 1
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the signature is the library's
        pass


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    """All of a request's body, however it is sent."""
    if "chunked" not in handler.headers.get("Transfer-Encoding", "").lower():
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    pieces = []
    while size := int(handler.rfile.readline().split(b";")[0], 16):
        pieces.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(pieces)


def _refuse(handler: BaseHTTPRequestHandler, code: int) -> None:
    if name := _CLICKHOUSE.get(code):
        status, text = 500, f"Code: {code}. DB::Exception: It is so that it fails. ({name})\n"
    else:
        status, text = code, f'{{"error_code": {code}, "message": "It is so that it fails."}}'
    handler.send_response(status)
    if code in _CLICKHOUSE:
        handler.send_header("X-ClickHouse-Exception-Code", str(code))
    else:
        handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(text)))
    handler.end_headers()
    handler.wfile.write(text.encode())
