"""What a producer says of itself: health, statistics, metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from bookmill.buffers import Buffer, buffer_metrics, buffer_statistics
from bookmill.settings import ProducerSettings
from producers.backfill import BackfillCounts
from producers.connection import QUEUE_FRAMES, Connection
from producers.control import ControlReader
from producers.hand_over import MOST_FRAMES
from producers.kafka_writer import KafkaWriter
from producers.line_connections import LineCounts
from producers.loop_watch import STALL_S, LoopWatch
from producers.market import Market
from producers.reader_watch import ReaderWatch
from producers.sharing import Sharing
from producers.stream import Stream

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
    "backfills": "Requests for missing trades that were asked to the end.",
    "backfills_incomplete": "Of these, those of which the exchange has not told all.",
    "backfills_refused": "Of these, those the exchange refused.",
    "backfills_unreadable": "Requests for missing trades given up for an answer that was none.",
    "backfills_expired": "Requests for missing trades that grew too old, or were given up.",
    "backfills_overflowed": "Requests for missing trades that found too many others waiting.",
    "backfill_pages": "Answers with past trades written to the raw topic.",
    "backfill_trades": "Trades in them.",
    "rest_refused": "REST calls refused for their number (429, 418, 403).",
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
        instrument_writer: KafkaWriter,
        settings: ProducerSettings,
        sharing: Sharing | None = None,
    ) -> None:
        self._sharing = sharing
        self._markets = markets
        self._writer = writer
        self._control = control
        self._instrument_writer = instrument_writer
        self.loop = LoopWatch()
        self.readers = ReaderWatch(self._connections, settings.slow_reader_after_s, held=lambda: writer.full)

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
            "slow_readers": self.readers.slow,
            "behind_s": round(self.readers.behind_s, 3),
            "buffers": buffer_statistics(self._buffers()),
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
            ("slow_readers", "Connections that fell behind what the exchange sends.", self.readers.slow),
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
        yield GaugeMetricFamily(
            "bookmill_producer_behind_seconds",
            "For how long the slowest connection has not caught up with what the exchange sends.",
            value=self.readers.behind_s,
        )
        yield from buffer_metrics(self._buffers())
        counters = {market.name: _counters(market) for market in self._markets}
        for name, text in _COUNTERS.items():
            family = CounterMetricFamily(f"bookmill_producer_{name}", text, labels=["market"])
            for market, values in counters.items():
                family.add_metric([market], values[name])
            yield family
        yield from self._gauges()

    def _connections(self) -> Iterable[Connection]:
        return (each for market in self._markets for line in list(market.lines) for each in line.connections)

    def _streams(self) -> Iterable[Stream]:
        return (stream for market in self._markets for stream in list(market.streams))

    def _buffers(self) -> Iterable[Buffer]:
        """In the way of a frame; of those that each connection or stream has, the fullest."""
        room = min((each.receive_buffer for each in self._connections()), default=0)
        yield Buffer("socket bytes", self.readers.bytes, room)
        yield Buffer("websocket frames", self.readers.frames, QUEUE_FRAMES)
        held = [each.hand_over for each in self._streams()]
        yield Buffer(
            "hand-over frames",
            max((each.waiting for each in held if each is not None), default=0),
            MOST_FRAMES,
            "forget",
            sum(each.forgotten for each in self._streams()),
        )
        for market in self._markets:
            yield market.rest.buffer(f"rest calls {market.name}")
            if market.snapshots:
                yield Buffer(f"resyncs {market.name}", market.snapshots.waiting, market.collected)
        yield self._writer.buffer("producer records")
        yield self._instrument_writer.buffer("instrument records")

    def _gauges(self) -> Iterable[Metric]:
        connected = GaugeMetricFamily(
            "bookmill_producer_connected",
            "1 when all connections of the market stand, or it is polled and answers.",
            labels=["market"],
        )
        weight = GaugeMetricFamily(
            "bookmill_producer_rest_weight",
            "REST weight spent in the last minute by all that share the market's account.",
            labels=["market"],
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
            weight.add_metric([market.name], market.rest.spending()[0])
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
    backfills = market.backfills.counts if market.backfills else BackfillCounts()
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
        "backfills": backfills.served,
        "backfills_incomplete": backfills.incomplete,
        "backfills_refused": backfills.refused,
        "backfills_unreadable": backfills.unreadable,
        "backfills_expired": backfills.expired,
        "backfills_overflowed": backfills.overflowed,
        "backfill_pages": backfills.pages,
        "backfill_trades": backfills.trades,
        "rest_refused": market.rest.counts.refused,
        "polls": polling.polls,
        "poll_errors": polling.failed,
        "polled_records": polling.records,
        "poll_gaps": polling.gaps,
    }


def _market(market: Market, counters: dict[str, int]) -> dict[str, Any]:
    used, blocked_s = market.rest.spending()
    return {
        "state": market.state,
        **counters,
        "connections": sum(line.state.value == "connected" for line in market.lines),
        "missing": [name for line in market.lines for name in line.missing],
        "unknown_symbols": list(market.unknown),
        "polling": market.polling.instruments,
        "snapshots_waiting": market.snapshots.waiting if market.snapshots else 0,
        "backfills_waiting": market.backfills.waiting if market.backfills else 0,
        "rest": asdict(market.rest.counts),
        "weight_account": market.rest.account.name,
        "weight_used": used,
        "weight_limit": market.rest.account.own_limit,
        "blocked_s": round(blocked_s, 1),
        "age_s": market.ages_s(),
    }
