"""Waits until everything that comes of a replay is in ClickHouse, then counts it.

Three steps, each told by Kafka's own committed offsets: the workers have processed the raw partition past the replay (they
say so beside their offset, which stays behind for the sake of checkpoints); the sinks have committed the end that each
event topic's partition then has; so ClickHouse has the rows, and those of the replay are counted by their source offsets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from bookmill.addresses import Addresses
from bookmill.errors import RefusedError, UnavailableError
from bookmill.kafka import client_config
from bookmill.settings import ClickHouseSettings, Settings
from producers.replay import Replayed
from schemas.catalogue import EVENT_TOPICS

__all__ = ["Arrival"]

_POLL_S = 0.2
_TIMEOUT_S = 10.0


class Arrival:
    """``patience_s``: how long nothing may get on before waiting is given up. ``told`` gets the state in a few words."""

    def __init__(
        self, settings: Settings, addresses: Addresses, *, patience_s: float, told: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._addresses = addresses
        self._patience_s = patience_s
        self._told = told
        prefix = settings.kafka.topic_prefix
        self._workers = prefix + settings.worker.group
        self._sinks = prefix + settings.sink.group
        self._tables = [topic.name for topic in EVENT_TOPICS if topic.name in settings.sink.topics]
        self._events = {table: prefix + table for table in self._tables}
        self._config = client_config(settings.kafka, addresses.kafka)

    def wait(self, replayed: Replayed) -> dict[str, Any]:
        """Return the counts when all is there; raises :class:`UnavailableError` that says what is behind."""
        try:
            self._wait_for_workers(replayed)
            ends = self._ends(replayed.partition)
            self._wait_for_sinks(ends)
        except KafkaException as error:
            raise UnavailableError(
                f"Kafka does not tell how far the events are: {error.args[0].str()}."
            ) from error
        try:
            return self._count(replayed)
        except ClickHouseError as error:
            raise RefusedError(
                f"ClickHouse does not count the rows: {str(error).splitlines()[0]}."
            ) from error

    def _wait_for_workers(self, replayed: Replayed) -> None:
        place = TopicPartition(replayed.topic, replayed.partition)
        with _reader(self._config, self._workers) as reader:

            def left() -> int:
                [committed] = reader.committed([place], timeout=_TIMEOUT_S)
                return max(0, replayed.last + 1 - _processed(committed))

            self._wait(left, "worker", self._workers, replayed.topic)

    def _wait_for_sinks(self, ends: Mapping[str, tuple[int, int]]) -> None:
        with _reader(self._config, self._sinks) as reader:
            for topic, (partition, end) in ends.items():
                place = TopicPartition(topic, partition)

                def left(place: TopicPartition = place, end: int = end) -> int:
                    [committed] = reader.committed([place], timeout=_TIMEOUT_S)
                    return max(0, end - max(0, committed.offset))

                self._wait(left, "sink", self._sinks, topic)

    def _wait(self, left: Callable[[], int], who: str, group: str, topic: str) -> None:
        least, progress_s = left(), time.monotonic()
        count = least
        while count:
            self._told(f"{count:,} records of {topic} left for the {who}")
            if time.monotonic() - progress_s > self._patience_s:
                raise UnavailableError(
                    f"{count} records of {topic} are not processed by a {who}, and for {self._patience_s:.0f} s none was:"
                    f" {self._members(group)}.",
                    hint=f"Start one with 'bookmill {who}', or see its log.",
                )
            time.sleep(_POLL_S)
            count = left()
            if count < least:
                least, progress_s = count, time.monotonic()

    def _members(self, group: str) -> str:
        admin = AdminClient(self._config)  # it has to live until its answer is there
        members = len(admin.describe_consumer_groups([group])[group].result(timeout=_TIMEOUT_S).members)
        return f"group {group} has {members or 'no'} member{'' if members == 1 else 's'}"

    def _ends(self, partition: int) -> dict[str, tuple[int, int]]:
        with _reader(self._config, self._sinks) as reader:
            ends = {}
            for topic in self._events.values():
                place = TopicPartition(topic, partition)
                low, high = reader.get_watermark_offsets(place, timeout=_TIMEOUT_S)
                if high > low:
                    ends[topic] = (partition, high)
            return ends

    def _count(self, replayed: Replayed) -> dict[str, Any]:
        client = _clickhouse(self._settings.clickhouse, self._addresses.clickhouse)
        try:
            counts = replayed.counts()
            for table in self._tables:
                groups = self._grouped(client, table, replayed)
                counts[table] = sum(groups.values())
                if table == "spreads":
                    counts |= {f"spreads_{origin}": groups.get(origin, 0) for origin in ("book", "ticker")}
            return counts
        finally:
            client.close()

    def _grouped(self, client: Client, table: str, replayed: Replayed) -> dict[str, int]:
        group = "origin" if table == "spreads" else "''"
        rows = client.query(
            f"SELECT {group} AS part, count() FROM {{database:Identifier}}.{{table:Identifier}}"  # noqa: S608  constants
            " WHERE source_topic = {topic:String} AND source_partition = {partition:UInt32}"
            " AND source_offset BETWEEN {first:UInt64} AND {last:UInt64} GROUP BY part",
            parameters={
                "database": self._settings.clickhouse.database,
                "table": table,
                "topic": replayed.topic,
                "partition": replayed.partition,
                "first": replayed.first,
                "last": replayed.last,
            },
        ).result_rows
        return {str(part): int(count) for part, count in rows}


def _processed(committed: TopicPartition) -> int:
    """How far the workers are: what they say beside the offset, else the offset itself."""
    try:
        said = json.loads((committed.metadata or "").partition("\0")[0])
        return max(int(said["processed"]), committed.offset)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return max(0, committed.offset)


class _reader:  # noqa: N801  used as a function
    """A consumer that joins no group: it only asks what a group has committed."""

    def __init__(self, config: dict[str, Any], group: str) -> None:
        self._consumer = Consumer({**config, "group.id": group, "enable.auto.commit": False})

    def __enter__(self) -> Consumer:
        return self._consumer

    def __exit__(self, *_: object) -> None:
        self._consumer.close()


def _clickhouse(settings: ClickHouseSettings, url: str) -> Client:
    parts = urlsplit(url)
    return clickhouse_connect.get_client(
        host=parts.hostname or url,
        port=parts.port or (8443 if parts.scheme == "https" else 8123),
        interface="https" if parts.scheme == "https" else "http",
        username=settings.username,
        password=settings.password.get_secret_value() if settings.password else "",
        autogenerate_session_id=False,
    )
