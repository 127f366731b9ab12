"""Buffers as they are told: by name, with fill and bound."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bookmill.buffers import Buffer, buffer_metrics, buffer_statistics

BUFFERS = [Buffer("producer records", 7, 100), Buffer("hand-over frames", 10, 10, "forget", 3)]


def test_statistics_are_by_name() -> None:
    assert buffer_statistics(BUFFERS) == {
        "producer records": {"used": 7, "limit": 100, "policy": "wait", "lost": 0},
        "hand-over frames": {"used": 10, "limit": 10, "policy": "forget", "lost": 3},
    }


def test_metrics_have_the_name_as_their_label() -> None:
    class One(Collector):
        def collect(self) -> list[Metric]:
            return list(buffer_metrics(BUFFERS))

    registry = CollectorRegistry()
    registry.register(One())
    text = generate_latest(registry).decode()
    assert 'bookmill_buffer_used{name="producer records"} 7.0' in text
    assert 'bookmill_buffer_limit{name="producer records"} 100.0' in text
    assert 'bookmill_buffer_lost_total{name="hand-over frames"} 3.0' in text
