"""How every part tells how it is: ``/health``, ``/status`` and ``/metrics`` on a local port, and a line in the log.

Hot paths only bump plain ints; they are read here, at scrape time, by a Prometheus custom collector.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol

import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bookmill.errors import PortInUseError
from bookmill.parts import announced
from bookmill.settings import StatusSettings

__all__ = ["Part", "StatusServer"]

_log = structlog.get_logger(__name__)


class Part(Protocol):
    """What a producer, worker, sink, simulator says of itself. All three are called from another thread."""

    name: str

    def health(self) -> dict[str, str]:
        """Problem by name of what has it; empty when all is well."""

    def statistics(self) -> dict[str, Any]:
        """JSON-able state: counters, buffers, instruments. Logged at an interval and served at ``/status``."""

    def metrics(self) -> Iterable[Metric]:
        """The same for Prometheus."""


class _PartCollector(Collector):
    def __init__(self, part: Part) -> None:
        self._part = part

    def collect(self) -> Iterable[Metric]:
        return self._part.metrics()


class StatusServer:
    """Serves one part's state over HTTP and logs its statistics, in two daemon threads. ``data_dir``: where others of this
    machine find out that it runs (:mod:`bookmill.parts`).

    Use as a context manager around the part's life. ``address`` is known from construction on.
    Raises :class:`PortInUseError` when the configured port is taken.
    """

    def __init__(self, part: Part, settings: StatusSettings, data_dir: Path | None = None) -> None:
        self._part = part
        self._data_dir = data_dir
        self._announced = ExitStack()
        self._interval_s = settings.log_interval_s
        self._started_s = time.monotonic()
        self._stopping = threading.Event()
        registry = CollectorRegistry()
        registry.register(_PartCollector(part))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._registry = registry
        try:
            self._server = ThreadingHTTPServer((settings.host, settings.port), self._handler())
        except OSError as error:
            raise PortInUseError(
                f"The status port {settings.host}:{settings.port} of the {part.name} cannot be opened: {error.strerror}.",
                hint="Set BOOKMILL_STATUS__PORT to a free one, or to 0 for any.",
            ) from error
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """``http://host:port`` as bound."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def __enter__(self) -> StatusServer:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True, name="status"
        ).start()
        threading.Thread(target=self._log_regularly, daemon=True, name="statistics").start()
        _log.info("status is served", part=self._part.name, address=self.address)
        if self._data_dir is not None:
            self._announced.enter_context(announced(self._data_dir, self._part.name, self.address))
        return self

    def __exit__(self, *_: object) -> None:
        self._announced.close()
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._log_once()

    def _log_regularly(self) -> None:
        while not self._stopping.wait(self._interval_s):
            self._log_once()

    def _log_once(self) -> None:
        _log.info("statistics", part=self._part.name, **self._statistics())

    def _statistics(self) -> dict[str, Any]:
        return {"uptime_s": round(time.monotonic() - self._started_s, 1), **self._part.statistics()}

    def _answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        json_type = "application/json; charset=utf-8"
        match path.partition("?")[0]:
            case "/health":
                problems = self._part.health()
                status = HTTPStatus.SERVICE_UNAVAILABLE if problems else HTTPStatus.OK
                return (
                    status,
                    json_type,
                    json.dumps(
                        {"part": self._part.name, "healthy": not problems, "problems": problems}
                    ).encode(),
                )
            case "/status":
                return (
                    HTTPStatus.OK,
                    json_type,
                    json.dumps({"part": self._part.name, **self._statistics()}).encode(),
                )
            case "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        return HTTPStatus.NOT_FOUND, "text/plain", b"/health, /status or /metrics\n"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 10

            def do_GET(self) -> None:
                status, content_type, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the signature is the library's
                pass  # scrapes are not news

        return Handler
