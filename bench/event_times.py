"""How long an event takes from the broker to whoever has subscribed to it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from bench.stage import Stage
from schemas.catalogue import TRADES
from schemas.decoding import Decoder
from schemas.registry import client as registry_client

__all__ = ["ends", "event_times_ms"]


def ends(stage: Stage, prefix: str) -> list[TopicPartition]:
    """Where the topic of trades ends now."""
    consumer = _consumer(stage)
    try:
        topic = prefix + TRADES.name
        return [
            TopicPartition(topic, number, consumer.get_watermark_offsets(TopicPartition(topic, number))[1])
            for number in consumer.list_topics(topic).topics[topic].partitions
        ]
    finally:
        consumer.close()


def event_times_ms(
    stage: Stage, marks: Sequence[TopicPartition], seen: Sequence[Sequence[Any]]
) -> list[float]:
    """How long after its record was appended each trade was at each client, sorted."""
    appended: dict[tuple[str, str], int] = {}
    registry = stage.addresses.registry
    decoder = Decoder(registry_client(stage.settings.registry, registry), registry)
    consumer = _consumer(stage)
    consumer.assign(list(marks))
    ended_ms = time.time_ns() // 1_000_000
    try:
        # Trades go on and on: what was appended when nobody listened any more is of no interest.
        while messages := consumer.consume(5000, timeout=2.0):
            if min(message.timestamp()[1] for message in messages) > ended_ms:
                break
            for message in messages:
                value = message.value()
                if message.error() is None and value is not None:
                    event = decoder.decode(TRADES, value)
                    key = (message.key() or b"").decode(), event["trade_id"]
                    appended.setdefault(key, message.timestamp()[1])
    finally:
        consumer.close()
    return sorted(
        came_us / 1000 - appended[instrument, trade_id]
        for instrument, trade_id, came_us in seen
        if (instrument, trade_id) in appended
    )


def _consumer(stage: Stage) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": stage.addresses.kafka,
            "group.id": "bookmill-bench",
            "enable.auto.commit": False,
        }
    )
