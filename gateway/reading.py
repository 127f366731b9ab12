"""Which topics the gateway reads, and how far back it looks when it starts: so far that what is true now has been told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bookmill.errors import UnavailableError
from schemas.catalogue import (
    BOOK_SNAPSHOTS,
    CONTROL_SUBSCRIPTIONS,
    DERIVATIVES,
    GAPS,
    INSTRUMENTS,
    KLINES,
    LIQUIDATIONS,
    SPREADS,
    TICKERS,
    TRADES,
    Topic,
)

__all__ = ["READ", "Look", "Places", "high_marks", "places"]

_TIMEOUT_S = 10.0
_MOST_BACK = 50_000
"""Records of one partition of one topic that are read again at the most, however much was written in the time."""

Places = dict[tuple[str, int], int]
"""Offset by topic (with prefix) and partition."""


@dataclass(frozen=True)
class Look:
    """How far back a topic is read; ``seconds`` None: from its beginning, as far as it was kept."""

    topic: Topic
    seconds: int | None


READ: Sequence[Look] = (
    # What the exchanges have and what shall be collected: compacted, so all of it.
    Look(INSTRUMENTS, None),
    Look(CONTROL_SUBSCRIPTIONS, None),
    # A gap is open until it is told closed. There are few.
    Look(GAPS, None),
    # These come once in a while.
    Look(TICKERS, 600),
    Look(KLINES, 600),
    Look(DERIVATIVES, 600),
    Look(LIQUIDATIONS, 600),
    # Each second of a live book has a snapshot; what was traded lately is wanted too.
    Look(SPREADS, 120),
    Look(BOOK_SNAPSHOTS, 60),
    Look(TRADES, 120),
)


def places(consumer: Consumer, look: Look, prefix: str, now_ms: int, known: Places) -> tuple[Places, Places]:
    """Where to begin in each partition that is not ``known``, and where each ends now.

    Raises :class:`UnavailableError` when Kafka does not say it.
    """
    name = prefix + look.topic.name
    try:
        described = consumer.list_topics(name, timeout=_TIMEOUT_S).topics[name]
        numbers = [] if described.error else [each for each in described.partitions if (name, each) not in known]
        ends: Places = {}
        begins: Places = {}
        for number in numbers:
            low, high = consumer.get_watermark_offsets(TopicPartition(name, number), timeout=_TIMEOUT_S)
            ends[name, number] = high
            begins[name, number] = low if look.topic.cleanup == "compact" else max(low, high - _MOST_BACK)
        if numbers and look.seconds is not None:
            since_ms = max(0, now_ms - look.seconds * 1000)
            asked = [TopicPartition(name, number, since_ms) for number in numbers]
            for found in consumer.offsets_for_times(asked, timeout=_TIMEOUT_S):
                if found.error:
                    raise KafkaException(found.error)
                place = (name, found.partition)
                # Negative: nothing was written since then.
                at = found.offset if found.offset >= 0 else ends[place]
                begins[place] = max(begins[place], at)
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not say where {name} stands: {error.args[0].str()}.") from error
    return begins, ends


def high_marks(consumer: Any, partitions: Places) -> Places:
    """Where each partition ends, as the library has last heard; without asking anybody."""
    return {
        (name, number): high
        for name, number in partitions
        for _, high in [consumer.get_watermark_offsets(TopicPartition(name, number), cached=True)]
        if high >= 0
    }
