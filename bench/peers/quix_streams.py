"""The handler under Quix Streams, tuned as far as its settings go: ``python -m bench.peers.quix_streams JOB``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Installed only in the environment of the peers, so types are not checked against it here.
from quixstreams import Application, message_context
from quixstreams.models import Serializer, Topic

from bench.peers.job import Handler, Job, read_job
from streams.emitter import OutgoingEvent

__all__ = ["run"]

Row = tuple[str, OutgoingEvent]


@dataclass(slots=True)
class _Record:
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class _EventValue(Serializer):  # type: ignore[misc]
    """The value is in the row already encoded."""

    def __call__(self, value: Row, ctx: Any) -> bytes:  # noqa: ARG002  the signature is the library's
        return value[1][1]


def run(job: Job) -> None:
    """One dataframe a raw topic: apply the handler, expand to events, to the topic each event names."""
    app = Application(
        job.kafka,
        consumer_group=f"{job.prefix}quix",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        use_changelog_topics=False,
        state_dir=job.folder,
        loglevel="WARNING",
        commit_interval=5.0,
        consumer_extra_config={"fetch.wait.max.ms": 100, "queued.max.messages.kbytes": 65_536},
        producer_extra_config={
            "compression.type": "lz4",
            "linger.ms": 20,
            "batch.num.messages": 10_000,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 100_000,
        },
    )
    handler = Handler(job)

    def mill(value: bytes, key: bytes, _: int, headers: Any) -> Iterator[Row]:
        context = message_context()
        record = _Record(context.offset, key, value, headers)
        return handler.process(context.topic, context.partition, record)

    targets: dict[str, Topic] = {
        job.prefix + name: app.topic(
            job.prefix + name, value_serializer=_EventValue(), key_serializer="bytes"
        )
        for name in job.schema_ids
    }
    for name in job.raw_topics:
        source = app.topic(job.prefix + name, value_deserializer="bytes", key_deserializer="bytes")
        events = app.dataframe(source).apply(mill, expand=True, metadata=True)
        events = events.set_headers(lambda row, *_: row[1][2])
        events.to_topic(lambda row, *_: targets[row[0]], key=lambda row: row[1][0])
    app.run()


if __name__ == "__main__":
    run(read_job())
