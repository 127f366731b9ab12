"""The registry's client: what a registry does not answer is asked again, never waited for for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bookmill.settings import RegistrySettings
from schemas import registry

ANSWER = b'{"compatibilityLevel": "FULL_TRANSITIVE"}'


class Forgetful(ThreadingHTTPServer):
    """Takes the first request and never answers it."""

    daemon_threads = True
    asked = 0

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.done = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Forgetful

    def do_GET(self) -> None:
        self.server.asked += 1
        if self.server.asked == 1:
            self.server.done.wait(30)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Forgetful]:
    with Forgetful() as forgetful:
        thread = threading.Thread(target=forgetful.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield forgetful
        forgetful.done.set()
        forgetful.shutdown()
        thread.join()


def test_a_lost_answer_is_asked_for_again(server: Forgetful, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_TIMEOUT_S", 1)
    with registry.client(RegistrySettings(), server.url) as client:
        assert client.get_compatibility("trades-value") == "FULL_TRANSITIVE"
    assert server.asked == 2
