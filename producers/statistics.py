"""What a producer says of itself: health, statistics, metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from bookmill.buffers import Buffer, buffer_metrics, buffer_statistics
from bookmill.settings import ProducerSettings
from producers.connection import QUEUE_FRAMES, Connection
from producers.control import ControlReader
from producers.hand_over import MOST_FRAMES
from producers.kafka_writer import KafkaWriter
from producers.loop_watch import STALL_S, LoopWatch
from producers.market import Market
from producers.market_figures import COUNTERS, ages_s, counted, figures
from producers.reader_watch import ReaderWatch
from producers.sharing import Sharing
from producers.stream import Stream

__all__ = ["ProducerPart"]


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
        by_market = {market.name: counted(market) for market in self._markets}
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
            "markets": {market.name: figures(market, by_market[market.name]) for market in self._markets},
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
        by_market = {market.name: counted(market) for market in self._markets}
        for name, text in COUNTERS.items():
            family = CounterMetricFamily(f"bookmill_producer_{name}", text, labels=["market"])
            for market, values in by_market.items():
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
            for stream, age_s in ages_s(market).items():
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
