"""What a producer says of itself: health, statistics, metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from producers.control import ControlReader
from producers.kafka_writer import KafkaWriter
from producers.line import LineCounts
from producers.loop_watch import STALL_S, LoopWatch
from producers.market import Market
from producers.sharing import Sharing

__all__ = ["ProducerPart"]

_COUNTERS = {
    "frames": "Frames written to the raw topic.",
    "bytes": "Bytes of these frames.",
    "repeated": "Frames that two connections brought during a hand-over, written once.",
    "errors": "Refusals by the exchange on a socket.",
    "dead_letters": "Frames that are neither data nor an answer we know.",
    "opened": "Connections opened.",
    "lost": "Connections that ended unasked.",
    "replaced": "Connections replaced by a successor.",
    "failures": "Attempts to connect that failed.",
    "snapshots": "Depth snapshots written to the raw topic.",
    "snapshots_refused": "Snapshot requests the exchange refused for good.",
    "snapshots_expired": "Snapshot requests that grew too old.",
    "rest_refused": "REST calls refused for their number (429, 418).",
    "polls": "Questions asked over REST in a socket's stead.",
    "poll_errors": "Of these, those without a good answer.",
    "polled_records": "Answers written to the raw topic.",
    "poll_gaps": "Answers whose trades did not reach back to those before.",
}


class ProducerPart:
    """A :class:`bookmill.status.Part` around the markets of a producer."""

    name = "producer"

    def __init__(
        self,
        markets: Sequence[Market],
        writer: KafkaWriter,
        control: ControlReader,
        sharing: Sharing | None = None,
    ) -> None:
        self._sharing = sharing
        self._markets = markets
        self._writer = writer
        self._control = control
        self.loop = LoopWatch()

    def health(self) -> dict[str, str]:
        """Problems of Kafka, of control.requests and of each market."""
        problems = self._writer.health()
        if self._control.problem:
            problems["control.requests"] = self._control.problem
        for market in self._markets:
            problems |= market.health()
        if self._sharing:
            problems |= self._sharing.health()
        return problems

    def statistics(self) -> dict[str, Any]:
        """Totals, the buffer towards Kafka, and each market."""
        writer = self._writer
        by_market = {market.name: _counters(market) for market in self._markets}
        return {
            "frames": sum(each["frames"] for each in by_market.values()),
            "bytes": sum(each["bytes"] for each in by_market.values()),
            "reconnects": sum(each["lost"] for each in by_market.values()),
            "errors": writer.failed + sum(each["errors"] for each in by_market.values()),
            "in_flight": writer.in_flight,
            "acknowledged": writer.acknowledged,
            "undelivered": writer.failed,
            "throttles": writer.throttles,
            "throttled_s": round(writer.throttled_s, 3),
            "requests_unreadable": self._control.unreadable,
            "loop_stalls": self.loop.stalls,
            "loop_longest_stall_s": round(self.loop.longest_s, 3),
            "loop_busiest_s": round(self.loop.busiest_s, 3),
            **({"subscriptions": self._sharing.statistics()} if self._sharing else {}),
            "markets": {market.name: _market(market, by_market[market.name]) for market in self._markets},
        }

    def metrics(self) -> Iterable[Metric]:
        """The same for Prometheus."""
        writer = self._writer
        for name, text, value in (
            ("records", "Records written.", writer.written),
            ("undelivered", "Records Kafka refused for good.", writer.failed),
            ("throttles", "Times the buffer towards Kafka was full.", writer.throttles),
            ("throttled_seconds", "Seconds nothing was read because it was full.", writer.throttled_s),
            ("requests_unreadable", "Control requests that cannot be read.", self._control.unreadable),
            ("loop_stalls", f"Times the event loop stood still for more than {STALL_S} s.", self.loop.stalls),
        ):
            yield CounterMetricFamily(f"bookmill_producer_{name}", text, value=value)
        yield GaugeMetricFamily(
            "bookmill_producer_in_flight", "Records not acknowledged yet.", value=writer.in_flight
        )
        yield GaugeMetricFamily(
            "bookmill_producer_loop_longest_stall_seconds",
            "The longest time the event loop stood still.",
            value=self.loop.longest_s,
        )
        yield GaugeMetricFamily(
            "bookmill_producer_loop_busiest_seconds",
            "The most processor time the event loop spent in one go.",
            value=self.loop.busiest_s,
        )
        counters = {market.name: _counters(market) for market in self._markets}
        for name, text in _COUNTERS.items():
            family = CounterMetricFamily(f"bookmill_producer_{name}", text, labels=["market"])
            for market, values in counters.items():
                family.add_metric([market], values[name])
            yield family
        yield from self._gauges()

    def _gauges(self) -> Iterable[Metric]:
        connected = GaugeMetricFamily(
            "bookmill_producer_connected",
            "1 when all connections of the market stand, or it is polled and answers.",
            labels=["market"],
        )
        weight = GaugeMetricFamily(
            "bookmill_producer_rest_weight", "REST weight spent in the last minute.", labels=["market"]
        )
        age = GaugeMetricFamily(
            "bookmill_producer_age_seconds", "Since a stream's last frame.", labels=["market", "stream"]
        )
        polled = GaugeMetricFamily(
            "bookmill_producer_polled_instruments", "Instruments polled over REST now.", labels=["market"]
        )
        for market in self._markets:
            polled.add_metric([market.name], market.polling.instruments)
            connected.add_metric([market.name], market.state in {"connected", "polling"})
            weight.add_metric([market.name], market.rest.budget.used(time.monotonic()))
            for stream, age_s in market.ages_s().items():
                if age_s is not None:
                    age.add_metric([market.name, stream], age_s)
        yield from (connected, weight, age, polled)
        if self._sharing:
            states = GaugeMetricFamily(
                "bookmill_producer_subscriptions", "Subscriptions of this producer.", labels=["state"]
            )
            for state, count in self._sharing.subscriptions.states().items():
                states.add_metric([state], count)
            yield states


def _counters(market: Market) -> dict[str, int]:
    snapshots = market.snapshots.counts if market.snapshots else None
    polling = market.polling.counts
    past = market.cohorts.past
    lines = {
        each.name: past[each.name] + sum(getattr(line.counts, each.name) for line in market.lines)
        for each in fields(LineCounts)
    }
    return {
        "frames": past["frames"] + sum(stream.frames for stream in market.streams),
        "bytes": past["bytes"] + sum(stream.bytes for stream in market.streams),
        "repeated": past["repeated"] + sum(stream.repeated for stream in market.streams),
        "errors": market.errors,
        "dead_letters": market.strange,
        **lines,
        "snapshots": snapshots.served if snapshots else 0,
        "snapshots_refused": snapshots.refused if snapshots else 0,
        "snapshots_expired": snapshots.expired if snapshots else 0,
        "rest_refused": market.rest.counts.refused,
        "polls": polling.polls,
        "poll_errors": polling.failed,
        "polled_records": polling.records,
        "poll_gaps": polling.gaps,
    }


def _market(market: Market, counters: dict[str, int]) -> dict[str, Any]:
    now_s = time.monotonic()
    return {
        "state": market.state,
        **counters,
        "connections": sum(line.state.value == "connected" for line in market.lines),
        "missing": [name for line in market.lines for name in line.missing],
        "unknown_symbols": list(market.unknown),
        "polling": market.polling.instruments,
        "snapshots_waiting": market.snapshots.waiting if market.snapshots else 0,
        "rest": asdict(market.rest.counts),
        "weight_used": market.rest.budget.used(now_s),
        "weight_limit": market.rest.budget.own_limit,
        "blocked_s": round(market.rest.budget.blocked_s(now_s), 1),
        "age_s": market.ages_s(),
    }
