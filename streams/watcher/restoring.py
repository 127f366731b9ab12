"""Taking partitions over: where they are committed, what ``tops`` says up to there, and what alert rules had seen.

All of one assignment is read by one consumer, in a thread, while the group's own work goes on. And, before a group ever runs, where
it shall begin.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from faust.types import TP

from bookmill.errors import UnavailableError
from bookmill.kafka import READ_AHEAD, patiently
from bookmill.kafka_watch import KnownBrokers
from streams import ranges
from streams.watcher.judging import Packed, unpack

__all__ = ["Restored", "begin", "restore"]

_log = structlog.get_logger(__name__)

_TIMEOUT_S = 30.0
_MOVING_GROUP = frozenset(
    {
        KafkaError.NON_EMPTY_GROUP,
        KafkaError.UNKNOWN_MEMBER_ID,
    }
)


@dataclass
class Restored:
    """What was found. ``committed``: offset and text; ``ends``: where the partitions ended then; ``tops``: records of each partition;
    ``packed``: by partition and topic."""

    committed: dict[TP, tuple[int, str]] = field(default_factory=dict)
    ends: dict[TP, int] = field(default_factory=dict)
    tops: dict[TP, list[Message]] = field(default_factory=dict)
    packed: dict[tuple[int, str], Packed] = field(default_factory=dict)
    refused: int = 0


def begin(
    config: Mapping[str, Any], group: str, topics: Collection[str], *, at_end: Collection[str], begin_s: float
) -> None:
    """Say where a group begins that has never run: with what was stored within ``begin_s`` before, of ``at_end`` behind all there is.

    What has been said already stands. Raises :class:`UnavailableError`.
    """
    consumer, admin = _consumer(config, group), AdminClient(dict(config))
    try:
        tps = [
            TP(topic, partition)
            for topic in topics
            for partition in consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions
        ]
        since_ms = time.time_ns() // 1_000_000 - int(begin_s * 1000)
        # Another watcher that starts beside us may say it first, and join.
        patiently(lambda: _say(consumer, admin, group, tps, set(at_end), since_ms), also=_MOVING_GROUP)
    except KafkaException as error:
        raise UnavailableError(
            f"Where the group {group} begins cannot be said: {error.args[0].str()}."
        ) from error
    finally:
        consumer.close()


def _say(
    consumer: Consumer,
    admin: AdminClient,
    group: str,
    tps: Sequence[TP],
    at_end: AbstractSet[str],
    since_ms: int,
) -> None:
    unsaid = [tp for tp, (offset, _) in _committed(consumer, tps).items() if offset < 0]
    if not unsaid:
        return
    ends = ranges.offsets(consumer, unsaid, OFFSET_END)
    found = ranges.offsets(consumer, [tp for tp in unsaid if tp.topic not in at_end], since_ms)
    starts = {tp: at if at >= 0 else ends[tp] for tp, at in (ends | found).items()}
    places = [TopicPartition(tp.topic, tp.partition, at) for tp, at in starts.items()]
    [answer] = admin.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, places)], request_timeout=_TIMEOUT_S
    ).values()
    for place in answer.result(_TIMEOUT_S).topic_partitions:
        if place.error is not None:
            raise KafkaException(place.error)


def restore(
    config: Mapping[str, Any],
    group: str,
    tps: Collection[TP],
    *,
    tops: str,
    checkpoints: str,
    incarnations: Mapping[str, str],
) -> Restored:
    """What is to be known before the partitions ``tps`` are processed. Blocks: run it in a thread. Raises :class:`UnavailableError`.

    ``tops`` and ``checkpoints``: these topics, with prefix; ``incarnations``: Kafka's ids of the topics rules are held against.
    """
    found = Restored()
    brokers = KnownBrokers()
    consumer = _consumer({**config, **brokers.config}, group)
    try:
        found.committed = patiently(lambda: _committed(consumer, tps), also=_MOVING_GROUP)
        found.ends = ranges.offsets(consumer, list(tps), OFFSET_END)
        of_tops = [tp for tp in tps if tp.topic == tops]
        places = [*of_tops, *(TP(checkpoints, each) for each in sorted({tp.partition for tp in tps}))]
        begins = ranges.offsets(consumer, places, OFFSET_BEGINNING)
        ends = ranges.offsets(consumer, places, OFFSET_END)
        ends |= {tp: min(found.committed[tp][0], ends[tp]) for tp in of_tops}
        found.tops = {tp: [] for tp in of_tops}
        for record in ranges.records(consumer, begins, ends, brokers=brokers):
            tp = TP(record.topic() or "", record.partition() or 0)
            if tp.topic == tops:
                found.tops[tp].append(record)
            else:
                _take(found, record, incarnations)
    except KafkaException as error:
        raise UnavailableError(f"What partitions stand at cannot be read: {error}.") from error
    finally:
        consumer.close()
    return found


def _take(found: Restored, record: Message, incarnations: Mapping[str, str]) -> None:
    key, value = record.key(), record.value()
    topic = key.decode("utf-8", "replace") if isinstance(key, bytes) else ""
    place = (record.partition() or 0, topic)
    found.packed.pop(place, None)
    if value is None:
        return
    try:
        packed = unpack(value)
    except ValueError as error:
        found.refused += 1
        _log.warning("what alert rules had seen cannot be used", topic=topic, reason=str(error))
        return
    if packed.incarnation == incarnations.get(
        topic, ""
    ):  # else it is of a topic that was deleted and made anew
        found.packed[place] = packed


def _consumer(config: Mapping[str, Any], group: str) -> Consumer:
    return Consumer({**config, **READ_AHEAD, "group.id": group, "enable.auto.commit": False})


def _committed(consumer: Consumer, tps: Collection[TP]) -> dict[TP, tuple[int, str]]:
    """By partition; an offset below 0 where none is."""
    answers = consumer.committed([TopicPartition(tp.topic, tp.partition) for tp in tps], timeout=_TIMEOUT_S)
    for each in answers:
        if each.error is not None:
            raise KafkaException(each.error)
    return {TP(each.topic, each.partition): (each.offset, each.metadata or "") for each in answers}
