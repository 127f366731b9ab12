"""Event topics → tables: a real ``bookmill sink`` over the events a worker has stored, several times over."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any
from urllib.parse import urlencode

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from bench.meter import CpuClock, peak_memory_mib, read_status, wait_until
from bench.stage import Stage
from bookmill.errors import BookmillError, UnavailableError
from bookmill.kafka import client_config
from schemas import registry
from schemas.catalogue import EVENT_TOPICS
from schemas.event_id import HEADER

__all__ = ["SinkRun", "multiply", "run_sink"]

Advanced = Callable[[int], None]

_TIMEOUT_S = 20.0
_POLL_S = 0.02


@dataclass(frozen=True)
class SinkRun:
    """``rows`` of ``tables`` stored; ``rows_per_s`` from the first insert to the last."""

    tables: Sequence[str]
    rows: int
    rows_per_s: float
    cpu_s: float
    peak_mib: float
    clickhouse_peak_mib: float


def multiply(stage: Stage, prefix: str, copies: Mapping[str, int], advanced: Advanced) -> str:
    """Write all events under ``prefix`` to topics of another one, each topic ``copies`` times; returns that prefix.

    A minute of market is soon stored. Each copy's event ids name a source of their own, so that they are new events.
    """
    target = stage.prefix("sink")
    stage.make_topics(target, [])
    client = registry.client(stage.settings.registry, stage.addresses.registry)
    ids = registry.register(client, stage.addresses.registry, EVENT_TOPICS, prefix=target)
    producer = Producer(
        {
            **client_config(stage.settings.kafka, stage.addresses.kafka),
            "enable.idempotence": True,
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    written = 0
    for topic in EVENT_TOPICS:
        events = list(_read(stage, prefix + topic.name))
        head = b"\x00" + ids[topic].to_bytes(4, "big")
        for number in range(copies.get(topic.name, 0)):
            for message in events:
                identity = b"copy%d." % number + _identity(message)
                value = head + (message.value() or b"")[5:]
                while True:
                    try:
                        producer.produce(
                            target + topic.name,
                            value,
                            message.key(),
                            message.partition() or 0,
                            headers=[(HEADER, identity)],
                        )
                    except BufferError:
                        producer.poll(0.1)
                    else:
                        break
            written += len(events)
            advanced(written)
    producer.flush()
    return target


def run_sink(stage: Stage, prefix: str, run: str, rows: Mapping[str, int], advanced: Advanced) -> SinkRun:
    """Let a sink store ``rows`` (by table) into a database of its own; ``run`` names group and database.

    Raises :class:`BookmillError` when the tables do not hold exactly these rows.
    """
    database = f"bench_{run}"
    extra = {
        "BOOKMILL_SINK__GROUP": f"sink-{run}",
        "BOOKMILL_SINK__TOPICS": json.dumps(list(rows)),
        "BOOKMILL_CLICKHOUSE__DATABASE": database,
    }
    total = sum(rows.values())
    seen: list[tuple[float, int]] = []
    with stage.part("sink", prefix, extra) as part:
        clock = CpuClock(part.child.pid, lambda: int(read_status(part.status_url).get("rows", 0)))

        def stored() -> int:
            count = clock.count()
            if count and (not seen or seen[-1][1] != count):
                seen.append((time.perf_counter(), count))
            return count

        wait_until(stored, total, part.child, advanced, poll_s=_POLL_S)
        cpu_s, peak_mib = clock.seconds(), peak_memory_mib(part.child.pid)
    for table, expected in rows.items():
        found = int(_query(stage, f"SELECT count() FROM {database}.{table}"))  # noqa: S608  names of our own
        if found != expected:
            raise BookmillError(f"The sink stored {found} rows in {table} where there are {expected} events.")
    clickhouse = peak_memory_mib(stage.platform.pids()["clickhouse"])
    _query(stage, f"DROP DATABASE {database}")
    (first_s, first), (last_s, last) = seen[0], seen[-1]
    rate = (last - first) / (last_s - first_s) if last > first else 0.0
    return SinkRun(list(rows), total, rate, cpu_s, peak_mib, clickhouse)


def _query(stage: Stage, query: str) -> str:
    url = f"{stage.addresses.clickhouse}/?{urlencode({'user': 'default'})}"
    with urllib.request.urlopen(url, data=query.encode(), timeout=_TIMEOUT_S) as answer:  # noqa: S310  our own
        text: str = answer.read().decode()
        return text


def _read(stage: Stage, topic: str) -> Iterator[Message]:
    """All records of a topic as it is now, partition after partition."""
    consumer = Consumer(
        {
            **client_config(stage.settings.kafka, stage.addresses.kafka),
            "group.id": "bookmill-bench",
            "enable.auto.commit": False,
        }
    )
    try:
        partitions = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
        yield from chain.from_iterable(_read_partition(consumer, topic, number) for number in partitions)
    finally:
        consumer.close()


def _read_partition(consumer: Consumer, topic: str, number: int) -> Iterator[Message]:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_TIMEOUT_S)
    if low == high:
        return
    consumer.assign([TopicPartition(topic, number, low)])
    while low < high:
        messages = consumer.consume(min(10_000, high - low), timeout=_TIMEOUT_S)
        if not messages:
            raise UnavailableError(f"Kafka does not give record {low} of {topic}/{number}.")
        for message in messages:
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            yield message
        low = (messages[-1].offset() or 0) + 1


def _identity(message: Message) -> bytes:
    headers: Any = message.headers()
    identity: bytes = dict(headers)[HEADER]
    return identity
