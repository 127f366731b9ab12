"""What a peer is told, and the handler it runs: the worker's own, one record at a time. Imports neither framework."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from bookmill.settings import WorkerSettings
from schemas.catalogue import EVENT_TOPICS
from streams.emitter import OutgoingEvent
from streams.partition import RawPartition, RawRecord
from venues.registry import venue

__all__ = ["Handler", "Job", "read_job"]


@dataclass(frozen=True)
class Job:
    """Broker, topics (``raw_topics`` without ``prefix``), schema ids by event topic, and a folder to write to."""

    kafka: str
    prefix: str
    raw_topics: list[str]
    schema_ids: dict[str, int]
    folder: str


def read_job() -> Job:
    """From the command line."""
    return Job(**json.loads(sys.argv[1]))


class Handler:
    """The worker's handler for every raw partition, without checkpoints and resync requests: peers get the easier work."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._ids = {topic: job.schema_ids[topic.name] for topic in EVENT_TOPICS}
        self._topics = [(topic.name, job.prefix + topic.name) for topic in EVENT_TOPICS]
        self._partitions: dict[tuple[str, int], RawPartition] = {}

    def process(self, topic: str, partition: int, record: RawRecord) -> Iterator[tuple[str, OutgoingEvent]]:
        """Event topic and event of each event the record gives."""
        raw = self._partitions.get((topic, partition)) or self._open(topic, partition)
        events = raw.process((record,)).events
        for name, event_topic in self._topics:
            for event in getattr(events, name):
                yield event_topic, event

    def _open(self, topic: str, partition: int) -> RawPartition:
        market = topic.removeprefix(self._job.prefix).split(".")[1:]
        raw = RawPartition(venue(market[0], market[1]), topic, partition, 0, self._ids, WorkerSettings())
        self._partitions[topic, partition] = raw
        return raw
