"""A sink put together and run: connections checked, topics and tables made, signals heard."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from threading import Event

import structlog
from confluent_kafka import Consumer

from bookmill.addresses import Addresses, resolve
from bookmill.errors import ConfigurationError
from bookmill.kafka import READ_AHEAD, client_config
from bookmill.kafka_watch import KafkaWatch
from bookmill.memory import kept_small
from bookmill.settings import Settings
from bookmill.status import StatusServer
from schemas import admin, registry
from schemas.catalogue import TABLE_TOPICS, Topic, dead_letters
from sinks.client import Store, connect
from sinks.dead_letters import DeadLetters
from sinks.loader import Loader
from sinks.part import SinkPart
from sinks.tables import create_tables, create_views
from sinks.writer import Writer
from sinks.writer_schemas import WriterSchemas

__all__ = ["run"]

_log = structlog.get_logger(__name__)

_WRITERS = 2  # while one waits for ClickHouse the other puts its batch together


def run(settings: Settings) -> None:
    """Load until SIGINT or SIGTERM. Raises a :class:`BookmillError` when it cannot start, or cannot go on."""
    addresses = resolve(settings)
    topics = _topics(settings.sink.topics)
    admin.ensure_topics(
        settings.kafka,
        addresses.kafka,
        [each for topic in topics for each in (topic, dead_letters(topic.name))],
    )
    schemas = registry.client(settings.registry, addresses.registry)
    registry.register(schemas, addresses.registry, topics, prefix=settings.kafka.topic_prefix)
    store = Store(
        connect(settings.clickhouse, addresses.clickhouse), addresses.clickhouse, settings.clickhouse.database
    )
    create_tables(store, settings.clickhouse.database, topics)
    create_views(store, settings.clickhouse.database)

    prefix = settings.kafka.topic_prefix
    group = prefix + settings.sink.group
    incarnations = admin.incarnations(
        settings.kafka, addresses.kafka, [prefix + topic.name for topic in topics]
    )
    writer = Writer(
        {prefix + topic.name: (topic, incarnations[prefix + topic.name]) for topic in topics},
        store=store,
        schemas=WriterSchemas(schemas, addresses.registry),
        dead_letters=DeadLetters(settings.kafka, addresses.kafka, connector=group),
    )
    stopping = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    watch = KafkaWatch()
    config = _consumer_config(settings, addresses, group, watch)
    with ThreadPoolExecutor(_WRITERS, thread_name_prefix="writer") as executor:
        loader = Loader(
            lambda on_commit: Consumer({**config, "on_commit": on_commit}),
            writer,
            list(incarnations),
            settings.sink,
            executor=executor,
            stopping=stopping,
            watch=watch,
        )
        # More often than that took a third of the time.
        with kept_small(200_000), StatusServer(SinkPart(loader, watch), settings.status, settings.data_dir):
            loader.run()


def _topics(names: Sequence[str]) -> list[Topic]:
    known = {topic.name: topic for topic in TABLE_TOPICS}
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1, cutoff=0.5)
            nearest = f"Did you mean {close[0]!r}? " if close else ""
            raise ConfigurationError(
                f"Unknown topic {name!r} in sink.topics.",
                hint=f"{nearest}Known: {', '.join(sorted(known))}.",
            )
    return [known[name] for name in dict.fromkeys(names)]


def _consumer_config(
    settings: Settings, addresses: Addresses, group: str, watch: KafkaWatch
) -> dict[str, object]:
    session_timeout_ms = int(settings.sink.session_timeout_s * 1000)
    instance_id = settings.sink.instance_id
    return {
        **client_config(settings.kafka, addresses.kafka),
        "group.id": group,
        **({"group.instance.id": instance_id} if instance_id else {}),
        **watch.config,
        # Offsets are said with a text of our own, when a batch is certain: never by the library.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Where a partition starts is read from the committed offset; this is for one whose records were deleted.
        "auto.offset.reset": "earliest",
        # Partitions that stay with this sink go on undisturbed while others join or leave.
        "partition.assignment.strategy": "cooperative-sticky",
        # How long a killed sink's partitions stand still.
        "session.timeout.ms": session_timeout_ms,
        # A rebalance is heard of by heartbeat, however long a session may last.
        "heartbeat.interval.ms": min(3000, session_timeout_ms // 4),
        **READ_AHEAD,
        "queued.min.messages": 20_000,
        # Rows are stored by the second: there is no use in a fetch for each of them.
        "fetch.wait.max.ms": 250,
        "fetch.min.bytes": 256 * 1024,
    }
