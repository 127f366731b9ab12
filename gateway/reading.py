"""Which topics the gateway reads, and how far back it looks when it starts: so far that what is true now has been told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from bookmill.errors import UnavailableError
from schemas.catalogue import (
    ALERTS,
    BOOK_SNAPSHOTS,
    BOOK_UPDATES,
    CONSOLIDATED,
    CONTROL_ALERTS,
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
    # What the exchanges have, what shall be collected and watched: compacted, so all of it.
    Look(INSTRUMENTS, None),
    Look(CONTROL_SUBSCRIPTIONS, None),
    Look(CONTROL_ALERTS, None),
    # A gap is open until it is told closed. There are few: as far back as they are kept.
    Look(GAPS, 7 * 86_400),
    # These come once in a while.
    Look(TICKERS, 600),
    Look(KLINES, 600),
    Look(DERIVATIVES, 600),
    Look(LIQUIDATIONS, 600),
    # Each second of a live book has a snapshot, half a minute of it an image; what was traded lately is wanted too.
    Look(SPREADS, 120),
    Look(BOOK_UPDATES, 120),
    Look(BOOK_SNAPSHOTS, 60),
    Look(TRADES, 120),
    # Said again when they change; alerts are few.
    Look(CONSOLIDATED, 600),
    Look(ALERTS, 86_400),
)


def places(consumer: Consumer, look: Look, prefix: str, now_ms: int, known: Places) -> tuple[Places, Places]:
    """Where to begin in each partition that is not ``known``, and where each ends now.

    Raises :class:`UnavailableError` when Kafka does not say it.
    """
    name = prefix + look.topic.name
    try:
        described = consumer.list_topics(name, timeout=_TIMEOUT_S).topics[name]
        if described.error:
            return {}, {}  # it is not there yet
        begins: Places = {}
        ends: Places = {}
        for number in described.partitions:
            place = (name, number)
            if place not in known:
                low, ends[place] = consumer.get_watermark_offsets(
                    TopicPartition(name, number), timeout=_TIMEOUT_S
                )
                begins[place] = low if look.seconds is None else max(low, ends[place] - _MOST_BACK)
        if begins and look.seconds is not None:
            since_ms = max(0, now_ms - look.seconds * 1000)
            for place, offset in _first_since(consumer, list(begins), since_ms).items():
                # Negative: nothing was written since then.
                begins[place] = max(begins[place], offset if offset >= 0 else ends[place])
    except KafkaException as error:
        raise UnavailableError(f"Kafka does not say where {name} stands: {error.args[0].str()}.") from error
    return begins, ends


def _first_since(consumer: Consumer, partitions: Sequence[tuple[str, int]], since_ms: int) -> Places:
    asked = [TopicPartition(name, number, since_ms) for name, number in partitions]
    found = consumer.offsets_for_times(asked, timeout=_TIMEOUT_S)
    failed = next((each.error for each in found if each.error), None)
    if failed is not None:
        raise KafkaException(failed)
    return {(each.topic, each.partition): each.offset for each in found}


def high_marks(consumer: Any, partitions: Places) -> Places:
    """Where each partition ends, as the library has last heard; without asking anybody."""
    return {
        (name, number): high
        for name, number in partitions
        for _, high in [consumer.get_watermark_offsets(TopicPartition(name, number), cached=True)]
        if high >= 0
    }
