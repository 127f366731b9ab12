"""Each part answers /health, /status and /metrics, and a taken port is one clear sentence."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import httpx2
import pytest
from prometheus_client.metrics_core import CounterMetricFamily, Metric

from bookmill.errors import PortInUseError
from bookmill.settings import StatusSettings
from bookmill.status import StatusServer


class Mill:
    name = "mill"

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def health(self) -> dict[str, str]:
        return self.problems

    def statistics(self) -> dict[str, Any]:
        return {"frames": 3}

    def metrics(self) -> Iterable[Metric]:
        yield CounterMetricFamily("bookmill_mill_frames", "Frames.", value=3)


def test_a_part_tells_how_it_is() -> None:
    part = Mill()
    with StatusServer(part, StatusSettings()) as server:
        assert httpx2.get(f"{server.address}/health").json() == {
            "part": "mill",
            "healthy": True,
            "problems": {},
        }
        part.problems["books"] = "waiting"
        sick = httpx2.get(f"{server.address}/health")
        assert (sick.status_code, sick.json()["problems"]) == (503, {"books": "waiting"})
        status = httpx2.get(f"{server.address}/status").json()
        assert (status["part"], status["frames"]) == ("mill", 3)
        assert status["uptime_s"] >= 0
        metrics = httpx2.get(f"{server.address}/metrics").text
        assert "bookmill_mill_frames_total 3.0" in metrics
        assert "process_resident_memory_bytes" in metrics
        assert httpx2.get(f"{server.address}/nonsense").status_code == 404


def test_two_parts_can_be_served_in_one_process() -> None:
    with StatusServer(Mill(), StatusSettings()) as one, StatusServer(Mill(), StatusSettings()) as two:
        assert one.address != two.address


def test_a_taken_port_is_named() -> None:
    with StatusServer(Mill(), StatusSettings()) as server:
        port = int(server.address.rpartition(":")[2])
        with pytest.raises(PortInUseError, match=f"127.0.0.1:{port}"):
            StatusServer(Mill(), StatusSettings(port=port))


def test_statistics_are_json() -> None:
    assert json.dumps(Mill().statistics())
