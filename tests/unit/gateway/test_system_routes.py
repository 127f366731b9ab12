"""What the gateway says of itself, of its dependencies and of the other parts."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bookmill.addresses import Addresses
from bookmill.parts import announced, running
from bookmill.settings import ClickHouseSettings, RegistrySettings, Settings
from gateway import models
from gateway.effective import MASK, effective
from gateway.parts import Parts
from tests.unit.gateway.material import NOW, gateway, get, trade


class Handler(BaseHTTPRequestHandler):
    """A part that answers as ours do."""

    def do_GET(self) -> None:
        said: dict[str, Any] = {"part": "worker", "uptime_s": 5.0, "frames": 7}
        if self.path == "/health":
            said = {"part": "worker", "healthy": False, "problems": {"kafka": "is away"}}
        body = json.dumps(said).encode()
        self.send_response(503 if self.path == "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def part() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_gateway_that_stands_on_nothing_lives_and_is_not_ready() -> None:
    context = gateway()
    context.feed.watch.problem = "Kafka does not answer: refused."
    answer = get(context, "/health")
    assert answer.status_code == 503
    found = models.Health.model_validate(answer.json()["data"])
    assert (found.live, found.ready, found.version) == (True, False, version("bookmill"))
    assert {name: each.ok for name, each in found.dependencies.items()} == {
        "kafka": False,
        "clickhouse": False,
        "registry": False,
    }
    assert found.dependencies["kafka"].message == "Kafka does not answer: refused."
    assert found.lag.records is None
    assert get(context, "/health/live").status_code == 200


def test_status_asks_the_other_parts(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    context = gateway()
    addresses = [part, f"{part}/", "http://127.0.0.1:1"]
    context.parts = Parts(lambda: addresses, httpx2.AsyncClient())

    async def nobody() -> list[dict[str, Any]]:
        return [{"producer": "p", "partitions": [0], "instruments": []}]

    monkeypatch.setattr(context.collectors, "all", nobody)
    context.live.take("trades", trade(1))
    context.live.tick(1)
    found = get(context, "/api/v1/status").json()["data"]
    models.Status.model_validate(found)
    assert found["parts"][0] == {
        "address": part,
        "part": "worker",
        "ok": False,
        "problems": {"kafka": "is away"},
        "statistics": {"part": "worker", "uptime_s": 5.0, "frames": 7},
    }
    assert (found["parts"][1]["ok"], found["parts"][1]["part"]) == (False, None)
    assert "does not answer" in found["parts"][1]["problems"]["status"]
    assert len(found["parts"]) == 2
    assert found["gateway"]["events_per_s"] == 1.0
    assert {"lag", "buffers", "memory_mib", "latency_ms"} <= found["gateway"].keys()
    assert found["counters"]["events"] == {"trades": 1}


def test_metrics_are_for_prometheus() -> None:
    context = gateway()
    context.live.take("trades", trade(1))
    get(context, "/api/v1/prices")
    answer = get(context, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    for line in (
        'bookmill_gateway_events_total{topic="trades"} 1.0',
        'bookmill_gateway_requests_total{status="200"} 1.0',
        'bookmill_gateway_request_seconds_bucket{le="+Inf"} 1.0',
        'bookmill_buffer_limit{name="events for the loop"} 3200.0',
    ):
        assert line in answer.text


def test_no_secret_is_in_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        registry=RegistrySettings(url="http://me:hunter2@127.0.0.1:8081", username="me", password="hunter2"),  # type: ignore[arg-type]
        clickhouse=ClickHouseSettings(password="hunter2"),  # type: ignore[arg-type]
    )
    found = effective(settings, Addresses("k:1", "http://me:hunter2@127.0.0.1:8081", "http://:hunter2@c:1"))
    assert "hunter2" not in json.dumps(found)
    assert found["clickhouse"]["password"] == MASK
    assert found["addresses"]["clickhouse"] == f"http://{MASK}@c:1"
    assert get(gateway(), "/api/v1/config").json()["data"]["gateway"]["port"] == 8400


def test_stats_without_clickhouse_say_so() -> None:
    answer = get(gateway(), "/api/v1/stats")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


def test_every_path_is_documented_with_its_answer() -> None:
    api = get(gateway(), "/openapi.json").json()
    for path, methods in api["paths"].items():
        for method, described in methods.items():
            assert described.get("description"), (method, path)
            if path not in ("/metrics", "/health/live", "/status"):
                done = described["responses"].get("200") or described["responses"]["201"]
                schema = done["content"]["application/json"]["schema"]
                assert "$ref" in schema, (method, path)


@pytest.mark.parametrize("file", ["", "/reference.css", "/reference.js"])
def test_the_documentation_comes_from_here_alone(file: str) -> None:
    answer = get(gateway(), f"/docs{file}")
    assert answer.status_code == 200
    assert "http:" not in answer.text
    assert "https:" not in answer.text
    assert "style=" not in answer.text
    assert get(gateway(), "/docs/../errors.py").status_code == 404


def test_the_time_stands_still() -> None:
    context = gateway()
    context.started_micros = NOW - 1_500_000
    assert context.uptime_s == 1.5


def test_parts_are_found_by_what_they_leave(tmp_path: Path, part: str) -> None:
    async def ask() -> list[dict[str, Any]]:
        async with httpx2.AsyncClient() as client:
            return await Parts(lambda: running(tmp_path), client).all()

    with announced(tmp_path, "worker", part):
        assert [each["part"] for each in asyncio.run(ask())] == ["worker"]
    assert asyncio.run(ask()) == []
