"""What of the raw topics can be checked now: from the first record there is up to what the workers have said is done."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from audit.committed import committed
from bookmill.addresses import Addresses
from bookmill.errors import ConfigurationError, RefusedError, UnavailableError
from bookmill.kafka import client_config, require_reachable
from bookmill.settings import Settings
from schemas.catalogue import raw

__all__ = ["Market", "Span", "find_spans", "markets_of", "processed"]

_TIMEOUT_S = 30.0
_SLACK_MS = 5000
"""A producer's frames reach the partitions of a topic within less than this of each other."""

Market = tuple[str, str]
"""Exchange and market."""


@dataclass(frozen=True)
class Span:
    """Records ``first`` to ``end`` (not included) of one raw partition, whose events are all in their topics.

    ``whole``: nothing was before ``first``, so what is made of it needs nothing else. Frame counters of connections are complete
    in all partitions of the topic for records written from ``since_ms`` to ``until_ms`` (Unix time).
    """

    exchange: str
    market: str
    topic: str
    partition: int
    first: int
    end: int
    since_ms: int = 0
    until_ms: int = 1 << 62

    @property
    def whole(self) -> bool:
        """Whether it begins where the topic begins."""
        return self.first == 0

    @property
    def records(self) -> int:
        """Offsets in it."""
        return max(0, self.end - self.first)


def markets_of(settings: Settings, exchange: str | None, market: str | None) -> list[Market]:
    """The enabled markets of the settings, or those of them that are named; raises :class:`ConfigurationError` where none is."""
    enabled = [
        (name, each)
        for name, markets in settings.exchanges.items()
        for each, chosen in markets.items()
        if chosen.enabled
    ]
    found = [(name, each) for name, each in enabled if exchange in {None, name} and market in {None, each}]
    if not found:
        raise ConfigurationError(
            f"The settings have no market '{exchange or '*'}.{market or '*'}'.",
            hint=f"They have {', '.join(f'{name}.{each}' for name, each in enabled) or 'none'}.",
        )
    return found


def processed(offset: int, metadata: str | None) -> int:
    """Up to which raw offset a worker's events are stored, from what it committed; 0 where none has committed."""
    try:
        return max(0, int(json.loads(metadata or "")["processed"]))
    except (ValueError, KeyError, TypeError):
        return max(0, offset)


def find_spans(
    settings: Settings, addresses: Addresses, markets: Iterable[Market], since_ms: int | None
) -> list[Span]:
    """One span for each partition of the markets' raw topics; ``since_ms`` leaves out what was written before.

    Raises :class:`UnavailableError` when Kafka does not answer, :class:`RefusedError` when there is no such topic, or one that was
    made anew since the workers read it.
    """
    require_reachable(settings.kafka, addresses.kafka)
    prefix = settings.kafka.topic_prefix
    consumer = Consumer(
        {
            **client_config(settings.kafka, addresses.kafka),
            "group.id": prefix + settings.worker.group,  # it is asked, never joined
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        existing = consumer.list_topics(timeout=_TIMEOUT_S).topics
        wanted = [
            (exchange, market, topic, len(existing[topic].partitions))
            for exchange, market in markets
            if (topic := prefix + raw(exchange, market).name) in existing
        ]
        if not wanted:
            raise RefusedError(
                "There is no raw topic of these markets.",
                hint="Is kafka.topic_prefix right? For a demo's set BOOKMILL_KAFKA__TOPIC_PREFIX=demo. (with the dot).",
            )
        return [
            span
            for exchange, market, topic, partitions in wanted
            for span in _spans(consumer, exchange, market, topic, partitions, since_ms)
        ]
    except KafkaException as error:
        raise UnavailableError(
            f"Kafka does not tell where the raw topics stand: {error.args[0].str()}."
        ) from error
    finally:
        consumer.close()


def _spans(
    consumer: Consumer, exchange: str, market: str, topic: str, partitions: int, since_ms: int | None
) -> Sequence[Span]:
    places = [TopicPartition(topic, number) for number in range(partitions)]
    firsts = [0] * partitions
    if since_ms is not None:
        asked = [TopicPartition(topic, number, since_ms) for number in range(partitions)]
        firsts = [each.offset for each in consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)]
    positions = committed(consumer, places)
    now_ms = int(time.time() * 1000)
    since, until = 0, now_ms
    found: list[tuple[int, int, int]] = []
    for place, wanted, done in zip(places, firsts, positions, strict=True):
        low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S)
        end = processed(done.offset, done.metadata)
        if end > high:
            raise RefusedError(
                f"{topic}/{place.partition} ends at {high}, but workers have read it up to {end}: it was made anew since.",
                hint="What stands in ClickHouse comes from records that are gone; let the workers catch up, or use another kafka.topic_prefix.",
            )
        first = max(low, high if wanted < 0 else wanted)
        found.append((place.partition, min(first, end), end))
        if 0 < first < high:
            since = max(since, _written_ms(consumer, topic, place.partition, first))
        elif first > 0:  # nothing is left of it: since when, only the caller may know
            since = max(since, now_ms if since_ms is None else since_ms)
        if end < high:
            until = min(until, _written_ms(consumer, topic, place.partition, max(low, end)))
    edges = {"since_ms": since + _SLACK_MS if since else 0, "until_ms": until - _SLACK_MS}
    return [
        Span(exchange, market, topic, number, first, max(first, end), **edges) for number, first, end in found
    ]


def _written_ms(consumer: Consumer, topic: str, partition: int, offset: int) -> int:
    """When the record at ``offset`` was written, Unix time; the offset must be there."""
    consumer.assign([TopicPartition(topic, partition, offset)])
    deadline_s = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline_s:
        for message in consumer.consume(1, 1.0):
            problem: Any = message.error()
            if problem is not None:
                raise KafkaException(problem)
            return int(message.timestamp()[1])
    raise UnavailableError(f"Kafka does not send the record {topic}/{partition} at {offset}.")
