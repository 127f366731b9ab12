"""Counting a run's distinct events in Kafka by reading them again: needed after a worker was killed.

A worker that takes up where another was killed writes some events a second time, with the same ids; whoever reads drops
what it has seen, as the sink does. The count of records is then more than the count of events.
"""

from __future__ import annotations

import uuid

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bookmill.demo.offsets import Offsets
from bookmill.errors import UnavailableError
from bookmill.kafka import READ_AHEAD, client_config
from bookmill.settings import KafkaSettings

__all__ = ["Distinct", "count_distinct"]

_HEADER = "event_id"
_RECORDS = 10_000
_PATIENCE = 75
"""Empty answers, a fifth of a second each, after which the rest is taken for gone: deleted meanwhile, or markers that are not delivered."""


class Distinct:
    """Counts ids that are new: per partition and raw topic they only grow. Those of raw records before ``since`` do not count."""

    def __init__(self, since: Offsets) -> None:
        self.count = 0
        self._since = since
        self._highest: dict[tuple[int, bytes], bytes] = {}

    def see(self, partition: int, event_id: bytes) -> None:
        """One event record."""
        source, offset, _ = event_id.rsplit(b"/", 2)
        key = (partition, source)
        if event_id <= self._highest.get(key, b""):
            return
        self._highest[key] = event_id
        topic, _, number = source.decode().rpartition("/")
        if int(offset) >= self._since.get((topic, int(number)), 0):
            self.count += 1


def count_distinct(
    settings: KafkaSettings, bootstrap_servers: str, starts: Offsets, ends: Offsets, since: Offsets
) -> int:
    """The distinct events between two positions of an event topic that come from raw records at or after ``since``."""
    distinct = Distinct(since)
    left = {key: end for key, end in ends.items() if starts.get(key, 0) < end}
    consumer = Consumer(
        {
            **client_config(settings, bootstrap_servers),
            **READ_AHEAD,
            "group.id": f"bookmill-count-{uuid.uuid4().hex[:8]}",
            "enable.auto.commit": False,
        }
    )
    try:
        consumer.assign([TopicPartition(*key, starts.get(key, 0)) for key in left])
        silent = 0
        while left and silent < _PATIENCE:
            records = consumer.consume(_RECORDS, timeout=0.2)
            silent = 0 if records else silent + 1
            for record in records:
                key = (record.topic() or "", record.partition() or 0)
                offset = record.offset() or 0
                if record.error() is not None or offset >= ends[key]:
                    continue
                headers = dict(record.headers() or ())
                distinct.see(key[1], headers[_HEADER])  # type: ignore[arg-type]  # our own headers are bytes
                if offset + 1 == ends[key]:
                    left.pop(key, None)
    except KafkaException as error:
        raise UnavailableError(f"The events cannot be counted: {error.args[0].str()}.") from error
    finally:
        consumer.close()
    return distinct.count
