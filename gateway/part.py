"""What the gateway says of itself: statistics, metrics, a line in the log once in a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import psutil
import structlog
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bookmill.buffers import Buffer, buffer_metrics, buffer_statistics
from gateway.feed import Feed
from gateway.live import LiveState
from gateway.measuring import Requests

__all__ = ["GatewayPart"]

_log = structlog.get_logger(__name__)
_MIB = 1024 * 1024


class GatewayPart(Collector):
    """As an asynchronous context manager it ticks once a second.

    ``gauges`` (a count of something by name, clients for example) and ``buffers`` are added to by whoever has some.
    """

    def __init__(self, feed: Feed, live: LiveState, requests: Requests, *, log_interval_s: float) -> None:
        self._feed = feed
        self._live = live
        self._log_interval_s = log_interval_s
        self.requests = requests
        self.gauges: dict[str, Callable[[], int]] = {}
        self.buffers: list[Callable[[], Iterable[Buffer]]] = [feed.buffers]
        self._process = psutil.Process()
        self._task: asyncio.Task[None] | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)

    def state(self) -> dict[str, Any]:
        """How it is now; rates in events a second over the last ten."""
        per_second = self._live.rates.per_second()
        return {
            **{name: count() for name, count in self.gauges.items()},
            "events_per_s": round(sum(per_second.values()), 1),
            "events_per_s_by_topic": per_second,
            "instruments": len(self._live.instruments),
            "partitions": self._feed.partitions,
            "caught_up": self._feed.caught_up,
            "lag": self._feed.lag,
            "latency_ms": self._live.rates.latency_ms(),
            "memory_mib": round(self._process.memory_info().rss / _MIB, 1),
            "buffers": buffer_statistics(self._buffers()),
        }

    def counters(self) -> dict[str, Any]:
        """What has been counted since it runs."""
        return {
            "events": dict(sorted(self._live.rates.total.items())),
            "requests": {str(status): count for status, count in sorted(self.requests.by_status.items())},
            **self._feed.counters(),
        }

    def collect(self) -> Iterable[Metric]:
        """The same for Prometheus."""
        events = CounterMetricFamily("bookmill_gateway_events", "Events taken.", labels=["topic"])
        for topic, count in sorted(self._live.rates.total.items()):
            events.add_metric([topic], count)
        yield events
        counters = self._feed.counters()
        for name, description in (
            ("duplicates", "Events dropped because they were there before."),
            ("unreadable", "Records that are no events."),
            ("read_errors", "Errors that Kafka reported instead of records."),
        ):
            yield CounterMetricFamily(f"bookmill_gateway_{name}", description, value=counters[name])
        if (lag := self._feed.lag) is not None:
            yield GaugeMetricFamily("bookmill_gateway_lag", "Records not taken yet.", value=lag)
        yield GaugeMetricFamily(
            "bookmill_gateway_instruments", "Instruments with live data.", value=len(self._live.instruments)
        )
        latency = GaugeMetricFamily(
            "bookmill_gateway_latency_seconds",
            "From the receipt of a frame to its event being here.",
            labels=["quantile"],
        )
        for quantile, found in zip(("0.5", "0.99"), self._live.rates.latency_ms().values()):
            if found is not None:
                latency.add_metric([quantile], found / 1000)
        yield latency
        for name, counted in self.gauges.items():
            yield GaugeMetricFamily(f"bookmill_gateway_{name}", f"{name.capitalize()} now.", value=counted())
        yield from self.requests.metrics()
        yield from buffer_metrics(self._buffers())

    def exposition(self) -> bytes:
        """All metrics as Prometheus reads them."""
        return generate_latest(self._registry)

    async def __aenter__(self) -> GatewayPart:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        _log.info("statistics", part="gateway", **self.state(), **self.counters())

    async def _tick(self) -> None:
        log_at_s = time.monotonic() + self._log_interval_s
        second = int(time.time())
        while True:
            # A timer may ring a little early: which second is over is counted, unless the clock was set or we were late.
            await asyncio.sleep(second + 1 - time.time())
            self._live.tick(second)
            second = max(second + 1, int(time.time()))
            if time.monotonic() >= log_at_s:
                log_at_s += self._log_interval_s
                _log.info("statistics", part="gateway", **self.state(), **self.counters())

    def _buffers(self) -> list[Buffer]:
        return [each for buffers in self.buffers for each in buffers()]
