"""What a sink says of itself: health, statistics, metrics."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from bookmill.buffers import Buffer, buffer_metrics, buffer_statistics
from bookmill.kafka import READ_AHEAD_BYTES
from bookmill.kafka_watch import KafkaWatch
from sinks.loader import Loader

__all__ = ["SinkPart"]

_DESCRIPTIONS = {
    "batches": "Batches dealt with.",
    "rows": "Rows stored.",
    "bytes": "Bytes of Avro stored.",
    "duplicates": "Records dropped because their event was stored before.",
    "dead_letters": "Records written to dead-letter topics.",
    "retries": "Batches that have to be tried again.",
    "halved": "Batches cut in half because of a record that cannot be stored.",
    "commits": "Commit requests that succeeded.",
    "commit_failures": "Commit requests that failed.",
    "read_errors": "Errors that Kafka reported instead of records.",
    "insert_seconds": "Seconds spent inserting.",
}


class SinkPart:
    """A :class:`bookmill.status.Part` around a loader."""

    name = "sink"

    def __init__(self, loader: Loader, kafka: KafkaWatch) -> None:
        self._loader = loader
        self._kafka = kafka

    def health(self) -> dict[str, str]:
        """Problem by side: clickhouse, registry, dead letters, kafka."""
        problems = dict(
            partition.problem for partition in self._loader.partitions if partition.problem is not None
        )
        if self._kafka.problem:
            problems["kafka"] = self._kafka.problem
        return problems

    def statistics(self) -> dict[str, Any]:
        """Counters, and where the partitions stand; ``lag`` (records not stored yet) is null while none is assigned."""
        partitions = list(self._loader.partitions)
        lags = {f"{each.topic}/{each.number}": each.lag for each in partitions}
        counters = asdict(self._loader.counters)
        return {
            **counters,
            "insert_seconds": round(counters["insert_seconds"], 3),
            "partitions": len(partitions),
            "paused": sum(each.paused for each in partitions),
            "passed_over": sum(each.passed_over for each in partitions),
            "in_hand": sum(
                len(each.pending) + (len(each.held.messages) if each.held else 0) for each in partitions
            ),
            "buffers": buffer_statistics(self._buffers()),
            "lag": sum(lags.values()) if lags else None,
            "lag_by_partition": {name: lag for name, lag in sorted(lags.items()) if lag},
        }

    def metrics(self) -> Iterable[Metric]:
        """The same for Prometheus."""
        for name, value in asdict(self._loader.counters).items():
            yield CounterMetricFamily(f"bookmill_sink_{name}", _DESCRIPTIONS[name], value=value)
        partitions = list(self._loader.partitions)
        paused = GaugeMetricFamily("bookmill_sink_paused_partitions", "Partitions paused.")
        paused.add_metric([], sum(each.paused for each in partitions))
        lag = GaugeMetricFamily("bookmill_sink_lag", "Records not stored yet.", labels=["topic", "partition"])
        in_hand = GaugeMetricFamily("bookmill_sink_in_hand_bytes", "Bytes read and not stored yet.")
        in_hand.add_metric([], sum(each.size_in_hand for each in partitions))
        for each in partitions:
            lag.add_metric([each.topic, str(each.number)], each.lag)
        yield from (paused, lag, in_hand)
        yield from buffer_metrics(self._buffers())

    def _buffers(self) -> Iterable[Buffer]:
        """In the way of an event."""
        yield Buffer("fetched bytes", self._kafka.queued_bytes, READ_AHEAD_BYTES)
        yield from self._loader.buffers()
