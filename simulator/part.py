"""What a running simulator says of itself: health, status and metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from simulator.simulator import Simulators

__all__ = ["SimulatorPart"]

_T = TypeVar("_T")


class SimulatorPart:
    """The simulator's state for health, status and metrics. Markets of ``several`` exchanges are named ``exchange.market``."""

    name = "simulator"

    def __init__(self, simulators: Simulators, *, several: bool) -> None:
        self._simulators = simulators
        self._several = several

    def health(self) -> dict[str, str]:
        """A market that stopped playing because of an error."""
        return self._by_market(
            {exchange: simulator.problems() for exchange, simulator in self._simulators.exchanges.items()}
        )

    def _by_market(self, by_exchange: Mapping[str, Mapping[str, _T]]) -> dict[str, _T]:
        return {
            f"{exchange}.{market}" if self._several else market: value
            for exchange, markets in by_exchange.items()
            for market, value in markets.items()
        }

    def statistics(self) -> dict[str, Any]:
        """Totals by market."""
        return {
            market: {
                **{name: counts[name] for name in ("frames_sent", "frames_unsent", "skipped_s")},
                **counts["connections"],
                **counts["rest"],
            }
            for market, counts in self._by_market(self._simulators.counts()).items()
        }

    def metrics(self) -> Iterator[Metric]:
        """Frames, connections, REST calls."""
        sent = CounterMetricFamily(
            "bookmill_simulator_frames_sent", "Copies of frames sent", labels=["market"]
        )
        unsent = CounterMetricFamily(
            "bookmill_simulator_frames_unsent", "Frames nobody was subscribed to", labels=["market"]
        )
        slow = CounterMetricFamily(
            "bookmill_simulator_slow_readers_dropped", "Clients dropped as too slow", labels=["market"]
        )
        calls = CounterMetricFamily("bookmill_simulator_rest_calls", "REST calls", labels=["market"])
        opened = GaugeMetricFamily("bookmill_simulator_connections", "Open connections", labels=["market"])
        for market, counts in self._by_market(self._simulators.counts()).items():
            sent.add_metric([market], counts["frames_sent"])
            unsent.add_metric([market], counts["frames_unsent"])
            slow.add_metric([market], counts["connections"]["slow_readers_dropped"])
            calls.add_metric([market], counts["rest"]["calls"])
            opened.add_metric([market], counts["connections"]["open"])
        yield from (sent, unsent, slow, calls, opened)
