"""Event topics as anybody reads them: with a stock consumer and the registry's own deserializer."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from bookmill.kafka import client_config
from bookmill.settings import Settings

__all__ = ["events"]


def events(settings: Settings, topic: str) -> list[dict[str, Any]]:
    """All events of a topic, as a stock consumer reads them."""
    name = settings.kafka.topic_prefix + topic
    consumer = Consumer(
        {
            **client_config(settings.kafka, settings.kafka.bootstrap_servers or ""),
            "group.id": "test",
            "enable.auto.commit": False,
        }
    )
    try:
        partitions = [TopicPartition(name, number, 0) for number in range(settings.kafka.partitions)]
        count = sum(consumer.get_watermark_offsets(each, timeout=10)[1] for each in partitions)
        consumer.assign(partitions)
        found: list[Message] = []
        while len(found) < count:
            found += consumer.consume(1000, timeout=1)
    finally:
        consumer.close()
    with SchemaRegistryClient({"url": settings.registry.url, "timeout": 10}) as registry:
        deserialize = AvroDeserializer(registry)
        context = SerializationContext(name, MessageField.VALUE)
        return [deserialize(message.value(), context) for message in found]  # type: ignore[misc]
