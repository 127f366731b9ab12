"""Every place where data waits, named: how much does, how much may, and what happens when it is full.

A part tells its buffers among its statistics and metrics. ``docs/reliability.md`` has a table of all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

__all__ = ["Buffer", "buffer_metrics", "buffer_statistics"]

Policy = Literal["wait", "refuse", "forget"]


@dataclass(frozen=True)
class Buffer:
    """``used`` of ``limit``, in records unless ``name`` says otherwise.

    What happens at the limit is ``policy``: whoever fills it has to ``wait``, what is one too many is ``refuse``-d, or the oldest
    is ``forget``-ten. ``lost`` counts what was refused or forgotten.
    """

    name: str
    used: int
    limit: int
    policy: Policy = "wait"
    lost: int = 0


def buffer_statistics(buffers: Iterable[Buffer]) -> dict[str, Any]:
    """By name, for ``/status``."""
    return {
        each.name: {name: value for name, value in asdict(each).items() if name != "name"} for each in buffers
    }


def buffer_metrics(buffers: Iterable[Buffer]) -> Iterable[Metric]:
    """For Prometheus."""
    used = GaugeMetricFamily("bookmill_buffer_used", "What waits in a buffer.", labels=["name"])
    limit = GaugeMetricFamily("bookmill_buffer_limit", "What may wait in it.", labels=["name"])
    lost = CounterMetricFamily(
        "bookmill_buffer_lost", "What a full buffer refused or forgot.", labels=["name"]
    )
    for each in buffers:
        used.add_metric([each.name], each.used)
        limit.add_metric([each.name], each.limit)
        lost.add_metric([each.name], each.lost)
    return used, limit, lost
